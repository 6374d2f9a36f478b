"""The arguments of vLLM, shared by `--engine vllm` and `--engine vllm-server`.

Their names are read from vLLM's source, without importing it, so that a wrong one is refused
before anything is loaded.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mubench_gen.engines.options import refuse_ours
from mubench_gen.engines.source import read_source
from mubench_gen.engines.vllm.adapters import check_alone, lora_arguments
from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.user_files import parse_json

# No telemetry, no plugins that happen to be installed. A user's own settings take precedence.
ENVIRONMENT = {"VLLM_PLUGINS": "", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
# Arguments that our flags or the engine set.
_OURS = {
    "model": "--model says which",
    "dtype": "use --dtype",
    "revision": "use --revision",
    "seed": "use --seed",
    "trust_remote_code": "use --trust-remote-code with --revision",
    "hf_token": "set the environment variable HF_TOKEN",
}
# Gives equal replies if vLLM has no batch invariance: one request at a time, each computed whole.
_ONE_BY_ONE = {"max_num_seqs": 1, "enable_prefix_caching": False}


@dataclass(frozen=True, slots=True)
class VllmStart:
    """`arguments` of `vllm.LLM` (or, as flags, of `vllm serve`), and environment variables.

    `on_gpu`: whether weights go into a GPU's memory, not this machine's.
    """

    arguments: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    on_gpu: bool = False

    @property
    def model(self) -> str:
        """The folder or hub id that is opened."""
        return str(self.arguments["model"])

    def flags(self) -> list[str]:
        """The arguments, except `model`, as flags of a command line."""
        found: list[str] = []
        for name, value in self.arguments.items():
            if name != "model" and value is not None:
                found += _flag("--" + name.replace("_", "-"), value)
        return found


def read_arguments(
    checkpoint: Checkpoint,
    runtime: Runtime,
    options: Mapping[str, str],
    *,
    engine: str,
    images: int = 1,
) -> dict[str, Any]:
    """The arguments of the checkpoint under those of the user (`options`: text by name).

    `images` is how many a request holds at most. Raises SettingError for a name that vLLM
    does not know (if it is installed), an invalid value, remote code without a pinned
    commit, and what a flag of ours sets; UsageError for a folder that isn't there.
    """
    refuse_ours(options, _OURS, engine=engine)
    known = known_arguments()
    own = {
        **checkpoint.engine_arguments.get("vllm", {}),
        **(checkpoint.engine_arguments.get(engine, {}) if engine != "vllm" else {}),
    }
    for name in (*own, *options):
        if known is not None and name not in known:
            raise SettingError(
                f"Engine {engine!r} has no option {name!r} (-o engine.{name}=…): vLLM has no such "
                f"argument. {did_you_mean(name, known)}"
            )
    given = {
        name: _value(name, text, (known or {}).get(name), engine) for name, text in options.items()
    }
    return {
        **_of_runtime(checkpoint, runtime),
        **own,
        **given,
        **_limits(images, given.get("limit_mm_per_prompt"), engine),
    }


def _limits(images: int, given: Any, engine: str) -> dict[str, Any]:
    """The limits of items per prompt by modality: the user's over the task's.

    vLLM accepts any name, and allows 999 of a modality that isn't named.
    """
    limits = {"image": images, "video": 0, "audio": 0}
    name = "limit_mm_per_prompt"
    if given is not None and not isinstance(given, dict):
        raise SettingError(f"Engine {engine!r}, option engine.{name}: a JSON object is needed.")
    for kind in given or {}:
        if kind not in limits:
            raise SettingError(
                f"Engine {engine!r}, option engine.{name}: no kind {kind!r}. "
                + did_you_mean(kind, limits)
            )
    return {name: {**limits, **(given or {})}}


def with_room(arguments: Mapping[str, Any], runtime: Runtime) -> dict[str, Any]:
    """The arguments with a limit of images that the run's requests need.

    SettingError if the user's own limit is below it.
    """
    limits = arguments["limit_mm_per_prompt"]
    if limits["image"] < runtime.images and "limit_mm_per_prompt" in runtime.engine_options:
        raise SettingError(
            f"-o engine.limit_mm_per_prompt allows {limits['image']} images a prompt, and this run "
            f"shows up to {runtime.images}: leave it out, as the run sets it."
        )
    most = max(limits["image"], runtime.images)
    return {**arguments, "limit_mm_per_prompt": {**limits, "image": most}}


def resolve_start(arguments: Mapping[str, Any], runtime: Runtime) -> VllmStart:
    """The arguments with what depends on the machine. Imports torch.

    `auto` is float32 without a GPU, as everywhere in mubench-gen, and the checkpoint's own
    precision with one. Determinism is batch invariance on a GPU, else one request at a time
    without a prefix cache.
    """
    import torch

    gpu = torch.cuda.is_available() and runtime.device != "cpu"
    resolved = dict(arguments)
    if resolved["dtype"] == "auto" and not gpu:
        resolved["dtype"] = "float32"
    environment: dict[str, str] = {}
    if runtime.deterministic and gpu:
        environment["VLLM_BATCH_INVARIANT"] = "1"
    elif runtime.deterministic:
        resolved |= _ONE_BY_ONE
    return VllmStart(resolved, environment, gpu)


@lru_cache(maxsize=1)
def known_arguments() -> Mapping[str, str] | None:
    """The engine arguments of the installed vLLM with their annotations; None without vLLM."""
    package = find_spec("vllm")
    if package is None or not package.submodule_search_locations:
        return None
    source = Path(package.submodule_search_locations[0], "engine", "arg_utils.py")
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    return {
        line.target.id: ast.unparse(line.annotation)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "EngineArgs"
        for line in node.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if not line.target.id.startswith("_")
    } or None


def _of_runtime(checkpoint: Checkpoint, runtime: Runtime) -> dict[str, Any]:
    source = read_source(checkpoint, runtime)
    adapter, revision = source.adapter, source.hub_revision
    if adapter is None:
        check_alone(source.path, source.revision)
    return {
        "model": source.whole,
        "dtype": source.dtype,
        "seed": runtime.seed,
        **({"revision": revision} if revision is not None else {}),
        **({"trust_remote_code": True} if source.trust_remote_code else {}),
        **({} if adapter is None else lora_arguments(adapter)),
    }


def _value(name: str, text: str, annotation: str | None, engine: str) -> Any:
    """Convert an option's text by vLLM's annotation; if that is unknown, by its look."""
    words = set(re.findall(r"\w+", annotation or "bool int float"))
    if text in ("true", "false") and ("bool" in words or "str" not in words):
        return text == "true"
    number = words & {"int", "float"}
    if text[:1] in ("{", "[") or number:
        try:
            value = parse_json(text)
        except ValueError:
            value = text
        if not isinstance(value, str):
            return value
        if annotation is not None and (text[:1] in ("{", "[") or not words - {*number, "None"}):
            wanted = "JSON" if text[:1] in ("{", "[") else "a number"
            raise SettingError(
                f"Engine {engine!r}, option engine.{name}={text!r}: {wanted} is needed "
                f"({annotation})."
            )
    if annotation == "bool":
        raise SettingError(f"Engine {engine!r}, option engine.{name}={text!r}: true or false.")
    return text


def _flag(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if isinstance(value, dict):
        return [flag, json.dumps(value)]
    if isinstance(value, (list, tuple, set)):
        return [flag, *map(str, value)]
    return [flag, str(value)]
