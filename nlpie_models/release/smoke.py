"""The trial of a checkpoint in a fresh process, by ``load_clinical`` and by the classes of transformers.

Run as a module, this file is that process.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..util.process import call_fresh

_DIGITS = 4
_TEXT = "She was given aspirin for [MASK] pneumonia. An MRI of the chest was normal."


@dataclass(frozen=True)
class Smoke:
    """What a fresh process made of a checkpoint folder.

    Attributes:
        answers: By task, the annotation of the sample of the task, as JSON, scores rounded.
        auto_class: The Auto class of transformers that loaded it.
        loading: Tensors that this class found missing, unexpected or misshapen; not the pooler that a masked language
            model may hold.
        same_tokens: Whether the tokenizers of transformers and of this package cut a sentence alike.
        graph_difference: By how much an output of the folder's graphs differs from that of its model at most; None if
            it has no graphs.
    """

    answers: dict[str, Any]
    auto_class: str
    loading: tuple[str, ...]
    same_tokens: bool
    graph_difference: float | None = None


def try_folder(folder: Path, tasks: Sequence[str]) -> Smoke:
    """Load a folder in a fresh process without a network, and annotate the sample of each task.

    Raises:
        NlpieError: The folder cannot be loaded; with the last line of the error.
    """
    output = call_fresh(
        __name__, {"folder": str(folder.absolute()), "tasks": list(tasks)}, "load and annotate", HF_HUB_OFFLINE="1"
    )
    smoke = json.loads(output.splitlines()[-1])
    return Smoke(**{**smoke, "loading": tuple(smoke["loading"])})


def _try(folder: str, tasks: list[str]) -> dict[str, Any]:
    import transformers

    from ..loading.find import open_folder
    from ..loading.local import MASKED_LM
    from ..loading.models import is_pooler
    from ..loading.tokenizers import load_pieces
    from ..pipelines import load_clinical
    from ..tasks import get_task

    answers = {}
    for task in map(get_task, tasks):
        answers[task.name] = _rounded(load_clinical(folder, task.name, device="cpu")(task.sample).to_dict())
    checkpoint = open_folder(Path(folder))
    auto_class = getattr(transformers, checkpoint.auto_class)
    _, info = auto_class.from_pretrained(folder, output_loading_info=True, trust_remote_code=False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    keys = ("missing_keys", "unexpected_keys", "mismatched_keys")
    if checkpoint.auto_class == MASKED_LM:
        info["unexpected_keys"] = [key for key in info["unexpected_keys"] if not is_pooler(key)]
    return {
        "answers": answers,
        "auto_class": checkpoint.auto_class,
        "loading": sorted(f"{key.partition('_')[0]} {tensor}" for key in keys for tensor in info[key]),
        "same_tokens": tokenizer(_TEXT)["input_ids"] == load_pieces(checkpoint).backend_tokenizer.encode(_TEXT).ids,
        "graph_difference": _compare_graphs(Path(folder), tasks),
    }


def _compare_graphs(folder: Path, tasks: list[str]) -> float | None:
    """Return the largest difference of an output by a graph of the folder from that by the model, over all samples."""
    from ..engines.graphs import FOLDER
    from ..pipelines import load_clinical

    if not (folder / FOLDER).is_dir():
        return None
    differences = []
    for task in tasks:
        fast, slow = (load_clinical(folder, task, engine=name, device="cpu") for name in ("onnx", "torch"))
        passages = slow.task.plan(slow.task.sample, slow.reader, slow.options).passages
        outputs = zip(fast.engine.run(passages), slow.engine.run(passages), strict=True)
        differences += [float(abs(one - other).max()) for one, other in outputs]
    return max(differences)


def _rounded(value: Any) -> Any:
    """Return a JSON-ready value with its floats rounded."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_try(**json.load(sys.stdin))) + "\n")
