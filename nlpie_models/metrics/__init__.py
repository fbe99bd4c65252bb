"""Scores of predictions: counts, calibration, the sub-word protocol, and adapters for ``evaluate``."""
