"""The record of a logged item, and its images, which are kept in the run folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mubench_gen.parser.answer import answer_of
from mubench_gen.plan.items import record_id
from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import Log, LoggedItem
from mubench_gen.runs.kept_images import IMAGES, suffix_of
from mubench_gen.storage.records import Record

PROMPT = "imported"
_PROMPT_SHA256 = hashlib.sha256(PROMPT.encode()).hexdigest()


def make_record(
    logged: LoggedItem, log: Log, model: str, digests: Sequence[str], repeats: Counter[str]
) -> Record:
    """The record of an item of a log, read by our parser; `theirs` has the other's verdict."""
    task, dataset = (
        logged.task or log.data or log.program,
        logged.dataset or log.data or log.program,
    )
    item = logged.item or f"{dataset}/{logged.name}/{task}"
    options = logged.options
    prompt = "\n".join(text for _, text in logged.prompt)
    readout = "parse" if logged.scores is None else "logprob"
    labels = choices.labels_of(prompt, options)
    failed = logged.error is not None
    answer = answer_of(
        logged.reply,
        logged.scores,
        logged.finish_reason,
        readout=readout,  # type: ignore[arg-type]
        options=options,
        labels=labels,
        failed=failed,
    )
    repeat = repeats[item]
    repeats[item] += 1
    order = list(range(len(options)))
    digest = digests[0] if digests else None
    shown = " ".join(digests) if digests else None
    content = f"{model}\0{prompt}\0{shown}\0{options}\0{repeat}"
    rare = {"reasoning": logged.reasoning, "alias": answer.alias}
    return {
        "id": record_id(item, PROMPT, readout, order, repeat),
        "key": hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:32],
        "item": item,
        "image_id": logged.image_id or logged.name,
        "image_sha256": digest,
        **({"images_sha256": list(digests)} if len(digests) > 1 else {}),
        "dataset": dataset,
        "task": task,
        "meta": dict(logged.meta),
        "plugin": log.program,
        "model": model,
        "prompt": PROMPT,
        "prompt_sha256": _PROMPT_SHA256,
        "readout": readout,
        "options": list(options),
        "labels": list(labels),
        "order": order,
        "gold": logged.gold,
        "messages": _messages(logged, digests),
        "reply": logged.reply,
        "scores": None if logged.scores is None else list(logged.scores),
        "tied": answer.tied,
        "finish_reason": logged.finish_reason,
        "status": answer.status,
        "choice": answer.index,
        "rule": answer.rule,
        "span": None if answer.span is None else list(answer.span),
        "correct": None if failed else answer.index == logged.gold,
        "error": {"type": "ImportedError", "message": logged.error} if failed else None,
        "usage": logged.usage,
        "seconds": logged.seconds,
        "question": logged.question,
        "theirs": {"correct": logged.theirs.correct, "answer": logged.theirs.answer},
        **{name: value for name, value in rare.items() if value is not None},
    }


def _messages(logged: LoggedItem, digests: Sequence[str]) -> list[dict[str, Any]]:
    """The messages as records have them; the images stand in the last of a user."""
    found = [
        {"role": role, "content": [{"type": "text", "text": text}]} for role, text in logged.prompt
    ]
    if found:
        images = [{"type": "image", "sha256": digest} for digest in digests]
        found[-1]["content"] = [*images, *found[-1]["content"]]
    return found


def keep(logged: LoggedItem, folder: Path) -> Sequence[str]:
    """Keep the item's images in the run's folder; their digests, in the order of the images."""
    if logged.image is None:
        alone = () if logged.image_sha256 is None else (logged.image_sha256,)
        return logged.images_sha256 or alone
    kept = [_kept(image, folder) for image in (logged.image, *logged.more_images)]
    known = logged.images_sha256
    return known if set(known) == set(kept) else kept


def _kept(image: bytes, folder: Path) -> str:
    digest = hashlib.sha256(image).hexdigest()
    path = folder / IMAGES / f"{digest}{suffix_of(image)}"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(image)
    return digest
