"""Masks: shares, whole words, what is put in their place, and that they follow from seed, epoch and block alone."""

import numpy as np
import pytest
import torch

from nlpie_models.training.masked_lm import MaskedBlocks, collate_blocks

TEXT = "the patient has chest pain and denies fever xyz aspirin was given for a ct scan"


@pytest.fixture
def blocks(tokenizer) -> list[dict]:
    return [{"input_ids": tokenizer(f"{TEXT} {'of ' * n}")["input_ids"]} for n in range(300)]


def test_shares(blocks, tokenizer) -> None:
    masked = MaskedBlocks(blocks, tokenizer)
    chosen = replaced = random = pieces = 0
    for block, row in zip(blocks, masked, strict=False):
        ids, predicted = torch.tensor(block["input_ids"]), row["predicted"]
        assert torch.equal(row["labels"][predicted], ids[predicted])
        assert (row["labels"][~predicted] == -100).all()
        assert torch.equal(row["input_ids"][~predicted], ids[~predicted])
        assert not predicted[torch.isin(ids, torch.tensor(tokenizer.all_special_ids))].any()
        pieces += len(ids) - 2
        chosen += int(predicted.sum())
        replaced += int((row["input_ids"][predicted] == tokenizer.mask_token_id).sum())
        random += int(((row["input_ids"] != ids) & (row["input_ids"] != tokenizer.mask_token_id)).sum())
    assert chosen / pieces == pytest.approx(0.15, abs=0.01)
    assert replaced / chosen == pytest.approx(0.8, abs=0.02)
    assert random / chosen == pytest.approx(0.1, abs=0.02)


def test_whole_words(blocks, tokenizer) -> None:
    pieces = tokenizer.convert_ids_to_tokens(blocks[0]["input_ids"])
    first = pieces.index("x")
    assert pieces[first : first + 3] == ["x", "##y", "##z"]
    rows = [row["predicted"][first : first + 3].tolist() for row in MaskedBlocks(blocks, tokenizer, whole_words=True)]
    assert all(len(set(row)) == 1 for row in rows)
    assert 0.08 < np.mean([row[0] for row in rows]) < 0.25
    apart = [row["predicted"][first : first + 3].tolist() for row in MaskedBlocks(blocks, tokenizer)]
    assert any(len(set(row)) == 2 for row in apart)


def test_masks_follow_from_seed_epoch_and_block(blocks, tokenizer) -> None:
    def masks(epoch: int = 0, **options) -> list[torch.Tensor]:
        data = MaskedBlocks(blocks, tokenizer, **options)
        data.start_epoch(epoch)
        return [data[index]["input_ids"] for index in reversed(range(20))]

    def same(first, second) -> bool:
        return all(map(torch.equal, first, second))

    assert same(masks(), masks())
    assert not same(masks(), masks(epoch=1))
    assert not same(masks(), masks(seed=1))
    assert same(masks(fixed=True), masks(epoch=1, fixed=True))


def test_blocks_are_padded(blocks, tokenizer) -> None:
    data = MaskedBlocks(blocks, tokenizer)
    batch = collate_blocks([data[0], data[9]], tokenizer.pad_token_id)
    length = len(blocks[9]["input_ids"])
    assert {name: tuple(value.shape) for name, value in batch.items()} == dict.fromkeys(
        ("input_ids", "labels", "predicted", "attention_mask"), (2, length)
    )
    padded = batch["attention_mask"][0] == 0
    assert padded.sum() == length - len(blocks[0]["input_ids"])
    assert (batch["labels"][0][padded] == -100).all()
    assert not batch["predicted"][0][padded].any()
