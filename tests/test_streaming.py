"""A model that takes requests one by one: in any order, within a window, each fault its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.errors import EngineFault
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.inference.request_limit import Allowance
from mubench_gen.model import StreamingModel
from mubench_gen.types import Image, Request, Response, Sampling

from .helpers.asking import asked
from .helpers.command import Command, Outcome
from .helpers.data import make_png, write_data
from .helpers.plugin import write_plugin

Answered = Future[Any]


def request(number: int, image: Image | None = None) -> Request:
    return Request(f"key{number}", (), ("A", "B"), "parse", Sampling(0.0, 8), image=image)


class Held(StreamingModel):
    """Keeps every future until it is told to answer."""

    reads_pixels = False

    def __init__(self, answer: Callable[[list[tuple[Request, Answered]]], None]) -> None:
        super().__init__()
        self.waiting: list[tuple[Request, Answered]] = []
        self.most = 0
        self._answer = answer

    def submit(self, request: Request) -> Answered:
        future: Answered = Future()
        self.waiting.append((request, future))
        self.most = max(self.most, len(self.waiting))
        self._answer(self.waiting)
        return future


def in_reverse(size: int) -> Callable[[list[tuple[Request, Answered]]], None]:
    def answer(waiting: list[tuple[Request, Answered]]) -> None:
        if len(waiting) == size:
            while waiting:
                request, future = waiting.pop()
                future.set_result(f"A {request.key}")

    return answer


def run(
    model: StreamingModel,
    requests: Sequence[Request | None],
    *,
    window: int = 4,
    timeout: float = 60.0,
) -> Iterator[tuple[Request, Response]]:
    for batch in asked(model, iter(requests), size=window, timeout=timeout):
        yield from batch


def test_answers_in_any_order_belong_to_their_requests_and_the_window_is_kept() -> None:
    model = Held(in_reverse(4))
    answers = list(run(model, [request(n) for n in range(12)]))
    assert sorted(q.key for q, _ in answers) == sorted(f"key{n}" for n in range(12))
    assert all(response.reply == f"A {q.key}" for q, response in answers)
    assert model.most == 4


def test_the_end_of_the_requests_is_waited_for_with_a_window_that_is_not_full() -> None:
    model = Held(in_reverse(3))
    assert len(list(run(model, [request(n) for n in range(3)], window=100))) == 3


def test_what_stands_before_a_pause_is_answered_before_what_stands_behind_is_asked() -> None:
    seen: list[str] = []

    def pulled() -> Iterator[Request | None]:
        for n in range(3):
            yield request(n)
        yield None
        seen.append("behind the pause")
        for n in range(3, 6):
            yield request(n)

    model = Held(in_reverse(3))
    batches = asked(model, pulled(), size=10)
    assert {q.key for q, _ in next(batches)} == {"key0", "key1", "key2"}
    assert seen == []
    assert len(next(batches)) == 3


def test_an_item_that_fails_costs_itself_alone() -> None:
    def answer(waiting: list[tuple[Request, Answered]]) -> None:
        request, future = waiting.pop()
        if request.key == "key1":
            future.set_exception(ValueError("no"))
        elif request.key == "key2":
            raise RuntimeError("not even taken")
        else:
            future.set_result("B")

    answers = {q.key: r for q, r in run(Held(answer), [request(n) for n in range(4)])}
    assert answers["key1"].error is not None
    assert answers["key2"].error is not None
    assert answers["key2"].error.message == "RuntimeError: not even taken"
    assert [answers[k].reply for k in ("key0", "key3")] == ["B", "B"]


def test_an_answer_that_never_comes_is_its_items_error_and_its_future_is_cancelled() -> None:
    lost: list[Answered] = []

    def answer(waiting: list[tuple[Request, Answered]]) -> None:
        request, future = waiting.pop()
        if request.key == "key1":
            lost.append(future)
        else:
            future.set_result("A")

    answers = {q.key: r for q, r in run(Held(answer), [request(n) for n in range(3)], timeout=0.2)}
    failed = answers["key1"].error
    assert failed is not None
    assert failed.type == "ItemTimeout"
    assert lost[0].cancelled()
    assert answers["key2"].reply == "A"


def test_a_model_that_never_answers_again_ends_the_run() -> None:
    def answer(waiting: list[tuple[Request, Answered]]) -> None:
        waiting.clear()

    answers = run(Held(answer), [request(n) for n in range(50)], window=20, timeout=0.1)
    failed: list[Response] = []
    with pytest.raises(EngineFault, match="9 requests in a row without an answer"):
        failed.extend(response for _, response in answers)
    assert len(failed) == 9


def test_what_was_answered_before_a_fault_is_not_lost() -> None:
    def answer(waiting: list[tuple[Request, Answered]]) -> None:
        request, future = waiting.pop()
        if request.key == "key3":
            future.set_exception(EngineFault("the server is down"))
        else:
            future.set_result("A")

    kept: list[str] = []
    answers = run(Held(answer), [request(n) for n in range(9)])
    with pytest.raises(EngineFault, match="the server is down"):
        kept.extend(q.key for q, _ in answers)
    assert {"key0", "key1", "key2"} <= set(kept)
    assert "key3" not in kept


def test_images_are_decoded_ahead_and_a_bad_one_is_never_sent() -> None:
    sound = open_image("sound.png", lambda: make_png(1), StandardPolicy())
    broken = open_image("broken.png", lambda: b"no image", StandardPolicy())

    class Looks(Held):
        reads_pixels = True

    model = Looks(in_reverse(1))
    answers = {q.key: r for q, r in run(model, [request(0, sound), request(1, broken)])}
    assert answers["key0"].reply is not None
    failed = answers["key1"].error
    assert failed is not None
    assert failed.type == "ImageError"


def test_a_reply_waits_for_the_disk_no_longer_than_a_moment() -> None:
    def answer(waiting: list[tuple[Request, Answered]]) -> None:
        if len(waiting) == 2:
            waiting[0][1].set_result("A")

    batches = asked(Held(answer), iter([request(0), request(1)]), size=2)
    began = time.monotonic()
    assert [q.key for q, _ in next(batches)] == ["key0"]
    assert time.monotonic() - began < 30


def test_the_allowance_passes_on_what_is_allowed_and_says_that_it_stopped() -> None:
    exact = Allowance(iter([request(0), None, request(1)]), 2)
    assert list(exact) == [request(0), None, request(1)]
    exact.check()
    short = Allowance(iter([request(0), None, request(1)]), 1)
    assert list(short) == [request(0), None]
    with pytest.raises(EngineFault, match="Stopped at --max-requests 1"):
        short.check()


STREAMING = """
import threading
from concurrent.futures import ThreadPoolExecutor
import mubench_gen

class Mine(mubench_gen.StreamingModel):
    window = 5
    announces = True

    def load(self):
        self.pool = ThreadPoolExecutor(3)
        self.asked = 0

    def submit(self, request):
        self.asked += 1
        return self.pool.submit(lambda: mubench_gen.Reply("B", "stop"))

    def close(self):
        self.pool.shutdown()

    @property
    def counts(self):
        return {"asked": self.asked}

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("mine", Mine)]
"""


@pytest.fixture
def streaming(tmp_path: Path) -> list[str]:
    """An evaluation of a streaming plugin on six questions."""
    plugin = write_plugin(tmp_path / "mine.py", "pass")
    plugin.write_text(STREAMING, "utf-8")
    data = write_data(tmp_path / "data")
    return ["eval", "--plugin", str(plugin), "--data", str(data), "--run-dir", str(tmp_path / "r")]


def test_a_streaming_plugin_is_evaluated_and_its_counts_are_noted(
    here: Callable[..., Outcome], streaming: list[str], tmp_path: Path
) -> None:
    outcome = here(*streaming, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["scores"]["pooled"]["n"] == 6
    manifest = json.loads((tmp_path / "r/manifest.json").read_text())
    assert manifest["sessions"][-1]["counts"] == {"asked": 6}
    assert "To ask: at most 6 requests" in outcome.err


def test_a_limit_of_requests_stops_the_run_and_the_same_command_goes_on(
    here: Callable[..., Outcome], streaming: list[str], tmp_path: Path
) -> None:
    codes = [here(*streaming, "--max-requests", "4").code for _ in range(3)]
    assert codes == [3, 0, 0]
    sessions = json.loads((tmp_path / "r/manifest.json").read_text())["sessions"]
    assert [s.get("counts") for s in sessions] == [{"asked": 4}, {"asked": 2}, None]
    assert len(list(mubench_gen.load_run(tmp_path / "r").records())) == 6


def test_no_request_at_all_may_be_allowed(
    here: Command, streaming: list[str], tmp_path: Path
) -> None:
    outcome = here(*streaming, "--max-requests", "0")
    assert outcome.code == 3
    assert "Stopped at --max-requests 0" in outcome.err
