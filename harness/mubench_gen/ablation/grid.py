"""The grid of an ablation: axes with their levels, from flags or a file, and its cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mubench_gen.ablation.axes import NAMED, Axis, conditions_of, read_axes
from mubench_gen.ablation.seen import SEEN
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.plan.settings import validated
from mubench_gen.plugins.entry_points import found_once
from mubench_gen.prompts.families import expanded
from mubench_gen.prompts.orders import check_orders
from mubench_gen.prompts.render import Prompt
from mubench_gen.types import Readout

MOST_CELLS = 10_000
MOST_RUNS = 500
# The slowest first: cells of one image that share a prefix (system prompt, examples, image)
# are adjacent, so that a prefix cache computes it once.
_SETTINGS = {"system": "system", "shots": "shots", "image": "image",
             "labels": "labels", "orders": "order"}  # fmt: skip
OF_CHATS = ("labels", "system", "image", "shots")  # axes that captions lack
_TEXTS = ("system",)  # not split at commas, as other lists are


class StudySettings(BaseModel):
    """The axes of a study's grid, each a list, in addition to the settings of `eval`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plugin: tuple[str, ...] = ()
    model: tuple[str, ...] = ()  # of several plugins: PLUGIN=MODEL
    prompt: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    image: tuple[Literal["before", "after"], ...] = ()
    readout: tuple[Readout, ...] = ()
    shots: tuple[int, ...] = ()
    axis: tuple[Axis, ...] = ()
    budget: int | None = Field(None, ge=1)
    design: str | None = None

    @field_validator("axis", mode="before")
    @classmethod
    def _axes(cls, value: Any) -> Any:
        if isinstance(value, tuple):
            return value
        if not isinstance(value, Mapping):
            raise ValueError("a table is needed, each key a setting and each value a list")
        try:
            return tuple(read_axes(value))
        except UsageError as error:
            raise ValueError(str(error)) from None

    @field_validator(*NAMED, "plugin", "model", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: Any) -> Any:
        levels = list(value) if isinstance(value, (list, tuple)) else [value]
        if not levels and isinstance(value, list):
            raise ValueError("an empty list: leave the key out, or give it a level")
        if info.field_name in _TEXTS:
            return levels
        return [part for level in levels for part in _parts(level)]

    @field_validator(*NAMED, "plugin", "model")
    @classmethod
    def _each_once(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(value))

    @field_validator("prompt")
    @classmethod
    def _families(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(dict.fromkeys(expanded(value)))
        except UsageError as error:
            raise ValueError(str(error)) from None

    @field_validator("shots")
    @classmethod
    def _not_negative(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(shots < 0 for shots in value):
            raise ValueError("a number of worked examples is 0 or more")
        return value

    @field_validator("orders")
    @classmethod
    def _known_orders(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for spec in value:
            try:
                check_orders(spec)
            except SettingError as error:
                raise ValueError(str(error)) from None
        return value


class _Whole(str):
    """A value that is not split at its commas."""


def _parts(level: Any) -> list[Any]:
    if isinstance(level, (Path, _Whole)):
        return [str(level)]
    if not isinstance(level, str):
        return [level]
    return [part.strip() for part in level.split(",") if part.strip()]


@found_once()
def make_study_settings(given: Mapping[str, Any]) -> StudySettings:
    """The axes as given by flags and a file.

    An entry of `axis` for an axis with its own flag works like that flag.
    """
    found, others = dict(given), []
    for axis in read_axes(found.get("axis")):
        if axis.name not in NAMED:
            others.append(axis)
        elif found.get(axis.name):
            raise SettingError(
                f"--axis {axis.name}=… and --{axis.name} are the same axis: give one of them."
            )
        else:
            found[axis.name] = [_Whole(level) for level in axis.levels]
    return validated(StudySettings, {**found, "axis": tuple(others)})


@dataclass(frozen=True, slots=True)
class Factor:
    """An axis of the grid with its levels, in the order given."""

    name: str
    levels: tuple[str, ...]

    def named(self, level: str) -> str:
        """A level as text that also names the factor if needed."""
        if self.name == "shots":
            return f"{level} shots"
        return shown(level) if self.name in (*NAMED, SEEN) else f"{self.name} {shown(level)}"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the grid: the prompt as records name it, the read-out, a level of each factor.

    `condition`: the number of its run among the runs of one model.
    """

    prompt: str
    readout: Readout
    levels: tuple[str, ...]
    condition: int = 0

    def but(self, at: int) -> tuple[str, ...]:
        """Its levels of all factors but the one at that place."""
        return (*self.levels[:at], *self.levels[at + 1 :])


@dataclass(frozen=True, slots=True)
class Grid:
    """All cells, in the order of the product of the factors' levels, the last varying fastest."""

    factors: tuple[Factor, ...]
    cells: tuple[Cell, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(factor.levels) for factor in self.factors)

    def label(self, cell: Cell) -> str:
        """A cell named by its levels of the factors that have several."""
        named = [
            factor.named(level)
            for factor, level in zip(self.factors, cell.levels, strict=True)
            if len(factor.levels) > 1
        ]
        return " · ".join(named) or cell.prompt

    def as_dict(self) -> dict[str, list[str]]:
        return {factor.name: list(factor.levels) for factor in self.factors}


def shown(level: str) -> str:
    """A level as shown in a table: shortened, and never empty."""
    line = " ".join(level.split())
    return "(none)" if not line else line if len(line) <= 32 else line[:31] + "…"


def check_size(axes: StudySettings) -> int:
    """The number of cells. Raises SettingError, with the count, if there are too many."""
    lengths = {axis: len(getattr(axes, axis)) for axis in NAMED if getattr(axes, axis)}
    lengths |= {axis.name: len(axis.values) for axis in axes.axis}
    cells = math.prod(lengths.values())
    factors = " × ".join(f"{n:,} {axis}" for axis, n in lengths.items())
    less = "Leave levels out, or vary some axes in a separate study."
    if cells > MOST_CELLS:
        raise SettingError(
            f"The grid has {cells:,} cells ({factors}); at most {MOST_CELLS:,} are allowed. {less}"
        )
    runs = math.prod(len(axis.values) for axis in run_axes(axes))
    if runs > MOST_RUNS and axes.design is None:
        raise SettingError(
            f"The grid has {runs:,} runs per model ({factors}); at most {MOST_RUNS} are "
            f"allowed. {less}"
        )
    return cells


def run_axes(axes: StudySettings) -> list[Axis]:
    """The axes whose values need separate runs: all except those of prompts."""
    return [axis for axis in axes.axis if axis.field != "prompt_set"]


def prompt_axes(axes: StudySettings) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Axis → (the prompt setting that it varies, its levels); the slowest axis first."""
    named = {
        axis: (setting, tuple(map(str, getattr(axes, axis))))
        for axis, setting in _SETTINGS.items()
        if getattr(axes, axis)
    }
    others = {a.name: (a.key, a.levels) for a in axes.axis if a.field == "prompt_set"}
    return named | others


def variants(axes: StudySettings) -> list[dict[str, str]]:
    """The combinations of `--prompt-set` values under which each prompt is asked."""
    varied = prompt_axes(axes).values()
    return [
        {setting: level for (setting, _), level in zip(varied, levels, strict=True)}
        for levels in product(*(levels for _, levels in varied))
    ]


def make_grid(axes: StudySettings, prompts: Sequence[Prompt], readouts: Sequence[Readout]) -> Grid:
    """The grid of the loaded prompts, each under all `variants`, and the read-outs."""
    made, varied = variants(axes), prompt_axes(axes)
    stems = tuple(dict.fromkeys(prompt.path.stem for prompt in prompts))
    if len(prompts) != len(made) * len(stems):
        raise SettingError("Two of the prompts have the same name: give each level once.")
    names = {
        (prompt.path.stem, *variant.values()): prompt.name
        for (variant, _), prompt in zip(product(made, stems), prompts, strict=True)
    }
    levels: dict[str, tuple[str, ...]] = {
        "prompt": stems,
        "readout": tuple(readouts),
        **{axis: given for axis, (_, given) in varied.items()},
        **{axis.name: axis.levels for axis in axes.axis},
    }
    order = [axis for axis in NAMED if axis in levels] + [axis.name for axis in axes.axis]
    factors = tuple(Factor(axis, levels[axis]) for axis in order)
    return Grid(factors, tuple(_cells(axes, factors, list(varied), names)))


def _cells(
    axes: StudySettings,
    factors: Sequence[Factor],
    varied: Sequence[str],
    names: Mapping[tuple[str, ...], str],
) -> Iterator[Cell]:
    apart = run_axes(axes)
    conditions = {one.levels: number for number, one in enumerate(conditions_of(apart))}
    for levels in product(*(factor.levels for factor in factors)):
        by_axis = {factor.name: level for factor, level in zip(factors, levels, strict=True)}
        name = names[(by_axis["prompt"], *(by_axis[axis] for axis in varied))]
        readout: Any = by_axis["readout"]
        condition = conditions[tuple(by_axis[axis.name] for axis in apart)]
        yield Cell(name, readout, levels, condition)
