"""What a run stood on: the distributions of its plugin as installed here, and the licences."""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from mubench_gen.plugins.requirements import needs
from mubench_gen.runs.results import Run

_UNKNOWN = "not stated"


def environment(run: Run) -> dict[str, Any]:
    """The plugin, the versions that the run noted, and the plugin's distribution with all that it
    requires as they are installed here, by name; empty where it is not installed."""
    manifest = run.manifest
    sessions = manifest["sessions"]
    return {
        "plugin": manifest["plugin"],
        "run": sessions[-1].get("versions", {}) if sessions else {},
        "installed": dict(sorted(_installed(manifest["plugin"].get("distribution")).items())),
    }


def licences(run: Run) -> dict[str, Any]:
    """The number of items under each licence of the data, and what plugin and model state."""
    counted = Counter(str(r["meta"].get("license") or _UNKNOWN) for r in run.outcomes())
    facts = run.manifest["model"].get("facts") or {}
    return {
        "items": dict(sorted(counted.items())),
        "plugin": _licence(run.manifest["plugin"].get("distribution")),
        "model": str(facts.get("license") or facts.get("licence") or _UNKNOWN),
    }


def _installed(name: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [str(name)] if name else []
    while waiting:
        one = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if one in found:
            continue
        try:
            there = distribution(one)
        except PackageNotFoundError:  # optional, or a file without a distribution
            continue
        found[one] = there.version
        waiting += [need.name for need in needs(one)]
    return found


def _licence(name: Any) -> str:
    try:
        told = distribution(str(name)).metadata
    except (PackageNotFoundError, ValueError):
        return _UNKNOWN
    stated = (told.json.get(name) for name in ("license_expression", "license"))
    return next((str(one) for one in stated if one), _UNKNOWN)
