"""A model behind a service: only one request is written, the harness asks as the policy says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.errors import MubenchError, RetryLater, UsageError
from mubench_gen.types import Request, Response, Sampling

from .helpers.asking import asked
from .helpers.command import Outcome
from .helpers.data import write_data

Here = Callable[..., Outcome]
QUICK = mubench_gen.RequestPolicy(concurrency=3, retries=2)


class Scripted(mubench_gen.AsyncModel):
    """Raises what the script holds, one a call, and answers when it is at its end."""

    reads_pixels = False
    policy = QUICK

    def __init__(self, *script: Exception) -> None:
        super().__init__()
        self.script = list(script)
        self.calls = 0
        self.opened: list[str] = []

    async def open(self) -> None:
        self.opened.append("open")

    async def shut(self) -> None:
        self.opened.append("shut")

    async def ask(self, request: Request) -> str:
        self.calls += 1
        if self.script:
            raise self.script.pop(0)
        return f"A {request.key}"


class Together(Scripted):
    """Answers when as many are asked as the policy allows; notes how many were, at most."""

    async def open(self) -> None:
        await super().open()
        self.all = asyncio.Barrier(QUICK.concurrency)
        self.under_way = self.most = 0

    async def ask(self, request: Request) -> str:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.all.wait()
        self.under_way -= 1
        return await super().ask(request)


def request(number: int) -> Request:
    return Request(f"key{number}", (), ("A", "B"), "parse", Sampling(0.0, 8))


def responses(model: mubench_gen.AsyncModel, count: int) -> Sequence[Response]:
    requests = [request(n) for n in range(count)]
    found: dict[str, Response] = {}
    for batch in asked(model, iter(requests), size=model.window, timeout=60.0):
        found |= {one.key: response for one, response in batch}
    return [found[one.key] for one in requests]


def test_as_many_requests_are_under_way_as_the_policy_allows() -> None:
    model = Together()
    assert [r.reply for r in responses(model, 12)] == [f"A key{n}" for n in range(12)]
    assert model.most == QUICK.concurrency
    assert model.opened[0] == "open"


def test_what_may_pass_is_asked_again_and_counted() -> None:
    model = Scripted(RetryLater("busy", after=0.0), RetryLater("busy", after=0.0))
    assert [r.reply for r in responses(model, 1)] == ["A key0"]
    assert model.calls == 3
    assert model.counts == {"retries after RetryLater": 2}


def test_after_the_last_try_the_item_has_an_error() -> None:
    (response,) = responses(Scripted(*[RetryLater("busy", after=0.0)] * 3), 1)
    assert response.error is not None
    assert response.error.message == "no answer in 3 tries: busy"


def test_a_service_that_asks_to_wait_longer_than_the_timeout_is_not_waited_for() -> None:
    model = Scripted(RetryLater("come back tomorrow", after=86_400.0))
    (response,) = responses(model, 1)
    assert response.error is not None
    assert "come back tomorrow" in response.error.message
    assert model.calls == 1


def test_any_other_error_is_the_items_own_and_final() -> None:
    first, second = responses(Scripted(ValueError("no picture")), 2)
    told = sorted([first, second], key=lambda r: r.error is None)
    assert told[0].error is not None
    assert told[0].error.message == "ValueError: no picture"
    assert told[1].reply is not None


def test_a_refused_key_ends_the_run_at_once() -> None:
    model = Scripted(*[mubench_gen.http_error(401, "bad key")] * 60)
    with pytest.raises(UsageError, match=r"answered 401: bad key. It refuses the key"):
        responses(model, 60)
    assert model.calls <= QUICK.concurrency


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "UsageError"), (404, "UsageError"), (408, "RetryLater"), (409, "RetryLater"),
        (425, "RetryLater"), (429, "RetryLater"), (503, "RetryLater"), (400, "ItemError"),
        (422, "ItemError"),
    ],
)  # fmt: skip
def test_a_status_has_an_error_of_its_kind(status: int, kind: str) -> None:
    error = mubench_gen.http_error(status, "why")
    assert type(error).__name__ == kind
    assert f"{status}: why" in str(error)


@pytest.mark.parametrize(
    ("header", "after"), [("7", 7.0), (None, None), ("soon", None), ("", None)]
)
def test_the_header_of_a_wait_is_read_in_seconds(header: str | None, after: float | None) -> None:
    assert _later(mubench_gen.http_error(429, "", header)).after == after


def test_the_header_of_a_wait_may_be_a_date() -> None:
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    assert _later(mubench_gen.http_error(429, "", past)).after == 0.0
    coming = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    after = _later(mubench_gen.http_error(429, "", coming)).after
    assert after is not None
    assert after > 3_000


def _later(error: MubenchError) -> RetryLater:
    assert isinstance(error, RetryLater)
    return error


class Clock(Scripted):
    """Its loop's clock stands still but for the pauses, which are noted."""

    def __init__(self, *script: Exception, rate: float | None = None) -> None:
        self.policy = mubench_gen.RequestPolicy(concurrency=1, retries=2, rate=rate)
        super().__init__(*script)
        self.now = 0.0
        self.began: list[float] = []

    def load(self) -> None:
        super().load()
        self._loop.time = lambda: self.now  # type: ignore[method-assign]

    async def ask(self, request: Request) -> str:
        self.began.append(self.now)
        return await super().ask(request)


def test_requests_keep_the_rate_and_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        model.now += max(0.0, seconds)

    monkeypatch.setattr("mubench_gen.plugins.async_model.asyncio.sleep", sleep)
    model = Clock(RetryLater("busy", after=10.0), rate=4.0)
    model.load()
    for number in range(3):
        model.submit(request(number)).result(60)
    model.close()
    assert model.began == [0.25, 10.25, 10.5, 10.75]
    assert model.opened == ["open", "shut"]


SERVICE = """
import mubench_gen

class Service(mubench_gen.AsyncModel):
    async def ask(self, request):
        raise mubench_gen.http_error(401, "unknown key")

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("service", Service)]
"""


def test_a_run_whose_key_is_refused_says_so_and_keeps_no_error(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells")
    plugin = tmp_path / "service.py"
    plugin.write_text(SERVICE)
    args = ("eval", "--plugin", plugin, "--data", data, "--run-dir", tmp_path / "run")
    outcome = here(*args)
    assert outcome.code == 2
    assert "the service answered 401: unknown key. It refuses the key" in outcome.err
    records = (tmp_path / "run/records.jsonl").read_text().splitlines()
    assert [r for r in map(json.loads, records) if r["status"] == "error"] == []
