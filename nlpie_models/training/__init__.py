"""Assembling and running trainings: examples, arguments, the Trainer, what is kept."""
