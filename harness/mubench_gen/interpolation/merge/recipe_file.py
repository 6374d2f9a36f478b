"""The file that a recipe was read from, and what it promises of the checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint
from mubench_gen.interpolation.merge.matching import OutputTensor
from mubench_gen.interpolation.merge.recipe import block_depths


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe's file. `notes`: on what it says that changes nothing here.

    `layers`: how many blocks it takes the models to have; None: it says nothing of that.
    """

    path: str
    text: str
    notes: tuple[str, ...] = ()
    layers: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.path, "text": self.text}


def check_promises(file: RecipeFile, base: OpenCheckpoint, tensors: Sequence[OutputTensor]) -> None:
    """MergeError where the checkpoints are not what the recipe's file takes them for."""
    counts = {count for _, count in block_depths(one.name for one in tensors).values()}
    if file.layers is not None and counts != {file.layers}:
        found = " and ".join(map(str, sorted(counts))) or "no"
        raise MergeError(
            f"{file.path}: layer_range [0, {file.layers}] takes part of {base}, whose towers have "
            f"{found} layers. Whole models are merged: list them under `models`."
        )
