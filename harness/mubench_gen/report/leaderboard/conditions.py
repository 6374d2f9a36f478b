"""How a run was made, in the words by which a board's rows can be filtered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mubench_gen.scores.metadata import ABSENT, facts_of

FILTERS = ("protocol", "family", "size", "licence", "origin")
_COUNT = re.compile(r"(?<![\d.])([\d.]+)\s*([MBT])", re.IGNORECASE)
_UNITS = {"m": 1e-3, "b": 1.0, "t": 1e3}
# Upper limits in billions of parameters.
_SIZES = ((1, "below 1B"), (5, "1B to 5B"), (15, "5B to 15B"), (50, "15B to 50B"))


def conditions(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What is known of how the run was made, by name; what is not is left out."""
    facts, model, data = facts_of(manifest), manifest["model"], manifest["data"]
    session, source = manifest["sessions"][-1], manifest.get("imported")
    plugin = manifest["plugin"]
    versions = session.get("versions") or {}
    program = f"{source['program']} {source['version'] or ''}".strip() if source else None
    found = {
        "protocol": protocol(manifest),
        "family": facts.get("family"),
        "size": size_class(facts.get("parameters", "")),
        "parameters": facts.get("parameters"),
        "quantisation": facts.get("quantisation"),
        "licence": facts.get("licence") or facts.get("license"),
        "origin": f"imported from {source['program']}" if source else "mubench-gen",
        "program": program or f"mubench-gen {versions.get('mubench-gen', '')}".strip(),
        "plugin": f"{plugin['name']} {plugin.get('version') or ''}".strip(),
        "engine": str((manifest.get("engine") or {}).get("name") or ""),
        "model": str(model["id"]),
        "revision": model.get("revision"),
        "weights": (model.get("weights_sha256") or "")[:12],
        "data": str(data["name"]),
        "data_digest": (data.get("digest") or "")[:12],
        "asked": str(session.get("started") or "")[:10],
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "", ABSENT)}


def protocol(manifest: Mapping[str, Any]) -> str:
    """The named protocol, prompt, read-out, and what was not the default of how items are asked."""
    settings, sampling = manifest["settings"], manifest.get("sampling") or {}
    source = manifest.get("imported")
    if source:
        parts = [f"{source['program']}'s own"]
    else:
        named = (settings.get(name) or () for name in ("protocol", "prompt", "readout"))
        parts = [", ".join(names) for names in named]
    parts += [f"{key} {value}" for key, value in (settings.get("prompt_set") or {}).items()]
    parts += [f"image {key} {value}" for key, value in (settings.get("image_set") or {}).items()]
    if settings.get("orders"):
        parts.append(f"orders {settings['orders']}")
    if (settings.get("repeats") or 1) > 1:
        parts.append(f"{settings['repeats']} repeats")
    if sampling.get("temperature"):
        parts.append(f"temperature {sampling['temperature']:g}")
    if settings.get("judge"):
        parts.append(f"judge {settings['judge']}")
    if settings.get("limit") is not None:
        parts.append(f"{settings['limit']} items a task")
    return " · ".join(part for part in parts if part)


def size_class(parameters: str) -> str | None:
    """The class of a number of parameters such as "7.06B"; None if there is none."""
    found = _COUNT.search(parameters)
    if found is None:
        return None
    billions = float(found[1]) * _UNITS[found[2].lower()]
    return next((name for most, name in _SIZES if billions < most), "50B and more")
