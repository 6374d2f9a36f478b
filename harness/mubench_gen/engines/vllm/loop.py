"""Runs a vLLM engine in a thread, which takes asks one by one. No vLLM here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mubench_gen.engines.vllm.asks import Ask
from mubench_gen.errors import EngineFault, UsageError, describe
from mubench_gen.types import Reply

EngineOutput = Reply | Sequence[float] | Sequence[tuple[float, int]]
_ADMITTED = 32  # most asks that are prepared between two steps, while others are computed

_LOOKS = 0.5  # seconds between two checks that the engine is alive
_DEAD = 1.0  # seconds to wait for the thread of a dead engine


class Engine(Protocol):
    """The engine that the loop drives; all calls are in the loop's thread, which opened it."""

    facts: Mapping[str, Any]

    def add(self, ask: Ask) -> str:
        """Add an ask, and return its name. Raises the ask's own error."""
        ...

    def step(self) -> Sequence[tuple[str, EngineOutput | Exception]]:
        """Compute a step; returns new answers. Raises if the engine is gone."""
        ...

    def abort(self, name: str) -> None: ...

    def reload(self, folder: Path) -> None:
        """Load the weights of another folder, and empty the caches."""
        ...

    def adapt(self, folder: Path) -> None:
        """Answer through a LoRA adapter from now on."""
        ...

    def counts(self) -> Mapping[str, Any]: ...

    def lost(self) -> EngineFault | None:
        """The fault if the engine is gone. Called from another thread, while a step waits."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    ask: Ask
    future: Future[Any]


@dataclass(frozen=True, slots=True)
class _GivenUp:
    future: Future[Any]


@dataclass(frozen=True, slots=True)
class _Counted:
    future: Future[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Reloaded:
    folder: Path
    adapter: bool
    future: Future[None]


_Message = _Asked | _GivenUp | _Counted | _Reloaded | None


class EngineLoop:
    """Opens the engine in a thread, and keeps all asks in flight there.

    It needs a thread because CPU kernels are bound to the thread that loaded the model, and
    because asks arrive while others are computed.
    """

    def __init__(self, open_engine: Callable[[], Engine]) -> None:
        self._open = open_engine
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._opened: Future[Mapping[str, Any]] = Future()
        self._under_way: dict[str, Future[Any]] = {}
        self._fault: EngineFault | None = None
        self._closing = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mubench-gen vllm", daemon=True)

    def start(self) -> Mapping[str, Any]:
        """Wait until the engine is open, and return its facts. Raises the error of opening."""
        self._thread.start()
        return self._opened.result()

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts of the engine, once it is open."""
        return self._opened.result()

    def ask(self, ask: Ask) -> Future[Any]:
        """A future of the answer; it holds an EngineFault if the engine is gone."""
        future: Future[Any] = Future()
        future.add_done_callback(self._notice)
        if self._fault is not None:
            resolve(future, self._fault)
        else:
            self._inbox.put(_Asked(ask, future))
        return future

    def counts(self, timeout: float = 30.0) -> Mapping[str, Any]:
        """The engine's counts since it was opened; empty if it is gone."""
        if self._fault is not None or not self._thread.is_alive():
            return {}
        future: Future[Mapping[str, Any]] = Future()
        self._inbox.put(_Counted(future))
        return future.result(timeout)

    def reload(self, folder: Path) -> None:
        """Load other weights of the same model. No ask may be in flight."""
        self._change(folder, adapter=False)

    def adapt(self, folder: Path) -> None:
        """Answer through a LoRA adapter from now on. No ask may be in flight."""
        self._change(folder, adapter=True)

    def _change(self, folder: Path, *, adapter: bool) -> None:
        future: Future[None] = Future()
        self._inbox.put(_Reloaded(folder, adapter, future))
        future.result()

    def close(self, timeout: float = 30.0) -> None:
        """Close the engine and wait for its thread, at most `timeout` seconds."""
        self._closing = True
        self._closed.set()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout if self._fault is None else _DEAD)

    def _notice(self, future: Future[Any]) -> None:
        if future.cancelled():
            self._inbox.put(_GivenUp(future))

    def _run(self) -> None:
        try:
            engine = self._open()
        except BaseException as error:  # an edge of isolation: it is raised again by start
            self._fault = EngineFault("the engine was not opened")
            self._opened.set_exception(error)
            return
        watch = threading.Thread(target=self._watch, args=(engine,), daemon=True)
        watch.start()
        self._opened.set_result(engine.facts)
        try:
            self._serve(engine)
        except EngineFault as fault:
            self._fault = fault
        except Exception as error:  # an edge of isolation: the engine's bookkeeping failed
            self._fault = EngineFault(f"vLLM's engine failed: {describe(error)}")
        self._refuse_all()
        with suppress(Exception):  # a dead engine may not close either
            engine.close()

    def _watch(self, engine: Engine) -> None:
        """Check the engine from another thread: a step waits forever if its process was killed."""
        while self._fault is None and not self._closed.wait(_LOOKS):
            fault = engine.lost()
            if fault is not None:
                self._fault = fault
                self._refuse_all()

    def _serve(self, engine: Engine) -> None:
        while not self._closing:
            self._take_in(engine)
            if self._under_way and not self._closing:
                for name, answer in engine.step():
                    future = self._under_way.pop(name, None)
                    if future is not None:
                        resolve(future, answer)

    def _take_in(self, engine: Engine) -> None:
        """Handle new messages; wait for one if nothing is in flight."""
        for _ in range(_ADMITTED):
            try:
                message = self._inbox.get(block=not self._under_way)
            except queue.Empty:
                return
            if message is None:
                return
            self._obey(message, engine)

    def _obey(self, message: _Asked | _GivenUp | _Counted | _Reloaded, engine: Engine) -> None:
        if isinstance(message, _Counted):
            message.future.set_result(engine.counts())
        elif isinstance(message, _Reloaded):
            self._reload(message, engine)
        elif isinstance(message, _GivenUp):
            names = [n for n, future in self._under_way.items() if future is message.future]
            for name in names:
                del self._under_way[name]
                engine.abort(name)
        elif not message.future.cancelled():
            try:
                self._under_way[engine.add(message.ask)] = message.future
            except EngineFault:
                resolve(message.future, EngineFault("the engine is gone"))
                raise
            except Exception as error:  # an edge of isolation: one request of one item
                resolve(message.future, error)

    def _reload(self, message: _Reloaded, engine: Engine) -> None:
        try:
            if self._under_way:
                raise EngineFault("weights cannot change while requests are under way")
            if message.adapter:
                engine.adapt(message.folder)
            else:
                engine.reload(message.folder)
        except UsageError as error:  # an adapter that does not fit
            message.future.set_exception(error)
            raise EngineFault(str(error)) from error
        except Exception as error:  # the state of the weights is unknown, so nothing can continue
            fault = EngineFault(f"vLLM could not take other weights: {describe(error)}")
            message.future.set_exception(fault)
            raise fault from error
        message.future.set_result(None)

    def _refuse_all(self) -> None:
        """The engine is gone: fail all futures, including later ones."""
        fault = self._fault or EngineFault("the engine was closed")
        for name in list(self._under_way):
            future = self._under_way.pop(name, None)
            if future is not None:
                resolve(future, fault)
        while True:
            try:
                message = self._inbox.get(timeout=None if not self._closing else 0.1)
            except queue.Empty:
                return
            if isinstance(message, _Asked):
                resolve(message.future, fault)
            elif isinstance(message, _Counted):
                message.future.set_result({})
            elif isinstance(message, _Reloaded):
                message.future.set_exception(fault)
            elif message is None:
                return


def resolve(future: Future[Any], answer: Any) -> None:
    """Give the future its result, or the exception that it ends in."""
    try:
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
    except InvalidStateError:  # it was cancelled in the meantime
        pass
