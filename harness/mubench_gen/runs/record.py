"""The record of an item and what was replied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from mubench_gen.errors import ImageError
from mubench_gen.images.appearance import is_seen_to_be_constant
from mubench_gen.plan.items import Item
from mubench_gen.runs.traces import fields_beside
from mubench_gen.storage.digests import digest_or_none
from mubench_gen.storage.records import Record
from mubench_gen.types import Answer, Image, Message, Response, Text

SIMILARITY_FIELDS = ("probabilities", "cut", "alike")  # of a Response; in its records alone


def rare_fields(response: Response, answer: Answer) -> dict[str, Any]:
    """The fields that only some records have: what the model thought, and the deciding alias."""
    found = {"reasoning": response.reasoning, "alias": answer.alias, **fields_beside(response)}
    return {name: value for name, value in found.items() if value is not None}


def similarity_fields(record: Record) -> dict[str, Any]:
    """The fields of a similarity read-out; records of older runs lack some of them."""
    found = {name: record.get(name) for name in SIMILARITY_FIELDS}
    return {name: tuple(value) for name, value in found.items() if value is not None}


def make_record(
    item: Item, response: Response, answer: Answer, *, plugin: str, model: str
) -> Record:
    """The record of one item, fields in the documented order.

    `images_sha256`, of all images in their order, is there only where there are several, and
    `nearly_constant` only where a picture was.
    """
    rendered, sample, error = item.rendered, item.rendered.sample, response.error
    record = {
        "id": item.id,
        "key": item.request.key if item.request is not None else None,
        "item": sample.id,
        "image_id": sample.row.image_id,
        "image_sha256": None if sample.image is None else digest_or_none(sample.image),
        **_all_images(sample.images),
        "dataset": sample.row.dataset,
        "task": sample.task.name,
        "meta": dict(sample.row.meta.items()),
        "plugin": plugin,
        "model": model,
        "prompt": rendered.prompt,
        "prompt_sha256": rendered.prompt_sha256,
        "readout": item.readout,
        "options": rendered.options,
        "labels": rendered.labels,
        "order": rendered.order,
        "gold": rendered.gold,
        "messages": [plain_message(message) for message in rendered.messages],
        "reply": response.reply,
        "scores": response.scores,
        "tied": answer.tied,
        "finish_reason": response.finish_reason,
        "status": answer.status,
        "choice": answer.index,
        "rule": answer.rule,
        "span": answer.span,
        "correct": None if error is not None else answer.index == rendered.gold,
        "error": None if error is None else asdict(error),
        "usage": response.usage,
        "seconds": response.seconds,
    }
    constant = response.nearly_constant
    if constant is None:
        constant = _are_constant(sample.images)
    if constant:
        record["nearly_constant"] = True
    return record


def _all_images(images: Sequence[Image]) -> dict[str, Any]:
    return {"images_sha256": [digest_or_none(image) for image in images]} if len(images) > 1 else {}


@lru_cache(maxsize=2)  # items with the same images follow each other
def _are_constant(images: tuple[Image, ...]) -> bool:
    """Whether one of them is seen to be."""
    try:
        return any(map(is_seen_to_be_constant, images))
    except ImageError:  # the record's `error` says it
        return False


def plain_message(message: Message) -> dict[str, Any]:
    """A message as records keep it: images by digest."""
    return {"role": message.role, "content": [_plain_part(part) for part in message.content]}


def _plain_part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    described: dict[str, Any] = {"type": "image", "sha256": digest_or_none(part)}
    try:
        described["width"], described["height"] = part.size
        described["policy"] = part.policy
        if part.conversion is not None:
            described["conversion"] = part.conversion
    except ImageError:  # the record's `error` says it
        pass
    return described
