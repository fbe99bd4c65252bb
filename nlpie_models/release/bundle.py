"""Bundles: a checkpoint in one tar, every byte of it hashed, to take to a machine without a network.

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

from .._version import __version__
from ..errors import CheckpointError, NlpieError
from ..loading.adapters import find_base
from ..loading.find import is_installable, models_home, open_folder
from ..loading.local import LocalCheckpoint
from ..loading.unsafe_files import is_inside
from ..registry import get_checkpoint
from ..tasks import get_task
from ..tasks.serving import find_serving
from ..util.files import MANIFEST, check_absent, hash_files, parse_manifest, render_manifest, sha256_of, write_whole
from .inspection import find_unsafe_files

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
    """The record of a bundle, its ``bundle.json``.

    Attributes:
        name: Name by which ``load_clinical`` finds the checkpoint after the installation.
        task: The task that it is to serve.
        checkpoints: Names of the checkpoints in it: that one and, if it is an adapter, its base.
        package: Version of this package that made the bundle.
        hashed_wheels: Whether ``wheels.txt`` has the hash of each wheel.
        format: Version of this record and of the layout of the tar.
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
        wheels: Folder of wheels to put into the bundle, as `pip download nlpie-models --dest FOLDER` fills one; without
            it, ``wheels.txt`` has the versions that are installed here, and no hashes.
        cards: Folder of the card of a checkpoint that has no card beside its weights.
        overwrite: Replace an existing tar.

    Raises:
        NlpieError: There is no such checkpoint, it does not serve the task, has no name that it could be installed by,
            or holds a secret, code or a link out of it; or the tar exists.
    """
    check_absent(output, overwrite=overwrite)
    chosen = get_task(task)
    checkpoint = find_serving(name, chosen)
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
    for part_name, part in parts.items():
        members |= _checkpoint_members(part_name, part, cards)
    hashes = {member: _sha256(content) for member, content in members.items()}
    with write_whole(output, overwrite=overwrite) as temporary:
        _write_tar(temporary, {MANIFEST: render_manifest(hashes).encode(), **members})
    return bundle


def verify_bundle(path: Path) -> Bundle:
    """Read a bundle to its last byte and return its record.

    Raises:
        CheckpointError: A byte has changed, a file is missing or was added, or it is no bundle.
    """
    return _read_bundle(path, None)


def install_bundle(path: Path, *, overwrite: bool = False) -> tuple[Bundle, tuple[Path, ...]]:
    """Verify a bundle and install its checkpoints where ``load_clinical`` finds them; all of them or none.

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
            open_folder(Path(temporary) / _CHECKPOINTS / name)
            with write_whole(target, overwrite=overwrite) as folder:
                (Path(temporary) / _CHECKPOINTS / name).rename(folder)
    return bundle, targets


def _installed_name(name: str, checkpoint: LocalCheckpoint) -> str:
    """Return the name by which ``load_clinical`` finds a checkpoint after the installation: of row, Hub or folder."""
    chosen = checkpoint.row.name if checkpoint.row else checkpoint.short_name if Path(name).is_dir() else name
    if not is_installable(chosen):
        raise NlpieError(f"{chosen!r} is no name to install a checkpoint by; rename the folder to letters and digits")
    return chosen


def _parts(checkpoint: LocalCheckpoint, name: str) -> dict[str, LocalCheckpoint]:
    """Return the checkpoints of a bundle by name: the one asked for and, if it is an adapter, its base.

    A base that comes with this package is left out.

    Raises:
        NlpieError: The base is a folder, which the adapter would not find after the installation.
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
    if found := find_unsafe_files(checkpoint.folder):
        raise NlpieError(f"{checkpoint.folder} is not bundled: {'; '.join(found)}")
    hashes = {file: sha for file, sha in hash_files(checkpoint.folder).items() if not file.startswith(".")}
    place = f"{_CHECKPOINTS}/{name}"
    members: dict[str, Path | bytes] = {f"{place}/{file}": checkpoint.folder / file for file in hashes}
    card = cards / f"{checkpoint.short_name}.md"
    if _CARD not in hashes and card.exists():
        members[f"{place}/{_CARD}"] = card
        hashes[_CARD] = sha256_of(card)
    return {**members, f"{place}/{MANIFEST}": render_manifest(hashes).encode()}


def _list_wheels(wheels: Path | None) -> str:
    """Return the packages that a checkpoint needs to run, in the form of pip's requirements."""
    if wheels is None:
        lines = [f"{name}=={number}" for name, number in sorted(_installed_packages().items())]
        return "\n".join(["# As installed where the bundle was made; wheels and hashes were not given.", *lines, ""])
    paths = sorted(wheels.glob("*.whl"))
    if not paths:
        raise NlpieError(f"{wheels} holds no wheels; fill it with `pip download {_PACKAGE} --dest {wheels}`")
    named = [(path.name.split("-"), sha256_of(path)) for path in paths]
    return "".join(f"{parts[0].replace('_', '-')}=={parts[1]} --hash=sha256:{sha}\n" for parts, sha in named)


def _installed_packages() -> dict[str, str]:
    """Return the versions of this package and of all that it needs, its extras left out."""
    from packaging.requirements import Requirement

    versions: dict[str, str] = {}
    waiting = [_PACKAGE]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in versions:
            continue
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
        for needed in map(Requirement, requires(name) or []):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed.name)
    return versions


def _sha256(content: Path | bytes) -> str:
    return sha256_of(content) if isinstance(content, Path) else sha256(content).hexdigest()


def _write_tar(path: Path, members: Mapping[str, Path | bytes]) -> None:
    """Write files into a tar that tells nothing about this machine: no owner, no time."""
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
    """Check every byte of a bundle and return its record; write its checkpoints below ``target`` if one is given."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = _members(tar)
            first = next(members, None)
            if first is None or first.name != MANIFEST:
                raise CheckpointError(f"it does not begin with {MANIFEST}")
            expected = parse_manifest(_read_text(tar, first), MANIFEST)
            found, record = {}, ""
            for member in members:
                place = target if member.name.startswith(f"{_CHECKPOINTS}/") else None
                found[member.name] = _read_member(tar, member, place)
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
    """Yield the members of a tar, which are plain files with different names below the folder they are unpacked to.

    Raises:
        CheckpointError: A member is no such file.
    """
    seen = set()
    for member in tar:
        if not member.isreg() or not is_inside(member.name) or member.name in seen:
            raise CheckpointError(f"{member.name!r} is no plain file, leads out of the bundle, or is in it twice")
        seen.add(member.name)
        yield member


def _read_text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.size > _LARGEST_TEXT:
        raise CheckpointError(f"{member.name} has {member.size:,} bytes")
    return b"".join(_chunks(tar, member)).decode()


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path | None) -> str:
    """Return the hash of a member; write the member below ``target`` if one is given."""
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
