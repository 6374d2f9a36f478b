"""Saving: bfloat16 safetensors of at most 4 MB, with keys that transformers and vLLM read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

MAX_BYTES = 4_000_000


def save(model: Any, processor: Any, out: Path) -> None:
    """Write model and processor to `out`, as `save_pretrained` does."""
    model.to(torch.bfloat16).save_pretrained(out)
    processor.save_pretrained(out)
    weights = out / "model.safetensors"
    tensors = {vllm_name(key): tensor for key, tensor in load_file(weights).items()}
    save_file(tensors, weights, {"format": "pt"})
    weights.chmod(0o644)  # safetensors makes it private
    size = weights.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{weights} has {size:,} bytes; at most {MAX_BYTES:,} are shipped")


def vllm_name(key: str) -> str:
    """transformers 5 writes `vision_tower.X`; vLLM wants `vision_tower.vision_model.X`."""
    tower = "vision_tower."
    if key.startswith(tower) and not key.startswith(f"{tower}vision_model."):
        return f"{tower}vision_model.{key.removeprefix(tower)}"
    return key
