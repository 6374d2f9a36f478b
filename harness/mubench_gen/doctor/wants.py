"""What a plugin's models want to run on: asked of the plugin in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_PATIENCE = 120.0  # seconds
_PROGRAM = """
import json, os, sys
kept = os.dup(1)
os.dup2(2, 1)
from mubench_gen.model import Checkpoint
from mubench_gen.plugins import Plugins

def told(spec):
    source = spec.source
    if isinstance(source, Checkpoint):
        return {"name": spec.name, "any_id": spec.any_id, "path": str(source.path),
                "engines": list(source.engines), "modules": []}
    modules = [c.__module__ for c in source.__mro__ if c.__module__.startswith("mubench_gen_")]
    return {"name": spec.name, "any_id": spec.any_id, "path": None, "engines": [],
            "modules": modules}

report = {}
for name in json.loads(sys.argv[1]):
    try:
        plugin = Plugins().load(name)
        report[name] = {"models": [told(spec) for spec in plugin.models]}
    except Exception as error:
        report[name] = {"error": str(error)}
os.write(kept, json.dumps(report).encode())
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
    """What a plugin said of its models, or why it could not."""

    models: tuple[Wants, ...] = ()
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


def ask_plugins(names: Sequence[str]) -> dict[str, Told]:
    """What the plugins want, all in one process apart from this one."""
    if not names:
        return {}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, json.dumps(list(names))],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=False,
        )
        report: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return dict.fromkeys(names, Told(error=f"it did not end within {_PATIENCE:.0f} s"))
    except ValueError:
        if len(names) > 1:  # one of them ended the process: which half?
            half = len(names) // 2
            return {**ask_plugins(names[:half]), **ask_plugins(names[half:])}
        return {names[0]: Told(error=f"it ended the process with exit code {done.returncode}")}
    return {name: _told(found) for name, found in report.items()}


def _told(found: dict[str, Any]) -> Told:
    if "error" in found:
        return Told(error=found["error"])
    return Told(
        tuple(
            Wants(m["name"], m["any_id"], tuple(m["engines"]), m["path"], tuple(m["modules"]))
            for m in found["models"]
        )
    )
