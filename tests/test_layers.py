"""The house plan: imports point down only, and the light path stays light."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nlpie_models

PACKAGE = Path(nlpie_models.__file__).parent
BASE = {"errors", "util"}
SERVED = BASE | {
    "architectures",
    "data",
    "documents",
    "engines",
    "loading",
    "metrics",
    "pipelines",
    "recipes",
    "registry",
    "tasks",
}
MAY_IMPORT = {
    "_version": set(),
    "errors": set(),
    "util": {"errors"},
    "recipes": BASE,
    "registry": BASE | {"recipes"},
    "documents": BASE,
    "architectures": set(),
    "metrics": BASE | {"data", "documents"},
    "data": BASE | {"_version", "documents"},
    "distillation": BASE | {"architectures"},
    "loading": BASE | {"architectures", "registry"},
    "tasks": BASE | {"data", "documents", "loading", "metrics", "registry"},
    "engines": BASE | {"documents", "loading", "tasks"},
    "pipelines": BASE | {"documents", "engines", "loading", "registry", "tasks"},
    "annotating": SERVED | {"_version"},
    "training": SERVED | {"_version", "distillation"},
    "evaluation": SERVED | {"_version", "distillation", "training"},
    "release": SERVED | {"_version", "distillation", "evaluation", "training"},
    "cli": SERVED | {"_version", "annotating", "distillation", "evaluation", "release", "training"},
}
"""Which rooms a room may import from, besides itself."""
FILES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name[:2] != "__"]


def imported_modules(path: Path) -> set[str]:
    """Return the dotted names of the package's modules that a file imports, but for those of type checkers only."""
    place = ("nlpie_models", *path.relative_to(PACKAGE).with_suffix("").parts)
    tree = ast.parse(path.read_text())
    unread = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in unread:
            base = (*(place[: -node.level] if node.level else ()), *filter(None, (node.module or "").split(".")))
            found |= {(*base, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
    return {name for parts in found if parts[0] == "nlpie_models" and (name := module_of(parts))}


def module_of(parts: tuple[str, ...]) -> str:
    """Return the module that holds an imported name, or is it: the longest leading part that is a file."""
    for length in range(len(parts), 1, -1):
        stem = PACKAGE.joinpath(*parts[1:length])
        if stem.with_suffix(".py").exists() or (stem / "__init__.py").exists():
            return ".".join(parts[1:length])
    return ""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_a_row() -> None:
    assert len(FILES) > 40
    assert {room_of(path) for path in FILES} == set(MAY_IMPORT)


def test_few_modules_lie_loose() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path) -> None:
    room = room_of(path)
    above = {name.partition(".")[0] for name in imported_modules(path)} - MAY_IMPORT[room] - {room}
    assert not above, f"{path} imports {', '.join(sorted(above))}, which {room} may not know"


def test_only_the_metrics_need_evaluate() -> None:
    found = {path for path in FILES if re.search(r"^\s*(import|from) evaluate\b", path.read_text(), re.MULTILINE)}
    assert found == {PACKAGE / "metrics" / "hf.py"}


def test_documents_know_no_torch() -> None:
    for path in (PACKAGE / "documents").rglob("*.py"):
        assert not re.search(r"\b(import|from) torch", path.read_text())


def test_no_import_cycle() -> None:
    graph = {name_of(path): imported_modules(path) - {name_of(path)} for path in FILES}
    assert sum(map(len, graph.values())) > 400
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules of the cycle
