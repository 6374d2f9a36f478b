"""A hub that misbehaves in the middle of a file: bounded, told, and gone on from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from .hub import Hub, serving

pytest.importorskip("huggingface_hub", reason="fetching μ-Bench needs mubench-gen[ubench]")

import huggingface_hub

from mubench_gen.console.progress import Silent
from mubench_gen.data import download
from mubench_gen.data.download import ByteTally, Remote
from mubench_gen.data.fetch import fetch, told
from mubench_gen.data.ubench import Release
from mubench_gen.errors import DataError

CONTENT = bytes(range(256)) * 1_000
HALF = len(CONTENT) // 2
Answer = Callable[[BaseHTTPRequestHandler, int], None]


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made between requests, in seconds, none of which is waited for."""
    made: list[float] = []
    monkeypatch.setattr(download, "_sleep", made.append)
    monkeypatch.setattr(download, "_SILENCE", 0.5)
    return made


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


def web_page(handler: BaseHTTPRequestHandler, begin: int) -> None:
    page = b"<!doctype html><title>Sign in</title>"
    send(handler, 200, page, len(page), Content_Type="text/html; charset=utf-8")


def web_page_as_part(handler: BaseHTTPRequestHandler, begin: int) -> None:
    part = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
    send(handler, 206, b"<html>", 6, Content_Type="text/html", Content_Range=part)


def short_text(handler: BaseHTTPRequestHandler, begin: int) -> None:
    send(handler, 200, b"busy", 4)


def a_few_bytes(handler: BaseHTTPRequestHandler, begin: int) -> None:
    """Never the end: at this rate the file would take 100,000 requests."""
    part = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
    send(handler, 206, b"..", 2, Content_Range=part)


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
        remote = Remote("file", digest, f"{hub.url}/cdn/file", digest, len(CONTENT), blob)
        remote.unfinished.write_bytes(CONTENT[:have])
        try:
            with told(Release("some/body", "main", (("file", digest),))):
                tally = ByteTally(Silent(), 0, len(CONTENT), "file")
                download.download(huggingface_hub, remote, tally)
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
        (nothing, "brought no new data, the last one: the body ended before it was whole"),
        (no_length, "brought no new data, the last one: the body ended before it was whole"),
        (silent, "5 answers in a row brought no new data"),
        (always_half, "5 answers in a row brought no new data"),
        (another_part, "does not go on at byte 128,000"),
        (no_such_part, "416"),
        (busy, "503"),
        (in_circles, "redirect"),
        (web_page, "the server sends a web page (text/html) in place of the file"),
        (web_page_as_part, "the server sends a web page (text/html) in place of the file"),
        (short_text, "the server sends something of 4 bytes, and the file has 256,000"),
        (a_few_bytes, "5 answers in a row brought no new data"),
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
    assert told.count("goes on at") <= 5


@pytest.mark.parametrize("answer", [web_page, web_page_as_part, short_text])
def test_a_page_in_place_of_the_file_costs_nothing_of_what_has_come(
    tmp_path: Path, answer: Answer
) -> None:
    with pytest.raises(DataError, match="What has come is kept"):
        brought(tmp_path, answer)
    assert (tmp_path / "blob.incomplete").read_bytes() == CONTENT[:HALF]


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


def test_a_pause_that_the_server_asks_for_is_made(
    tmp_path: Path, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([17, None])

    def busy_once(handler: BaseHTTPRequestHandler, begin: int) -> None:
        if (pause := next(answers)) is not None:
            return send(handler, 429, b"", 0, Retry_After=str(pause))
        return send(handler, 206, CONTENT[begin:], None, Content_Range=f"bytes {begin}-")

    assert brought(tmp_path, busy_once)[0] == CONTENT
    assert pauses == [17.0]
    assert "after 17 s, as the server asks, goes on at" in capsys.readouterr().err


def test_a_pause_of_an_hour_is_told_and_not_made(tmp_path: Path, pauses: list[float]) -> None:
    def closed(handler: BaseHTTPRequestHandler, begin: int) -> None:
        send(handler, 503, b"", 0, Retry_After="3600")

    with pytest.raises(DataError, match=r"asks to wait 3,600 s. Try later"):
        brought(tmp_path, closed)
    assert pauses == []


@pytest.fixture
def fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Hub, Callable[[], Path]]]:
    """A hub with one file, and what fetches it in this process."""
    from huggingface_hub import constants

    hub = Hub("some/body", "main", {"file": CONTENT})
    release = Release("some/body", "main", (("file", hashlib.sha256(CONTENT).hexdigest()),))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    with serving(hub):
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub, lambda: fetch(release)


def test_a_busy_hub_is_asked_again_for_a_files_facts(
    fetched: tuple[Hub, Callable[[], Path]], pauses: list[float]
) -> None:
    hub, run = fetched
    hub.refusals = [(429, {"Retry-After": "3"}), (503, {})]
    folder = run()
    assert (folder / "file").read_bytes() == CONTENT
    assert pauses == [3.0, 1.0]


def test_a_hub_that_stays_busy_is_asked_five_times(
    fetched: tuple[Hub, Callable[[], Path]], pauses: list[float]
) -> None:
    hub, run = fetched
    hub.refusals = [(429, {})] * 9
    with pytest.raises(DataError, match="429") as caught:
        run()
    assert len(hub.asked) == 5
    assert "HF_TOKEN" in str(caught.value)


def test_a_refusal_says_how_to_tell_who_asks(fetched: tuple[Hub, Callable[[], Path]]) -> None:
    hub, run = fetched
    hub.refusals = [(401, {})]
    with pytest.raises(DataError, match=r"401.*set HF_TOKEN to an access token"):
        run()
    assert len(hub.asked) == 1


def test_without_a_network_the_folder_for_the_files_is_named(
    fetched: tuple[Hub, Callable[[], Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE forbids the network") as caught:
        fetched[1]()
    folder = tmp_path / "home/hub/datasets--some--body/snapshots/main"
    assert f"copy the files from a machine that has them into {folder}" in str(caught.value)
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(CONTENT)
    assert fetched[1]() == folder  # and then they are used
