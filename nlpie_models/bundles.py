"""Bundles: a checkpoint carried to a place without a network, in one tar whose every byte is hashed.

A bundle holds ``bundle.json`` (what it is), ``SHA256SUMS`` (of all else), ``README.md`` (how to install it),
``wheels.txt`` (the Python packages, as pip reads them) with the wheels themselves if they were given, and
``checkpoints/<name>/`` with weights, tokenizer and card.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from ._version import __version__
from .adapters import find_base
from .checkpoint_files import LocalCheckpoint, check_head, find_checkpoint
from .errors import CheckpointError, NlpieError
from .files import check_absent, sha256_of, write_whole
from .hazards import find_hazards, is_inside
from .home import is_installable, models_home
from .manifest import MANIFEST, hash_files, parse_manifest, render_manifest
from .registry import get_checkpoint
from .tasks import get_task

_FORMAT = 1
_RECORD, _README, _WHEELS, _CARD = "bundle.json", "README.md", "wheels.txt", "README.md"
_CHECKPOINTS = "checkpoints"
_PACKAGE = "nlpie-models"
_CHUNK = 1 << 20
_LARGEST_TEXT = 10_000_000
_HOW_TO_INSTALL = """# {name} for {task}, to be installed without a network

    sha256sum --check SHA256SUMS        # after `tar xf`; or `nlpie bundle verify BUNDLE`
    pip install --no-index --find-links wheels {hashes}-r wheels.txt
    nlpie bundle install BUNDLE         # into $NLPIE_MODELS_HOME
    nlpie annotate notes/ -c {name} -t {task} -o out.jsonl
"""


@dataclass(frozen=True)
class Bundle:
    """What a bundle is.

    Attributes:
        name: Name by which ``load_clinical`` finds the checkpoint once it is installed.
        task: The task that it is to serve.
        checkpoints: Names of the checkpoints in it: the one, and the base of an adapter.
        package: Version of this package that made it.
        hashed_wheels: Whether ``wheels.txt`` has the hash of each wheel.
        format: Of the bundle.
    """

    name: str
    task: str
    checkpoints: tuple[str, ...]
    package: str
    hashed_wheels: bool
    format: int = _FORMAT


def make_bundle(
    name: str, task: str, output: Path, *, wheels: Path | None = None, cards: Path, overwrite: bool = False
) -> Bundle:
    """Write a bundle: the same to the byte for the same files.

    Args:
        name: A name of the registry, a Hub id or a local folder.
        task: The task that it is to serve.
        output: The tar to write.
        wheels: Folder of wheels to carry along, as `pip download nlpie-models --dest FOLDER` fills one; without it,
            ``wheels.txt`` has the versions that are installed here, and no hashes.
        cards: Where the card is, if it does not lie beside the weights.
        overwrite: Replace an existing tar.

    Raises:
        NlpieError: There is no such checkpoint, it does not serve the task, has no name to be installed by, or holds
            what should not be carried; or the tar exists.
    """
    check_absent(output, overwrite=overwrite)
    chosen = get_task(task)
    checkpoint = find_checkpoint(name, chosen, None)
    check_head(checkpoint, chosen)
    parts = _parts(checkpoint, _installed_name(name, checkpoint))
    listed = _list_wheels(wheels)
    bundle = Bundle(next(iter(parts)), chosen.name, tuple(parts), __version__, hashed_wheels=wheels is not None)
    require = "--require-hashes " if bundle.hashed_wheels else ""
    members: dict[str, Path | bytes] = {
        _RECORD: (json.dumps(asdict(bundle), indent=1) + "\n").encode(),
        _README: _HOW_TO_INSTALL.format(name=bundle.name, task=bundle.task, hashes=require).encode(),
        _WHEELS: listed.encode(),
        **({f"wheels/{path.name}": path for path in sorted(wheels.glob("*.whl"))} if wheels else {}),
    }
    for part, each in parts.items():
        members |= _checkpoint_members(part, each, cards)
    hashes = {member: _sha256(content) for member, content in members.items()}
    with write_whole(output, overwrite=overwrite) as temporary:
        _write_tar(temporary, {MANIFEST: render_manifest(hashes).encode(), **members})
    return bundle


def verify_bundle(path: Path) -> Bundle:
    """Read a bundle to its last byte and return what it is.

    Raises:
        CheckpointError: A byte has changed, a file is missing or too many, or it is no bundle.
    """
    return _read_bundle(path, None)


def install_bundle(path: Path, *, overwrite: bool = False) -> tuple[Bundle, tuple[Path, ...]]:
    """Verify a bundle and put its checkpoints where ``load_clinical`` finds them; all of it or nothing.

    Args:
        path: The tar.
        overwrite: Replace checkpoints of the same names.

    Raises:
        CheckpointError: As :func:`verify_bundle`.
        NlpieError: Such a checkpoint is installed already.
    """
    home = models_home()
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".install.") as temporary:
        bundle = _read_bundle(path, Path(temporary))
        targets = tuple(home / name for name in bundle.checkpoints)
        for target in targets:
            check_absent(target, overwrite=overwrite)
        for name, target in zip(bundle.checkpoints, targets, strict=True):
            LocalCheckpoint(Path(temporary) / _CHECKPOINTS / name)
            with write_whole(target, overwrite=overwrite) as folder:
                (Path(temporary) / _CHECKPOINTS / name).rename(folder)
    return bundle, targets


def _installed_name(name: str, checkpoint: LocalCheckpoint) -> str:
    """Return the name by which a checkpoint is asked for where it was installed: a row's, a Hub id, a folder's own."""
    chosen = checkpoint.row.name if checkpoint.row else checkpoint.short_name if Path(name).is_dir() else name
    if not is_installable(chosen):
        raise NlpieError(f"{chosen!r} is no name to install a checkpoint by; rename the folder to letters and digits")
    return chosen


def _parts(checkpoint: LocalCheckpoint, name: str) -> dict[str, LocalCheckpoint]:
    """Return the checkpoints of a bundle by name: the one asked for, and the base of an adapter.

    Raises:
        NlpieError: The base is a folder, which the adapter would not find again.
    """
    if checkpoint.base is None:
        return {name: checkpoint}
    base = find_base(checkpoint)
    if base.row is None:
        raise NlpieError(f"{name} is an adapter of the folder {base.folder}; `nlpie convert` joins them, bundle that")
    if get_checkpoint(base.row.name).status == "bundled":
        return {name: checkpoint}
    return {name: checkpoint, base.row.name: base}


def _checkpoint_members(name: str, checkpoint: LocalCheckpoint, cards: Path) -> dict[str, Path | bytes]:
    if hazards := [hazard for hazard in find_hazards(checkpoint.folder) if hazard.kind != "pickle"]:
        raise NlpieError(f"{checkpoint.folder} is not carried: {'; '.join(hazard.what for hazard in hazards)}")
    hashes = {each: sha for each, sha in hash_files(checkpoint.folder).items() if not each.startswith(".")}
    place = f"{_CHECKPOINTS}/{name}"
    members: dict[str, Path | bytes] = {f"{place}/{each}": checkpoint.folder / each for each in hashes}
    card = cards / f"{checkpoint.short_name}.md"
    if _CARD not in hashes and card.exists():
        members[f"{place}/{_CARD}"] = card
        hashes[_CARD] = sha256_of(card)
    return {**members, f"{place}/{MANIFEST}": render_manifest(hashes).encode()}


def _list_wheels(wheels: Path | None) -> str:
    """Return the packages that the checkpoint needs to run, as a file of pip's requirements."""
    if wheels is None:
        lines = [f"{name}=={number}" for name, number in sorted(_installed_packages().items())]
        return "\n".join(["# As installed where the bundle was made; wheels and hashes were not given.", *lines, ""])
    paths = sorted(wheels.glob("*.whl"))
    if not paths:
        raise NlpieError(f"{wheels} holds no wheels; fill it with `pip download {_PACKAGE} --dest {wheels}`")
    named = [(path.name.split("-"), sha256_of(path)) for path in paths]
    return "".join(f"{parts[0].replace('_', '-')}=={parts[1]} --hash=sha256:{sha}\n" for parts, sha in named)


def _installed_packages() -> dict[str, str]:
    """Return the versions of this package and of all that it needs, without its extras."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    waiting = [_PACKAGE]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
        needed = map(Requirement, requires(name) or [])
        waiting += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def _sha256(content: Path | bytes) -> str:
    return sha256_of(content) if isinstance(content, Path) else sha256(content).hexdigest()


def _write_tar(path: Path, members: Mapping[str, Path | bytes]) -> None:
    """Write files into a tar that says nothing of this machine: no owner, no time."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o644
            if isinstance(content, bytes):
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.size = content.stat().st_size
                with content.open("rb") as file:
                    tar.addfile(entry, file)


def _read_bundle(path: Path, target: Path | None) -> Bundle:
    """Check every byte of a bundle, and write its checkpoints below ``target`` if one is given."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = _members(tar)
            first = next(members, None)
            if first is None or first.name != MANIFEST:
                raise CheckpointError(f"it does not begin with {MANIFEST}")
            expected = parse_manifest(_read_text(tar, first), MANIFEST)
            found, record = {}, ""
            for member in members:
                wanted = target if member.name.startswith(f"{_CHECKPOINTS}/") else None
                found[member.name] = _read_member(tar, member, wanted)
                if member.name == _RECORD:
                    record = _read_text(tar, member)
    except (OSError, tarfile.TarError, CheckpointError, ValueError) as error:
        raise CheckpointError(f"{path} is no whole bundle: {error}. Copy it again from where it was made.") from error
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise CheckpointError(f"{path} has changed since it was made: {', '.join(wrong[:5])}. Copy it again.")
    return _parse_record(record, path, found)


def _parse_record(text: str, path: Path, members: Mapping[str, str]) -> Bundle:
    try:
        record = json.loads(text)
        bundle = Bundle(**{**record, "checkpoints": tuple(record["checkpoints"])})
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: {_RECORD} is not as expected: {error}; make the bundle again") from error
    if bundle.format != _FORMAT:
        raise CheckpointError(
            f"{path} has format {bundle.format}, and this version reads {_FORMAT}; upgrade {_PACKAGE}"
        )
    for name in bundle.checkpoints:
        if not (is_installable(name) and f"{_CHECKPOINTS}/{name}/config.json" in members):
            raise CheckpointError(f"{path}: {_RECORD} names a checkpoint {name!r} that is not in it; make it again")
    return bundle


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of a tar, each a plain file in a place of its own below where it is unpacked.

    Raises:
        CheckpointError: One is not.
    """
    seen = set()
    for member in tar:
        if not member.isreg() or not is_inside(member.name) or member.name in seen:
            raise CheckpointError(f"{member.name!r} is no plain file in a place of its own")
        seen.add(member.name)
        yield member


def _read_text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.size > _LARGEST_TEXT:
        raise CheckpointError(f"{member.name} has {member.size:,} bytes")
    return b"".join(_chunks(tar, member)).decode()


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path | None) -> str:
    """Return the hash of a member, written below ``target`` if one is given."""
    digest = sha256()
    if target is None:
        for chunk in _chunks(tar, member):
            digest.update(chunk)
        return digest.hexdigest()
    path = target / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for chunk in _chunks(tar, member):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _chunks(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = tar.extractfile(member)
    while file and (chunk := file.read(_CHUNK)):
        yield chunk
