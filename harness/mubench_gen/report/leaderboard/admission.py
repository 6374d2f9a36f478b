"""Which runs a leaderboard shows: those that hold, each once, under a name of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.console.progress import bar
from mubench_gen.errors import RunFolderError
from mubench_gen.runs.interchange.pack import pack
from mubench_gen.runs.interchange.public import PublicRun, without_folders
from mubench_gen.runs.packs import SUFFIX, digests
from mubench_gen.runs.results import load_run
from mubench_gen.runs.run_folders import run_folders
from mubench_gen.runs.verify import VerifiedPart, verify
from mubench_gen.storage.digests import sha256_of
from mubench_gen.storage.run_folder import MANIFEST, RECORDS

PACKS = "packs"
_STRANGE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class ShownRun(PublicRun):
    """A run under its name on the site."""

    name: str = ""

    @property
    def place(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Admitted:
    """A run that is shown, its pack in the site's folder, and the checks that hold."""

    run: ShownRun
    sha256: str
    checks: tuple[VerifiedPart, ...]

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def pack(self) -> str:
        """The path of its pack in the site."""
        return _pack_of(self.name)


def _pack_of(name: str) -> str:
    return f"{PACKS}/{name}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that is not shown, and why."""

    name: str
    reason: str


def places_of(paths: Sequence[Path], *, without: Path) -> list[Path]:
    """The folders and packs of runs in these paths, each once; none below `without`.

    Raises RunFolderError for a path that holds none.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        alone = path.is_file() or (path / MANIFEST).is_file()
        places = [path] if alone else list(run_folders(path, packs=True))
        if not places:
            told = "holds no run and no pack" if path.exists() else "does not exist"
            raise RunFolderError(f"{path}: {told}. Name runs, packs, or folders of them.")
        found.update((place.resolve(), place) for place in places)
    outside = without.resolve()
    return [place for real, place in found.items() if not real.is_relative_to(outside)]


def admit(
    places: Sequence[Path], site: Path, *, images: bool
) -> tuple[list[Admitted], list[LeftOut]]:
    """Check each run, and put its pack into the site's folder, with its `images` if wanted."""
    (site / PACKS).mkdir()
    admitted: list[Admitted] = []
    left_out: list[LeftOut] = []
    known: dict[tuple[str, str], str] = {}
    names = _names(places)
    with bar("Checking runs", len(places)) as progress:
        for number, (place, name) in enumerate(zip(places, names, strict=True), start=1):
            try:
                one = _admitted(place, site, name, images=images)
            except RunFolderError as error:
                reason = str(error).replace(str(place), name).partition("\n")[0]
                left_out.append(LeftOut(name, without_folders(reason)))
            else:
                target = site / one.pack
                key = str(one.run.manifest["id"]), digests(target)[RECORDS]
                if key in known:
                    left_out.append(LeftOut(name, f"is the same run as {known[key]}"))
                    target.unlink()
                else:
                    known[key] = name
                    admitted.append(one)
            progress.at(number, len(places))
    return admitted, left_out


def _admitted(place: Path, site: Path, name: str, *, images: bool) -> Admitted:
    """RunFolderError for a run that cannot be read or does not hold."""
    run = load_run(place)
    checks = tuple(verify(run, here=False))
    if failed := [f"{check.name}: {check.found}" for check in checks if check.fails]:
        raise RunFolderError("; ".join(failed))
    target = site / _pack_of(name)
    if place.is_file():
        shutil.copyfile(place, target)
    else:
        pack(run, target, images=images)
    return Admitted(ShownRun(run.dir, name=name), sha256_of(target), checks)


def _names(places: Sequence[Path]) -> Iterator[str]:
    """A name for each, of its folder's or file's: fit for a path, and of no other."""
    taken: set[str] = set()
    for place in places:
        plain = _STRANGE.sub("-", place.resolve().name.removesuffix(SUFFIX)).strip("-.") or "run"
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        yield name
