"""Fetching a release from the hub into the hub's own cache: resumed, checked, stored once.

huggingface_hub finds the files; since version 2 it drops a partial download when the process
ends, and where a server breaks off in the same place each time it asks for ever. Here a partial
download stays beside the finished files, and the same command goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import bar, log
from mubench_gen.data.download import (
    ByteTally,
    Remote,
    download,
    network_errors,
    reason_of,
    status_of,
    when_free,
)
from mubench_gen.data.shards import ShardFile
from mubench_gen.data.ubench import Release, hub_cache, repo_folder, shards_of
from mubench_gen.errors import DataError, MissingExtraError
from mubench_gen.storage.digests import remember, sha256_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MARGIN = 64 * 10**6  # bytes that stay free
_MB = 10**6


def fetch(release: Release) -> Path:
    """The folder of the release's files, which are fetched if they are missing.

    Every file's size and SHA-256 is checked. DataError says what is wrong and with which.
    """
    hub = hub_module()
    shards = shards_of(release)
    wanted = [
        (name, shard)
        for (name, _), shard in zip(release.files, shards, strict=True)
        if not _is_there(release, shard)
    ]
    with told(release):
        remotes = [_look_up(hub, release, name, shard.sha256) for name, shard in wanted]
    _check_space(remotes)
    total = sum(remote.size for remote in remotes)
    with bar(f"{release.repo} (MB)", total // _MB, shown=bool(remotes)) as shown:
        done = 0
        for remote, (_, shard) in zip(remotes, wanted, strict=True):
            with told(release):
                _bring(hub, release, remote, shard.path, ByteTally(shown, done, total, remote.name))
            done += remote.size
    return _place(release)


def _place(release: Release) -> Path:
    """The folder of the release's first file, where all are if it has no folders."""
    shards = shards_of(release)
    return shards[0].path.parent if shards else release.folder


def hub_module() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        purpose = "Fetching data from the hub"
        raise MissingExtraError("huggingface_hub", "ubench", purpose) from None
    return huggingface_hub


def _is_there(release: Release, shard: ShardFile) -> bool:
    """Whether the cache has the file. One with other content is removed."""
    if not shard.path.exists():
        return False
    if shard.sha256 is None:
        return True
    found = sha256_of(shard.path)
    if found == shard.sha256:
        return True
    log(f"{shard.path.name}: SHA-256 expected {shard.sha256}, found {found}: fetched again.")
    content = shard.path.resolve()
    shard.path.unlink()
    if content.is_relative_to(repo_folder(release.repo).resolve()):
        content.unlink(missing_ok=True)
    return False


def _look_up(hub: Any, release: Release, name: str, sha256: str | None) -> Remote:
    url = hub.hf_hub_url(release.repo, name, repo_type="dataset", revision=release.revision)
    facts = when_free(name, lambda: hub.get_hf_file_metadata(url))
    if facts.etag is None or facts.size is None:
        raise DataError(
            f"{url}: the server sends no ETag or no size, as a hub would. Check HF_ENDPOINT, and "
            "whether a proxy or a sign-in page stands between."
        )
    if _SHA256.fullmatch(facts.etag) and sha256 is None:
        sha256 = facts.etag
    elif _SHA256.fullmatch(facts.etag) and facts.etag != sha256:
        raise DataError(
            f"{name}: the hub has another file at this revision: SHA-256 expected {sha256}, "
            f"found {facts.etag}."
        )
    blob = repo_folder(release.repo) / "blobs" / facts.etag
    return Remote(name, sha256, url, facts.etag, facts.size, blob)


def _check_space(remotes: list[Remote]) -> None:
    needed = sum(remote.left for remote in remotes)
    if not needed:
        return
    folder = hub_cache()
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed + _MARGIN:
        raise DataError(
            f"Not enough room in {folder}: {needed / 1e9:.2f} GB are needed, "
            f"{free / 1e9:.2f} GB are free. Set HF_HOME to a folder on another disk."
        )


def _bring(hub: Any, release: Release, remote: Remote, path: Path, tally: ByteTally) -> None:
    from filelock import FileLock

    lock = hub_cache() / ".locks" / repo_folder(release.repo).name / f"{remote.etag}.lock"
    for folder in (lock.parent, remote.blob.parent, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # the hub's own lock for this content
        came = not remote.blob.exists()
        if came:
            download(hub, remote, tally)
            os.replace(remote.unfinished, remote.blob)
        _name(remote.blob, path)
    if came:  # and was checked
        remember(path, remote.sha256 or sha256_of(path))


def _name(blob: Path, path: Path) -> None:
    """Name the content in the snapshot as the hub does: by a relative link, else in its place."""
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:  # a file system without links
        os.replace(blob, path)


@contextlib.contextmanager
def told(release: Release) -> Iterator[None]:
    """Turns errors of the network and of the disk into a DataError: what to do is its end."""
    try:
        yield
    except network_errors() as error:
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        raise DataError(
            f"{release.repo} cannot be fetched from {endpoint}: {reason_of(error)}. What has come "
            f"is kept; the same command goes on from there. {_advice(release, error)}"
        ) from None


def _advice(release: Release, error: BaseException) -> str:
    """What the user can do about it."""
    status = status_of(error)
    if status in (401, 403):
        return (
            "The server wants to know who asks: set HF_TOKEN to an access token of an account "
            "that may read this data set (one that is set may be wrong or have expired)."
        )
    if status == 429:
        return "Try again later; with an access token in HF_TOKEN the hub allows more requests."
    copied = f"copy the files from a machine that has them into {_place(release)}, or "
    elsewhere = f"Without a network: {copied if release.files else ''}{release.elsewhere}."
    if type(error).__name__ == "OfflineModeIsEnabled":
        return f"HF_HUB_OFFLINE forbids the network: unset it. {elsewhere}"
    if status is None:
        return elsewhere
    return f"With files from elsewhere, {release.elsewhere}."
