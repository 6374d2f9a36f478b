"""The files of a package's data set, fetched from the hub: which they are, the hub says."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mubench_gen.data.fetch import fetch, hub_module, told
from mubench_gen.data.packaged import Packaged
from mubench_gen.data.ubench import Release
from mubench_gen.errors import DataError


def fetch_files(found: Packaged, name: str) -> tuple[Path, str]:
    """The folder of the data set's files in the hub's cache, and their commit.

    Where no commit is pinned, it is the newest one. `name`: as the user typed it.
    """
    spec = found.spec
    release = Release(
        spec.hub,
        spec.revision or "main",
        (),
        f"type: mubench-gen data prepare {name} --from FOLDER",
    )
    with told(release):
        info = (
            hub_module()
            .HfApi()
            .dataset_info(spec.hub, revision=spec.revision or None, files_metadata=True)
        )
    chosen = [one for one in info.siblings if _is_wanted(one.rfilename, spec.files)]
    missing = [
        pattern
        for pattern in spec.files
        if not any(fnmatchcase(one.rfilename, pattern) for one in chosen)
    ]
    if missing:
        raise DataError(
            f"{spec.hub} has no file {missing[0]!r} at {info.sha}: its files have other names "
            f"than {found.plugin.name} {found.plugin.version or ''} knows."
        )
    files = tuple((one.rfilename, _sha256(one)) for one in chosen)
    release = Release(spec.hub, info.sha, files, release.elsewhere)
    fetch(release)
    return release.folder, info.sha


def _is_wanted(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _sha256(sibling: Any) -> str | None:
    """Of a large file; of a small one the hub tells none."""
    return None if sibling.lfs is None else str(sibling.lfs.sha256)
