"""The document of a study, a sweep or a soup, study.json and so on: locked, checked and written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.console.masking import blanked
from mubench_gen.errors import RunFolderError
from mubench_gen.plan.manifest import session
from mubench_gen.runs.studies import FORMAT, read_soup, read_study, read_sweep
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.run_folder import SOUP, STUDY, SWEEP, differences, locked


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """name: in messages; file: in the folder; option: that sets another folder. as_one: what
    differs is told with the part that it is in, "settings.seed", and parts may be no objects."""

    name: str
    file: str
    read: Callable[[Path], dict[str, Any]]
    option: str
    as_one: bool = False

    def changes(self, stored: Mapping[str, Any], fixed: Mapping[str, Any]) -> list[str]:
        """In what these settings differ from the stored ones."""
        now = blanked(fixed)
        if not self.as_one:
            return list(differences(stored, now, tuple(fixed)))
        there = {part: stored[part] for part in fixed}
        return list(differences({self.name: there}, {self.name: now}, (self.name,)))


A_STUDY = DocumentKind("study", STUDY, read_study, "--run-dir", as_one=True)
A_SWEEP = DocumentKind("sweep", SWEEP, read_sweep, "--sweep-dir")
A_SOUP = DocumentKind("soup", SOUP, read_soup, "--soup-dir")


@contextmanager
def locked_document(
    kind: DocumentKind,
    folder: Path,
    fixed: Mapping[str, Any],
    told: Mapping[str, Any],
    command: Sequence[str],
    *,
    secret: Collection[str] = (),
) -> Iterator[dict[str, Any]]:
    """Lock the folder, and yield its document, written without results yet.

    `fixed`: the settings that must be equal for it to be resumed; `told`: what else it is of;
    `secret`: the options that are secret by their type. RunFolderError if the folder holds another
    of its kind, which is left unchanged.
    """
    path = folder / kind.file
    with locked(folder, file=kind.file, what=kind.name):
        stored: dict[str, Any] = {"sessions": []}
        if path.exists():
            stored = kind.read(path)
            changed = kind.changes(stored, fixed)
            if changed:
                raise RunFolderError(
                    f"{folder} holds another {kind.name}:\n  " + "\n  ".join(changed) + "\n"
                    f"Use --fresh (or another {kind.option}) to start another, or that "
                    f"{kind.name}'s settings."
                )
        document = {
            "format": FORMAT,
            **fixed,
            **told,
            "sessions": [*stored["sessions"], session(command, secret)],
            "results": None,
        }
        write_json(path, document)
        yield document
