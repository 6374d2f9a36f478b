"""One file from a hub: what is missing is asked for until it is there, or no new data come.

A server may be busy, break off, ignore the part that is asked for, or send a page for people in
place of the file. None of that is written, and none of it is asked for without an end.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

from mubench_gen.console.progress import Progress, log
from mubench_gen.errors import DataError
from mubench_gen.storage.digests import sha256_of

T = TypeVar("T")
_MB = 10**6
_TRIES = 5  # answers in a row that bring nothing
_LITTLE = 1024  # bytes: an answer that ends before them has brought nothing
_PAUSE = 0.25  # seconds before the next, doubled each time
_LONGEST_PAUSE = 300.0  # seconds that a server may ask to wait
_SILENCE = 30.0  # seconds without a byte after which a connection is given up
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on the hub, and where the cache keeps its content."""

    name: str
    sha256: str | None
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


class ByteTally:
    """Adds up the bytes of one file and updates the progress display of all files."""

    def __init__(self, shown: Progress, before: int, total: int, note: str) -> None:
        self._shown = shown
        self._done = before
        self._total = total
        self._note = note

    def add(self, count: int) -> None:
        self._done += count
        self._shown.at(self._done // _MB, self._total // _MB, self._note)


def when_free(name: str, ask: Callable[[], T]) -> T:
    """What `ask` returns. While the server is too busy, it is asked again after the pause that it
    asks for, five times at most."""
    patience = _Patience(name)
    while True:
        try:
            return ask()
        except network_errors() as error:
            if status_of(error) not in _BUSY:
                raise
            patience.wait(error)


def download(hub: Any, remote: Remote, tally: ByteTally) -> None:
    """Append what is missing to the unfinished file, and check the whole.

    ConnectionError after five answers in a row without new data, DataError where the bytes that
    came are not the published ones.
    """
    patience = _Patience(remote.name)
    with remote.unfinished.open("ab", buffering=0) as file:
        if file.tell() > remote.size:
            file.truncate(file.seek(0))
        tally.add(file.tell())
        most = file.tell()
        while file.tell() < remote.size:
            reason: BaseException = ConnectionError("the body ended before it was whole")
            try:
                _stream(hub, remote, file, tally)
            except network_errors() as error:
                if _is_refusal(error):
                    raise
                reason = error
            if file.tell() < remote.size:
                if file.tell() - most >= _LITTLE:
                    patience.renew()
                patience.wait(reason, f"goes on at {file.tell():,} bytes")
            most = max(most, file.tell())
    _check(remote)


class _Patience:
    """Counts answers in a row that bring nothing, and pauses after each."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle = 0

    def renew(self) -> None:
        self._idle = -1

    def wait(self, error: BaseException, then: str = "asks again") -> None:
        """ConnectionError if there were too many, or if the server asks for too long a pause."""
        self._idle += 1
        reason = reason_of(error)
        if self._idle >= _TRIES:
            raise ConnectionError(
                f"{self._name}: {self._idle} answers in a row brought no new data, the last one: "
                f"{reason}"
            ) from error
        asked = pause_asked_for(error)
        pause = (_PAUSE * 2**self._idle if self._idle else 0.0) if asked is None else asked
        if pause > _LONGEST_PAUSE:
            raise ConnectionError(
                f"{self._name}: {reason}, and the server asks to wait {pause:,.0f} s. Try later"
            ) from error
        after = f"after {pause:,.0f} s, as the server asks, " if asked else ""
        log(f"{self._name}: {reason}: {after}{then}.")
        _sleep(pause)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _stream(hub: Any, remote: Remote, file: Any, tally: ByteTally) -> None:
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
        if response.status_code in (200, 206):
            _check_answer(response.headers, response.status_code, remote)
        if have and (elsewhere or response.status_code in (200, 416)):
            file.truncate(file.seek(0))
            tally.add(-have)
        if elsewhere or (have and response.status_code == 416):
            told = part or "416" if response.status_code == 416 else part or "206 without a range"
            raise ConnectionError(f"the server does not go on at byte {have:,}: {told}")
        hf_raise_for_status(response)
        for chunk in response.iter_bytes():
            missing = chunk[: remote.size - file.tell()]
            file.write(missing)
            tally.add(len(missing))
            if file.tell() == remote.size:
                return


def _check_answer(headers: Mapping[str, str], status: int, remote: Remote) -> None:
    """ConnectionError where the answer is something else than the file: none of it is written."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise ConnectionError(
            f"the server sends a web page ({kind}) in place of the file, as a proxy or a sign-in "
            "page does"
        )
    whole = headers.get("Content-Length" if status == 200 else "Content-Range", "")
    size = whole.rpartition("/")[2]
    if size.isdecimal() and 0 < int(size) != remote.size:
        raise ConnectionError(
            f"the server sends something of {int(size):,} bytes, and the file has {remote.size:,}"
        )


def _check(remote: Remote) -> None:
    size = remote.unfinished.stat().st_size
    found = sha256_of(remote.unfinished, again=True)
    if size == remote.size and remote.sha256 in (None, found):
        return
    remote.unfinished.unlink()
    raise DataError(
        f"{remote.name}: what came is not the published file: {remote.size:,} bytes and SHA-256 "
        f"{remote.sha256} expected, {size:,} bytes and {found} found. It was removed; the same "
        "command fetches it again."
    )


def network_errors() -> tuple[type[BaseException], ...]:
    """What the hub's library raises where the network or the server fails."""
    from huggingface_hub.errors import HfHubHTTPError

    # Its bases are the errors of whichever HTTP library this version uses.
    return (*HfHubHTTPError.__bases__, OSError)


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error, or its cause, is about; None if the server did not answer."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status
    return None if error.__cause__ is None else status_of(error.__cause__)


def reason_of(error: BaseException) -> str:
    """An error's first line, without a full stop."""
    return (str(error).strip() or repr(error)).splitlines()[0].rstrip(".")


def pause_asked_for(error: BaseException) -> float | None:
    """The seconds of an answer's Retry-After, which may be a date; None without one."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    told = str(headers.get("Retry-After", "")).strip()
    if told.isdecimal():
        return float(told)
    try:
        until = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _is_refusal(error: BaseException) -> bool:
    """Whether trying again is useless: the file is gone or forbidden, or the disk is full."""
    status = status_of(error)
    if status is not None:
        return 400 <= status < 500 and status not in _BUSY
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS)
