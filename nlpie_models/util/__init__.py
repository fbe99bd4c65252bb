"""Helpers that know nothing of models or notes: files, TOML, tables of modules, processes."""
