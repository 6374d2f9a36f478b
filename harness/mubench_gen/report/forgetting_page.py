"""What fine-tunes gained and lost as one HTML file: a figure and a table each, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mubench_gen.compare.forgetting import Change, Forgetting
from mubench_gen.console.numbers import chance, percent, signed
from mubench_gen.report.html.assets import asset

_NAME, _BAR, _TOLD, _ROW = 190, 220, 170, 24  # pixels
_STYLE = """
.change .lost { fill: var(--c2); } .change .gained { fill: var(--c1); }
td:first-child { text-align: left; padding-left: 0; }
.change text { fill: currentColor; } .change { font-size: 12px; }
"""


def page(found: Forgetting) -> str:
    """The whole page as text."""
    title = f"Gained and lost: {found.base} → {', '.join(found.finetuned)}"
    parts = [_section(found, name) for name in found.finetuned]
    notes = [*(f"Not comparable as they are: {text}." for text in found.accepted), *found.notes]
    notes.append(
        f"On {found.items:,} items that all runs have. Forgotten: right before and wrong after; "
        "learned: the other way round; kept: of what was right before, what still is. Unanswered "
        "is wrong. Intervals and tests are paired by item and clustered by image; p (Holm) is "
        "adjusted over all rows of a part (tasks, data sets) and all fine-tunes."
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="generator" content="mubench-gen report">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{asset('page.css')}{_STYLE}</style></head>"
        f"<body><main>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + "".join(f"<p class=note>{escape(note)}</p>\n" for note in notes)
        + "</main></body></html>\n"
    )


def svg(changes: Sequence[Change], title: str) -> str:
    """Forgotten to the left, learned to the right, a row a group, the worst first."""
    rows = sorted(changes, key=lambda one: (one.change, one.name))
    widest = max((max(one.forgotten, one.learned) for one in rows), default=0.0) or 1.0
    middle, height = _NAME + _BAR, _ROW * (len(rows) + 1) + 8
    width = middle + _BAR + _TOLD
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" class="change">',
        f"<title>{escape(title)}</title>",
        f'<text x="{middle - 8}" y="16" text-anchor="end">forgotten</text>',
        f'<text x="{middle + 8}" y="16">learned</text>',
    ]
    for number, one in enumerate(rows, start=1):
        y = number * _ROW
        lost, gained = (share / widest * (_BAR - 8) for share in (one.forgotten, one.learned))
        said = (
            f"{one.name}: {percent(one.before)} % before, {percent(one.after)} % after; "
            f"forgotten {percent(one.forgotten)} %, learned {percent(one.learned)} % of "
            f"{one.n:,} items"
        )
        body.append(
            f"<g><title>{escape(said)}</title>"
            f'<text x="0" y="{y + 16}">{escape(one.name[:28])}</text>'
            f'<rect x="{middle - lost:.1f}" y="{y + 4}" width="{lost:.1f}" height="16" '
            'class="lost"/>'
            f'<rect x="{middle}" y="{y + 4}" width="{gained:.1f}" height="16" class="gained"/>'
            f'<text x="{width}" y="{y + 16}" text-anchor="end">{_told(one)}</text></g>'
        )
    body.append(
        f'<line x1="{middle}" y1="22" x2="{middle}" y2="{height - 4}" stroke="currentColor"/></svg>'
    )
    return "".join(body)


def _section(found: Forgetting, name: str) -> str:
    title = f"{found.base} → {name}"
    heads = (
        "", "items", "before", "after", "forgotten", "learned", "kept", "change", "95 % CI", "p",
        "p (Holm)",
    )  # fmt: skip
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(one)) + "</tr>\n"
        for one in found.of(name)
    )
    return (
        f"<h2>{escape(title)}</h2>\n<div class=scroll>{svg(found.of(name, 'tasks'), title)}</div>\n"
        "<div class=scroll><table><tr>"
        + "".join(f"<th>{head}</th>" for head in heads)
        + f"</tr>\n{rows}</table></div>\n"
    )


def _cells(one: Change) -> Sequence[str]:
    return [
        one.name,
        f"{one.n:,}",
        *(percent(share) for share in (one.before, one.after, one.forgotten, one.learned)),
        percent(one.kept),
        signed(one.change),
        f"{signed(one.ci95[0])} to {signed(one.ci95[1])}",
        chance(one.p),
        chance(one.p_holm),
    ]


def _told(one: Change) -> str:
    return f"{signed(one.change)} ({signed(one.ci95[0])} to {signed(one.ci95[1])})"
