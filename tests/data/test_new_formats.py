"""A labelled release and a corpus that are added by one file each work from the command line."""

import importlib
import json
import sys

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.data import labelled, unlabelled
from nlpie_models.data.rows import find_split, read_rows
from nlpie_models.errors import NlpieError

RELEASE = '''
"""Triage notes: a line has an urgency, a bar and a complaint."""

from ._files import find_by_split, read_lines, take_label
from ._format import OFFICIAL, DocumentRows, Format, assemble


def _read(source):
    documents = {}
    for split, paths in find_by_split(source, {".triage"}).items():
        for path in source.progress(paths):
            for where, line in read_lines(path, source.notes):
                label, _, text = line.partition("|")
                if text:
                    row = {"id": where, "text": text, "label": take_label(label, where)}
                    documents.setdefault(split, []).append(DocumentRows(where, [row]))
    return [assemble(source, "triage", "classification", documents, origin=OFFICIAL)]


FORMAT = Format("triage", "triage notes: an urgency and a complaint a line", _read)
'''
CORPUS = '''
"""Letters: a file has several, with a line of asterisks between two."""

from ..files import as_text, open_file, suffix_of
from ._corpus import Corpus, Note


def _read(path, source):
    with open_file(path) as file:
        for number, letter in enumerate(as_text(file).read().split("***\\n"), start=1):
            yield Note(f"{path}:{number}", letter)


def _fits(path):
    return suffix_of(path) == ".letters"


CORPUS = Corpus("letters", "letters with asterisks between", ".letters", _fits, _read)
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    for package, name, module in ((labelled, "triage", RELEASE), (unlabelled, "letters", CORPUS)):
        folder = tmp_path / f"{name}-module"
        folder.mkdir()
        (folder / f"{name}.py").write_text(module)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    importlib.invalidate_caches()
    yield
    for package, name in ((labelled, "triage"), (unlabelled, "letters")):
        sys.modules.pop(f"{package.__name__}.{name}", None)
        vars(package).pop(name, None)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def test_both_are_listed(added) -> None:
    lines = [line.split(maxsplit=2) for line in run("data", "formats").splitlines()]
    assert ["labelled", "triage", "triage notes: an urgency and a complaint a line"] in lines
    assert ["unlabelled", "letters", "letters with asterisks between"] in lines


def test_a_release_of_one_module_is_prepared(added, tmp_path) -> None:
    source = tmp_path / "release"
    source.mkdir()
    (source / "train.triage").write_text(
        "".join(f"high|chest pain {number}\nlow|itch {number}\n" for number in range(10))
    )
    (source / "test.triage").write_text("low|cough\n")
    shown = run("data", "prepare", "triage", source, tmp_path / "sets")
    assert "triage  classification, from triage" in shown
    [(_, row)] = read_rows(find_split(tmp_path / "sets" / "triage", "test"))
    assert (row["text"], row["label"]) == ("cough", "low")
    receipt = json.loads((tmp_path / "sets" / "triage" / "receipt.json").read_text())
    assert {split: counts["rows"] for split, counts in receipt["splits"].items()} == {
        "train": 18,
        "validation": 2,
        "test": 1,
    }


def test_a_corpus_of_one_module_is_prepared(added, mlm_folder, tmp_path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NlpieError("prepared, and not trained on here")

    monkeypatch.setattr("nlpie_models.training.continual.continue_pretraining", refuse)
    path = tmp_path / "all.letters"
    path.write_text("***\n".join(f"the patient has chest pain since {number} days .\n" for number in range(20)))
    arguments = ["--corpus", path, "--kind", "letters", "--store", tmp_path / "store", "--output", tmp_path / "model"]
    run("train", "continue", "--start", mlm_folder, *arguments, "--block", 16, code=1)
    [prepared] = (tmp_path / "store").iterdir()
    receipt = json.loads((prepared / "receipt.json").read_text())
    assert (receipt["corpus"], receipt["documents"]["read"]) == ("letters", 20)
