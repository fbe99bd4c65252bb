"""Distil a masked language model from a larger one; the same as `nlpie train distill`, for accelerate launch."""

from nlpie_models.cli.train import distill_command

if __name__ == "__main__":
    distill_command()
