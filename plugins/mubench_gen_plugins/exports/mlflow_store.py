"""MLflow: a folder with a database and artifacts: a run's parameters, scores and items."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import mubench_gen
from mubench_gen import Export, SettingError
from mubench_gen_plugins import exports
from mubench_gen_plugins.exports.tracked import (
    COLUMNS,
    Options,
    measures,
    parameters,
    rows,
    thumbnails,
)

_STORE, _ARTIFACTS = "mlflow.db", "artifacts"


def write_files(runs: Sequence[Any], folder: Path, options: Options) -> Sequence[str]:
    """A store of MLflow in the folder, for `mlflow ui`; each run is one of its runs."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise SettingError(
            "This format needs mlflow. Type: pip install 'mubench-gen[mlflow]'"
        ) from None
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / _STORE}")
    place = (folder / _ARTIFACTS).as_uri()
    experiment = client.create_experiment(options.project, artifact_location=place)
    for one in runs:
        _write_run(client, experiment, one, options)
    _without_folder(folder)
    told = [line for one in runs for line in exports.told_left_out(one)]
    return [*told, f"cd {folder.name} && mlflow ui --backend-store-uri sqlite:///{_STORE}"]


def _write_run(client: Any, experiment: str, one: Any, options: Options) -> None:
    run = client.create_run(experiment, run_name=str(one.run.manifest["id"])).info.run_id
    for name, value in parameters(one).items():
        client.log_param(run, name, value)
    for name, value in measures(one).items():
        client.log_metric(run, name, value)
    shown = thumbnails(one) if options.images else {}
    images = {digest: f"thumbnails/{digest}.png" for digest in shown}
    for digest, path in images.items():
        client.log_image(run, shown[digest], artifact_file=path)
    table: dict[str, list[Any]] = {name: [] for name in ("image", *COLUMNS)}
    for shown_image, cells in rows(one, options.items):
        picture = _shown(images.get(shown_image or ""))
        for column, cell in zip(table.values(), [picture, *cells], strict=True):
            column.append(cell)
    if not images:
        del table["image"]
    if table["item"]:
        client.log_table(run, table, "items.json")
    client.set_terminated(run)


def _shown(path: str | None) -> dict[str, str] | None:
    """A cell with an artifact that is an image, as MLflow's own tables have it."""
    if path is None:
        return None
    return {"type": "image", "filepath": path, "compressed_filepath": path}


def _without_folder(folder: Path) -> None:
    """Let the store name its artifacts relative to itself, and no folder of this machine."""
    place = (folder / _ARTIFACTS).as_uri()
    with closing(sqlite3.connect(folder / _STORE)) as store:
        store.execute("UPDATE experiments SET artifact_location = ?", (_ARTIFACTS,))
        replaced = "UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)"
        store.execute(replaced, (place, _ARTIFACTS))
        store.commit()
        store.execute("VACUUM")


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    title = "MLflow: a local store with scores and a table of items"
    return [Export("mlflow", title, Options=Options, files=write_files)]
