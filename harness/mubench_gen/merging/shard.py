"""One shard of the base → one shard of each result, piece by piece.

A piece is read once from each input, mixed for every α, and written at once; so memory holds
some pieces, whatever the size of tensors and files. Pieces go through a few threads: reading,
arithmetic and writing all leave Python's lock.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from mubench_gen.errors import MergeError
from mubench_gen.merging.arithmetic import (
    Floats,
    Measured,
    Mix,
    NotFinite,
    Overflow,
    Workshop,
    checksum,
    mix_for,
)
from mubench_gen.merging.matching import Match
from mubench_gen.merging.recipe import Recipe, spelled
from mubench_gen.merging.safetensors_file import SIZES, Entry, lay_out
from mubench_gen.merging.writeback import begin_writing

PIECE = 1 << 17  # elements: its buffers stay in a core's cache
_THREADS = min(4, os.cpu_count() or 1)

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some elements of one tensor."""

    match: Match
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Names for messages: the base's, then the fine-tunes'."""

    names: tuple[str, ...]
    depths: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Written:
    """A finished shard: each result's checksum and size, and what was measured by tensor."""

    digests: tuple[str, ...]
    size: int
    measured: Mapping[str, Measured]
    identical: int


def layout(matches: Sequence[Match], metadata: Mapping[str, str]) -> tuple[bytes, dict[str, Entry]]:
    """Header and places of a result's shard."""
    return lay_out(((one.name, one.dtype, one.shape) for one in matches), metadata)


def size_of(matches: Sequence[Match], metadata: Mapping[str, str]) -> int:
    """Bytes of a result's shard."""
    header, _ = layout(matches, metadata)
    return len(header) + sum(SIZES[one.dtype] * math.prod(one.shape) for one in matches)


def write_shard(
    matches: Sequence[Match],
    outs: Sequence[Path],
    metadata: Mapping[str, str],
    recipe: Recipe,
    sources: Sources,
    told: Told,
) -> Written:
    """Write the shard of each α to `outs`, synced to the disk.

    MergeError for NaN or Inf in an input and for a value that the type cannot hold, OSError
    where the disk is full; the files are incomplete then.
    """
    header, places = layout(matches, metadata)
    size = size_of(matches, metadata)
    handles: list[int] = []
    try:
        for out in outs:
            handles.append(os.open(out, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644))
            os.pwrite(handles[-1], header, 0)
        job = _Job(places, handles, recipe, sources)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="merge") as threads:
            done = job.run(matches, threads, told)
            for synced in [threads.submit(os.fsync, handle) for handle in handles]:
                synced.result()
    finally:
        for handle in handles:
            os.close(handle)
    return Written(done.digests(header), size, done.measured, done.identical)


def verify(path: Path, matches: Sequence[Match], metadata: Mapping[str, str], digest: str) -> bool:
    """Whether a finished shard is still what was written: all of it is read."""
    header, places = layout(matches, metadata)
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        if os.fstat(handle).st_size != size_of(matches, metadata):
            return False
        if os.pread(handle, len(header), 0) != header:
            return False
        workshop, sums = Workshop(PIECE), [header]
        for piece in _pieces(matches):
            at = places[piece.match.name]
            each = SIZES[at.dtype]
            raw = workshop.raw("verify", piece.count * each)
            os.preadv(handle, [raw.data], at.start + piece.first * each)
            sums.append(checksum(raw).to_bytes(8, "little"))
    finally:
        os.close(handle)
    return hashlib.sha256(b"".join(sums)).hexdigest() == digest


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


class _Done:
    """What came back of the pieces, in their order."""

    def __init__(self, results: int) -> None:
        self.measured: dict[str, Measured] = {}
        self.changed: set[str] = set()
        self._sums: list[list[bytes]] = [[] for _ in range(results)]

    def add(self, piece: Piece, found: _Found) -> None:
        if piece.match.fate == "merged":
            name = piece.match.name
            self.measured[name] = self.measured.get(name, Measured()) + found.measured
            if not found.same:
                self.changed.add(name)
        for sums, one in zip(self._sums, found.sums, strict=True):
            sums.append(one.to_bytes(8, "little"))

    @property
    def identical(self) -> int:
        return len(self.measured) - len(self.changed)

    def digests(self, header: bytes) -> tuple[str, ...]:
        return tuple(hashlib.sha256(b"".join([header, *sums])).hexdigest() for sums in self._sums)


@dataclass(frozen=True, slots=True)
class _Found:
    measured: Measured
    same: bool
    sums: tuple[int, ...]


class _Job:
    """The work on one shard, shared by the threads."""

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

    def run(self, matches: Sequence[Match], threads: ThreadPoolExecutor, told: Told) -> _Done:
        done = _Done(len(self._handles))
        for piece, found in self._in_order(self._tasks(matches, threads), threads):
            done.add(piece, found)
            told(piece.count)
        for one in matches:
            if one.fate == "merged":  # an empty tensor has no pieces
                done.measured.setdefault(one.name, Measured())
        return done

    def _tasks(
        self, matches: Sequence[Match], threads: ThreadPoolExecutor
    ) -> Iterator[tuple[Piece, list[Mix]]]:
        for one in matches:
            total = Measured()
            if self._recipe.method == "slerp" and one.fate == "merged":
                total = sum(threads.map(self._measure, _pieces([one])), Measured())
            ways = mixes(one, self._recipe, self._sources, total)
            for piece in _pieces([one]):
                yield piece, ways

    def _in_order(
        self, tasks: Iterator[tuple[Piece, list[Mix]]], threads: ThreadPoolExecutor
    ) -> Iterator[tuple[Piece, _Found]]:
        """The results in the order of the pieces; a few are under way at a time."""
        under_way: deque[tuple[Piece, Future[_Found]]] = deque()
        try:
            for piece, ways in tasks:
                under_way.append((piece, threads.submit(self._merge, piece, ways)))
                if len(under_way) > 2 * _THREADS:
                    first, future = under_way.popleft()
                    yield first, future.result()
            while under_way:
                first, future = under_way.popleft()
                yield first, future.result()
        finally:
            for _, future in under_way:
                future.cancel()

    def _merge(self, piece: Piece, ways: Sequence[Mix]) -> _Found:
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
        return _Found(measured, same, tuple(sums))

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

    def _measure(self, piece: Piece) -> Measured:
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


def _pieces(matches: Sequence[Match]) -> Iterator[Piece]:
    for one in matches:
        total = math.prod(one.shape)
        for first in range(0, total, PIECE):
            yield Piece(one, first, min(PIECE, total - first))


def _all_equal(one: Match, raws: Sequence[Floats]) -> bool:
    """Whether all inputs have the same bytes here: whatever is between them is the same."""
    if any(tensor.dtype != one.dtype for tensor in (one.base, *one.finetuned)):
        return False
    return all(raw.data == raws[0].data for raw in raws[1:])
