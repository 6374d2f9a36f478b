"""What programs that track experiments get of a run: parameters, measures, rows, thumbnails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

import mubench_gen
from mubench_gen import ImageError
from mubench_gen_plugins import exports

_SIDE = 96  # pixels of a thumbnail
COLUMNS = ("item", "task", "dataset", "prompt", "options", "right", "reply", "read", "status",
            "rule", "correct")  # fmt: skip


class Options(mubench_gen.Options):
    project: str = Field("mubench-gen", description="the project that the run belongs to")
    images: bool = Field(True, description="with thumbnails of the images")
    items: int = Field(1000, ge=0, description="most items in the table, the first of the run")


def parameters(one: Any) -> dict[str, Any]:
    """What the run was made with."""
    manifest = one.run.manifest
    settings, sampling = manifest["settings"], manifest.get("sampling") or {}
    found = {
        "run": manifest["id"],
        "plugin": manifest["plugin"]["name"],
        "plugin_version": manifest["plugin"].get("version"),
        "model": manifest["model"]["id"],
        "revision": manifest["model"].get("revision"),
        "engine": (manifest.get("engine") or {}).get("name"),
        "data": manifest["data"]["name"],
        "data_digest": manifest["data"].get("digest"),
        "prompt": ", ".join(settings.get("prompt") or ()),
        "readout": ", ".join(settings.get("readout") or ()),
        "control": settings.get("control"),
        "seed": manifest.get("seed"),
        **{f"sampling.{name}": value for name, value in sampling.items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def measures(one: Any) -> dict[str, float]:
    """The scores of all items, and the accuracy of each task."""
    pooled = one.scores.pooled
    low, high = pooled.ci95 or (None, None)
    found = {
        "accuracy": pooled.accuracy,
        "accuracy_ci95_low": low,
        "accuracy_ci95_high": high,
        "chance_corrected": pooled.chance_corrected,
        "n": pooled.n,
        "n_failed": pooled.n_errors,
        **{f"tasks/{name}": score.accuracy for name, score in one.scores.tasks.items()},
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def rows(one: Any, most: int) -> Iterator[tuple[str | None, list[Any]]]:
    """(digest of the image, cells in the order of the columns) of the items with a truth value."""
    for number, record in enumerate(exports.scored(one.run)):
        if number == most:
            return
        yield (
            record["image_sha256"],
            [
                *(record[name] for name in ("item", "task", "dataset")),
                exports.prompt_of(record),
                " · ".join(map(str, record["options"])),
                str(record["options"][record["gold"]]),
                record["reply"] or "",
                exports.chosen_text(record),
                record["status"],
                record["rule"] or "",
                bool(record["correct"]),
            ],
        )


def thumbnails(one: Any) -> dict[str, Any]:
    """Small Pillow images of what the run was shown, by digest."""
    found = {}
    for image in one.run.images():
        try:
            small = image.pixels().copy()
        except ImageError:
            continue
        small.thumbnail((_SIDE, _SIDE))
        found[image.sha256] = small
    return found
