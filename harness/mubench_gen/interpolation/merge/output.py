"""The file of a result: where its tensors stand, in which pieces it is written, what is sound."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.interpolation.merge.arithmetic import Measured, Workshop, checksum
from mubench_gen.interpolation.merge.matching import Match
from mubench_gen.interpolation.merge.safetensors_file import SIZES, Entry, lay_out

PIECE = 1 << 17  # elements: its buffers stay in a core's cache


@dataclass(frozen=True, slots=True)
class Piece:
    """Some elements of one tensor."""

    match: Match
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A tensor that stands in the file of each result.

    `digests`: one a result, by which it is known again. `measured`, and whether all inputs are
    equal in it, where it was merged.
    """

    digests: tuple[str, ...]
    measured: Measured | None = None
    identical: bool = False


def pieces(matches: Iterable[Match]) -> Iterator[Piece]:
    """Tensor by tensor, from the first element on; an empty tensor has none."""
    for one in matches:
        total = math.prod(one.shape)
        for first in range(0, total, PIECE):
            yield Piece(one, first, min(PIECE, total - first))


def layout(matches: Sequence[Match], metadata: Mapping[str, str]) -> tuple[bytes, dict[str, Entry]]:
    """Header and places of a result's shard."""
    return lay_out(((one.name, one.dtype, one.shape) for one in matches), metadata)


def size_of(matches: Sequence[Match], metadata: Mapping[str, str]) -> int:
    """Bytes of a result's shard."""
    header, _ = layout(matches, metadata)
    return len(header) + sum(SIZES[one.dtype] * math.prod(one.shape) for one in matches)


def digest_of(sums: Iterable[int]) -> str:
    """Of a tensor, from the checksums of its pieces."""
    return hashlib.sha256(b"".join(one.to_bytes(8, "little") for one in sums)).hexdigest()


def sound(
    path: Path, matches: Sequence[Match], metadata: Mapping[str, str], digests: Mapping[str, str]
) -> set[str]:
    """Which of the tensors with digests stand in the file as they were written: all are read."""
    header, places = layout(matches, metadata)
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return set()
    try:
        if os.fstat(handle).st_size > size_of(matches, metadata):
            return set()
        if os.pread(handle, len(header), 0) != header:
            return set()
        workshop = Workshop(PIECE)
        return {
            one.name
            for one in matches
            if one.name in digests
            and _digest_in(handle, one, places[one.name], workshop) == digests[one.name]
        }
    finally:
        os.close(handle)


def _digest_in(handle: int, match: Match, place: Entry, workshop: Workshop) -> str | None:
    sums, each = [], SIZES[place.dtype]
    for piece in pieces([match]):
        raw = workshop.raw("sound", piece.count * each)
        with contextlib.suppress(OSError):
            if os.preadv(handle, [raw.data], place.start + piece.first * each) == raw.size:
                sums.append(checksum(raw))
                continue
        return None
    return digest_of(sums)
