"""Every Eval Ever 0.3.0: an aggregate JSON file and a file with a sample a line for each run.

Two rules of that schema show: values of details are texts, and a sample has a truth value, so
that failed items are left out of the samples and counted in the details.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field

import mubench_gen
from mubench_gen import Export
from mubench_gen_plugins import exports
from mubench_gen_plugins.exports import Record, strings

VERSION = "0.3.0"


class Options(mubench_gen.Options):
    organization: str = Field("unknown", description="who made the evaluation")
    relationship: str = Field(
        "third_party", description="to the model: first_party, third_party, collaborative, other"
    )
    developer: str = Field("", description="who made the model, before the / of its id")


def write_files(runs: Sequence[Any], folder: Path, options: Options) -> Sequence[str]:
    """data/COLLECTION/DEVELOPER/MODEL/UUID.json and UUID_samples.jsonl for each run."""
    told = []
    for one in runs:
        manifest = one.run.manifest
        drawn = bytes.fromhex(exports.digest(_identity(manifest)))[:16]
        name = uuid.UUID(bytes=drawn, version=4)  # the kind that its validator asks for
        developer, model = _model(manifest, options)
        place = folder / "data" / _slug(_collection(manifest)) / _slug(developer) / _slug(model)
        place.mkdir(parents=True, exist_ok=True)
        samples = place / f"{name}_samples.jsonl"
        digest, count = _write_samples(one, samples, f"{developer}/{model}")
        document = aggregate(one, options)
        document["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": samples.relative_to(folder).as_posix(),
            "hash_algorithm": "sha256",
            "checksum": digest,
            "total_rows": count,
        }
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (place / f"{name}.json").write_text(text + "\n", "utf-8", "replace")
        told += exports.told_left_out(one)
    return told


def aggregate(one: Any, options: Options) -> dict[str, Any]:
    """The scores of a run: one result for all items, and one for each task."""
    manifest = one.run.manifest
    developer, model = _model(manifest, options)
    groups = {"pooled": one.scores.pooled, **one.scores.tasks}
    at = exports.started(manifest)
    return {
        "schema_version": VERSION,
        "evaluation_id": _evaluation_id(manifest, f"{developer}/{model}"),
        "evaluation_timestamp": at,
        "retrieved_timestamp": _epoch(at),
        "source_metadata": {
            "source_name": "mubench-gen",
            "source_type": "evaluation_run",
            "source_organization_name": options.organization,
            "evaluator_relationship": options.relationship,
        },
        "eval_library": {"name": "mubench-gen", "version": _version(manifest)},
        "model_info": {
            "name": model,
            "id": f"{developer}/{model}",
            "developer": developer,
            "inference_engine": {"name": str((manifest.get("engine") or {}).get("name"))},
            "additional_details": strings(
                {
                    "plugin": manifest["plugin"]["name"],
                    "plugin_version": manifest["plugin"].get("version"),
                    "revision": manifest["model"].get("revision"),
                    "weights_sha256": manifest["model"].get("weights_sha256"),
                    "deployment_type": "unknown",
                    "model_availability": "unknown",
                }
            ),
        },
        "evaluation_results": [
            _result(name, score, one, manifest)
            for name, score in groups.items()
            if score.accuracy is not None
        ],
    }


def _result(name: str, score: Any, one: Any, manifest: Mapping[str, Any]) -> dict[str, Any]:
    settings, data = manifest["settings"], manifest["data"]
    uncertainty: dict[str, Any] = {"num_samples": score.n}
    if score.ci95 is not None:
        low, high = score.ci95
        uncertainty["confidence_interval"] = {
            "lower": low,
            "upper": high,
            "confidence_level": 0.95,
            "method": f"clustered by {one.scores.clustered_by}",
        }
    return {
        "evaluation_result_id": name,
        "evaluation_name": name,
        "source_data": {"dataset_name": str(data["name"]), **_source(data)},
        "metric_config": {
            "evaluation_description": "share of the items answered right; unread replies are wrong",
            "metric_id": "accuracy",
            "metric_name": "Accuracy",
            "metric_kind": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {
            "score": score.accuracy,
            "details": strings(
                {
                    "n_failed": score.n_errors,
                    "chance": score.chance,
                    "chance_corrected": score.chance_corrected,
                    "accuracy_answered": score.accuracy_answered,
                    **{f"share_{status}": share for status, share in score.statuses.items()},
                }
            ),
            "uncertainty": uncertainty,
        },
        "generation_config": {
            "generation_args": _generation(manifest),
            "additional_details": strings(
                {
                    "prompt": ", ".join(settings.get("prompt") or ()),
                    "readout": ", ".join(settings.get("readout") or ()),
                    "control": settings.get("control"),
                    "orders": settings.get("orders"),
                    "seed": manifest.get("seed"),
                }
            ),
        },
    }


def _source(data: Mapping[str, Any]) -> dict[str, Any]:
    if data["name"] == "ubench":
        return {"source_type": "hf_dataset", "hf_repo": "jnirschl/uBench"}
    digest = strings({"digest": data.get("digest"), "rows": data.get("rows")})
    return {"source_type": "other", "additional_details": digest}


def _generation(manifest: Mapping[str, Any]) -> dict[str, Any]:
    sampling = manifest.get("sampling") or {}
    found = {"temperature": sampling.get("temperature"), "max_tokens": sampling.get("max_tokens")}
    return {name: value for name, value in found.items() if value is not None}


def _write_samples(one: Any, path: Path, model: str) -> tuple[str, int]:
    """Write the samples; the file's SHA-256 and the number of its lines."""
    import hashlib

    digest, count = hashlib.sha256(), 0
    with path.open("wb") as file:
        for line in map(json.dumps, samples(one, model)):
            file.write(line.encode() + b"\n")
            digest.update(line.encode() + b"\n")
            count += 1
    return digest.hexdigest(), count


def samples(one: Any, model: str) -> Iterator[dict[str, Any]]:
    """The samples of a run, one an item with a truth value."""
    evaluation_id = _evaluation_id(one.run.manifest, model)
    for record in exports.scored(one.run):
        yield sample(record, evaluation_id, model)


def sample(record: Record, evaluation_id: str, model: str) -> dict[str, Any]:
    """One record under the names of the instance schema."""
    prompt, reference = exports.prompt_of(record), [str(record["options"][record["gold"]])]
    scored = {} if record["scores"] is None else {"scores": json.dumps(record["scores"])}
    reasoning = record.get("reasoning")
    usage = _usage(record.get("usage") or {})
    seconds = record.get("seconds")
    return {
        "schema_version": VERSION,
        "evaluation_id": evaluation_id,
        "model_id": model,
        "evaluation_name": record["task"],
        "evaluation_result_id": record["task"],
        "sample_id": record["id"],
        "sample_hash": _sample_hash(prompt, reference),
        "interaction_type": "single_turn",
        "input": {
            "raw": prompt,
            "formatted": None,
            "reference": reference,
            "choices": list(map(str, record["options"])),
        },
        "output": {
            "raw": [exports.reply_of(record)],
            **({"reasoning_trace": [reasoning]} if reasoning is not None else {}),
        },
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": exports.chosen_text(record),
                "extraction_method": str(record["rule"] or record["status"]),
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": float(record["correct"]), "is_correct": bool(record["correct"])},
        **({"token_usage": usage} if usage else {}),
        **({"performance": {"latency_ms": 1000 * seconds}} if seconds is not None else {}),
        "metadata": strings(
            {
                "item": record["item"],
                "image_id": record["image_id"],
                "image_sha256": record["image_sha256"],
                **{name: " ".join(found) for name, found in exports.set_of(record).items()},
                "dataset": record["dataset"],
                "status": record["status"],
                **scored,
                **record["meta"],
            }
        ),
    }


def _sample_hash(raw: str, reference: Sequence[str]) -> str:
    """The hash by which the format's converters join samples of different sources."""
    asked = {"raw": raw, "reference": reference}
    return exports.digest(json.dumps(asked, sort_keys=True, separators=(",", ":")))


def _usage(usage: Mapping[str, Any]) -> dict[str, int]:
    given, made = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not isinstance(given, int) or not isinstance(made, int):
        return {}
    found = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    thought = usage.get("reasoning_tokens")
    return {**found, "reasoning_tokens": thought} if isinstance(thought, int) else found


def _model(manifest: Mapping[str, Any], options: Options) -> tuple[str, str]:
    """Developer and name of the model; the plugin stands for a developer that is not known."""
    before, _, name = str(manifest["model"]["id"]).rpartition("/")
    known = before.rpartition("/")[2]
    return options.developer or known or str(manifest["plugin"]["name"]), name


def _evaluation_id(manifest: Mapping[str, Any], model: str) -> str:
    at = _epoch(exports.started(manifest))
    return f"{_collection(manifest)}/{model.replace('/', '_')}/{at}"


def _collection(manifest: Mapping[str, Any]) -> str:
    return f"mubench-gen-{manifest['data']['name']}"


def _identity(manifest: Mapping[str, Any]) -> str:
    return f"{manifest['id']} {exports.started(manifest)}"


def _version(manifest: Mapping[str, Any]) -> str:
    sessions = manifest["sessions"]
    return str(
        (sessions[0].get("versions") or {}).get("mubench-gen", "unknown") if sessions else "unknown"
    )


def _epoch(at: str) -> str:
    try:
        return str(datetime.fromisoformat(at).timestamp())
    except ValueError:
        return "0"


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "unknown"


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    title = f"Every Eval Ever {VERSION}, an aggregate and its samples"
    return [Export("eee", title, Options=Options, files=write_files)]
