"""A plugin imported in a process of its own, to see what that does: the truth behind its source."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mubench_gen.plugins.subprocess import run_apart

PATIENCE = 120.0  # seconds; a plugin that imports torch from a slow disk takes some tens

# Its report is all that it writes to the kept stdout; what a plugin writes past sys.stdout is
# caught in a file.
_PROGRAM = """
import json, os, sys, tempfile, time
kept, caught = os.dup(1), tempfile.TemporaryFile()
os.dup2(caught.fileno(), 1)
from mubench_gen.plugins.import_effects import effects
from mubench_gen.plugins.source_faults import HEAVY
from mubench_gen.plugins.registry import Plugins
write, leave, dumps = os.write, os._exit, json.dumps
began, error = time.perf_counter(), None
with effects() as found:
    try:
        Plugins().load(sys.argv[1])
    except BaseException as problem:
        error = str(problem) or repr(problem)
caught.seek(0)
write(kept, dumps({
    "error": error, "printed": found.printed + caught.read().decode("utf-8", "replace"),
    "changed": [*found.changed, *found.left],
    "heavy": sorted(HEAVY & set(sys.modules)), "seconds": time.perf_counter() - began,
}).encode())
leave(0)
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
    ended = run_apart(_PROGRAM, plugin, patience=patience)
    if ended.code is None:
        return Imported(f"it did not end within {patience:.0f} s")
    try:
        found = json.loads(ended.out)
    except ValueError:
        return Imported(str(ended))
    return Imported(
        found["error"],
        found["printed"],
        tuple(found["changed"]),
        tuple(found["heavy"]),
        found["seconds"],
    )
