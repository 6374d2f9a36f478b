"""The entry points of a group and their distributions: a damaged one hides no other."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

GROUP = "mubench_gen"  # of plugins, and pluggy's name of this project
# What importlib raises where a distribution's metadata are missing or no text.
NO_METADATA = (AttributeError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Origin:
    """A distribution's name and version, from its metadata or else its folder; "?" if unknown.

    `readable` is False where its metadata, and so what it needs, cannot be read.
    """

    name: str = "unknown distribution"
    version: str = "?"
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Damaged:
    """A distribution that names the group, and whose entry points cannot be read."""

    origin: Origin
    reason: str


@dataclass(frozen=True, slots=True)
class Installed:
    """The entry points of a group, and the distributions whose entry points cannot be read."""

    entries: tuple[importlib.metadata.EntryPoint, ...]
    damaged: tuple[Damaged, ...] = ()


_FOUND: ContextVar[dict[str, Installed] | None] = ContextVar("found", default=None)


@contextmanager
def found_once() -> Iterator[None]:
    """In this block the entry points of a group are looked for once: that reads the metadata of all
    installed distributions."""
    outer = _FOUND.set({})
    try:
        yield
    finally:
        _FOUND.reset(outer)


def find_entry_points(group: str) -> Installed:
    """All entry points of a group; nothing is imported."""
    found = _FOUND.get()
    if found is None:
        return _look(group)
    if group not in found:
        found[group] = _look(group)
    return found[group]


def _look(group: str) -> Installed:
    try:
        return Installed(tuple(importlib.metadata.entry_points(group=group)))
    except Exception:  # an edge of isolation: one distribution's metadata stop the reading of all
        return _one_by_one(group)


def origin_of(entry: importlib.metadata.EntryPoint) -> Origin:
    """The distribution of an entry point."""
    return Origin() if entry.dist is None else origin_of_distribution(entry.dist)


def _one_by_one(group: str) -> Installed:
    entries: list[importlib.metadata.EntryPoint] = []
    damaged: list[Damaged] = []
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        origin = origin_of_distribution(distribution)
        name = re.sub(r"[-_.]+", "-", origin.name).lower()
        if name in seen:  # the first on sys.path is the one that counts
            continue
        seen.add(name)
        try:
            entries += distribution.entry_points.select(group=group)
        except Exception as error:  # an edge of isolation: metadata may hold anything
            if f"[{group}]".encode() in _bytes(distribution):
                damaged.append(Damaged(origin, _reason(error)))
    return Installed(tuple(entries), tuple(damaged))


@lru_cache(maxsize=256)  # its metadata hold its whole README, and are parsed at each look
def origin_of_distribution(distribution: importlib.metadata.Distribution) -> Origin:
    """What a distribution says of itself; never raises."""
    name: str | None = None
    version: str | None = None
    with contextlib.suppress(*NO_METADATA):
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
    stem, _, number = (folder_of(distribution) or Path()).stem.partition("-")
    return Origin(
        name or stem.replace("_", "-") or Origin().name,
        version or number or Origin().version,
        readable=bool(name and version),
    )


def folder_of(distribution: importlib.metadata.Distribution) -> Path | None:
    """The folder of its metadata. importlib has no public way to it."""
    path = getattr(distribution, "_path", None)
    return path if isinstance(path, Path) else None


def _bytes(distribution: importlib.metadata.Distribution) -> bytes:
    folder = folder_of(distribution)
    try:
        return b"" if folder is None else (folder / "entry_points.txt").read_bytes()
    except OSError:
        return b""


def _reason(error: Exception) -> str:
    return (
        "it is not UTF-8 text" if isinstance(error, UnicodeError) else "a line is not NAME = MODULE"
    )
