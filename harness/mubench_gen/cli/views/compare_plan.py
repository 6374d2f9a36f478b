"""`compare --plan`: how many images a wanted difference needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.console.numbers import percent

if TYPE_CHECKING:
    from mubench_gen.compare.comparison import Comparison

_WHAT = "difference, found with 80 % power at 5 %"
_OPTIONS = (
    click.option(
        "--plan",
        "planning",
        is_flag=True,
        help="How many images a difference needs: from these pilot runs, or from assumptions.",
    ),
    click.option(
        "--difference",
        type=click.FloatRange(min=0, min_open=True, max=100),
        metavar="POINTS",
        help="With --plan: what is to be found with 80 % power at 5 %. [2]",
    ),
    click.option(
        "--discordance",
        type=click.FloatRange(min=0, max=100),
        metavar="PERCENT",
        help="With --plan, without runs: items that one model alone has right. [20]",
    ),
    click.option(
        "--correlation",
        type=click.FloatRange(min=0, max=1),
        metavar="R",
        help="With --plan, without runs: of two items of an image. [0.3]",
    ),
    click.option(
        "--items-per-image",
        type=click.FloatRange(min=1),
        metavar="N",
        help="With --plan, without runs. [1]",
    ),
)


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of a plan."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class WantedPlan:
    """The flags of a plan; points and per cent as they are given."""

    planning: bool
    difference: float | None
    discordance: float | None
    correlation: float | None
    items_per_image: float | None

    @property
    def share(self) -> float:
        """The difference as a share."""
        from mubench_gen.compare.sample_plan import DIFFERENCE

        return DIFFERENCE if self.difference is None else self.difference / 100

    def check(self, runs: Sequence[Path]) -> None:
        """Raise SettingError for flags of --plan without it, and for assumptions beside runs."""
        from mubench_gen.errors import SettingError

        assumed = (self.discordance, self.correlation, self.items_per_image)
        if not self.planning and any(x is not None for x in (self.difference, *assumed)):
            raise SettingError(
                "--difference, --discordance, --correlation and --items-per-image are only for "
                "--plan: give that too."
            )
        if self.planning and runs and any(x is not None for x in assumed):
            raise SettingError("The runs are the pilot: leave what is assumed without them out.")
        if not self.planning and not runs:
            raise SettingError("A comparison needs two runs or more: mubench-gen compare A B.")


def show_assumed(wanted: WantedPlan, *, as_json: bool) -> None:
    """Print the plan from assumptions."""
    from mubench_gen.cli.views.plan import print_needs
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.compare.sample_plan import ASSUMED_DISCORDANCE, needs_from_assumptions
    from mubench_gen.scores.sample_size import ASSUMED_CORRELATION

    discordance = ASSUMED_DISCORDANCE if wanted.discordance is None else wanted.discordance / 100
    correlation = ASSUMED_CORRELATION if wanted.correlation is None else wanted.correlation
    items = wanted.items_per_image or 1.0
    needs = needs_from_assumptions(
        wanted.share, discordance=discordance, correlation=correlation, items=items
    )
    if as_json:
        assumed = {"discordance": discordance, "correlation": correlation, "items": items}
        print_json({"assumed": assumed, "needs": [asdict(one) for one in needs]})
        return
    origin = (
        f"assumed: one model alone is right on {percent(discordance)} % of the items; items an "
        f"image: {items:g}, with a correlation of {correlation:g} (or two pilot runs)"
    )
    print_needs(needs, _WHAT, origin)


def show_plan(found: Comparison, wanted: WantedPlan, *, as_json: bool) -> None:
    """Print the plan from a comparison of pilot runs."""
    from mubench_gen.cli.views.plan import print_needs
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.compare.sample_plan import needs_from_pilot

    pairs = {
        pair: needs_from_pilot(
            [one for one in found.differences if (one.first, one.second) == pair], wanted.share
        )
        for pair in dict.fromkeys((one.first, one.second) for one in found.differences)
    }
    if as_json:
        plans = [{"first": first, "second": second, "needs": [asdict(one) for one in needs]}
                 for (first, second), needs in pairs.items()]  # fmt: skip
        print_json({"plans": plans})
        return
    for (first, second), needs in pairs.items():
        origin = f"from the pilot runs {first} and {second}, on the same items"
        print_needs(needs, _WHAT, origin, noun=found.noun)
