"""A table as text for a terminal, and in the formats that other programs read."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "“": "``", "”": "''", "<": r"\textless{}", ">": r"\textgreater{}",
    "·": r"\textperiodcentered{}", "κ": r"$\kappa$", "≠": r"$\neq$",
}  # fmt: skip


def printable(text: str) -> str:
    """The text on one line, with nothing that a terminal would obey.

    White space becomes spaces; control and format characters (ESC, bidirectional marks) are
    shown as their escapes.
    """
    return "".join(
        " "
        if character in "\t\n\r\v\f\x85\u2028\u2029"
        else character
        if character.isprintable() or not unicodedata.category(character).startswith("C")
        else character.encode("unicode_escape").decode()
        for character in text
    )


def printable_lines(text: str) -> list[str]:
    """The lines of a text, each printable, tabs as the spaces that they stand for."""
    return [printable(line.expandtabs()) for line in text.splitlines()]


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts. The first column is aligned to the left, the others to the right.

    `sections`: rows that belong together; `notes` stand below.
    """

    title: str
    columns: Sequence[str]
    sections: Sequence[Sequence[Sequence[str]]]
    notes: Sequence[str] = ()


def to_markdown(table: TextTable) -> str:
    """GitHub's Markdown: the title in bold, the table, the notes."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_markdown(cell) for cell in cells) + " |"

    rule = "|" + "|".join([":---", *("---:" for _ in table.columns[1:])]) + "|"
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
        f"\\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}\n\\toprule\n"
        f"{line(table.columns)}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}{notes}\n"
        "\\end{table}\n"
    )


def _markdown(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "\\`*_[]|<>" else c for c in printable(text))
    return escaped.replace("&", "&amp;")


def _latex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in printable(text))
