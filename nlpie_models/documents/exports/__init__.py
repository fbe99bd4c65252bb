"""Annotations in the forms that other tools read: one table, ``files.EXPORTS``, and a module a form."""
