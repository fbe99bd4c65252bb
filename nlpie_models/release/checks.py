"""The checks before a release: a function for each line of the table that ``nlpie release check`` prints."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..documents.assertion.labels import split_label
from ..errors import NlpieError, ReleaseError
from ..loading.adapters import load_whole
from ..loading.local import has_tokenizer
from ..loading.models import model_class_of
from ..tasks import get_task
from ..util.files import sha256_of
from .card_metadata import find_loading_faults
from .cards import card_path, is_stale, read_numbers
from .inspection import find_pickles, find_unsafe_files
from .plan import CARD, Subject

_KNOWN_FILES = re.compile(
    r"config\.json|generation_config\.json|adapter\.safetensors"
    r"|model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json"
    r"|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.txt|README\.md|SHA256SUMS"
    r"|LICEN[SC]E(\.md|\.txt)?|modules\.json|sentence_bert_config\.json|1_Pooling/config\.json|notes/[\w.-]+\.md|\.gitattributes"
    r"|onnx/(logits|last_hidden_state)\.(onnx|json)"
)
_NEEDED_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
_MACHINE_PATH = re.compile(r'"(?:/(?:home|root|Users|mnt|data|tmp|work|scratch)/|[A-Za-z]:\\\\)')
_LONGEST_STRING = 300  # characters; no setting is so long, a line of a note may be
_SIZE_TOLERANCE = 0.06e6  # bytes; rows state a tenth of a megabyte
_GRAPH_TOLERANCE = 1e-3  # of a logit, or of a value of a hidden state
_OPEN_LICENCES = ("mit", "apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc0-1.0")

Outcome = Literal["ok", "FAIL", "not checked"]


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes:
        check: Name of the check.
        outcome: Whether the folder passes it.
        detail: What the check saw or, where it fails, what to do.
    """

    check: str
    outcome: Outcome
    detail: str


def run_checks(subject: Subject) -> tuple[Finding, ...]:
    """Run every check, also after one that fails; but a folder with unsafe or unknown files is not loaded."""
    findings = [_run(name, check, subject) for name, check in _BEFORE_LOADING.items()]
    safe = all(finding.outcome == "ok" for finding in findings)
    for name, check in _CHECKS.items():
        findings.append(_run(name, check, subject) if safe else Finding(name, "not checked", "see what fails above"))
    return tuple(findings)


def _run(name: str, check: Callable[[Subject], str], subject: Subject) -> Finding:
    try:
        return Finding(name, "ok", check(subject))
    except (NlpieError, OSError, ValueError, KeyError) as error:
        return Finding(name, "FAIL", " ".join(str(error).split()))


def _check_safe(subject: Subject) -> str:
    if found := [*find_unsafe_files(subject.folder), *find_pickles(subject.folder)]:
        raise ReleaseError("; ".join(found))
    return "no pickle, no code, no secret, nothing that leads out of the folder"


def _check_files(subject: Subject) -> str:
    files = _file_names(subject.folder)
    unexpected = [name for name in files if not _KNOWN_FILES.fullmatch(name)]
    if unexpected:
        raise ReleaseError(f"{', '.join(unexpected[:5])}: no file of a release; take out what users do not need")
    if not any(name.endswith(".safetensors") for name in files):
        raise ReleaseError("there is no model.safetensors; run `nlpie convert`")
    return f"{len(files)} files, each of a kind that users need"


def _check_config(subject: Subject) -> str:
    checkpoint = subject.release
    _, config = model_class_of(checkpoint, checkpoint.auto_class)
    written = checkpoint.config.get("model_type")
    if written != config.model_type:
        raise ReleaseError(f"model_type is {written!r} and must be {config.model_type!r}; run `nlpie convert`")
    expected = subject.row.architecture.model_type if subject.row else written
    if written != expected:
        raise ReleaseError(f"model_type is {written!r}, and its row says {expected!r}")
    return f"model_type {written}, {checkpoint.auto_class}, no auto_map"


def _check_loading(subject: Subject) -> str:
    smoke = subject.smoke
    if smoke.loading:
        raise ReleaseError(f"{smoke.auto_class} complains: {', '.join(smoke.loading[:5])}; run `nlpie convert`")
    return f"in a fresh process, by load_clinical for {', '.join(smoke.answers)} and by {smoke.auto_class}"


def _check_tokenizer(subject: Subject) -> str:
    folder = subject.release.folder
    missing = [name for name in _NEEDED_FILES if not (folder / name).exists()]
    if missing or not has_tokenizer(folder):
        raise ReleaseError(f"{', '.join(missing)} is missing; run `nlpie convert`, which writes it")
    if not subject.smoke.same_tokens:
        raise ReleaseError(
            "the tokenizers of transformers and load_clinical cut a sentence differently; run `nlpie convert`"
        )
    return "complete; transformers and load_clinical cut a sentence alike"


def _check_graphs(subject: Subject) -> str:
    difference = subject.smoke.graph_difference
    if difference is None:
        return "none, so the engine onnx makes them at its first use"
    if not difference <= _GRAPH_TOLERANCE:
        raise ReleaseError(
            f"an output of the graphs in onnx/ differs by {difference:.2g} from the model's; remove the folder and run "
            "`nlpie convert --onnx`"
        )
    return f"they compute what the model does (largest difference {difference:.1g})"


def _check_labels(subject: Subject) -> str:
    labels = sorted({_bare(label) for label in _labels(subject)} - {"O"})
    if not any(get_task(task).metric for task in subject.tasks):
        return "no labels to name"
    unnamed = [label for label in labels if re.fullmatch(r"LABEL_\d+", label)]
    if unnamed:
        raise ReleaseError(f"the head's labels have no names ({', '.join(unnamed[:3])}); name them in config.id2label")
    if subject.row and subject.row.labels and labels != sorted(subject.row.labels):
        raise ReleaseError(f"the head's labels are {labels}, and its row says {sorted(subject.row.labels)}")
    return ", ".join(labels)


def _check_hashes(subject: Subject) -> str:
    row, found = subject.need_row(), sha256_of(subject.checkpoint.weights)
    stated = row.weights and row.weights.sha256
    if row.weights and stated and row.weights.file != subject.checkpoint.weights.name:
        raise ReleaseError(
            f"the row's SHA-256 is that of {row.weights.file}; if {subject.checkpoint.weights.name} is converted from "
            "it, take sha256 out of the row, and the push writes the new one"
        )
    if stated and stated != found:
        raise ReleaseError(f"the weights have SHA-256 {found}, and the row says {stated}; release the files of the row")
    return f"weights {found}{'' if stated else ' (the push writes it into the row)'}"


def _check_size(subject: Subject) -> str:
    row = subject.need_row()
    size = subject.checkpoint.weights.stat().st_size
    model, _ = load_whole(subject.checkpoint, subject.checkpoint.auto_class)
    parameters = sum(weight.numel() for weight in model.base_model.parameters())
    stated = row.weights and row.weights.file == subject.checkpoint.weights.name and row.weights.megabytes
    if stated and abs(stated * 1e6 - size) > _SIZE_TOLERANCE:
        raise ReleaseError(f"the weights have {size / 1e6:.1f} MB, and the row says {stated:g}")
    shape = row.architecture
    if shape.parameters is not None and shape.parameters - shape.unused_parameters != parameters:
        unused = f", {shape.unused_parameters:,} of them unused" if shape.unused_parameters else ""
        raise ReleaseError(f"the encoder has {parameters:,} parameters, and the row says {shape.parameters:,}{unused}")
    return f"{size / 1e6:.1f} MB, {parameters / 1e6:.2f}M parameters in the encoder"


def _check_privacy(subject: Subject) -> str:
    folder = subject.release.folder
    for name in _file_names(folder):
        if name.endswith(".json") and name != "tokenizer.json":
            text = (folder / name).read_text(encoding="utf-8")
            if found := _MACHINE_PATH.search(text):
                raise ReleaseError(f"{name} names a path of a machine ({found[0][1:]}...); take it out")
            if any(len(string) > _LONGEST_STRING for string in _strings(json.loads(text))):
                raise ReleaseError(f"{name} holds a text of over {_LONGEST_STRING} characters; take it out")
        elif name.endswith(".safetensors"):
            metadata = _safetensors_metadata(folder / name)
            if set(metadata) - {"format"}:
                raise ReleaseError(f"{name} has metadata besides its format: {', '.join(metadata)}; take it out")
    return "no text, no path of a machine and no metadata beside the settings"


def _check_card(subject: Subject) -> str:
    written = subject.folder / CARD
    card = written.read_text(encoding="utf-8") if written.exists() else None
    if card and (faults := [*find_loading_faults(card, str(subject.release.config.get("model_type")))]):
        raise ReleaseError(f"{CARD} leads to a load that fails: {'; '.join(faults)}")
    row = subject.need_row()
    if is_stale(row, subject.cards):
        raise ReleaseError(f"{card_path(row, subject.cards)} is stale; run `nlpie card {row.name}`")
    return f"{card_path(row, subject.cards)} is fresh"


def _check_licence(subject: Subject) -> str:
    row = subject.need_row()
    if row.licence == "unknown":
        raise ReleaseError("the row states no licence; only the owner of the weights can choose one")
    restrictive = [f"{data.name} ({data.licence})" for data in row.training_data if data.terms == "restrictive"]
    if restrictive and row.licence in _OPEN_LICENCES and row.status != "published":
        raise ReleaseError(f"{row.licence} permits more than the training data do: {', '.join(restrictive)}")
    unstated = [data.name for data in row.training_data if data.terms == "not stated"]
    owner = ", as its owner states on the Hub" if row.status == "published" else ""
    return f"{row.licence}{owner}" + (f"; data whose licence is not stated: {', '.join(unstated)}" if unstated else "")


def _check_numbers(subject: Subject) -> str:
    row = subject.need_row()
    runs = [run for results in read_numbers(row.name, subject.cards).results for run in results.test_runs()]
    sha256 = sha256_of(subject.checkpoint.weights)
    current = [run for run in runs if sha256 in (run.weights_sha256, run.start_sha256)]
    if not current:
        others = "; those that are there are of others" if runs else ""
        raise ReleaseError(
            f"no results of these very weights on a test split{others}: run `nlpie evaluate {row.name} --data ...`"
        )
    return f"{len(current)} results on test splits, of these very weights or of what was fine-tuned from them"


_BEFORE_LOADING: dict[str, Callable[[Subject], str]] = {"safe": _check_safe, "files": _check_files}
_CHECKS: dict[str, Callable[[Subject], str]] = {
    "config": _check_config,
    "loads": _check_loading,
    "tokenizer": _check_tokenizer,
    "graphs": _check_graphs,
    "labels": _check_labels,
    "hashes": _check_hashes,
    "size": _check_size,
    "privacy": _check_privacy,
    "card": _check_card,
    "licence": _check_licence,
    "numbers": _check_numbers,
}


def _file_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _labels(subject: Subject) -> Sequence[str]:
    return list((subject.checkpoint.config.get("id2label") or {"0": "LABEL_0"}).values())


def _bare(label: str) -> str:
    return split_label(re.sub(r"^[BI]-", "", label))[0]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from (*_strings(key), *_strings(item))


def _safetensors_metadata(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}
    except SafetensorError as error:
        raise ReleaseError(f"{path.name} is damaged: {error}; copy or download it again") from error
