"""An audit of a run's readings: a person labels a sample, and the accuracy is corrected by it.

The sample is stratified by how a reply was read (status and rule). The person sees question,
options and reply, neither the right answer nor the parser's. The corrected accuracy is the
parser's own over all items plus, stratum by stratum, the mean of what the person's reading
changes (prediction-powered inference: Angelopoulos et al. 2023; the stratified difference
estimator: Cochran 1977, section 5.A).
"""

from __future__ import annotations

import csv
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean, variance

from mubench_gen.console.outlet import csv_cell, from_csv_cell
from mubench_gen.errors import DataError, SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.clusters import image_of
from mubench_gen.scores.score import ScoreTally
from mubench_gen.storage.index import hashed
from mubench_gen.storage.records import Record

COLUMNS = ("id", "question", "options", "reply", "label")
NO_ANSWER, UNSURE = "-", "?"
_SMALL = 10  # items; smaller strata are drawn from as one
_LEAST = 2  # drawn from each stratum, so that it has a variance


@dataclass(frozen=True, slots=True)
class Audit:
    """What a person's reading of the sample says of the parser and of the score.

    Shares are between 0 and 1. `accuracy` is the parser's over all items, `corrected` with
    `ci95` what it would be had the person read them all. `misread`, `missed`, `invented`:
    weighted shares of replies in which the parser found another option than the person, found
    none where the person found one, and found one where the person found none.
    """

    n: int
    labelled: int
    unsure: int
    accuracy: float
    corrected: float
    ci95: tuple[float, float]
    misread: float
    missed: float
    invented: float


def draw_sample(run: Run, size: int, seed: int) -> list[Record]:
    """`size` records with a reply, stratified, in an order that says nothing."""
    generator = random.Random(seed)
    strata = _strata(run.records())
    if not strata:
        raise SettingError(f"{run.dir} holds no reply that a person could read.")
    drawn: list[Record] = []
    sizes = _allocate({name: len(records) for name, records in strata.items()}, size)
    for name in sorted(strata):
        drawn += generator.sample(strata[name], sizes[name])
    generator.shuffle(drawn)
    return drawn


def write_sample(records: Iterable[Record], path: Path) -> None:
    """A CSV file with an empty column `label` for a person to fill in."""
    if path.exists():
        raise SettingError(f"{path} exists already, and may hold labels; give another --out.")
    try:
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for record in records:
                texts = (record["id"], _text(record), _options(record), record["reply"])
                table.writerow([*map(csv_cell, texts), ""])
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}.") from None


def read_labels(path: Path) -> dict[str, str]:
    """The labels that were filled in, by record id; rows without one are left out."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            if not {"id", "label"} <= set(table.fieldnames or ()):
                raise DataError(f"{path}: needs the columns id and label.")
            return {from_csv_cell(row["id"]): row["label"].strip() for row in table if row["label"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}.") from None


def audit(run: Run, labels: Mapping[str, str]) -> Audit:
    """The corrected accuracy. DataError for labels of items that the run does not have."""
    strata = _strata(run.records())
    tally, differences, weights = ScoreTally(), defaultdict[str, list[float]](list), {}
    errors = {"misread": 0.0, "missed": 0.0, "invented": 0.0}
    found: set[str] = set()
    n = sum(map(len, strata.values()))
    unsure = 0
    for name, records in strata.items():
        weights[name] = len(records) / n
        kinds: list[str | None] = []
        for record in records:
            right, image = bool(record["correct"]), hashed(image_of(record))
            tally.add(record["status"], right, len(record["options"]), (image,))
            label = labels.get(record["id"])
            if label is None:
                continue
            found.add(record["id"])
            if label == UNSURE:
                unsure += 1
                continue
            choice = _choice(label, record)
            right = choice is not None and choice == record["gold"]
            differences[name].append(float(right) - float(bool(record["correct"])))
            kinds.append(_kind(choice, record["choice"]))
        for kind in errors:
            if kinds:
                errors[kind] += weights[name] * kinds.count(kind) / len(kinds)
    _check(labels, found, run)
    parser = tally.score()
    return _estimate(
        parser.accuracy or 0.0, _half_width(parser.ci95), weights, differences, n, unsure, errors
    )


def _estimate(
    accuracy: float,
    half_width: float,
    weights: Mapping[str, float],
    differences: Mapping[str, Sequence[float]],
    n: int,
    unsure: int,
    errors: Mapping[str, float],
) -> Audit:
    covered = {name: values for name, values in differences.items() if values}
    share = math.fsum(weights[name] for name in covered)
    if not covered:
        raise DataError("No label is filled in: nothing to correct by.")
    change = math.fsum(weights[name] / share * fmean(values) for name, values in covered.items())
    spread = math.fsum(
        (weights[name] / share) ** 2 * _variance(values) / len(values)
        for name, values in covered.items()
    )
    z = NormalDist().inv_cdf(0.975)
    half = z * math.sqrt((half_width / z) ** 2 + spread)
    corrected = accuracy + change
    return Audit(
        n=n,
        labelled=sum(map(len, covered.values())),
        unsure=unsure,
        accuracy=accuracy,
        corrected=corrected,
        ci95=(max(0.0, corrected - half), min(1.0, corrected + half)),
        misread=errors["misread"] / share,
        missed=errors["missed"] / share,
        invented=errors["invented"] / share,
    )


def _variance(values: Sequence[float]) -> float:
    """The variance of the differences; if all are equal, as if 1 of n + 2 labels differed."""
    if len(values) < 2 or len(set(values)) == 1:
        p = 1 / (len(values) + 2)
        return p * (1 - p)
    return variance(values)


def _half_width(interval: tuple[float, float] | None) -> float:
    return 0.0 if interval is None else (interval[1] - interval[0]) / 2


def _strata(records: Iterable[Record]) -> dict[str, list[Record]]:
    strata: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["status"] != "error" and record["reply"] is not None:
            strata[f"{record['status']} {record['rule'] or ''}".strip()].append(record)
    small = [name for name, members in strata.items() if len(members) < _SMALL]
    rest = [record for name in small for record in strata.pop(name)]
    return {**strata, "other": rest} if rest else dict(strata)


def _allocate(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    """Half in proportion to the strata, half evenly: rare ways of reading are seen too."""
    total, even = sum(sizes.values()), wanted / 2 / len(sizes)
    return {
        name: min(size, max(_LEAST, round(wanted / 2 * size / total + even)))
        for name, size in sizes.items()
    }


def _kind(person: int | None, parser: int | None) -> str | None:
    if person == parser:
        return None
    if parser is None:
        return "missed"
    return "invented" if person is None else "misread"


def _choice(label: str, record: Record) -> int | None:
    if label == NO_ANSWER:
        return None
    known = [str(name).casefold() for name in record["labels"]]
    if label.casefold() not in known:
        raise DataError(
            f"The label {label!r} of {record['id']} is none of {', '.join(record['labels'])}, "
            f"{NO_ANSWER!r} (the reply holds no answer) or {UNSURE!r} (unclear)."
        )
    return known.index(label.casefold())


def _check(labels: Mapping[str, str], found: set[str], run: Run) -> None:
    strange = [identity for identity in labels if identity not in found]
    if strange:
        raise DataError(
            f"{run.dir} has no reply {strange[0]!r}: {len(strange)} labels are of unknown items."
        )


def _text(record: Record) -> str:
    parts = [part for message in record["messages"] for part in message["content"]]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _options(record: Record) -> str:
    pairs = zip(record["labels"], record["options"], strict=True)
    return "\n".join(f"{label}: {option}" for label, option in pairs)
