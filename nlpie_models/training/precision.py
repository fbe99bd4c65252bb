"""What precision this machine trains in."""

import torch


def supports_bf16() -> bool:
    """Whether the GPU, or else the CPU, has instructions with which torch computes in bfloat16."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_accelerator() -> bool:
    """Whether torch sees a device other than the CPU."""
    return torch.accelerator.is_available()
