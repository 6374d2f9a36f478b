"""A server that starts with a run and ends with it. Each program is a subclass that says how.

The server listens on loopback behind a key of its own, is started again when it dies, and its log
is kept. What a program says of itself, how it is started, and why it did not start, is all that a
subclass describes: `prepare`, `why_not_started`, `why_it_died`.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.engines.server.client import Client
from mubench_gen.engines.server.generative import ServerGenerative
from mubench_gen.engines.server.options import Endpoint, Secret, ServerOptions
from mubench_gen.engines.server.process import ServerProcess, free_port
from mubench_gen.errors import EngineFault, SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import cache_folder

_KEPT_LOGS = 20
NO_SUCH_INSTRUCTION = 128 + signal.SIGILL  # the exit code of a program built for other processors


class ManagedOptions(ServerOptions):
    """Options of an engine that starts its server, besides the program's own arguments."""

    startup: float = Field(1800.0, gt=0, description="seconds that a start may take")
    restarts: int = Field(
        2, ge=0, description="how often it is restarted after an unexplained death"
    )
    patience: float = Field(
        3600.0, ge=0, description="seconds that it may be unreachable before the run ends"
    )


@dataclass(frozen=True, slots=True)
class Start:
    """How a server is started: its command, the environment beside ours, facts for the manifest."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class ManagedServer(ServerGenerative):
    """A model behind a server of our own, which starts with `load` and ends with `close`.

    `title` is the program's name in messages. `phases` are patterns of its log's lines, in the
    order of a start, with our names of the phases.
    """

    title: ClassVar[str]
    phases: ClassVar[Sequence[tuple[re.Pattern[str], str]]] = ()

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime, options: ManagedOptions) -> None:
        self._secret = Secret(secrets.token_hex(16))  # keeps other users of this machine out
        self._process: ServerProcess | None = None
        self._started: dict[str, Any] = {}
        self._deaths = 0
        super().__init__(checkpoint, runtime, options=options, endpoints=(), key=self._secret)
        self.announces = False

    def prepare(self, port: int, key: str) -> Start:
        """How to start it on this port of loopback, so that it answers this key alone.

        Raises UsageError, or MissingExtraError, for what it lacks.
        """
        raise NotImplementedError

    def why_not_started(self, said: str, late: TimeoutError | None) -> str:
        """Why it did not start, by the end of its log; `late` where it was not ready in time."""
        raise NotImplementedError

    def why_it_died(self, said: str) -> str:
        """Why it died during a run, by the end of its log."""
        raise NotImplementedError

    def load(self) -> None:
        """Start the server and wait for it. The UsageError says why it did not start."""
        if self._process is not None:
            return
        port = free_port()
        key = self._secret.header["Authorization"].removeprefix("Bearer ")
        start = self.prepare(port, key)
        environment = {**_inherited(), **start.environment}
        self._process = ServerProcess(
            start.command, environment, port=port, log=_log_file(self.engine)
        )
        try:
            self._start()
            self._endpoints = (Endpoint(f"http://127.0.0.1:{port}/v1", loopback=True),)
            super().load()
        except BaseException:
            self.close()
            raise
        own = {"engine": self.engine, "log": str(self._process.log), **self._started}
        self._facts |= {**start.facts, **own}
        for name in ("servers", "key"):
            self._facts.pop(name)

    def close(self) -> None:
        super().close()
        if self._process is not None:
            self._process.stop()
            self._process = None

    @property
    def process_id(self) -> int | None:
        """The id of the server's process group; None if it is not running."""
        return self._process.pid if self._process is not None else None

    @property
    def counts(self) -> Mapping[str, Any]:
        return {**super().counts, "deaths": self._deaths}

    async def revive(self) -> None:
        """Restart a dead server. Raises EngineFault after too many deaths."""
        process = self._process
        if process is None or process.exit_code is None:
            return
        self._deaths += 1
        code, why = process.exit_code, self.why_it_died(process.said)
        explained = 0 if self._client is None else len(self._client.suspicions.explained)
        if self._deaths - explained > self.options.restarts:
            raise EngineFault(
                f"{self.title} died {self._deaths} times (exit code {code}): {why} "
                f"Its log: {process.log}"
            )
        log(f"{self.title} died (exit code {code}) and is started again: {why}")
        try:
            await asyncio.to_thread(self._start)
        except UsageError as error:
            raise EngineFault(str(error)) from None

    def _connect(self) -> Client:
        client = super()._connect()
        client.health.revive = self.revive
        return client

    def _start(self) -> None:
        process = self._process
        assert process is not None
        began, phases = time.monotonic(), dict[str, float]()

        def tell(line: str) -> None:
            for pattern, name in self.phases:
                if name not in phases and pattern.search(line):
                    phases[name] = round(time.monotonic() - began, 1)
                    note(f"{self.title}: {name} after {phases[name]:.1f} s")

        note(f"{self.title}: starting on 127.0.0.1:{process.port} (log: {process.log})")
        process.start()
        if not process.wait_until_ready(self.options.startup, tell):
            raise UsageError(self._why_not_started(process))
        self._started = {"startup_seconds": round(time.monotonic() - began, 1), "phases": phases}

    def _why_not_started(self, process: ServerProcess) -> str:
        code, late = process.exit_code, None
        process.stop()
        if code is None:
            late = TimeoutError(
                f"it was not ready within {self.options.startup:g} s (engine.startup)"
            )
        ended = "" if code is None else f"{self.title} did not start (exit code {code}). "
        if code == NO_SUCH_INSTRUCTION:
            why = (
                "Its program has instructions that this machine's processor lacks: install a "
                "build of it for this processor."
            )
        else:
            why = self.why_not_started(process.said, late)
        return f"{ended}{why} Its log: {process.log}"


def refuse_base_url(runtime: Runtime, engine: str) -> None:
    """Raise SettingError where the user names a server that runs already."""
    if runtime.base_urls:
        raise SettingError(
            f"--engine {engine} starts a server of its own: --base-url is for --engine server, "
            "which asks one that runs."
        )


def served_name(model: str) -> str:
    """What a server is told to call a model: its last part, without signs that mean something."""
    return re.sub(r"[^\w.@+-]+", "-", Path(model).name) or "model"


def _inherited() -> dict[str, str]:
    """Our environment without the keys that are in it."""
    return {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}


def _log_file(engine: str) -> Path:
    """A new log file in the cache folder, which keeps the latest few of each engine."""
    folder, name = cache_folder() / "servers", engine.removesuffix("-server")
    old = sorted(folder.glob(f"{name}-*.log")) if folder.is_dir() else []
    for path in old[: max(0, len(old) - _KEPT_LOGS + 1)]:
        with suppress(OSError):
            path.unlink()
    return folder / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
