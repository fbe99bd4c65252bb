"""A checkpoint tried in a fresh process: by ``load_clinical``, and by transformers' own classes.

Run as a module, this file is that process.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .evaluation.fresh_process import call_fresh

_DIGITS = 4
_TEXT = "She was given aspirin for [MASK] pneumonia. An MRI of the chest was normal."
_SAMPLE: Mapping[str, Any] = {
    "text": _TEXT,
    "premise": _TEXT,
    "hypothesis": "She has pneumonia.",
    "head": {"start": 14, "end": 21, "type": "treatment"},
    "tail": {"start": 33, "end": 42, "type": "problem"},
}


@dataclass(frozen=True)
class Smoke:
    """What a fresh process made of a checkpoint folder.

    Attributes:
        answers: By task, the annotation of a sentence that is the same for all, scores rounded.
        auto_class: transformers' Auto class that loaded it.
        loading: What that class complained about: tensors missing, unexpected or misshapen. A masked language model
            may carry a pooler.
        same_tokens: Whether transformers' tokenizer and ours cut the sentence into the same pieces.
    """

    answers: dict[str, Any]
    auto_class: str
    loading: tuple[str, ...]
    same_tokens: bool


def try_folder(folder: Path, tasks: Sequence[str]) -> Smoke:
    """Load a folder in a fresh process without a network, and annotate for each task.

    Raises:
        NlpieError: It cannot be loaded; the process's own words.
    """
    said = call_fresh(
        __name__, {"folder": str(folder.absolute()), "tasks": list(tasks)}, "load and annotate", HF_HUB_OFFLINE="1"
    )
    found = json.loads(said.splitlines()[-1])
    return Smoke(**{**found, "loading": tuple(found["loading"])})


def _try(folder: str, tasks: list[str]) -> dict[str, Any]:
    import transformers

    from .checkpoint_files import MASKED_LM, LocalCheckpoint, is_pooler, load_tokenizer
    from .pipelines import load_clinical
    from .tasks import get_task

    answers = {}
    for task in map(get_task, tasks):
        sample = {name: _SAMPLE[name] for name in (*task.inputs, *task.more_inputs) if name in _SAMPLE}
        answers[task.name] = _rounded(load_clinical(folder, task.name, device="cpu")([sample])[0].to_dict())
    checkpoint = LocalCheckpoint(Path(folder))
    auto_class = getattr(transformers, checkpoint.auto_class)
    _, info = auto_class.from_pretrained(folder, output_loading_info=True, trust_remote_code=False)
    theirs = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    keys = ("missing_keys", "unexpected_keys", "mismatched_keys")
    if checkpoint.auto_class == MASKED_LM:
        info["unexpected_keys"] = [key for key in info["unexpected_keys"] if not is_pooler(key)]
    return {
        "answers": answers,
        "auto_class": checkpoint.auto_class,
        "loading": sorted(f"{key.partition('_')[0]} {each}" for key in keys for each in info[key]),
        "same_tokens": theirs(_TEXT)["input_ids"] == load_tokenizer(checkpoint)(_TEXT)["input_ids"],
    }


def _rounded(value: Any) -> Any:
    """Return a JSON-ready value with its floats rounded."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_try(**json.load(sys.stdin))) + "\n")
