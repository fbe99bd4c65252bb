"""Cards of data sets: what is in a repository of sets, from whom, and on what terms."""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import DatasetCardData

from .card_metadata import PIPELINES, find_faults
from .cards import render_page
from .data.publication import Candidate
from .errors import DataError

_TEMPLATE = Path(__file__).parent / "data" / "sets.md"
_CATEGORIES = {**PIPELINES, "corpus": PIPELINES["fill-mask"]}
_LAYOUT = {
    "ner": "`text` and `entities` (each with `start`, `end`, `label`), or `tokens` and `ner_tags`",
    "relation": "`text`, `head` and `tail` (each with `start`, `end`, `type`), `label`",
    "nli": "`premise`, `hypothesis`, `label`",
    "classification": "`text`, and `label` or, where a row may have several, `labels`",
    "corpus": "`text`",
}


def make_dataset_card(sets: Sequence[Candidate], repo_id: str) -> str:
    """Return the README of a repository of sets: the same to the byte for the same sets.

    Args:
        sets: The sets, all of which may be passed on.
        repo_id: The repository.

    Raises:
        NlpieError: jinja2 is not installed, or the Hub would refuse the metadata.
    """
    tasks = dict.fromkeys(each.known.task for each in sets if each.known)
    metadata = DatasetCardData(
        language="en",
        license=sorted({each.known.release.licence for each in sets if each.known and each.known.release}),
        task_categories=sorted({_CATEGORIES[task] for task in tasks}),
        tags=["clinical", "medical"],
        configs=[
            {
                "config_name": each.name,
                "data_files": [
                    {"split": split, "path": f"{each.name}/{path.name}"} for split, path in each.splits.items()
                ],
            }
            for each in sets
        ],
    )
    if faults := list(find_faults(metadata.to_dict(), needed=("license", "language"))):
        raise DataError(f"the card of {repo_id} has metadata that the Hub would not take: {'; '.join(faults)}")
    return render_page(
        _TEMPLATE.read_text(encoding="utf-8"),
        metadata=metadata.to_yaml(line_break="\n"),
        title=repo_id.rpartition("/")[2],
        repo_id=repo_id,
        sets=sets,
        layout={task: _LAYOUT[task] for task in sorted(tasks)},
    )
