"""Checks that a run can be resumed: its finished items must be what would be asked now.

Items that are finished are known by their ids, and are not rendered again. That is sound while
their keys would be the same: a key is made of the settings, the content (data, image files, tasks,
prompts, weights, files named by options) and the image policy, all of which the manifests compare,
and of the code that renders. If that was another version's, or a run of an earlier version did not
note its image files, the keys are compared one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.console.progress import bar
from mubench_gen.data.image_files import changes, shortened
from mubench_gen.errors import ImageError, RunFolderError
from mubench_gen.images.microscope import family_of
from mubench_gen.plan.items import items_of
from mubench_gen.plan.plan import Plan, policy_of
from mubench_gen.runs.shown_images import IMAGES, read_shown_images, write_shown_images
from mubench_gen.storage.index import DiskTable, hashed
from mubench_gen.storage.records import images_shown, read_records
from mubench_gen.storage.run_folder import MANIFEST, RECORDS, read_manifest, record_session

_ANOTHER = "or give --fresh (or another --run-dir) for a run of its own."


def as_begun(plan: Plan, folder: Path) -> Plan:
    """The plan under the kind of image policy with which the run in the folder was begun, where
    the settings leave it open: a run of an earlier version goes on with the standard one."""
    if "policy" in plan.settings.image_set or not (folder / MANIFEST).exists():
        return plan
    family = family_of(read_manifest(folder).get("image_policy"))
    if family == family_of(plan.policy.as_dict()):
        return plan
    return plan.with_policy(policy_of(plan.settings, family))


def start_or_resume(plan: Plan, folder: Path, made: Mapping[str, Any]) -> dict[str, Any]:
    """Start a run in the folder or resume the one there; returns the manifest.

    RunFolderError where the run in the folder can't go on: nothing is touched then.
    """
    files, data = plan.dataset.image_files, plan.dataset.image_folder

    def check(stored: Mapping[str, Any]) -> None:
        there, now = stored["content"].get("images"), made["content"].get("images")
        mended = there is not None and there != now and _is_mended(folder, files or {})
        unknown = there is None and now is not None
        if mended or unknown or _version(stored) != __version__:
            _check_keys(plan, folder, made["planned"])
        write_shown_images(folder, data, files)

    manifest = record_session(folder, made, check)
    if not (folder / IMAGES).exists():
        write_shown_images(folder, data, files)
    return manifest


def _version(manifest: Mapping[str, Any]) -> Any:
    """The version of mubench-gen that last worked on the run."""
    sessions = manifest["sessions"]
    return sessions[-1].get("versions", {}).get("mubench-gen") if sessions else None


def _is_mended(folder: Path, now: Mapping[str, str]) -> bool:
    """Whether image files have changed that could not be read before.

    Every other file must be there with the same bytes; files that were missing may be there now.
    """
    files = read_shown_images(folder).get("files", {})
    damaged = {
        digest
        for record in read_records(folder / RECORDS)
        for digest in images_shown(record)
        if record["status"] == "error" and record["error"]["type"] == ImageError.__name__
    }
    sound = {name: sha256 for name, sha256 in files.items() if sha256 not in damaged}
    told = changes(sound, now) if files else [f"the list {IMAGES} is missing"]
    if told:
        raise RunFolderError(
            f"{folder} holds a run that was shown other image files:\n  "
            + "\n  ".join(shortened(told))
            + f"\nPut them back as they were to go on with it, {_ANOTHER}"
        )
    return any(now.get(name) != sha256 for name, sha256 in files.items())


def _check_keys(plan: Plan, folder: Path, planned: int) -> None:
    """RunFolderError if a finished item has another key than it would be asked under now."""
    keys = DiskTable(folder)
    for record in read_records(folder / RECORDS):
        if record["status"] != "error":
            keys.put(hashed(record["id"]), hashed(record["key"]))
    if not len(keys):
        return
    differing, example = 0, ""
    with bar("comparing what is finished", planned) as shown:
        for done, item in enumerate(items_of(plan), 1):
            key = keys.get(hashed(item.id))
            now = None if item.request is None else hashed(item.request.key)
            if key is not None and key != now:
                differing, example = differing + 1, example or item.id
            shown.at(done, planned)
    if differing:
        raise RunFolderError(
            f"{folder}: {differing:,} of its finished items would be asked otherwise now "
            f"({example} …): its image files, or what mubench-gen makes of them, have changed "
            f"since. Use the files and the version of that run ({MANIFEST} names them), {_ANOTHER}"
        )
