"""One shard of the base → one shard of each result, in pieces that go through a few threads."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.merging.arithmetic import Measured, Mix
from mubench_gen.merging.matching import Match
from mubench_gen.merging.output import Piece, layout, pieces, size_of
from mubench_gen.merging.piecework import Found, Piecework, Sources, mixes
from mubench_gen.merging.recipe import Recipe

_THREADS = min(4, os.cpu_count() or 1)

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A finished shard: each result's checksum and size, and what was measured by tensor."""

    digests: tuple[str, ...]
    size: int
    measured: Mapping[str, Measured]
    identical: int


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
        job = _Job(Piecework(places, handles, recipe, sources), recipe, sources, len(handles))
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="merge") as threads:
            done = job.run(matches, threads, told)
            for synced in [threads.submit(os.fsync, handle) for handle in handles]:
                synced.result()
    finally:
        for handle in handles:
            os.close(handle)
    return Written(done.digests(header), size, done.measured, done.identical)


class _Done:
    """What came back of the pieces, in their order."""

    def __init__(self, results: int) -> None:
        self.measured: dict[str, Measured] = {}
        self.changed: set[str] = set()
        self._sums: list[list[bytes]] = [[] for _ in range(results)]

    def add(self, piece: Piece, found: Found) -> None:
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


class _Job:
    """The pieces of one shard, in their order, through the threads."""

    def __init__(self, work: Piecework, recipe: Recipe, sources: Sources, results: int) -> None:
        self._work = work
        self._recipe = recipe
        self._sources = sources
        self._results = results

    def run(self, matches: Sequence[Match], threads: ThreadPoolExecutor, told: Told) -> _Done:
        done = _Done(self._results)
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
                total = sum(threads.map(self._work.measure, pieces([one])), Measured())
            ways = mixes(one, self._recipe, self._sources, total)
            for piece in pieces([one]):
                yield piece, ways

    def _in_order(
        self, tasks: Iterator[tuple[Piece, list[Mix]]], threads: ThreadPoolExecutor
    ) -> Iterator[tuple[Piece, Found]]:
        """The results in the order of the pieces; a few are under way at a time."""
        under_way: deque[tuple[Piece, Future[Found]]] = deque()
        try:
            for piece, ways in tasks:
                under_way.append((piece, threads.submit(self._work.merge, piece, ways)))
                if len(under_way) > 2 * _THREADS:
                    first, future = under_way.popleft()
                    yield first, future.result()
            while under_way:
                first, future = under_way.popleft()
                yield first, future.result()
        finally:
            for _, future in under_way:
                future.cancel()
