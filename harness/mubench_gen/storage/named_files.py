"""Digests of files and folders that a model's options name: they are part of what the model is.

A path is the same text whatever lies there. So that an adapter, a tokenizer, a chat template or a
model's own weights are not changed unseen between two starts of a run, what an option names is
digested, whatever the option is called; names of places that are written to are left out. Of the
working folder, and those around it, where runs and logs are written, files of weights count alone.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mubench_gen.storage.digests import sha256_of, tree_digest

_WRITTEN = re.compile(
    r"(.*[._-])?(cache|download|downloads|log|logs|out|output|outputs|tmp|temp|scratch|trace|traces)"
    r"([._-].*)?",
    re.IGNORECASE,
)
WEIGHTS = frozenset(
    {
        ".safetensors",
        ".bin",
        ".pt",
        ".pth",
        ".ckpt",
        ".npz",
        ".npy",
        ".onnx",
        ".gguf",
        ".h5",
        ".pkl",
    }
)
_BETWEEN = re.compile(r"[,;=\s\"'\[\]{}()]+")  # separates several values in one text


def named_files(options: Mapping[str, Any], weights: Collection[str] = ()) -> dict[str, str]:
    """Option → digest of the files and folders that it names; others are left out.

    `weights`: options that hold weights by their type, whatever they are called.
    """
    found = {}
    for option, value in options.items():
        if option in weights or not _WRITTEN.fullmatch(option):
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
    if not text or not os.path.isdir(path):
        return None
    return None if _holds_all(path) and not _weights_in(Path(path)) else Path(path)


def _holds_all(folder: str) -> bool:
    """Whether the folder is the working folder or around it: runs are written there."""
    return Path.cwd().resolve().is_relative_to(os.path.realpath(folder))


def _weights_in(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(one for one in folder.iterdir() if one.suffix in WEIGHTS and one.is_file())
    return []


def _digest(path: Path) -> str:
    if not path.is_dir():
        return sha256_of(path)
    if not _holds_all(str(path)):
        return tree_digest(path)
    lines = [f"{sha256_of(one)}  {one.name}\n" for one in _weights_in(path)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
