"""A model in a process of its own, as its parent sees it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from mubench_gen.errors import PluginError
from mubench_gen.host.events import Died, Event
from mubench_gen.host.last_words import LastWords
from mubench_gen.host.messages import images_of, pack
from mubench_gen.host.setup import HostSetup
from mubench_gen.host.wire import as_error, as_event
from mubench_gen.types import Request

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from mubench_gen.host.program import main; main(int(sys.argv[1]))"
)
# Ends the host with all that it started when its standard input ends, as it does with the parent.
_GUARD = ["/bin/sh", "-c", 'read -r _; kill -9 "-$0"']
_IMAGES = 32  # recent images that the host keeps, because requests about one follow each other
_CLOSING = 10.0  # seconds that an idle model has to free what it took
_DOING = {
    "card": "while the plugin was imported and the model made",
    "digest": "while the weights were fetched and digested",
    "load": "while the model was loaded",
}


class HostProcess:
    """One process, started by the first call. `gpus` and `cores`: those that it may use."""

    def __init__(
        self, setup: HostSetup, *, gpus: Sequence[str] = (), cores: set[int] | None = None
    ) -> None:
        self._setup = setup
        self._shown = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None
        self._words = LastWords()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._busy = False
        self._end: Any = None
        self.label = setup.label

    @property
    def connection(self) -> Connection[Any, Any]:
        """What there is to wait on for `receive`."""
        return self._connection

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The number of the process while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def is_busy(self) -> bool:
        """Whether something was asked that is not answered."""
        return self._busy

    def start(self) -> None:
        """Start the process; it opens its model with the first call."""
        self._connection, theirs = Pipe()
        self._process = process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), json.dumps(sys.path)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process, which ends the host
            env={"PYDANTIC_DISABLE_PLUGINS": "__all__", **os.environ, **self._shown},
        )  # fmt: skip
        theirs.close()
        guard = subprocess.Popen(
            [*_GUARD, str(process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._cores is not None:
            os.sched_setaffinity(process.pid, self._cores)
        assert process.stderr is not None
        self._words.listen(process.stderr)
        self._outbox = _Outbox(self._connection)
        self._known.clear()
        self._busy = False
        self._end = weakref.finalize(self, _end, process, guard, self._connection, self._outbox)
        self._outbox.put(self._setup)

    def call(self, name: str, *arguments: Any) -> Any:
        """What the operation returns; its error is raised. PluginError where the host dies."""
        self.begin(name, *arguments)
        return self.result(name)

    def become(self, setup: HostSetup, label: str) -> None:
        """Open another model in this process."""
        self._setup, self.label = setup, label
        self.call("become", setup)

    def begin(self, name: str, *arguments: Any) -> None:
        """Send a call, whose `result` is waited for later."""
        if self._process is None:
            self.start()
        self._busy = True
        self._outbox.put(("call", name, arguments))

    def result(self, name: str) -> Any:
        """Wait for the result of the call that was begun."""
        patience = self._setup.patience(name)
        try:
            kind, *rest = self._next_result(patience)
        except TimeoutError:
            self.kill()
            raise PluginError(self._late(name, patience)) from None
        except (EOFError, OSError):
            doing = _DOING.get(name, "")
            raise PluginError(f"{self._subject} {self.dies(doing)}.") from None
        self._busy = False
        if kind == "error":
            raise as_error(*rest)
        return rest[0]

    def _next_result(self, patience: float) -> tuple[Any, ...]:
        """The next message that is no event: answers to what was given up may come first."""
        until = time.monotonic() + patience
        while self._connection.poll(max(0.0, until - time.monotonic())):
            message: tuple[Any, ...] = self._connection.recv()
            if message[0] in ("result", "error"):
                return message
        raise TimeoutError

    def send(self, number: int, requests: Sequence[Request]) -> None:
        """Ask a batch; its answer is an event. May raise ImageError."""
        packed = [pack(request) for request in requests]
        contents: dict[str, bytes] = {}
        for image in [image for request in requests for image in images_of(request)]:
            if image.sha256 not in self._known:
                contents[image.sha256] = image.file_bytes
            self._known[image.sha256] = None
            self._known.move_to_end(image.sha256)
        gone = [self._known.popitem(last=False)[0] for _ in range(len(self._known) - _IMAGES)]
        self._busy = True
        self._outbox.put(("ask", number, packed, contents, gone))

    def give_up(self, number: int) -> None:
        """Have a request cancelled; an event tells when it is."""
        self._outbox.put(("give up", number))

    def receive(self) -> Event:
        """The next event; waits for it."""
        try:
            return as_event(self._connection.recv())
        except Exception:  # the end of the pipe, or what is no message of ours
            return Died(self.dies())

    def rest(self) -> None:
        """Note that nothing is asked at present."""
        self._busy = False

    def dies(self, doing: str = "while it answered") -> str:
        """End what is left of the process; tell how it ended, and what it said last."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.poll()
        self.kill()
        how = "closed its connection" if code is None else _ended(code)
        return f"{how} {doing}{self._words.told()}"

    def kill(self) -> None:
        """End the process now, with all that it started."""
        if self._process is not None:
            self._end()
            self._process = None

    def close(self) -> str | None:
        """Let an idle model free what it took, then end; returns its error in words."""
        if self._process is None:
            return None
        fault = None
        if not self._busy:
            self._outbox.put(("close",))
            with suppress(EOFError, OSError, TimeoutError):
                kind, *rest = self._next_result(_CLOSING)
                fault = rest[1] if kind == "error" else None
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        self.kill()
        self._words.end()
        return fault

    @property
    def _subject(self) -> str:
        return f"The process of {self.label}"

    def _late(self, name: str, patience: float) -> str:
        flag = "" if patience < self._setup.load_timeout else " (--load-timeout)"
        return (
            f"{self._subject} was ended: it was not done within {patience:g} s{flag} "
            f"{_DOING.get(name, '')}.{self._words.told()}"
        )


class _Outbox:
    """Writes to a pipe in a thread, so that a host that does not read holds up nobody."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._write, name="mubench-gen host", daemon=True).start()

    def put(self, message: Any) -> None:
        self._waiting.put(ForkingPickler.dumps(message))

    def end(self) -> None:
        self._waiting.put(None)

    def _write(self) -> None:
        with suppress(OSError):  # the host is gone, which whoever waits for it is told
            while (message := self._waiting.get()) is not None:
                self._connection.send_bytes(message)


def _end(
    process: subprocess.Popen[bytes],
    guard: subprocess.Popen[bytes],
    connection: Connection[Any, Any],
    outbox: _Outbox,
) -> None:
    """End the process with all that it started, unless it has ended, and let go of what it took."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    guard.kill()
    guard.wait()
    assert guard.stdin is not None
    guard.stdin.close()
    outbox.end()
    connection.close()


def _ended(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended itself with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    short = " (the system does this where memory is short)" if code == -signal.SIGKILL else ""
    return f"was killed by {name}{short}"
