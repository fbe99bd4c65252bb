"""The trainer: the same trajectory however a step is cut, checkpoints, a teacher that stays as it is."""

import copy

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification, TrainingArguments

from nlpie_models.distillation import get_objective
from nlpie_models.distillation.trainer import OBJECTIVE_FILE, DistillationTrainer, Pair, Teacher
from nlpie_models.training.masked_lm import MaskedBlocks, collate_blocks, sparse_head

TEXTS = ["the patient has chest pain and fever", "no aspirin was given for a ct scan", "the patient denies fever"]
TEXTS += ["no fever", "a scan was given"]


@pytest.fixture
def make_pair(tokenizer):
    """Return a function that makes a pair with an objective; teacher of 4 layers, student of 2."""

    def make(name: str, model_class=BertForMaskedLM, *, dropout: float = 0.0, bf16: bool = False) -> Pair:
        def build(seed: int, **sizes):
            given = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16} | sizes
            torch.manual_seed(seed)
            config = BertConfig(
                vocab_size=len(tokenizer),
                max_position_embeddings=64,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
                **given,
            )
            return model_class(config)

        narrow = {"hidden_size": 8} if name in ("tinybert", "minilm", "task") else {}
        student = build(1, num_hidden_layers=2, **narrow)
        teacher = Teacher(build(2, num_hidden_layers=4), bf16=bf16)
        torch.manual_seed(3)
        return Pair(student, teacher, get_objective(name)(student.config, teacher.model.config))

    return make


@pytest.fixture
def train(tokenizer, tmp_path):
    """Return a function that trains a pair of masked language models for some steps."""

    def run(pair: Pair, name: str, *, at_once: int = 8, steps: int = 4, resume: str | None = None):
        blocks = MaskedBlocks([tokenizer(TEXTS[index % 5]) for index in range(32)], tokenizer, seed=1)
        arguments = TrainingArguments(
            output_dir=str(tmp_path / name),
            max_steps=steps,
            per_device_train_batch_size=at_once,
            gradient_accumulation_steps=8 // at_once,
            learning_rate=1e-2,
            lr_scheduler_type="constant",
            logging_steps=1,
            save_steps=2,
            remove_unused_columns=False,
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        )

        def collate(examples):
            return collate_blocks(examples, pad_to=16 if pair.objective.needs.one_length else None)

        trainer = DistillationTrainer(pair, args=arguments, train_dataset=blocks, data_collator=collate)
        with sparse_head(pair.student), sparse_head(pair.teacher.model):
            trainer.train(resume_from_checkpoint=resume)
        return [row for row in trainer.state.log_history if "loss" in row]

    return run


def parameters_of(pair: Pair) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in pair.named_parameters()}


@pytest.mark.parametrize("name", ["distilbert", "tinybert", "layerwise", "minilm"])
def test_one_batch_of_eight_and_eight_of_one_take_the_same_steps(name, make_pair, train) -> None:
    whole, cut = make_pair(name), make_pair(name)
    first, second = train(whole, "whole"), train(cut, "cut", at_once=1)
    for row, cut_row in zip(first, second, strict=True):
        parts = {key for key in row if key.startswith("part_")}
        assert parts == {f"part_{part}" for part, weight in whole.objective.weights.items() if weight}
        for key in ("loss", *parts):
            assert cut_row[key] == pytest.approx(row[key], abs=1e-4)
        assert sum(row[part] for part in parts) == pytest.approx(row["loss"], abs=1e-3)
    for key, parameter in parameters_of(whole).items():
        torch.testing.assert_close(parameters_of(cut)[key], parameter, atol=1e-4, rtol=1e-3)


def test_a_resumed_run_goes_on_the_same_with_the_objectives_parameters(make_pair, train, tmp_path) -> None:
    pair = make_pair("tinybert")
    start = copy.deepcopy(pair.objective.state_dict())
    history = train(pair, "run")
    assert not torch.equal(start["projection.weight"], pair.objective.projection.weight)
    folder = tmp_path / "run" / "checkpoint-2"
    assert set(load_file(folder / OBJECTIVE_FILE)) == {"projection.weight", "projection.bias"}
    assert not any("teacher" in name or "objective" in name for name in load_file(folder / "model.safetensors"))
    assert BertForMaskedLM.from_pretrained(folder).config.num_hidden_layers == 2
    again = make_pair("tinybert")
    resumed = train(again, "run", resume=str(folder))
    assert [row["loss"] for row in resumed[-2:]] == [row["loss"] for row in history[-2:]]
    for key, parameter in parameters_of(pair).items():
        assert torch.equal(parameters_of(again)[key], parameter)


def test_the_teacher_stays_as_it_is(make_pair, train) -> None:
    pair = make_pair("distilbert", dropout=0.5)
    before = copy.deepcopy(pair.teacher.model.state_dict())
    inputs = {"input_ids": torch.tensor([[2, 9, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    needs = pair.objective.needs
    first = pair.train().teacher(inputs, needs).logits
    train(pair, "run", steps=2)
    assert pair.student.training
    assert torch.equal(pair.teacher(inputs, needs).logits, first)
    assert not first.requires_grad
    assert all(torch.equal(weight, before[name]) for name, weight in pair.teacher.model.state_dict().items())
    assert not any("teacher" in name for name, _ in pair.named_parameters())


def test_maps_cost_nothing_where_no_objective_reads_them(make_pair) -> None:
    for name, implementation in (("distilbert", "sdpa"), ("minilm", "sdpa"), ("tinybert", "eager")):
        pair = make_pair(name)
        for model in (pair.student, pair.teacher.model):
            assert model.config._attn_implementation == implementation


def test_a_teacher_in_bfloat16(make_pair, train) -> None:
    pair = make_pair("layerwise", bf16=True)
    assert pair.teacher.model.dtype == torch.bfloat16
    losses = [row["loss"] for row in train(pair, "run")]
    assert losses[-1] < losses[0]
    assert pair.student.dtype == torch.float32


def test_task_distillation_of_token_classifiers(make_pair, tokenizer, tmp_path) -> None:
    pair = make_pair("task", BertForTokenClassification)
    rows = [tokenizer(text) for text in TEXTS * 4]
    rows = [
        {"input_ids": row["input_ids"], "labels": [-100, *(n % 2 for n in row["input_ids"][1:-1]), -100]}
        for row in rows
    ]

    def collate(examples):
        padded = tokenizer.pad([{"input_ids": row["input_ids"]} for row in examples], return_tensors="pt")
        length = padded["input_ids"].shape[1]
        labels = [row["labels"] + [-100] * (length - len(row["labels"])) for row in examples]
        kept = {"input_ids": padded["input_ids"], "attention_mask": padded["attention_mask"]}
        return {**kept, "labels": torch.tensor(labels)}

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "run"), max_steps=12, learning_rate=1e-2, logging_steps=6, report_to="none",
        remove_unused_columns=False, use_cpu=True, disable_tqdm=True, save_strategy="no",
    )  # fmt: skip
    trainer = DistillationTrainer(pair, args=arguments, train_dataset=rows, eval_dataset=rows, data_collator=collate)
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before


def test_a_teacher_that_reads_what_the_student_must_guess(make_pair) -> None:
    seen = {}
    for name in ("sentence", "distilbert"):
        pair = make_pair(name)
        pair.teacher.model.register_forward_pre_hook(
            lambda module, args, kwargs, name=name: seen.update({name: kwargs["input_ids"].tolist()}), with_kwargs=True
        )
        ids = torch.tensor([[5, 1, 7]])
        pair(labels=torch.tensor([[-100, 6, -100]]), input_ids=ids, attention_mask=torch.ones_like(ids))
    assert seen == {"sentence": [[5, 6, 7]], "distilbert": [[5, 1, 7]]}
