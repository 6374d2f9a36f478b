"""runs of several models on the same images, asked in a random order → which one is best, so far.

Every pair is compared by its differences image by image, in intervals that hold at every look
(`scores.anytime`). All of them hold together with a probability of at least 1 − error: each pair
has an equal part of it. A model that another one beats is out, and is asked no more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

from mubench_gen.runs.results import Run
from mubench_gen.scores.anytime import anytime_interval, images_to_decide
from mubench_gen.scores.interval import clustered_interval
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.storage.records import Record

Verdict = Literal["first", "second", "equal", "open"]
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClassResult:
    """A model on the images of one class: right of n items, what it took them for instead (and
    how often), and the items that it got wrong, each with its image's digest."""

    name: str
    n: int
    right: int
    instead: tuple[tuple[str, int], ...]
    failed: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Contender:
    """A model. images: with an answer; accuracy, ci95: of its items, unanswered ones wrong;
    beaten_by: the models that are better."""

    name: str
    run: str
    images: int
    n_errors: int
    accuracy: float | None
    ci95: Ends | None
    beaten_by: tuple[str, ...]
    classes: tuple[ClassResult, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models on the images that both answered. difference: first − second, in shares, with
    the interval that holds at every look; verdict: which is better, "equal" where the interval is
    within the margin. needed: about how many images in all would tell them apart."""

    first: str
    second: str
    images: int
    difference: float | None
    interval: Ends
    verdict: Verdict
    needed: int | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What is known so far. contenders: the most accurate first; best: those that none beats;
    decided: whether one is left, or all that are left are equal within the margin."""

    contenders: tuple[Contender, ...]
    pairs: tuple[Pair, ...]
    best: tuple[str, ...]
    decided: bool
    images: int
    available: int
    error: float
    margin: float

    @property
    def open(self) -> list[Pair]:
        """The pairs of the best that are not told apart."""
        return [pair for pair in self.pairs if pair.verdict == "open" and self._is_best(pair)]

    def _is_best(self, pair: Pair) -> bool:
        return pair.first in self.best and pair.second in self.best

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class _Answers:
    """One run's answers: right by image, in the order of asking, and its classes."""

    def __init__(self, run: Run) -> None:
        self.right: dict[str, list[int]] = defaultdict(list)
        self.errors = 0
        self._classes: dict[str, list[Record]] = defaultdict(list)
        for record in run.outcomes():
            if is_apart(record):
                continue
            if record["status"] == "error":
                self.errors += 1
                continue
            self.right[record["image_id"]].append(int(bool(record["correct"])))
            self._classes[record["options"][record["gold"]]].append(record)

    def share(self, image: str) -> float:
        answers = self.right[image]
        return sum(answers) / len(answers)

    def classes(self) -> tuple[ClassResult, ...]:
        return tuple(_class(name, records) for name, records in sorted(self._classes.items()))


def _class(name: str, records: Sequence[Record]) -> ClassResult:
    wrong = [record for record in records if not record["correct"]]
    instead = Counter(
        record["status"] if record["choice"] is None else record["options"][record["choice"]]
        for record in wrong
    )
    failed = tuple((record["item"], record["image_sha256"]) for record in wrong)
    ordered = tuple(sorted(instead.items(), key=lambda one: (-one[1], one[0])))
    return ClassResult(name, len(records), len(records) - len(wrong), ordered, failed)


def choose(
    runs: Mapping[str, Run], order: Sequence[str], *, error: float = 0.05, margin: float = 0.02
) -> Choice:
    """What the runs tell, by the models' names. `order`: the images' ids in the random order in
    which they are asked, fixed before the first answer. ValueError for fewer than two runs."""
    if len(runs) < 2:
        raise ValueError("nothing to choose from: one model or none")
    answers = {name: _Answers(run) for name, run in runs.items()}
    couples = list(combinations(runs, 2))
    pairs = [
        _pair(one, other, answers, order, error=error / len(couples), margin=margin)
        for one, other in couples
    ]
    beaten: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        if pair.verdict == "first":
            beaten[pair.second].append(pair.first)
        elif pair.verdict == "second":
            beaten[pair.first].append(pair.second)
    contenders = [
        _contender(name, run, answers[name], tuple(beaten[name])) for name, run in runs.items()
    ]
    contenders.sort(key=lambda one: (bool(one.beaten_by), -(one.accuracy or 0), one.name))
    best = tuple(one.name for one in contenders if not one.beaten_by)
    among = [pair for pair in pairs if pair.first in best and pair.second in best]
    return Choice(
        contenders=tuple(contenders),
        pairs=tuple(pairs),
        best=best,
        decided=all(pair.verdict != "open" for pair in among),
        images=max(one.images for one in contenders),
        available=len(order),
        error=error,
        margin=margin,
    )


def _pair(
    one: str,
    other: str,
    answers: Mapping[str, _Answers],
    order: Sequence[str],
    *,
    error: float,
    margin: float,
) -> Pair:
    first, second = answers[one], answers[other]
    shared = [image for image in order if image in first.right and image in second.right]
    apart = [first.share(image) - second.share(image) for image in shared]
    low, high = anytime_interval(apart, error=error)
    verdict: Verdict = "open"
    if low >= 0:
        verdict = "first"
    elif high <= 0:
        verdict = "second"
    elif -margin <= low and high <= margin:
        verdict = "equal"
    needed = images_to_decide(apart, error=error) if verdict == "open" else None
    mean = sum(apart) / len(apart) if apart else None
    return Pair(one, other, len(apart), mean, (low, high), verdict, needed)


def _contender(name: str, run: Run, answers: _Answers, beaten_by: tuple[str, ...]) -> Contender:
    images = [(len(right), sum(right)) for right in answers.right.values()]
    items = sum(n for n, _ in images)
    return Contender(
        name=name,
        run=str(run.dir),
        images=len(images),
        n_errors=answers.errors,
        accuracy=sum(right for _, right in images) / items if items else None,
        ci95=clustered_interval(images),
        beaten_by=beaten_by,
        classes=answers.classes(),
    )


def lead(choice: Choice) -> list[str]:
    """The result in words: who wins, by how much, and what would settle the rest."""
    best, seen = choice.best, f"after {choice.images:,} of {choice.available:,} images"
    if len(best) == 1:
        lines = [f"{best[0]} is the best {seen}.", *map(_margin_of, _wins(choice, best[0]))]
    elif choice.decided:
        lines = [
            f"{' and '.join(best)} are equal within {100 * choice.margin:g} points {seen}; "
            "take the cheaper one."
        ]
    else:
        lines = [f"Not decided {seen}: {' and '.join(best)} are not told apart."]
    return [*lines, *map(_open, choice.open), *_no_better_than_one_answer(choice)]


def _no_better_than_one_answer(choice: Choice) -> list[str]:
    """A caution where always giving one answer would do as well as the most accurate model."""
    first = choice.contenders[0]
    frequent = max(first.classes, key=lambda one: one.n, default=None)
    if frequent is None or first.ci95 is None:
        return []
    share = frequent.n / sum(one.n for one in first.classes)
    if first.ci95[0] > share:
        return []
    return [
        f"Always answering {frequent.name!r} would be right in {100 * share:.1f} % of them: "
        f"{first.name} is not known to be better than that."
    ]


def _wins(choice: Choice, best: str) -> list[tuple[str, str, Pair]]:
    """(winner, loser, pair) for each pair of the best one."""
    return [
        (best, pair.second if pair.first == best else pair.first, pair)
        for pair in choice.pairs
        if best in (pair.first, pair.second)
    ]


def _margin_of(win: tuple[str, str, Pair]) -> str:
    winner, loser, pair = win
    sign = 1 if pair.first == winner else -1
    low, high = sorted(sign * end for end in pair.interval)
    apart = sign * (pair.difference or 0.0)
    if pair.verdict not in ("first", "second"):
        return f"{loser} is out by another model."
    return (
        f"It is {100 * apart:.1f} points better than {loser} ({100 * low:.1f} to {100 * high:.1f}, "
        f"{pair.images:,} images)."
    )


def _open(pair: Pair) -> str:
    between = f"{pair.first} and {pair.second}"
    if pair.needed is None:
        return f"Between {between} no number of images can be told yet."
    further = max(0, pair.needed - pair.images)
    return f"About {further:,} further images would tell {between} apart, if they go on like these."
