"""Masking: how much, by what, the same again after a resume and otherwise in every epoch, block and process."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from torch.utils.data import DataLoader
from transformers import BertForMaskedLM, PreTrainedTokenizerFast, Trainer, TrainingArguments

from nlpie_models.errors import NlpieError
from nlpie_models.training.masking import MaskAnew, Masking, MaskingCollator

CLS, SEP = 2, 3


def make_rows(tokenizer, count=64, length=60, seed=0) -> list[dict]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(len(tokenizer.all_special_ids), len(tokenizer), (count, length))
    ids[:, 0], ids[:, -1] = CLS, SEP
    return [{"input_ids": row.astype(np.uint16)} for row in ids]


def test_shares(tokenizer) -> None:
    rows = make_rows(tokenizer, 400)
    batch = MaskingCollator(tokenizer)(rows)
    ids = torch.tensor(np.stack([row["input_ids"] for row in rows]).astype(np.int64))
    guessed = batch["labels"] != -100
    assert torch.equal(batch["labels"][guessed], ids[guessed])
    assert torch.equal(batch["input_ids"][~guessed], ids[~guessed])
    assert not guessed[:, [0, -1]].any()
    assert guessed[:, 1:-1].float().mean() == pytest.approx(0.15, abs=0.01)
    masked = batch["input_ids"][guessed] == tokenizer.mask_token_id
    same = batch["input_ids"][guessed] == ids[guessed]
    assert masked.float().mean() == pytest.approx(0.8, abs=0.02)
    assert same.float().mean() == pytest.approx(0.1, abs=0.02)
    others = batch["input_ids"][guessed][~masked]
    assert not set(others.tolist()) & set(tokenizer.all_special_ids)


def test_padding_is_neither_seen_nor_guessed(tokenizer) -> None:
    rows = [{"input_ids": [CLS, 10, SEP]}, {"input_ids": [CLS, 10, 11, 12, SEP]}]
    batch = MaskingCollator(tokenizer)(rows)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["input_ids"][0, 3:].tolist() == [tokenizer.pad_token_id] * 2
    assert batch["labels"][0, 3:].tolist() == [-100] * 2


def test_every_block_has_something_to_guess(tokenizer) -> None:
    batch = MaskingCollator(tokenizer, Masking(share=0.01))([{"input_ids": [CLS, 10 + n, SEP]} for n in range(30)])
    assert (batch["labels"][:, 1] != -100).all()
    assert (MaskingCollator(tokenizer)([{"input_ids": [CLS, SEP]}])["labels"] == -100).all()


def test_whole_words(tokenizer) -> None:
    text = "the patient has pneumothorax, given vancomycin. " * 4
    ids = tokenizer(text)["input_ids"]
    pieces = tokenizer.convert_ids_to_tokens(ids)
    collator = MaskingCollator(tokenizer, Masking(whole_words=True))
    alone = set()
    for epoch in range(60):
        collator.set_epoch(epoch)
        guessed = (collator([{"input_ids": ids}])["labels"][0] != -100).tolist()
        for place, piece in enumerate(pieces):
            if piece.startswith("##"):
                assert guessed[place] == guessed[place - 1]
            if piece == "," and guessed[place]:
                alone.add(guessed[place - 1])
    assert alone == {False, True}, "a comma is a word of its own"


def test_a_piece_at_the_start_of_a_block_is_a_word_there(tokenizer) -> None:
    piece = tokenizer.convert_tokens_to_ids("##a")
    collator = MaskingCollator(tokenizer, Masking(whole_words=True))
    assert collator([{"input_ids": [CLS, piece, piece, SEP]}])["labels"].tolist() == [[-100, piece, piece, -100]]


def test_what_is_masked_follows_from_seed_epoch_and_block_only(tokenizer) -> None:
    rows = make_rows(tokenizer)
    collator = MaskingCollator(tokenizer, Masking(seed=1))
    whole = collator(rows)["labels"]
    split = torch.cat([MaskingCollator(tokenizer, Masking(seed=1))(rows[n : n + 8])["labels"] for n in range(0, 64, 8)])
    assert torch.equal(whole, split)
    assert not torch.equal(whole, MaskingCollator(tokenizer, Masking(seed=2))(rows)["labels"])
    collator.set_epoch(1)
    assert not torch.equal(whole, collator(rows)["labels"])
    collator.set_epoch(0)
    assert torch.equal(whole, collator(rows)["labels"])
    patterns = {tuple(row.ne(-100).tolist()) for row in whole}
    assert len(patterns) == len(rows), "two processes have other blocks, and so other masks"


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_mask_alike_and_see_epochs_begin(tokenizer, persistent) -> None:
    rows, collator = make_rows(tokenizer, 8), MaskingCollator(tokenizer)
    loader = DataLoader(rows, 4, collate_fn=collator, num_workers=2, persistent_workers=persistent)
    for epoch in (0, 1):
        collator.set_epoch(epoch)
        expected = collator(rows)["labels"]
        assert torch.equal(torch.cat([batch["labels"] for batch in loader]), expected)


class Recorder(MaskingCollator):
    """Keeps the labels that it gave."""

    def __init__(self, tokenizer) -> None:
        super().__init__(tokenizer, Masking(seed=5))
        self.given = []

    def __call__(self, rows):
        batch = super().__call__(rows)
        self.given.append(batch["labels"].tolist())
        return batch


def train(tokenizer, bert_config, folder, *, stop=None, resume=False):
    torch.manual_seed(0)
    collator = Recorder(tokenizer)
    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=3, per_device_train_batch_size=4, save_strategy="steps", save_steps=2,
        report_to="none", use_cpu=True, disable_tqdm=True, remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Trainer(
        BertForMaskedLM(bert_config),
        arguments,
        data_collator=collator,
        train_dataset=make_rows(tokenizer, 16, 20),
        callbacks=[MaskAnew(collator)],
    )
    if stop:
        trainer.add_callback(
            type("Stop", (MaskAnew,), {"on_step_end": lambda self, a, s, c, **_: halt(s, c, stop)})(collator)
        )
    trainer.train(resume_from_checkpoint=resume)
    return collator.given, [parameter.detach().clone() for parameter in trainer.model.parameters()]


def halt(state, control, stop) -> None:
    control.should_training_stop = state.global_step == stop


@pytest.mark.parametrize("stop", [4, 6])
def test_a_resumed_run_sees_the_same_masks(tokenizer, bert_config, tmp_path, stop) -> None:
    """Stopped at the end of an epoch of four steps and in the midst of one."""
    given, weights = train(tokenizer, bert_config, tmp_path / "whole")
    train(tokenizer, bert_config, tmp_path / "parts", stop=stop)
    rest, resumed = train(tokenizer, bert_config, tmp_path / "parts", resume=True)
    assert rest == given[stop:]
    assert all(map(torch.equal, weights, resumed))
    assert len({str(labels) for labels in given}) == len(given), "each epoch masks anew"


def test_tokenizers_that_do_not_fit(tokenizer) -> None:
    backend = Tokenizer(models.BPE({"a": 0, "[MASK]": 1, "[PAD]": 2}, []))
    other = PreTrainedTokenizerFast(tokenizer_object=backend, mask_token="[MASK]", pad_token="[PAD]")
    MaskingCollator(other)
    with pytest.raises(NlpieError, match="whole words need a WordPiece tokenizer"):
        MaskingCollator(other, Masking(whole_words=True))
    with pytest.raises(NlpieError, match=r"expected a tokenizer with \[MASK\] and \[PAD\]"):
        MaskingCollator(PreTrainedTokenizerFast(tokenizer_object=backend))


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 1}, {"masked": 0.9, "random": 0.2}, {"random": -0.1}])
def test_shares_that_make_no_sense(wrong) -> None:
    with pytest.raises(NlpieError, match="expected a share over 0 and under 1"):
        Masking(**wrong)
