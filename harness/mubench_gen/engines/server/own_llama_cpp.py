"""`--engine llama-server`: starts llama.cpp's server with a GGUF file for the duration of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from mubench_gen.engines.digest import digest_alone, digest_facts
from mubench_gen.engines.gguf import GgufModel, find_gguf
from mubench_gen.engines.options import refuse_ours, split_options
from mubench_gen.engines.server.llama_cpp_failures import cause
from mubench_gen.engines.server.llama_cpp_program import (
    INSTALL,
    PROGRAM,
    find_program,
    known_flags,
)
from mubench_gen.engines.server.managed import (
    ManagedOptions,
    ManagedServer,
    Start,
    refuse_base_url,
    served_name,
)
from mubench_gen.engines.source import require_installed
from mubench_gen.errors import SettingError, UsageError, did_you_mean
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import user_path

_CONTEXT = 8192  # tokens of a request; a model's whole context may be more than fits into memory
# What it is told if it knows it: no downloads, no web page, no copies of old prompts in memory
# (all questions about an image are asked one after the other).
_QUIET: Mapping[str, str] = {"offline": "true", "no_webui": "true", "cache_ram": "0"}
# Arguments that our flags or the engine set.
_OURS = {
    "model": "--model says which", "m": "--model says which",
    "mmproj": "use -o mmproj=FILE", "no_mmproj": "use --control blind",
    "model_url": "--model takes a file", "hf_repo": "--model takes a file",
    "mmproj_url": "use -o mmproj=FILE",
    "host": "it listens on loopback", "port": "it listens on a free port",
    "api_key": "it has a key of its own", "api_key_file": "it has a key of its own",
    "alias": "it is called as --model says", "seed": "use --seed",
    "chat_template": "use -o chat_template=FILE", "chat_template_file": "use -o chat_template=FILE",
    "temp": "use --temperature", "predict": "use --max-tokens", "n_predict": "use --max-tokens",
}  # fmt: skip


class LlamaServerOptions(ManagedOptions):
    """Options of the engine `llama-server`, besides the program's own arguments."""

    binary: Path | None = Field(None, description=f"the program; by default {PROGRAM} of the PATH")
    ctx_size: int | None = Field(
        None, ge=1, description=f"tokens of context, for all parallel requests; by default the "
        f"model's, at most {_CONTEXT} a request"
    )  # fmt: skip
    threads: int | None = Field(None, ge=1, description="CPU threads; by default what it chooses")
    gpu_layers: str | None = Field(
        None, pattern=r"^(\d+|auto|all)$", description="layers on the GPU: a number, auto or all"
    )
    parallel: int = Field(1, ge=1, description="requests that it answers at a time")


class LlamaServer(ManagedServer):
    """A GGUF file, with its projector, behind llama.cpp's `llama-server`."""

    engine = "llama-server"
    title = "llama-server"
    phases = (
        (re.compile(r"loading model"), "loading the weights"),
        (re.compile(r"loaded multimodal model"), "projector loaded"),
        (re.compile(r"(?<!multimodal )model loaded"), "weights loaded"),
        (re.compile(r"listening on"), "serving"),
    )

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        refuse_base_url(runtime, self.engine)
        if runtime.dtype != "auto":
            raise SettingError(
                f"--dtype {runtime.dtype}: a GGUF file has the precision that it was made with. "
                "Leave it out, or take another file."
            )
        own = {
            k: v
            for k, v in checkpoint.engine_arguments.get(self.engine, {}).items()
            if k != "mmproj"
        }
        given = {**{k: str(v) for k, v in own.items()}, **runtime.engine_options}
        options, self._more = split_options(LlamaServerOptions, given, engine=self.engine)
        refuse_ours(self._more, _OURS, engine=self.engine)
        if runtime.deterministic:
            options = options.model_copy(update={"parallel": 1})
        if "window" not in given and runtime.batch_size is None:
            options = options.model_copy(update={"window": 2 * options.parallel})
        self._name = served_name(runtime.model)
        super().__init__(checkpoint, runtime, options.model_copy(update={"served": self._name}))

    def load(self) -> None:
        super().load()
        if self.runtime.deterministic:  # a cached prefix is computed in other batches
            self._writer.add_defaults({"cache_prompt": False})

    def prepare(self, port: int, key: str) -> Start:
        require_installed("aiohttp", extra="server", purpose=f"Engine {self.engine!r}")
        model, projector = self._files()
        binary = self._binary()
        known = known_flags(binary)
        self._check_names(known)
        arguments = self._arguments(model, known)
        named = {"model": str(model.path), **({"mmproj": str(projector)} if projector else {})}
        flags = [part for k, v in (named | arguments).items() for part in _flag(k, v)]
        where = ["--host", "127.0.0.1", "--port", str(port), "--alias", self._name]
        template = self._checkpoint.chat_template
        talk = [] if template is None else ["--jinja", "--chat-template", template]
        digest = digest_alone([*model.files, *([projector] if projector else [])])
        facts = {
            "arguments": arguments,
            "quantisation": model.header.quantisation,
            **digest_facts(digest),
        }
        return Start([str(binary), *flags, *where, *talk], {"LLAMA_API_KEY": key}, facts)

    def why_not_started(self, said: str, late: TimeoutError | None) -> str:
        why = cause(said) or (f"{late}." if late else "it ended without a message.")
        return f"{self.title} cannot open {self._checkpoint.path}: {why}"

    def why_it_died(self, said: str) -> str:
        return cause(said) or _last_line(said)

    def _files(self) -> tuple[GgufModel, Path | None]:
        """The model and its projector. UsageError without one where images are shown."""
        path = user_path(self._checkpoint.path)
        model = find_gguf(path)
        if model is None:
            raise UsageError(
                f"{self._checkpoint.path} is no GGUF file: --engine {self.engine} opens those. "
                "llama.cpp's convert_hf_to_gguf.py makes one of a checkpoint, and with --mmproj "
                "the file that reads its images."
            )
        named = self._checkpoint.engine_arguments.get(self.engine, {}).get("mmproj")
        projector = model.projector if named is None else model.path.parent / user_path(named)
        if projector is not None and not projector.is_file():
            raise UsageError(f"-o mmproj={named}: there is no file {projector}.")
        if projector is None and self.runtime.images:
            raise UsageError(_no_projector(model))
        return model, projector

    def _binary(self) -> Path:
        named = self.options.binary
        found = find_program(named)
        if found is None:
            what = f"{PROGRAM} is not" if named is None else f"engine.binary={named}: it is not"
            raise UsageError(f"{what} on this machine. {INSTALL}")
        return found

    def _check_names(self, known: frozenset[str]) -> None:
        for name in self._more:
            if name not in known and known:
                raise SettingError(
                    f"Engine {self.engine!r} has no option {name!r} (-o engine.{name}=…): "
                    f"{PROGRAM} has no such argument. "
                    + did_you_mean(name, [*LlamaServerOptions.model_fields, *sorted(known)])
                )

    def _arguments(self, model: GgufModel, known: frozenset[str]) -> dict[str, str]:
        """Its arguments, but for those that differ from start to start."""
        options = self.options
        context = min(model.header.context or _CONTEXT, _CONTEXT) * options.parallel
        usual = {k: v for k, v in _QUIET.items() if k in known}
        typed = {"threads": options.threads, "gpu_layers": options.gpu_layers}
        device = {"device": "none"} if self.runtime.device == "cpu" else {}
        return {
            "seed": str(self.runtime.seed % 2**31),
            "parallel": str(options.parallel),
            "ctx_size": str(options.ctx_size or context),
            **usual,
            **device,
            **{k: str(v) for k, v in typed.items() if v is not None},
            **self._more,
        }


def _flag(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if value == "true":
        return [flag]
    if value == "false":
        return [f"--no-{flag[2:]}"]
    return [flag, str(value)]


def _no_projector(model: GgufModel) -> str:
    if model.projectors:
        names = ", ".join(one.name for one in model.projectors)
        return (
            f"{len(model.projectors)} projectors lie beside {model.path.name}: {names}. Say which "
            f"reads its images: -o mmproj={model.path.parent / model.projectors[0].name}."
        )
    return (
        f"No projector (mmproj*.gguf) lies beside {model.path}: without it no image can be read. "
        "Fetch it from where the model came from, or name it: -o mmproj=FILE."
    )


def _last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    last = " ".join(lines[-1].split())[:400] if lines else "without a message"
    return f"{last.rstrip('.')}."
