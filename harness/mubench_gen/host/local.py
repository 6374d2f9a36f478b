"""A model in this process, asked as a host is: for debuggers, and where no process is wanted.

A batch is answered in the caller's own thread, where a debugger can stop it and nothing ends it.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from typing import Any

from mubench_gen.errors import describe
from mubench_gen.host.events import Event
from mubench_gen.host.serving import Serving
from mubench_gen.host.setup import HostSetup
from mubench_gen.types import Request


class LocalHost:
    """What `HostProcess` does, without a process."""

    is_running, is_busy = True, False

    def __init__(self, setup: HostSetup) -> None:
        self._setup = setup
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.serving: Serving | None = None
        self._begun: tuple[Any, ...] = ()
        self.label = setup.label

    def call(self, name: str, *arguments: Any) -> Any:
        self.begin(name, *arguments)
        return self.result(name)

    def become(self, setup: HostSetup, label: str) -> None:
        """Open another model in place of this one."""
        self._setup, self.label = setup, label
        self.call("become", setup)

    def begin(self, name: str, *arguments: Any) -> None:
        """Note a call, which `result` makes."""
        self._begun = arguments

    def result(self, name: str) -> Any:
        if self.serving is None:
            self.serving = Serving(self._setup.open(), self.events.put)
        return self.serving.call(name, self._begun)

    def send(self, number: int, requests: Sequence[Request]) -> None:
        assert self.serving is not None, "load comes first"
        self.serving.ask(number, requests)

    def give_up(self, number: int) -> None:
        assert self.serving is not None, "load comes first"
        self.serving.give_up(number)

    def wait(self, seconds: float) -> Event | None:
        """The next event, None where none comes in time."""
        try:
            return self.events.get(timeout=seconds)
        except queue.Empty:
            return None

    def rest(self) -> None:
        """Nothing is to be noted here."""

    def kill(self) -> None:
        """Nothing ends what runs in this process."""

    def close(self) -> str | None:
        try:
            if self.serving is not None:
                self.serving.close()
        except (Exception, SystemExit) as error:  # an edge of isolation: one plugin's own code
            return describe(error)
        return None
