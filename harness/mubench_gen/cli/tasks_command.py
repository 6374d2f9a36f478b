"""`mubench-gen tasks`: what can be asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mubench_gen.types import Task

_EXAMPLES = """
\b
Examples:
  mubench-gen tasks
  mubench-gen tasks coarse
  mubench-gen tasks pathology --data ubench
  mubench-gen tasks 'demo-*' --data demo --json
"""


@dataclass(frozen=True, slots=True)
class _Size:
    """Number of a task's questions and accuracy by chance; None if not known."""

    questions: int | None = None
    chance: float | None = None
    approximate: bool = False


@click.command("tasks", epilog=_EXAMPLES)
@click.argument("names", nargs=-1)
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="Count the questions in this data set. [the published counts]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(names: tuple[str, ...], data: str | None, as_json: bool) -> None:
    """List the tasks, by name, group, tag or glob."""
    from mubench_gen.cli import packages_view
    from mubench_gen.cli.tables import print_json
    from mubench_gen.tasks.task import SUFFIX, load_tasks

    if data is None:
        tasks = load_tasks(names)
        sizes = {task.name: _expected(task) for task in tasks}
    else:
        tasks, sizes = _counted(names, data)
    if as_json:
        print_json([{**asdict(t), **asdict(sizes[t.name])} for t in tasks])
        return
    _print(tasks, sizes, data)
    if not names and data is None:
        packages_view.show("tasks", SUFFIX)


def _expected(task: Task) -> _Size:
    options = task.expected.get("options")
    return _Size(
        task.expected.get("questions"),
        1 / options if options else None,
        bool(task.expected.get("approximate")),
    )


def _counted(names: Sequence[str], data: str) -> tuple[list[Task], dict[str, _Size]]:
    from mubench_gen.data import open_dataset
    from mubench_gen.data.survey import survey
    from mubench_gen.tasks.matching import with_recasts
    from mubench_gen.tasks.task import load_tasks

    dataset = open_dataset(data, outside=True)  # no image is read
    tasks = load_tasks(names, beside=dataset.path)
    found = survey(with_recasts(dataset, tasks), tasks).tasks
    return tasks, {name: _Size(one.questions, one.chance) for name, one in found.items()}


def _print(tasks: Sequence[Task], sizes: dict[str, _Size], data: str | None) -> None:
    from mubench_gen.cli.tables import print_table

    tagged: dict[str, int] = defaultdict(int)
    for task in tasks:
        for tag in task.tags:
            tagged[tag] += 1
    print_table(
        ["task", "title", "group", "data sets", "questions", "chance", "source"],
        [
            [
                task.name,
                task.title,
                task.group,
                ", ".join(task.datasets) or "all",
                _questions(sizes[task.name]),
                f"{sizes[task.name].chance:.1%}" if sizes[task.name].chance else "",
                task.source,
            ]
            for task in tasks
        ],
        caption=f"Questions and chance: {f'counted in {data}' if data else 'as published'}. "
        f"Tags: {', '.join(f'{tag} ({n})' for tag, n in sorted(tagged.items())) or 'none'}.",
        right=[4, 5],
    )


def _questions(size: _Size) -> str:
    if size.questions is None:
        return ""
    return f"≈ {size.questions:,}" if size.approximate else f"{size.questions:,}"
