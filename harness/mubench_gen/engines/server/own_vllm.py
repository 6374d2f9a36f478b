"""`--engine vllm-server`: starts a vLLM server on loopback for the duration of a run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.adapters import Adapter, ready
from mubench_gen.engines.conversation import template_to_serve
from mubench_gen.engines.options import OPENMP, parse_options
from mubench_gen.engines.server.client import Client
from mubench_gen.engines.server.generative import ServerGenerative
from mubench_gen.engines.server.options import Endpoint, Secret, ServerOptions
from mubench_gen.engines.server.process import ServerProcess, free_port
from mubench_gen.engines.source import hint_of, read_source, require_installed
from mubench_gen.engines.vllm.adapters import check_modules
from mubench_gen.engines.vllm.arguments import (
    ENVIRONMENT,
    VllmStart,
    read_arguments,
    resolve_start,
    with_room,
)
from mubench_gen.engines.vllm.diagnosis import (
    check_weights,
    explain_death,
    explain_start,
    opening_of,
)
from mubench_gen.engines.vllm.failures import Opening
from mubench_gen.errors import EngineFault, SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import cache_folder

_KEPT_LOGS = 20
_BASE = " (base)"  # behind an adapter's name: the name of its base, which the server lists too
_FLAGS = (
    "--host", "127.0.0.1",
    "--generation-config", "vllm",  # a checkpoint's own would change greedy decoding
    "--disable-uvicorn-access-log",
    "--enable-prompt-tokens-details",  # reports how many tokens came from the prefix cache
)  # fmt: skip
# Lines of the log, in the order of a start, and our names of the phases.
_PHASES = (
    (re.compile(r"Starting to load model|Loading model"), "loading the weights"),
    (re.compile(r"Loading weights took|Model loading took|loaded model"), "weights loaded"),
    (re.compile(r"init engine .{0,99}took|Starting vLLM (API )?server"), "engine ready"),
    (re.compile(r"Application startup complete"), "serving"),
)


class VllmServerOptions(ServerOptions):
    """Options of the engine `vllm-server`, besides vLLM's own arguments."""

    startup: float = Field(1800.0, gt=0, description="seconds that a start may take")
    restarts: int = Field(
        2, ge=0, description="how often it is restarted after an unexplained death"
    )
    patience: float = Field(
        3600.0, ge=0, description="seconds that it may be unreachable before the run ends"
    )


class VllmServer(ServerGenerative):
    """A checkpoint behind `vllm serve`, which starts with `load` and ends with `close`."""

    engine = "vllm-server"

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        if runtime.base_urls:
            raise SettingError(
                "--engine vllm-server starts a server of its own: --base-url is for --engine "
                "server, which asks one that runs."
            )
        given = runtime.engine_options
        own = {k: v for k, v in given.items() if k in VllmServerOptions.model_fields}
        options = parse_options(VllmServerOptions, own, engine=self.engine)
        rest = {k: v for k, v in given.items() if k not in own}
        self._given = rest
        self._arguments = read_arguments(
            checkpoint, runtime, rest, engine=self.engine, images=runtime.images
        )
        self._secret = Secret(secrets.token_hex(16))  # keeps other users of this machine out
        self._process: ServerProcess | None = None
        self._started: dict[str, Any] = {}
        self._deaths = 0
        super().__init__(checkpoint, runtime, options=options, endpoints=(), key=self._secret)
        self.announces = False

    def load(self) -> None:
        """Start the server and wait for it. The UsageError says why it did not start."""
        if self._process is not None:
            return
        require_installed("vllm", extra="vllm", purpose="Engine 'vllm-server'")
        require_checkpoint(self._arguments["model"], hint_of(self._checkpoint))
        adapter = read_source(self._checkpoint, self.runtime).adapter
        if adapter is not None:
            check_modules(ready(adapter))
        arguments = with_room(self._arguments, self.runtime)
        start = self._resolved = resolve_start(arguments, self.runtime)
        check_weights(start, self._opening())
        port = free_port()
        self._process = ServerProcess(
            self._command(start, port, adapter),
            self._environment(start),
            port=port,
            log=_log_file(),
        )
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        self._endpoints = (Endpoint(f"http://127.0.0.1:{port}/v1", loopback=True),)
        super().load()
        self._facts |= {
            "engine": self.engine,
            "arguments": {k: v for k, v in start.arguments.items() if k != "model"},
            "environment": dict(start.environment),
            "dtype": start.arguments["dtype"],
            **({} if adapter is None else {"adapter": adapter.facts}),
            "log": str(self._process.log),
            **self._started,
        }
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
        code, why = process.exit_code, explain_death(process.said, self._opening())
        explained = 0 if self._client is None else len(self._client.suspicions.explained)
        if self._deaths - explained > self.options.restarts:
            raise EngineFault(
                f"vLLM died {self._deaths} times (exit code {code}): {why} Its log: {process.log}"
            )
        log(f"vLLM died (exit code {code}) and is started again: {why}")
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
            for pattern, name in _PHASES:
                if name not in phases and pattern.search(line):
                    phases[name] = round(time.monotonic() - began, 1)
                    note(f"vLLM: {name} after {phases[name]:.1f} s")

        note(f"vLLM: starting on 127.0.0.1:{process.port} (log: {process.log})")
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
        ended = "" if code is None else f"vLLM did not start (exit code {code}). "
        why = explain_start(process.said, self._opening(), late)
        return f"{ended}{why} Its log: {process.log}"

    def _opening(self) -> Opening:
        """Facts for explanations; asked for late, because vLLM may have fetched the model."""
        return opening_of(self._checkpoint, self._resolved, self._given)

    def _command(self, start: VllmStart, port: int, adapter: Adapter | None = None) -> list[str]:
        revision = start.arguments.get("revision")
        template = template_to_serve(self._checkpoint, revision, base=start.model)
        extra = ["--chat-template", template] if template is not None else []
        name = self.runtime.model
        if adapter is not None:
            module = {"name": name, "path": str(adapter.folder.absolute())}
            extra += ["--lora-modules", json.dumps(module)]
            name = f"{name}{_BASE}"
        return [
            sys.executable, *_server_module(), "--model", start.model, "--port", str(port),
            "--served-model-name", name, *_FLAGS, *extra, *start.flags(),
        ]  # fmt: skip

    def _environment(self, start: VllmStart) -> dict[str, str]:
        """The server's environment, with its own key (which is nowhere else) and none of ours."""
        inherited = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
        key = self._secret.header["Authorization"].removeprefix("Bearer ")
        level = "DEBUG" if inherited.get("VLLM_LOGGING_LEVEL") == "DEBUG" else "INFO"
        ours = {"VLLM_API_KEY": key, "VLLM_LOGGING_LEVEL": level}  # the phases are read from it
        return {**ENVIRONMENT, **OPENMP, **inherited, **start.environment, **ours}


def _server_module() -> list[str]:
    """Python's arguments that start the server: a module that vLLM has since 0.4, or `serve`."""
    package = find_spec("vllm")
    folders = package.submodule_search_locations if package is not None else None
    module = Path((folders or ["."])[0], "entrypoints", "openai", "api_server.py")
    if module.is_file():
        return ["-W", "ignore", "-m", "vllm.entrypoints.openai.api_server"]
    return ["-m", "vllm.entrypoints.cli.main", "serve"]


def _log_file() -> Path:
    """A new log file in the cache folder, which keeps the latest few."""
    folder = cache_folder() / "servers"
    old = sorted(folder.glob("vllm-*.log")) if folder.is_dir() else []
    for path in old[: max(0, len(old) - _KEPT_LOGS + 1)]:
        with suppress(OSError):
            path.unlink()
    return folder / f"vllm-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
