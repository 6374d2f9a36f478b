"""The fields of `--cluster`, and those that tasks name, are looked for before a model is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mubench_gen.scores.clusters import IMAGE, OF_THE_RUN, Clustering
from mubench_gen.types import Sample, Task


def check_clusters(fields: Sequence[str], tasks: Sequence[Task], asked: Iterable[Sample]) -> None:
    """Raise SettingError for a field of which no item that will be asked has a value.

    `asked` is read as far as needed: to the first item for a column that every row has.
    """
    check = Clustering(fields, {task.name: task.cluster or IMAGE for task in tasks}).check
    if check.satisfied:
        return
    known = dict.fromkeys(OF_THE_RUN, "known when it is asked")
    for sample in asked:
        check.add({**known, "meta": sample.row.meta})
        if check.satisfied:
            return
    check.done()
