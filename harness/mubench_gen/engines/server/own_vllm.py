"""`--engine vllm-server`: starts a vLLM server on loopback for the duration of a run."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.adapters import Adapter, ready
from mubench_gen.engines.conversation import template_to_serve
from mubench_gen.engines.folders import fetch_small_files, template_in
from mubench_gen.engines.options import OPENMP, split_options
from mubench_gen.engines.server.managed import (
    ManagedOptions,
    ManagedServer,
    Start,
    refuse_base_url,
)
from mubench_gen.engines.source import hint_of, read_source, require_installed
from mubench_gen.engines.thinking import marks_in
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
from mubench_gen.engines.vllm.thinking import budget_of, named
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime

_BASE = " (base)"  # behind an adapter's name: the name of its base, which the server lists too
_FLAGS = (
    "--host", "127.0.0.1",
    "--generation-config", "vllm",  # a checkpoint's own would change greedy decoding
    "--disable-uvicorn-access-log",
    "--enable-prompt-tokens-details",  # reports how many tokens came from the prefix cache
)  # fmt: skip


class VllmServer(ManagedServer):
    """A checkpoint behind `vllm serve`."""

    engine = "vllm-server"
    title = "vLLM"
    phases = (
        (re.compile(r"Starting to load model|Loading model"), "loading the weights"),
        (re.compile(r"Loading weights took|Model loading took|loaded model"), "weights loaded"),
        (re.compile(r"init engine .{0,99}took|Starting vLLM (API )?server"), "engine ready"),
        (re.compile(r"Application startup complete"), "serving"),
    )

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        refuse_base_url(runtime, self.engine)
        options, self._given = split_options(
            ManagedOptions, runtime.engine_options, engine=self.engine
        )
        self._arguments = read_arguments(
            checkpoint, runtime, self._given, engine=self.engine, images=runtime.images
        )
        super().__init__(checkpoint, runtime, options)

    def prepare(self, port: int, key: str) -> Start:
        require_installed("vllm", extra="vllm", purpose="Engine 'vllm-server'")
        require_checkpoint(self._arguments["model"], hint_of(self._checkpoint))
        adapter = read_source(self._checkpoint, self.runtime).adapter
        if adapter is not None:
            check_modules(ready(adapter))
        arguments = with_room(self._arguments, self.runtime)
        start = self._resolved = resolve_start(arguments, self.runtime)
        check_weights(start, self._opening())
        facts = {
            "arguments": {k: v for k, v in start.arguments.items() if k != "model"},
            "environment": dict(start.environment),
            "dtype": start.arguments["dtype"],
            **({} if adapter is None else {"adapter": adapter.facts}),
        }
        return Start(self._command(start, port, adapter), self._environment(start, key), facts)

    def why_not_started(self, said: str, late: TimeoutError | None) -> str:
        return explain_start(said, self._opening(), late)

    def why_it_died(self, said: str) -> str:
        return explain_death(said, self._opening())

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
            "--served-model-name", name, *_FLAGS, *extra, *self._bounds(start, template),
            *start.flags(),
        ]  # fmt: skip

    def _bounds(self, start: VllmStart, template: str | None) -> list[str]:
        """By what the server knows where thoughts begin and end, which a budget needs."""
        given = {"reasoning_config", "reasoning_parser"} & {*start.arguments}
        if budget_of(self.runtime) is None or given:
            return []
        try:
            folder = fetch_small_files(start.model, start.arguments.get("revision"))
        except UsageError:  # the server asks the hub again, and says what is wrong
            return []
        marks = marks_in(template or str(template_in(folder) or ""))
        return ["--reasoning-config", json.dumps(named(marks))]

    def _environment(self, start: VllmStart, key: str) -> Mapping[str, str]:
        """Its own key (which is nowhere else), and what the user has not set otherwise."""
        usual: dict[str, Any] = {**ENVIRONMENT, **OPENMP}
        unset = {name: value for name, value in usual.items() if name not in os.environ}
        level = "DEBUG" if os.environ.get("VLLM_LOGGING_LEVEL") == "DEBUG" else "INFO"
        ours = {"VLLM_API_KEY": key, "VLLM_LOGGING_LEVEL": level}  # the phases are read from it
        return {**unset, **start.environment, **ours}


def _server_module() -> list[str]:
    """Python's arguments that start the server: a module that vLLM has since 0.4, or `serve`."""
    package = find_spec("vllm")
    folders = package.submodule_search_locations if package is not None else None
    module = Path((folders or ["."])[0], "entrypoints", "openai", "api_server.py")
    if module.is_file():
        return ["-W", "ignore", "-m", "vllm.entrypoints.openai.api_server"]
    return ["-m", "vllm.entrypoints.cli.main", "serve"]
