"""Formats of other programs, each a plugin of its own; what they share of a record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

Record = Mapping[str, Any]


def images_of(record: Record) -> list[str]:
    """The digests of all images that the model was shown of the item, in their order."""
    found = record.get("images_sha256") or [record["image_sha256"]]
    return [digest for digest in found if digest]


def prompt_of(record: Record) -> str:
    """All that the model was shown as text, message by message.

    Of several images each has its place: "<image 2>".
    """
    numbers = {digest: n for n, digest in enumerate(record.get("images_sha256", ()), 1)}
    if numbers and record["readout"] != "similarity":
        return "\n".join(
            "".join(_said(part, numbers) for part in message["content"])
            for message in record["messages"]
        )
    parts = (part for message in record["messages"] for part in message["content"])
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _said(part: Mapping[str, Any], numbers: Mapping[str, int]) -> str:
    if part["type"] == "text":
        return str(part["text"])
    number = numbers.get(part["sha256"])
    return "<image>" if number is None else f"<image {number}>"


def set_of(record: Record) -> dict[str, list[str]]:
    """The digests as a field of its own, where there are several."""
    found = images_of(record)
    return {"images_sha256": found} if len(found) > 1 else {}


def scored(run: Any) -> Iterator[Record]:
    """The records with a right option: without failed items, boxes, and open answers."""
    return (r for r in run.records() if _has_option(r))


def _has_option(record: Record) -> bool:
    return record["correct"] is not None and record.get("open") is None


def left_out(one: Any) -> int:
    """How many records of a run have no right option to be written."""
    return sum(not _has_option(r) for r in one.run.outcomes())


def told_left_out(one: Any) -> list[str]:
    """What a format says of the items of a run that it leaves out."""
    count = left_out(one)
    if not count:
        return []
    return [
        f"{count:,} items have no right option (they failed, or ask for boxes or an open answer): "
        "left out."
    ]


def right_of(record: Record) -> list[str]:
    """The texts that are right: of one option, of all right ones, of a number or a short text."""
    told = record.get("open")
    if told is None:
        return [str(record["options"][record["gold"]])]
    if told["form"] == "several":
        return [str(record["options"][place]) for place in told["gold"]]
    if told["form"] == "number":
        return [f"{told['gold']:.12g} {told['unit']}".strip()]
    return list(map(str, told["gold"]))


def form_of(record: Record) -> dict[str, str]:
    """What an open answer is, so that it is not taken for single choice where it is read again."""
    told = record.get("open")
    return {} if told is None else {"asks": told["form"]}


def answer_of(record: Record) -> str:
    """What the reply was read as, "" for nothing."""
    told = record.get("open")
    if told is None:
        return chosen_text(record)
    found = told["found"]
    if found is None:
        return ""
    if told["form"] == "several":
        return ", ".join(str(record["options"][place]) for place in found)
    return f"{found:.12g} {told['unit']}".strip() if told["form"] == "number" else str(found)


def chosen_text(record: Record) -> str:
    """The option that the reply names, "" for none."""
    return "" if record["choice"] is None else str(record["options"][record["choice"]])


def reply_of(record: Record) -> str:
    """The reply as given; the chosen option's text where the model scored the options."""
    return chosen_text(record) if record["reply"] is None else str(record["reply"])


def started(manifest: Mapping[str, Any]) -> str:
    """When the run was started, as ISO 8601; "" where that is not known."""
    sessions = manifest["sessions"]
    return str(sessions[0].get("started", "")) if sessions else ""


def digest(*texts: str) -> str:
    """The SHA-256 of texts in this order."""
    return hashlib.sha256("".join(texts).encode("utf-8", "replace")).hexdigest()


def stderr(ci95: tuple[float, float] | None) -> float | None:
    """Half of a 95 % interval in standard errors."""
    return None if ci95 is None else (ci95[1] - ci95[0]) / 2 / 1.96


def strings(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts for formats whose values are texts; without those that are not known."""
    return {str(name): str(value) for name, value in facts.items() if value is not None}
