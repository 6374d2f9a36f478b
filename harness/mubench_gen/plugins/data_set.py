"""What a package says of a data set that it brings (`--data NAME`), and how its rows are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_COUNTS = frozenset({"rows", "images", "questions", "options"})
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set that a package brings (`--data NAME`).

    `rows` gets the folder of the data set's own files and yields a mapping for each question, in
    an order that never changes: `id` (unique), `image` or `images` (each a file's bytes, its
    Path, or a function that reads it), `question`, `options`, `answer` (its index in the options,
    or its text), and where they are known `task` (by default the data set's name), `caption` (a
    sentence with {class} in place of an option) and facts: columns of μ-Bench's schema, such as
    `license` or `stain`, or others.
    `tasks`: by name, the keys of a task's file (title, group, question, …); without, there is one
    task of the data set's name.

    Where its files are: `hub` (OWNER/NAME on the Hugging Face hub), at the commit `revision`, and
    `files`, their names or globs; `size` is that of all in bytes. `on_request` says whom to ask
    where they are given out by hand. A data set with neither has its rows in its own package.
    `expected` has the published numbers of rows, images, questions and options. `sources` says
    where each fact was read. `unread`: why its rows cannot be read, in place of `rows`.
    """

    name: str
    title: str
    rows: Callable[[Path], Iterable[Mapping[str, Any]]] | None
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    licence: str = ""
    citation: str = ""
    hub: str = ""
    revision: str = ""
    files: tuple[str, ...] = ()
    size: int | None = None
    on_request: str = ""
    expected: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    unread: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise ValueError(f"DataSet {self.name!r}: a name has letters, digits, _ . and - alone")
        for problem in self._problems():
            raise ValueError(f"DataSet {self.name}: {problem}")

    def _problems(self) -> Iterable[str]:
        if not isinstance(self.title, str) or not self.title.strip():
            yield "it needs a title"
        if callable(self.rows) == bool(self.unread):
            yield "it needs either rows, a function, or unread, why there is none"
        if self.hub and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.hub):
            yield f"hub is OWNER/NAME, found {self.hub!r}"
        if self.revision and not _COMMIT.fullmatch(self.revision):
            yield f"revision is a commit of 40 hexadecimal digits, found {self.revision!r}"
        if self.hub and self.rows and not self.files:
            yield "files names those of the hub that rows reads"
        odd = [name for name in self.tasks if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name)]
        if odd:
            yield f"a task's name has letters, digits, _ . and - alone, found {odd[0]!r}"
        if unknown := set(self.expected) - _COUNTS:
            yield f"expected has {sorted(unknown)}; it counts {', '.join(sorted(_COUNTS))}"

    @property
    def is_own(self) -> bool:
        """Whether its rows are in its own package: there is nothing to fetch."""
        return not self.hub and not self.on_request
