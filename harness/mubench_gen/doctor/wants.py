"""What a plugin's models want to run on: asked of the plugin in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.plugins.subprocess import run_apart

_PATIENCE = 120.0  # seconds for all of them
_PROGRAM = """
import json, os, sys
kept = os.dup(1)
os.dup2(2, 1)
from mubench_gen.model import Checkpoint
from mubench_gen.plugins.registry import Plugins

def told(spec):
    source = spec.source
    if isinstance(source, Checkpoint):
        return {"name": spec.name, "any_id": spec.any_id, "path": str(source.path),
                "engines": list(source.engines), "modules": []}
    modules = [c.__module__ for c in source.__mro__ if c.__module__.startswith("mubench_gen_")]
    return {"name": spec.name, "any_id": spec.any_id, "path": None, "engines": [],
            "modules": modules}

write, leave, dumps = os.write, os._exit, json.dumps
for name in json.loads(sys.argv[1]):
    try:
        plugin = Plugins().load(name)
        report = {"models": [told(spec) for spec in plugin.models], "kinds": plugin.offers.kinds}
    except BaseException as error:
        report = {"error": str(error) or repr(error)}
    write(kept, (dumps(report) + "\\n").encode())
leave(0)
"""


@dataclass(frozen=True, slots=True)
class Wants:
    """Of one model: the engines it runs on by itself and its checkpoint, both empty for a class.

    `modules` are those of its class and of what that derives from.
    """

    model: str
    any_id: bool
    engines: tuple[str, ...]
    path: str | None
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a plugin said of its models and of what else it is, or why it could not."""

    models: tuple[Wants, ...] = ()
    kinds: str = ""
    error: str | None = None

    def of(self, model: str | None) -> Wants | None:
        """The wants of that model, of the first for None; of another id, where one is open."""
        if model is None:
            return next(iter(self.models), None)
        for wants in self.models:
            if wants.model == model:
                return wants
        for wants in self.models:
            if wants.any_id:
                path = None if wants.path is None else model
                return Wants(model, True, wants.engines, path, wants.modules)
        return None


def ask_plugins(names: Sequence[str], *, patience: float = _PATIENCE) -> dict[str, Told]:
    """What the plugins want, asked apart from this process, one after the other.

    One that ends the process, or does not end, is told so; those behind it are asked in another.
    """
    told: dict[str, Told] = {}
    while left := [name for name in names if name not in told]:
        ended = run_apart(_PROGRAM, json.dumps(left), patience=patience)
        told |= zip(left, map(_told, _reports(ended.out)), strict=False)
        culprit = next((name for name in left if name not in told), None)
        if culprit is not None:
            over = f"it did not end within {patience:.0f} s"  # on stderr all have a word
            left_with = f"it ended the process with exit code {ended.code}"
            told[culprit] = Told(error=over if ended.code is None else left_with)
    return told


def _reports(text: str) -> Iterator[dict[str, Any]]:
    """The lines that are whole; the last may have been cut off."""
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _told(found: dict[str, Any]) -> Told:
    if "error" in found:
        return Told(error=found["error"])
    return Told(
        tuple(
            Wants(m["name"], m["any_id"], tuple(m["engines"]), m["path"], tuple(m["modules"]))
            for m in found["models"]
        ),
        found["kinds"],
    )
