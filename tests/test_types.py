"""What a type checker tells a user of the package."""

import re

import pytest

SNIPPET = """
import nlpie_models
from nlpie_models import load_clinical

pipe = load_clinical("distil-65m", task="ner", on_long="window")
reveal_type(pipe)
reveal_type(pipe("a note"))
reveal_type(pipe(["a note", "another"]))
reveal_type(pipe("a premise", "a hypothesis"))
reveal_type(pipe(("a premise", "a hypothesis")))
reveal_type(pipe({"text": "a note"}))
reveal_type(pipe(note for note in ["a note"]))
reveal_type([annotation.entities for annotation in pipe.stream(["a note"])])
annotation = nlpie_models.load_clinical()("a note")
reveal_type(annotation.entities[0].start)
reveal_type(annotation.entities[0].assertion)
reveal_type(annotation.relations[0].head.text)
reveal_type(annotation.coverage.characters)
reveal_type(annotation.label)
reveal_type(nlpie_models.get_checkpoint("distil-65m").tasks)
reveal_type(nlpie_models.list_checkpoints())
nlpie_models.load_clincal()
pipe(5)
load_clinical(on_long="cut")
"""
# None of our public types comes from the libraries that take long to read.
SETTINGS = """
[mypy]
follow_imports = silent
ignore_missing_imports = true
[mypy-torch.*,transformers.*,datasets.*,huggingface_hub.*,pandas.*,spacy.*,scipy.*,sklearn.*,matplotlib.*]
follow_imports = skip
"""
REVEALED = """
nlpie_models.pipelines.ClinicalPipeline
nlpie_models.documents.annotation.Annotation
list[nlpie_models.documents.annotation.Annotation]
nlpie_models.documents.annotation.Annotation
nlpie_models.documents.annotation.Annotation
nlpie_models.documents.annotation.Annotation
list[nlpie_models.documents.annotation.Annotation]
list[list[nlpie_models.documents.fields.entities.Entity]]
int
str | None
str
int
str | None
tuple[str, ...]
tuple[nlpie_models.registry.Checkpoint, ...]
"""


def test_types_reach_the_user(tmp_path) -> None:
    api = pytest.importorskip("mypy.api")
    (tmp_path / "snippet.py").write_text(SNIPPET)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    options = ["--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path), "--no-error-summary"]
    said, _, _ = api.run([*options, str(tmp_path / "snippet.py")])
    revealed = [found.replace("builtins.", "") for found in re.findall(r'Revealed type is "(.*)"', said)]
    assert revealed == REVEALED.split("\n")[1:-1]
    errors = re.findall(r"error: (.*)", said)
    assert len(errors) == 3, said
    assert 'has no attribute "load_clincal"' in errors[0]
