"""Annotate files into files, at any length: a journal that survives a kill, and the run that keeps it."""
