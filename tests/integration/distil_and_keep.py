"""Run `nlpie train distill` with the arguments given, and keep what every process has trained in a folder."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from safetensors.torch import save_file

from nlpie_models.cli.train import distill_command
from nlpie_models.training import distilling


def distil_and_keep(folder: Path, arguments: Sequence[str]) -> None:
    pairs = []
    make_pair = distilling.make_pair

    def make_and_keep(*given, **named):
        pairs.append(make_pair(*given, **named))
        return pairs[0]

    with patch.object(distilling, "make_pair", make_and_keep):
        distill_command(arguments, standalone_mode=False)
    folder.mkdir(exist_ok=True)
    trained = {name: parameter.detach() for name, parameter in pairs[0].named_parameters()}
    save_file(trained, folder / f"rank-{os.environ.get('RANK', '0')}.safetensors")


if __name__ == "__main__":
    distil_and_keep(Path(sys.argv[1]), sys.argv[2:])
