"""The sets of weights that a sweep asks about: the models themselves, and what lies between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from mubench_gen.interpolation.merge.alphas import Alpha, ByPart, folder_name, numbers_of, spelled
from mubench_gen.interpolation.merge.methods import METHODS
from mubench_gen.interpolation.merge.recipe import Recipe

BASE, FINETUNED = "base", "fine-tune"  # names of models that no α gives

End = Literal["", "base", "finetuned"]


@dataclass(frozen=True, slots=True)
class Stop:
    """One set of weights that a sweep stops at, and asks.

    name: in tables and results: the α ("0.5"), with its method where a sweep has several ("ties
    0.5"), or what a model itself is called. folder: of its run, in the sweep's. recipe: how it is
    made, of one α. sides: the fine-tunes that it is made of, by number. end: which of the models
    it is, all others being compared with it. line: the method along whose α it stands; empty for
    a model that no α gives.
    """

    name: str
    folder: str
    recipe: Recipe
    sides: tuple[int, ...] = (0,)
    end: End = ""
    line: str = ""

    @property
    def alpha(self) -> Alpha:
        return self.recipe.alphas[0]

    @property
    def at(self) -> float | None:
        """α as a number; None for a model that no α gives, and by part."""
        return float(self.alpha) if self.line and isinstance(self.alpha, Decimal) else None

    @property
    def watched(self) -> tuple[str, Decimal] | None:
        """Where it must answer otherwise than 0.1 further on: a line, "" for the base, which is on
        all of them, and a number. None by part."""
        if self.end == "base":
            return "", Decimal(0)
        return (self.line or self.name, self.alpha) if isinstance(self.alpha, Decimal) else None

    def digest(self, digests: Sequence[str | None]) -> str:
        """A digest of weights that no file holds, from all that determines them.

        `digests`: of the base's weights and of each fine-tune's.
        """
        recipe, sides = self.recipe, [digests[1 + side] for side in self.sides]
        parts: list[Any] = [digests[0], *sides, recipe.method, spelled(self.alpha)]
        parts += [own for own in (patterns_of(recipe), settings_of(recipe)) if own]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def patterns_of(recipe: Recipe) -> dict[str, list[str]]:
    """The include and exclude patterns that were given."""
    told = {"include": list(recipe.include), "exclude": list(recipe.exclude)}
    return {name: globs for name, globs in told.items() if globs}


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """The settings of its method and the weights of its fine-tunes, where it has any."""
    own = {name: value for name, value in asdict(recipe.sparse).items() if value is not None}
    return {**own, **({"weights": [one.as_dict() for one in recipe.each]} if recipe.each else {})}


def stops_of(recipes: Sequence[Recipe], finetuned: Sequence[str]) -> tuple[Stop, ...]:
    """The stops of a sweep by these recipes, one for each method.

    The base comes first (but for α below 0), then method by method ascending α, then each
    fine-tune that no α gives. `finetuned`: their names. What several methods give, the base and
    the one fine-tune, is asked once.
    """
    first, count = recipes[0], len(finetuned)
    if len(recipes) == 1:
        found = list(_alone(first, count))
    else:
        found = [_base(_plain(first)), *(one for each in recipes for one in _named(each, count))]
    if not any(stop.end == "finetuned" for stop in found):
        found += _models(_plain(first), finetuned, {stop.name for stop in found})
    return tuple(found)


def left_out(recipe: Recipe) -> list[str]:
    """The α of a recipe that are not asked, and why."""
    nothing = [one for one in recipe.alphas if not any(numbers_of(one))]
    if recipe.method == "passthrough":
        return [
            f"α {spelled(one)} of passthrough: all that it scales would be 0" for one in nothing
        ]
    if recipe.method == "lines":
        return []
    return [f"α {spelled(one)}: it is the base" for one in nothing if isinstance(one, ByPart)]


def _arrives(recipe: Recipe) -> bool:
    """Whether α 1 of one fine-tune is the fine-tune; by patterns it is a part of it."""
    return METHODS[recipe.method].arrives and not recipe.each


def _plain(recipe: Recipe) -> Recipe:
    """Of a model itself: every tensor."""
    return Recipe((), keep_base=recipe.keep_base)


def _base(recipe: Recipe) -> Stop:
    zero = replace(recipe, alphas=(Decimal(0),), method="linear")
    return Stop(BASE, BASE, zero, end="base")


def _models(plain: Recipe, names: Sequence[str], taken: set[str]) -> Iterable[Stop]:
    one = replace(plain, alphas=(Decimal(1),))
    for side, name in enumerate(names):
        told, again = FINETUNED if len(names) == 1 else name, 2
        while told in taken:
            told, again = f"{name} ({again})", again + 1
        taken.add(told)
        folder = "finetuned" if len(names) == 1 else f"finetuned-{side + 1}"
        yield Stop(told, folder, one, (side,), "finetuned")


def _alone(recipe: Recipe, count: int) -> Iterable[Stop]:
    """A method's stops in a sweep of it alone. α 0 is the base where the method departs from it,
    α 1 the one fine-tune where it arrives there."""
    departs, arrives = METHODS[recipe.method].departs, count == 1 and _arrives(recipe)
    base = _base(recipe if arrives else _plain(recipe))
    if not departs:
        yield base
    ends = [Decimal(0)] * departs + [Decimal(1)] * arrives
    for alpha in _alphas(recipe, *ends):
        made, sides, end = replace(recipe, alphas=(alpha,)), tuple(range(count)), _end(alpha, ends)
        if end == "base" and not arrives:
            made, sides = base.recipe, base.sides
        yield Stop(spelled(alpha), folder_name(alpha), made, sides, end, recipe.method)


def _end(alpha: Alpha, ends: Sequence[Decimal]) -> End:
    if alpha not in ends:
        return ""
    return "finetuned" if alpha == 1 else "base"


def _named(recipe: Recipe, count: int) -> Iterable[Stop]:
    """A method's stops in a sweep of several, without the models that they share."""
    method, shared = recipe.method, [Decimal(0)] if METHODS[recipe.method].departs else []
    if count == 1 and _arrives(recipe) and not patterns_of(recipe):
        shared.append(Decimal(1))
    for alpha in _alphas(recipe):
        if alpha not in shared:
            name, folder = f"{method} {spelled(alpha)}", f"{folder_name(alpha)}-{method}"
            one = replace(recipe, alphas=(alpha,))
            yield Stop(name, folder, one, tuple(range(count)), line=method)


def _alphas(recipe: Recipe, *also: Decimal) -> list[Alpha]:
    """Those of the recipe, and these: numbers, with those by part before α 1. What is 0 in all
    parts is the base; but with lines it is not, whose blocks move at α 0 too. At α 0 passthrough
    has no weights left to ask."""
    empty, moves = recipe.method == "passthrough", recipe.method == "lines"
    numbers = sorted({*recipe.numbers, *also} - ({Decimal(0)} if empty else set()))
    by_part = [one for one in recipe.alphas
               if isinstance(one, ByPart) and (moves or any(numbers_of(one)))]  # fmt: skip
    behind = [alpha for alpha in numbers if alpha >= 1] if by_part else []
    return [*numbers[: len(numbers) - len(behind)], *by_part, *behind]
