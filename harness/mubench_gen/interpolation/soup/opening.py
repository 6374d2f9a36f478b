"""Opens a folder of merged weights as a model of its plugin. Nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mubench_gen.host.serving import Opened
from mubench_gen.model import Checkpoint
from mubench_gen.plan.opening import found, made, opened


def open_folder(
    given: Mapping[str, Any],
    images: int,
    entry_points: Iterable[Any] | None,
    *,
    folder: Path,
    name: str,
    facts: Mapping[str, Any],
) -> Opened:
    """Open `folder` as the settings' model is opened, which is the base. Runs in the host.

    `name`, `facts`: what the run's manifest says of the model.
    """
    settings, plugin, spec = found(given, entry_points)
    assert isinstance(spec.source, Checkpoint)
    source = replace(spec.source, path=folder, revision=None)
    settings = settings.model_copy(update={"revision": None})
    spec = replace(spec, name=name, source=source, facts={**spec.facts, **facts})
    engine, model = made(plugin, spec, settings, images, entry_points)
    return opened(settings, plugin, spec, engine, model)
