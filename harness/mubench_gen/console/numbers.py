"""Numbers as tables show them: shares in per cent, differences in points, others as they are."""

from __future__ import annotations

Ends = tuple[float, float] | None

ADJUSTED = {  # headings, by how p is adjusted
    "maxt": "p (max-T)",
    "holm": "p (Holm)",
    "bh": "p (BH)",
    "none": "p (unadjusted)",
}


def percent(share: float | None) -> str:
    """0.123 → "12.3", None → "–": the table's numbers are percentages."""
    return "–" if share is None else f"{round(100 * share, 1) + 0.0:.1f}"  # + 0.0: no "-0.0"


def interval(ends: Ends) -> str:
    """(0.1, 0.25) → "10.0–25.0", None → "–"."""
    return "–" if ends is None else f"{100 * ends[0]:.1f}–{100 * ends[1]:.1f}"


def signed(share: float) -> str:
    """0.012 → "+1.2", points of a difference."""
    points = round(100 * share, 1) + 0.0
    return f"{points:+.1f}" if points else "0.0"


def p_value(p: float) -> str:
    """A p-value as it is printed: three places, "< 0.001" below."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float) -> str:
    """How long something takes: "under 1 s", "42 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"."""
    if seconds < 1:
        return "under 1 s"
    left = round(seconds)
    if left >= 3_600:
        left = 60 * round(left / 60)  # of hours, seconds are noise
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    first = next(place for place, (size, _) in enumerate(units) if left >= size)
    (size, unit), (least, smaller) = units[first], units[min(first + 1, 3)]
    words = f"{left // size:,} {unit}"
    rest = left % size // least
    return f"{words} {rest} {smaller}" if rest and least != size else words


class Shares:
    """How values that are shares of 1 are shown: in per cent."""

    unit = "in %"

    def value(self, value: float | None) -> str:
        return percent(value)

    def interval(self, ends: Ends) -> str:
        return interval(ends)

    def signed(self, value: float) -> str:
        return signed(value)

    def signed_interval(self, ends: Ends) -> str:
        """A difference's interval; "to" stands between, as the ends may be negative."""
        return "–" if ends is None else f"{self.signed(ends[0])} to {self.signed(ends[1])}"


class Plain(Shares):
    """How values of any other unit are shown: to four significant digits."""

    unit = ""

    def value(self, value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value + 0.0:.4g}"

    def interval(self, ends: Ends) -> str:
        return "–" if ends is None else f"{self.value(ends[0])} to {self.value(ends[1])}"

    def signed(self, value: float) -> str:
        return f"+{self.value(value)}" if value > 0 else self.value(value)


def number_format(*, in_percent: bool) -> Shares:
    """How the values of a metric are shown."""
    return Shares() if in_percent else Plain()
