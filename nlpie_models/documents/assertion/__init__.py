"""Assertion: which entities a note denies, doubts, or tells of the past, of a relative or of a condition; by rules."""
