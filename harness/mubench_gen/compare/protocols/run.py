"""A run as a protocol reads it: for reports and comparisons, which see no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mubench_gen.compare.protocols.reading import group_of
from mubench_gen.errors import SettingError
from mubench_gen.runs.results import Run, load_run
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.scores.protocols.asked import cannot_read, reservations
from mubench_gen.scores.protocols.files import OURS, Protocol, load_protocol
from mubench_gen.scores.protocols.rules import read
from mubench_gen.scores.protocols.tally import selection
from mubench_gen.scores.score import Scores
from mubench_gen.storage.records import Pass, Record, counted_lines, tell_damaged
from mubench_gen.storage.run_folder import RECORDS, read_manifest


@dataclass(frozen=True)
class ProtocolRun(Run):
    """A run whose records are those that a protocol counts, with the answers that it reads.

    An answer of a rule that says only right or wrong is the gold option, or none.
    """

    protocol: Protocol = field(default_factory=lambda: load_protocol(OURS))

    @cached_property
    def own_manifest(self) -> dict[str, Any]:
        """The run's manifest as it is stored."""
        return read_manifest(self.dir)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The run's manifest; `planned` without the items that the protocol does not count."""
        own = self.own_manifest
        left_out = sum(not self._counts(record) for record in super().records())
        return {**own, "planned": int(own["planned"]) - left_out}

    @cached_property
    def _scored(self) -> tuple[Scores, int]:
        path, found = self.dir / RECORDS, Pass()
        stored = (line.record for line in counted_lines(path, found))
        scores = self.score(self._counted(stored))
        tell_damaged(path, found.damaged)
        return scores, found.damaged

    def records(self) -> Iterator[Record]:
        """The records that the protocol counts, read as it reads them."""
        return self._counted(super().records())

    def outcomes(self, fields: Iterable[str] = ()) -> Iterator[Record]:
        """The same: each reply has to be read."""
        return self.records()

    @cached_property
    def _why_not(self) -> Callable[[Record], str]:
        return selection(self.protocol, self.own_manifest, group_of(self.own_manifest))

    def _counted(self, records: Iterable[Record]) -> Iterator[Record]:
        return (self._read(record) for record in records if self._counts(record))

    def _counts(self, record: Record) -> bool:
        return not is_apart(record) and not self._why_not(record)

    def _read(self, record: Record) -> Record:
        if record["status"] == "error":
            return record
        found = read(self.protocol.file.parser, record)
        status = "none" if record["status"] == "answered" else record["status"]
        return {
            **record,
            "choice": found.choice,
            "correct": found.right,
            "status": status if found.choice is None else "answered",
            "rule": found.how or None,
        }


def load_by_protocol(
    paths: Sequence[Path], names: Sequence[str], *, cluster: Sequence[str] = ()
) -> list[Run]:
    """The runs, as the protocol of that name reads them; without a name as they are.

    SettingError for several protocols, or a run that the protocol has no number for.
    """
    runs = [load_run(path, cluster=cluster) for path in paths]
    if not names:
        return runs
    if len(names) > 1 or "," in names[0]:
        raise SettingError(
            f"--protocol {','.join(names)}: give one here. `score RUN --protocol A,B` shows "
            "several, and `compare RUN --protocols A,B` why they differ."
        )
    protocol = load_protocol(names[0])
    for run in runs:
        if why := cannot_read(run.manifest, protocol):
            raise SettingError(f"--protocol: {why}, and {run.dir} is of such a model.")
    return [ProtocolRun(run.dir, run.cluster, protocol) for run in runs]


def notes_by_protocol(runs: Sequence[Run]) -> list[str]:
    """What to say of runs that a protocol reads: which, and what was asked in another way."""
    read_by = [run for run in runs if isinstance(run, ProtocolRun)]
    if not read_by:
        return []
    protocol = read_by[0].protocol
    lines = [f"Replies are read and items counted by the protocol {protocol.name}."]
    for run in read_by:
        scores = run.scores
        why = reservations(
            run.own_manifest, protocol,
            asked=int(run.own_manifest["planned"]) if run.complete else scores.n,
            n_errors=scores.n_errors,
        )  # fmt: skip
        if why:
            lines.append(f"{run.dir}: not comparable with others' numbers: {'; '.join(why)}.")
    return lines
