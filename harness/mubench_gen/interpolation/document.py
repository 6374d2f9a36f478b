"""The document of a sweep or a soup, sweep.json or soup.json: locked, checked and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.console.outlet import blanked
from mubench_gen.errors import RunFolderError
from mubench_gen.plan.manifest import session
from mubench_gen.runs.studies import FORMAT, read_soup, read_sweep
from mubench_gen.storage.run_folder import SOUP, SWEEP, differences, locked, write_json


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """name: in messages, and of the option --NAME-dir; file: in the folder."""

    name: str
    file: str
    read: Callable[[Path], dict[str, Any]]


A_SWEEP = DocumentKind("sweep", SWEEP, read_sweep)
A_SOUP = DocumentKind("soup", SOUP, read_soup)


@contextmanager
def locked_document(
    kind: DocumentKind,
    folder: Path,
    fixed: Mapping[str, Any],
    told: Mapping[str, Any],
    command: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Lock the folder, and yield its document, written without results yet.

    `fixed`: the settings that must be equal for it to be resumed; `told`: what else it is of.
    RunFolderError if the folder holds another of its kind, which is left unchanged.
    """
    path = folder / kind.file
    with locked(folder, file=kind.file, what=kind.name):
        stored: dict[str, Any] = {"sessions": []}
        if path.exists():
            stored = kind.read(path)
            changed = list(differences(stored, blanked(fixed), tuple(fixed)))
            if changed:
                raise RunFolderError(
                    f"{folder} holds another {kind.name}:\n  " + "\n  ".join(changed) + "\n"
                    f"Use --fresh (or another --{kind.name}-dir) to start another, or that "
                    f"{kind.name}'s settings."
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
