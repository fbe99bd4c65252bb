"""Readers of the files that people have: notes and corpora as documents, labelled data as rows."""
