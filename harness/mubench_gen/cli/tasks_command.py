"""`mubench-gen tasks`: what can be asked, and `tasks show`: one task with pictures."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import examples_of
from mubench_gen.cli.options import completion
from mubench_gen.cli.options.data import map_option
from mubench_gen.cli.options.preview import preview_options
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.types import Task

_EXAMPLES = """
\b
Examples:
  mubench-gen tasks
  mubench-gen tasks coarse
  mubench-gen tasks pathology --data ubench
  mubench-gen tasks 'demo-*' --data demo --json
  mubench-gen tasks show modality
  mubench-gen tasks show modality --data demo --items 20
"""
_SHOW = "show"


@dataclass(frozen=True, slots=True)
class _Size:
    """Number of a task's questions and accuracy by chance; None if not known."""

    questions: int | None = None
    chance: float | None = None
    approximate: bool = False


class _Tasks(click.Command):
    """Lists tasks; with `show` as its first word it is another command."""

    @property
    def commands(self) -> dict[str, click.Command]:
        return {_SHOW: show}

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args[:1] == [_SHOW]:
            return show.make_context(f"{info_name} {_SHOW}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("tasks", cls=_Tasks, epilog=_EXAMPLES)
@click.argument("names", nargs=-1, shell_complete=completion.tasks)
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="The tasks that this data set has questions for. [all; published counts]",
    shell_complete=completion.data,
)
@map_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    names: tuple[str, ...], data: str | None, mapping: tuple[str, ...], as_json: bool
) -> None:
    """List the tasks, by name, group, tag or glob; `tasks show NAME` shows one."""
    from mubench_gen.cli.views import packages as packages_view
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.tasks.task import SUFFIX, load_tasks

    if data is None:
        tasks = load_tasks(names)
        sizes = {task.name: _expected(task) for task in tasks}
    else:
        tasks, sizes = _counted(names, data, mapping)
    if as_json:
        print_json([{**asdict(t), **asdict(sizes[t.name])} for t in tasks])
        return
    _print(tasks, sizes, data)
    if not names and data is None:
        packages_view.show("tasks", SUFFIX)


@click.command(_SHOW, epilog=examples_of(_EXAMPLES, "tasks show"))
@click.argument("name", shell_complete=completion.tasks)
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="Write a page of pictures of this data set that it is about.",
    shell_complete=completion.data,
)
@map_option
@preview_options
def show(name: str, data: str | None, mapping: tuple[str, ...], **given: Any) -> None:
    """Show a task: its question, options, data sets and chance; with --data, pictures too.

    The page is that of `data preview`, of the rows that have the task's question.
    """
    from mubench_gen.cli.views.preview import PreviewOptions, preview_of
    from mubench_gen.data import open_dataset
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.settings import map_pairs
    from mubench_gen.tasks.task import load_tasks

    options = PreviewOptions(**given)
    if data is None and (options.out is not None or options.model is not None):
        raise SettingError("--out and --model are for the page of pictures: give --data too.")
    chosen = map_pairs(mapping)
    dataset = None if data is None else open_dataset(data, outside=True, mapping=chosen)
    found = load_tasks([name], dataset)
    if len(found) != 1:
        names = ", ".join(task.name for task in found)
        raise SettingError(f"{name!r} is no single task. `tasks show` takes one of: {names}.")
    (task,) = found
    if options.as_json and data is None:
        from mubench_gen.cli.views.tables import print_json

        print_json({**asdict(task), **asdict(_expected(task))})
        return
    if not options.as_json:
        _describe(task)
    if data is not None:
        preview_of(data, {}, options, task=task, mapping=chosen)


def _describe(task: Task) -> None:
    """A task as lines of text, each with its name first."""
    size = _expected(task)
    lines = {
        "task": task.name,
        "title": task.title,
        "group": task.group,
        "tags": ", ".join(task.tags),
        "question": f"the question {task.question!r} of each row",
        "data sets": ", ".join(task.datasets) or "all",
        "questions": f"{_questions(size)} as published" if size.questions else "",
        "chance": f"{size.chance:.1%}" if size.chance else "",
        "source": task.source,
        "definition": f"SHA-256 {task.sha256}",
        **{key: str(value) for key, value in task.fields.items()},
    }
    for key, value in lines.items():
        if value:
            say(f"{key}: {value}")


def _expected(task: Task) -> _Size:
    options = task.expected.get("options")
    return _Size(
        task.expected.get("questions"),
        1 / options if options else None,
        bool(task.expected.get("approximate")),
    )


def _counted(
    names: Sequence[str], data: str, mapping: Sequence[str]
) -> tuple[list[Task], dict[str, _Size]]:
    from mubench_gen.data import open_dataset
    from mubench_gen.data.survey import survey
    from mubench_gen.plan.settings import map_pairs
    from mubench_gen.tasks.matching import with_recasts
    from mubench_gen.tasks.task import load_tasks

    dataset = open_dataset(data, outside=True, mapping=map_pairs(mapping))  # no image is shown
    tasks = load_tasks(names, dataset)
    found = survey(with_recasts(dataset, tasks), tasks).tasks
    if not names:  # who names tasks is told that there are no questions for them
        tasks = [task for task in tasks if found[task.name].questions]
    return tasks, {name: _Size(one.questions, one.chance) for name, one in found.items()}


def _print(tasks: Sequence[Task], sizes: dict[str, _Size], data: str | None) -> None:
    from mubench_gen.cli.views.tables import print_table

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
        right=[4, 5],
        spare=["source", "data sets", "chance", "group"],
    )
    if not sys.stdout.isatty():  # a line a task, and nothing else
        return
    note(
        f"Questions and chance: {f'counted in {data}' if data else 'as published'}. "
        f"Tags: {', '.join(f'{tag} ({n})' for tag, n in sorted(tagged.items())) or 'none'}."
    )


def _questions(size: _Size) -> str:
    if size.questions is None:
        return ""
    return f"≈ {size.questions:,}" if size.approximate else f"{size.questions:,}"
