"""Train a masked language model further on clinical text; the same as `nlpie train continue`, for accelerate launch."""

from nlpie_models.cli.train import continue_command

if __name__ == "__main__":
    continue_command()
