"""A hub that misbehaves in the middle of a file: bounded, told, and gone on from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from .hub import Hub, serving

pytest.importorskip("huggingface_hub", reason="fetching μ-Bench needs mubench-gen[ubench]")

import huggingface_hub

from mubench_gen.console.progress import Silent
from mubench_gen.data import fetch
from mubench_gen.data.fetch import _check, _download, _Remote, _Tally, _told
from mubench_gen.data.ubench import Release
from mubench_gen.errors import DataError

CONTENT = bytes(range(256)) * 1_000
HALF = len(CONTENT) // 2
Answer = Callable[[BaseHTTPRequestHandler, int], None]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PAUSE", 0.0)
    monkeypatch.setattr(fetch, "_SILENCE", 0.5)


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, length: int | None, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.send_header("Connection", "close")  # or the client may ask again on what is closed
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def nothing(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 200 if not begin else 206, b"", 0, Content_Range=f"bytes {begin}-")


def no_length(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 206, b"", None, Content_Range=f"bytes {begin}-")


def silent(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 206, b"", len(CONTENT), Content_Range=f"bytes {begin}-")
    threading.Event().wait(3)


def always_half(handler: BaseHTTPRequestHandler, begin: int) -> None:
    """Knows no ranges, and breaks at the same place each time."""
    send(handler, 200, CONTENT[:HALF], len(CONTENT))


def another_part(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 206, CONTENT[:10], 10, Content_Range=f"bytes 0-9/{len(CONTENT)}")


def no_such_part(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 416, b"", 0)


def busy(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 503, b"", 0)


def in_circles(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 302, b"", 0, Location=handler.path)


def other_bytes(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 206, bytes(len(CONTENT) - begin), None, Content_Range=f"bytes {begin}-")


def longer(handler: BaseHTTPRequestHandler, begin: int) -> None:
    """The file, and behind it more for ever."""
    send(handler, 206, CONTENT[begin:], None, Content_Range=f"bytes {begin}-")
    while True:
        handler.wfile.write(bytes(65_536))


def only_whole(handler: BaseHTTPRequestHandler, begin: int) -> None:
    """Gives no parts: another one than is asked for, or all."""
    if begin:
        return another_part(handler, begin)
    return send(handler, 200, CONTENT, len(CONTENT))


def only_beginning(handler: BaseHTTPRequestHandler, begin: int) -> None:
    if begin:
        return no_such_part(handler, begin)
    return send(handler, 200, CONTENT, len(CONTENT))


def brought(folder: Path, answer: Answer, *, have: int = HALF) -> tuple[bytes, int]:
    """What a hub that answers so brings of a file that is there in part; how often it was asked."""
    hub = Hub("some/body", "main", {"file": CONTENT}, answer=answer)
    with serving(hub):
        blob = folder / "blob"
        digest = hashlib.sha256(CONTENT).hexdigest()
        remote = _Remote("file", digest, f"{hub.url}/cdn/file", digest, len(CONTENT), blob)
        remote.unfinished.write_bytes(CONTENT[:have])
        try:
            with _told(Release("some/body", "main", ())):
                _download(huggingface_hub, remote, _Tally(Silent(), 0, len(CONTENT), "file"))
                _check(remote)
        finally:
            asked = len(hub.asked)
            kept = remote.unfinished.read_bytes() if remote.unfinished.exists() else b""
    return kept, asked


@pytest.mark.parametrize("answer", [longer, only_whole, only_beginning])
def test_what_is_there_in_part_is_made_whole(tmp_path: Path, answer: Answer) -> None:
    kept, asked = brought(tmp_path, answer)
    assert kept == CONTENT
    assert asked <= 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (nothing, "no new byte in 6 tries: the body ended before it was whole"),
        (no_length, "no new byte in 6 tries: the body ended before it was whole"),
        (silent, "no new byte in 6 tries"),
        (always_half, "no new byte in 6 tries"),
        (another_part, "does not go on at byte 128,000"),
        (no_such_part, "416"),
        (busy, "503"),
        (in_circles, "redirect"),
    ],
)
def test_a_server_that_sends_no_new_byte_is_not_asked_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Answer, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        brought(tmp_path, answer)
    message, told = str(caught.value), capsys.readouterr().err
    assert said in message + told
    assert "the same command goes on from there" in message
    assert told.count("goes on at") <= 6


def test_other_bytes_are_told_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="what came is not the published file"):
        brought(tmp_path, other_bytes)
    assert not list(tmp_path.glob("blob*"))


def test_a_slow_server_that_does_send_is_waited_for(tmp_path: Path) -> None:
    parts = iter([CONTENT[HALF : HALF + 1_000], CONTENT[HALF + 1_000 :]])

    def in_two(handler: BaseHTTPRequestHandler, begin: int) -> None:
        part = next(parts)
        send(handler, 206, part, len(CONTENT) - begin, Content_Range=f"bytes {begin}-")

    kept, asked = brought(tmp_path, in_two)
    assert (kept, asked) == (CONTENT, 2)
