"""What was answered is on the disk soon, whoever ends the run: 32 replies later at most."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen.errors import EngineFault
from mubench_gen.inference import flow, waiting
from mubench_gen.model import GenerativeModel, StreamingModel
from mubench_gen.types import Request, Sampling

from .helpers.asking import asked
from .helpers.command import Command
from .helpers.data import write_data
from .helpers.server import FakeServer, completion

WINDOW, HELD = 8, 32


def request(number: int) -> Request:
    return Request(f"key{number}", (), ("A", "B"), "parse", Sampling(0.0, 8))


class Instant(StreamingModel):
    """Answers at once."""

    reads_pixels = False

    def submit(self, request: Request) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result("A")
        return future


class Batched(GenerativeModel):
    """Answers all at once, or fails where more than one is asked."""

    reads_pixels = False

    def __init__(self, *, alone: bool = False, most: int = 10**9) -> None:
        super().__init__()
        self.alone = alone
        self.left = most

    def generate(self, requests: Sequence[Request]) -> list[str]:
        if self.alone and len(requests) > 1:
            raise ValueError("one by one, please")
        self.left -= len(requests)
        if self.left < 0:
            raise EngineFault("gone")
        return ["A" for _ in requests]


def test_no_more_than_32_answers_wait_to_be_written() -> None:
    sent: list[int] = []

    def requests() -> Iterator[Request]:
        for number in range(500):
            sent.append(number)
            yield request(number)

    written = 0
    for batch in asked(Instant(), requests(), size=WINDOW):
        assert len(batch) <= HELD
        assert len(sent) - written <= HELD + WINDOW + 1  # one is made ahead
        written += len(batch)
    assert written == 500


def test_an_answer_that_took_long_is_handed_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(flow.time, "perf_counter", lambda: clock[0])

    class Slow(Instant):
        def submit(self, request: Request) -> Future[Any]:
            future = super().submit(request)
            clock[0] += 0.6
            return future

    batches = asked(Slow(), map(request, range(20)), size=1)
    assert [len(batch) for batch in batches] == [1] * 20


def test_an_answer_waits_a_quarter_of_a_second_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(flow.time, "perf_counter", lambda: clock[0])

    class Steady(Instant):
        def submit(self, request: Request) -> Future[Any]:
            future = super().submit(request)
            clock[0] += 0.1
            return future

    batches = asked(Steady(), map(request, range(40)), size=1)
    assert max(len(batch) for batch in batches) <= 4


def test_an_answered_batch_does_not_wait_for_the_next_to_be_prepared() -> None:
    pulled = 0

    def requests() -> Iterator[Request]:
        nonlocal pulled
        for number in range(1_000):
            pulled += 1
            if number >= 500:
                time.sleep(0.004)
            yield request(number)

    batches = asked(Batched(), requests(), size=500)
    assert len(next(batches)) == 500
    assert pulled < 1_000
    assert [len(batch) for batch in batches] == [500]


def test_what_is_asked_one_by_one_is_handed_on_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_AGE", 0.0)
    answers = asked(Batched(alone=True), map(request, range(6)), size=6)
    assert [len(batch) for batch in answers] == [1] * 6


def test_what_was_answered_one_by_one_before_a_fault_is_handed_on() -> None:
    answers = asked(Batched(alone=True, most=4), map(request, range(6)), size=6)
    kept: list[str] = []
    with pytest.raises(EngineFault):
        kept.extend(q.key for batch in answers for q, _ in batch)
    assert kept == ["key0", "key1", "key2", "key3"]


def test_what_stands_behind_a_pause_is_not_looked_at_before_the_rest_is_answered() -> None:
    pulled: list[str] = []

    def requests() -> Iterator[Request | None]:
        yield request(0)
        yield None
        yield None
        pulled.append("behind")
        yield request(1)
        yield None

    batches = asked(Batched(), requests(), size=4)
    assert [q.key for q, _ in next(batches)] == ["key0"]
    assert pulled == []
    assert [q.key for q, _ in next(batches)] == ["key1"]
    assert list(batches) == []


class Killing:
    """An instant server that kills the process under test at every so many requests."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.asked: Counter[str] = Counter()
        self.process: subprocess.Popen[str] | None = None
        self.number = count(1)

    async def behave(self, body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        parts = body["messages"][0]["content"]
        self.asked[str(parts)] += 1
        if next(self.number) % self.every == 0 and self.process is not None:
            self.process.send_signal(signal.SIGKILL)
        return web.json_response(completion())


@pytest.mark.parametrize(
    ("images", "every"),
    [(150, 90), pytest.param(6_000, 61, marks=pytest.mark.exhaustive)],
)
def test_of_what_a_server_answered_32_are_asked_again_after_a_kill(
    mubench: Command, tmp_path: Path, images: int, every: int
) -> None:
    data = write_data(tmp_path / "data", images)
    killing, kills = Killing(every), 0
    with FakeServer(killing.behave) as server:
        command = [
            "eval", "--plugin", "openai", "--base-url", server.url,
            "--no-preflight", "--data", str(data),
            "--run-dir", "r", "-o", f"engine.window={WINDOW}",
        ]  # fmt: skip
        for _ in range(1_000):
            killing.process = mubench.start(*command)
            killing.process.communicate(timeout=60)
            if killing.process.returncode == 0:
                break
            assert killing.process.returncode == -signal.SIGKILL
            kills += 1
    records = list(mubench_gen.load_run(tmp_path / "r").records())
    assert len(records) == 2 * images
    assert {record["status"] for record in records} == {"answered"}
    again = sum(killing.asked.values()) - len(killing.asked)
    assert kills >= 2
    assert again <= kills * (HELD + WINDOW), f"{again} asked again after {kills} kills"


def test_a_slow_server_is_never_asked_again_what_it_answered_a_second_ago(
    mubench: Command, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 4)
    third = threading.Event()

    async def slow(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(server.bodies) == 4:
            third.set()
            await asyncio.sleep(30)
        return web.json_response(completion())

    with FakeServer(slow) as server:
        command = [
            "eval", "--plugin", "openai", "--base-url", server.url,
            "--no-preflight", "--data", str(data),
            "--run-dir", "r", "-o", "engine.window=1",
        ]  # fmt: skip
        process = mubench.start(*command)
        assert third.wait(240)
        deadline = time.monotonic() + 240
        while written(tmp_path / "r") < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.communicate()
        assert written(tmp_path / "r") == 3


def written(folder: Path) -> int:
    path = folder / "records.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0
