"""The science of making small models from large ones; it knows no registry, file or Hub."""

from .objectives import get_objective, list_objectives
from .pruning import keep_layers
from .soft_targets import SoftTargets
from .students import cut_vocabulary, match_vocabulary

__all__ = ["SoftTargets", "cut_vocabulary", "get_objective", "keep_layers", "list_objectives", "match_vocabulary"]
