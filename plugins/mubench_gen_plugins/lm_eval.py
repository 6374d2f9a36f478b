"""An export format: one item per line, as lm-evaluation-harness logs its samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import IO, Any

from pydantic import Field

import mubench_gen
from mubench_gen import Export


class Options(mubench_gen.Options):
    errors: bool = Field(False, description="write failed items too, with `acc` null")


def sample(number: int, record: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """A record under the names of lm-evaluation-harness's samples_*.jsonl."""
    texts = [
        part["text"]
        for message in record["messages"]
        for part in message["content"]
        if part["type"] == "text"
    ]
    prompt, options = "\n".join(texts), record["options"]
    choice, gold = record["choice"], record["gold"]
    boxes = record.get("boxes")
    target = json.dumps(boxes["gold"]) if boxes else options[gold]
    answer = "" if choice is None else options[choice]
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
            "choices": options,
            **record["meta"],
        },
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt}},
        "resps": [replies],
        "filtered_resps": [answer],
        "filter": f"mubench-gen:{record['rule']}",
        "metrics": [measure],
        "doc_hash": _digest(record["item"]),
        "prompt_hash": _digest(prompt),
        "target_hash": _digest(target),
        measure: None if value is None else float(value),
        "model": run["model"]["id"],
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def write(runs: Sequence[Any], stream: IO[bytes], options: Options) -> None:
    """The items of all the runs, one after the other."""
    number = 0
    for one in runs:
        for record in one.run.records():
            if record["status"] != "error" or options.errors:
                line = json.dumps(sample(number, record, one.run.manifest), ensure_ascii=False)
                stream.write(line.encode("utf-8", "replace") + b"\n")
                number += 1


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    return [Export("samples", "lm-evaluation-harness's samples, one item per line", write, Options)]
