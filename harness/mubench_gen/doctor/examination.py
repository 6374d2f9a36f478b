"""The examination: all that is checked, in the order of the report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mubench_gen._version import __version__
from mubench_gen.data import hub
from mubench_gen.data.ubench import UBENCH, hub_cache, shards_of
from mubench_gen.doctor import machine
from mubench_gen.doctor.finding import Finding, fine, lacking
from mubench_gen.doctor.fitness import Here, fitness, llama_server
from mubench_gen.engines import check_engine
from mubench_gen.engines.footprint import GIB, memory
from mubench_gen.engines.server.llama_cpp_program import PROGRAM
from mubench_gen.plugins import requirements
from mubench_gen.storage.paths import cache_folder

_ROOM = {"runs": 1, "data": 1, "weights": 20}  # GiB below which a disk is told of
_TORCH_HOW = "install a build for your GPU: https://pytorch.org/get-started/locally"


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the user needs: if something of it is missing, that is a fault and not a note."""

    plugins: tuple[str, ...] = ()
    model: str | None = None
    engine: str | None = None
    data: str | None = None
    gpu: bool = False
    offline: bool = False


def examine(asked: Expectations) -> Iterator[Finding]:
    """Yields every finding as it is made. Raises SettingError for an unknown engine."""
    if asked.engine is not None:
        check_engine(asked.engine)
    requirements.forget()
    here = _Here(asked.offline or hub.is_offline(), asked_gpu=asked.gpu)
    answers = fitness(here, plugins=asked.plugins, model=asked.model, engine=asked.engine)
    if asked.plugins:  # what was asked for is answered first
        yield from answers
    yield _python()
    yield fine("platform", machine.platform_line())
    yield from _memory()
    yield _core()
    yield from (_extra(name) for name in requirements.extras())
    if asked.engine != PROGRAM:
        yield llama_server(asked=False)
    yield from _gpus(here, asked)
    yield from answers
    yield from _conflicts(asked)
    yield from _hub(here)
    yield from _disks()
    yield from _data(asked)


class _Here(Here):
    """What is looked up once and used by several findings."""

    def __init__(self, offline: bool, *, asked_gpu: bool) -> None:
        self.offline = offline
        self._asked_gpu = asked_gpu

    @cached_property
    def torch(self) -> machine.Torch | None:
        """What torch says, where it is installed; asked only where it may see a GPU."""
        version = requirements.version_of("torch")
        if version is None:
            return None
        if self._asked_gpu or machine.may_have_gpu():
            return machine.ask_torch()
        return machine.Torch(version)

    @cached_property
    def driver(self) -> tuple[list[machine.Gpu], str]:
        return machine.driver_gpus()

    @property
    def gpus(self) -> list[machine.Gpu]:
        return [] if self.torch is None else self.torch.gpus


def _python() -> Finding:
    text = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
    wanted = importlib.metadata.metadata(requirements.OWN)["Requires-Python"]
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        return fine("python", text)
    return Finding("python", "fault", f"{text}; {wanted} is needed", "python3.11 -m venv .venv")


def _memory() -> Iterator[Finding]:
    found = memory()
    if found is not None:
        total, available = found
        yield fine("memory", f"{total / GIB:.0f} GiB ({available / GIB:.0f} available)")


def _core() -> Finding:
    missing = requirements.unmet(requirements.needs(requirements.OWN))
    if not missing:
        return fine("mubench-gen", f"{__version__}, with all that it requires")
    what = ", ".join(map(str, missing))
    return Finding(
        "mubench-gen", "fault", f"{__version__} lacks {what}", "pip install -U mubench-gen"
    )


def _extra(name: str) -> Finding:
    needed = requirements.needs(requirements.OWN, name)
    missing = requirements.unmet(needed)
    if not missing:
        return fine(f"extra {name}", requirements.in_words(needed))
    to_do = f"pip install 'mubench-gen[{name}]'"
    return lacking(f"extra {name}", f"lacks {', '.join(map(str, missing))}", to_do, asked=False)


def _gpus(here: _Here, asked: Expectations) -> Iterator[Finding]:
    gpus, driver = here.driver
    if gpus:
        yield fine("driver", f"NVIDIA {driver}: {'; '.join(map(str, gpus))}")
    torch = here.torch
    if torch is None:
        to_do = "pip install 'mubench-gen[transformers]'"
        yield lacking("torch", "not installed: no model with weights runs", to_do, asked=asked.gpu)
        return
    if torch.error is not None:
        wanted = bool(asked.gpu or asked.engine or asked.plugins)
        found = f"cannot be imported: {torch.error}"
        yield lacking("torch", found, _TORCH_HOW, asked=wanted)
        return
    if not asked.gpu and not machine.may_have_gpu():
        yield fine("torch", torch.version)
        yield lacking(
            "gpu", "no driver of one: --device cpu", "mubench-gen doctor --gpu", asked=False
        )
        return
    build = f"CUDA {torch.cuda}" if torch.cuda else f"ROCm {torch.hip}" if torch.hip else "CPU"
    yield fine("torch", f"{torch.version}, a build for {build}")
    if torch.gpus:
        yield fine("gpu", "; ".join(map(str, torch.gpus)))
    elif torch.mps:
        yield lacking("gpu", "Apple's (mps)", "use --device mps", asked=asked.gpu)
    elif gpus and not torch.cuda:
        found = "there is one, and torch is a CPU build"
        yield lacking("gpu", found, _TORCH_HOW, asked=asked.gpu)
    elif gpus:
        found = f"torch cannot use it: CUDA {torch.cuda} wants a newer driver than {driver}, or "
        found += "CUDA_VISIBLE_DEVICES hides it"
        yield lacking("gpu", found, "nvidia-smi", asked=asked.gpu)
    else:
        found = "none: --device cpu is what there is"
        yield lacking("gpu", found, "run on a machine that has one", asked=asked.gpu)


def _conflicts(asked: Expectations) -> Iterator[Finding]:
    """vLLM pins its torch and transformers: a later install of another breaks it."""
    for name in ("vllm", "transformers"):
        have = requirements.version_of(name)
        needed = [
            need
            for need in requirements.needs(name)
            if need.name in ("torch", "transformers", "tokenizers", "safetensors")
        ]
        wrong = requirements.unmet(needed) if have is not None else []
        if wrong:
            found = f"wants {', '.join(map(str, wrong))}"
            to_do = f"pip install {' '.join(repr(one.need) for one in wrong)}"
            wanted = bool(asked.engine or asked.plugins)
            yield lacking(f"{name} {have}", found, to_do, asked=wanted)


def _hub(here: _Here) -> Iterator[Finding]:
    cache = hub_cache()
    models = hub.cached_models()
    whole = [name for name in models if hub.find_checkpoint(name) is not None]
    text = f"{cache}: {len(whole)} checkpoints"
    text += f" ({', '.join(whole[:8])}{', …' if len(whole) > 8 else ''})" if whole else ""
    if len(models) > len(whole):
        text += f"; unfinished: {', '.join(name for name in models if name not in whole)}"
    if machine.is_writable(cache):
        yield fine("hub cache", text)
    else:
        to_do = "export HF_HOME=/a/folder/of/yours"
        yield lacking("hub cache", f"{text}; it cannot be written", to_do, asked=not here.offline)
    token = "a token is there, for gated models" if hub.has_token() else "no token (gated models)"
    if here.offline:
        yield fine("hub", "offline: only what is in the cache; tiny, echo and demo need nothing")
    elif hub.has_token():
        yield fine("hub", token)
    else:
        yield lacking("hub", token, "hf auth login", asked=False)


def _disks() -> Iterator[Finding]:
    folders = {"runs": Path.cwd(), "data": cache_folder(), "weights": hub_cache()}
    for use, folder in folders.items():
        there, free = machine.free_disk(folder)
        text = f"{free / GIB:.0f} GiB free for {use} ({there})"
        if free >= _ROOM[use] * GIB:
            yield fine("disk", text)
        else:
            variable = {"runs": "--run-dir", "data": "MUBENCH_GEN_CACHE", "weights": "HF_HOME"}
            to_do = f"point {variable[use]} to a disk with {_ROOM[use]} GiB or more"
            yield lacking("disk", text, to_do, asked=False)


def _data(asked: Expectations) -> Iterator[Finding]:
    made = any(cache_folder().glob("demo-*/rows.jsonl"))
    yield fine("data demo", "generated" if made else "will be generated on first use")
    shards = shards_of(UBENCH)
    there = [shard for shard in shards if shard.path.exists()]
    if len(there) == len(shards):
        yield fine("data ubench", f"prepared ({UBENCH.revision[:8]})")
    else:
        found = f"{len(there)} of {len(shards)} files are there"
        to_do = "mubench-gen data prepare ubench (3.6 GB, resumable)"
        yield lacking("data ubench", found, to_do, asked=asked.data == "ubench")
    if asked.data not in (None, "demo", "ubench"):
        assert asked.data is not None
        if os.path.exists(os.path.expanduser(asked.data)):
            yield fine(f"data {asked.data}", "there")
        else:
            to_do = "mubench-gen data info PATH tells more of a folder"
            yield lacking(f"data {asked.data}", "no such file or folder", to_do, asked=True)
