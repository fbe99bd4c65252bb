"""Names and sentences use the standard terms of the field, and a class has a name for itself."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = [path for folder in ("nlpie_models", "recipes", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
DOCUMENTS = [
    path
    for folder in (".", "recipes", "tests", "model_cards", "model_cards/notes", "nlpie_models/checkpoints")
    for path in sorted((ROOT / folder).iterdir())
    if path.suffix in (".md", ".toml")
]
NAMES = {"carded", "each", "forms", "gives", "hazard", "hazards", "own", "strange", "sure", "wanted"}
"""What no variable, parameter, attribute, function, class or module is called."""
PHRASES = re.compile(
    r"\b(MaskAnew|more_inputs|put_head_on|take_layers|carded|hazards?|strange|sure|surely"
    r"|of ours|one that is none|such thing|whose (peer|student))\b",
    re.IGNORECASE,
)
"""Words for which the field has another term, and phrases that a stranger does not understand."""


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of everything that a module names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def test_no_two_classes_have_one_name() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "nlpie_models").rglob("*.py")]
    classes = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert len(classes) > 100
    assert [name for name, count in classes.items() if count > 1] == []


def test_names_are_of_the_field() -> None:
    assert len(CODE) > 200
    names = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in CODE
        for line, name in [(1, path.stem), *named(ast.parse(path.read_text(encoding="utf-8")))]
        if name.strip("_").lower() in NAMES
    ]
    assert not names, "\n".join(names)


def test_sentences_are_plain() -> None:
    assert len(DOCUMENTS) > 50
    phrases = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in [*CODE, *DOCUMENTS]
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in PHRASES.finditer(line)
    ]
    assert not phrases, "\n".join(phrases)
