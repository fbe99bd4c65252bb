"""Training a student beside a frozen teacher, with the package's only subclass of the HF Trainer."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_file
from torch import nn
from transformers import PreTrainedModel, Trainer

from ..util.targets import IGNORED
from .objectives._objective import Needs, Objective, count_units
from .projections import recorded_projections

OBJECTIVE_FILE = "objective.safetensors"
_STUDENT_FILE = "model.safetensors"
_PART = "part_"


class Teacher:
    """A frozen model that runs without gradients and without dropout.

    It is no ``nn.Module``, so a module that holds it does not train it, save it or send it to other processes.

    Args:
        model: The model; it is frozen and put in eval mode.
        bf16: Whether to convert it to bfloat16.
    """

    def __init__(self, model: PreTrainedModel, *, bf16: bool = False) -> None:
        self.model = model.eval().requires_grad_(False)
        if bf16:
            self.model.to(torch.bfloat16)

    @torch.no_grad()
    def __call__(self, inputs: Mapping[str, torch.Tensor], needs: Needs) -> Any:
        """Return the teacher's outputs, with what ``needs`` names."""
        return run_model(self.model, inputs, needs, layer=needs.projections and needs.projections[1])


def run_model(model: nn.Module, inputs: Mapping[str, torch.Tensor], needs: Needs, *, layer: int | None) -> Any:
    """Return a model's outputs, with what an objective needs, and with ``projections`` of a layer if one is given."""
    with ExitStack() as stack:
        projections = stack.enter_context(recorded_projections(model, layer)) if layer is not None else None
        outputs = model(**inputs, output_hidden_states=needs.hidden_states, output_attentions=needs.attentions)
    if projections is not None:
        outputs["projections"] = tuple(projections)
    return outputs


class Pair(nn.Module):
    """A student and its objective as one module, so that both are trained, and averaged across processes.

    Only eager attention returns attention maps. Both models run it if the objective needs maps; otherwise they run the
    attention that they were loaded with (SDPA).

    Args:
        student: The student.
        teacher: Its teacher.
        objective: What the student learns from the teacher.
    """

    def __init__(self, student: PreTrainedModel, teacher: Teacher, objective: Objective) -> None:
        super().__init__()
        self.student = student
        self.objective = objective
        self.teacher = teacher
        if objective.needs.attentions:
            for model in (student, teacher.model):
                model.config._attn_implementation = "eager"

    @property
    def config(self) -> Any:
        """The student's config, which the HF Trainer reads."""
        return self.student.config

    def forward(self, labels: torch.Tensor, **inputs: torch.Tensor) -> dict[str, Any]:
        """Return the objective's ``parts``, and outside of training the student's ``logits``.

        Args:
            labels: Labels, -100 where they do not count; (B, L) for an objective that needs an unmasked teacher, which
                reads the labels in the place of masks.
            **inputs: Inputs of both models: ``input_ids`` and ``attention_mask`` (B, L) and the like.
        """
        needs = self.objective.needs
        outputs = run_model(self.student, inputs, needs, layer=needs.projections and needs.projections[0])
        batch = {"labels": labels, "attention_mask": inputs["attention_mask"]}
        if needs.unmasked_teacher:
            inputs["input_ids"] = torch.where(labels == IGNORED, inputs["input_ids"], labels)
        parts = self.objective(outputs, self.teacher(inputs, needs), batch)
        return {"parts": parts} if self.training else {"parts": parts, "logits": outputs.logits}


class DistillationTrainer(Trainer):
    """Trains a :class:`Pair`; its checkpoints hold the plain student and, in a file beside it, the objective's tensors.

    Each part of the objective is the mean over all accumulated batches and processes of a step, so the training does
    not depend on how a step is cut into batches.

    Args:
        model: The pair.
        **kwargs: Arguments of the HF Trainer.
    """

    def __init__(self, model: Pair, **kwargs: Any) -> None:
        super().__init__(model=model, **kwargs)
        model.teacher.model.to(self.args.device)
        # Otherwise the Trainer would expect a loss that is scaled to the whole step, and not divide it.
        self.model_accepts_loss_kwargs = False
        self._units = torch.zeros(())
        self._batches = 1
        self._sums: dict[str, torch.Tensor] = {}
        self._steps_logged = 0

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list, Any]:
        """Return the batches of a step, and count the units that its means are over."""
        batches, items = super().get_batch_samples(*args, **kwargs)
        if batches:
            counts = torch.stack([count_units(batch) for batch in batches]).sum(0).to(self.args.device)
            self._units = self.accelerator.reduce(counts, "sum")
            self._batches = len(batches)
        return batches, items

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the sum of the parts, each scaled to be its share of the mean over the whole step."""
        outputs = model(**inputs)
        parts: dict[str, torch.Tensor] = outputs.pop("parts")
        if model.training:
            terms = self._pair.objective.parts
            shares = count_units(inputs).to(self.args.device) / self._units.clamp_min(1)
            parts = {name: part * shares[terms[name].unit] for name, part in parts.items()}
            for name, part in parts.items():
                self._sums[name] = self._sums.get(name, 0.0) + part.detach()
            # Accumulation and the averaging across processes divide by this.
            factor = self._batches * self.accelerator.num_processes
            parts = {name: part * factor for name, part in parts.items()}
        loss = torch.stack(list(parts.values())).sum()
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log what the Trainer logs and, beside a loss, its parts: the mean over the steps since the last log."""
        if "loss" in logs and self._sums:
            steps = max(1, self.state.global_step - self._steps_logged)
            sums = self.accelerator.reduce(torch.stack(list(self._sums.values())), "sum") / steps
            logs |= {f"{_PART}{name}": value for name, value in zip(self._sums, sums.tolist(), strict=True)}
            self._sums = {}
            self._steps_logged = self.state.global_step
        super().log(logs, *args, **kwargs)

    @property
    def _pair(self) -> Pair:
        return self.accelerator.unwrap_model(self.model)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        if self.args.should_save:
            folder = Path(output_dir or str(self.args.output_dir))
            self._pair.student.save_pretrained(folder)
            save_file(self._pair.objective.state_dict(), folder / OBJECTIVE_FILE, metadata={"format": "pt"})

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        folder = Path(resume_from_checkpoint)
        load_model(self._pair.student, folder / _STUDENT_FILE)
        load_model(self._pair.objective, folder / OBJECTIVE_FILE)
        self._steps_logged = int(folder.name.rpartition("-")[2])

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(str(self.state.best_model_checkpoint))
