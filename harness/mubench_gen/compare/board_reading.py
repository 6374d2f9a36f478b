"""runs → what their boards are made of, in one pass over the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mubench_gen.compare.answer_matrix import Reading, read_outcomes
from mubench_gen.compare.by_content import ByContent
from mubench_gen.runs.results import Run
from mubench_gen.scores.breakdown import BreakdownTally
from mubench_gen.scores.metadata import ABSENT, value_of
from mubench_gen.storage.records import Record

MODALITY = "modality"  # breaks a board down where nothing else is asked for
GROUP = "group of tasks"  # as a field of the records
_LOOKED_AT = 1_000  # records in which a modality is looked for


@dataclass(frozen=True, slots=True)
class BoardReading:
    """The runs' answers, and by run (its folder) the counts by groups of tasks and by `fields`.

    groups: task → group; content: names the items of imported runs as the reading does.
    """

    reading: Reading
    fields: tuple[str, ...]
    groups: Mapping[str, str]
    tallies: Mapping[str, BreakdownTally]
    content: ByContent


def read_board(
    runs: Sequence[Run],
    by: Sequence[str] | None,
    watch: Sequence[Callable[[Record], None]] | None = None,
) -> BoardReading:
    """Read the runs. `by` as in `boards`; `watch`: for each run, what else is to see its records.

    Raises SettingError for a field that no record has.
    """
    fields = tuple(by) if by is not None else (MODALITY,) if _has_modality(runs) else ()
    groups = {
        str(name): str(told.get("group") or "")
        for run in runs
        for name, told in (run.manifest.get("tasks") or {}).items()
    }
    tallies = [BreakdownTally((GROUP, *fields), run.clustering) for run in runs]
    seeing = [[_counted(tally, groups)] for tally in tallies]
    for one, also in zip(seeing, watch or (), strict=watch is not None):
        one.append(also)
    content = ByContent(runs)
    reading = read_outcomes(
        runs, tuple(dict.fromkeys(("task", *fields))), watch=seeing, content=content
    )
    of = {str(run.dir): tally for run, tally in zip(runs, tallies, strict=True)}
    return BoardReading(reading, fields, groups, of, content)


def with_group(record: Record, groups: Mapping[str, str]) -> Record:
    """The record with its group of tasks as a field."""
    return {**record, GROUP: groups.get(record["task"], "")}


def _counted(tally: BreakdownTally, groups: Mapping[str, str]) -> Callable[[Record], None]:
    return lambda record: tally.add(with_group(record, groups))


def _has_modality(runs: Sequence[Run]) -> bool:
    return any(
        value_of(record, MODALITY) != ABSENT
        for run in runs
        for record in islice(run.outcomes(), _LOOKED_AT)
    )
