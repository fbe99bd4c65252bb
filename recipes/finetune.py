"""Fine-tune a checkpoint for a task; the same as `nlpie train finetune`, for accelerate launch."""

from nlpie_models.cli.train import finetune_command

if __name__ == "__main__":
    finetune_command()
