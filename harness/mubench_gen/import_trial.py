"""A plugin imported in a process of its own, to see what that does: the truth behind its source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

PATIENCE = 120.0  # seconds; a plugin that imports torch from a slow disk takes some tens

# The last line on the kept stdout is the report; a plugin's own words go to stderr.
_PROGRAM = """
import json, os, sys, time
kept = os.dup(1)
os.dup2(2, 1)
from mubench_gen.import_effects import effects
from mubench_gen.plugin_faults import HEAVY
from mubench_gen.plugins import Plugins
began, error = time.perf_counter(), None
with effects() as found:
    try:
        Plugins().load(sys.argv[1])
    except Exception as problem:
        error = str(problem)
os.write(kept, json.dumps({
    "error": error, "printed": found.printed, "changed": found.changed,
    "heavy": sorted(HEAVY & set(sys.modules)), "seconds": time.perf_counter() - began,
}).encode())
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What the import did. `heavy` are the packages it brought in that take seconds."""

    error: str | None
    printed: str = ""
    changed: tuple[str, ...] = ()
    heavy: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def faults(self) -> tuple[str, ...]:
        """Each in words, empty where there is none."""
        found = [] if self.error is None else [self.error]
        found += [f"imports {', '.join(self.heavy)} ({self.seconds:.1f} s)"] if self.heavy else []
        found += [f"prints {self.printed.strip()[:60]!r}"] if self.printed else []
        found += [f"changes {', '.join(self.changed)}"] if self.changed else []
        return tuple(found)


def try_import(plugin: str, *, patience: float = PATIENCE) -> Imported:
    """Import the plugin of that name, or in that file, and all that it lists, out of process."""
    try:
        finished = subprocess.run(
            [sys.executable, "-c", _PROGRAM, plugin],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Imported(f"it did not end within {patience:.0f} s")
    try:
        found = json.loads(finished.stdout)
    except ValueError:
        last = finished.stderr.strip().splitlines()[-1:] or ["no word"]
        return Imported(f"it ended the process with exit code {finished.returncode}: {last[0]}")
    return Imported(
        found["error"],
        found["printed"],
        tuple(found["changed"]),
        tuple(found["heavy"]),
        found["seconds"],
    )
