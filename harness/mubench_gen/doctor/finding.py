"""The result of one check, and what to type if something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` says how it is; `to_do` what to type, empty where there is nothing to type.

    "note": something is missing that not every job needs. "fault": the harness cannot work
    without it, or it was asked for and does not hold.
    """

    name: str
    state: State
    found: str
    to_do: str = ""


def fine(name: str, found: str) -> Finding:
    return Finding(name, "ok", found)


def lacking(name: str, found: str, to_do: str, *, asked: bool) -> Finding:
    """A fault where it was asked for, else a note."""
    return Finding(name, "fault" if asked else "note", found, to_do)
