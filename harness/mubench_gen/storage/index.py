"""Numbers by number, on the disk once there are many: memory that does not grow with them.

New entries wait in memory, `held` of them at most. Then each goes into its page of a file, which
is found by the leading bits of its key: one read is enough to look a key up. Pages are half full
on average; before they overflow the file is written anew with twice as many. The file has no name,
so that nothing is left of it when the process ends, however that happens.
"""

from __future__ import annotations

import os
import struct
import tempfile
import weakref
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import IO

from mubench_gen.errors import RunFolderError

_HELD = 32_768  # entries in memory, 4 MB
FEW = 4_096  # where there are many tables
_PAGE = 4_096  # bytes; what the system's page cache reads at once
_KEY = 8  # bytes
_BITS = 64
_MASK = (1 << _BITS) - 1
_FILLED = 0.62  # of a page on average at most: 1 in 10¹² overflows, and is put off then
_COUNT = struct.Struct("<Q")  # entries of a page, at its beginning
_TOGETHER = 256  # pages read and written at once where all are

Settle = Callable[[int, int], int]


def hashed(text: str | bytes) -> int:
    """A key for `DiskTable`, good in this process alone."""
    return hash(text) & _MASK


def _nothing() -> None:
    pass


def _first(earlier: int, later: int) -> int:
    return earlier


class DiskTable:
    """Unsigned numbers of `width` bytes by keys of 64 bits that are as good as drawn (`hashed`).

    What stands under a key after a second `put` is what `settle(earlier, later)` says; the first
    one, where nothing else is given. It is called at the latest by `settle_all`. The file is made
    in `folder`, or where temporary files go when none can be made there.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        settle: Settle = _first,
        width: int = 8,
        held: int = _HELD,
    ) -> None:
        self._folder = folder
        self._settle = settle
        self._width = width
        self._held = min(held, _HELD)
        self._entry = _KEY + width
        self._room = (_PAGE - _COUNT.size) // self._entry  # entries a page
        self._recent: dict[int, int] = {}
        self._file: IO[bytes] | None = None
        self._handle = -1
        self._close = weakref.finalize(self, _nothing)
        self._shift = 0  # of a key, to its page's number
        self._stored = 0

    def put(self, key: int, value: int) -> None:
        recent = self._recent
        if key in recent:
            recent[key] = self._settle(recent[key], value)
            return
        recent[key] = value
        if len(recent) >= self._held:
            self.settle_all()

    def get(self, key: int) -> int | None:
        """What stands under the key; where it was put twice, maybe not settled yet."""
        value = self._recent.get(key)
        if value is not None or self._file is None:
            return value
        page = os.pread(self._handle, _PAGE, (key >> self._shift) * _PAGE)
        at = self._find(page, key)
        return None if at < 0 else self._value(page, at)

    def __len__(self) -> int:
        """How many keys there are."""
        self.settle_all()
        return self._stored + len(self._recent)

    def values(self) -> Iterator[int]:
        """All values, in no order that means anything."""
        self.settle_all()
        for page in self._pages():
            for at in self._places(page):
                yield self._value(page, at)
        yield from list(self._recent.values())

    def settle_all(self) -> None:
        """Settle what was put twice, and move what waits to the disk where there is enough."""
        if self._file is None and len(self._recent) < self._held:
            return
        waiting = sorted(self._recent.items())
        self._recent = {}
        try:
            self._make_room(self._stored + len(waiting))
            shift = self._shift
            for number, entries in groupby(waiting, key=lambda entry: entry[0] >> shift):
                self._store(number, entries)
        except OSError as error:
            where = self._folder or tempfile.gettempdir()
            raise RunFolderError(
                f"{where}: the index of the records cannot be written: {error.strerror}. What "
                "was finished before is kept; make room and type the same command again."
            ) from None

    def _store(self, number: int, entries: Iterator[tuple[int, int]]) -> None:
        page = bytearray(os.pread(self._handle, _PAGE, number * _PAGE))
        (count,) = _COUNT.unpack_from(page)
        for key, value in entries:
            at = self._find(page, key)
            if at >= 0:
                value = self._settle(self._value(page, at), value)
                page[at + _KEY : at + self._entry] = value.to_bytes(self._width, "little")
            elif count < self._room:
                at = _COUNT.size + count * self._entry
                page[at : at + self._entry] = self._packed(key, value)
                count += 1
                self._stored += 1
            else:
                self._recent[key] = value  # until there are more pages
        _COUNT.pack_into(page, 0, count)
        _write(self._handle, page, number * _PAGE)

    def _make_room(self, entries: int) -> None:
        """See to it that so many entries fit well, in a new file where they don't."""
        pages = 0 if self._file is None else 1 << (_BITS - self._shift)
        if entries <= pages * self._room * _FILLED:
            return
        bits = 1
        while entries > (1 << bits) * self._room * _FILLED:
            bits += 1
        file = self._open()
        shift = _BITS - bits
        os.ftruncate(file.fileno(), (1 << bits) * _PAGE)
        if self._file is not None:
            self._copy(file.fileno(), shift)
        self._close()
        self._close = weakref.finalize(self, file.close)
        self._file, self._handle, self._shift = file, file.fileno(), shift

    def _copy(self, handle: int, shift: int) -> None:
        """Each page becomes several that follow each other, as do all of them in the new file."""
        parts = 1 << (self._shift - shift)
        for number, page in enumerate(self._pages()):
            split: list[list[bytes]] = [[] for _ in range(parts)]
            for at in self._places(page):
                entry = page[at : at + self._entry]
                key = int.from_bytes(entry[:_KEY], "little")
                split[(key >> shift) & (parts - 1)].append(entry)
            made = [(_COUNT.pack(len(part)) + b"".join(part)).ljust(_PAGE, b"\0") for part in split]
            _write(handle, b"".join(made), number * parts * _PAGE)

    def _pages(self) -> Iterator[bytes]:
        if self._file is None:
            return
        pages = 1 << (_BITS - self._shift)
        for first in range(0, pages, _TOGETHER):
            read = os.pread(self._handle, _TOGETHER * _PAGE, first * _PAGE)
            for begin in range(0, len(read), _PAGE):
                yield read[begin : begin + _PAGE]

    def _places(self, page: bytes) -> range:
        """Where the entries of a page begin."""
        (count,) = _COUNT.unpack_from(page)
        return range(_COUNT.size, _COUNT.size + count * self._entry, self._entry)

    def _find(self, page: bytes | bytearray, key: int) -> int:
        """Where the key's entry begins; −1 where there is none."""
        (count,) = _COUNT.unpack_from(page)
        sought, end = key.to_bytes(_KEY, "little"), _COUNT.size + count * self._entry
        at = page.find(sought, _COUNT.size, end)
        while at >= 0 and (at - _COUNT.size) % self._entry:  # within or across entries
            at = page.find(sought, at + 1, end)
        return at

    def _value(self, page: bytes | bytearray, at: int) -> int:
        return int.from_bytes(page[at + _KEY : at + self._entry], "little")

    def _packed(self, key: int, value: int) -> bytes:
        return key.to_bytes(_KEY, "little") + value.to_bytes(self._width, "little")

    def _open(self) -> IO[bytes]:
        """A file without a name."""
        if self._folder is not None:
            try:
                return tempfile.TemporaryFile(dir=self._folder, prefix=".index-", buffering=0)
            except OSError:  # a folder that can only be read
                pass
        return tempfile.TemporaryFile(buffering=0)


def _write(handle: int, content: bytes | bytearray, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written
