"""Whether a model's weights fit into the memory that there is, and what to type then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mubench_gen.data import hub
from mubench_gen.doctor.finding import Finding
from mubench_gen.doctor.machine import Gpu
from mubench_gen.engines.footprint import GIB, loaded_bytes, memory
from mubench_gen.plugins.import_trial import Registered

_BYTES = {"float32": 4, "bfloat16": 2}
_MORE = 1.2  # images, activations and caches take a fifth of the weights, or more
_BILLIONS = re.compile(r"([0-9.]+) ?B\b")


@dataclass(frozen=True, slots=True)
class Space:
    """The memory where a model would run, in bytes, and the precision that it is opened in."""

    free: int
    total: int
    where: str
    dtype: str


def space(gpus: Sequence[Gpu]) -> Space | None:
    """The largest GPU's memory, or that of the machine; None where the system doesn't say."""
    if gpus:
        best = max(gpus, key=lambda gpu: gpu.free)
        return Space(best.free, best.total, f"the GPU ({best.name})", "bfloat16")
    found = memory()
    return None if found is None else Space(found[1], found[0], "this machine", "float32")


def weight_bytes(wants: Registered, dtype: str) -> int | None:
    """The bytes of a model's weights: of the files at hand, or of the parameters that it states."""
    cached = hub.find_checkpoint(wants.path) if wants.path is not None else None
    if cached is not None:
        return loaded_bytes(list(cached.files), dtype)
    stated = _BILLIONS.match(wants.parameters)
    return None if stated is None else round(float(stated[1]) * 1e9 * _BYTES[dtype])


def fit(plugin: str, wants: Registered, gpus: Sequence[Gpu], *, default: bool) -> Finding:
    """Fits, just fits, or does not fit; and the command to type."""
    title = f"fit {wants.model}"
    command = f"mubench-gen eval --plugin {plugin}" + ("" if default else f" --model {wants.model}")
    there = space(gpus)
    needed = None if there is None else weight_bytes(wants, there.dtype)
    if there is None or needed is None:
        of = "the model's size" if there is not None else "this machine's memory"
        return Finding(title, "ok", f"unknown: {of} is not known", command)
    text = (
        f"{_size(needed)} of weights in {there.dtype}; {_size(there.free)} are free on "
        f"{there.where}"
    )
    if needed * _MORE <= there.free:
        return Finding(title, "ok", f"fits: {text}", command)
    if needed <= there.free:
        found = f"just fits: {text}. Close other programs, or ask fewer at once"
        return Finding(title, "note", found, f"{command} --batch-size 1")
    return Finding(title, "fault", f"does not fit: {text}", _otherwise(wants, there, command))


def _otherwise(wants: Registered, there: Space, command: str) -> str:
    """What to type where the weights do not fit as they would be opened."""
    half = weight_bytes(wants, "bfloat16")
    if there.dtype == "float32" and half is not None and half * _MORE <= there.free:
        return f"{command} --dtype bfloat16"
    wanted = None if half is None else _size(round(half * _MORE))
    return (
        f"use a machine with a GPU of {wanted or 'more'} or more, a smaller model "
        "(mubench-gen plugins show NAME), or a server (--engine server --base-url URL)"
    )


def _size(number: float) -> str:
    gib = number / GIB
    return f"{gib:,.0f} GiB" if gib >= 10 else f"{gib:.1f} GiB" if gib >= 0.1 else "under 0.1 GiB"
