"""What a reply has beside its text, as records keep it: the steps on the way, its confidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mubench_gen.types import Box, Response, Sample, Turn


def fields_beside(response: Response) -> dict[str, Any]:
    """The fields `trace`, `logprobs` and `confidence` of a record; None where there is none."""
    return {
        "trace": [_plain(turn) for turn in response.trace] or None,
        "logprobs": response.logprobs,
        "confidence": response.confidence,
    }


def stored_beside(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a stored record, for a response."""
    logprobs = record.get("logprobs")
    return {
        "trace": tuple(_turn(plain) for plain in record.get("trace") or ()),
        "logprobs": None if logprobs is None else tuple(logprobs),
        "confidence": record.get("confidence"),
    }


def looked_at(response: Response, sample: Sample) -> dict[str, bool]:
    """The field `looked` of a record, where boxes of the right place are known: whether the centre
    of what the last turn looked at lies in one of them."""
    image, boxes = sample.image, [box for turn in response.trace for box in turn.boxes]
    shown = image is sample.row.image and image is not None and not image.is_transformed
    if not boxes or not shown or not sample.row.boxes:
        return {}
    last = boxes[-1]
    x, y = (last.x0 + last.x1) / 2, (last.y0 + last.y1) / 2
    return {"looked": any(b.x0 <= x <= b.x1 and b.y0 <= y <= b.y1 for b in sample.row.boxes)}


def _plain(turn: Turn) -> dict[str, Any]:
    boxes = [[box.x0, box.y0, box.x1, box.y1] for box in turn.boxes]
    looked = {"boxes": boxes, "image": turn.image} if boxes else {}
    return {
        "role": turn.role,
        "text": turn.text,
        **looked,
        **({"tool": turn.tool} if turn.tool else {}),
    }


def _turn(plain: Mapping[str, Any]) -> Turn:
    boxes = tuple(Box(*corners) for corners in plain.get("boxes", ()))
    return Turn(plain["role"], plain["text"], boxes, plain.get("image", 1), plain.get("tool", ""))
