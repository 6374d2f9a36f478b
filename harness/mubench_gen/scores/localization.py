"""Items that ask for boxes: reads the boxes of replies, and scores them.

Their records have the field `boxes` (format, name, size, gold, found, score), but no choice and
no `correct`, and count in no accuracy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mubench_gen.parser.box_formats import box_format, parse_boxes
from mubench_gen.parser.finish_reason import refused_by
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.grit import grit_score
from mubench_gen.storage.records import Record
from mubench_gen.types import Answer, Box, RenderedPrompt, Response, Status


@dataclass(frozen=True, slots=True)
class BoxScore:
    """The scores of boxes of one group of items; an item is one image and one class.

    n: items without errors. grit: mean GRIT score, where an unread reply counts as no boxes;
    ci95: clustered, None with fewer than two clusters. found and gold: mean number of
    boxes per item. statuses: the share of each status among n.
    """

    n: int
    n_errors: int
    grit: float | None
    ci95: tuple[float, float] | None
    found: float | None
    gold: float | None
    statuses: Mapping[str, float]


def asks_boxes(rendered: RenderedPrompt) -> bool:
    """Whether an item asks for boxes."""
    return rendered.sample.question.boxes is not None


def unread_boxes(rendered: RenderedPrompt) -> dict[str, Any]:
    """The record's field `boxes` before there is a reply."""
    gold = rendered.sample.question.boxes or ()
    return {
        "format": rendered.box_format,
        "name": rendered.options[0],
        "size": None,
        "gold": [_corners(box) for box in gold],
        "found": None,
        "score": None,
    }


def read_boxes(response: Response, rendered: RenderedPrompt) -> tuple[Answer, dict[str, Any]]:
    """A reply's answer and the record's `boxes`. Needs the image's size: may raise ImageError."""
    size = rendered.sample.row.image.pixels().size
    fields = {**unread_boxes(rendered), "size": list(size)}
    return _read(response.reply or "", response.finish_reason, fields)


def reread_boxes(record: Record) -> tuple[Answer, dict[str, Any]]:
    """Like `read_boxes`, for a stored record."""
    return _read(record["reply"] or "", record["finish_reason"], record["boxes"])


def _read(
    reply: str, finish_reason: str | None, fields: dict[str, Any]
) -> tuple[Answer, dict[str, Any]]:
    width, height = fields["size"]
    refused = refused_by(finish_reason)
    found = None if refused else parse_boxes(reply, box_format(fields["format"]), (width, height))
    score = grit_score(found or (), [Box(*corners) for corners in fields["gold"]])
    answer = Answer(
        "refused" if refused else _status(reply, found is not None, finish_reason),
        rule=refused if found is None else fields["format"],
    )
    corners = None if found is None else [_corners(box) for box in found]
    return answer, {**fields, "found": corners, "score": score}


def _status(reply: str, read: bool, finish_reason: str | None) -> Status:
    if read:
        return "answered"
    if not reply.strip():
        return "empty"
    return "truncated" if finish_reason == "length" else "none"


def _corners(box: Box) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y1]


@dataclass(slots=True)
class BoxTally:
    """Counts of one group of box records."""

    errors: int = 0
    found: int = 0
    gold: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    ways: list[dict[int, list[float]]] = field(default_factory=list)

    def add(self, record: Record, clusters: Sequence[int]) -> None:
        if record["status"] == "error":
            self.errors += 1
            return
        boxes = record["boxes"]
        self.statuses[record["status"]] += 1
        self.found += len(boxes["found"] or ())
        self.gold += len(boxes["gold"])
        self.ways = self.ways or [defaultdict(list) for _ in clusters]
        for way, cluster in zip(self.ways, clusters, strict=True):
            way[cluster].append(boxes["score"])

    def score(self) -> BoxScore:
        n = self.statuses.total()
        if not n:
            return BoxScore(0, self.errors, None, None, None, None, {})
        from mubench_gen.scores.estimand import estimand_of_sums
        from mubench_gen.scores.estimate import mean_estimate

        ways = [
            [(len(v), sum(v), sum(x * x for x in v)) for v in way.values()] for way in self.ways
        ]
        mean, *also = (estimand_of_sums(*zip(*way, strict=True)) for way in ways)
        found = mean_estimate(mean, (0.0, 1.0), also=also)
        return BoxScore(
            n=n,
            n_errors=self.errors,
            grit=sum(total for _, total, _ in ways[0]) / n,
            ci95=None if found is None else found.ci95,
            found=self.found / n,
            gold=self.gold / n,
            statuses={status: k / n for status, k in sorted(self.statuses.items())},
        )


def is_box_record(record: Mapping[str, Any]) -> bool:
    """Whether a record's item asked for boxes."""
    return record.get("boxes") is not None


class BoxTallies:
    """Counts box records by task and pooled; `clustering`: what is drawn together."""

    def __init__(self, clustering: Clustering) -> None:
        self._clustering = clustering
        self._tallies = defaultdict[str, BoxTally](BoxTally)

    def add(self, record: Record) -> None:
        for name in ("pooled", record["task"]):
            self._tallies[name].add(record, self._clustering(record))

    def scores(self) -> dict[str, BoxScore]:
        """The scores, "pooled" first and then by task; empty without box records."""
        return {name: tally.score() for name, tally in self._tallies.items()}
