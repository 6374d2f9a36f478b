"""Prints the effects that a fraction of a grid estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.cli.tables import print_table

if TYPE_CHECKING:
    from mubench_gen.ablation.design import DesignEffect


def show_design(found: Mapping[str, Sequence[DesignEffect]]) -> None:
    """Print the effects of each model, in points."""
    for model, effects in found.items():
        print_table(
            ["effect of", "level", "points", "95 % CI"],
            [
                [one.term, one.level, f"{100 * one.effect:+.1f}", _range(one.ci95)]
                for one in effects
            ],
            title=f"{model}: effects by least squares on the cells of the design",
            right=(2, 3),
        )


def _range(ends: tuple[float, float] | None) -> str:
    return "–" if ends is None else "{:+.1f} to {:+.1f}".format(*(100 * end for end in ends))
