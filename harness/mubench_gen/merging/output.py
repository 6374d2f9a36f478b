"""The file of a result: where its tensors stand, in which pieces it is written, what it was."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.merging.arithmetic import Workshop, checksum
from mubench_gen.merging.matching import Match
from mubench_gen.merging.safetensors_file import SIZES, Entry, lay_out

PIECE = 1 << 17  # elements: its buffers stay in a core's cache


@dataclass(frozen=True, slots=True)
class Piece:
    """Some elements of one tensor."""

    match: Match
    first: int
    count: int


def pieces(matches: Sequence[Match]) -> Iterator[Piece]:
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
        for piece in pieces(matches):
            at = places[piece.match.name]
            each = SIZES[at.dtype]
            raw = workshop.raw("verify", piece.count * each)
            os.preadv(handle, [raw.data], at.start + piece.first * each)
            sums.append(checksum(raw).to_bytes(8, "little"))
    finally:
        os.close(handle)
    return hashlib.sha256(b"".join(sums)).hexdigest() == digest
