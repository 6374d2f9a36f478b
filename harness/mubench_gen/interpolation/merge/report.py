"""The report of a merge (merge.json): tensors, distances by block, warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.interpolation.merge.arithmetic import InnerProducts
from mubench_gen.interpolation.merge.files import listed
from mubench_gen.interpolation.merge.inputs import MergeInputs, MergeSettings
from mubench_gen.interpolation.merge.matching import OutputTensor
from mubench_gen.interpolation.merge.recipe import Recipe, block_of
from mubench_gen.interpolation.merge.recipe_file import RecipeFile
from mubench_gen.interpolation.merge.shard_writer import FinishedShard
from mubench_gen.interpolation.merge.statistics import MeasuredStatistics
from mubench_gen.interpolation.merge.tensors import TORCH_NAMES

# ‖Δ‖ / ‖base‖. The fine-tune of the tiny CLIP has 0.12; two models that were trained separately
# have about 1.4, like independent vectors of equal length.
_UNRELATED = 0.7


@dataclass(frozen=True, slots=True)
class BlockDistance:
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
class MergeReport:
    """`merged`, `copied`, `skipped`: names of tensors; `identical`: merged ones equal in all."""

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
    blocks: tuple[BlockDistance, ...]
    carried: tuple[str, ...]
    carried_from: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    file: RecipeFile | None = None
    measured: tuple[MeasuredStatistics, ...] = ()
    store: str | None = None

    def as_dict(self, alpha: str | None = None) -> dict[str, Any]:
        """For JSON; with `alpha`, the report of one result."""
        recipe = self.recipe.as_dict()
        if alpha is not None:
            recipe = {"alpha": alpha, **{k: v for k, v in recipe.items() if k != "alphas"}}
        return {
            "format": 1,
            "mubench_gen": __version__,
            **recipe,
            **({"recipe": self.file.as_dict()} if self.file else {}),
            "base": self.base,
            "finetuned": list(self.finetuned),
            **({"store": self.store} if self.store else {}),
            **({"statistics": [one.as_dict() for one in self.measured]} if self.measured else {}),
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


def make_report(
    settings: MergeSettings,
    inputs: MergeInputs,
    finished: Sequence[FinishedShard],
    carried: Sequence[str],
) -> MergeReport:
    """The report of a merge whose shards are all written."""
    products = {name: one for shard in finished for name, one in shard.products.items()}
    tensors = list(inputs.tensors)
    merged, copied, skipped = (
        tuple(one.name for one in tensors if one.action == action)
        for action in ("merged", "copied", "skipped")
    )
    total = sum((products[name] for name in merged), InnerProducts())
    base, *others = inputs.names
    return MergeReport(
        base=base,
        finetuned=tuple(others),
        formats={side.name: side.format for side in (inputs.base, *inputs.finetuned)},
        recipe=settings.recipe,
        merged=merged,
        copied=copied,
        skipped=skipped,
        identical=sum(len(shard.identical) for shard in finished),
        parameters=sum(math.prod(one.shape) for one in tensors if one.action == "merged"),
        distance=total.distance,
        cosine=total.cosine,
        blocks=block_distances(tensors, products),
        carried=tuple(carried),
        carried_from=settings.carried_from,
        warnings=(*warnings_of(total, base, others), *inputs.warnings),
        notes=(*inputs.notes, *equality_note(products)),
        file=settings.file,
        measured=inputs.measured,
        store=None if settings.store is None else TORCH_NAMES[settings.store],
    )


def block_distances(
    tensors: Iterable[OutputTensor], products: Mapping[str, InnerProducts]
) -> tuple[BlockDistance, ...]:
    """Distances by block, in the order of the files; numbered blocks by number."""
    groups: dict[str, list[OutputTensor]] = {}
    for one in tensors:
        if one.action == "merged":
            groups.setdefault(block_of(one.name), []).append(one)
    found = []
    for name in sorted(groups, key=_natural):
        total = sum((products[one.name] for one in groups[name]), InnerProducts())
        found.append(
            BlockDistance(
                name=name,
                tensors=len(groups[name]),
                parameters=sum(math.prod(one.shape) for one in groups[name]),
                distance=total.distance,
                cosine=total.cosine,
            )
        )
    return tuple(found)


def warnings_of(total: InnerProducts, base: str, finetuned: Sequence[str]) -> list[str]:
    """Warn if the distance shows that the models are unrelated."""
    distance = total.distance
    if distance is not None and distance <= _UNRELATED:
        return []
    measured = "the base is all zeros" if distance is None else f"‖Δ‖ is {distance:.2f} of ‖base‖"
    cosine = "" if total.cosine is None else f", cosine {total.cosine:.2f}"
    return [
        f"{base} and {', '.join(finetuned)} look unrelated: {measured}{cosine}. Weights between "
        "two models that were trained separately are useless: check that this is the base"
    ]


def equality_note(products: Mapping[str, InnerProducts]) -> list[str]:
    """A note if nothing differs at all."""
    if any(one.difference for one in products.values()):
        return []
    return [f"base and fine-tune are equal in all that is merged: {listed(list(products))}"]


def _natural(name: str) -> tuple[Any, ...]:
    parts = name.split(".")
    return tuple((0, int(p)) if re.fullmatch("[0-9]{1,9}", p) else (1, p) for p in parts)
