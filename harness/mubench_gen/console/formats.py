"""A table as text for a terminal, and in the formats that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.console.outlet import printable

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "“": "``", "”": "''", "<": r"\textless{}", ">": r"\textgreater{}",
    "·": r"\textperiodcentered{}", "κ": r"$\kappa$", "≠": r"$\neq$",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts: the first `texts` columns are words, the others numbers.

    `sections`: rows that belong together; `notes` stand below.
    """

    title: str
    columns: Sequence[str]
    sections: Sequence[Sequence[Sequence[str]]]
    notes: Sequence[str] = ()
    texts: int = 1


def to_markdown(table: TextTable) -> str:
    """GitHub's Markdown: the title in bold, the table, the notes."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_markdown(cell) for cell in cells) + " |"

    rule = "|" + "|".join(":---" if left else "---:" for left in _to_the_left(table)) + "|"
    rows = [line(row) for section in table.sections for row in section]
    parts = [f"**{_markdown(table.title)}**", "\n".join([line(table.columns), rule, *rows])]
    parts += [_markdown(note) for note in table.notes]
    return "\n\n".join(parts) + "\n"


def to_latex(table: TextTable) -> str:
    """A table for LaTeX with the package booktabs, a rule between sections."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(_latex(cell) for cell in cells) + r" \\"

    body = "\n\\midrule\n".join(
        "\n".join(line(row) for row in section) for section in table.sections if section
    )
    notes = "".join(f"\n\\par\\footnotesize {_latex(note)}" for note in table.notes)
    return (
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{_latex(table.title)}}}\n"
        f"\\begin{{tabular}}{{{''.join('l' if left else 'r' for left in _to_the_left(table))}}}\n"
        "\\toprule\n"
        f"{line(table.columns)}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}{notes}\n"
        "\\end{table}\n"
    )


def _to_the_left(table: TextTable) -> list[bool]:
    return [place < table.texts for place in range(len(table.columns))]


def _markdown(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "\\`*_[]|<>" else c for c in printable(text))
    return escaped.replace("&", "&amp;")


def _latex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in printable(text))
