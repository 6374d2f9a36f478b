"""What plugins offer by name beside models: PLUGIN for all of it, PLUGIN:NAME for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from mubench_gen.errors import PluginError, did_you_mean
from mubench_gen.plugins.extension import Export, Metric
from mubench_gen.plugins.registry import Plugin, Plugins

Offered = TypeVar("Offered", Metric, Export)
_WORDS = {"metric": "metric", "export": "export format"}


def names_file(name: str) -> bool:
    """Whether a name is of a plugin in a file, and not of an installed one."""
    return "/" in name or name.partition(":")[0].endswith(".py")


def offered(
    name: str,
    noun: Literal["metric", "export"],
    of: Callable[[Plugin], Sequence[Offered]],
    known: Sequence[str],
    plugins: Plugins,
) -> tuple[Plugin, Sequence[Offered]]:
    """What a plugin offers under the name PLUGIN or PLUGIN:NAME; `known` are built-in names."""
    installed = plugins.names()
    own, colon, one = name.rpartition(":")
    if not colon or name in installed:
        own, one = name, ""
    if not names_file(own) and own not in installed:
        near = did_you_mean(name, [*known, *(p.name for p in plugins.list() if noun in p.kind)])
        raise PluginError(f"There is no {_WORDS[noun]} {name!r}. {near}")
    plugin = plugins.load(own)
    all_of = of(plugin)
    if not all_of:
        raise PluginError(
            f"The plugin {own!r} has no {_WORDS[noun]}: it has no hook mubench_gen_{noun}s "
            "(docs/extending.md)."
        )
    if not one:
        return plugin, all_of
    chosen = [each for each in all_of if each.name == one]
    if not chosen:
        near = did_you_mean(one, [each.name for each in all_of])
        raise PluginError(f"The plugin {own!r} has no {_WORDS[noun]} {one!r}. {near}")
    return plugin, chosen
