"""Data parallelism: how many engines, and which GPUs each has. No vLLM here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mubench_gen.errors import SettingError, UsageError


def gpu_shares(arguments: Mapping[str, Any], device: str, number: int) -> list[list[str]]:
    """The GPUs of each replica, by their names in CUDA_VISIBLE_DEVICES; empty on a CPU.

    Imports torch. Raises UsageError where there are too few for all.
    """
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return [[] for _ in range(number)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(torch.cuda.device_count())]
    each = int(arguments.get("tensor_parallel_size") or 1)
    each *= int(arguments.get("pipeline_parallel_size") or 1)
    if len(names) < each * number:
        raise UsageError(
            f"{number} replicas on {each} GPUs each (engine.data_parallel_size, "
            f"engine.tensor_parallel_size) need {each * number} GPUs; {len(names)} are visible."
        )
    return [names[n * each : (n + 1) * each] for n in range(number)]


def read_number(arguments: dict[str, Any]) -> int:
    """Take the number of replicas out of the arguments, which are for one replica."""
    wish = arguments.pop("data_parallel_size", None)
    number = 1 if wish is None else wish
    if not isinstance(number, int) or number < 1:
        raise SettingError(f"engine.data_parallel_size={wish}: a whole number from 1 on is needed.")
    return number
