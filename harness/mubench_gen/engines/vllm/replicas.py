"""Data parallelism: several vLLM engines, each in a process with its own devices.

An image always goes to the same replica, so that each image is prepared and encoded once.
No vLLM here.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from typing import Any

from mubench_gen.engines.vllm.asks import Ask
from mubench_gen.engines.vllm.loop import resolve
from mubench_gen.engines.vllm.replica import Recent, ReplicaSetup
from mubench_gen.errors import EngineFault, ItemError, ReplyError, SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime

# Starts a process with the same import path as this one.
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from mubench_gen.engines.vllm.replica import main; main(int(sys.argv[1]))"
)
_ERRORS = {"ItemError": ItemError, "ReplyError": ReplyError, "UsageError": UsageError}


class Replicas:
    """Engines in separate processes, with the interface of one `EngineLoop`."""

    def __init__(
        self, checkpoint: Checkpoint, runtime: Runtime, arguments: Mapping[str, Any], number: int
    ) -> None:
        plain = replace(
            checkpoint,
            engine_arguments={},
            template_arguments=dict(checkpoint.template_arguments),
        )
        quiet = replace(runtime, engine_options=dict(runtime.engine_options))
        self._jobs = [ReplicaSetup(plain, quiet, dict(arguments), n, number) for n in range(number)]
        self._replicas: list[_Replica] = []
        self._turn = itertools.count()

    def start(self) -> Mapping[str, Any]:
        """Open all in parallel; returns the first one's facts. Raises the error of any."""
        job = self._jobs[0]
        gpus = shares(job.arguments, job.runtime.device, job.replicas)
        self._replicas = [_Replica(job, own) for job, own in zip(self._jobs, gpus, strict=True)]
        for replica in self._replicas:
            replica.start()
        facts = [replica.opened.result() for replica in self._replicas]
        return {**facts[0], "data_parallel_size": len(facts)}

    def ask(self, ask: Ask) -> Future[Any]:
        """A future of the answer, from the replica that has the image."""
        own = ask.images[-1:]  # worked examples come before the image of the question
        number = int(own[0].id[:8], 16) if own else next(self._turn)
        return self._replicas[number % len(self._replicas)].ask(ask)

    def counts(self, timeout: float = 30.0) -> Mapping[str, Any]:
        """The sums over the replicas."""
        total: Counter[str] = Counter()
        for waiting in [replica.counts() for replica in self._replicas]:
            total.update(waiting.result(timeout))
        return dict(total)

    def close(self, timeout: float = 30.0) -> None:
        for replica in self._replicas:
            replica.hang_up()
        for replica in self._replicas:
            replica.wait(timeout)


class _Replica:
    """One engine's process, as its parent sees it."""

    def __init__(self, job: ReplicaSetup, gpus: Sequence[str]) -> None:
        self._gpus = gpus
        self.opened: Future[Mapping[str, Any]] = Future()
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._known = Recent()  # the images that the process has
        self._under_way: dict[int, Future[Any]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._gone = False

    def start(self) -> None:
        self._connection, theirs = Pipe()
        shown = {"CUDA_VISIBLE_DEVICES": ",".join(self._gpus)} if self._gpus else {}
        command = [sys.executable, "-c", _CHILD, str(theirs.fileno()), json.dumps(sys.path)]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__,  # stdout is for results
            start_new_session=True,  # Ctrl-C is for this process, which closes the others
            env={**os.environ, **shown},
        )
        theirs.close()
        self._connection.send(replace(self._job, shares_cores=not self._gpus))
        name = f"mubench-gen vllm replica {self._job.replica}"
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    def ask(self, ask: Ask) -> Future[Any]:
        return self._request("ask", self._known.outgoing(ask))

    def counts(self) -> Future[Mapping[str, Any]]:
        """The process's counts; empty if it is gone."""
        if self._gone:
            nothing: Future[Mapping[str, Any]] = Future()
            nothing.set_result({})
            return nothing
        return self._request("counts", None)

    def hang_up(self) -> None:
        """Let the process end; it closes its end of the pipe, which ends the reader too."""
        if self._process is not None:
            self._send(("end", 0, None))

    def wait(self, timeout: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout)
        self._connection.close()

    def _request(self, kind: str, content: Any) -> Future[Any]:
        future: Future[Any] = Future()
        number = next(self._numbers)
        with self._lock:
            if self._gone:
                future.set_exception(self._fault())
                return future
            self._under_way[number] = future
        future.add_done_callback(lambda done: self._give_up(number) if done.cancelled() else None)
        self._send((kind, number, content))
        return future

    def _give_up(self, number: int) -> None:
        with self._lock:
            self._under_way.pop(number, None)
        self._send(("give up", number, None))

    def _send(self, message: tuple[str, int, Any]) -> None:
        # If the process is gone, the reader reports it.
        with self._sending, suppress(OSError, ValueError):
            self._connection.send(message)

    def _read(self) -> None:
        """Answers as they come, in a thread, until the process is gone."""
        try:
            while True:
                self._deliver(*self._connection.recv())
        except (EOFError, OSError):
            self._lose()

    def _deliver(self, kind: str, number: int, content: Any) -> None:
        if number < 0:
            future: Future[Any] | None = self.opened
        else:
            with self._lock:
                future = self._under_way.pop(number, None)
        if future is not None:  # else it was cancelled meanwhile
            resolve(future, _error(*content) if kind == "error" else content)

    def _lose(self) -> None:
        with self._lock:
            self._gone = True
            waiting = [self.opened, *self._under_way.values()]
            self._under_way.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(self._fault())

    def _fault(self) -> EngineFault:
        return EngineFault(f"vLLM's replica {self._job.replica} ended")


def _error(name: str, words: str) -> Exception:
    """Rebuild an error of the other process; any class that isn't ours becomes an ItemError."""
    if name == "EngineFault":
        return EngineFault(words)
    return _ERRORS.get(name, ItemError)(words)


def shares(arguments: Mapping[str, Any], device: str, number: int) -> list[list[str]]:
    """The GPUs of each replica, by their names in CUDA_VISIBLE_DEVICES; empty on a CPU.

    Imports torch. Raises UsageError where there are too few for all.
    """
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return [[] for _ in range(number)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(torch.cuda.device_count())]
    each = int(arguments.get("tensor_parallel_size") or 1)
    each *= int(arguments.get("pipeline_parallel_size") or 1)
    if len(names) < each * number:
        raise UsageError(
            f"{number} replicas on {each} GPUs each (engine.data_parallel_size, "
            f"engine.tensor_parallel_size) need {each * number} GPUs; {len(names)} are visible."
        )
    return [names[n * each : (n + 1) * each] for n in range(number)]


def read_number(arguments: dict[str, Any]) -> int:
    """Take the number of replicas out of the arguments, which are for one replica."""
    wish = arguments.pop("data_parallel_size", None)
    number = 1 if wish is None else wish
    if not isinstance(number, int) or number < 1:
        raise SettingError(f"engine.data_parallel_size={wish}: a whole number from 1 on is needed.")
    return number
