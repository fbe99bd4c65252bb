"""The house plan: imports point down only, and the light path stays light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nlpie_models

PACKAGE = Path(nlpie_models.__file__).parent
LAYERS = [
    {
        "calibration",
        "errors",
        "figures",
        "files",
        "hazards",
        "home",
        "manifest",
        "module_table",
        "scoring",
        "strict_toml",
        "_version",
    },
    {"registry", "documents", "architectures"},
    {"tasks", "data", "distillation"},
    {
        "adapters",
        "batch",
        "checkpoint_files",
        "conversion",
        "engines",
        "pinning",
        "pipelines",
        "sentence_modules",
        "training",
    },
    {"evaluation"},
    {"bundles", "card_metadata", "cards", "dataset_cards", "smoke"},
    {"dataset_release", "release", "release_changes", "release_checks", "release_commit", "release_plan"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name[:2] != "__"]


def own_imports(path: Path) -> set[str]:
    """Return the names, directly under the package, of what a file imports from it."""
    place = ("nlpie_models", *path.relative_to(PACKAGE).with_suffix("").parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = place[: -node.level] if node.level else ()
            full = (*base, *(node.module or "").split("."))
            names = [full] if node.module else [(*base, alias.name) for alias in node.names]
            found |= {name[1] for name in names if name[0] == "nlpie_models" and len(name) > 1}
        elif isinstance(node, ast.Import):
            parts = [alias.name.split(".") for alias in node.names]
            found |= {name[1] for name in parts if name[0] == "nlpie_models" and len(name) > 1}
    return found


def test_every_module_has_a_layer() -> None:
    assert len(FILES) > 40
    tops = {path.stem if path.parent == PACKAGE else path.relative_to(PACKAGE).parts[0] for path in FILES}
    assert tops == set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path) -> None:
    top = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for imported in own_imports(path):
        assert LEVEL[imported] <= LEVEL[top], f"{path} imports {imported}, which lies above it"


def test_architectures_stand_alone_and_distillation_sees_no_checkpoint() -> None:
    for path in (PACKAGE / "architectures").rglob("*.py"):
        assert own_imports(path) <= {"architectures"}
    for path in (PACKAGE / "distillation").rglob("*.py"):
        assert own_imports(path) <= {"architectures", "distillation", "errors", "module_table"}


def test_only_the_metrics_need_evaluate() -> None:
    found = {path for path in FILES if re.search(r"^\s*(import|from) evaluate\b", path.read_text(), re.MULTILINE)}
    assert found == {PACKAGE / "evaluation" / "metrics" / "_metric.py"}


def test_documents_know_no_torch() -> None:
    for path in (PACKAGE / "documents").rglob("*.py"):
        assert not re.search(r"\b(import|from) torch", path.read_text())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["show", "distil-65m"],
        ["annotate", "--help"],
        ["benchmark", "--help"],
        ["bundle", "--help"],
        ["card", "--help"],
        ["release", "push", "--help"],
        ["data", "prepare", "--help"],
        ["data", "publish", "--help"],
    ],
)
def test_light_commands_import_neither_torch_nor_transformers(arguments) -> None:
    code = (
        "import sys; from nlpie_models.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    "first",
    [
        "from nlpie_models.architectures.minialbert import MiniAlbertConfig",
        "from nlpie_models.architectures.minialbert.modeling_minialbert import MiniAlbertModel",
    ],
)
def test_an_architecture_can_be_what_is_imported_first(first) -> None:
    code = f"{first}; from transformers import CONFIG_MAPPING; CONFIG_MAPPING['minialbert']"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("first", ["import transformers.modeling_utils", "from transformers import BertModel", "pass"])
@pytest.mark.parametrize("ours_first", [True, False])
def test_registration_whatever_is_imported_first(first, ours_first) -> None:
    lines = ["import nlpie_models", first] if ours_first else [first, "import nlpie_models"]
    code = "\n".join(
        [
            *lines,
            "from transformers import AutoConfig, AutoModelForTokenClassification",
            "config = AutoConfig.for_model('minialbert', hidden_size=16, num_attention_heads=2, vocab_size=9)",
            "model = AutoModelForTokenClassification.from_config(config)",
            "assert type(model).__name__ == 'MiniAlbertForTokenClassification'",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
