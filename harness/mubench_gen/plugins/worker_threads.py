"""Threads for calls that may hang: a call that takes too long is abandoned."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

T = TypeVar("T")
_LOOK = 0.5  # seconds: a signal that comes just as a wait begins is seen when that ends


class TimeOver(Exception):
    """A call took longer than it may; it goes on in its thread."""


class ExitRaised(Exception):
    """A call raised SystemExit, KeyboardInterrupt or the like: `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error


class Worker:
    """A daemon thread that runs one call after another; one that hangs is abandoned."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]
        self._calls = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._calls.put((call, future))
        return future

    def stop(self) -> None:
        """Let the thread end after what it does; one that hangs ends with the process."""
        self._calls.put(None)

    def _run(self) -> None:
        while (work := self._calls.get()) is not None:
            call, future = work
            try:
                future.set_result(call())
            except BaseException as error:  # a plugin may even call sys.exit
                future.set_exception(error if isinstance(error, Exception) else ExitRaised(error))
            del work, call, future  # frees the result while the thread waits


class Workers:
    """Threads for calls with a time limit; at most `most` calls are abandoned.

    While so many hang, no further call is made.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._hung: set[Future[Any]] = set()
        self._idle: list[Worker] = []
        os.register_at_fork(after_in_child=self._idle.clear)  # a child has no such threads

    def call(self, call: Callable[[], T], seconds: float) -> T:
        """What it returns; TimeOver where it takes longer, or too many others hang."""
        if len(self._hung) >= self._most:
            raise TimeOver
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = Worker(self._name)
        running = worker.submit(call)
        try:
            found = wait(running, seconds)
        except TimeOver:
            self._hung.add(running)
            running.add_done_callback(self._hung.discard)
            raise
        finally:
            if running.done():
                self._idle.append(worker)
            else:
                worker.stop()
        return found


def wait(running: Future[T], seconds: float) -> T:
    """The result of a call; TimeOver where there is none after so many seconds."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            return running.result(min(left, _LOOK))
        except FutureTimeout:
            if running.done():  # the call's own TimeoutError
                raise
    raise TimeOver
