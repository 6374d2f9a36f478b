"""The document of a sweep, sweep.json: locked, checked and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mubench_gen.console.outlet import blanked
from mubench_gen.errors import RunFolderError
from mubench_gen.plan.manifest import session
from mubench_gen.runs.studies import FORMAT, read_sweep
from mubench_gen.storage.run_folder import SWEEP, differences, locked, write_json

_FIXED = ("settings", "sweep")


@contextmanager
def locked_document(
    folder: Path, fixed: Mapping[str, Any], told: Mapping[str, Any], command: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Lock the sweep's folder, and yield its document, written without results yet.

    `fixed`: the settings that must be equal for the sweep to be resumed; `told`: what else it is
    of. RunFolderError if the folder holds another sweep, which is left unchanged.
    """
    path = folder / SWEEP
    with locked(folder, file=SWEEP, what="sweep"):
        stored: dict[str, Any] = {"sessions": []}
        if path.exists():
            stored = read_sweep(path)
            changed = list(differences(stored, blanked(fixed), _FIXED))
            if changed:
                raise RunFolderError(
                    f"{folder} holds another sweep:\n  " + "\n  ".join(changed) + "\n"
                    "Use --fresh (or another --run-dir) to start another, or that sweep's settings."
                )
        document = {
            "format": FORMAT,
            **fixed,
            **told,
            "sessions": [*stored["sessions"], session(command)],
            "results": None,
        }
        write_json(path, document)
        yield document
