"""An export format: one item per line, as lm-evaluation-harness logs its samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pydantic import Field

import mubench_gen
from mubench_gen import Export
from mubench_gen_plugins import exports


class Options(mubench_gen.Options):
    errors: bool = Field(False, description="write failed items too, with `acc` null")


def sample(number: int, record: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """A record under the names of lm-evaluation-harness's samples_*.jsonl."""
    prompt, options = exports.prompt_of(record), record["options"]
    choice, boxes = record["choice"], record.get("boxes")
    target = json.dumps(boxes["gold"]) if boxes else " | ".join(exports.right_of(record))
    answer = exports.answer_of(record)
    scores = record["scores"]
    replies = [record["reply"]] if scores is None else [[s, i == choice]
                                                        for i, s in enumerate(scores)]  # fmt: skip
    measure = "grit" if boxes else "acc"
    value = boxes["score"] if boxes else record["correct"]
    return {
        "doc_id": number,
        "doc": {
            "id": record["id"],
            "dataset": record["dataset"],
            "task": record["task"],
            "image_id": record["image_id"],
            "image_sha256": record["image_sha256"],
            **exports.set_of(record),
            "choices": options,
            **record["meta"],
            **exports.form_of(record),
        },
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt}},
        "resps": [replies],
        "filtered_resps": [answer],
        "filter": f"mubench-gen:{record['rule']}",
        "metrics": [measure],
        "doc_hash": exports.digest(record["item"]),
        "prompt_hash": exports.digest(prompt),
        "target_hash": exports.digest(target),
        measure: None if value is None else float(value),
        "model": run["model"]["id"],
    }


def write(runs: Sequence[Any], stream: IO[bytes], options: Options) -> None:
    """The items of all the runs, one after the other."""
    number = 0
    for one in runs:
        for record in one.run.records():
            if record["status"] != "error" or options.errors:
                line = json.dumps(sample(number, record, one.run.manifest), ensure_ascii=False)
                stream.write(line.encode("utf-8", "replace") + b"\n")
                number += 1


def write_files(runs: Sequence[Any], folder: Path, options: Options) -> Sequence[str]:
    """Samples by task, and the results of all tasks, under the names that the harness gives."""
    for place, one in enumerate(runs):
        at = folder if len(runs) == 1 else folder / str(place)
        at.mkdir(exist_ok=True)
        manifest = one.run.manifest
        started = exports.started(manifest).replace(":", "-")
        found: dict[str, list[Mapping[str, Any]]] = {}
        for number, record in enumerate(one.run.records()):
            if record["status"] != "error" or options.errors:
                found.setdefault(record["task"], []).append(sample(number, record, manifest))
        for task, samples in found.items():
            lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in samples)
            (at / f"samples_{task}_{started}.jsonl").write_text("".join(lines), "utf-8", "replace")
        text = json.dumps(results(one, manifest), indent=2, ensure_ascii=False)
        (at / f"results_{started}.json").write_text(text + "\n", "utf-8", "replace")
    failed = sum(one.scores.pooled.n_errors for one in runs)
    left_out = f"{failed:,} failed items are left out." if failed and not options.errors else ""
    return [left_out] if left_out else []


def results(one: Any, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The scores by task under the names of lm-evaluation-harness's results_*.json."""
    tasks = {name: score for name, score in one.scores.tasks.items() if score.accuracy is not None}
    sampling = {k: v for k, v in manifest.get("sampling", {}).items() if v is not None}
    return {
        "results": {
            name: {
                "alias": name,
                "acc,none": score.accuracy,
                "acc_stderr,none": _stderr(score.ci95),
            }
            for name, score in tasks.items()
        },
        "configs": {name: {"task": name, "generation_kwargs": sampling} for name in tasks},
        "versions": {name: manifest["content"]["tasks"].get(name, "") for name in tasks},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {name: {"acc": True} for name in tasks},
        "n-samples": {
            name: {"original": score.n + score.n_errors, "effective": score.n}
            for name, score in tasks.items()
        },
        "config": {
            "model": manifest["plugin"]["name"],
            "model_args": {"pretrained": manifest["model"]["id"]},
            "random_seed": manifest.get("seed"),
        },
        "model_name": manifest["model"]["id"],
        "mubench_gen_version": mubench_gen.__version__,
    }


def _stderr(interval: tuple[float, float] | None) -> float | str:
    """The standard error; "N/A" is that harness's word for none."""
    found = exports.stderr(interval)
    return "N/A" if found is None else found


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    title = "lm-evaluation-harness's samples, one item per line"
    return [Export("samples", title, write, Options, files=write_files)]
