"""Paths on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mubench_gen.storage.paths import user_path


class _UserPath(click.Path):
    """A path in which ~ is the user's home also where the shell left it alone: --run-dir=~/runs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return user_path(value)


PATH = _UserPath(path_type=Path)


def expanded(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The callback of an option that may be given without a path."""
    return str(user_path(value)) if value else value
