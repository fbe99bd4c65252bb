"""n2c2 2018 track 2, drugs and adverse events (Henry et al., 2020, https://doi.org/10.1093/jamia/ocz166).

Read from ``training_20180910`` and ``gold-standard-test-data``, or from folders ``train`` and ``test``: BRAT standoff
(see :mod:`.brat`). The head of a relation is the attribute (such as Dosage, Reason, ADE), the tail the Drug.
"""

from ._format import OFFICIAL, Format, LabelledSource, PreparedSet
from .brat import read_brat

_LABELS = {"Drug", "Strength", "Form", "Dosage", "Frequency", "Route", "Duration", "Reason", "ADE"}


def _read(source: LabelledSource) -> list[PreparedSet]:
    return read_brat(source, "n2c2-2018", _LABELS, origin=OFFICIAL)


FORMAT = Format("n2c2-2018", "n2c2 2018: drugs, their attributes and adverse events (BRAT)", _read)
