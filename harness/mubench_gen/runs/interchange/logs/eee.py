"""Samples of Every Eval Ever: JSON lines of its instance schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.errors import DataError
from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import (
    Log,
    LoggedItem,
    NotAskedHere,
    TheirVerdict,
    entry,
    usage_of,
)
from mubench_gen.runs.interchange.logs.rows import document, first_object, json_lines


def reads(path: Path) -> bool:
    """Whether a file has samples of that schema."""
    found = first_object(path) if path.suffix == ".jsonl" else {}
    return {"evaluation_id", "answer_attribution", "input"} <= found.keys()


def read(paths: Sequence[Path], given: Mapping[str, str]) -> Log:
    """The samples of one evaluation, with its aggregate where that lies beside them."""
    left_out: Counter[str] = Counter()
    first, about = first_object(paths[0]), _aggregate(paths[0])
    library = about.get("eval_library") or {}
    return Log(
        program=str(library.get("name") or "eee"),
        version=str(library.get("version") or ""),
        model=str(first.get("model_id", "unknown")),
        items=_items(paths, left_out, library.get("name") == "mubench-gen"),
        left_out=left_out,
        created=str(about.get("evaluation_timestamp", "")),
        data=str(first.get("evaluation_id", "")).partition("/")[0],
    )


def _aggregate(path: Path) -> Mapping[str, Any]:
    beside = path.with_name(path.name.replace("_samples.jsonl", ".json"))
    try:
        found = document(beside) if beside != path and beside.is_file() else {}
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _items(paths: Sequence[Path], left_out: Counter[str], ours: bool) -> Iterator[LoggedItem]:
    seen: dict[int, str] = {}  # answer → the result that it counts in
    for path in paths:
        for where, row in json_lines(path):
            with entry(where, left_out):
                item, result = _item(row, ours), str(row.get("evaluation_result_id"))
                answer = hash((item.model, item.name, item.prompt, item.reply))
                if seen.setdefault(answer, result) != result:
                    raise NotAskedHere("the same answers by another metric")
                yield item


def _item(row: Mapping[str, Any], ours: bool) -> LoggedItem:
    if row["interaction_type"] != "single_turn":
        raise NotAskedHere("of several turns")
    given, meta = row["input"], row.get("metadata") or {}
    options = choices.options_of({"choices": given.get("choices")}, given["raw"])
    output, read = row.get("output") or {}, row["answer_attribution"]
    if not output and not row.get("error"):
        raise NotAskedHere("without an output")
    took = row.get("performance") or {}
    latency = took.get("latency_ms") or took.get("generation_time_ms")
    return LoggedItem(
        name=str(row["sample_id"]),
        question=str(given["raw"]),
        options=options,
        gold=choices.gold_of({}, options, given["reference"]),
        reply=str(next(iter(output.get("raw") or ()), "")),
        theirs=TheirVerdict(
            row["evaluation"]["is_correct"], read[-1]["extracted_value"] if read else None
        ),
        prompt=(("user", str(given.get("formatted") or given["raw"])),),
        image_sha256=meta.get("image_sha256"),
        images_sha256=tuple(str(meta.get("images_sha256", "")).split()),
        image_id=str(meta.get("image_id", "")),
        item=str(meta.get("item", "")) if ours else "",
        dataset=str(meta.get("dataset") or row["evaluation_name"]),
        task=str(row["evaluation_name"]),
        meta=dict(meta),
        usage=usage_of(row.get("token_usage") or {}),
        seconds=None if latency is None else latency / 1000,
        reasoning=next(iter(output.get("reasoning_trace") or ()), None),
        error=row.get("error"),
        model=str(row["model_id"]),
    )
