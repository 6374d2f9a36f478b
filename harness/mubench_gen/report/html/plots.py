"""The plots of the page: accuracy, position bias, reliability, prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.console.numbers import interval, percent
from mubench_gen.report.html.svg import at, figure, tag, text, titled
from mubench_gen.scores.calibration import Calibration
from mubench_gen.scores.score import Score

_BAR, _GAP, _AXIS, _TICKS = 15, 4, 26, 18  # pixels


@dataclass(frozen=True, slots=True)
class Bar:
    """One run's accuracy on some items, in the run's colour; hollow for an unfinished run."""

    label: str
    colour: int
    score: Score
    finished: bool = True


def bars(bars_: Sequence[Bar], *, title: str, majority: float | None = None) -> str:
    """Accuracies from 0 to 100 %, with their intervals and a line at chance."""
    drawn = [bar for bar in bars_ if bar.score.accuracy is not None]
    if not drawn:
        return ""
    height = len(drawn) * (_BAR + _GAP) + _GAP
    parts = [_grid(height)]
    for place, bar in enumerate(drawn):
        parts.append(_bar(bar, _GAP + place * (_BAR + _GAP)))
    chance = drawn[0].score.chance
    if majority is not None:
        parts.append(_rule("majority", majority, height, "Majority-class baseline"))
    if chance is not None:
        parts.append(_rule("chance", chance, height, "Chance"))
    told = "; ".join(
        f"{bar.label} {percent(bar.score.accuracy)} % ({interval(bar.score.ci95)})" for bar in drawn
    )
    chances = "" if chance is None else f"; chance {percent(chance)} %"
    return figure(
        [_plotted(parts + _ticks(height), height)],
        height=height + _TICKS,
        title=f"{title}: {told}{chances}",
    )


def places(
    answered: Sequence[float], gold: Sequence[float], *, top: float, colour: int, title: str
) -> str:
    """The share of the answers and of the right options at each position in the list.

    `top`: the share drawn at full height, the same in all plots of a page.
    """
    width, height = max(len(answered), 1), 120
    parts = []
    for place, (share, right) in enumerate(zip(answered, gold, strict=True)):
        left, wide = (place + 0.18) / width, 0.64 / width
        tall, level = (height * value / top for value in (share, right))
        name = chr(ord("A") + place) if place < 26 else str(place + 1)
        parts.append(
            titled(
                f"{name}: {percent(share)} % of answers, {percent(right)} % of right options",
                tag(
                    "rect", x=at(left), y=_AXIS / 2 + height - tall, width=at(wide), height=tall,
                    class_=f"bar c{colour}", rx=1.5,
                ),
                tag(
                    "line", x1=at(left - 0.06 / width), x2=at(left + wide + 0.06 / width),
                    y1=_AXIS / 2 + height - level, y2=_AXIS / 2 + height - level, class_="gold",
                ),
                text(
                    name, x=at(left + wide / 2), y=height + _AXIS / 2 + 17, class_="tick",
                    text_anchor="middle",
                ),
                text(
                    f"{100 * share:.0f}", x=at(left + wide / 2), y=height + _AXIS / 2 + 31,
                    class_="tick", text_anchor="middle",
                ),
            )
        )  # fmt: skip
    told = ", ".join(
        f"{chr(ord('A') + place)} {percent(share)} (right options {percent(right)})"
        for place, (share, right) in enumerate(zip(answered, gold, strict=True))
    )
    return figure(parts, height=height + _AXIS + 22, title=f"{title}: {told} per cent")


def reliability(calibration: Calibration, *, colour: int, title: str) -> str:
    """Accuracy against confidence; on the diagonal a model is calibrated."""
    side = 220.0
    most = max((one.n for one in calibration.bins), default=1) or 1
    parts = [
        tag("line", x1=0, y1=side, x2=side, y2=0, class_="diagonal"),
        tag("rect", x=0, y=0, width=side, height=side, class_="frame"),
    ]
    told = []
    for one in calibration.bins:
        if one.confidence is None or one.accuracy is None:
            continue
        words = (
            f"confidence {percent(one.low)}–{percent(one.high)} %: right in "
            f"{percent(one.accuracy)} % of {one.n:,}"
        )
        told.append(words)
        x, y = side * one.confidence, side * (1 - one.accuracy)
        parts.append(
            titled(
                words,
                tag("line", x1=x, x2=x, y1=side * (1 - one.confidence), y2=y, class_="gap"),
                tag(
                    "circle", cx=x, cy=y, r=2.5 + 5 * (one.n / most) ** 0.5, class_=f"dot c{colour}"
                ),
            )
        )
    for tick in (0, 0.5, 1):
        parts += [
            text(f"{100 * tick:.0f}", x=side * tick, y=side + 16, class_="tick",
                 text_anchor="middle"),
            text(f"{100 * tick:.0f}", x=-6, y=side * (1 - tick) + 4, class_="tick",
                 text_anchor="end"),
        ]  # fmt: skip
    parts += [
        text("confidence, %", x=side / 2, y=side + 33, class_="tick", text_anchor="middle"),
        text("accuracy, %", transform=f"translate(-36 {side / 2:.0f}) rotate(-90)", class_="tick",
             text_anchor="middle"),
    ]  # fmt: skip
    return tag(
        "svg",
        "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        class_="plot square",
        viewBox="-50 -10 286 270",
        role="img",
        aria_label=f"{title}. " + "; ".join(told),
    )


def _bar(bar: Bar, y: float) -> str:
    score = bar.score
    accuracy = score.accuracy or 0.0
    kind = f"bar c{bar.colour}" if bar.finished else f"bar c{bar.colour} open"
    parts = [tag("rect", x=0, y=y, width=at(accuracy), height=_BAR, class_=kind, rx=1.5)]
    if score.ci95 is not None:
        low, high = score.ci95
        middle = y + _BAR / 2
        parts.append(tag("line", x1=at(low), x2=at(high), y1=middle, y2=middle, class_="whisker"))
        parts += [
            tag("line", x1=at(end), x2=at(end), y1=middle - 3, y2=middle + 3, class_="whisker")
            for end in (low, high)
        ]
    parts.append(text(percent(accuracy), x="100%", dx=8, y=y + _BAR - 3.5, class_="value"))
    words = (
        f"{bar.label}: {percent(accuracy)} %, 95 % interval {interval(score.ci95)}, "
        f"{score.n:,} items"
    )
    return titled(words, *parts)


def _grid(height: float) -> str:
    return "".join(
        tag("line", x1=at(tick / 100), x2=at(tick / 100), y1=0, y2=height, class_="grid")
        for tick in (0, 20, 40, 60, 80, 100)
    )


def _ticks(height: float) -> list[str]:
    return [
        text(f"{tick}", x=at(tick / 100), y=height + 12, class_="tick", text_anchor="middle")
        for tick in (0, 20, 40, 60, 80, 100)
    ]


def _rule(name: str, share: float, height: float, words: str) -> str:
    line = tag("line", x1=at(share), x2=at(share), y1=0, y2=height, class_=name)
    return titled(f"{words}: {percent(share)} %", line)


def _plotted(parts: Sequence[str], height: float) -> str:
    """The area of the bars, with room for a number at its right."""
    return tag("svg", "".join(parts), x="0.5%", width="89%", height=height, overflow="visible")
