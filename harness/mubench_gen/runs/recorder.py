"""Between requests and records: asks each key once, and writes a record for every item."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from mubench_gen.console.masking import blank, blanked
from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.errors import ImageError
from mubench_gen.parser.answer import read_answer
from mubench_gen.parser.judge import JudgeCaller, is_unread
from mubench_gen.plan.items import Item
from mubench_gen.plugins.extension import Unread
from mubench_gen.runs.record import SIMILARITY_FIELDS, make_record, rare_fields, similarity_fields
from mubench_gen.runs.traces import looked_at, stored_beside
from mubench_gen.scores.label_mass import label_mass
from mubench_gen.scores.localization import asks_boxes, read_boxes, unread_boxes
from mubench_gen.scores.open_answers import (
    OpenReading,
    asks_open,
    by_judge,
    is_unmatched,
    read_open,
    unmatched,
    unread_open,
)
from mubench_gen.storage.record_file import AnsweredKeys, RecordFile
from mubench_gen.storage.records import Record
from mubench_gen.types import Answer, Failure, Image, RenderedPrompt, Request, Response

_FLUSH = 256  # records without a new reply that wait at most to be written
_AGE = 0.5  # seconds that they wait at most
_WAITING = 4_096  # items that wait at most for a request that another item asked
_SHOWN_ERRORS = 5
_ROOM = 4  # times the limit of a reply that was cut
_SHOWN_CONVERSIONS = 12


class Recorder:
    """Turns items into requests and responses into records.

    Items that share a key wait for one request; keys that the run (or a run given by
    `reuse`) has answered are not asked again.
    """

    def __init__(
        self,
        records: RecordFile,
        reused: Sequence[AnsweredKeys],
        plugin: str,
        model: str,
        *,
        judge: JudgeCaller | None = None,
    ) -> None:
        self._records = records
        self._answered = [records.answered, *reused]
        self._plugin = plugin
        self._model = model
        self._judge = judge
        self._read: dict[str, Answer] = {}  # by the rules or the judge, before it is recorded
        self._opened: dict[str, OpenReading] = {}  # likewise
        self._in_flight: dict[str, list[Item]] = {}
        self._waiting = 0
        self._ready: list[Record] = []
        self._flushed = time.monotonic()
        self._right = self._scored = self._errors = 0
        self._conversions: set[str] = set()
        self._told_cut = False
        self.done = records.finished
        self.failed_before = records.failures
        self.folder = records.path.parent

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, str) and item_id in self._records

    @property
    def note(self) -> str:
        """Running accuracy and errors of this session, for the progress display."""
        parts = [f"{self._right / self._scored:.1%} right"] if self._scored else []
        parts += [f"{self._errors:,} error{'s' * (self._errors != 1)}"] if self._errors else []
        return ", ".join(parts)

    def requests(self, items: Iterable[Item]) -> Iterator[Request | None]:
        """The requests that have to be asked, each key once.

        None where so many items wait that what is asked should be answered first.
        """
        for item in items:
            request = item.request
            for image in () if request is None else request.images:
                self._tell_conversion(image)
            if request is None:
                self._record(item, Response(error=item.error))
            elif request.key in self._in_flight:
                self._in_flight[request.key].append(item)
                self._waiting += 1
                if self._waiting >= _WAITING:
                    yield None
            elif (stored := self._stored(request.key)) is not None:
                self._consult([(item, stored)])
                self._record(item, stored)
            else:
                self._in_flight[request.key] = [item]
                yield request

    def answered(self, batch: Iterable[tuple[Request, Response]]) -> None:
        """Record a batch, on the disk when this returns."""
        answered: list[tuple[Item, Response]] = []
        for request, response in batch:
            response = _blanked(response)
            items = self._in_flight.pop(request.key)
            self._waiting -= len(items) - 1
            answered += [(item, response) for item in items]
        self._consult(answered)
        for item, response in answered:
            self._record(item, response, flush=False)
        self.flush()

    def flush(self) -> None:
        """Write the records that wait to the disk."""
        self._flushed = time.monotonic()
        if self._ready:
            ready, self._ready = self._ready, []
            self._records.append(ready)
            self.done += sum(record["status"] != "error" for record in ready)

    def _stored(self, key: str) -> Response | None:
        for keys in self._answered:
            record = keys.get(key)
            if record is not None:
                scores = record["scores"]
                return Response(
                    reply=blanked(record["reply"]),
                    scores=None if scores is None else tuple(scores),
                    **similarity_fields(record),
                    finish_reason=record["finish_reason"],
                    usage=record["usage"],
                    seconds=record["seconds"],
                    reasoning=blanked(record.get("reasoning")),
                    **stored_beside(record),
                )
        return None

    def _record(self, item: Item, response: Response, *, flush: bool = True) -> None:
        opened: OpenReading | None = None
        if asks_boxes(item.rendered):
            response, answer, boxes = _read_boxes(response, item.rendered)
        elif asks_open(item.rendered):
            opened = self._opened.pop(item.id, None) or _read_open(response, item.rendered)
            answer, boxes = opened.answer, None
        else:
            read = self._read.pop(item.id, None)
            answer = read or read_answer(response, item.readout, item.rendered)
            boxes = None
            if answer.status == "truncated":
                self._tell_cut(item)
        record = make_record(item, response, answer, plugin=self._plugin, model=self._model)
        record |= rare_fields(response, answer) | looked_at(response, item.rendered.sample)
        if boxes is not None:
            record |= {"correct": None, "boxes": boxes}
        if opened is not None:
            correct = None if response.error is not None else opened.correct
            record |= {"gold": None, "correct": correct, "open": opened.fields}
        mass = label_mass(record)
        if mass is not None:
            record["label_mass"] = float(f"{mass:.6g}")
        if item.readout == "similarity":
            record |= {name: getattr(response, name) for name in SIMILARITY_FIELDS}
        self._ready.append(record)
        if response.error is not None:
            self._errors += 1
            self._tell(item, response.error)
        elif boxes is None and opened is None:
            self._scored += 1
            self._right += bool(record["correct"])
        if flush and (len(self._ready) >= _FLUSH or time.monotonic() - self._flushed >= _AGE):
            self.flush()

    def _consult(self, responses: Sequence[tuple[Item, Response]]) -> None:
        """Let the judge, where there is one, read the replies that no rule could."""
        if self._judge is None:
            return
        items, unread = [], []
        for item, response in responses:
            if asks_boxes(item.rendered):
                continue
            if asks_open(item.rendered):
                reading = self._opened[item.id] = _read_open(response, item.rendered)
                if is_unmatched(reading, response.reply):
                    items.append(item)
                    unread.append(unmatched(_unread(item, response), reading))
                continue
            answer = self._read[item.id] = read_answer(response, item.readout, item.rendered)
            if is_unread(answer, response.reply):
                items.append(item)
                unread.append(_unread(item, response))
        for item, judged in zip(items, self._judge.read(unread), strict=True):
            if judged is None:
                continue
            if item.id in self._opened:
                self._opened[item.id] = by_judge(self._opened[item.id], judged)
            else:
                self._read[item.id] = judged

    def _tell_conversion(self, image: Image) -> None:
        """Say once what the image policy changes; each record says it of its own image."""
        try:
            conversion = image.conversion
        except ImageError:  # the record's `error` says it
            return
        if conversion is None or conversion in self._conversions:
            return
        self._conversions.add(conversion)
        if len(self._conversions) <= _SHOWN_CONVERSIONS:
            note(f"Image policy: {conversion} ({image.name} is the first)")
        if len(self._conversions) == _SHOWN_CONVERSIONS:
            note("Further conversions of images are in the records alone.")

    def _tell_cut(self, item: Item) -> None:
        """Say once that a model was cut off before it began to answer."""
        if not self._told_cut:
            self._told_cut = True
            limit = item.request.sampling.max_tokens if item.request else item.rendered.max_tokens
            log(
                f"{item.id}: the reply was cut off at {limit:,} tokens, before its answer began. "
                f"Give more room with --max-tokens {_ROOM * limit}, or --thinking off to a model "
                "that thinks first; records keep what it thought."
            )

    def _tell(self, item: Item, error: Failure) -> None:
        if self._errors <= _SHOWN_ERRORS:
            said = error.message.removeprefix(f"{error.type}: ")
            log(f"{item.id}: {error.type}: {said}")
        if self._errors == _SHOWN_ERRORS:
            log("Further errors are in the records alone.")


def _read_boxes(
    response: Response, rendered: RenderedPrompt
) -> tuple[Response, Answer, dict[str, Any]]:
    """The reading of a reply as boxes; an image without a size is the item's error."""
    if response.error is None:
        try:
            return response, *read_boxes(response, rendered)
        except ImageError as error:
            response = replace(response, error=Failure(type(error).__name__, str(error)))
    return response, Answer("error"), unread_boxes(rendered)


def _read_open(response: Response, rendered: RenderedPrompt) -> OpenReading:
    if response.error is not None:
        return OpenReading(Answer("error"), unread_open(rendered), correct=False)
    return read_open(response, rendered)


def _blanked(response: Response) -> Response:
    """Masks secrets before the reply is parsed, so that spans fit the recorded reply."""
    reply, reasoning = (
        None if text is None else blank(text) for text in (response.reply, response.reasoning)
    )
    trace = tuple(replace(turn, text=blank(turn.text)) for turn in response.trace)
    if (reply, reasoning, trace) == (response.reply, response.reasoning, response.trace):
        return response
    return replace(response, reply=reply, reasoning=reasoning, trace=trace)


def _unread(item: Item, response: Response) -> Unread:
    return Unread(
        reply=response.reply or "",
        prompt=item.request.text if item.request is not None else "",
        options=item.rendered.options,
        labels=item.rendered.labels,
    )
