"""The files beside this module that go into pages: the style sheet, the scripts, the template."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def asset(name: str) -> str:
    """A file's text."""
    return (FOLDER / name).read_text(encoding="utf-8")
