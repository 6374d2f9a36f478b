"""records → the gallery's items, as columns of numbers and a table of distinct texts."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import orjson

from mubench_gen.report.html.replies import shown_reply
from mubench_gen.scores.calibration import confidence, probabilities_of
from mubench_gen.scores.localization import is_box_record
from mubench_gen.scores.open_answers import found_in_words, is_open_record, right_in_words
from mubench_gen.storage.records import Record, images_shown, row_key

STATUSES = (
    "answered", "ambiguous", "contradiction", "refused", "out_of_range", "truncated", "empty",
    "none", "error",
)  # fmt: skip
_ITEM = ("id", "task", "dataset", "options", "gold", "meta")
_RECORD = (
    "item", "run", "prompt", "readout", "labels", "order", "messages", "reply", "status",
    "choice", "right", "rule", "start", "end", "picture", "repeat",
)  # fmt: skip
_NONE = -1


class DistinctValues:
    """Numbers distinct values in the order in which they first appear."""

    def __init__(self) -> None:
        self.codes: dict[Any, int] = {}

    def __call__(self, thing: Hashable) -> int:
        return self.codes.setdefault(thing, len(self.codes))

    def __len__(self) -> int:
        return len(self.codes)

    def all(self) -> list[Any]:
        return list(self.codes)


class Gallery:
    """The items of several runs, and each run's answers to them.

    Items of one id count as one if their options and right option are the same. `cap`: most
    characters of a reply. `pictures`: digest → the keys of rows that may have it.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._strings, self._items, self._options = (DistinctValues() for _ in range(3))
        self._labels, self._orders = DistinctValues(), DistinctValues()
        self._messages, self._metas = DistinctValues(), DistinctValues()
        self._item = {name: array("i") for name in _ITEM}
        self._record = {name: array("i") for name in _RECORD}
        self._sparse: dict[str, dict[int, Any]] = {
            name: {}
            for name in ("error", "scores", "boxes", "open", "cut", "sure", "sets", "steps")
        }
        self.pictures: dict[str, set[str]] = {}
        self._picture_codes = DistinctValues()

    def add(self, record: Record, run: int) -> None:
        """Add one record of the run of that number."""
        item = self._item_of(record)
        number = len(self._record["item"])
        error = record["error"]
        reply, span, cut = self._reply(record)
        if cut:
            self._sparse["cut"][number] = cut
        if error is not None:
            self._sparse["error"][number] = self._strings(f"{error['type']}: {error['message']}")
        if record["scores"] is not None:
            self._sparse["scores"][number] = [
                None if score is None else _rounded(score) for score in record["scores"]
            ]
        steps = self._steps(record)
        if steps:
            self._sparse["steps"][number] = steps
        sure = sureness(record)
        if sure is not None:
            self._sparse["sure"][number] = sure
        if is_box_record(record):
            self._sparse["boxes"][number] = _boxes(record["boxes"])
        if is_open_record(record):
            self._sparse["open"][number] = self._open(record)
        pictures = self._pictures(record)
        if len(pictures) > 1:
            self._sparse["sets"][number] = pictures
        order, choice = record["order"], record["choice"]
        row = {
            "item": item,
            "run": run,
            "prompt": self._strings(record["prompt"]),
            "readout": self._strings(record["readout"]),
            "labels": self._labels(tuple(map(self._strings, record["labels"]))),
            "order": self._orders(tuple(order)),
            "messages": self._messages(self._parts(record)),
            "reply": reply,
            "status": STATUSES.index(record["status"]),
            "choice": _NONE if choice is None else order[choice],
            "right": _NONE if record["correct"] is None else int(record["correct"]),
            "rule": _NONE if record["rule"] is None else self._strings(record["rule"]),
            "start": _NONE if span is None else span[0],
            "end": _NONE if span is None else span[1],
            "picture": pictures[0] if pictures else _NONE,
            "repeat": _repeat(record),
        }
        for name, column in self._record.items():
            column.append(row[name])

    def __len__(self) -> int:
        return len(self._items)

    def text(self, text: str) -> int:
        """The text's index in the table of strings."""
        return self._strings(text)

    def picture_digests(self) -> list[str]:
        """The digests of the images, in the order of their numbers."""
        return self._picture_codes.all()

    def as_dict(self) -> dict[str, Any]:
        """The whole gallery as JSON values, for the page."""
        return {
            "statuses": STATUSES,
            "options": self._options.all(),
            "labels": self._labels.all(),
            "orders": self._orders.all(),
            "messages": self._messages.all(),
            "metas": self._metas.all(),
            "items": {name: column.tolist() for name, column in self._item.items()},
            "records": {name: column.tolist() for name, column in self._record.items()},
            **self._sparse,
            "strings": self._strings.all(),
        }

    def _item_of(self, record: Record) -> int:
        original, gold = original_options(record)
        before = len(self._items)
        item = self._items((record["item"], tuple(original), gold))
        if item == before:
            row = {
                "id": self._strings(record["item"]),
                "task": self._strings(record["task"]),
                "dataset": self._strings(record["dataset"]),
                "options": self._options(tuple(map(self._strings, original))),
                "gold": gold,
                "meta": self._meta(record),
            }
            for name, column in self._item.items():
                column.append(row[name])
        return item

    def _meta(self, record: Record) -> int:
        pairs = {"image_id": record["image_id"], **record["meta"]}
        texts = [(name, shown_value(value)) for name, value in pairs.items() if value is not None]
        return self._metas(tuple(self._strings(text) for pair in texts for text in pair))

    def _parts(self, record: Record) -> tuple[tuple[int, ...], ...]:
        """Messages as (role, part, …): a part is the number of a text, or −1 for an image; of
        several images −2 for the first, −3 for the second, …"""
        numbers = {d: _NONE - n for n, d in enumerate(record.get("images_sha256", ()), 1)}
        return tuple(
            (
                self._strings(message["role"]),
                *(
                    self._strings(part["text"])
                    if part["type"] == "text"
                    else numbers.get(part.get("sha256"), _NONE)
                    for part in message["content"]
                ),
            )
            for message in record["messages"]
        )

    def _reply(self, record: Record) -> tuple[int, tuple[int, int] | None, int]:
        if record["reply"] is None:
            return _NONE, None, 0
        span = record["span"]
        shown = shown_reply(record["reply"], None if span is None else tuple(span), self._cap)
        return self._strings(shown.text), shown.span, shown.left_out

    def _steps(self, record: Record) -> list[list[Any]]:
        """What came before the reply, each as [who, text] or, where it looked at a part of an
        image, [who, text, boxes, place of the image, its size]."""
        thought = record.get("reasoning")
        found: list[list[Any]] = [["thought", self._long(thought)]] if thought else []
        for turn in record.get("trace") or ():
            who = " ".join(filter(None, (turn["role"], turn.get("tool"))))
            found.append([who, self._long(turn["text"])])
            size = _size(record, turn.get("image", 1) - 1)
            if turn.get("boxes") and size is not None:
                found[-1] += [turn["boxes"], turn["image"] - 1, size]
        return found

    def _open(self, record: Record) -> list[Any]:
        """What is right and what the reply was read as, as texts; of several options their original
        places too."""
        told, order, found = record["open"], record["order"], record["open"]["found"]
        texts = [
            self._strings(right_in_words(record)),
            _NONE if found is None else self._strings(found_in_words(record)),
        ]
        if told["form"] != "several":
            return texts
        return [*texts, [order[i] for i in told["gold"]], [order[i] for i in found or ()]]

    def _long(self, text: str) -> int:
        return self._strings(shown_reply(text, None, self._cap).text)

    def _pictures(self, record: Record) -> list[int]:
        """The numbers of the pictures that the item showed, in their order."""
        digests = images_shown(record)
        for digest in digests:
            self.pictures.setdefault(digest, set()).add(row_key(record))
        return [self._picture_codes(digest) for digest in digests]


def _size(record: Record, place: int) -> tuple[int, int] | None:
    """Width and height of the item's image at that place, as it was shown."""
    digest = dict(enumerate(images_shown(record))).get(place)
    parts = (part for message in record["messages"] for part in message["content"])
    shown = next((p for p in parts if digest and p.get("sha256") == digest and "width" in p), None)
    return None if shown is None else (shown["width"], shown["height"])


def original_options(record: Record) -> tuple[list[str], int]:
    """The options in their original order, and which of them is right."""
    order, options = record["order"], record["options"]
    original = [""] * len(options)
    for place, text in zip(order, options, strict=True):
        original[place] = text
    gold: int | None = record["gold"]
    if gold is None:  # an open answer
        return original, _NONE
    return original, order[gold] if gold < len(order) else gold


def sureness(record: Record) -> float | None:
    """The confidence of the record's answer, rounded: by its probabilities, or as it is stated."""
    probabilities, choice = probabilities_of(record), record["choice"]
    if choice is not None and record.get("confidence") is not None:
        return _rounded(record["confidence"])
    if probabilities is None or choice is None:
        return None
    return _rounded(confidence(probabilities, choice))


def _repeat(record: Record) -> int:
    last = record["id"].rpartition("/")[2]
    return int(last) if last.isdecimal() else 0


def _boxes(boxes: Mapping[str, Any]) -> dict[str, Any]:
    def corners(found: Sequence[Sequence[float]] | None) -> list[list[float]] | None:
        return None if found is None else [[_rounded(edge) for edge in box] for box in found]

    return {
        "size": boxes["size"],
        "gold": corners(boxes["gold"]),
        "found": corners(boxes["found"]),
        "score": None if boxes["score"] is None else _rounded(boxes["score"]),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def shown_value(value: Any) -> str:
    """A fact as text."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
