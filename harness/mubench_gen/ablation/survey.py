"""Counts what a study will ask, and the smallest difference that it can detect."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.ablation.costs import Costs, LevelCost
from mubench_gen.ablation.grid import Grid
from mubench_gen.plan.identity import model_identity
from mubench_gen.plan.items import items_of, planned, samples_of
from mubench_gen.plan.plan import Plan
from mubench_gen.scores.paired import detectable
from mubench_gen.storage.record_file import AnsweredKeys
from mubench_gen.types import Image, Request, Text

DISCORDANCE = 0.2  # assumed share of items that two cells answer differently
_MOST_RENDERED = 200_000  # items; beyond, requests are not rendered to be counted


@dataclass(frozen=True, slots=True)
class Survey:
    """The counts of what one model will be asked.

    pairs: (item, cell) pairs with their orders and repeats, a record each. requests: distinct
    ones; answered: those that this study or a re-used run has answered. prefills: the distinct
    beginnings of requests up to and including the image, which a prefix cache has to compute;
    for a contrastive model the images. exact: False if requests and prefills are upper bounds.
    detectable: the smallest true difference between two cells that 80 % of such studies find at
    5 % if the cells answer a fifth of the items differently: for independent items of an image,
    and for fully dependent ones; shared: the items that two cells are both asked, where not all
    are. tokens: about how many are read and written; options: how many requests of the read-out
    cloze score; levels: what each level of each axis costs; these are not known where `exact` is
    False.
    """

    model: str
    items: int
    images: int
    pairs: int
    requests: int
    answered: int
    prefills: int
    exact: bool
    detectable: tuple[float | None, float | None]
    tokens: tuple[int, int] | None = None
    levels: tuple[LevelCost, ...] = ()
    options: int = 0
    shared: float | None = None


def survey(parts: Mapping[int, Plan], grid: Grid, *, answered: Sequence[AnsweredKeys]) -> Survey:
    """Count what a model's plans ask, by rendering every prompt and hashing every image."""
    plans = list(parts.values())
    items, images = set(), set()
    for sample in samples_of(plans[0]):
        items.add(sample.id)
        images.add((sample.row.dataset, sample.row.image_id))
    pairs = sum(map(planned, plans))
    shared = _shared(plans)
    each = len(items) if shared is None else shared
    sizes = max(1.0, each), max(1.0, min(len(images), each))
    costs = Costs(grid, plans[0])
    counted = _counted(parts, answered, costs) if pairs <= _MOST_RENDERED else None
    return Survey(
        model=plans[0].name,
        items=len(items),
        images=len(images),
        pairs=pairs,
        requests=counted.requests if counted is not None else pairs,
        answered=counted.answered if counted is not None else 0,
        prefills=counted.prefills if counted is not None else pairs,
        exact=counted is not None,
        detectable=(detectable(sizes[0], DISCORDANCE), detectable(sizes[1], DISCORDANCE)),
        tokens=costs.tokens if counted is not None else None,
        levels=tuple(costs.by_level()) if counted is not None else (),
        options=costs.options,
        shared=shared if shared != len(items) else None,
    )


def _shared(plans: Sequence[Plan]) -> float | None:
    """How many items two of the cells that are asked share, in the mean; None: all."""
    drawn = [plan.selection.cells for plan in plans if plan.selection is not None]
    if not drawn:
        return None
    of_item = Counter[str]()
    for own in drawn:
        of_item.update({item: len(asked) for item, asked in own.items()})
    cells = sum(len(frozenset[Any]().union(*own.values())) for own in drawn)
    return sum(n * (n - 1) for n in of_item.values()) / max(1, cells * (cells - 1))


@dataclass(frozen=True, slots=True)
class _Counts:
    requests: int
    answered: int
    prefills: int


def _counted(parts: Mapping[int, Plan], answered: Sequence[AnsweredKeys], costs: Costs) -> _Counts:
    requests: dict[str, bool] = {}
    prefixes: set[tuple[str, bytes]] = set()
    for condition, plan in parts.items():
        model = model_identity(plan)
        thinks = plan.settings.thinking not in (None, "off")
        for item in items_of(plan):
            request = item.request
            if request is None:
                continue
            prefix = None if request.key in requests else _prefix(request)
            cell = condition, item.rendered.prompt, item.readout
            costs.add(cell, request, prefix, thinks=thinks)
            if request.key in requests:
                continue
            requests[request.key] = any(request.key in keys for keys in answered)
            if prefix is not None:
                prefixes.add((model, prefix))
    return _Counts(len(requests), sum(requests.values()), len(prefixes))


def _prefix(request: Request) -> bytes | None:
    """A digest of the request up to and including its last image; None without an image."""
    if request.readout == "similarity":
        return " ".join(image.sha256 for image in request.images).encode() or None
    parts: list[Any] = [
        (message.role, part) for message in request.messages for part in message.content
    ]
    last = max((i for i, (_, part) in enumerate(parts) if isinstance(part, Image)), default=-1)
    if last < 0:
        return None
    digest = hashlib.sha256()
    for role, part in parts[: last + 1]:
        content = part.text if isinstance(part, Text) else part.sha256
        digest.update(f"{role}\0{type(part).__name__}\0{content}\0".encode())
    return digest.digest()[:16]


def described(found: Survey) -> str:
    """The survey as two lines of text."""
    most = "" if found.exact else "at most "
    done = f", {found.answered:,} of them answered already" if found.answered else ""
    least, more = (_points(share) for share in found.detectable)
    difference = f"{least} points"
    if found.shared is not None:
        difference += f" on the about {found.shared:,.0f} items that both are asked"
    if more != least:
        difference += f" if items of an image are independent, {more} if they depend fully"
    cloze = f" They score {found.options:,} options." if found.options else ""
    return (
        f"{found.model}: {most}{found.requests:,} requests{done} ({found.pairs:,} answers to "
        f"{found.items:,} items), {found.images:,} images, {most}{found.prefills:,} distinct "
        f"image prefills.{cloze}\n"
        f"{found.model}: smallest detectable difference between two cells {difference} (80 % "
        "power, 5 %, a fifth of the answers differing)."
    )


def _points(share: float | None) -> str:
    return "more than 100" if share is None else f"{100 * share:.1f}"
