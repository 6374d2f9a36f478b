"""Runs rows through a model in chunks that fit into memory. Imports torch."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from mubench_gen.errors import EngineFault, ItemError

_Row = TypeVar("_Row")
_Result = TypeVar("_Result")

_FAULTS = ("CUDA error", "device-side assert", "CUBLAS_STATUS", "CUDNN_STATUS", "NCCL")


class Chunks:
    """Runs rows through a step, at most `size` at a time, fewer once memory ran out."""

    def __init__(self, size: int) -> None:
        self.size = size

    def run(
        self, rows: Sequence[_Row], step: Callable[[Sequence[_Row]], Sequence[_Result]]
    ) -> list[_Result]:
        """The step's results, one per row, in order.

        Raises ItemError if a single row does not fit into the device's memory, and
        EngineFault if the device is no longer usable.
        """
        results: list[_Result] = []
        while len(results) < len(rows):
            chunk = rows[len(results) : len(results) + self.size]
            try:
                results.extend(step(chunk))
                continue
            except torch.OutOfMemoryError as error:
                reason = str(error).split(". ")[0]
            except RuntimeError as error:
                if _is_fault(error):
                    raise EngineFault(f"The device failed: {error}") from error
                raise
            # Not in the handler, because its traceback keeps the step's tensors alive.
            self._halve(len(chunk), reason)
        return results

    def _halve(self, rows: int, reason: str) -> None:
        if rows == 1:
            raise ItemError(f"One request alone does not fit into the device's memory: {reason}.")
        self.size = rows // 2
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _is_fault(error: RuntimeError) -> bool:
    return isinstance(error, torch.AcceleratorError) or any(f in str(error) for f in _FAULTS)
