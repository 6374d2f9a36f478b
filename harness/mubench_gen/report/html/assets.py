"""Reads the files of this package that go into pages: style sheet, scripts, template."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def asset(name: str) -> str:
    """The text of a file."""
    return (FOLDER / name).read_text(encoding="utf-8")
