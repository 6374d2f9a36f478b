"""What a run's manifest records: everything that is needed to do it again, and no secret."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.console.secrets import redact_command

_PACKAGES = (
    "torch",
    "transformers",
    "safetensors",
    "tokenizers",
    "vllm",
    "numpy",
    "pillow",
    "jinja2",
)


def session(command: Sequence[str], secret: Collection[str] = ()) -> dict[str, Any]:
    """One start of the command: when, how, with which versions, on what.

    `secret`: the options that are so by their type.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": redact_command(command, secret),
        "versions": versions(),
        "hardware": hardware(),
    }


def versions() -> dict[str, str]:
    """Of mubench-gen, Python, and the packages that can change a reply."""
    found = {"mubench-gen": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, memory (bytes) and, where torch is loaded already, accelerators."""
    described: dict[str, Any] = {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        described["memory"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        count = torch.cuda.device_count()
        described["gpus"] = [torch.cuda.get_device_name(i) for i in range(count)]
    return described


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
