"""The settings of a run as options of a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mubench_gen.cli.options.common import COMMON
from mubench_gen.cli.options.completion import SETTINGS
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.plan.options import HEADINGS, OPTIONS

_SHORT = {"options": "-o"}  # settings whose flag differs from their name
_LAST = {
    "The run": ("--config", *COMMON),
}
# What -h shows of the settings, where the rest is left to --help-all.
_FEW = ("plugin", "model", "data", "tasks", "limit", "prompt", "control", "readout", "engine",
        "base_url", "run_dir")  # fmt: skip

Decorator = Callable[[Any], Any]

config_option = click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="TOML file with any of the settings; flags override it.",
)


def setting_option(name: str, *aliases: str, **changed: Any) -> Decorator:
    """The option of a setting. `changed` overrides what is passed to `click.option`."""
    setting = OPTIONS[name]
    kind: dict[str, Any] = {"is_flag": True, "flag_value": not setting.off, "default": None}
    if setting.metavar:
        value = PATH if setting.type is Path else setting.type
        kind = {"type": value, "metavar": setting.metavar, "multiple": setting.many}
    given = {"help": setting.help, "shell_complete": SETTINGS.get(name), **kind, **changed}
    return click.option(_flag(name), *aliases, name, **given)


def setting_options(*names: str) -> Decorator:
    """The options of several settings, in this order."""

    def decorate(command: Any) -> Any:
        for name in reversed(names):
            command = setting_option(name)(command)
        return command

    return decorate


def headings(own: Mapping[str, Sequence[str]] | None = None) -> dict[str, list[str]]:
    """Flags by heading: a command's own headings, then the settings that those leave out."""
    found = {title: list(flags) for title, flags in (own or {}).items()}
    taken = {flag for flags in found.values() for flag in flags}
    for title, settings in HEADINGS.items():
        flags = [*map(_flag, settings), *_LAST.get(title, ())]
        found[title] = [flag for flag in flags if flag not in taken]
    return found


def few(*own: str) -> list[str]:
    """The flags that -h shows: a command's `own` ones, and the settings that most runs need."""
    return [*own, *map(_flag, _FEW), *_LAST["The run"]]


def _flag(name: str) -> str:
    off = "no-" if name in OPTIONS and OPTIONS[name].off else ""
    return _SHORT.get(name, f"--{off}{name.replace('_', '-')}")
