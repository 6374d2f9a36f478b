"""The tables, sentences and figures of a sweep under conditions."""

from __future__ import annotations

from mubench_gen.ablation.grid import shown
from mubench_gen.console.formats import TextTable
from mubench_gen.console.numbers import p_value, percent
from mubench_gen.interpolation.sweep.conditions.dependence import Interaction, OneForAll
from mubench_gen.interpolation.sweep.conditions.frontiers import ByCondition, UnderCondition
from mubench_gen.interpolation.sweep.conditions.robustness import CORRUPTED, Robustness
from mubench_gen.interpolation.sweep.parts import IN_DOMAIN, MEAN, REST
from mubench_gen.interpolation.sweep.words import NO, interval, signed_interval, spanned
from mubench_gen.report.figures.along import AlphaLine, along
from mubench_gen.report.figures.drawing import COLUMN, Drawing, styled
from mubench_gen.report.figures.squares import Dot, Panel, against

_SURE = 0.05


def tables(found: ByCondition) -> list[TextTable]:
    """What the command line shows: the answers first, then accuracies by condition."""
    told = [best_table(found), dependence_table(found), means_table(found)]
    if found.robustness is not None:
        told += [clean_table(found.robustness), drops_table(found.robustness)]
    return told


def best_table(found: ByCondition) -> TextTable:
    """A row per condition: its best α, what choosing it is worth, and against one α for all."""
    rows = []
    regrets = found.one_for_all.regrets
    for place, one in enumerate(found.conditions):
        chosen = one.chosen
        regret = None if regrets is None else regrets[place]
        rows.append(
            [
                one.name,
                best_of(one),
                percent(max(point.accuracy for point in one.of(MEAN))),
                NO if chosen is None else percent(chosen.mean),
                NO if chosen is None else spanned(chosen.equally_good, found.alphas),
                NO if regret is None else interval(regret.mean, regret.ci95),
            ]
        )
    common = found.one_for_all.alpha
    return TextTable(
        "The best α by condition: mean of in-domain and rest in %, differences in points",
        ["condition", "best α", "mean", "cross-fitted", "equally good", f"over one α ({common})"],
        [rows],
    )


def best_of(one: UnderCondition) -> str:
    """The α with the highest mean; of equal ones the nearest to the base."""
    return max(one.of(MEAN), key=lambda point: round(point.accuracy, 12)).alpha


def dependence_table(found: ByCondition) -> TextTable:
    """A row per factor: whether α and it interact, and where most."""
    rows = []
    for one in found.interactions:
        most = one.largest
        rows.append(
            [
                f"α × {one.factor}",
                p_value(one.p),
                most.alpha,
                shown(most.level),
                interval(most.difference, most.band),
            ]
        )
    return TextTable(
        "Does the effect of α depend on the condition? The largest deviation of each, in points",
        ["interaction", "p (max-T)", "at α", "level", "deviation"],
        [rows],
    )


def means_table(found: ByCondition) -> TextTable:
    """A row per α, a column per condition: the mean; the highest of a column is marked."""
    rows = []
    for place, alpha in enumerate(found.alphas):
        cells = []
        for one in found.conditions:
            mark = "* " if alpha == best_of(one) else ""
            cells.append(mark + percent(one.of(MEAN)[place].accuracy))
        rows.append([alpha, *cells])
    return TextTable(
        "Mean of in-domain and rest by condition in % (*: its best α)",
        ["α", *(one.name for one in found.conditions)],
        [rows],
    )


def frontier_rows(one: UnderCondition) -> list[list[str]]:
    """A row per α under one condition: accuracies, and the gain in the mean over both ends."""
    halves = zip(one.of(IN_DOMAIN), one.of(REST), one.of(MEAN), strict=True)
    return [
        [
            f"* {mean.alpha}" if mean.alpha in one.pareto else mean.alpha,
            percent(inside.accuracy),
            percent(rest.accuracy),
            percent(mean.accuracy),
            signed_interval(mean.over_base),
            signed_interval(mean.over_finetuned),
        ]
        for inside, rest, mean in halves
    ]


def clean_table(found: Robustness) -> TextTable:
    """A row per α: accuracy on images as they are, and under transforms together."""
    last = found.of(found.transforms[-1])
    rows = [
        [
            f"* {drop.alpha}" if drop.alpha in found.pareto else drop.alpha,
            percent(clean),
            percent(drop.accuracy),
            signed_interval(drop.change),
        ]
        for clean, drop in zip(found.clean, last, strict=True)
    ]
    name = found.transforms[-1]
    return TextTable(
        f"Clean against {shown(name)} images: accuracy in %, the change in points",
        ["α (*: Pareto point)", "clean", shown(name), "change"],
        [rows],
    )


def drops_table(found: Robustness) -> TextTable:
    """A row per transform and α: the accuracy, and the change against the images as they are."""
    groups = [
        [
            [shown(name), drop.alpha, percent(drop.accuracy), signed_interval(drop.change)]
            for drop in found.of(name)
        ]
        for name in found.transforms
        if name != CORRUPTED
    ]
    return TextTable(
        "Accuracy along α by transform in %, the change against clean images in points",
        ["transform", "α", "accuracy", "change"],
        groups,
    )


def answers(found: ByCondition) -> list[str]:
    """Sentences that answer whether the best α depends on the condition."""
    one = found.one_for_all
    lines = [_dependence(each, found) for each in found.interactions]
    if not one.common:
        lines.append(
            "The best α depends on the condition: no α can be the best under all of them (95 %)."
        )
    elif len(one.common) == len(found.alphas):
        lines.append("No α is shown to be below another under any condition (95 %).")
    else:
        lines.append(
            f"α {spanned(one.common, found.alphas)} may be the best under every condition: "
            "under none of them is another α shown to be better (95 %)."
        )
    if one.regrets is None:
        lines.append("What one α for all costs is not told: too few images have both halves.")
    else:
        lines.append(_worth(one, found))
    if found.robustness is not None:
        told = found.robustness
        name = shown(told.transforms[-1])
        lines.append(
            f"Pareto points of clean and {name} accuracy: α {spanned(told.pareto, told.alphas)}. "
            "Changes against clean images have bands of all α and transforms at once."
        )
    return lines


def _worth(one: OneForAll, found: ByCondition) -> str:
    """What choosing α for each condition is worth against one α for all."""
    lead = f"One α for all: {one.alpha} has the highest mean over the conditions."
    regrets = one.regrets or ()
    most = max(range(len(regrets)), key=lambda place: regrets[place].mean)
    if regrets[most].mean <= 0:
        return f"{lead} Choosing α for each condition instead is worth nothing on other images."
    told = interval(regrets[most].mean, regrets[most].ci95)
    return (
        f"{lead} Choosing α for each condition instead is worth most under "
        f"{found.conditions[most].name}: {told} points on images that did not choose "
        "(cross-fitted; the intervals allow for the choice and hold all conditions)."
    )


def _dependence(one: Interaction, found: ByCondition) -> str:
    most = one.largest
    n = sum(len(each.deviations) for each in found.interactions)
    tested = f"p {p_value(one.p)}, max-T over {n:,} deviations of α and level"
    if one.p >= _SURE:
        return f"It is not shown that the effect of α depends on the {one.factor} ({tested})."
    told = interval(most.difference, most.band)
    return (
        f"The effect of α depends on the {one.factor} ({tested}): most surely at α {most.alpha} "
        f"and {shown(most.level)}, by {told} points from what the two give by themselves."
    )


def means_figure(found: ByCondition, *, width: float = 2 * COLUMN) -> Drawing:
    """The mean along α, a line per condition."""
    lines = [
        AlphaLine(
            one.name,
            [point.at for point in one.of(MEAN)],
            [100 * point.accuracy for point in one.of(MEAN)],
            found.alphas.index(best_of(one)),
        )
        for one in found.conditions
    ]
    with styled():
        return along(lines, found.alphas, "Mean of in-domain and rest by condition", width=width)


def clean_figure(found: Robustness, *, width: float = COLUMN) -> Drawing:
    """The accuracy under transforms against that on clean images, a point an α."""
    last = found.of(found.transforms[-1])
    dots = [
        Dot(
            f"α {drop.alpha}",
            100 * clean,
            100 * drop.accuracy,
            is_open=drop.alpha not in found.pareto,
        )
        for clean, drop in zip(found.clean, last, strict=True)
    ]
    filled = [one for one in dots if not one.is_open]
    joined = sorted(filled, key=lambda one: one.across)
    note = "" if len(filled) == len(dots) else "filled: Pareto points"
    panel = Panel("clean", shown(found.transforms[-1]), dots, joined, note=note)
    with styled():
        return against([panel], "Clean against corrupted accuracy", width=width)
