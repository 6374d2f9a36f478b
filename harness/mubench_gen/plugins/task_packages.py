"""Tasks and prompts of installed packages: found by entry points, and nothing imported.

A distribution names a package of its own in the group `mubench_gen.tasks`; the files are in
that package's folders `tasks` and `prompts`, as in this repository. They are read where a flag
names them, and are part of no default.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.errors import DefinitionError
from mubench_gen.plugins.enabled import switched_off
from mubench_gen.plugins.entry_points import Damaged, Installed, find_entry_points, origin_of
from mubench_gen.plugins.modules import places_of

GROUP = "mubench_gen.tasks"
MARK = ":"  # between a package's name and a definition's: lab:mitosis


@dataclass(frozen=True, slots=True)
class Package:
    """An entry point of the group. `folder` is None where the package isn't there (`state`)."""

    name: str
    distribution: str
    version: str
    module: str
    folder: Path | None
    state: str = "ok"

    def files(self, kind: str, suffix: str) -> dict[str, Path]:
        """Its definitions of a kind ("tasks", "prompts"), by name."""
        if self.folder is None:
            return {}
        return {path.stem: path for path in sorted((self.folder / kind).glob(f"*{suffix}"))}


def packages(
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
) -> list[Package]:
    """Every package of definitions that is installed, by name; tests give their entry points."""
    found = find_entry_points(GROUP) if entry_points is None else Installed(tuple(entry_points))
    names = [entry.name for entry in found.entries]
    return [
        *(
            _package(entry, twin=names.count(entry.name) > 1)
            for entry in sorted(found.entries, key=lambda entry: entry.name)
        ),
        *map(_unnamed, found.damaged),
    ]


def find(kind: str, suffix: str, name: str) -> Path | None:
    """The definition of that name in an installed package: NAME, or PACKAGE:NAME.

    None where no package has it. DefinitionError where several have it and none is named.
    """
    wanted, _, own = name.rpartition(MARK)
    found = [
        (package, path)
        for package in usable()
        if not wanted or package.name == wanted
        for stem, path in package.files(kind, suffix).items()
        if stem == own
    ]
    if len(found) > 1:
        either = " or ".join(f"{package.name}{MARK}{own}" for package, _ in found)
        raise DefinitionError(f"{name!r} is in several packages. Which? {either}.")
    return found[0][1] if found else None


def usable() -> list[Package]:
    """The packages whose files can be read."""
    return [package for package in packages() if package.state == "ok"]


def names(kind: str, suffix: str) -> Iterator[str]:
    """PACKAGE:NAME of every packaged definition of a kind, for messages and listings."""
    for package in usable():
        yield from (f"{package.name}{MARK}{stem}" for stem in package.files(kind, suffix))


def _package(entry: importlib.metadata.EntryPoint, *, twin: bool) -> Package:
    module = entry.value.partition(":")[0].strip()
    folder = _folder_of(module)
    state = "ok" if folder is not None else f"broken: there is no package {module}"
    if twin:
        state = "shadowed: several distributions offer it; uninstall all but one"
    origin = origin_of(entry)
    state = switched_off(entry.name) or state
    return Package(entry.name, origin.name, origin.version, module, folder, state)


def _unnamed(damaged: Damaged) -> Package:
    """The entry of a distribution of which not even the packages' names can be read."""
    origin, state = damaged.origin, f"broken: its entry_points.txt cannot be read: {damaged.reason}"
    return Package("?", origin.name, origin.version, "", None, state)


def _folder_of(package: str) -> Path | None:
    """The folder of a package; finding it imports nothing."""
    return next((place for place in places_of(package) if place.is_dir()), None)
