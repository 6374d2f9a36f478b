"""Checks of a scorer and of a section of the report: what they make of a run's records."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mubench_gen.plugins.extension import Section
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.runs.results import Run
from mubench_gen.storage.records import Record
from mubench_gen.testing.check import alike, check, want
from mubench_gen.testing.subject import Subject

Groups = Mapping[str, Mapping[str, float | None]]
_OF_ERRORS = ("error", "fail", "planned", "coverage", "complete")  # names of what may count them


def _whole(subject: Subject) -> tuple[list[Record], Mapping[str, Any]]:
    """The records and the manifest of the kit's run."""
    return list(subject.run.records()), subject.run.manifest


def _score(subject: Subject, records: Sequence[Record], manifest: Mapping[str, Any]) -> Groups:
    score = subject.loaded_plugin.offers.score
    assert score is not None
    return score(iter(records), manifest)


@check(
    "scorer",
    reason="what is no table of numbers is not shown",
    remedy="return {group: {measure: number or None}}; NaN and infinity are no numbers",
    gate=True,
)
def scorer_scores(subject: Subject) -> None:
    _score(subject, *_whole(subject))


@check(
    "scorer",
    reason="the same run must have the same score again",
    remedy="draw with a fixed seed, or not at all, and keep nothing from one call to another",
)
def scorer_repeats_itself(subject: Subject) -> None:
    records, manifest = _whole(subject)
    first, second = _score(subject, records, manifest), _score(subject, records, manifest)
    want(alike(dict(first), dict(second)), f"first {first}, then {second}"[:200])


@check(
    "scorer",
    reason="records stand in the order in which they came back, another one in each run",
    remedy="sort by `id` where the order matters",
)
def scorer_takes_any_order(subject: Subject) -> None:
    records, manifest = _whole(subject)
    first = _score(subject, records, manifest)
    other = _score(subject, records[::-1], manifest)
    want(alike(dict(first), dict(other)), f"{first}, but in the reverse order {other}"[:200])


@check(
    "scorer",
    reason="an item that failed has no answer, neither a right nor a wrong one",
    remedy='leave records of status "error" out, or count them in a measure that is named so',
)
def scorer_counts_no_error_as_an_answer(subject: Subject) -> None:
    records, manifest = _whole(subject)
    answered = [record for record in records if record["status"] != "error"]
    found, without = _score(subject, records, manifest), _score(subject, answered, manifest)
    for group, measures in without.items():
        for name, value in measures.items():
            now = found.get(group, {}).get(name)
            counts = isinstance(value, int) and isinstance(now, int)
            named = any(word in name.lower() for word in _OF_ERRORS)
            told = f"{name} of {group} is {now}, without the failed items {value}"
            want(counts or named or alike(value, now), told)


@check(
    "scorer",
    reason="a run may have a single item, or none that was answered",
    remedy="None where a measure is not defined: mind sums divided by nothing",
)
def scorer_takes_small_runs(subject: Subject) -> None:
    records, failed = list(subject.run.records()), list(subject.failed_run.records())
    for what, few in (("one item", records[:1]), ("failed items alone", failed), ("none", [])):
        try:
            with Isolated("The scorer"):
                _score(subject, few, subject.run.manifest)
        except Exception as error:  # any: the check is about it
            want("is broken" not in str(error), f"a run of {what}: {error}")


@check(
    "scorer",
    reason="other scorers and reports read the same records after it",
    remedy="copy a record or the manifest before it is changed",
)
def scorer_keeps_its_arguments(subject: Subject) -> None:
    records, manifest = _whole(subject)
    given = copy.deepcopy(records), copy.deepcopy(manifest)
    _score(subject, *given)
    want(given[0] == records, "the records are others after the call")
    want(given[1] == manifest, "the manifest is another after the call")


def _section(subject: Subject, runs: Sequence[Run]) -> Section:
    section = subject.loaded_plugin.offers.section
    assert section is not None
    return section(runs)


@check(
    "section",
    reason="a report without its section is not what was asked for",
    remedy="return mubench_gen.Section(title, text), both texts",
    gate=True,
)
def section_is_written(subject: Subject) -> None:
    found = _section(subject, [subject.run])
    want(bool(found.title.strip()), "it has no title")
    want("\n" not in found.title, "its title has several lines")


@check(
    "section",
    reason="the same report again must say the same",
    remedy="write no time and no chance into it, and sort what has no order",
)
def section_repeats_itself(subject: Subject) -> None:
    first, second = _section(subject, [subject.run]), _section(subject, [subject.run])
    want(first == second, f"first {first.text!r:.60}, then {second.text!r:.60}")


@check(
    "section",
    reason="a report has one run or many, and some of which all items failed",
    remedy="mind runs without answers, and the same run twice",
)
def section_takes_any_runs(subject: Subject) -> None:
    for what, runs in (("failed items alone", [subject.failed_run]),
                       ("two runs", [subject.run, subject.failed_run, subject.run])):  # fmt: skip
        try:
            _section(subject, runs)
        except Exception as error:  # any: the check is about it
            want(False, f"{what}: {error}")
