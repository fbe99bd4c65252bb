"""The science of making small models from large ones; knows no registry, file or Hub."""

from .soft_targets import SoftTargets, token_cross_entropy
from .students import cut_vocabulary, keep_layers

__all__ = ["SoftTargets", "cut_vocabulary", "keep_layers", "token_cross_entropy"]
