"""What a merge did, in writing: tensors, distances by block, warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.interpolation.merge.arithmetic import Measured
from mubench_gen.interpolation.merge.files import some
from mubench_gen.interpolation.merge.matching import Match
from mubench_gen.interpolation.merge.recipe import Recipe, block_of, spelled

# Norm of the difference against that of the base. The fine-tune of the tiny CLIP has 0.12; of two
# models that were trained apart one expects about 1.4, as of independent vectors of one length.
_UNRELATED = 0.7


@dataclass(frozen=True, slots=True)
class Block:
    """One block (or module) of a model.

    `distance`: ‖fine-tuned − base‖ / ‖base‖ over its merged tensors (of several fine-tunes,
    their mean), None where the base is zero; `cosine` of the angle between the two.
    """

    name: str
    tensors: int
    parameters: int
    distance: float | None
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """`merged`, `copied`, `skipped` are names; `identical` of the merged are equal in all."""

    base: str
    finetuned: tuple[str, ...]
    formats: Mapping[str, str]
    recipe: Recipe
    merged: tuple[str, ...]
    copied: tuple[str, ...]
    skipped: tuple[str, ...]
    identical: int
    parameters: int
    distance: float | None
    cosine: float | None
    blocks: tuple[Block, ...]
    carried: tuple[str, ...]
    carried_from: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def as_dict(self, alpha: str | None = None) -> dict[str, Any]:
        """As JSON; with `alpha` that of one result."""
        recipe = self.recipe.as_dict()
        if alpha is not None:
            recipe = {"alpha": alpha, **{k: v for k, v in recipe.items() if k != "alphas"}}
        return {
            "format": 1,
            "mubench_gen": __version__,
            **recipe,
            "base": self.base,
            "finetuned": list(self.finetuned),
            "weights_format": dict(self.formats),
            "tensors": {
                "merged": len(self.merged),
                "identical": self.identical,
                "copied": len(self.copied),
                "skipped": len(self.skipped),
            },
            "parameters": self.parameters,
            "distance": self.distance,
            "cosine": self.cosine,
            "blocks": [asdict(block) for block in self.blocks],
            "copied": list(self.copied),
            "skipped": list(self.skipped),
            "carried": list(self.carried),
            "carried_from": self.carried_from,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }


def blocks(matches: Iterable[Match], measured: Mapping[str, Measured]) -> tuple[Block, ...]:
    """Merged tensors by block, in the order of the files, numbered ones in theirs."""
    groups: dict[str, list[Match]] = {}
    for one in matches:
        if one.fate == "merged":
            groups.setdefault(block_of(one.name), []).append(one)
    found = []
    for name in sorted(groups, key=_natural):
        total = sum((measured[one.name] for one in groups[name]), Measured())
        found.append(
            Block(
                name=name,
                tensors=len(groups[name]),
                parameters=sum(math.prod(one.shape) for one in groups[name]),
                distance=total.distance,
                cosine=total.cosine,
            )
        )
    return tuple(found)


def warnings_of(total: Measured, base: str, finetuned: Sequence[str]) -> list[str]:
    """What the distance tells of the two models."""
    distance = total.distance
    if distance is not None and distance <= _UNRELATED:
        return []
    told = "the base is all zeros" if distance is None else f"‖Δ‖ is {distance:.2f} of ‖base‖"
    cosine = "" if total.cosine is None else f", cosine {total.cosine:.2f}"
    return [
        f"{base} and {', '.join(finetuned)} look unrelated: {told}{cosine}. Weights between two "
        "models that were trained apart are those of no model: check that this is the base"
    ]


def unchanged(measured: Mapping[str, Measured], names: Sequence[str]) -> list[str]:
    """A note where nothing differs at all."""
    if any(measured[name].difference for name in names):
        return []
    return [f"base and fine-tune are equal in all that is merged: {some(names)}"]


def alpha_names(recipe: Recipe) -> list[str]:
    return [spelled(alpha) for alpha in recipe.alphas]


def _natural(name: str) -> tuple[Any, ...]:
    parts = name.split(".")
    return tuple((0, int(p)) if re.fullmatch("[0-9]{1,9}", p) else (1, p) for p in parts)
