"""MIMIC-IV-Note (Johnson et al., 2023, https://doi.org/10.13026/1n74-ne17): discharge.csv[.gz], radiology.csv[.gz].

Columns note_id, subject_id, hadm_id, note_type, note_seq, charttime, storetime, text. Kinds of notes are DS and AD
(discharge summaries and addenda), RR and AR (radiology reports and addenda).
"""

import re

from ._corpus import Corpus
from ._mimic import NoteTable, fits

_TABLE = NoteTable("note_id", "subject_id", "text", "note_type", None, re.compile(r"\d+-[A-Z]{2}-\d+"))

CORPUS = Corpus(
    "mimic-iv-note",
    "MIMIC-IV-Note: discharge, radiology",
    "discharge.csv[.gz] or radiology.csv[.gz]",
    fits("discharge", "radiology"),
    _TABLE.read,
    ("AD", "AR", "DS", "RR"),
)
