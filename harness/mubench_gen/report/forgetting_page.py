"""What fine-tunes learned and forgot, as one HTML file without a script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mubench_gen.compare.forgetting import Change, Forgetting
from mubench_gen.console.numbers import ADJUSTED, Shares, p_value, percent, signed
from mubench_gen.report.html.static import drawing, html_table, static_page
from mubench_gen.report.html.svg import tag, text, titled

_NAME, _BAR, _TOLD, _ROW = 190, 220, 170, 24  # pixels
_HEADS = ("", "items", "before", "after", "forgotten", "learned", "kept", "change", "95 % CI", "p",
          "p, adjusted", "")  # fmt: skip


def page(found: Forgetting) -> str:
    """The whole page as text."""
    title = f"Learned and forgotten: {found.base} → {', '.join(found.finetuned)}"
    notes = [*(f"Not comparable as they are: {text}." for text in found.accepted), *found.notes]
    notes.append(
        f"On {found.items:,} items that all runs have. Forgotten: right before and wrong after; "
        "learned: wrong before and right after; kept: the share of what was right before that "
        "still is. Unanswered counts as wrong. Intervals and tests are paired by item and "
        "clustered by image; p is adjusted "
        f"({ADJUSTED[found.adjust]}) over all rows of a part (tasks, data sets) and all "
        "fine-tunes, of a sweep over α 1 and over the other α apart. By a margin of "
        f"{100 * found.margin:g} points: kept, the interval is above −{100 * found.margin:g}; "
        "lost, it is below 0; else not known."
    )
    parts = [part for name in found.finetuned for part in _section(found, name)]
    return static_page(title, parts, notes, by="report")


def svg(changes: Sequence[Change], title: str) -> str:
    """Draw forgotten to the left, learned to the right, a row per group, the worst first."""
    rows = sorted(changes, key=lambda one: (one.change, one.name))
    widest = max((max(one.forgotten, one.learned) for one in rows), default=0.0) or 1.0
    middle, height = _NAME + _BAR, _ROW * (len(rows) + 1) + 8
    parts = [
        text("forgotten", x=middle - 8, y=16, text_anchor="end"),
        text("learned", x=middle + 8, y=16),
        *(_bars(one, n * _ROW, widest) for n, one in enumerate(rows, start=1)),
        tag("line", x1=middle, y1=22, x2=middle, y2=height - 4, stroke="currentColor"),
    ]
    return drawing(parts, width=middle + _BAR + _TOLD, height=height, title=title, class_="drawn")


def _bars(one: Change, y: int, widest: float) -> str:
    middle = _NAME + _BAR
    lost, gained = (share / widest * (_BAR - 8) for share in (one.forgotten, one.learned))
    said = (
        f"{one.name}: {percent(one.before)} % before, {percent(one.after)} % after; forgotten "
        f"{percent(one.forgotten)} %, learned {percent(one.learned)} % of {one.n:,} items"
    )
    told = f"{signed(one.change)} ({Shares().signed_interval(one.ci95)})"
    return titled(
        said,
        text(one.name[:28], x=0, y=y + 16),
        tag("rect", x=middle - lost, y=y + 4, width=lost, height=16, class_="lost"),
        tag("rect", x=middle, y=y + 4, width=gained, height=16, class_="gained"),
        text(told, x=middle + _BAR + _TOLD, y=y + 16, text_anchor="end"),
    )


def _section(found: Forgetting, name: str) -> Sequence[str]:
    title = f"{found.base} → {name}"
    return (
        tag("h2", escape(title)),
        f"<div class=scroll>{svg(found.of(name, 'tasks'), title)}</div>",
        html_table(_HEADS, [_cells(one) for one in found.of(name)]),
    )


def _cells(one: Change) -> Sequence[str]:
    return [
        one.name,
        f"{one.n:,}",
        *(percent(share) for share in (one.before, one.after, one.forgotten, one.learned)),
        percent(one.kept),
        signed(one.change),
        Shares().signed_interval(one.ci95),
        p_value(one.p),
        p_value(one.p_adjusted),
        one.outcome,
    ]
