"""Where a command has its settings from.

Flags win over the environment, that over the file of --config, and that over the user's own file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mubench_gen.console.masking import blanked
from mubench_gen.console.notes import detail
from mubench_gen.console.outlet import printable
from mubench_gen.console.secrets import without_secrets
from mubench_gen.errors import SettingError
from mubench_gen.plan.config_file import joined, problem_of, read_config
from mubench_gen.plan.from_manifest import read_settings
from mubench_gen.plan.options import OPTIONS
from mubench_gen.plan.settings import make_settings
from mubench_gen.storage.paths import user_config_file

PREFIX = "MUBENCH_GEN_"
_SWITCHES = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


@dataclass(frozen=True, slots=True)
class Given:
    """The settings of a command, and where those come from that are no flags of it."""

    values: dict[str, Any]
    sources: dict[str, str]

    def command(self, words: Sequence[str]) -> CommandLine:
        """The words that were typed, with what was set elsewhere, for the manifest."""
        elsewhere = {
            name: {"value": _public(name, self.values[name]), "from": source}
            for name, source in self.sources.items()
        }
        return CommandLine(words, elsewhere)


class CommandLine(list[str]):
    """The words of a command, and the settings that it has from elsewhere."""

    def __init__(self, words: Iterable[str], elsewhere: Mapping[str, Any]) -> None:
        super().__init__(words)
        self.elsewhere = dict(elsewhere)


def gather(
    flags: Mapping[str, Any], config: Path | None = None, own: type[BaseModel] | None = None
) -> Given:
    """All that is set for a command that has these flags; SettingError says which is wrong.

    A flag that is None or empty was not given. `own` as in `read_config`: further keys of the file.
    """
    given = {name: value for name, value in flags.items() if value not in (None, (), [], {})}
    users = user_config_file()
    layers = [(str(users), _of_the_users(users, flags))] if users is not None else []
    if config is not None:
        layers.append((str(config), read_settings(config, own)))
    layers += [(variable(name), {name: value}) for name, value in environment(flags).items()]
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, layer in layers:
        values = joined(values, layer)
        sources |= dict.fromkeys(layer, source)
    for name in sources:
        detail(printable(f"--{name.replace('_', '-')}: from {sources[name]}"))
    kept = {name: source for name, source in sources.items() if name not in given}
    return Given(joined(values, given), kept)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def environment(names: Iterable[str]) -> dict[str, Any]:
    """The settings among `names` that the environment sets, in the order of OPTIONS."""
    wanted = set(names)
    found = {}
    for name in OPTIONS:
        text = os.environ.get(variable(name), "")
        if name in wanted and text.strip():
            found[name] = _read(name, text)
    return found


def _read(name: str, text: str) -> Any:
    """A variable's text as the value of the setting: of a repeated flag, a line is a value."""
    option = OPTIONS[name]
    if not option.metavar:
        if text.strip().lower() not in _SWITCHES:
            raise SettingError(f"{variable(name)}={text}: a switch is 1 or 0.")
        return _SWITCHES[text.strip().lower()]
    listed = option.many and name != "plugin"  # a command may take one alone
    value = [line for line in text.splitlines() if line.strip()] if listed else text
    problem = problem_of(name, value)
    if problem is not None:
        raise SettingError(f"{variable(name)}={text}: {problem.rstrip('.')}.")
    return value


def _of_the_users(path: Path, flags: Mapping[str, Any]) -> dict[str, Any]:
    """The user's defaults of the settings that this command has."""
    return {name: value for name, value in read_config(path).items() if name in flags}


def _public(name: str, value: Any) -> Any:
    if name == "options":
        value = without_secrets(make_settings({"plugin": "", name: value}).options)
    return blanked(value)
