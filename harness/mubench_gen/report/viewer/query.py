"""What a reader chose → SQL on the index: the items that fit, in their order, a page at a time.

The same choices work on the exported page, there by `chosen.js` on the records that it holds; a
test holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection

from mubench_gen.report.html.gallery import STATUSES

Part = tuple[str, list[object]]  # a condition with its values

_ERROR = STATUSES.index("error")
_AGREEMENT = {
    "disagree": "COUNT(*) > 1 AND COUNT(DISTINCT answer) > 1",
    "split": "COUNT(*) > 1 AND SUM(right = n) > 0 AND SUM(right = 0) > 0",
    "right": "COUNT(*) = SUM(right = n)",
    "wrong": "COUNT(*) = SUM(right = 0)",
}
_VERDICTS = {
    "right": "r.correct = 1",
    "wrong": "r.correct = 0",
    "unanswered": f"r.correct = 0 AND r.answer < 0 AND r.status != {_ERROR}",
    "failed": f"r.status = {_ERROR}",
}
_ORDERS = {
    "sure": "MAX(sure) DESC, AVG(right < n) DESC",
    "hard": "SUM(right) * 1.0 / SUM(n)",
    "differ": "COUNT(DISTINCT answer) DESC, AVG(right < n) DESC",
}
_OUTCOMES = {  # of the model, a, and the one beside it, b
    "gained": "a.right < a.n AND b.right = b.n",
    "lost": "a.right = a.n AND b.right < b.n",
    "differ": "a.answer != b.answer",
    "same": "a.answer = b.answer",
}


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """What a reader chose; runs are numbers. `model`: answers of that run are meant.

    `beside`: another run, to be compared with it by `outcome`; `runs`: those that are not switched
    off; `compared`: those of them whose agreement counts.
    """

    runs: Sequence[int]
    compared: Sequence[int]
    families: Mapping[int, str] = field(default_factory=dict)
    model: int | None = None
    beside: int | None = None
    outcome: str = ""
    status: str = ""
    verdict: str = ""
    agree: str = ""
    task: str = ""
    dataset: str = ""
    modality: str = ""
    gold: str = ""
    answer: str = ""
    text: str = ""
    sort: str = ""
    by_image: bool = False

    def condition(self) -> Part:
        """The condition on an item `i`."""
        parts = [*self._of_item(), *self._of_records(), *self._of_agreement(), *self._of_pair()]
        parts.append((f"i.id IN (SELECT item FROM records WHERE run IN ({_marks(self.runs)}))",
                      list(self.runs)))  # fmt: skip
        values = [value for _, given in parts for value in given]
        return " AND ".join(f"({words})" for words, _ in parts), values

    def _of_item(self) -> Iterator[Part]:
        columns = {"task": self.task, "dataset": self.dataset, "modality": self.modality,
                   "right_text": self.gold}  # fmt: skip
        for name, value in columns.items():
            if value:
                yield f"i.{name} = ?", [value]
        if self.text:
            found = "(SELECT id FROM texts WHERE instr(text, ?))"
            yield (
                f"i.words IN {found} OR i.id IN (SELECT item FROM records WHERE run IN "
                f"({_marks(self.runs)}) AND (prompt IN {found} OR reply IN {found}))",
                [self.text.lower(), *self.runs, self.text.lower(), self.text.lower()],
            )

    def _of_records(self) -> Iterator[Part]:
        """Conditions that must hold for one and the same record."""
        runs = self.runs if self.model is None else [self.model]
        told, values = [f"r.run IN ({_marks(runs)})"], list[object](runs)
        if self.status in STATUSES:
            told.append("r.status = ?")
            values.append(STATUSES.index(self.status))
        if self.verdict in _VERDICTS:
            told.append(_VERDICTS[self.verdict])
        if self.answer == "-":
            told.append(f"r.answer < 0 AND r.status != {_ERROR}")
        elif self.answer:
            told.append("r.answer_text = ?")
            values.append(self.answer)
        if len(told) > 1 or self.model is not None:
            yield f"i.id IN (SELECT r.item FROM records r WHERE {' AND '.join(told)})", values

    def _of_agreement(self) -> Iterator[Part]:
        if self.agree in _AGREEMENT:
            yield (
                f"i.id IN (SELECT item FROM verdicts WHERE run IN ({_marks(self.compared)}) "
                f"GROUP BY item HAVING {_AGREEMENT[self.agree]})",
                list(self.compared),
            )
        elif self.agree == "torn":
            yield (
                f"i.id IN (SELECT item FROM verdicts WHERE kinds > 1 AND run IN "
                f"({_marks(self.runs)}))",
                list(self.runs),
            )
        elif self.agree == "flips":
            yield (
                " OR ".join(one for one, _ in self._flips()) or "0",
                [value for _, given in self._flips() for value in given],
            )

    def _flips(self) -> Iterator[Part]:
        """One condition a model: some of its answers are right, others wrong."""
        for several in self.by_family():
            yield (
                f"i.id IN (SELECT item FROM verdicts WHERE run IN ({_marks(several)}) "
                "GROUP BY item HAVING SUM(right) > 0 AND SUM(right) < SUM(n))",
                list(several),
            )

    def by_family(self) -> Collection[Sequence[int]]:
        """The runs of each model."""
        families: dict[str, list[int]] = {}
        for run in self.runs:
            families.setdefault(self.families.get(run, str(run)), []).append(run)
        return families.values()

    def _of_pair(self) -> Iterator[Part]:
        if self.model is not None and self.beside is not None and self.outcome in _OUTCOMES:
            yield (
                "i.id IN (SELECT a.item FROM verdicts a JOIN verdicts b USING (item) WHERE "
                f"a.run = ? AND b.run = ? AND {_OUTCOMES[self.outcome]})",
                [self.model, self.beside],
            )

    def ranks(self) -> Part | None:
        """A query of each item's rank in the order; None for the order of the data."""
        if self.sort not in _ORDERS:
            return None
        runs = self.runs if self.model is None else [self.model]
        rank = f"RANK() OVER (ORDER BY {_ORDERS[self.sort]})"
        return (
            f"SELECT item, {rank} FROM verdicts WHERE run IN ({_marks(runs)}) GROUP BY item",
            list(runs),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A page: ids of items, in groups of one image where they are grouped; how many there are.

    `groups`: on all pages; `items`: on all pages; `all`: without any choice.
    """

    page: Sequence[Sequence[int]]
    groups: int
    items: int
    all: int


def find(database: Connection, choice: ItemFilter, begin: int, count: int) -> Found:
    """`count` groups of items from the group `begin` on. A group is one item, or one image."""
    condition, values = choice.condition()
    group = "coalesce(i.image, i.key)" if choice.by_image else "i.id"
    _rank(database, choice.ranks())
    database.execute("DROP TABLE IF EXISTS temp.found")
    database.execute(
        f"CREATE TEMP TABLE found AS SELECT i.id AS item, {group} AS of, "
        "ROW_NUMBER() OVER (ORDER BY s.rank IS NULL, s.rank, i.place) AS at "
        f"FROM items i LEFT JOIN ranks s ON s.item = i.id WHERE {condition}",
        values,
    )
    groups, items = database.execute("SELECT COUNT(DISTINCT of), COUNT(*) FROM found").fetchone()
    (every,) = database.execute("SELECT COUNT(*) FROM items").fetchone()
    rows = database.execute(
        "WITH page AS (SELECT of, MIN(at) AS first FROM found GROUP BY of ORDER BY first "
        "LIMIT ? OFFSET ?) SELECT page.of, found.item FROM page JOIN found ON found.of = page.of "
        "ORDER BY page.first, found.at",
        (count, begin),
    )
    page: dict[object, list[int]] = {}
    for of, item in rows:
        page.setdefault(of, []).append(item)
    return Found(list(page.values()), groups, items, every)


def _rank(database: Connection, ranks: Part | None) -> None:
    """Put the ranks into the table of that name."""
    database.execute("DELETE FROM ranks")
    if ranks is not None:
        database.execute(f"INSERT INTO ranks {ranks[0]}", ranks[1])


def facets(database: Connection, choice: ItemFilter) -> dict[str, object]:
    """What can be chosen: tasks, data sets, modalities, statuses, and ways to agree."""
    found: dict[str, object] = {}
    for name in ("task", "dataset", "modality"):
        rows = database.execute(
            f"SELECT DISTINCT {name} FROM items WHERE {name} IS NOT NULL ORDER BY {name}"
        )
        found[name] = [value for (value,) in rows]
    statuses = database.execute("SELECT DISTINCT status FROM records")
    found["status"] = [STATUSES[code] for code in sorted(code for (code,) in statuses)]
    torn = database.execute("SELECT 1 FROM verdicts WHERE kinds > 1 LIMIT 1").fetchone()
    found["several"] = _share_items(database, choice.compared)
    found["torn"] = torn is not None
    found["flips"] = torn is not None or any(
        _share_items(database, runs) for runs in choice.by_family() if len(runs) > 1
    )
    return found


def _share_items(database: Connection, runs: Sequence[int]) -> bool:
    """Whether two of the runs answered one item."""
    query = (
        f"SELECT 1 FROM verdicts WHERE run IN ({_marks(runs)}) GROUP BY item HAVING COUNT(*) > 1"
    )
    return database.execute(f"{query} LIMIT 1", list(runs)).fetchone() is not None


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
