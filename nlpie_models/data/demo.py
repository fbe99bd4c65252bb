"""The example texts that ship in the package; where they come from is in ``bundled/demo/notes/LICENCE.md``."""

from pathlib import Path

DEMO_FOLDER = Path(__file__).parents[1] / "bundled" / "demo"
DEMO_NOTES = DEMO_FOLDER / "notes"
"""Six whole clinical notes, one a text file."""
