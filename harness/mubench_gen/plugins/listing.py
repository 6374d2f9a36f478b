"""Lists installed plugins by their metadata; none is imported."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mubench_gen._version import __version__
from mubench_gen.plugins.enabled import switched_off
from mubench_gen.plugins.entry_points import Damaged, Installed, origin_of
from mubench_gen.plugins.modules import faults_shown, find_top, kind_of

OWN = "mubench-gen"
UNNAMED = "?"  # the name of a plugin whose name cannot be read
ASKED_FOR = re.compile(r"(?!.*\.py$)[^\s,/\\]+")  # what --plugin takes as one name
UNREADABLE = "has metadata that cannot be read: whether it fits this mubench-gen is not known"


@dataclass(frozen=True, slots=True)
class Listed:
    """A plugin as its metadata tell.

    `kind` is a label, what its source mentions ("?" where it mentions nothing). `state` is "ok",
    "incompatible: …" (have and need), "broken: …", "shadowed: …" (another distribution offers the
    name too, so that only DIST:NAME means this one) or "off: …" (left out by the user). `notes`
    are what else shows without an import.
    """

    name: str
    kind: str
    distribution: str
    version: str
    module: str
    state: str = "ok"
    notes: tuple[str, ...] = ()


def list_plugins(installed: Installed) -> Iterator[Listed]:
    """Every plugin, by name; then the distributions whose plugins cannot be read."""
    for entry in sorted(installed.entries, key=lambda entry: (entry.name, not is_own(entry))):
        origin = origin_of(entry)
        kind = kind_of(entry.module) if entry.pattern.match(entry.value) else "?"
        state = state_of(entry, installed.entries)
        notes: tuple[str, ...] = () if origin.readable else (UNREADABLE,)
        if state == "ok" and not is_own(entry):
            notes += tuple(faults_shown(entry.module))
        yield Listed(entry.name, kind, origin.name, origin.version, entry.value, state, notes)
    yield from map(_unnamed, installed.damaged)


def is_own(entry: importlib.metadata.EntryPoint) -> bool:
    """Whether a plugin comes with the harness: no other distribution takes its name from it."""
    return origin_of(entry).name == OWN


def full_name(entry: importlib.metadata.EntryPoint) -> str:
    """DIST:NAME, which means this plugin, whoever else offers the name."""
    return f"{origin_of(entry).name}:{entry.name}"


def state_of(
    entry: importlib.metadata.EntryPoint, installed: Iterable[importlib.metadata.EntryPoint]
) -> str:
    """The state of one among all that are installed, as `Listed` has it."""
    if (off := switched_off(entry.name)) is not None:
        return off
    rivals = [other for other in installed if other.name == entry.name]
    if len(rivals) > 1 and not is_own(entry):
        origins = sorted({f"{o.name} {o.version}" for o in map(origin_of, rivals)})
        names = sorted(full_name(other) for other in rivals if not is_own(other))
        return f"shadowed: {' and '.join(origins)} both offer it; say {' or '.join(names)}"
    if not ASKED_FOR.fullmatch(entry.name) or not entry.name.isprintable():
        return f"broken: no --plugin can be called {entry.name!r} (letters, digits, hyphens)"
    if not entry.pattern.match(entry.value):
        return f"broken: its entry point {entry.value!r} names no module"
    return _unmet(entry) or _missing(entry) or "ok"


def _unmet(entry: importlib.metadata.EntryPoint) -> str | None:
    """The requirements its distribution lacks. Those of our own extras are the doctor's to tell."""
    distribution = origin_of(entry).name
    if entry.dist is None or distribution == OWN:
        return None
    from mubench_gen.plugins.requirements import forget, needs, same, unmet

    forget()  # packages may have been installed since the last listing
    needed = needs(distribution)
    for need in needed:
        if same(need.name, OWN) and unmet([need]):
            return f"incompatible: it needs {OWN}{need.specifier}, this is {__version__}"
    lacking = unmet(needed)
    return f"broken: it lacks {', '.join(map(str, lacking))}" if lacking else None


def _missing(entry: importlib.metadata.EntryPoint) -> str | None:
    top = entry.module.partition(".")[0]
    return f"broken: there is no module {top}" if find_top(top) is None else None


def _unnamed(damaged: Damaged) -> Listed:
    """The entry of a distribution of which not even the plugins' names can be read."""
    origin, state = damaged.origin, f"broken: its entry_points.txt cannot be read: {damaged.reason}"
    return Listed(UNNAMED, UNNAMED, origin.name, origin.version, "", state)
