"""The recipes of the registry: each can be run as it says, and the lines that `nlpie show` prints are such runs."""

import shlex

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from nlpie_models.cli.checkpoints import launch_lines
from nlpie_models.cli.train import continue_command, distill_command
from nlpie_models.distillation import get_objective
from nlpie_models.distillation.students import STUDENT_INITIALISATIONS, make_student
from nlpie_models.recipes import DistillationArguments
from nlpie_models.registry import get_checkpoint, list_checkpoints

DISTILLED = [row for row in list_checkpoints() if "student" in row.recipe.arguments]
# The teachers are not in the registry as such, but for one; their shapes are well known.
SHAPES = {"open-base": (6, 384, 1536)} | dict.fromkeys(
    ["emilyalsentzer/Bio_ClinicalBERT", "dmis-lab/biobert-v1.2"], (12, 768, 3072)
)


def test_the_distilled_checkpoints_are_all_there() -> None:
    assert [row.name for row in DISTILLED] == [
        "bio-minialbert-128",
        "clinical-minialbert-312",
        "compact-biobert",
        "distil-biobert",
        "distil-clinicalbert",
        "open-mini-encoder",
        "open-small",
        "open-tiny",
        "tiny-biobert",
        "tiny-clinicalbert",
    ]


@pytest.mark.parametrize("row", DISTILLED, ids=lambda row: row.name)
def test_a_recipe_makes_the_checkpoint_s_shape(row) -> None:
    arguments, shape = DistillationArguments(**row.recipe.arguments), row.architecture
    assert arguments.student in STUDENT_INITIALISATIONS
    layers, hidden, feed_forward = SHAPES[row.recipe.teacher]
    config = BertConfig(
        vocab_size=shape.vocabulary,
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=12,
        intermediate_size=feed_forward,
    )
    if arguments.student == "minialbert":
        config.vocab_size = 200  # the factorisation is real work
    with torch.device("cpu" if arguments.student == "minialbert" else "meta"):
        teacher = BertForMaskedLM(config)
        student = make_student(arguments.student, teacher, seed=0, **arguments.student_options).config
    assert student.model_type == shape.model_type
    found = student.num_hidden_layers, student.hidden_size, student.num_attention_heads, student.intermediate_size
    assert found == (shape.layers, shape.hidden, shape.heads, shape.feed_forward)
    assert getattr(student, "embedding_size", shape.hidden) == shape.embedding
    get_objective(arguments.objective)(student, config, **arguments.objective_options)


@pytest.mark.parametrize("row", list_checkpoints(), ids=lambda row: row.name)
def test_the_lines_are_runs_with_the_recipe_s_batch(row) -> None:
    lines = launch_lines(row)
    assert bool(lines) == bool(getattr(row.recipe, "corpora", ()))
    processes = dict(zip(lines, (1, 1, 4), strict=False))
    for machine, line in lines.items():
        script, *given = line.partition("recipes/")[2].split(" ")
        command = {"distill.py": distill_command, "continue_pretraining.py": continue_command}[script]
        options = command.make_context("", shlex.split(" ".join(given).replace("DATA", "."))).params
        assert options["name"] == row.name
        assert options["batch"] == row.recipe.arguments["batch"]
        assert options["batch"] % (options["device_batch"] * processes[machine]) == 0
        assert options["learning_rate"] == row.recipe.arguments["learning_rate"]


def test_four_gpus_at_the_papers_batch() -> None:
    line = launch_lines(get_checkpoint("distil-clinicalbert"))["4 GPUs"]
    assert "--num_processes 4" in line
    assert line.endswith("--batch 192 --device-batch 48")
