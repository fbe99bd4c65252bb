"""From the files of a checkpoint to a model and a tokenizer; never random weights, never someone's code."""

import contextlib
import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import CheckpointError, first_line
from .local import ENCODER, MASKED_LM, TOKENIZER_FILES, LocalCheckpoint, has_tokenizer

_CALL_OPTIONS = {"is_local", "local_files_only", "max_length", "name_or_path", "stride", "truncation_strategy"}


def load_model(checkpoint: LocalCheckpoint, auto_class: str) -> Any:
    """Load a checkpoint's model in float32, every tensor from the file.

    Args:
        checkpoint: The files.
        auto_class: transformers' Auto class of the model; ``AutoModel`` reads the encoder and leaves the head, a
            masked language model keeps a pooler that it does not use.

    Raises:
        CheckpointError: The files are damaged, or tensors are missing, unexpected or misshapen; lists them.
    """
    import torch

    model_class, config = model_class_of(checkpoint, auto_class)
    _ = checkpoint.weights
    try:
        with _quiet_transformers():
            model, info = model_class.from_pretrained(
                checkpoint.folder,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,
                use_safetensors=checkpoint.weights_file.endswith("safetensors") if checkpoint.weights_file else None,
            )
    except Exception as error:
        raise CheckpointError(
            f"cannot load the weights in {checkpoint.folder}: {first_line(error)}. "
            "The file may be truncated or damaged: copy or download the checkpoint again."
        ) from error
    _refuse_wrong_tensors(checkpoint, model, info, encoder_only=auto_class == ENCODER)
    if any(key.startswith("pooler.") for key in info["missing_keys"]):
        model.pooler = None
    if auto_class == MASKED_LM:
        _keep_pooler(model, checkpoint, [key for key in info["unexpected_keys"] if is_pooler(key)])
    return model


def _keep_pooler(model: Any, checkpoint: LocalCheckpoint, keys: Sequence[str]) -> None:
    """Give a masked language model the pooler that its file holds, so that classifiers can start from it.

    Args:
        model: The model.
        checkpoint: Its files.
        keys: Names of the pooler's tensors in the weight file; none if it has no pooler.

    Raises:
        CheckpointError: The tensors do not make a pooler of the model.
    """
    import torch

    encoder_class, config = model_class_of(checkpoint, ENCODER)
    with torch.device("meta"):
        pooler = getattr(encoder_class(config), "pooler", None) if keys else None
    if pooler is not None:
        tensors = {key.rpartition("pooler.")[2]: value.float() for key, value in _read_tensors(checkpoint, keys)}
        try:
            pooler.load_state_dict(tensors, assign=True)
        except RuntimeError as error:
            raise CheckpointError(
                f"the pooler in {checkpoint.weights} does not fit {type(model).__name__}: missing or misshapen "
                "tensors. Copy or download the checkpoint again, or convert it with the program that wrote it."
            ) from error
        model.base_model.pooler = pooler


def _read_tensors(checkpoint: LocalCheckpoint, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield the tensors of these names from the weight file, or from the shards that its index names."""
    import torch
    from safetensors import safe_open

    weights = checkpoint.weights
    if weights.suffix == ".json":
        shards = json.loads(weights.read_text(encoding="utf-8"))["weight_map"]
        files = {key: checkpoint.folder / shards[key] for key in keys}
    else:
        files = dict.fromkeys(keys, weights)
    for key, path in files.items():
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                yield key, file.get_tensor(key)
        else:
            yield key, torch.load(path, map_location="cpu", weights_only=True)[key]


def load_tokenizer(checkpoint: LocalCheckpoint) -> Any:
    """Load a checkpoint's tokenizer.

    Raises:
        CheckpointError: Its files are missing or damaged, it has no fast form, or it is not the model's.
    """
    from transformers.models.auto.tokenization_auto import AutoTokenizer

    _, config = model_class_of(checkpoint, ENCODER)
    if not has_tokenizer(checkpoint.folder):
        raise CheckpointError(f"{checkpoint.folder} has no tokenizer: expected {' or '.join(TOKENIZER_FILES)}")
    try:
        with _quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                checkpoint.folder, config=config, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:
        raise CheckpointError(
            f"cannot load the tokenizer in {checkpoint.folder}: {first_line(error)}. "
            "Copy or download the checkpoint again."
        ) from error
    special = [tokenizer.cls_token_id, tokenizer.sep_token_id] if tokenizer.is_fast else [None]
    check_tokenizer(checkpoint, special, len(tokenizer), config.vocab_size)
    # How someone once called it, and where it lay, is no part of a tokenizer that is to be saved again.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    for name in _CALL_OPTIONS & tokenizer.init_kwargs.keys():
        del tokenizer.init_kwargs[name]
    return tokenizer


def check_tokenizer(
    checkpoint: LocalCheckpoint, special: Sequence[int | None], pieces: int, vocabulary: int | None
) -> None:
    """Refuse a tokenizer that is not BERT-like, or not the model's.

    Args:
        checkpoint: The files that it was read from.
        special: Ids of [CLS] and [SEP]; None for one that it lacks.
        pieces: Number of its pieces.
        vocabulary: Number of the model's; None if its config does not say.

    Raises:
        CheckpointError: It lacks a special token, or has more pieces than the model.
    """
    if None in special:
        raise CheckpointError(f"{checkpoint.folder}: expected a BERT-like fast tokenizer with [CLS] and [SEP]")
    if vocabulary is not None and pieces > vocabulary:
        raise CheckpointError(
            f"{checkpoint.folder}: the tokenizer has {pieces} pieces and the model only {vocabulary}; "
            "they do not belong together"
        )


def model_class_of(checkpoint: LocalCheckpoint, auto_class: str) -> tuple[Any, Any]:
    """Return the class that we would choose and its config; code that a folder brings is never looked at."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers.models.auto import modeling_auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    from ..architectures.minialbert import MiniAlbertConfig
    from ..architectures.minialbert.configuration_minialbert import is_published_form

    raw = checkpoint.config
    model_type = MiniAlbertConfig.model_type if is_published_form(raw) else str(raw.get("model_type"))
    try:
        config = CONFIG_MAPPING[model_type].from_dict({**copy.deepcopy(raw), "model_type": model_type})
        return getattr(modeling_auto, auto_class)._model_mapping[type(config)], config
    except KeyError:
        raise CheckpointError(
            f"{checkpoint.folder}: config.json has model_type {model_type!r}, which has no {auto_class} here"
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{checkpoint.folder}: config.json is not usable: {first_line(error)}") from error
    except StrictDataclassError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{checkpoint.folder}: config.json is not usable: {reason}") from error


def _refuse_wrong_tensors(checkpoint: LocalCheckpoint, model: Any, info: dict[str, Any], *, encoder_only: bool) -> None:
    """Raise on tensors that the file and the model do not share.

    With ``encoder_only`` the tensors of a head may be left over, but none of the encoder's. A pooler may be left over
    (no other model has one), or missing from an encoder (no task reads it there). The next-sentence head that BERT was
    pretrained with, beside its masked-language-model head, may be left over too.
    """
    own_modules = {model.base_model_prefix, *(name for name, _ in model.named_children())}
    found = {
        "missing": sorted(key for key in info["missing_keys"] if not (encoder_only and is_pooler(key))),
        "misshapen": sorted(str(key[0]) for key in info["mismatched_keys"]),
        "unexpected": sorted(
            key
            for key in info["unexpected_keys"]
            if not (is_pooler(key) or key.endswith("position_ids") or key.startswith("cls.seq_relationship."))
            and (not encoder_only or key.partition(".")[0] in own_modules)
        ),
    }
    parts = [f"{kind} {', '.join(keys[:5])}{' ...' * (len(keys) > 5)}" for kind, keys in found.items() if keys]
    if parts:
        raise CheckpointError(
            f"the weights in {checkpoint.folder} do not fit {type(model).__name__}: {'; '.join(parts)}. "
            "Copy or download the checkpoint again, or convert it with the program that wrote it."
        )


def is_pooler(key: str) -> bool:
    """Whether a tensor of this name belongs to a pooler, which a masked language model has for others to start from."""
    return ".pooler." in f".{key}"


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silence transformers' loading report and bar: what it would say, we raise."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
