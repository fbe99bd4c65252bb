"""Run `nlpie train distill` with the arguments given, and keep what every process has trained in a folder."""

import os
import sys
from pathlib import Path

from safetensors.torch import save_file

from nlpie_models.cli.train import distill_command
from nlpie_models.training import distilling

if __name__ == "__main__":
    folder, *arguments = sys.argv[1:]
    pairs = []

    def make_pair(*given, **named):
        pairs.append(original(*given, **named))
        return pairs[0]

    original, distilling.make_pair = distilling.make_pair, make_pair
    distill_command(arguments, standalone_mode=False)
    Path(folder).mkdir(exist_ok=True)
    trained = {name: parameter.detach() for name, parameter in pairs[0].named_parameters()}
    save_file(trained, Path(folder) / f"rank-{os.environ.get('RANK', '0')}.safetensors")
