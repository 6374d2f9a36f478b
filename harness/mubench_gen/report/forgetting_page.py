"""What fine-tunes learned and forgot, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mubench_gen.compare.forgetting import Change, Forgetting
from mubench_gen.console.numbers import ADJUSTED, Shares, p_value, percent, signed
from mubench_gen.console.outlet import printable
from mubench_gen.report.figures.bars import Changed, changes
from mubench_gen.report.figures.drawing import Drawing, styled
from mubench_gen.report.html.static import html_figure, html_table, static_page

_WIDTH = 6.5  # inches
_HEADS = ("part", "items", "before", "after", "forgotten", "learned", "kept", "change", "95 % CI",
          "p", "p, adjusted", "outcome")  # fmt: skip


def page(found: Forgetting) -> str:
    """The whole page as text."""
    title = f"Learned and forgotten: {found.base} → {', '.join(found.finetuned)}"
    notes = [*(f"Not comparable as they are: {text}." for text in found.accepted), *found.notes]
    notes.append(
        f"On {found.items:,} items that all runs have. Forgotten: right before and wrong after; "
        "learned: wrong before and right after; kept: the share of what was right before that "
        "still is. Unanswered counts as wrong. Intervals and tests are paired by item and "
        f"clustered by {found.clustered}; p is adjusted "
        f"({ADJUSTED[found.adjust]}) over all rows of a part (tasks, data sets) and all "
        "fine-tunes, of a sweep over α 1 and over the other α apart. By a margin of "
        f"{100 * found.margin:g} points: kept, the interval is above −{100 * found.margin:g}; "
        "lost, it is below 0; else not known."
    )
    parts = [part for name in found.finetuned for part in _section(found, name)]
    return static_page(title, parts, notes, by="report")


def figure(found: Sequence[Change], title: str, *, width: float = _WIDTH) -> Drawing:
    """Draw forgotten to the left, learned to the right, a row per group, the worst first."""
    rows = sorted(found, key=lambda one: (one.change, one.name))
    groups = [
        Changed(
            printable(one.name),
            one.forgotten,
            one.learned,
            f"{signed(one.change)} ({Shares().signed_interval(one.ci95)})",
        )
        for one in rows
    ]
    with styled():
        return changes(groups, title, width=width)


def _section(found: Forgetting, name: str) -> Sequence[str]:
    title = f"{found.base} → {name}"
    return (
        f"<h2>{escape(title)}</h2>",
        html_figure(figure(found.of(name, "tasks"), title)),
        html_table(_HEADS, [_cells(one) for one in found.of(name)], name=f"Table of {title}"),
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
