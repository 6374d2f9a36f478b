"""plan → estimate: what a run will ask, send and write, counted before anything is asked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mubench_gen.data.shard import Shard, rows_of
from mubench_gen.model import Checkpoint
from mubench_gen.plan.identity import run_identity
from mubench_gen.plan.items import Item, items_of, planned
from mubench_gen.plan.manifest import make_manifest
from mubench_gen.plan.plan import Plan
from mubench_gen.runs.record import make_record
from mubench_gen.storage.records import to_line
from mubench_gen.storage.user_files import read_json
from mubench_gen.types import Answer, Image, Request, Response, Text

LETTERS_A_TOKEN = 4
_IMAGE_TOKENS = 576  # of a checkpoint that does not say: LLaVA-1.5's (336 / 14)²
REPLY_SHARE = 8  # a reply is taken to be this part of the longest one allowed
_EXACT = 200_000  # items that are looked at one by one; of more a sample of the images
_BODY = 400  # bytes of a request to a server beside its text and image
_ROW = 120  # bytes of a request to one of Ray's workers beside its text, and of its answer


@dataclass(frozen=True, slots=True)
class Prefill:
    """Tokens that a model reads before it writes, by the order of the requests.

    any_order: each request reads its image and text. image_major: requests about one image stand
    together, and what they share up to the end of the image is read once (a prefix cache).
    """

    any_order: int
    image_major: int


@dataclass(frozen=True, slots=True)
class Network:
    """Bytes that leave the machine: to servers an image a request, to Ray's workers one once."""

    server: int
    ray: int


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is assumed, not counted: tokens per image, letters per token, tokens per reply.

    `image_tokens_from`: "given", "config" (of the checkpoint), or "default". `reply_tokens`: None
    if each prompt's longest reply / 8 is taken. `looked_at`: items that were counted; all figures
    are scaled up from these.
    """

    image_tokens: int
    image_tokens_from: str
    letters_a_token: int
    reply_tokens: int | None
    looked_at: int


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What a run will cost. `requests` are distinct; items that are equal share one.

    `images`: distinct ones; `clusters`: those by which intervals are clustered, of several images
    a question the first. `unreadable`: items without a request, as their image cannot be read.
    `prefill_tokens`: None for contrastive models, which encode each image and caption once.
    `hours` and `records_a_second` (that the driver has to write) are None where no rate was given.
    """

    plugin: str
    model: str
    items: int
    requests: int
    unreadable: int
    images: int
    clusters: int
    image_bytes: int
    captions: int | None
    prefill_tokens: Prefill | None
    network_bytes: Network
    run_folder_bytes: int
    rate: float | None
    gpus: int
    hours: float | None
    records_a_second: float | None
    assumed: Assumed

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def estimate(
    plan: Plan,
    *,
    rate: float | None = None,
    gpus: int = 1,
    image_tokens: int | None = None,
    reply_tokens: int | None = None,
) -> RunEstimate:
    """Render and count every request of the plan; of a large one those of a sample of images.

    `rate`: requests a second and GPU. Loads no model and asks nothing; reads every image.
    """
    repeats = plan.settings.repeats
    once = replace(plan, settings=plan.settings.model_copy(update={"repeats": 1}))
    whole = planned(once)
    tokens, origin = image_tokens_of(plan) if image_tokens is None else (image_tokens, "given")
    looked_at = _sample(once, math.ceil(whole / _EXACT)) if whole > _EXACT else once
    count = _Count(plan, tokens, reply_tokens)
    for item in items_of(looked_at):
        count.add(item)
    scale = whole / count.items if count.items else 1.0
    requests = round(len(count.keys) * scale) * repeats
    generative = plan.spec.kind == "generative"
    return RunEstimate(
        plugin=plan.plugin.name,
        model=plan.spec.name,
        items=whole * repeats,
        requests=requests,
        unreadable=round(count.unreadable * scale) * repeats,
        images=round(len(count.images) * scale),
        clusters=round(len(count.first) * scale),
        image_bytes=round(sum(count.images.values()) * scale),
        captions=None if generative else len(count.captions),
        prefill_tokens=count.prefill(scale, repeats) if generative else None,
        network_bytes=Network(
            server=round(count.server * scale) * repeats,
            ray=round(sum(count.images.values()) * scale) + round(count.rows * scale) * repeats,
        ),
        run_folder_bytes=round(count.lines * scale) * repeats + _manifest_bytes(plan, whole),
        rate=rate,
        gpus=gpus,
        hours=None if rate is None else requests / rate / gpus / 3600,
        records_a_second=None
        if rate is None or not requests
        else rate * gpus * whole * repeats / requests,
        assumed=Assumed(tokens, origin, LETTERS_A_TOKEN, reply_tokens, count.items * repeats),
    )


class _Count:
    """Sums over the items of one repeat."""

    def __init__(self, plan: Plan, image_tokens: int, reply_tokens: int | None) -> None:
        self._plan = plan
        self._image_tokens = image_tokens
        self._reply_tokens = reply_tokens
        self._prefixes: set[int] = set()  # of the image that is looked at
        self._shown: tuple[str, ...] = ()
        self.items = self.unreadable = self.lines = self.server = self.rows = 0
        self.text = self.any_order = self.shared = self.own = 0.0
        self.keys: set[int] = set()
        self.images: dict[str, int] = {}
        self.first: set[str] = set()  # of each set, by which items are clustered
        self.captions: set[int] = set()

    def add(self, item: Item) -> None:
        self.items += 1
        self.lines += self._line_bytes(item)
        request = item.request
        if request is None:
            self.unreadable += 1
            return
        identity = hash(request.key)
        if identity in self.keys:
            return
        self.keys.add(identity)
        text = sum(len(part.encode("utf-8", "replace")) for part in _texts(request))
        self.server += _BODY + text
        self.rows += _ROW + text
        self.captions.update(hash(caption) for caption in request.texts)
        self.first.update(image.sha256 for image in request.images[:1])
        for image in _images(request):
            size = self.images.setdefault(image.sha256, len(image.file_bytes))
            self.server += 4 * math.ceil(size / 3)
        self._count_tokens(request)

    def prefill(self, scale: float, repeats: int) -> Prefill:
        return Prefill(
            any_order=round(self.any_order * scale) * repeats,
            image_major=round(self.shared * scale) + round(self.own * scale) * repeats,
        )

    def _count_tokens(self, request: Request) -> None:
        """`own`: behind the image, read again for each request; `shared`: before its end."""
        parts = [part for message in request.messages for part in message.content]
        places = [i for i, part in enumerate(parts) if isinstance(part, Image)]
        end = places[-1] + 1 if places else 0
        before = sum(self._tokens(part) for part in parts[:end])
        behind = sum(self._tokens(part) for part in parts[end:])
        self.any_order += before + behind
        self.own += behind
        shown = tuple(image.sha256 for image in request.images)
        if shown and shown != self._shown:
            self._shown, self._prefixes = shown, set()
        prefix = hash(tuple(p.text if isinstance(p, Text) else p.sha256 for p in parts[:end]))
        if prefix not in self._prefixes:
            self._prefixes.add(prefix)
            self.shared += before

    def _tokens(self, part: Text | Image) -> float:
        return len(part.text) / LETTERS_A_TOKEN if isinstance(part, Text) else self._image_tokens

    def _line_bytes(self, item: Item) -> int:
        """The size of the item's record, with a reply of the assumed length."""
        longest = item.rendered if item.request is None else item.request.sampling
        most = longest.max_tokens
        tokens = max(1, most // REPLY_SHARE) if self._reply_tokens is None else self._reply_tokens
        scores = (0.1234567890123456,) * len(item.rendered.options)
        written = item.readout in ("parse", "choice")
        checkpoint = isinstance(self._plan.spec.source, Checkpoint)
        response = Response(
            reply="x" * (tokens * LETTERS_A_TOKEN) if written else None,
            scores=None if written else scores,
            finish_reason="stop" if written else None,
            usage={"prompt_tokens": 1_000, "completion_tokens": tokens}
            if written and checkpoint
            else None,
            seconds=0.123456,
        )
        answer = Answer("answered", 0, "letter" if written else item.readout, (0, 1))
        record = make_record(
            item, response, answer, plugin=self._plan.plugin.name, model=self._plan.spec.name
        )
        if item.readout == "similarity":
            record |= {"probabilities": scores, "cut": (), "alike": ()}
        return len(to_line(record))


def _texts(request: Request) -> Iterator[str]:
    for message in request.messages:
        for part in message.content:
            if isinstance(part, Text):
                yield part.text


def _images(request: Request) -> Iterator[Image]:
    for message in request.messages:
        for part in message.content:
            if isinstance(part, Image):
                yield part


def _sample(plan: Plan, of: int) -> Plan:
    """The plan of about one image in `of`."""
    drawn = rows_of(Shard(1, of), plan.dataset, salt="estimate")
    if plan.row_mask is not None:
        drawn = bytes(a and b for a, b in zip(drawn, plan.row_mask, strict=True))
    return replace(plan, row_mask=drawn)


def image_tokens_of(plan: Plan) -> tuple[int, str]:
    """How many tokens an image has, and where that is from: "config" or "default"."""
    source = plan.spec.source
    if isinstance(source, Checkpoint):
        try:
            config = read_json(Path(source.path) / "config.json")
            vision = config["vision_config"]
            return (int(vision["image_size"]) // int(vision["patch_size"])) ** 2, "config"
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
            pass
    return _IMAGE_TOKENS, "default"


def _manifest_bytes(plan: Plan, whole: int) -> int:
    made = make_manifest(plan, run_identity(plan), [], planned=whole, whole=whole)
    return len(json.dumps(made, indent=1, default=str))
