"""Fetching a release from the hub into the hub's own cache: resumed, checked, stored once.

huggingface_hub finds the files and names them in its cache; since version 2 it drops a partial
download when the process ends. Here it stays beside the finished files, and the same command goes
on from there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import Progress, bar, log
from mubench_gen.data.shards import ShardFile
from mubench_gen.data.ubench import Release, hub_cache, repo_folder, shards_of
from mubench_gen.errors import DataError, MissingExtraError
from mubench_gen.storage.digests import remember, sha256_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MARGIN = 64 * 10**6  # bytes that stay free
_MB = 10**6
_TRIES = 5  # without a new byte in between
_PAUSE = 0.25  # seconds before the next, doubled each time
_SILENCE = 30.0  # seconds without a byte after which a connection is given up


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file on the hub, and where the cache keeps its content."""

    name: str
    sha256: str
    url: str
    etag: str
    size: int
    blob: Path

    @property
    def unfinished(self) -> Path:
        return self.blob.with_name(f"{self.blob.name}.incomplete")

    @property
    def left(self) -> int:
        """Bytes that are still to come."""
        if self.blob.exists():
            return 0
        return self.size - (self.unfinished.stat().st_size if self.unfinished.exists() else 0)


def fetch(release: Release) -> Path:
    """The folder of the release's files, which are fetched if they are missing.

    Every file's size and SHA-256 is checked. DataError says what is wrong and with which.
    """
    hub = _hub()
    wanted = [
        (name, shard)
        for (name, _), shard in zip(release.files, shards_of(release), strict=True)
        if not _is_there(release, shard)
    ]
    with _told(release):
        remotes = [_look_up(hub, release, name, str(shard.sha256)) for name, shard in wanted]
    _check_space(remotes)
    total = sum(remote.size for remote in remotes)
    with bar(f"{release.repo} (MB)", total // _MB, shown=bool(remotes)) as shown:
        done = 0
        for remote in remotes:
            with _told(release):
                _bring(hub, release, remote, _Tally(shown, done, total, remote.name))
            done += remote.size
    return shards_of(release)[0].path.parent


def _hub() -> Any:
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
    found = sha256_of(shard.path)
    if found == shard.sha256:
        return True
    log(f"{shard.path.name}: SHA-256 expected {shard.sha256}, found {found}: fetched again.")
    content = shard.path.resolve()
    shard.path.unlink()
    if content.is_relative_to(repo_folder(release).resolve()):
        content.unlink(missing_ok=True)
    return False


def _look_up(hub: Any, release: Release, name: str, sha256: str) -> _Remote:
    url = hub.hf_hub_url(release.repo, name, repo_type="dataset", revision=release.revision)
    facts = hub.get_hf_file_metadata(url)
    if facts.etag is None or facts.size is None:
        raise DataError(f"{url}: the server sends no ETag or no size, as a hub would.")
    if _SHA256.fullmatch(facts.etag) and facts.etag != sha256:
        raise DataError(
            f"{name}: the hub has another file at this revision: SHA-256 expected {sha256}, "
            f"found {facts.etag}."
        )
    blob = repo_folder(release) / "blobs" / facts.etag
    return _Remote(name, sha256, url, facts.etag, facts.size, blob)


def _check_space(remotes: list[_Remote]) -> None:
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


def _bring(hub: Any, release: Release, remote: _Remote, tally: _Tally) -> None:
    from filelock import FileLock

    lock = hub_cache() / ".locks" / repo_folder(release).name / f"{remote.etag}.lock"
    for folder in (lock.parent, remote.blob.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # the hub's own lock for this content
        came = not remote.blob.exists()
        if came:
            _download(hub, remote, tally)
            _check(remote)
            os.replace(remote.unfinished, remote.blob)
    # The content is there: this adds the name in the snapshot, by the hub's own rules.
    path = hub.hf_hub_download(
        release.repo,
        remote.name,
        repo_type="dataset",
        revision=release.revision,
        cache_dir=hub_cache(),
    )
    if came:  # and was checked
        remember(Path(path), remote.sha256)


def _download(hub: Any, remote: _Remote, tally: _Tally) -> None:
    """Append what is missing, in as many requests as it takes, as long as new bytes come.

    Several requests in a row without a new byte end it, whatever the reason.
    """
    idle = 0
    with remote.unfinished.open("ab", buffering=0) as file:
        if file.tell() > remote.size:
            file.truncate(file.seek(0))
        tally.add(file.tell())
        most = file.tell()
        while file.tell() < remote.size:
            try:
                _stream(hub, remote, file, tally)
                reason = "the body ended before it was whole"
            except network_errors() as error:
                if is_refusal(error):
                    raise
                reason = str(error) or type(error).__name__
            idle = 0 if file.tell() > most else idle + 1
            most = max(most, file.tell())
            if idle > _TRIES:
                raise ConnectionError(f"{remote.name}: no new byte in {idle} tries: {reason}")
            if file.tell() < remote.size:
                log(f"{remote.name}: {reason}: goes on at {file.tell():,} bytes.")
                time.sleep(_PAUSE * 2**idle if idle else 0.0)


def _stream(hub: Any, remote: _Remote, file: Any, tally: _Tally) -> None:
    """One request for all that is missing, written as it comes; bytes beyond it are not read.

    Where the server won't go on at the byte that was asked for, the next request is for all.
    """
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    have = file.tell()
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    session = hub.utils.get_session()
    with session.stream(
        "GET", remote.url, headers=headers, follow_redirects=True, timeout=_SILENCE
    ) as response:
        part = response.headers.get("Content-Range", "")
        elsewhere = response.status_code == 206 and not part.startswith(f"bytes {have}-")
        if have and (elsewhere or response.status_code in (200, 416)):
            file.truncate(file.seek(0))
            tally.add(-have)
        if elsewhere or (have and response.status_code == 416):
            raise ConnectionError(f"the server does not go on at byte {have:,}: {part or 416}")
        hf_raise_for_status(response)
        for chunk in response.iter_bytes():
            missing = chunk[: remote.size - file.tell()]
            file.write(missing)
            tally.add(len(missing))
            if file.tell() == remote.size:
                return


def _check(remote: _Remote) -> None:
    size = remote.unfinished.stat().st_size
    found = sha256_of(remote.unfinished, again=True)
    if size == remote.size and found == remote.sha256:
        return
    remote.unfinished.unlink()
    raise DataError(
        f"{remote.name}: what came is not the published file: {remote.size:,} bytes and SHA-256 "
        f"{remote.sha256} expected, {size:,} bytes and {found} found. It was removed; the same "
        "command fetches it again."
    )


class _Tally:
    """Adds up the bytes of one file and updates the progress display of all files."""

    def __init__(self, shown: Progress, before: int, total: int, note: str) -> None:
        self._shown = shown
        self._done = before
        self._total = total
        self._note = note

    def add(self, count: int) -> None:
        self._done += count
        self._shown.at(self._done // _MB, self._total // _MB, self._note)


def network_errors() -> tuple[type[BaseException], ...]:
    """What the hub's library raises where the network or the server fails."""
    from huggingface_hub.errors import HfHubHTTPError

    # Its bases are the errors of whichever HTTP library this version uses.
    return (*HfHubHTTPError.__bases__, OSError)


def is_refusal(error: BaseException) -> bool:
    """Whether trying again is useless: the file is gone or forbidden, or the disk is full."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS)


@contextlib.contextmanager
def _told(release: Release) -> Iterator[None]:
    """Turns errors of the network and of the disk into a DataError of one sentence."""
    try:
        yield
    except network_errors() as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0].rstrip(".")
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        raise DataError(
            f"{release.repo} cannot be fetched from {endpoint}: {reason}. What has come is kept; "
            "the same command goes on from there. Files from elsewhere: --data PATH."
        ) from None
