"""From a name or a folder to verified files, and from these to a model and a tokenizer; knows no task."""
