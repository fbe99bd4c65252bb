"""MIMIC-III notes (Johnson et al., 2016, https://doi.org/10.1038/sdata.2016.35): NOTEEVENTS.csv[.gz].

Columns ROW_ID, SUBJECT_ID, HADM_ID, CHARTDATE, CHARTTIME, STORETIME, CATEGORY, DESCRIPTION, CGID, ISERROR, TEXT. Notes
that a clinician has marked as written in error are left out, and counted.
"""

import re

from ._corpus import Corpus
from ._mimic import NoteTable, fits

_CATEGORIES = (
    "Case Management",
    "Consult",
    "Discharge summary",
    "ECG",
    "Echo",
    "General",
    "Nursing",
    "Nursing/other",
    "Nutrition",
    "Pharmacy",
    "Physician",
    "Radiology",
    "Rehab Services",
    "Respiratory",
    "Social Work",
)
_TABLE = NoteTable("row_id", "subject_id", "text", "category", "iserror", re.compile(r"\d+"))

CORPUS = Corpus(
    "mimic-iii", "MIMIC-III: NOTEEVENTS", "NOTEEVENTS.csv[.gz]", fits("noteevents"), _TABLE.read, _CATEGORIES
)
