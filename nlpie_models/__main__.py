"""``python -m nlpie_models`` is ``nlpie``."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="nlpie")
