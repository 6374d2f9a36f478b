"""Checks of a metric: a number per item, and the interval of its mean."""

from __future__ import annotations

import copy
import math

from mubench_gen.scores.measured import measure
from mubench_gen.scores.metrics import ChosenMetric
from mubench_gen.storage.records import Record
from mubench_gen.testing.check import NotApplicable, alike, check, want
from mubench_gen.testing.subject import Subject


def _chosen(subject: Subject) -> ChosenMetric:
    return ChosenMetric(subject.thing, subject.loaded_plugin)


def _records(subject: Subject) -> list[Record]:
    """The records of items that did not fail: a metric gets no others."""
    return [record for record in subject.run.records() if record["status"] != "error"]


def _values(subject: Subject, records: list[Record]) -> dict[str, float]:
    chosen = _chosen(subject)
    return {record["id"]: chosen.value(record) for record in records}


@check(
    "metric",
    reason="a command ends at an item for which a metric raises or gives no number within bounds",
    remedy="return a number within `bounds`, or None; name in `needs` the long fields it reads",
    gate=True,
)
def metric_gives_numbers(subject: Subject) -> None:
    _values(subject, _records(subject))


@check(
    "metric",
    reason="reports show its mean with a 95 % interval, and compare models by it",
    remedy="give numbers for more items than one; bounds that all values lie between",
)
def metric_has_an_interval(subject: Subject) -> None:
    (found,) = measure(_records(subject), [_chosen(subject)]).values()
    pooled = found.groups["pooled"]["pooled"]
    if pooled.n < 2 or pooled.value is None:
        raise NotApplicable("it is not defined for two of the items that it is shown here")
    want(pooled.ci95 is not None, f"no interval for {pooled.n} items")
    low, high = pooled.ci95 or (math.nan, math.nan)
    want(low <= pooled.value <= high, f"its mean {pooled.value} is outside of {low} to {high}")
    least, most = subject.thing.bounds
    want(least <= low and high <= most, f"the interval {low} to {high} leaves {least} to {most}")


@check(
    "metric",
    reason="an item's number must not depend on what was measured before it",
    remedy="keep nothing from one record to another",
)
def metric_looks_at_one_item(subject: Subject) -> None:
    records = _records(subject)
    first, other = _values(subject, records), _values(subject, records[::-1])
    odd = [one for one, value in first.items() if not alike(value, other[one])]
    want(not odd, f"in the reverse order, {len(odd)} of {len(first)} items have other numbers")


@check(
    "metric",
    reason="the same run must have the same number again",
    remedy="no chance and no time",
)
def metric_repeats_itself(subject: Subject) -> None:
    records = _records(subject)
    first, second = _values(subject, records), _values(subject, records)
    odd = [one for one, value in first.items() if not alike(value, second[one])]
    want(not odd, f"measured again, {len(odd)} of {len(first)} items have other numbers")


@check(
    "metric",
    reason="other metrics read the same record after it",
    remedy="copy what is in a record before it is changed",
)
def metric_keeps_its_record(subject: Subject) -> None:
    for record in _records(subject):
        given = copy.deepcopy(record)
        subject.thing.value(given)
        want(given == record, "the record is another after the call")
