"""Which tensors an unfinished merge has written: a line each, appended as they are finished.

The first line says of which merge. A line that was torn, and what stands behind it, is as if it
had never been written; whether the tensors are still what was written, `output.sound` tells.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from mubench_gen.interpolation.merge.arithmetic import Measured
from mubench_gen.interpolation.merge.output import Finished

JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Journal:
    """An open one. `finished` by shard and by tensor."""

    finished: dict[str, dict[str, Finished]]
    _file: IO[bytes]

    def note(self, shard: str, name: str, tensor: Finished) -> None:
        """Keep that this tensor is finished. OSError where it cannot be written."""
        line = _line({"shard": shard, "tensor": name, **asdict(tensor)})
        if self._file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.finished.setdefault(shard, {})[name] = tensor


@contextmanager
def opened(path: Path, identity: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal at that path, goes on after its last whole line; a new one where there is none.

    OtherMerge where it is that of another merge.
    """
    first = _line({"identity": identity})
    content = path.read_bytes() if path.exists() else b""
    if content and not content.startswith(first):
        raise OtherMerge
    finished: dict[str, dict[str, Finished]] = {}
    end = 0
    for number, line in enumerate(content.splitlines(keepends=True)):
        try:
            if number:
                _read(line, finished)
        except (ValueError, KeyError, TypeError, AttributeError):
            break
        end += len(line)
    with path.open("r+b" if content else "wb", buffering=0) as file:
        file.truncate(end)
        file.seek(end)
        if not end:
            file.write(first)
        yield Journal(finished, file)


class OtherMerge(Exception):
    """The journal is that of another merge, or of other inputs, or cannot be read."""


def _line(content: Mapping[str, Any]) -> bytes:
    """With a checksum before it: a damaged line is as if it had never been written."""
    text = json.dumps(content).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _read(line: bytes, finished: dict[str, dict[str, Finished]]) -> None:
    checksum, _, text = line.removesuffix(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        raise ValueError(line)
    told = json.loads(text)
    measured = told["measured"]
    finished.setdefault(told["shard"], {})[told["tensor"]] = Finished(
        digests=tuple(told["digests"]),
        measured=None if measured is None else Measured(**measured),
        identical=bool(told["identical"]),
    )
