"""The recipe of a merge: method, α, which tensors. Checked before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.alphas import (
    Alpha,
    ByPart,
    alpha_at,
    numbers_of,
    parse_alphas,
    spelled,
)
from mubench_gen.interpolation.merge.methods import (
    METHODS,
    USUAL,
    Sparse,
    method_named,
    settings_for,
    with_own,
)
from mubench_gen.interpolation.merge.per_finetune import OfOne

MEANS = ("linear", "fisher")  # methods that divide by the sum of the weights


@dataclass(frozen=True, slots=True)
class Recipe:
    """`alphas`: numbers, ascending, each once, or combinations by part.

    `method` is one of `methods.METHODS`: docs/interpolation.md says what each makes of a tensor.
    `sparse`: the settings of the methods that drop parts of the differences. Tensors that
    `include` and `exclude` leave out are the base's. `keep_base`: so are those that a fine-tune
    lacks or has in another shape, which is otherwise refused. `each`: what the fine-tunes have of
    their own, one for each; empty if they count alike. `base_weight`: the base's among the weights
    of linear.
    """

    alphas: tuple[Alpha, ...]
    method: str = "linear"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sparse: Sparse = USUAL
    keep_base: bool = False
    each: tuple[OfOne, ...] = ()
    base_weight: Alpha = Decimal(0)

    @property
    def numbers(self) -> tuple[Decimal, ...]:
        """The α of a recipe that has none by part."""
        return tuple(alpha for alpha in self.alphas if not isinstance(alpha, ByPart))

    def covers(self, name: str) -> bool:
        """Whether the tensor of that name is merged."""
        kept = not self.include or any(fnmatchcase(name, glob) for glob in self.include)
        return kept and not any(fnmatchcase(name, glob) for glob in self.exclude)

    def weights_at(self, name: str, place: tuple[int, int] | None, count: int) -> tuple[float, ...]:
        """The weight of each of `count` fine-tunes in the tensor of that name."""
        if not self.each:
            return (1.0,) * count
        return tuple(alpha_at(one.weight, name, place) for one in self.each)

    def sparse_at(self, number: int, name: str, place: tuple[int, int] | None) -> Sparse:
        """The settings of one fine-tune in the tensor of that name."""
        return self.each[number].at(self.sparse, name, place) if self.each else self.sparse

    def as_dict(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "alphas": [spelled(alpha) for alpha in self.alphas],
            "include": list(self.include),
            "exclude": list(self.exclude),
            **({"missing": "keep-base"} if self.keep_base else {}),
            **{key: value for key, value in asdict(self.sparse).items() if value is not None},
            **({"each": [one.as_dict() for one in self.each]} if self.each else {}),
            **({"base_weight": spelled(self.base_weight)} if self.base_weight else {}),
        }


def make_recipe(
    alphas: Iterable[str | Alpha],
    *,
    method: str = "linear",
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    sparse: Sparse = USUAL,
    keep_base: bool = False,
    each: Iterable[OfOne] = (),
    base_weight: Alpha = Decimal(0),
) -> Recipe:
    """The checked recipe. Raises SettingError for an invalid α, method, or setting of one."""
    method = method_named(method)
    found, each = parse_alphas(alphas), tuple(each)
    outside = [one for alpha in found for one in numbers_of(alpha) if not 0 <= one <= 1]
    if outside and not METHODS[method].any_alpha:
        raise SettingError(
            f"α {spelled(outside[0])} is outside [0, 1], where {method} has no meaning. "
            "Beyond the ends: --method task-arithmetic."
        )
    settings = settings_for(method, sparse)
    for one in each:
        for own in one.extremes():
            settings_for(method, with_own(settings, own))
    if METHODS[method].choice == "variance" and len({one.density for one in each}) > 1:
        raise SettingError(f"{method} has one density for all fine-tunes together.")
    _check_weights(method, [*(one.weight for one in each), base_weight])
    return Recipe(
        found, method, tuple(include), tuple(exclude), settings, keep_base, each, base_weight
    )


def _check_weights(method: str, weights: list[Alpha]) -> None:
    plain = all(one == 1 for one in weights[:-1]) and not weights[-1]
    if not METHODS[method].weights and not plain:
        users = [name for name, facts in METHODS.items() if facts.weights]
        raise SettingError(f"Weights are a setting of {', '.join(users)}; {method} has none.")
    numbers = [one for one in weights if isinstance(one, Decimal)]
    known = len(weights) > 1 and len(numbers) == len(weights)
    if method in MEANS and known and not sum(numbers):
        raise SettingError("Weights whose sum is 0 have no mean. Give others.")
    below = [one for one in numbers if one < 0]
    if method == "fisher" and below:
        raise SettingError(
            f"The weight {spelled(below[0])}: fisher multiplies it with how sure a fine-tune is, "
            "which has no meaning below 0. Give 0 or more."
        )


def lines_scale(alpha: float, place: tuple[int, int] | None) -> float:
    """LiNeS's factor in block number `place[0]` (from 0) of `place[1]`; None: in no block."""
    if place is None or place[1] < 2:
        return alpha
    return alpha + (1 - alpha) * place[0] / (place[1] - 1)


def block_depths(names: Iterable[str]) -> Mapping[str, tuple[int, int]]:
    """For each tensor in a numbered block: the block's number and how many its tower has."""
    found: dict[str, tuple[str, int]] = {}
    for name in names:
        block = BLOCK.match(name)
        if block:
            found[name] = (block["tower"], int(block["number"]))
    counts: dict[str, int] = {}
    for tower, number in found.values():
        counts[tower] = max(counts.get(tower, 0), number + 1)
    return {name: (number, counts[tower]) for name, (tower, number) in found.items()}


# The first integer in a name is its block's: vision_model.encoder.layers.3.mlp.fc1.weight
BLOCK = re.compile(r"(?P<tower>.*?)\.(?P<number>[0-9]{1,9})\.")


def block_of(name: str) -> str:
    """The block that a tensor belongs to, for tables: its tower and number, else its module."""
    block = BLOCK.match(name)
    if block:
        return f"{block['tower']}.{block['number']}"
    module = name.rpartition(".")[0]
    return ".".join(module.split(".")[:2]) if module else name
