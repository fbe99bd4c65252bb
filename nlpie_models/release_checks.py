"""What a folder must be before it is released: a function for each line of the table that ``release check`` prints."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from .adapters import load_whole
from .cards import card_path, is_stale, read_numbers
from .checkpoint_files import LocalCheckpoint, has_tokenizer, model_class_of, served_tasks
from .errors import NlpieError, ReleaseError
from .files import sha256_of
from .hazards import find_hazards
from .registry import Checkpoint
from .smoke import Smoke, try_folder
from .tasks import get_task

_KNOWN_FILES = re.compile(
    r"config\.json|generation_config\.json|adapter\.safetensors"
    r"|model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json"
    r"|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.txt|README\.md|SHA256SUMS"
    r"|LICEN[SC]E(\.md|\.txt)?|modules\.json|sentence_bert_config\.json|1_Pooling/config\.json|\.gitattributes"
)
_NEEDED_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
_MACHINE_PATH = re.compile(r'"(?:/(?:home|root|Users|mnt|data|tmp|work|scratch)/|[A-Za-z]:\\\\)')
_LONGEST_STRING = 300  # characters; no setting is so long, a line of a note may be
_SIZE_TOLERANCE = 0.06e6
_OPEN_LICENCES = ("mit", "apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc0-1.0")
_BINDING = re.compile(
    r"\b(NC|ND|SA|non-?commercial|no ?deriv|share-?alike|A?GPL|data use agreement|DUA)\b", re.IGNORECASE
)
_UNSTATED = re.compile(r"\b(not stated|states none|unknown)\b", re.IGNORECASE)

Outcome = Literal["ok", "FAIL", "not checked"]


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes:
        check: Its name.
        outcome: Whether it holds.
        detail: What was seen or, where it fails, what to do.
    """

    check: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Attributes:
        folder: The checkpoint's files.
        row: Its row in the registry, if it has one.
        cards: The folder ``model_cards`` of the checkout.
    """

    folder: Path
    row: Checkpoint | None
    cards: Path

    @cached_property
    def checkpoint(self) -> LocalCheckpoint:
        return LocalCheckpoint(self.folder)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that are tried: those of the row's heads, or of the files'; embedding if there is no other."""
        if self.row is not None:
            return self.row.heads or ("embedding",)
        served = served_tasks(self.checkpoint)
        return tuple(task for task in served if task != "embedding") or ("embedding",)

    @cached_property
    def smoke(self) -> Smoke:
        return try_folder(self.folder, self.tasks)

    def need_row(self) -> Checkpoint:
        """Return the row.

        Raises:
            ReleaseError: There is none.
        """
        if self.row is None:
            raise ReleaseError(
                f"the registry has no checkpoint {self.folder.resolve().name!r}: name the folder after its row, or add "
                f"nlpie_models/checkpoints/{self.folder.resolve().name}.toml"
            )
        return self.row


def run_checks(subject: Subject) -> tuple[Finding, ...]:
    """Run every check; one that fails does not end the others, but a hostile folder is not loaded."""
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
    hazards = find_hazards(subject.folder)
    if hazards:
        raise ReleaseError("; ".join(hazard.what for hazard in hazards))
    return "no pickle, no code, no secret, nothing that leads out of the folder"


def _check_files(subject: Subject) -> str:
    files = _file_names(subject.folder)
    strange = [name for name in files if not _KNOWN_FILES.fullmatch(name)]
    if strange:
        raise ReleaseError(f"{', '.join(strange[:5])}: no file of a release; take out what users do not need")
    if not any(name.endswith(".safetensors") for name in files):
        raise ReleaseError("there is no model.safetensors; run `nlpie convert`")
    return f"{len(files)} files, each of a kind that users need"


def _check_config(subject: Subject) -> str:
    checkpoint = subject.checkpoint
    if checkpoint.base:
        raise ReleaseError("an adapter, which AutoModel cannot load; `nlpie convert` joins it with its base")
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
    missing = [name for name in _NEEDED_FILES if not (subject.folder / name).exists()]
    if missing or not has_tokenizer(subject.folder):
        raise ReleaseError(f"{', '.join(missing)} is missing; run `nlpie convert`, which writes it")
    if not subject.smoke.same_tokens:
        raise ReleaseError(
            "transformers' tokenizer and load_clinical's cut a sentence differently; run `nlpie convert`"
        )
    return "complete; transformers cuts as load_clinical does"


def _check_labels(subject: Subject) -> str:
    labels = sorted({_bare(label) for label in _labels(subject)} - {"O"})
    if all(get_task(task).supervision is None for task in subject.tasks):
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
    if stated and stated != found:
        raise ReleaseError(f"the weights have SHA-256 {found}, and the row says {stated}; release the files of the row")
    return f"weights {found}{'' if stated else ' (the push writes it into the row)'}"


def _check_size(subject: Subject) -> str:
    row = subject.need_row()
    size = subject.checkpoint.weights.stat().st_size
    model, _ = load_whole(subject.checkpoint, subject.checkpoint.auto_class)
    parameters = sum(weight.numel() for weight in model.base_model.parameters())
    stated = row.weights and row.weights.megabytes
    if stated and abs(stated * 1e6 - size) > _SIZE_TOLERANCE:
        raise ReleaseError(f"the weights have {size / 1e6:.1f} MB, and the row says {stated:g}")
    if row.architecture.parameters not in (None, parameters):
        raise ReleaseError(
            f"the encoder has {parameters:,} parameters, and the row says {row.architecture.parameters:,}"
        )
    return f"{size / 1e6:.1f} MB, {parameters / 1e6:.2f}M parameters in the encoder"


def _check_privacy(subject: Subject) -> str:
    for name in _file_names(subject.folder):
        if name.endswith(".json") and name != "tokenizer.json":
            text = (subject.folder / name).read_text(encoding="utf-8")
            if found := _MACHINE_PATH.search(text):
                raise ReleaseError(f"{name} names a path of a machine ({found[0][1:]}...); take it out")
            if any(len(each) > _LONGEST_STRING for each in _strings(json.loads(text))):
                raise ReleaseError(f"{name} holds a text of over {_LONGEST_STRING} characters; take it out")
        elif name.endswith(".safetensors"):
            metadata = _safetensors_metadata(subject.folder / name)
            if set(metadata) - {"format"}:
                raise ReleaseError(f"{name} has metadata besides its format: {', '.join(metadata)}; take it out")
    return "no text, no path of a machine and no metadata beside the settings"


def _check_card(subject: Subject) -> str:
    row = subject.need_row()
    if is_stale(row, subject.cards):
        raise ReleaseError(f"{card_path(row, subject.cards)} is stale; run `nlpie card {row.name}`")
    return f"{card_path(row, subject.cards)} is fresh"


def _check_licence(subject: Subject) -> str:
    row = subject.need_row()
    if row.licence == "unknown":
        raise ReleaseError("the row states no licence; only the owner of the weights can choose one")
    bound = [data for data in row.training_data if _BINDING.search(data.licence)]
    if bound and row.licence in _OPEN_LICENCES:
        terms = ", ".join(f"{data.name} ({data.licence})" for data in bound)
        raise ReleaseError(f"{row.licence} gives away more than its data allow: {terms}")
    unstated = [data.name for data in row.training_data if _UNSTATED.search(data.licence)]
    return row.licence + (f"; state none: {', '.join(unstated)}, as the card says" if unstated else "")


def _check_numbers(subject: Subject) -> str:
    row = subject.need_row()
    runs = [run for each in read_numbers(row.name, subject.cards).results for run in each.test_runs()]
    sha256 = sha256_of(subject.checkpoint.weights)
    own = [run for run in runs if sha256 in (run.get("weights_sha256"), run.get("start_sha256"))]
    if not own:
        others = "; those that are there are of others" if runs else ""
        raise ReleaseError(
            f"no results of these very weights on a test split{others}: run `nlpie evaluate {row.name} --data ...`"
        )
    return f"{len(own)} results on test splits, of these very weights or of what was fine-tuned from them"


_BEFORE_LOADING: dict[str, Callable[[Subject], str]] = {"safe": _check_safe, "files": _check_files}
_CHECKS: dict[str, Callable[[Subject], str]] = {
    "config": _check_config,
    "loads": _check_loading,
    "tokenizer": _check_tokenizer,
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
    return re.sub(r"^[BI]-", "", label)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from (text for part in each for text in _strings(part))


def _safetensors_metadata(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}
    except SafetensorError as error:
        raise ReleaseError(f"{path.name} is damaged: {error}; copy or download it again") from error
