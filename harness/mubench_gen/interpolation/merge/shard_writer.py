"""One shard of the base → one shard of each result, in pieces that go through a few threads."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mubench_gen.interpolation.merge.arithmetic import Measured, Mix
from mubench_gen.interpolation.merge.matching import Match
from mubench_gen.interpolation.merge.output import Finished, Piece, digest_of, layout, pieces
from mubench_gen.interpolation.merge.piecework import Found, Piecework, Sources, mixes
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.merge.writeback import synced

_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of elements that were written, and of tensors (by name) that are finished."""

    written: Callable[[int], None]
    finished: Callable[[str, Finished], None]


def write_shard(
    matches: Sequence[Match],
    outs: Sequence[Path],
    metadata: Mapping[str, str],
    recipe: Recipe,
    sources: Sources,
    listener: Listener,
    kept: Container[str] = (),
) -> None:
    """Write the shard of each α to `outs`, synced to the disk.

    `kept`: tensors that stand there already. MergeError for NaN or Inf in an input and for a
    value that the type cannot hold, OSError where the disk is full; the files are incomplete
    then.
    """
    header, places = layout(matches, metadata)
    handles: list[int] = []
    try:
        for out in outs:
            handles.append(os.open(out, os.O_RDWR | os.O_CREAT, 0o644))
            if os.pread(handles[-1], len(header), 0) != header:
                os.pwrite(handles[-1], header, 0)
        work = Piecework(places, handles, recipe, sources)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="merge") as threads:
            _Job(work, recipe, sources, threads).run(
                [one for one in matches if one.name not in kept], listener, len(outs)
            )
            for done in [threads.submit(synced, handle) for handle in handles]:
                done.result()
    finally:
        for handle in handles:
            os.close(handle)


@dataclass(slots=True)
class _Tensor:
    """What has come back of the pieces of one tensor, in their order."""

    match: Match
    sums: list[list[int]]
    left: int
    measured: Measured = field(default_factory=Measured)
    same: bool = True

    def add(self, piece: Piece, found: Found) -> None:
        self.left -= piece.count
        self.measured += found.measured
        self.same &= found.same
        for sums, one in zip(self.sums, found.sums, strict=True):
            sums.append(one)

    def finished(self) -> Finished:
        digests = tuple(map(digest_of, self.sums))
        if self.match.fate != "merged":
            return Finished(digests)
        return Finished(digests, self.measured, self.same)


class _Job:
    """The pieces of one shard, in their order, through the threads."""

    def __init__(
        self, work: Piecework, recipe: Recipe, sources: Sources, threads: ThreadPoolExecutor
    ) -> None:
        self._work = work
        self._recipe = recipe
        self._sources = sources
        self._threads = threads

    def run(self, matches: Sequence[Match], listener: Listener, results: int) -> None:
        under_way: dict[str, _Tensor] = {}
        for one in matches:
            tensor = _Tensor(one, [[] for _ in range(results)], math.prod(one.shape))
            if tensor.left:
                under_way[one.name] = tensor
            else:  # an empty tensor has no pieces
                listener.finished(one.name, tensor.finished())
        for piece, found in self._in_order(self._tasks(matches)):
            name = piece.match.name
            under_way[name].add(piece, found)
            listener.written(piece.count)
            if not under_way[name].left:
                listener.finished(name, under_way.pop(name).finished())

    def _tasks(self, matches: Sequence[Match]) -> Iterator[tuple[Piece, list[Mix]]]:
        for one in matches:
            total = Measured()
            if self._recipe.method == "slerp" and one.fate == "merged":
                total = sum(self._threads.map(self._work.measure, pieces([one])), Measured())
            ways = mixes(one, self._recipe, self._sources, total)
            for piece in pieces([one]):
                yield piece, ways

    def _in_order(self, tasks: Iterator[tuple[Piece, list[Mix]]]) -> Iterator[tuple[Piece, Found]]:
        """The results in the order of the pieces; a few are under way at a time."""
        under_way: deque[tuple[Piece, Future[Found]]] = deque()
        try:
            for piece, ways in tasks:
                under_way.append((piece, self._threads.submit(self._work.merge, piece, ways)))
                if len(under_way) > 2 * _THREADS:
                    first, future = under_way.popleft()
                    yield first, future.result()
            while under_way:
                first, future = under_way.popleft()
                yield first, future.result()
        finally:
            for _, future in under_way:
                future.cancel()
