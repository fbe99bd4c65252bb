"""The command lines that make a checkpoint again, by its recipe."""

from ..registry import Checkpoint

_SCRIPTS = {"continual": "recipes/continue_pretraining.py", "distillation": "recipes/distill.py"}
_MACHINES = {
    "one CPU": ("--cpu --num_processes 1", 1, 8),
    "one GPU": ("--num_processes 1", 1, 48),
    "4 GPUs": ("--multi_gpu --num_processes 4", 4, 48),
}
"""Of each machine: how to launch on it, its processes, and the blocks that each can take at once (4 x 48 = 192)."""


def launch_lines(row: Checkpoint) -> dict[str, str]:
    """Return the command that makes a checkpoint again on each kind of machine; DATA is the folder of its corpora.

    The batch over all processes is the recipe's on each of them, so all take the same steps. Empty without a recipe
    whose corpora are known.
    """
    recipe = row.recipe
    if recipe is None or not recipe.corpora or recipe.batch is None:
        return {}
    lines = {}
    for machine, (launcher, processes, room) in _MACHINES.items():
        share = recipe.batch // processes
        at_once = max(size for size in range(1, min(room, share) + 1) if share % size == 0)
        lines[machine] = (
            f"accelerate launch {launcher} {_SCRIPTS[recipe.kind]} {row.name} --data DATA --output runs/{row.name} "
            f"--batch {recipe.batch} --device-batch {at_once}"
        )
    return lines
