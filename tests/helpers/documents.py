"""The documents as data: their blocks of code, with the names of files and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(
    r"(?:^[ \t]*<!-- not run: (?P<reason>[^\n]+?) -->\n+)?"
    r"^(?P<indent>[ \t]*)```(?P<language>\w*)(?P<about>[^\n]*)\n"
    r"(?P<text>.*?)^(?P=indent)```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
_NAMED = re.compile(r"# ([\w./-]+\.py)\n")  # a file's name as its first line
_INLINE = re.compile(r"`(mubench-gen [^`]+)`")
_COMMENT = re.compile(r"(?:^|\s{2,})# .*$")  # behind a command, two spaces before it


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `title` is the file that it is; `reason` says why it can't be run."""

    page: Path
    line: int
    language: str
    title: str | None
    reason: str | None
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def is_shell(self) -> bool:
        return self.title is None and self.language in ("", "bash", "sh", "console")

    def commands(self) -> Iterator[str]:
        """Its command lines, with what is continued by a backslash joined, without comments."""
        for line in self.text.replace("\\\n", " ").splitlines():
            command = _COMMENT.sub("", line).strip().removeprefix("$ ")
            if command:
                yield command


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    source = page.read_text("utf-8")
    return [
        Block(
            page,
            source.count("\n", 0, found.start("language")) + 1,
            found["language"],
            _title(found),
            found["reason"],
            re.sub(rf"(?m)^{found['indent']}", "", found["text"]),
        )
        for found in _BLOCK.finditer(source)
    ]


def _title(found: re.Match[str]) -> str | None:
    title = _TITLE.search(found["about"]) or _NAMED.match(found["text"])
    return title[1] if title else None


def inline_commands(page: Path) -> list[str]:
    """The command lines in a page's running text."""
    return [" ".join(found.split()) for found in _INLINE.findall(page.read_text("utf-8"))]


def write_files(page: Path, folder: Path) -> list[Path]:
    """The files that a page shows, written into the folder."""
    written = []
    for block in blocks(page):
        if block.title is not None:
            target = folder / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
            written.append(target)
    return written


def words_of(command: str) -> list[str]:
    """A command line as words, as a shell splits it; without what its output is piped to."""
    return list(takewhile(lambda word: word != "|", shlex.split(command)))
