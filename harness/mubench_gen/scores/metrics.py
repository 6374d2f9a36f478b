"""Metrics: finds built-in ones and those of plugins by the names that `--metric` takes.

To add one, put it into BUILT_IN; a plugin lists its own in the hook `mubench_gen_metrics`.
`measured.py` computes their means.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from mubench_gen.errors import PluginError, describe
from mubench_gen.plugins.extension import Metric
from mubench_gen.plugins.offered import offered
from mubench_gen.plugins.registry import Plugin, Plugins
from mubench_gen.scores.localization import is_box_record
from mubench_gen.scores.open_answers import is_apart, is_open_record
from mubench_gen.storage.columns import LEFT_OUT
from mubench_gen.storage.records import Record


def _of_choices(record: Mapping[str, Any], value: float) -> float | None:
    return None if is_apart(record) else value


def _of_open(record: Mapping[str, Any], name: str) -> float | None:
    """A number of an open answer, None for other items and answers without it."""
    return record["open"].get(name) if is_open_record(record) else None


def _thought(record: Mapping[str, Any]) -> float | None:
    """The tokens of the thought: none where the reply's are counted and nothing was thought."""
    usage = record["usage"] or {}
    nothing = None if record.get("reasoning") or "completion_tokens" not in usage else 0
    found: float | None = usage.get("reasoning_tokens", nothing)
    return found


BUILT_IN = (
    Metric(
        "accuracy", "accuracy", lambda r: _of_choices(r, bool(r["correct"])),
        bounds=(0, 1), percent=True,
    ),
    Metric(
        "unanswered", "unanswered", lambda r: float(r["status"] != "answered"),
        higher_is_better=False, bounds=(0, 1), percent=True,
    ),
    Metric(
        "grit", "GRIT", lambda r: r["boxes"]["score"] if is_box_record(r) else None,
        bounds=(0, 1), percent=True,
    ),
    Metric("set-f1", "F1 of the options", lambda r: _of_open(r, "f1"), bounds=(0, 1), percent=True),
    Metric(
        "number-error", "absolute error", lambda r: _of_open(r, "off"), higher_is_better=False,
    ),
    Metric(
        "looked", "looked at the right place", lambda r: r.get("looked"),
        bounds=(0, 1), percent=True,
    ),
    Metric(
        "tokens", "tokens written", lambda r: (r["usage"] or {}).get("completion_tokens"),
        higher_is_better=False, bounds=(0, math.inf),
    ),
    Metric(
        "thought", "tokens of the thought", _thought,
        higher_is_better=False, bounds=(0, math.inf),
    ),
)  # fmt: skip


class MetricError(PluginError):
    """A metric that failed on an item; `key` names the metric."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class ChosenMetric:
    """A chosen metric and the plugin that has it; None for a built-in one."""

    metric: Metric
    plugin: Plugin | None = None

    @property
    def key(self) -> str:
        """Its name in tables and files: METRIC, or PLUGIN:METRIC."""
        return self.metric.name if self.plugin is None else f"{self.plugin.name}:{self.metric.name}"

    @property
    def asked(self) -> str:
        """The name that `--metric` takes for it, also if the plugin is a file."""
        if self.plugin is None or self.plugin.path is None:
            return self.key
        return f"{self.plugin.path}:{self.metric.name}"

    def described(self) -> dict[str, Any]:
        """The description of the metric that JSON has beside its numbers."""
        plugin = self.plugin
        return {
            "title": self.metric.title,
            "higher_is_better": self.metric.higher_is_better,
            "percent": self.metric.percent,
            "asked": self.asked,
            "plugin": None if plugin is None else plugin.name,
            "version": None if plugin is None else plugin.version,
            "digest": None if plugin is None else plugin.digest,
        }

    def value(self, record: Record) -> float:
        """The metric of an item's record without an error; NaN if it is not defined for it.

        If the metric raises or returns no number, MetricError names plugin, metric and item.
        """
        try:
            given: Any = self.metric.value(_Seen(record, self.metric.needs))
        except (Exception, SystemExit) as error:  # an edge of isolation: a plugin's own code
            told = f"{type(error).__name__}: {describe(error)}"
            raise self._wrong(record, str(error) if isinstance(error, _Unasked) else told) from None
        if given is None:
            return math.nan
        low, high = self.metric.bounds
        if isinstance(given, (Real, np.bool_)):
            given = float(given)
        if not isinstance(given, float) or not math.isfinite(given):
            raise self._wrong(record, f"it gives {given!r:.60}, which is not a number or None")
        if not low <= given <= high:
            raise self._wrong(record, f"it gives {given!r:.60}, outside of its bounds {low:g} to "
                                      f"{high:g}")  # fmt: skip
        return given

    def _wrong(self, record: Record, what: str) -> MetricError:
        of = "" if self.plugin is None else f" of the plugin {self.plugin.name!r}"
        return MetricError(
            self.key, f"The metric {self.metric.name!r}{of}, item {record['id']}: {what}."
        )


class _Unasked(KeyError):
    def __str__(self) -> str:
        return f"it reads the field {self.args[0]!r}, which its `needs` does not name"


class _Seen(dict[str, Any]):
    """A record as a metric sees it, with only those of the long fields that it declares.

    Large runs are read without the others; reading an undeclared one fails in every run.
    """

    def __init__(self, record: Record, needs: Sequence[str]) -> None:
        super().__init__((k, v) for k, v in record.items() if k not in LEFT_OUT or k in needs)

    def __missing__(self, name: str) -> Any:
        raise (_Unasked if name in LEFT_OUT else KeyError)(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in LEFT_OUT else super().get(name, default)


def choose_metrics(names: Iterable[str], plugins: Plugins | None = None) -> list[ChosenMetric]:
    """The metrics of these names: a built-in name, PLUGIN for all of its metrics, PLUGIN:METRIC.

    A name may be a list with commas. Raises PluginError for a wrong name.
    """
    chosen: dict[str, ChosenMetric] = {}
    wanted = dict.fromkeys(n.strip() for text in names for n in text.split(",") if n.strip())
    for name in wanted:
        for one in _found(name, plugins or Plugins()):
            chosen[one.key] = one
    return list(chosen.values())


def _found(name: str, plugins: Plugins) -> list[ChosenMetric]:
    for one in BUILT_IN:
        if one.name == name:
            return [ChosenMetric(one)]
    known = [one.name for one in BUILT_IN]
    plugin, found = offered(name, "metric", lambda p: p.offers.metrics, known, plugins)
    return [ChosenMetric(one, plugin) for one in found]


def needs_of(metrics: Iterable[ChosenMetric]) -> tuple[str, ...]:
    """The long fields of records that the metrics read."""
    return tuple(sorted({name for one in metrics for name in one.metric.needs}))
