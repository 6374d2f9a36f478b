"""One piece of a tensor: read from each input, mixed for every α, written to each result.

Read once and written at once, so that memory holds some pieces, whatever the size of tensors
and files. Safe in several threads: reading, arithmetic and writing all leave Python's lock.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.arithmetic import (
    Floats,
    Measured,
    Mix,
    NotFinite,
    Overflow,
    Workshop,
    checksum,
    mix_for,
)
from mubench_gen.interpolation.merge.matching import Match
from mubench_gen.interpolation.merge.output import PIECE, Piece
from mubench_gen.interpolation.merge.recipe import Recipe, spelled
from mubench_gen.interpolation.merge.safetensors_file import SIZES, Entry
from mubench_gen.interpolation.merge.writeback import begin_writing


@dataclass(frozen=True, slots=True)
class Sources:
    """Names for messages: the base's, then the fine-tunes'."""

    names: tuple[str, ...]
    depths: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """A written piece: its measure, whether all inputs are equal in it, a checksum a result."""

    measured: Measured
    same: bool
    sums: tuple[int, ...]


class Piecework:
    """The work on the pieces of one file, shared by the threads."""

    def __init__(
        self,
        places: Mapping[str, Entry],
        handles: Sequence[int],
        recipe: Recipe,
        sources: Sources,
    ) -> None:
        self._places = places
        self._handles = handles
        self._recipe = recipe
        self._sources = sources
        self._own = threading.local()

    def merge(self, piece: Piece, ways: Sequence[Mix]) -> Found:
        own = self._workshop()
        one = piece.match
        raws = self._read(piece, own)
        same = one.fate == "merged" and _all_equal(one, raws)
        numbers = []
        measured = Measured()
        if one.fate == "merged":
            numbers = self._decode(piece, own, raws)
            measured = self._measured(piece, own, numbers)
        sums = []
        for alpha, way, handle in zip(self._recipe.alphas, ways, self._handles, strict=True):
            if one.fate != "merged" or (one.base.dtype == one.dtype and (same or way.is_base)):
                out = raws[1 if way.is_finetuned and not same else 0]
            elif way.is_finetuned and one.finetuned[0].dtype == one.dtype:
                out = raws[1]
            else:
                out = self._mixed(piece, own, way, numbers, alpha)
            self._write(piece, handle, out)
            sums.append(checksum(out))
        return Found(measured, same, tuple(sums))

    def _read(self, piece: Piece, own: Workshop) -> list[Floats]:
        raws: list[Floats] = []
        others = () if piece.match.fate == "skipped" else piece.match.finetuned
        for number, tensor in enumerate((piece.match.base, *others)):
            if number and tensor is piece.match.base:  # an adapter leaves it as it is
                raws.append(raws[0])
                continue
            each = SIZES[tensor.dtype]
            raw = own.raw(str(number), piece.count * each)
            tensor.read_into(piece.first * each, raw.data)
            raws.append(raw)
        return raws

    def _decode(self, piece: Piece, own: Workshop, raws: Sequence[Floats]) -> list[Floats]:
        tensors = (piece.match.base, *piece.match.finetuned)
        numbers = [
            own.decoded(raw, tensor.dtype, str(i))
            for i, (raw, tensor) in enumerate(zip(raws, tensors, strict=True))
        ]
        if piece.match.dtype == "F64":
            numbers = [n.astype("float64", copy=False) for n in numbers]
        return numbers

    def measure(self, piece: Piece) -> Measured:
        own = self._workshop()
        return self._measured(piece, own, self._decode(piece, own, self._read(piece, own)))

    def _measured(self, piece: Piece, own: Workshop, numbers: Sequence[Floats]) -> Measured:
        try:
            return own.measure(numbers[0], numbers[1:])
        except NotFinite as strange:
            raise MergeError(
                f"{self._sources.names[strange.source]}: {piece.match.name} holds "
                f"{strange.value} (element {piece.first + strange.place:,} of "
                f"{math.prod(piece.match.shape):,}). Weights with NaN or Inf cannot be merged; "
                f"leave the tensor out with --exclude '{piece.match.name}', or fetch it again."
            ) from None

    def _mixed(
        self, piece: Piece, own: Workshop, way: Mix, numbers: Sequence[Floats], alpha: Decimal
    ) -> Floats:
        try:
            return own.merged(way, numbers[0], numbers[1:], piece.match.dtype)
        except Overflow:
            raise MergeError(
                f"{piece.match.name}: at α {spelled(alpha)} it has values that "
                f"{piece.match.dtype} cannot hold. Stay nearer to the base."
            ) from None

    def _write(self, piece: Piece, handle: int, out: Floats) -> None:
        place = self._places[piece.match.name]
        start = place.start + piece.first * SIZES[place.dtype]
        at, left = start, out.data
        while left:
            got = os.pwrite(handle, left, at)
            at, left = at + got, left[got:]
        begin_writing(handle, start, at)

    def _workshop(self) -> Workshop:
        if not hasattr(self._own, "workshop"):
            self._own.workshop = Workshop(PIECE)
        workshop: Workshop = self._own.workshop
        return workshop


def mixes(match: Match, recipe: Recipe, sources: Sources, total: Measured) -> list[Mix]:
    """How a tensor is mixed at each α; `total` is its measure, which slerp alone needs."""
    return [_mix(match, float(alpha), recipe, sources, total) for alpha in recipe.alphas]


def _mix(match: Match, alpha: float, recipe: Recipe, sources: Sources, total: Measured) -> Mix:
    count = len(match.finetuned)
    if match.fate == "skipped":
        return Mix((0.0,) * count, 1.0)
    if match.fate == "copied":  # the fine-tune's where it is the fine-tune that comes out
        same = count == 1 and match.finetuned[0].dtype == match.dtype
        return Mix((1.0,), 0.0) if alpha == 1 and same else Mix((0.0,) * count, 1.0)
    place = sources.depths.get(match.name)
    return mix_for(recipe.method, alpha, count=count, place=place, total=total)


def _all_equal(one: Match, raws: Sequence[Floats]) -> bool:
    """Whether all inputs have the same bytes here: whatever is between them is the same."""
    if any(tensor.dtype != one.dtype for tensor in (one.base, *one.finetuned)):
        return False
    return all(_same_bytes(raw, raws[0]) for raw in raws[1:])


def _same_bytes(one: Floats, other: Floats) -> bool:
    """By words: a comparison of memoryviews goes byte by byte, and keeps Python's lock."""
    whole = one.size // 8 * 8
    if one[:whole].size and one[:8].tobytes() != other[:8].tobytes():
        return False  # most pieces that differ do so at once
    ours, theirs = one[:whole].view(np.uint64), other[:whole].view(np.uint64)
    return np.array_equal(ours, theirs) and one[whole:].tobytes() == other[whole:].tobytes()
