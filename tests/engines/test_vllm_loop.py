"""The loop that drives vLLM, without vLLM: faults of an ask, and of the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from mubench_gen.engines.vllm.asks import Ask
from mubench_gen.engines.vllm.loop import EngineLoop
from mubench_gen.errors import EngineFault, ItemError, UsageError
from mubench_gen.types import Reply, Sampling


def ask(text: str) -> Ask:
    turn = {"role": "user", "content": [{"type": "text", "text": text}]}
    return Ask((turn,), "parse", ("A", "B"), Sampling(0.0, 8))


class Scripted:
    """An engine that answers what it is asked once `go` is set, but "refuse" and "die"."""

    def __init__(self, go: threading.Event) -> None:
        self.facts: Mapping[str, Any] = {"engine": "scripted"}
        self.go = go
        self.under_way: dict[str, str] = {}
        self.most = 0
        self.aborted: list[str] = []
        self.closed = False
        self.killed = threading.Event()
        self.threads = {threading.get_ident()}

    def add(self, ask: Ask) -> str:
        self.threads.add(threading.get_ident())
        text = ask.turns[0]["content"][0]["text"]
        if text == "refuse":
            raise ItemError("refused")
        name = str(len(self.under_way) + len(self.aborted))
        self.under_way[name] = text
        self.most = max(self.most, len(self.under_way))
        return name

    def step(self) -> Sequence[tuple[str, Any]]:
        self.threads.add(threading.get_ident())
        if not self.go.wait(0.01):
            return []
        if "die" in self.under_way.values():
            raise RuntimeError("CUDA error: an illegal memory access")
        done = [(name, Reply(text)) for name, text in self.under_way.items()]
        self.under_way.clear()
        return done

    def abort(self, name: str) -> None:
        self.aborted.append(self.under_way.pop(name))

    def counts(self) -> Mapping[str, Any]:
        return {"most": self.most}

    def lost(self) -> EngineFault | None:
        return EngineFault("its process was killed") if self.killed.is_set() else None

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def go() -> threading.Event:
    return threading.Event()


@pytest.fixture
def opened(go: threading.Event) -> Iterator[Callable[[], tuple[EngineLoop, Scripted]]]:
    loops: list[EngineLoop] = []

    def open_() -> tuple[EngineLoop, Scripted]:
        engines: list[Scripted] = []

        def make() -> Scripted:
            engines.append(Scripted(go))
            return engines[0]

        loop = EngineLoop(make)
        assert loop.start() == {"engine": "scripted"}
        loops.append(loop)
        return loop, engines[0]

    yield open_
    for loop in loops:
        loop.close()


Opened = Callable[[], tuple[EngineLoop, Scripted]]


def test_asks_are_under_way_together_and_all_in_one_thread(
    opened: Opened, go: threading.Event
) -> None:
    loop, engine = opened()
    futures = [loop.ask(ask(str(n))) for n in range(100)]
    while engine.most < 100:
        go.wait(0.001)
    go.set()
    assert [future.result(240).text for future in futures] == [str(n) for n in range(100)]
    assert len(engine.threads) == 1
    assert threading.get_ident() not in engine.threads


def test_an_ask_s_error_is_its_own(opened: Opened, go: threading.Event) -> None:
    loop, _ = opened()
    go.set()
    good, bad, after = (loop.ask(ask(text)) for text in ("one", "refuse", "two"))
    assert isinstance(bad.exception(10), ItemError)
    assert (good.result(240).text, after.result(240).text) == ("one", "two")


def test_an_engine_that_dies_is_a_fault_of_all_that_is_asked(
    opened: Opened, go: threading.Event
) -> None:
    loop, _ = opened()
    futures = [loop.ask(ask(text)) for text in ("one", "die", "two")]
    go.set()
    futures.append(loop.ask(ask("late")))
    for future in futures:
        error = future.exception(10)
        assert isinstance(error, EngineFault)
        assert "illegal memory access" in str(error)
    assert loop.counts() == {}


def test_an_engine_that_is_killed_while_a_step_waits_is_a_fault_too(opened: Opened) -> None:
    loop, engine = opened()
    stuck = threading.Event()
    engine.step = lambda: stuck.wait(60) and []  # type: ignore[method-assign]
    future = loop.ask(ask("one"))

    engine.killed.set()

    for asked in (future, loop.ask(ask("two"))):
        error = asked.exception(10)
        assert isinstance(error, EngineFault)
        assert "was killed" in str(error)
    stuck.set()


def test_what_is_given_up_is_aborted(opened: Opened, go: threading.Event) -> None:
    loop, engine = opened()
    future, other = loop.ask(ask("slow")), loop.ask(ask("other"))
    while engine.most < 2:
        go.wait(0.001)
    assert future.cancel()
    while not engine.aborted:
        go.wait(0.001)
    go.set()
    assert engine.aborted == ["slow"]
    assert other.result(240).text == "other"


def test_counts_are_had_while_asks_are_under_way(opened: Opened, go: threading.Event) -> None:
    loop, _ = opened()
    loop.ask(ask("slow"))
    assert loop.counts()["most"] <= 1


def test_closing_closes_the_engine_and_answers_nobody_with_a_text(opened: Opened) -> None:
    loop, engine = opened()
    future = loop.ask(ask("slow"))
    loop.close()
    assert engine.closed
    assert isinstance(future.exception(10), EngineFault)


def test_what_opening_raises_comes_to_who_starts_it() -> None:
    def refuse() -> Scripted:
        raise UsageError("no such model")

    with pytest.raises(UsageError, match="no such model"):
        EngineLoop(refuse).start()
