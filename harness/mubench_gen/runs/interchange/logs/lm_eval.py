"""Samples of lm-evaluation-harness and of lmms-eval: JSON lines, with the results beside them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mubench_gen.errors import DataError
from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import Log, LoggedItem, NotAskedHere, TheirVerdict, entry
from mubench_gen.runs.interchange.logs.rows import document, first_object, json_lines

_DATED = re.compile(r"(\d{4}-?\d\d-?\d\d[T_]\d\d-?\d\d-?\d\d(?:\.\d+)?(?:\+\d\d-\d\d)?)")
_TASK = re.compile(r"(?:\d[\d_]*_)?samples_(.+?)(?:_\d{4}-.*)?$")
_OWN = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
        "doc_hash", "prompt_hash", "target_hash", "input", "token_counts", "model"}  # fmt: skip
_FILTERED = ("replies before lmms-eval's filter, where it has one: its log keeps what that left",)
_RIGHT = ("exact_match", "acc", "accuracy")


def reads(path: Path) -> bool:
    """Whether a file has samples of these harnesses."""
    if path.suffix != ".jsonl":
        return False
    return {"doc_id", "filtered_resps", "target"} <= first_object(path).keys()


def _is_short(row: Mapping[str, Any]) -> bool:
    """Whether lmms-eval wrote it: without documents, and with replies only where its filter
    changed nothing or several."""
    return "doc" not in row and "input" in row


def read(paths: Sequence[Path], given: Mapping[str, str]) -> Log:
    """The samples of one or several tasks of one evaluation."""
    facts = _results(paths[0])
    left_out: Counter[str] = Counter()
    version = facts.get("lm_eval_version") or facts.get("lmms_eval_version") or ""
    first = first_object(paths[0])
    program = (
        "mubench-gen" if str(first.get("filter", "")).startswith("mubench-gen:") else "lm-eval"
    )
    if "lmms_eval_version" in facts or _is_short(first):
        program = "lmms-eval"
    return Log(
        program=program,
        version=str(version or facts.get("mubench_gen_version", "")).replace("unknown@unknown", ""),
        model=str(first.get("model") or _model(facts) or "unknown"),
        items=_items(paths, left_out),
        left_out=left_out,
        created=str(facts.get("date", "")),
        data=", ".join(map(_task, paths)),
        sampling=_sampling(facts),
        unknown=_FILTERED if program == "lmms-eval" and "resps" not in first else (),
    )


def _model(facts: Mapping[str, Any]) -> str:
    config = facts.get("config") if isinstance(facts.get("config"), dict) else {}
    return str(facts.get("model_name") or (config or {}).get("model") or "")


def _results(path: Path) -> Mapping[str, Any]:
    """The results file of the same evaluation, by its date; empty where there is none."""
    dated = _DATED.search(path.name)
    beside = sorted(path.parent.glob("*results*.json"))
    same = [one for one in beside if dated and dated[1] in one.name] or beside[-1:]
    try:
        found = document(same[0]) if same else {}
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _sampling(facts: Mapping[str, Any]) -> dict[str, Any]:
    for config in (facts.get("configs") or {}).values():
        given = config.get("generation_kwargs") or {}
        most = given.get("max_gen_toks") or given.get("max_new_tokens") or given.get("max_tokens")
        return {"temperature": given.get("temperature"), "max_tokens": most}
    return {}


def _task(path: Path) -> str:
    found = _TASK.match(path.stem)
    return found[1] if found else path.stem


def _items(paths: Sequence[Path], left_out: Counter[str]) -> Iterator[LoggedItem]:
    for path in paths:
        model = _model(_results(path)) if len(paths) > 1 else ""
        seen: dict[Any, str] = {}
        for where, row in json_lines(path):
            with entry(where, left_out):
                if seen.setdefault(row["doc_id"], str(row.get("filter"))) != str(row.get("filter")):
                    raise NotAskedHere("the same replies under another filter")
                for found in _read(row, _task(path)):
                    yield replace(found, model=str(row.get("model") or model))


def _read(row: Mapping[str, Any], task: str) -> Iterator[LoggedItem]:
    short = _is_short(row)
    doc = {} if short else row["doc"] if isinstance(row["doc"], dict) else {"text": row["doc"]}
    prompt = _prompt(row)
    scores = _scores(row)
    choices.leave_out_open(doc)
    options = choices.options_of(doc, prompt)
    gold = choices.gold_of(doc, options, row["target"], by_index=scores is not None)
    if scores is not None and len(scores) != len(options):
        raise NotAskedHere("without a score for each option")
    replies: Sequence[Any] = (
        [None]
        if scores is not None
        else _flat(row.get("resps", row["filtered_resps"]) if short else row["resps"])
    )
    for reply in replies:
        yield LoggedItem(
            name=str(doc.get("id", row["doc_id"])),
            question=choices.question_of(doc) or choices.before_list(prompt),
            options=options,
            gold=gold,
            reply=None if reply is None else str(reply),
            scores=scores,
            theirs=_verdict(row),
            prompt=(("user", prompt),),
            image=choices.image_of(doc),
            image_sha256=doc.get("image_sha256"),
            images_sha256=tuple(map(str, doc.get("images_sha256") or ())),
            image_id=str(doc.get("image_id", "")),
            item=_own_item(row, doc),
            dataset=str(doc.get("dataset", task)),
            task=str(doc.get("task", task)),
            meta=_meta(doc),
        )


def _own_item(row: Mapping[str, Any], doc: Mapping[str, Any]) -> str:
    """The item of a run of ours that these samples were exported from."""
    parts = str(doc.get("id", "")).split("/")
    ours = str(row.get("filter", "")).startswith("mubench-gen:")
    return "/".join(parts[:-4]) if ours and len(parts) > 5 else ""


def _prompt(row: Mapping[str, Any]) -> str:
    """What the model was asked, as one text."""
    if isinstance(row.get("input"), str):
        return str(row["input"])
    arguments = row.get("arguments") or {}
    if isinstance(arguments, dict):
        arguments = [list(one.values()) for one in arguments.values()]
    first = arguments[0][0] if arguments and arguments[0] else ""
    while isinstance(first, list):
        first = first[0] if first else ""
    try:
        messages = json.loads(first)
        return "\n".join(map(_text, messages)) if isinstance(messages, list) else str(first)
    except (ValueError, TypeError):
        return str(first)


def _text(message: Any) -> str:
    content = message.get("content", "") if isinstance(message, dict) else message
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def _scores(row: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The log-likelihoods of the options, where these were scored; our own export has them in
    `resps` alone."""
    whole = row.get("resps")
    inner = whole[0] if isinstance(whole, list) and len(whole) == 1 else None
    for found in (row["filtered_resps"], inner):
        if isinstance(found, list) and len(found) > 1 and all(map(_is_scored, found)):
            return tuple(float(one[0]) for one in found)
    return None


def _is_scored(one: Any) -> bool:
    """Whether it is a log-likelihood with whether its text is the most likely one."""
    return isinstance(one, list) and len(one) == 2 and str(one[1]) in ("True", "False")


def _flat(resps: Any) -> list[Any]:
    while isinstance(resps, list) and len(resps) == 1 and isinstance(resps[0], list):
        resps = resps[0]
    found = resps if isinstance(resps, list) else [resps]
    return [one[0] if isinstance(one, list) and one else one for one in found] or [None]


def _verdict(row: Mapping[str, Any]) -> TheirVerdict:
    names = [*(row.get("metrics") or ()), *_RIGHT, *(name for name in row if name not in _OWN)]
    values = (row.get(name) for name in names if isinstance(name, str))
    value = next((v for v in values if isinstance(v, (int, float))), None)
    read = row["filtered_resps"]
    answer = str(read[0]) if isinstance(read, list) and read and isinstance(read[0], str) else None
    if isinstance(read, str):
        answer = read
    return TheirVerdict(None if value not in (0, 1) else bool(value), answer)


def _meta(doc: Mapping[str, Any]) -> dict[str, Any]:
    """The short facts of a document beside its question."""
    left = {"id", "question", "choices", "options", "answer", "image", "image_sha256", "dataset",
            "task", "image_id"}  # fmt: skip
    return {
        str(name): value
        for name, value in doc.items()
        if name not in left and isinstance(value, (str, int, float, bool)) and len(str(value)) < 200
    }
