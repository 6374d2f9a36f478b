"""A page of items → their records, in the form in which the exported page holds all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO

from mubench_gen.report.html.gallery import Gallery
from mubench_gen.report.viewer.index import RecordIndex
from mubench_gen.report.viewer.query import Found, ItemFilter, facets, find
from mubench_gen.storage.records import Record, from_line, line_at
from mubench_gen.storage.run_folder import RECORDS

_MOST_REPLY = 20_000  # characters of a reply that are sent


def page_of(index: RecordIndex, choice: ItemFilter, begin: int, count: int) -> dict[str, Any]:
    """`count` groups of the items that fit, from the group `begin` on, with all their records.

    `sizes`: how many of the items belong to each group, in order; `keys`: the items' keys.
    """
    with index.lock:
        found = find(index.database, choice, begin, count)
        known = facets(index.database, choice)
    content = _content(index, [item for group in found.page for item in group])
    return {"facets": known, **_counts(found), **content}


def item_of(index: RecordIndex, key: str) -> dict[str, Any] | None:
    """The item of that key, as a page of one."""
    with index.lock:
        row = index.database.execute("SELECT id FROM items WHERE key = ?", (key,)).fetchone()
    return None if row is None else _content(index, [int(row[0])])


def _counts(found: Found) -> dict[str, Any]:
    return {
        "found": found.items,
        "groups": found.groups,
        "all": found.all,
        "sizes": [len(group) for group in found.page],
    }


def _content(index: RecordIndex, items: Sequence[int]) -> dict[str, Any]:
    gallery, keys = Gallery(_MOST_REPLY), []
    with ExitStack() as stack:
        files: dict[int, BinaryIO] = {}
        for item in items:
            with index.lock:
                where = index.database.execute(
                    "SELECT run, offset FROM records WHERE item = ? ORDER BY run, offset", (item,)
                ).fetchall()
                (key,) = index.database.execute(
                    "SELECT key FROM items WHERE id = ?", (item,)
                ).fetchone()
            before = len(gallery)
            for run, record in _records(index, where, files, stack):
                gallery.add(record, run)
            keys += [key] * (len(gallery) - before)
    return {"keys": keys, "data": {**gallery.as_dict(), "pictures": gallery.picture_digests()}}


def _records(
    index: RecordIndex,
    where: Sequence[tuple[int, int]],
    files: dict[int, BinaryIO],
    stack: ExitStack,
) -> Iterator[tuple[int, Record]]:
    """The records at these places; one that is no longer there is left out."""
    for run, offset in where:
        if run not in files:
            path = index.runs[run].dir / RECORDS
            files[run] = stack.enter_context(path.open("rb"))
        record = from_line(line_at(files[run], offset))
        if record is not None:
            yield run, record
