"""A run as an object: the same from `evaluate` and from the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.progress import log
from mubench_gen.console.stdout import results_only
from mubench_gen.errors import PluginError
from mubench_gen.runs.dataframe import to_frame
from mubench_gen.runs.packs import PACK, SUFFIX, folder_of
from mubench_gen.scores.clusters import IMAGE, Clustering, cluster_fields
from mubench_gen.scores.metadata import MODEL, facts_of
from mubench_gen.scores.score import Scores, score
from mubench_gen.storage.columns import LEFT_OUT, brief_records
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.records import Pass, Record, images_shown, read_records
from mubench_gen.storage.run_folder import RECORDS, SCORES, read_manifest
from mubench_gen.storage.user_files import read_json

if TYPE_CHECKING:
    import pandas

    from mubench_gen.report.figures import Drawing
    from mubench_gen.scores.breakdown import Breakdown
    from mubench_gen.scores.measured import Measured
    from mubench_gen.scores.metrics import ChosenMetric
    from mubench_gen.types import Image


@dataclass(frozen=True)
class Run:
    """A run folder. Everything is read when it is asked for; memory holds no records.

    cluster: one field or two that items are clustered by in place of those of the run.
    """

    dir: Path
    cluster: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, in words: its folder, or the name of its pack."""
        return self.dir.name + SUFFIX if (self.dir / PACK).exists() else str(self.dir)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return read_manifest(self.dir)

    @cached_property
    def scores(self) -> Scores:
        """Scores of the records as they are, also of an unfinished run."""
        return self._scored[0]

    @property
    def damaged_lines(self) -> int:
        """How many lines of the records file are damaged, and left out everywhere."""
        return self._scored[1]

    @cached_property
    def _scored(self) -> tuple[Scores, int]:
        found = Pass()
        return self.score(brief_records(self.dir / RECORDS, found)), found.damaged

    def score(self, records: Iterable[Record]) -> Scores:
        """The scores of these records of the run, clustered and sampled as it is."""
        limited = self.manifest["settings"].get("limit") is not None
        return score(records, self.clustering, sampled_by_task=limited)

    @property
    def clustering(self) -> Clustering:
        """What is drawn together: as asked for, or as the run was scored, or as its tasks say."""
        tasks: Mapping[str, Mapping[str, Any]] = self.manifest.get("tasks") or {}
        of_tasks = {name: str(task.get("cluster") or IMAGE) for name, task in tasks.items()}
        return Clustering(self.cluster or self._recorded_cluster(), of_tasks)

    def _recorded_cluster(self) -> tuple[str, ...]:
        try:
            return tuple(map(str, read_json(self.dir / SCORES)["scores"]["clustered"]))
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    @property
    def complete(self) -> bool:
        """Whether every item that was asked for has an answer."""
        return self.scores.n >= int(self.manifest["planned"])

    def records(self) -> Iterator[Record]:
        """The records that count, one an id, in the order of the file."""
        return read_records(self.dir / RECORDS)

    def outcomes(self, fields: Iterable[str] = ()) -> Iterator[Record]:
        """The records for statistics, of a large run without `key`, `messages`, `reply`, `span`.

        From the second time on that is several times as fast. `fields` names required fields.
        """
        if LEFT_OUT.isdisjoint(name.partition(".")[0] for name in fields):
            return brief_records(self.dir / RECORDS)
        return self.records()

    def images(self) -> Iterator[Image]:
        """The images that its records show, each once, in no certain order.

        Taken from the run's own folder, where it keeps them, and from the data. Those that are in
        neither, or have changed, are left out.
        """
        from mubench_gen.runs.kept_images import shown

        wanted = {digest for record in self.outcomes() for digest in images_shown(record)}
        return shown(self.dir, read_manifest(self.dir), wanted)

    def frame(self) -> pandas.DataFrame:
        """A tidy frame, a row a record in the order of the file (docs/analysis.md)."""
        return to_frame(self.records())

    def plot(self, kind: str = "dots", *, beside: Sequence[Run] = (), **options: Any) -> Drawing:
        """A figure of this run, and of others `beside` it: dots, heatmap (of several),
        reliability, confusion, positions or radar.

        `write(path)` writes it as SVG, PDF or PNG; `figure` is matplotlib's. Options: `width` in
        inches, `tasks` of a confusion matrix, `by` as in `report --by`. SettingError for a kind
        that there is not, or that these runs do not give.
        """
        from mubench_gen.report.notebook import plot

        return plot([self, *beside], kind, **options)

    def _repr_html_(self) -> str:
        from mubench_gen.report.notebook import run_html

        return run_html(self)

    def measured(
        self,
        metrics: Sequence[ChosenMetric] = (),
        by: Sequence[str] = (),
        *,
        recorded: Mapping[str, Mapping[str, Any]] | None = None,
        instead: Mapping[str, Record] | None = None,
    ) -> Measured:
        """The metrics of the records; by default those that `scores.json` records.

        `instead`: records that stand for the stored ones, by id. MetricError for a metric that
        was asked for and fails.
        """
        from mubench_gen.scores.measured import (
            NOTHING_MEASURED,
            Measured,
            measure,
            measure_recorded,
        )
        from mubench_gen.scores.metrics import needs_of

        def records(needs: Sequence[str]) -> Iterator[Record]:
            stored = self.outcomes((*by, *needs))
            return stored if not instead else (instead.get(r["id"], r) for r in stored)

        if metrics:
            with results_only():
                return Measured(
                    measure(records(needs_of(metrics)), metrics, by, self.clustering), {}, {}
                )
        recorded = self.recorded_metrics() if recorded is None else recorded
        if not recorded:
            return NOTHING_MEASURED
        with results_only():
            return measure_recorded(records, recorded, by, self.clustering)

    def recorded_metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """The metrics that the run was scored with, by their keys, as `scores.json` has them."""
        try:
            recorded = read_json(self.dir / SCORES)["metrics"]
            return {str(key): dict(facts) for key, facts in recorded.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # no scores yet, or without metrics

    def summary(
        self, scores: Scores | None = None, measured: Measured | None = None
    ) -> dict[str, Any]:
        """What `scores.json` and `eval --json` hold; `scores` replace those of stored answers."""
        shown = self.scores if scores is None else scores
        metrics = (self.measured() if measured is None else measured).as_dict()
        damaged = {"damaged_lines": self.damaged_lines} if self.damaged_lines else {}
        return {
            "run_dir": str(self.dir),
            "scores": shown.as_dict(),
            "controls": {name: asdict(c) for name, c in shown.controls.items()},
            "planned": self.manifest["planned"],
            "complete": self.complete,
            **damaged,
            **({"metrics": metrics} if metrics else {}),
        }

    def write_scores(
        self,
        metrics: Sequence[ChosenMetric] = (),
        recorded: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Write `scores.json` into the run's folder, with these metrics or the recorded ones.

        MetricError for one that fails, once the scores without it are written.
        """
        from mubench_gen.scores.measured import Measured

        try:
            measured = self.measured(metrics, recorded=recorded)
        except PluginError as error:
            told = {one.key: one.described() for one in metrics}
            failed = Measured({}, dict.fromkeys(told, str(error)), told)
            write_json(self.dir / SCORES, self.summary(measured=failed))
            raise
        write_json(self.dir / SCORES, self.summary(measured=measured))


def load_run(path: str | os.PathLike[str], *, cluster: Sequence[str] = ()) -> Run:
    """The run in that folder, or in that pack, clustered by these fields.

    RunFolderError if there is none.
    """
    run = Run(folder_of(Path(path)), cluster_fields(cluster) if cluster else ())
    _ = run.manifest
    return run


def breakdowns_of(runs: Sequence[Run], fields: Sequence[str]) -> list[Breakdown]:
    """The scores of each run by the values of each field, as `scores.breakdown.breakdowns`."""
    from mubench_gen.scores.breakdown import breakdowns

    records = (run.outcomes(fields) for run in runs)
    return breakdowns(records, fields, [run.clustering for run in runs])


def frames(runs: Iterable[Run | str | os.PathLike[str]]) -> pandas.DataFrame:
    """One frame of several runs, which are given as objects or by their folders.

    Before the columns of `Run.frame` stand `run` (the folder's name, its path where names
    repeat), `control`, `finished` (whether the run has asked all its items; stderr names those
    that have not) and the facts of its model as `model.scope`, `model.family`, ….
    """
    import pandas

    loaded = [run if isinstance(run, Run) else load_run(run) for run in runs]
    names = [run.dir.resolve().name for run in loaded]
    found = []
    for run, name in zip(loaded, names, strict=True):
        frame = run.frame()
        planned = int(run.manifest["planned"])
        if len(frame) < planned:
            log(f"{run.dir} is unfinished: {len(frame):,} of {planned:,} items.")
        told = {
            "run": name if names.count(name) == 1 else str(run.dir),
            "control": run.manifest["settings"]["control"],
            **{MODEL + fact: value for fact, value in facts_of(run.manifest).items()},
        }
        before = {key: pandas.Series(text, frame.index, "string") for key, text in told.items()}
        before["finished"] = pandas.Series(len(frame) >= planned, frame.index, "bool")
        found.append(pandas.concat([pandas.DataFrame(before), frame], axis="columns"))
    return pandas.concat(found, ignore_index=True) if found else pandas.DataFrame()
