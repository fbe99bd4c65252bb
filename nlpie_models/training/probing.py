"""Linear probing before fine-tuning (LP-FT; Kumar et al., 2022, https://arxiv.org/abs/2202.10054)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm
from transformers import PreTrainedModel

from ..engines.torch import default_device
from ..errors import DataError
from .examples import collate
from .heads import head_layer
from .runs import supports_bf16

_BATCH = 64
_FOLDS = 3
_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


def start_from_probe(model: PreTrainedModel, examples: Sequence[Mapping[str, Any]], *, pad_token_id: int) -> None:
    """Set a head for whole texts to the logistic regression on the features that the model, as it is, computes for it.

    A random head's first gradients distort what the encoder knows, and where most rows have one label, the head learns
    little else for long. The penalty is chosen by log-loss in cross-validation.

    Args:
        model: Model with a head for whole texts; only its last linear layer changes.
        examples: Training examples whose target is the index of one label, or 0 or 1 for each independent label (C,).
        pad_token_id: Id of the padding token.

    Raises:
        DataError: Too few examples have, or do not have, one of the labels.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import StandardScaler

    _check_counts(np.stack([example["labels"] for example in examples]), model)
    features, labels = _features(model, examples, pad_token_id)
    scaler = StandardScaler().fit(features)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": _STRENGTHS}, cv=_FOLDS, scoring="neg_log_loss")
    multi_label = labels.ndim == 2
    fitted = (OneVsRestClassifier(search) if multi_label else search).fit(scaler.transform(features), labels)
    searches = fitted.estimators_ if multi_label else [fitted]
    regressions = [search.best_estimator_ for search in searches]
    weight = np.concatenate([regression.coef_ for regression in regressions])
    bias = np.concatenate([regression.intercept_ for regression in regressions])
    if len(weight) == 1 < head_layer(model).out_features:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / scaler.scale_
    head = head_layer(model)
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(weight))
        head.bias.copy_(torch.as_tensor(bias - weight @ scaler.mean_))


def _check_counts(labels: np.ndarray, model: PreTrainedModel) -> None:
    """Refuse labels (N,) or (N, C) of which one would be missing, or be everywhere, in a fold."""
    names = list((model.config.id2label or {}).values())
    multi_hot = labels if labels.ndim == 2 else labels[:, None] == np.arange(len(names))
    having = multi_hot.astype(int).sum(0)
    for such, counts in (("with", having), ("without", len(labels) - having)):
        for name, count in zip(names, counts, strict=True):
            if count < _FOLDS:
                raise DataError(
                    f"the cross-validation of a probe expects at least {_FOLDS} rows {such} the label {name!r}, got "
                    f"{count}; add some, or start from a random head, without --probe"
                )


def _features(
    model: nn.Module, examples: Sequence[Mapping[str, Any]], pad_token_id: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the head's last layer reads of each example (N, H), and the labels (N,) or (N, C)."""
    read: list[torch.Tensor] = []
    labels: list[torch.Tensor] = []
    order = sorted(range(len(examples)), key=lambda index: -len(examples[index]["input_ids"]))
    hook = head_layer(model).register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].float()))
    device = default_device()
    model.to(device).eval()
    with (
        hook,
        torch.inference_mode(),
        torch.autocast(device.type, torch.bfloat16, enabled=supports_bf16()),
        tqdm(total=len(order), desc="probe", unit=" examples", disable=None) as bar,
    ):
        for start in range(0, len(order), _BATCH):
            batch = collate([dict(examples[index]) for index in order[start : start + _BATCH]], pad_token_id)
            labels.append(batch.pop("labels"))
            model(**{name: values.to(device) for name, values in batch.items()})
            bar.update(len(labels[-1]))
    return torch.cat(read).cpu().numpy(), torch.cat(labels).numpy()
