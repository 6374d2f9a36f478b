"""The machine: Python, platform, memory, GPUs, disk."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mubench_gen.engines.footprint import GIB
from mubench_gen.plugins.subprocess import run_apart

_SMI = ("--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits")
_SMI_PATIENCE, _TORCH_PATIENCE = 10.0, 60.0  # seconds
_TORCH = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "version": torch.__version__,
    "cuda": torch.version.cuda,
    "hip": getattr(torch.version, "hip", None),
    "mps": bool(getattr(torch.backends, "mps", None)) and torch.backends.mps.is_available(),
    "devices": [
        [torch.cuda.get_device_name(i), *reversed(torch.cuda.mem_get_info(i))]
        for i in range(torch.cuda.device_count())
    ] if cuda else [],
}))
"""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU with its memory in bytes, in all and free now."""

    name: str
    total: int
    free: int

    def __str__(self) -> str:
        return f"{self.name}, {self.total / GIB:.0f} GiB ({self.free / GIB:.0f} free)"


@dataclass(frozen=True, slots=True)
class Torch:
    """torch as a process of its own found it; `error` says why that process told nothing."""

    version: str = ""
    cuda: str | None = None
    hip: str | None = None
    mps: bool = False
    gpus: list[Gpu] = field(default_factory=list)
    error: str | None = None


def platform_line() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {platform.release()} {platform.machine()}, {cores} cores"


def driver_gpus() -> tuple[list[Gpu], str]:
    """NVIDIA's GPUs and their driver's version, as the driver sees them; none without a driver."""
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return [], ""
    try:
        done = subprocess.run(
            [smi, *_SMI], capture_output=True, text=True, timeout=_SMI_PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return [], ""
    gpus, driver = [], ""
    for line in done.stdout.splitlines():
        try:
            name, total, free, driver = (part.strip() for part in line.rsplit(",", 3))
            gpus.append(Gpu(name, int(total) * 2**20, int(free) * 2**20))
        except ValueError:  # a GPU that is lost says so in words
            continue
    return gpus, driver


def may_have_gpu() -> bool:
    """Whether a GPU's driver shows itself: worth the seconds that importing torch takes."""
    devices = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA, AMD, Windows' subsystem
    named = shutil.which("nvidia-smi") is not None or any(map(os.path.exists, devices))
    return named or platform.system() == "Darwin"


def ask_torch() -> Torch:
    """What torch itself says, in a process of its own."""
    ended = run_apart(_TORCH, patience=_TORCH_PATIENCE)
    if ended.code is None:
        return Torch(error=f"importing it did not end within {_TORCH_PATIENCE:.0f} s")
    try:
        found: dict[str, Any] = json.loads(ended.out.splitlines()[-1])
    except (ValueError, IndexError):
        return Torch(error=str(ended))
    gpus = [Gpu(name, total, free) for name, total, free in found["devices"]]
    return Torch(found["version"], found["cuda"], found["hip"], found["mps"], gpus)


def free_disk(folder: Path) -> tuple[Path, int]:
    """The nearest folder that is there, and the bytes free on its disk."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    return there, shutil.disk_usage(there).free


def is_writable(folder: Path) -> bool:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    return os.access(there, os.W_OK)
