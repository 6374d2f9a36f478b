"""All output passes here: every text for a file, a stream, a table or a page.

Known secrets are masked first (`masking.py`), and control characters are shown as their escapes.
What is sent to a model does not pass here.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import unicodedata
from typing import Any

from mubench_gen.console.masking import blank

# Control characters (C0 except newline and tab, C1), and marks of the text's direction.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_OURS = re.compile("(\x1b\\[(?:[0-9;]*[mK]|[0-9]*[ABG]|\\?25[hl])|\r)")  # colours and progress bars
_FORMULA = re.compile(r"[=+\-@\t\r]")


def visible(text: str) -> str:
    """The text with secrets masked and control characters escaped; lines and tabs stay."""
    return _OBEYED.sub(_escape, blank(text).replace("\r\n", "\n"))


def printable(text: str) -> str:
    """The text as `visible` has it, on one line.

    White space becomes spaces; control and format characters (ESC, bidirectional marks) are
    shown as their escapes.
    """
    text = blank(text)
    if text.isprintable():  # nearly every text
        return text
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


def csv_cell(value: Any) -> Any:
    """A value for CSV: text that a spreadsheet would calculate has a ' before it."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(value) and not _is_number(value) else text


def from_csv_cell(text: str) -> str:
    """Undoes `csv_cell`."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text, 1) else text


def say(text: str = "", *, mark: str = "", bold: bool = False, colour: str | None = None) -> None:
    """A line of the results, on stdout; `mark` stands before it, styled on a terminal."""
    print(_styled(visible(mark), sys.stdout, bold, colour) + visible(text))


def give(content: bytes) -> None:
    """Bytes of the results, on stdout as they are: the caller has masked secrets."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def tell(text: str = "", *, colour: str | None = None) -> None:
    """A line on stderr, which never fails: what cannot be written there is lost."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # full, gone or closed
            line = _styled(visible(text), sys.stderr, False, colour)
            print(line, file=sys.stderr, flush=True)


def passed(text: str, *, colours: bool) -> str:
    """Any text as a stream prints it: masked and escaped, with our styles if it shows `colours`.

    For what does not pass `say` or `tell`: tracebacks, warnings, and what plugins print.
    """
    text = blank(text)
    if not _OBEYED.search(text):
        return text
    parts = _OURS.split(text)
    kept = [part if colours or part == "\r" else "" for part in parts[1::2]]
    parts[::2] = [_OBEYED.sub(_escape, part) for part in parts[::2]]
    parts[1::2] = kept
    return "".join(parts)


def has_colours(stream: Any) -> bool:
    """Whether the stream is a terminal, or FORCE_COLOR says to treat it as one."""
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _styled(text: str, stream: Any, bold: bool, colour: str | None) -> str:
    if not text or not (bold or colour) or os.environ.get("NO_COLOR") or not has_colours(stream):
        return text
    import click

    return click.style(text, bold=bold or None, fg=colour)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
