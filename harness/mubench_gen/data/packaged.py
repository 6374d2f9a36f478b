"""Data sets that installed packages bring: which there are, where they lie, and opening them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from mubench_gen.errors import DataError, PluginError, UsageError, did_you_mean
from mubench_gen.plugins.code_digest import code_digest
from mubench_gen.plugins.data_set import DataSet
from mubench_gen.plugins.registry import Plugin, Plugins
from mubench_gen.storage.paths import cache_folder

KIND = "dataset"  # in the listing of plugins
BUILT_IN = ("demo", "ubench")
ABOUT = "about.json"  # beside rows.jsonl: what was prepared, and from what


@dataclass(frozen=True)
class Packaged:
    """A data set as a plugin describes it."""

    plugin: Plugin
    spec: DataSet

    @property
    def full_name(self) -> str:
        """The name that means it and no other."""
        return f"{self.plugin.path or self.plugin.name}:{self.spec.name}"

    @cached_property
    def folder(self) -> Path:
        """Where it is kept, once prepared: another one where the code that reads it changes."""
        parts = f"{self.full_name}\n{self.spec.revision}\n{self._code}"
        digest = hashlib.sha256(parts.encode()).hexdigest()[:8]
        return cache_folder() / "datasets" / f"{self.spec.name}-{digest}"

    @property
    def _code(self) -> str | None:
        function: Any = self.spec.rows
        while isinstance(function, partial):
            function = function.func
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        return (code_digest(module) if module is not None else None) or self.plugin.digest

    @property
    def is_here(self) -> bool:
        return (self.folder / "rows.jsonl").is_file()

    @property
    def about(self) -> Mapping[str, Any]:
        """What its folder says of it: counts, commit of its files; empty where it isn't here."""
        if not self.is_here:
            return {}
        found: dict[str, Any] = json.loads((self.folder / ABOUT).read_text("utf-8"))
        return found


@dataclass(frozen=True, slots=True)
class BrokenPackage:
    """A plugin that should bring data sets, and why it brings none."""

    plugin: str
    reason: str


def packaged() -> Iterator[Packaged | BrokenPackage]:
    """The data sets of every plugin whose source mentions the hook; no other plugin is imported."""
    plugins = Plugins()
    for listed in plugins.list():
        if KIND not in listed.kind.split(", ") or listed.state.startswith("off:"):
            continue
        try:
            plugin = plugins.load(listed.name)
        except UsageError as error:
            yield BrokenPackage(listed.name, str(error))
            continue
        for spec in plugin.offers.datasets:
            yield Packaged(plugin, spec)


def by_name(offers: Iterable[Packaged | BrokenPackage]) -> dict[str, Packaged]:
    """The data sets by the name that `--data` takes: PLUGIN:NAME where NAME alone means several."""
    found = [one for one in offers if isinstance(one, Packaged)]
    plain = [*BUILT_IN, *(one.spec.name for one in found)]
    return {
        one.spec.name if plain.count(one.spec.name) == 1 else one.full_name: one for one in found
    }


def find(name: str) -> Packaged:
    """The data set NAME, PLUGIN:NAME, or the one of a plugin's file; DataError if there is none."""
    own, _, one = (name, "", "") if name.endswith(".py") else name.rpartition(":")
    if own:
        return _of_plugin(Plugins().load(own), one, own)
    offers = list(packaged())
    found = [offer for offer in offers if isinstance(offer, Packaged) and offer.spec.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        told = " or ".join(one.full_name for one in found)
        raise DataError(f"Several packages bring a data set {name!r}: say {told}.")
    raise DataError(_unknown(name, offers))


def _of_plugin(plugin: Plugin, name: str, typed: str) -> Packaged:
    offered = {spec.name: spec for spec in plugin.offers.datasets}
    if not offered:
        raise PluginError(
            f"The plugin {typed!r} brings no data set: it has no hook mubench_gen_datasets "
            "(docs/extending.md)."
        )
    if not name and len(offered) == 1:
        return Packaged(plugin, next(iter(offered.values())))
    if name not in offered:
        near = did_you_mean(name, offered) if name else f"Say {typed}:NAME: {', '.join(offered)}."
        raise DataError(f"The plugin {typed!r} has no data set {name!r}. {near}")
    return Packaged(plugin, offered[name])


def _unknown(name: str, offers: list[Packaged | BrokenPackage]) -> str:
    known = [*BUILT_IN, *(one.spec.name for one in offers if isinstance(one, Packaged))]
    told = f"There is no data set {name!r}, nor a file or folder. {did_you_mean(name, known)}"
    broken = [one for one in offers if isinstance(one, BrokenPackage)]
    return " ".join([told, *(f"{one.reason}" for one in broken)])


def not_here(found: Packaged, name: str) -> str:
    """Why a data set cannot be opened now, and what to type."""
    spec = found.spec
    if spec.unread:
        return f"The data set {name!r} cannot be read: {spec.unread}"
    told = f"The data set {name!r} is not on this machine."
    facts = ", ".join(part for part in (size_of(spec.size), spec.licence) if part)
    command = f"mubench-gen data prepare {name}"
    if not spec.hub:
        return f"{told} {spec.on_request} With its files: {command} --from FOLDER ({facts})."
    asked = f" {spec.on_request}" if spec.on_request else ""
    return f"{told} Type: {command} ({facts}, from the hub's {spec.hub}).{asked}"


def size_of(size: int | None) -> str:
    """Bytes as people say them; empty where they are not known."""
    if size is None:
        return ""
    return f"{size / 1e9:.2g} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
