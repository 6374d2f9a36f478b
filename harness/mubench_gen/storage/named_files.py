"""Digests of files and folders that a model's options name: they are part of what the model is.

A path is the same text whatever lies there. So that an adapter, a tokenizer, a chat template or a
model's own weights are not changed unseen between two starts of a run, what an option names is
digested, whatever the option is called; names of places that are written to are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mubench_gen.storage.digests import sha256_of, tree_digest

_WRITTEN = re.compile(
    r"(.*[._-])?(cache|download|downloads|log|logs|out|output|outputs|tmp|temp|scratch|trace|traces)"
    r"([._-].*)?",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[,;=\s\"'\[\]{}()]+")  # separates several values in one text


def named_files(options: Mapping[str, Any]) -> dict[str, str]:
    """Option → digest of the files and folders that it names; others are left out."""
    found = {}
    for option, value in options.items():
        if not _WRITTEN.fullmatch(option):
            each = [_digest(path) for path in sorted(set(_paths(value)))]
            if each:
                found[option] = each[0] if len(each) == 1 else "+".join(one[:16] for one in each)
    return found


def _paths(value: Any) -> Iterator[Path]:
    """The files and folders that a value names: as a whole, or in a list, a table, a text."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _paths(one)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _paths(one)
    elif isinstance(value, (str, Path)) and str(value):
        whole = _existing(str(value))
        if whole is not None:
            yield whole
        else:
            yield from filter(None, map(_existing, _BETWEEN.split(str(value))))


def _existing(text: str) -> Path | None:
    path = os.path.expanduser(text.removeprefix("file://"))
    if text and os.path.isfile(path):
        return Path(path)
    return Path(path) if text and os.path.isdir(path) and not _holds_all(path) else None


def _holds_all(folder: str) -> bool:
    """Whether the folder is the working folder or around it: runs are written there."""
    return Path.cwd().resolve().is_relative_to(os.path.realpath(folder))


def _digest(path: Path) -> str:
    return tree_digest(path) if path.is_dir() else sha256_of(path)
