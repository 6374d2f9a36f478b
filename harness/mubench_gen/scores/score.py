"""answers → scores: per task, per data set and pooled, with baselines and position bias."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from statistics import fmean
from typing import Any

from mubench_gen.parser.strictness import is_strict
from mubench_gen.scores.agreement import Agreement
from mubench_gen.scores.calibration import Calibration, CalibrationTally, probabilities_of
from mubench_gen.scores.clusters import BY_IMAGE, IMAGE, Clustering
from mubench_gen.scores.headline import (
    Against,
    Headline,
    HeadlineTally,
    against_chance,
    corrected_ends,
)
from mubench_gen.scores.label_mass import LabelMass, LabelMassTally
from mubench_gen.scores.localization import BoxScore, BoxTallies, is_box_record
from mubench_gen.scores.open_answers import is_open_record
from mubench_gen.scores.open_score import OpenScore, OpenTallies
from mubench_gen.scores.option_order import Circular
from mubench_gen.scores.siblings import Siblings
from mubench_gen.scores.tallied import AnswerPositions, Controls, GroupTallies
from mubench_gen.scores.tally import Score, counted
from mubench_gen.scores.truncation import Truncation, TruncationTally
from mubench_gen.storage.records import Record

_PARTS = ("tasks", "datasets", "prompts", "readouts")
_INFERENCE = (
    "answered_ci95",
    "corrected_ci95",
    "clusters",
    "worth",
    "size",
    "cautions",
    "chance_p",
)


@dataclass(frozen=True, slots=True)
class Scores:
    """All the scores of a run. `prompts` and `readouts` are filled if there are several.

    macro: the unweighted mean of the data sets' accuracies; the pooled one is micro.
    boxes, calibration and circular: of the items that ask for boxes (which are in nothing
    else), that have probabilities, and that were asked under several orders; "pooled" and by
    task. open: of the items with open answers (which are in nothing else), by form and then in
    the same way. truncation: of the options that a contrastive model truncated; None if it read
    all. agreement: of every two read-outs. headline: micro and macro accuracies with intervals, and
    against baselines. clustered: the fields that items are clustered by; clustered_by: the same in
    words, with those of the tasks. nearly_constant: items without errors whose picture was.
    label_mass: of the items that were read by `logprob`.
    """

    pooled: Score
    macro: float | None
    tasks: Mapping[str, Score]
    datasets: Mapping[str, Score]
    prompts: Mapping[str, Score]
    readouts: Mapping[str, Score]
    controls: Mapping[str, Controls]  # by task, and "pooled"
    boxes: Mapping[str, BoxScore] = field(default_factory=dict)
    open: Mapping[str, Mapping[str, OpenScore]] = field(default_factory=dict)
    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    truncation: Truncation | None = None
    circular: Mapping[str, Circular] = field(default_factory=dict)
    agreement: Mapping[str, Agreement] = field(default_factory=dict)
    nearly_constant: int = 0
    label_mass: LabelMass | None = None
    headline: Headline | None = None
    clustered: tuple[str, ...] = BY_IMAGE
    clustered_by: str = IMAGE

    @property
    def n(self) -> int:
        """The number of items without errors, including those that are counted apart."""
        boxes = self.boxes["pooled"].n if self.boxes else 0
        return self.pooled.n + boxes + sum(one["pooled"].score.n for one in self.open.values())

    @property
    def n_errors(self) -> int:
        """The number of items with errors, which count in no score."""
        boxes = self.boxes["pooled"].n_errors if self.boxes else 0
        apart = sum(one["pooled"].score.n_errors for one in self.open.values())
        return self.pooled.n_errors + boxes + apart

    def _repr_html_(self) -> str:
        from mubench_gen.report.notebook import scores_html

        return scores_html(self)

    def as_dict(self) -> dict[str, Any]:
        """The contract's `scores` object."""
        plain: dict[str, Any] = {"pooled": _plain(self.pooled), "macro": self.macro}
        pooled = self.pooled
        plain["strict"] = {"accuracy": pooled.accuracy_strict, "answered": pooled.answered_strict}
        for part in _PARTS:
            groups: Mapping[str, Score] = getattr(self, part)
            if part in ("tasks", "datasets") or len(groups) > 1:
                plain[part] = {name: _plain(score) for name, score in groups.items()}
        plain["inference"] = {
            "pooled": _inference(self.pooled),
            **{
                part: {name: _inference(score) for name, score in getattr(self, part).items()}
                for part in plain
                if part in _PARTS
            },
        }
        if self.boxes:
            plain["boxes"] = {name: asdict(score) for name, score in self.boxes.items()}
        if self.open:
            plain["open"] = {
                form: {name: one.as_dict() for name, one in groups.items()}
                for form, groups in self.open.items()
            }
        if self.calibration:
            plain["calibration"] = {name: asdict(c) for name, c in self.calibration.items()}
        if self.truncation is not None:
            plain["truncation"] = asdict(self.truncation)
        if self.circular:
            plain["circular"] = {name: asdict(c) for name, c in self.circular.items()}
        if self.agreement:
            plain["agreement"] = {pair: asdict(a) for pair, a in self.agreement.items()}
        if self.headline is not None:
            plain["headline"] = self.headline.as_dict()
        if self.clustered != BY_IMAGE:
            plain["clustered"] = list(self.clustered)
        if self.clustered_by != IMAGE:
            plain["clustered_by"] = self.clustered_by
        if self.label_mass is not None:
            plain["label_mass"] = asdict(self.label_mass)
        if self.nearly_constant:
            plain["nearly_constant"] = self.nearly_constant
        return plain


def _plain(score: Score) -> dict[str, Any]:
    """The contract's object of one group; `strict` and `inference` stand beside the groups."""
    return {k: v for k, v in asdict(score).items() if k not in _INFERENCE and "_strict" not in k}


def _inference(score: Score) -> dict[str, Any]:
    """How well the numbers of one group are known."""
    return {name: getattr(score, name) for name in _INFERENCE}


def score(
    records: Iterable[Record],
    clustering: Clustering | None = None,
    *,
    sampled_by_task: bool = False,
) -> Scores:
    """The scores of records with unique ids (`read_records` ensures that).

    `clustering`: what is drawn together, by image without; SettingError for a field that no
    record has. `sampled_by_task`: a number of items per task was drawn (`--limit`).
    """
    clustering = clustering or Clustering()
    groups, headline = GroupTallies(clustering.ways), HeadlineTally(clustering.ways)
    places, boxes, opened = AnswerPositions(), BoxTallies(clustering), OpenTallies(clustering)
    new = partial(CalibrationTally, clustering.ways)
    sureness, truncation = defaultdict[str, CalibrationTally](new), TruncationTally()
    siblings, nearly_constant, mass = Siblings(), 0, LabelMassTally()
    for record in records:
        if record.get("nearly_constant") and record["status"] != "error":
            nearly_constant += 1
        if is_box_record(record):
            boxes.add(record)
            continue
        if is_open_record(record):
            opened.add(record)
            continue
        status, gold, options = record["status"], record["gold"], record["options"]
        right, numbers = bool(record["correct"]), clustering(record)
        one = counted(status, right, len(options), numbers, strict=is_strict(record["rule"]))
        groups.add(record, one)
        siblings.add(record, numbers[0])
        if status != "error":
            task = record["task"]
            headline.add(record, numbers, right=right)
            places.add(task, gold, options[gold], record["choice"])
            truncation.add(record)
            mass.add(record)
            probabilities = probabilities_of(record)
            if probabilities is not None:
                for name in ("pooled", task):
                    sureness[name].add(
                        probabilities, record["choice"], numbers, gold=gold, right=right
                    )
    clustering.check.done()
    noun = clustering.noun
    pooled, (tasks, datasets, prompts, readouts) = groups.scores(noun)
    chances = {name: one.chance for name, one in tasks.items() if one.chance is not None}
    found = headline.headline(chances, sampled_by_task=sampled_by_task, noun=noun)
    whole = _as_sampled(pooled, found)
    if found is not None:
        found = replace(found, chance=_against_chance({"pooled": whole, **tasks}))
    return Scores(
        pooled=whole,
        macro=_mean([score.accuracy for score in datasets.values()]),
        tasks=tasks,
        datasets=datasets,
        prompts=prompts,
        readouts=readouts,
        controls=places.controls(),
        boxes=boxes.scores(),
        open=opened.scores(noun),
        calibration=_calibrations(sureness),
        truncation=truncation.truncation(),
        circular=siblings.circular(),
        agreement=siblings.agreement.agreements(),
        nearly_constant=nearly_constant,
        label_mass=mass.label_mass(),
        headline=found,
        clustered=clustering.fields,
        clustered_by=clustering.words,
    )


def _calibrations(tallies: Mapping[str, CalibrationTally]) -> dict[str, Calibration]:
    names = sorted(tallies, key=lambda name: (name != "pooled", name))
    found = {name: tallies[name].calibration() for name in names}
    return {name: one for name, one in found.items() if one is not None}


def _as_sampled(pooled: Score, headline: Headline | None) -> Score:
    """The pooled score with the headline's interval, which knows how the items were drawn."""
    if headline is None or pooled.chance is None:
        return pooled
    micro = headline.micro
    return replace(
        pooled,
        ci95=micro.ci95,
        corrected_ci95=corrected_ends(micro.ci95, pooled.chance),
        chance_p=micro.differs_from(pooled.chance),
    )


def _against_chance(scores: Mapping[str, Score]) -> dict[str, Against]:
    found = {
        name: against_chance(one.accuracy, one.ci95, one.chance, one.chance_p)
        for name, one in scores.items()
    }
    return {name: one for name, one in found.items() if one is not None}


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return fmean(known) if known else None
