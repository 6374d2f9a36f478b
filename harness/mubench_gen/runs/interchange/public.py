"""What of a run may leave this machine: secrets and the paths of private folders are left out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mubench_gen.console.masking import blanked
from mubench_gen.runs.results import Run
from mubench_gen.runs.shown_images import read_shown_images
from mubench_gen.storage.records import Record

# An absolute path of two names or more, by its last name; not the rest of a URL.
_PATH = re.compile(r"(?<![\w:/.])/(?:[^/\s'\"<>|:]+/)+([^/\s'\"<>|:]*)")
_FOLDERS = re.compile(r"(?<![^/=,])[^/=,]*/(?=[^/,])")
_MODELS = ("--model", "--models", "--base", "--finetuned")  # OWNER/NAME of the hub


class Public:
    """Shortens paths to their last names, and masks known secrets.

    In a record, paths of the run's own folders (its data, plugin, definitions, the home folder)
    wherever they stand, and every path in the message of an error.
    """

    def __init__(self, run: Run) -> None:
        places = {os.path.normpath(place) for place in _places(run) if os.path.isabs(place)}
        self._places = sorted(places - {"/"}, key=lambda one: (-len(one), one))
        self._bytes = [place.encode() for place in self._places]

    def concerns(self, line: bytes) -> bool:
        """Whether a line of JSON may hold what `record` changes."""
        return b'"error":null' not in line or any(place in line for place in self._bytes)

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record as anybody may see it."""
        found: dict[str, Any] = self._shortened(blanked(record))
        if found.get("error"):
            found["error"] = self.document(found["error"])
        return found

    def document(self, document: Any) -> Any:
        """Any other document, a JSON value, without a path in it."""
        return self._shortened(blanked(document), everywhere=True)

    def manifest(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest without a path in it, also as the commands were typed."""
        found: dict[str, Any] = self.document(manifest)
        for session in found["sessions"]:
            if session.get("command"):
                session["command"] = list(_without_folders(session["command"]))
        return found

    def _shortened(self, value: Any, *, everywhere: bool = False) -> Any:
        if isinstance(value, str):
            for place in self._places:
                if place in value:
                    value = value.replace(place, os.path.basename(place))
            return _PATH.sub(r"\1", value) if everywhere else value
        if isinstance(value, Mapping):
            return {
                self._shortened(key, everywhere=everywhere): self._shortened(
                    one, everywhere=everywhere
                )
                for key, one in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._shortened(one, everywhere=everywhere) for one in value]
        return value


def without_folders(text: str) -> str:
    """The text with absolute paths shortened to their last names."""
    return _PATH.sub(r"\1", text)


def _without_folders(words: Sequence[str]) -> Iterator[str]:
    """The words of a command with the last names of paths; models and addresses stay."""
    for before, word in zip(("", *words), words, strict=False):
        stays = before in _MODELS or "://" in word
        yield word if stays else _FOLDERS.sub("", word)


def _places(run: Run) -> Iterator[str]:
    manifest = run.manifest
    settings = manifest["settings"]
    for name in ("data", "plugin", "model"):
        yield str(settings.get(name) or "")
    for names in (manifest.get("named") or {}).values():
        yield from names
    yield read_shown_images(run.dir).get("folder", "")
    for place in (run.dir, Path.home()):
        yield str(place)
        yield os.path.realpath(place)


@dataclass(frozen=True)
class PublicRun(Run):
    """A run as anybody may see it: what formats of other programs are made of."""

    @cached_property
    def _public(self) -> Public:
        return Public(Run(self.dir))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return self._public.manifest(Run(self.dir).manifest)

    def records(self) -> Iterator[Record]:
        """The records that count, without secrets and private paths."""
        return map(self._public.record, super().records())
