"""An audit of a run's readings: a person labels a sample, and the accuracy is corrected by it.

The sample is stratified by how a reply was read (status and rule). The person sees question,
options and reply, neither the right answer nor the parser's. The corrected accuracy is the
parser's own over all items plus, stratum by stratum, the mean of what the person's reading
changes (prediction-powered inference: Angelopoulos et al. 2023; the stratified difference
estimator: Cochran 1977, section 5.A). Where a stratum has labels enough, the parser's reading is
weighted by how well it predicts the person's (power tuning: Angelopoulos, Duchi & Zrnic 2023). The
interval is clustered as the run is (labels by the first field), and knows that the replies without
a label are finite in number.
"""

from __future__ import annotations

import csv
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, covariance, fmean, variance

from mubench_gen.console.outlet import csv_cell, from_csv_cell
from mubench_gen.errors import DataError, SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.scores.tally import ScoreTally, counted
from mubench_gen.storage.records import Record

COLUMNS = ("id", "question", "options", "reply", "label")
NO_ANSWER, UNSURE = "-", "?"
_SMALL = 10  # items; smaller strata are drawn from as one
_TUNED = 30  # labels of a stratum from which the parser's weight is estimated
_LEAST = 2  # drawn from each stratum, so that it has a variance


@dataclass(frozen=True, slots=True)
class Audit:
    """What a person's reading of the sample says of the parser and of the score.

    Shares are between 0 and 1. `accuracy` is the parser's over all items, `corrected` with
    `ci95` what it would be had the person read them all. `misread`, `missed`, `invented`:
    weighted shares of replies in which the parser found another option than the person, found
    none where the person found one, and found one where the person found none. tuning: the mean
    weight of the parser's reading, 1 without power tuning.
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
    tuning: float = 1.0


@dataclass(frozen=True, slots=True)
class _Label:
    """What is right of a labelled record by the person and by the parser; its image's hash."""

    person: float
    parser: float
    image: int


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
    clustering = run.clustering
    tally, labelled, shares = ScoreTally(clustering.ways), defaultdict[str, list[_Label]](list), {}
    errors = {"misread": 0.0, "missed": 0.0, "invented": 0.0}
    found: set[str] = set()
    n = sum(map(len, strata.values()))
    unsure = 0
    for name, records in strata.items():
        mean = fmean(bool(record["correct"]) for record in records)
        shares[name] = _Stratum(len(records), len(records) / n, mean)
        kinds: list[str | None] = []
        for record in records:
            right, clusters = bool(record["correct"]), clustering(record)
            tally.add(counted(record["status"], right, len(record["options"]), clusters))
            label = labels.get(record["id"])
            if label is None:
                continue
            found.add(record["id"])
            if label == UNSURE:
                unsure += 1
                continue
            choice = _choice(label, record)
            truly = choice is not None and choice == record["gold"]
            labelled[name].append(_Label(float(truly), float(right), clusters[0]))
            kinds.append(_kind(choice, record["choice"]))
        for kind in errors:
            if kinds:
                errors[kind] += shares[name].weight * kinds.count(kind) / len(kinds)
    _check(labels, found, run)
    parser = tally.score()
    return _estimate(
        parser.accuracy or 0.0, _half_width(parser.ci95), shares, labelled, unsure, errors
    )


@dataclass(frozen=True, slots=True)
class _Stratum:
    """A way of reading: its records, their share of all, and the parser's accuracy on them."""

    n: int
    weight: float
    parser: float


def _estimate(
    accuracy: float,
    half_width: float,
    strata: Mapping[str, _Stratum],
    labelled: Mapping[str, Sequence[_Label]],
    unsure: int,
    errors: Mapping[str, float],
) -> Audit:
    covered = {name: labels for name, labels in labelled.items() if labels}
    share = math.fsum(strata[name].weight for name in covered)
    if not covered:
        raise DataError("No label is filled in: nothing to correct by.")
    tuned = {name: _tuning(strata[name], labels) for name, labels in covered.items()}
    change = spread = 0.0
    by_image: dict[int, float] = defaultdict(float)
    for name, labels in covered.items():
        stratum, part = strata[name], strata[name].weight / share
        apart = [label.person - tuned[name] * label.parser for label in labels]
        mean = fmean(apart)
        change += part * (mean - (1 - tuned[name]) * stratum.parser)
        # Were all replies labelled, the labels would add no variance at all.
        left = 1 - len(labels) / stratum.n
        if len(labels) < 2 or len(set(apart)) == 1:
            p = 1 / (len(labels) + 2)  # as if one label more differed
            spread += part**2 * left * p * (1 - p) / len(labels)
            continue
        scale = part / len(labels) * math.sqrt(left * len(labels) / (len(labels) - 1))
        for label, value in zip(labels, apart, strict=True):
            by_image[label.image] += scale * (value - mean)
    spread += math.fsum(total**2 for total in by_image.values())
    z = NormalDist().inv_cdf(0.975)
    half = z * math.sqrt((half_width / z) ** 2 + spread)
    corrected = min(1.0, max(0.0, accuracy + change))
    return Audit(
        n=sum(stratum.n for stratum in strata.values()),
        labelled=sum(map(len, covered.values())),
        unsure=unsure,
        accuracy=accuracy,
        corrected=corrected,
        ci95=(max(0.0, corrected - half), min(1.0, corrected + half)),
        misread=errors["misread"] / share,
        missed=errors["missed"] / share,
        invented=errors["invented"] / share,
        tuning=math.fsum(strata[name].weight / share * tuned[name] for name in covered),
    )


def _tuning(stratum: _Stratum, labels: Sequence[_Label]) -> float:
    """The weight of the parser's reading with the least variance; 1 with too few labels."""
    parser, person = [one.parser for one in labels], [one.person for one in labels]
    if len(labels) < _TUNED or len(set(parser)) == 1 or len(set(person)) == 1:
        return 1.0
    known = covariance(person, parser) / variance(parser)
    return min(1.0, max(0.0, known / (1 + len(labels) / stratum.n)))


def _half_width(interval: tuple[float, float] | None) -> float:
    return 0.0 if interval is None else (interval[1] - interval[0]) / 2


def _strata(records: Iterable[Record]) -> dict[str, list[Record]]:
    strata: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["status"] != "error" and record["reply"] is not None and not is_apart(record):
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
