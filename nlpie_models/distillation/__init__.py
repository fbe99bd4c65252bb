"""The science of making small models from large ones; knows no registry, file or Hub."""

from .objectives import get_objective, list_objectives
from .pruning import keep_layers
from .soft_targets import SoftTargets, token_cross_entropy
from .students import cut_vocabulary

__all__ = ["SoftTargets", "cut_vocabulary", "get_objective", "keep_layers", "list_objectives", "token_cross_entropy"]
