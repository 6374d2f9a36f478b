"""A run as an object: the same from `evaluate` and from the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.records import Record, read_records
from mubench_gen.runfolder import RECORDS, SCORES, read_manifest, write_json
from mubench_gen.score import Scores, score

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Run:
    """A run folder. Everything is read when it is asked for; memory holds no records."""

    dir: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return read_manifest(self.dir)

    @cached_property
    def scores(self) -> Scores:
        """Scores of the records as they are, also of an unfinished run."""
        return score(self.records())

    @property
    def complete(self) -> bool:
        """Whether every item that was asked for has an answer."""
        return self.scores.n >= int(self.manifest["planned"])

    def records(self) -> Iterator[Record]:
        """The records that count, one an id, in the order of the file."""
        return read_records(self.dir / RECORDS)

    def frame(self) -> pandas.DataFrame:
        """A row a record, in the order of the file; columns as in the record."""
        import pandas

        return pandas.DataFrame.from_records(list(self.records()))

    def summary(self, scores: Scores | None = None) -> dict[str, Any]:
        """What `scores.json` and `eval --json` hold; `scores` stand in for the stored answers'."""
        from dataclasses import asdict

        shown = self.scores if scores is None else scores
        return {
            "run_dir": str(self.dir),
            "scores": shown.as_dict(),
            "controls": {name: asdict(c) for name, c in shown.controls.items()},
            "planned": self.manifest["planned"],
            "complete": self.complete,
        }

    def write_scores(self) -> None:
        """Write `scores.json` into the run's folder."""
        write_json(self.dir / SCORES, self.summary())


def load_run(path: str | os.PathLike[str]) -> Run:
    """The run in that folder. RunFolderError where it holds none."""
    run = Run(Path(path))
    _ = run.manifest
    return run
