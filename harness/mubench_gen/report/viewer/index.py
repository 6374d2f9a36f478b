"""records → an index on the disk of what filters, sorts and pages their items.

A record's line stays where it is: the index has its offset. Texts are kept once, in lower case, to
be searched. Items and texts are numbered by their hashes of 64 bits, good in this process alone.
Files that grow are read from where the last reading ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from sqlite3 import Connection
from threading import RLock
from typing import Any

from mubench_gen.report.html.gallery import STATUSES, original_options, shown_value, sureness
from mubench_gen.runs.results import Run
from mubench_gen.scores.localization import is_box_record
from mubench_gen.scores.open_answers import found_in_words, is_open_record, right_in_words
from mubench_gen.storage.index import new_database
from mubench_gen.storage.records import (
    Pass,
    Record,
    StoredLine,
    counted_lines,
    images_shown,
    row_key,
    stored_lines,
)
from mubench_gen.storage.run_folder import RECORDS

NO_ANSWER = -1
_MOST_TEXT = 20_000  # characters of one text that are searched
_BATCH = 2_000  # records that are put into the index at once
_TABLES = """
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE items (
    id INTEGER PRIMARY KEY, place INTEGER, key TEXT UNIQUE, task TEXT, dataset TEXT, modality TEXT,
    gold INTEGER, right_text TEXT, image TEXT, words INTEGER);
CREATE TABLE records (
    run INTEGER, hash INTEGER, item INTEGER, offset INTEGER, status INTEGER, correct INTEGER,
    answer INTEGER, answer_text TEXT, sure REAL, prompt INTEGER, reply INTEGER,
    PRIMARY KEY (run, hash)) WITHOUT ROWID;
CREATE INDEX of_item ON records (item, run);
CREATE TABLE verdicts (
    item INTEGER, run INTEGER, n INTEGER, right INTEGER, answer INTEGER, kinds INTEGER, sure REAL,
    PRIMARY KEY (item, run)) WITHOUT ROWID;
CREATE TABLE pictures (digest TEXT, row TEXT, run INTEGER, PRIMARY KEY (digest, row)) WITHOUT ROWID;
CREATE TEMP TABLE touched (item INTEGER PRIMARY KEY);
CREATE TEMP TABLE ranks (item INTEGER PRIMARY KEY, rank INTEGER);
"""
# What a run answers to an item, of all its prompts, orders and repeats: its most frequent answer,
# how many different ones it has, and how sure the surest wrong one is. Without probabilities that
# is the share of the answers that agree.
_VERDICTS = f"""
INSERT INTO verdicts
SELECT item, run, COUNT(*), SUM(correct), most(answer), COUNT(DISTINCT answer),
    coalesce(MAX(CASE WHEN correct = 0 AND answer >= 0 THEN sure END), agreed(answer, correct))
FROM records
WHERE item IN touched AND run = ? AND status != {STATUSES.index("error")} AND correct IS NOT NULL
GROUP BY item, run
"""


class _Most:
    """SQL: the most frequent value."""

    def __init__(self) -> None:
        self.counts = Counter[int]()

    def step(self, answer: int) -> None:
        self.counts[answer] += 1

    def finalize(self) -> int:
        return self.counts.most_common(1)[0][0]


class _Agreed:
    """SQL: of several answers, the share of the most frequent wrong one."""

    def __init__(self) -> None:
        self.wrong = Counter[int]()
        self.n = 0

    def step(self, *given: int) -> None:
        answer, correct = given
        self.n += 1
        if answer >= 0 and not correct:
            self.wrong[answer] += 1

    def finalize(self) -> Any:
        return max(self.wrong.values()) / self.n if self.n > 1 and self.wrong else None


class RecordIndex:
    """The records of runs by number, on the disk; safe to use from several threads."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.database: Connection = new_database(_TABLES)
        self.database.create_aggregate("most", 1, _Most)
        self.database.create_aggregate("agreed", 2, _Agreed)
        self.runs: list[Run] = []
        self._read: list[int] = []  # by run: the bytes that the index has
        self._known: dict[int, bool] = {}  # by item: whether it has an image

    def close(self) -> None:
        with self.lock:
            self.database.close()

    def add_run(self, run: Run) -> int:
        """Take up a run; its number."""
        with self.lock:
            self.runs.append(run)
            self._read.append(0)
            return len(self.runs) - 1

    def records(self, run: int) -> Iterator[Record]:
        """The run's records that count, which are put into the index as they are read."""
        found = Pass()
        yield from self._taken(run, counted_lines(self.runs[run].dir / RECORDS, found))
        self._read[run] = found.end

    def refresh(self, run: int) -> int:
        """Read what was appended to the run's records; how many lines that were."""
        path = self.runs[run].dir / RECORDS
        begin, size = self._read[run], path.stat().st_size if path.is_file() else 0
        if size < begin:  # another file: its end was torn, or it was made anew
            self._forget(run)
            begin = 0
        found = Pass(end=begin)
        lines = stored_lines(path, found, range(begin, size))
        count = sum(1 for _ in self._taken(run, lines))
        self._read[run] = found.end
        return count

    def _taken(self, run: int, lines: Iterable[StoredLine]) -> Iterator[Record]:
        rows: list[tuple[int, Record]] = []
        for stored in lines:
            rows.append((stored.offset, stored.record))
            if len(rows) >= _BATCH:
                self._add(run, rows)
                rows.clear()
            yield stored.record
        self._add(run, rows)

    def _forget(self, run: int) -> None:
        with self.lock, self.database as database:
            for table in ("records", "verdicts"):
                database.execute(f"DELETE FROM {table} WHERE run = ?", (run,))

    def _add(self, run: int, rows: Sequence[tuple[int, Record]]) -> None:
        with self.lock, self.database as database:
            batch = _Batch()
            for offset, record in rows:
                self._put(batch, run, offset, record)
            batch.write(database)
            database.execute("DELETE FROM verdicts WHERE item IN touched AND run = ?", (run,))
            database.execute(_VERDICTS, (run,))
            database.execute("DELETE FROM touched")

    def _put(self, batch: _Batch, run: int, offset: int, record: Record) -> None:
        options, gold = original_options(record)
        item = self._item(batch, record, options, gold)
        choice, reply, error = record["choice"], record["reply"], record["error"]
        said = f"{error['type']}: {error['message']}" if error else reply or ""
        answer = NO_ANSWER if choice is None else record["order"][choice]
        asked_boxes, said_open = is_box_record(record), ""
        if is_open_record(record) and record["status"] == "answered":
            answer, said_open = 0, found_in_words(record)
        unscored = asked_boxes or record["correct"] is None
        batch.records.append(
            (
                run, hash(record["id"]), item, offset, STATUSES.index(record["status"]),
                None if unscored else int(record["correct"]), None if asked_boxes else answer,
                said_open or (None if choice is None else options[answer]), sureness(record),
                batch.text(_messages(record)), batch.text(said),
            )
        )  # fmt: skip
        for digest in images_shown(record):
            batch.pictures.add((digest, row_key(record), run))

    def _item(self, batch: _Batch, record: Record, options: Sequence[str], gold: int) -> int:
        item, digest = hash((record["item"], tuple(options), gold)), record["image_sha256"]
        batch.touched.add(item)
        if item not in self._known:
            self._new_item(batch, item, record, options, gold)
        elif digest is not None and not self._known[item]:  # first asked without an image
            self.database.execute("UPDATE items SET image = ? WHERE id = ?", (digest, item))
        self._known[item] = self._known.get(item, False) or digest is not None
        return item

    def _new_item(
        self, batch: _Batch, item: int, record: Record, options: Sequence[str], gold: int
    ) -> None:
        meta: Mapping[str, Any] = record["meta"]
        facts = [
            shown_value(value)
            for value in (record["image_id"], *meta.values())
            if value is not None
        ]
        words = [record["item"], record["task"], *options, *facts]
        self.database.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                item, len(self._known), self._key(record["item"]), record["task"],
                record["dataset"], meta.get("modality"), gold,
                _right_text(record, options, gold), record["image_sha256"],
                batch.text("\n".join(words)),
            ),
        )  # fmt: skip

    def _key(self, name: str) -> str:
        """The item's name; "NAME~2" where another item has that already."""
        for key in _names(name):
            if not self.database.execute("SELECT 1 FROM items WHERE key = ?", (key,)).fetchone():
                return key
        raise AssertionError


def _right_text(record: Record, options: Sequence[str], gold: int) -> str:
    """What is right, as text."""
    if is_open_record(record):
        return right_in_words(record)
    return options[gold] if gold < len(options) else ""


class _Batch:
    """Rows that are put into the tables together."""

    def __init__(self) -> None:
        self.records: list[tuple[Any, ...]] = []
        self.texts: dict[int, str] = {}
        self.pictures: set[tuple[str, str, int]] = set()
        self.touched: set[int] = set()

    def text(self, text: str) -> int:
        lower = text[:_MOST_TEXT].lower()
        number = hash(lower)
        if number not in self.texts:
            self.texts[number] = lower.encode("utf-8", "replace").decode()
        return number

    def write(self, database: Connection) -> None:
        filled = (
            ("REPLACE INTO records", self.records),
            ("INSERT OR IGNORE INTO texts", self.texts.items()),
            ("INSERT OR IGNORE INTO pictures", self.pictures),
            ("INSERT OR IGNORE INTO touched", [(item,) for item in self.touched]),
        )
        for statement, rows in filled:
            for row in rows:
                marks = ", ".join("?" * len(row))
                database.executemany(f"{statement} VALUES ({marks})", rows)
                break


def _names(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}~{number}"
        number += 1


def _messages(record: Record) -> str:
    return "\n".join(
        part["text"]
        for message in record["messages"]
        for part in message["content"]
        if part["type"] == "text"
    )
