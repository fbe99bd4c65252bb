"""Readers: from files in the formats that people have to documents and examples."""
