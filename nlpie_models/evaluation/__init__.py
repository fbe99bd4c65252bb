"""Measuring checkpoints: scores, and results files that say how each number came about."""
