"""The process of one replica: an engine's loop that is driven through a pipe.

Messages in are (kind, number, content): ("ask", n, Ask), ("give up", n, None), ("counts", n,
None) and ("end", 0, None). Out come ("answer", n, …) and ("error", n, (type, words)), with the
facts of the opened engine under the number -1. The process ends when its parent says so, or
is gone.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from mubench_gen.engines.vllm.asks import Ask, Shown
from mubench_gen.engines.vllm.loop import EngineLoop
from mubench_gen.errors import MubenchError, UsageError, describe
from mubench_gen.model import Checkpoint, Runtime

_RECENT = 16  # images that both ends of a pipe cache


@dataclass(frozen=True, slots=True)
class ReplicaSetup:
    """What a replica opens, its number, and the number of replicas."""

    checkpoint: Checkpoint
    runtime: Runtime
    arguments: dict[str, Any]
    replica: int
    replicas: int
    shares_cores: bool = True  # if it has no GPU of its own

    def cores(self) -> set[int]:
        """The processor cores of the replica: its share of all cores."""
        every = sorted(os.sched_getaffinity(0))
        if len(every) < self.replicas:
            return set(every)
        share = len(every) // self.replicas
        return set(every[self.replica * share : (self.replica + 1) * share])


class Recent:
    """A cache of recently sent pixels, equal at both ends because messages stay in order."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, Shown] = OrderedDict()

    def outgoing(self, ask: Ask) -> Ask:
        """The ask without the pixels that the other end has."""
        return replace(ask, images=tuple(self._thinned(shown) for shown in ask.images))

    def incoming(self, ask: Ask) -> Ask:
        """The ask with its pixels."""
        return replace(ask, images=tuple(self._filled(shown) for shown in ask.images))

    def _thinned(self, shown: Shown) -> Shown:
        thin = Shown(shown.id, None)
        known = shown.id in self._shown
        self._remember(thin)
        return thin if known else shown

    def _filled(self, shown: Shown) -> Shown:
        full = shown if shown.pixels is not None else self._shown[shown.id]
        self._remember(full)
        return full

    def _remember(self, shown: Shown) -> None:
        self._shown[shown.id] = shown
        self._shown.move_to_end(shown.id)
        if len(self._shown) > _RECENT:
            self._shown.popitem(last=False)


def main(descriptor: int) -> None:
    """Open what the first message specifies, and answer until the parent closes the pipe."""
    connection: Connection[Any, Any] = Connection(descriptor)
    job: ReplicaSetup = connection.recv()
    if job.shares_cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job.cores())
    _Served(connection, job).run()


class _Served:
    def __init__(self, connection: Connection[Any, Any], job: ReplicaSetup) -> None:
        from mubench_gen.engines.vllm.opening import open_engine

        self._connection = connection
        self._lock = threading.Lock()
        self._recent = Recent()
        self._asked: dict[int, Future[Any]] = {}
        opening = partial(open_engine, job.checkpoint, job.runtime, job.arguments)
        self._loop = EngineLoop(partial(opening, name=f"vllm replica {job.replica}"))

    def run(self) -> None:
        try:
            facts = self._loop.start()
        except UsageError as error:
            self._send("error", -1, ("UsageError", describe(error)))
            return
        self._send("answer", -1, dict(facts))
        with suppress(EOFError, OSError):
            while (message := self._connection.recv())[0] != "end":
                self._obey(*message)
        self._loop.close()

    def _obey(self, kind: str, number: int, content: Any) -> None:
        if kind == "ask":
            future = self._loop.ask(self._recent.incoming(content))
            self._asked[number] = future
            future.add_done_callback(partial(self._answer, number))
        elif kind == "give up":
            given_up = self._asked.pop(number, None)
            if given_up is not None:
                given_up.cancel()
        else:
            self._send("answer", number, dict(self._loop.counts()))

    def _answer(self, number: int, future: Future[Any]) -> None:
        self._asked.pop(number, None)
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._send("answer", number, future.result())
        else:
            name = type(error).__name__ if isinstance(error, MubenchError) else "ItemError"
            self._send("error", number, (name, describe(error)))

    def _send(self, kind: str, number: int, content: Any) -> None:
        with self._lock, suppress(OSError):  # the parent is gone: the next read says so
            self._connection.send((kind, number, content))
