"""Results for a model's page on the Hugging Face hub: `.eval_results/*.yaml` and model-index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

import mubench_gen
from mubench_gen import Export, SettingError
from mubench_gen_plugins import exports

_KNOWN = {"ubench": "jnirschl/uBench"}


class Options(mubench_gen.Options):
    dataset: str = Field("", description="the data set's repository, ORG/NAME [μ-Bench's]")
    source: str = Field("", description="a URL where the run can be looked at")
    model: str = Field("", description="the model's repository, ORG/NAME [the run's model]")


def write_files(runs: Sequence[Any], folder: Path, options: Options) -> Sequence[str]:
    """One YAML file a run in .eval_results, and model-index.yaml for the card's metadata."""
    place = folder / ".eval_results"
    place.mkdir()
    told, index = [], []
    for one in runs:
        manifest = one.run.manifest
        repository = options.model or str(manifest["model"]["id"])
        dataset = options.dataset or _KNOWN.get(str(manifest["data"]["name"]), "")
        if not dataset:
            raise SettingError(
                "The hub shows results under a data set's repository, and these data have none "
                "that is known here: give -o dataset=ORG/NAME."
            )
        name = f"mubench-gen-{manifest['id']}"
        (place / f"{name}.yaml").write_text(to_yaml(results(one, dataset, options)), "utf-8")
        index.append(model_index(one, repository, dataset))
        told.append(
            f"hf upload {repository} {folder.name}/.eval_results/{name}.yaml "
            f".eval_results/{name}.yaml --create-pr"
        )
        told += exports.told_left_out(one)
    (folder / "model-index.yaml").write_text(to_yaml({"model-index": index}), "utf-8")
    told.append("model-index.yaml belongs into the metadata of the model's README.md.")
    return told


def results(one: Any, dataset: str, options: Options) -> list[dict[str, Any]]:
    """An entry a task, its value the accuracy in per cent."""
    manifest = one.run.manifest
    revision = manifest["data"].get("revision")
    return [
        {
            "dataset": {
                "id": dataset,
                "task_id": name,
                **({"revision": str(revision)} if revision else {}),
            },
            "value": round(100 * score.accuracy, 2),
            "date": exports.started(manifest)[:10],
            **(
                {"source": {"url": options.source, "name": "mubench-gen"}} if options.source else {}
            ),
            "notes": _notes(score, manifest),
        }
        for name, score in one.scores.tasks.items()
        if score.accuracy is not None
    ]


def model_index(one: Any, repository: str, dataset: str) -> dict[str, Any]:
    """The entry of a model card's `model-index`."""
    return {
        "name": repository.rpartition("/")[2],
        "results": [
            {
                "task": {"type": "visual-question-answering"},
                "dataset": {"name": f"{one.run.manifest['data']['name']} {name}", "type": dataset},
                "metrics": [
                    {
                        "type": "accuracy",
                        "name": "Accuracy",
                        "value": round(100 * score.accuracy, 2),
                    }
                ],
            }
            for name, score in one.scores.tasks.items()
            if score.accuracy is not None
        ],
    }


def _notes(score: Any, manifest: Mapping[str, Any]) -> str:
    settings = manifest["settings"]
    interval = (
        "" if score.ci95 is None else " [{:.1f}, {:.1f}]".format(*(100 * x for x in score.ci95))
    )
    parts = [
        f"accuracy in %{interval}, n = {score.n}",
        f"prompt {', '.join(settings.get('prompt') or ())}",
        f"read-out {', '.join(settings.get('readout') or ())}",
        f"control {settings.get('control')}",
        f"mubench-gen {mubench_gen.__version__}",
    ]
    failed = [f"{score.n_errors} items failed and are left out"] if score.n_errors else []
    return "; ".join(parts + failed)


def to_yaml(value: Any, indent: int = 0) -> str:
    """Lists and mappings as YAML; scalars as JSON writes them, which YAML reads."""
    space = "  " * indent
    if isinstance(value, Mapping):
        lines = []
        for key, one in value.items():
            nested = isinstance(one, (Mapping, list)) and bool(one)
            text = "\n" + to_yaml(one, indent + 1) if nested else f" {_scalar(one)}\n"
            lines.append(f"{space}{key}:{text}")
        return "".join(lines)
    items = [
        to_yaml(one, indent + 1)
        if isinstance(one, (Mapping, list))
        else f"{space}  {_scalar(one)}\n"
        for one in value
    ]
    return "".join(f"{space}- {one[len(space) + 2 :]}" for one in items)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


EXPORT = Export(
    "hf",
    "results for a model's page on the Hugging Face hub",
    Options=Options,
    files=write_files,
)
