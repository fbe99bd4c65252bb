"""MedNLI (Romanov and Shivade, 2018, https://physionet.org/content/mednli): inference between clinical sentences.

Read from ``mli_train_v1.jsonl``, ``mli_dev_v1.jsonl`` and ``mli_test_v1.jsonl``, whose lines have sentence1,
sentence2 and gold_label. A premise has several hypotheses: if the dev file is missing, the held-out
validation split is one of premises.
"""

from collections import Counter

from ...errors import DataError
from ..rows import LabelledRow
from ._files import find_by_split, read_objects
from ._format import OFFICIAL, DocumentRows, Format, LabelledSource, PreparedSet, assemble

_LABELS = ("entailment", "neutral", "contradiction")
_NO_LABEL = "-"


def _read(source: LabelledSource) -> list[PreparedSet]:
    documents: dict[str, list[DocumentRows]] = {}
    dropped: Counter[str] = Counter()
    for split, paths in find_by_split(source, {".jsonl", ".jsonl.gz"}).items():
        number = 0
        for path in source.progress(paths):
            for where, row in read_objects(path, source.notes):
                premise, hypothesis, label = (
                    _take(row, name, where) for name in ("sentence1", "sentence2", "gold_label")
                )
                if label == _NO_LABEL:
                    dropped["pairs without a gold label"] += 1
                    continue
                if label not in _LABELS:
                    raise DataError(f"{where}: expected gold_label to be one of {', '.join(_LABELS)}")
                prepared = {
                    "id": str(row.get("pairID") or f"{split}-{number}"),
                    "premise": premise,
                    "hypothesis": hypothesis,
                    "label": label,
                }
                documents.setdefault(split, []).append(DocumentRows(premise, [prepared]))
                number += 1
    return [assemble(source, "mednli", "nli", documents, dropped, origin=OFFICIAL, unit="premises")]


def _take(row: LabelledRow, name: str, where: str) -> str:
    if not isinstance(row.get(name), str) or not row[name].strip():
        raise DataError(f"{where}: expected a text under {name!r}")
    return row[name]


FORMAT = Format("mednli", "MedNLI: inference between clinical sentences (JSON lines)", _read)
