"""A table as text for a terminal, and in the formats that other programs read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mubench_gen.console.outlet import printable

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "“": "``", "”": "''", "<": r"\textless{}", ">": r"\textgreater{}",
    "·": r"\textperiodcentered{}", "κ": r"$\kappa$", "≠": r"$\neq$", "α": r"$\alpha$",
    "β": r"$\beta$", "μ": r"$\mu$", "×": r"$\times$", "→": r"$\to$", "↑": r"$\uparrow$",
    "↓": r"$\downarrow$", "±": r"$\pm$", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$",
    "…": r"\ldots{}", "’": "'", "|": r"\textbar{}", '"': "''", "\N{NO-BREAK SPACE}": "~",
}  # fmt: skip
_PIECES = re.compile(r"[^ _/-]*[ _/-]+|[^ _/-]+")


class Strong(str):
    """A cell that stands out: in bold where there is bold."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts: the first `texts` columns and the last `after` are words, the others
    numbers.

    `sections`: rows that belong together; `lead` stands above, `notes` stand below.
    """

    title: str
    columns: Sequence[str]
    sections: Sequence[Sequence[Sequence[str]]]
    notes: Sequence[str] = ()
    texts: int = 1
    lead: Sequence[str] = ()
    after: int = 0


def to_markdown(table: TextTable) -> str:
    """GitHub's Markdown: the title in bold, the table, the notes."""

    def line(cells: Sequence[str]) -> str:
        filled = (_emphasised(cell, "**{}**", _markdown) for cell in _filled(cells, table))
        return "| " + " | ".join(filled) + " |"

    rule = "|" + "|".join(":---" if left else "---:" for left in _to_the_left(table)) + "|"
    rows = [line(row) for section in table.sections for row in section]
    parts = [*map(_markdown, table.lead)]
    parts += [f"**{_markdown(table.title)}**", "\n".join([line(table.columns), rule, *rows])]
    parts += [_markdown(note) for note in table.notes]
    return "\n\n".join(parts) + "\n"


def to_latex(table: TextTable) -> str:
    """A table for LaTeX with the package booktabs, a rule between sections.

    It compiles where the preamble has `\\usepackage{booktabs}`.
    """

    def line(cells: Sequence[str]) -> str:
        filled = (_emphasised(cell, r"\textbf{{{}}}", _latex) for cell in _filled(cells, table))
        return " & ".join(filled) + r" \\"

    body = "\n\\midrule\n".join(
        "\n".join(line(row) for row in section) for section in table.sections if section
    )
    notes = "".join(f"\n\\par\\footnotesize {_latex(note)}" for note in table.notes)
    lead = "".join(f"% {' '.join(printable(words).split())}\n" for words in table.lead)
    return (
        f"{lead}\\begin{{table}}\n\\centering\n"
        f"\\caption{{{_latex(table.title)}}}\n"
        f"\\begin{{tabular}}{{{''.join('l' if left else 'r' for left in _to_the_left(table))}}}\n"
        "\\toprule\n"
        f"{line(table.columns)}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}{notes}\n"
        "\\end{table}\n"
    )


def folded(text: str, most: int) -> str:
    """A name in lines of at most so many characters, where it can be broken: behind a space, "_",
    "-" or "/".
    """
    lines = [""]
    for word in pieces(text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > most:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def pieces(text: str) -> list[str]:
    """The parts of a name between which it can be broken."""
    return _PIECES.findall(text) or [text]


def _filled(cells: Sequence[str], table: TextTable) -> list[str]:
    """The cells of a row, with empty ones where it is shorter than the table."""
    return [*cells, *[""] * (len(table.columns) - len(cells))]


def _emphasised(cell: str, form: str, escaped: Callable[[str], str]) -> str:
    return form.format(escaped(cell)) if isinstance(cell, Strong) and cell else escaped(cell)


def _to_the_left(table: TextTable) -> list[bool]:
    columns = len(table.columns)
    return [place < table.texts or place >= columns - table.after for place in range(columns)]


def _markdown(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "\\`*_[]|<>" else c for c in printable(text))
    return escaped.replace("&", "&amp;")


def _latex(text: str) -> str:
    indent = r"\quad " if text.startswith("  ") else ""
    return indent + "".join(_LATEX.get(c, c) for c in printable(text.lstrip()))
