"""The files by which sentence-transformers knows how a folder's vectors are pooled: ``modules.json`` and its kin."""

import json
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

_POOLING = "1_Pooling"
_MODULES = ("Transformer", "Pooling", "Normalize")
_FLAGS = {"cls": "pooling_mode_cls_token", "mean": "pooling_mode_mean_tokens", "max": "pooling_mode_max_tokens"}


def read_embedding_options(folder: Path) -> dict[str, Any]:
    """Return the options of the embedding task that a sentence-transformers folder asks for; none of another folder.

    Raises:
        CheckpointError: It asks for a module or a pooling that the embedding task does not have.
    """
    path = folder / "modules.json"
    if not path.exists():
        return {}
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        kinds = {module["type"].rpartition(".")[2]: module["path"] for module in modules}
        pooling = json.loads((folder / kinds["Pooling"] / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} or the pooling that it names cannot be read: {error}") from error
    chosen = [name for name, flag in _FLAGS.items() if pooling.get(flag) or pooling.get("pooling_mode") == name]
    unknown = sorted(set(kinds) - set(_MODULES))
    if unknown or len(chosen) != 1:
        raise CheckpointError(
            f"{path} asks for {', '.join(unknown) or 'another pooling'}; the embedding task knows "
            f"{', '.join(_MODULES)} with pooling {', '.join(_FLAGS)}"
        )
    return {"pooling": chosen[0], "normalize": "Normalize" in kinds}


def write_embedding_options(folder: Path, options: dict[str, Any], *, width: int, window: int) -> None:
    """Write the files with which sentence-transformers loads a folder.

    Args:
        folder: A checkpoint folder.
        options: ``pooling`` and ``normalize`` of the embedding task.
        width: Size of a vector.
        window: Tokens that sentence-transformers is to read; it leaves out the rest.
    """
    paths = {"Transformer": "", "Pooling": _POOLING} | ({"Normalize": "2_Normalize"} if options["normalize"] else {})
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(paths.items())
    ]
    pooling = {"word_embedding_dimension": width, **{flag: name == options["pooling"] for name, flag in _FLAGS.items()}}
    for path, content in (
        ("modules.json", modules),
        (f"{_POOLING}/config.json", pooling),
        ("sentence_bert_config.json", {"max_seq_length": window, "do_lower_case": False}),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
