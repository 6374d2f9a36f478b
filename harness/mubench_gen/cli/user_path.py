"""Paths on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mubench_gen.storage.paths import user_path


class _UserPath(click.Path):
    """A path that expands ~ itself, for --run-dir=~/runs, where the shell does not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return user_path(value)


PATH = _UserPath(path_type=Path)


def expanded(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Expand ~ in an option that may be given without a path (a click callback)."""
    return str(user_path(value)) if value else value
