"""The target of a token that is not to be predicted, by the convention of torch's cross-entropy."""

IGNORED = -100
