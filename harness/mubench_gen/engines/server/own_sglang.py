"""`--engine sglang-server`: starts an SGLang server on loopback for the duration of a run."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.conversation import template_to_serve
from mubench_gen.engines.options import OPENMP, refuse_ours, split_options
from mubench_gen.engines.server.managed import (
    ManagedOptions,
    ManagedServer,
    Start,
    refuse_base_url,
    served_name,
)
from mubench_gen.engines.source import CheckpointSource, hint_of, read_source, require_installed
from mubench_gen.engines.vllm.diagnosis import root_cause
from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import cache_folder

# Arguments that our flags or the engine set.
_OURS = {
    "model_path": "--model says which", "model": "--model says which",
    "dtype": "use --dtype", "revision": "use --revision", "random_seed": "use --seed",
    "trust_remote_code": "use --trust-remote-code with --revision", "device": "use --device",
    "host": "it listens on loopback", "port": "it listens on a free port",
    "api_key": "it has a key of its own", "config": "name the options one by one",
    "served_model_name": "it is called as --model says",
    "chat_template": "use -o chat_template=FILE",
}  # fmt: skip
_DETERMINISTIC = "enable_deterministic_inference"
_LIMIT = "limit_mm_data_per_request"
_MEMORY = re.compile(r"out of memory|Not enough memory|mem-fraction-static", re.IGNORECASE)


class SglangServer(ManagedServer):
    """A checkpoint in transformers' layout behind `sglang.launch_server`."""

    engine = "sglang-server"
    title = "SGLang"
    phases = (
        (re.compile(r"Load weight begin"), "loading the weights"),
        (re.compile(r"Load weight end"), "weights loaded"),
        (re.compile(r"Application startup complete"), "engine ready"),
        (re.compile(r"fired up and ready"), "serving"),
    )

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        refuse_base_url(runtime, self.engine)
        own = checkpoint.engine_arguments.get(self.engine, {})
        given = {**{k: str(v) for k, v in own.items()}, **runtime.engine_options}
        options, self._given = split_options(ManagedOptions, given, engine=self.engine)
        _check_names(self._given, self.engine)
        self._source = read_source(checkpoint, runtime)
        if self._source.adapter is not None:
            raise SettingError(
                f"{self._source} is an adapter of {self._source.adapter.base}, which SGLang "
                "does not open by itself: take --engine transformers, or the folder that "
                "mubench-gen merge makes."
            )
        self._name = served_name(runtime.model)
        self._secret_file: Path | None = None
        super().__init__(checkpoint, runtime, options.model_copy(update={"served": self._name}))

    def prepare(self, port: int, key: str) -> Start:
        require_installed("sglang", "aiohttp", extra="sglang", purpose=f"Engine {self.engine!r}")
        require_checkpoint(self._checkpoint.path, hint_of(self._checkpoint))
        arguments = self._arguments(self._source)
        flags = [part for name, value in arguments.items() for part in _flag(name, value)]
        where = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", self._name]
        command = [
            sys.executable, "-W", "ignore", "-m", "sglang.launch_server", "--model-path",
            self._source.path, *where, *self._template(), "--config", self._key_file(key), *flags,
        ]  # fmt: skip
        environment = {k: v for k, v in OPENMP.items() if k not in os.environ}
        return Start(command, environment, {"arguments": arguments})

    def close(self) -> None:
        super().close()
        if self._secret_file is not None:
            self._secret_file.unlink(missing_ok=True)
            self._secret_file = None

    def why_not_started(self, said: str, late: TimeoutError | None) -> str:
        return f"{self.title} cannot open {self._checkpoint.path}: {_explained(said, late)}"

    def why_it_died(self, said: str) -> str:
        return _explained(said, None)

    def _arguments(self, source: CheckpointSource) -> dict[str, str]:
        """Its arguments, but for those that differ from start to start."""
        runtime, known = self.runtime, known_arguments() or {}
        limit = {_LIMIT: json.dumps({"image": max(1, runtime.images)})}
        same = {_DETERMINISTIC: "true"} if runtime.deterministic else {}
        ours = {
            "random_seed": str(runtime.seed),
            **({"dtype": source.dtype} if source.dtype != "auto" else {}),
            **({"device": runtime.device} if runtime.device != "auto" else {}),
            **({"revision": source.hub_revision} if source.hub_revision else {}),
            **({"trust_remote_code": "true"} if source.trust_remote_code else {}),
        }
        return {**ours, **{k: v for k, v in (limit | same).items() if k in known}, **self._given}

    def _template(self) -> list[str]:
        """The flag with a file of the template that the checkpoint lacks."""
        text = template_to_serve(self._checkpoint, self._source.revision)
        if text is None:
            return []
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        file = cache_folder() / "servers" / f"template-{digest}.jinja"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return ["--chat-template", str(file)]

    def _key_file(self, key: str) -> str:
        """A file with its key that nobody else can read: the command line, others could."""
        folder = cache_folder() / "servers"
        folder.mkdir(parents=True, exist_ok=True)
        file = self._secret_file = folder / f"sglang-{os.getpid()}.yaml"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(f"api-key: {key}\n")
        return str(file)


@lru_cache(maxsize=1)
def known_arguments() -> Mapping[str, str] | None:
    """The arguments of the installed SGLang with their annotations; None without SGLang.

    Read from its source: the fields of `ServerArgs`, which lie in several classes since 0.5.
    """
    package = find_spec("sglang")
    if package is None or not package.submodule_search_locations:
        return None
    root = Path(package.submodule_search_locations[0], "srt")
    files = [root / "server_args.py", *sorted((root / "arg_groups" / "fields").glob("*.py"))]
    return {name: kind for file in files for name, kind in _fields(file)} or None


def _fields(file: Path) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return
    for node in tree.body:
        for line in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                yield line.target.id, ast.unparse(line.annotation)


def _check_names(given: Mapping[str, str], engine: str) -> None:
    refuse_ours(given, _OURS, engine=engine)
    known = known_arguments()
    for name in given:
        if known is not None and name not in known:
            raise SettingError(
                f"Engine {engine!r} has no option {name!r} (-o engine.{name}=…): SGLang has no "
                f"such argument. {did_you_mean(name, [*ManagedOptions.model_fields, *known])}"
            )


def _flag(name: str, value: Any) -> list[str]:
    """A switch is named where it is on: it is off without its flag."""
    flag = "--" + name.replace("_", "-")
    return [flag] if value == "true" else [] if value == "false" else [flag, str(value)]


def _explained(said: str, late: TimeoutError | None) -> str:
    advice = (
        " A smaller -o engine.context_length or -o engine.mem_fraction_static takes less."
        if _MEMORY.search(said)
        else ""
    )
    return f"{root_cause(said, late)}.{advice}"
