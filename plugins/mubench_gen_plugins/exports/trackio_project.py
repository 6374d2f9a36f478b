"""Trackio: a project in a folder, with a run's parameters, scores and a table of its items."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

import mubench_gen
from mubench_gen import Export, ImageError, SettingError
from mubench_gen_plugins import exports

_SIDE = 96  # pixels of a thumbnail
_COLUMNS = ("item", "task", "dataset", "prompt", "options", "right", "reply", "read", "status",
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


def write_files(runs: Sequence[Any], folder: Path, options: Options) -> Sequence[str]:
    """A project of Trackio in the folder, for `trackio show`; each run is one of its runs."""
    with _environment(TRACKIO_DIR=str(folder)):
        try:
            import trackio
        except ImportError:
            raise SettingError(
                "This format needs trackio. Type: pip install 'mubench-gen[trackio]'"
            ) from None
        import pandas

        for one in runs:
            trackio.init(
                project=options.project,
                name=str(one.run.manifest["id"]),
                config=parameters(one),
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            shown = thumbnails(one) if options.images else {}
            found = [
                [trackio.Image(shown[digest]) if digest in shown else None, *cells]
                for digest, cells in rows(one, options.items)
            ]
            frame = pandas.DataFrame(found, columns=["image", *_COLUMNS])
            trackio.log({**measures(one), "items": trackio.Table(dataframe=frame)})
            trackio.finish()
    for lock in folder.glob("*.lock"):
        lock.unlink()
    told = [line for one in runs for line in exports.told_left_out(exports.left_out(one))]
    return [*told, f"TRACKIO_DIR={folder.name} trackio show --project {options.project}"]


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for a while: Trackio takes its folder from one when it is first
    imported, which in a process of the command is here."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    title = "Trackio: a local project with scores and a table of items"
    return [Export("trackio", title, Options=Options, files=write_files)]
