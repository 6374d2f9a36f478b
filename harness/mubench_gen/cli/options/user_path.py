"""Paths on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from mubench_gen.storage.paths import user_path

_OF_RUNS = ("run", "runs", "folders", "paths", "reuse")  # parameters that take folders of runs


class _UserPath(click.Path):
    """A path that expands ~ itself, for --run-dir=~/runs, where the shell does not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return user_path(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Runs, where those are asked for; the shell's own files and folders elsewhere."""
        if param.name in _OF_RUNS:
            from mubench_gen.cli.options.completion import runs

            return runs(ctx, param, incomplete)
        return super().shell_complete(ctx, param, incomplete)


PATH = _UserPath(path_type=Path)


def expanded(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Expand ~ in an option that may be given without a path (a click callback)."""
    return str(user_path(value)) if value else value
