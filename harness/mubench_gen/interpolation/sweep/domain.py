"""Which tasks are in the domain of a fine-tune, by what --in-domain names."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from mubench_gen.errors import SettingError
from mubench_gen.plan.plan import Plan
from mubench_gen.runs.results import Run
from mubench_gen.tasks.matching import tasks_to_ask
from mubench_gen.tasks.task import load_tasks


def domain_of(plan: Plan, names: Sequence[str]) -> tuple[str, ...]:
    """The tasks of the domain, among those that are asked."""
    _check_given(names)
    meant = tasks_to_ask(load_tasks(tuple(names), plan.dataset), named=True)
    asked = {task.name for task in plan.tasks}
    return _some_of(asked, [task.name for task in meant if task.name in asked], names)


def domain_of_run(run: Run, names: Sequence[str]) -> tuple[str, ...]:
    """The tasks of the domain among those of a finished run: by name, group, tag or glob."""
    _check_given(names)
    tasks = run.manifest.get("tasks") or {}
    inside = [
        task
        for task, facts in tasks.items()
        for known in [(task, facts.get("group"), *(facts.get("tags") or ()))]
        if any(name in known or fnmatchcase(task, name) for name in names)
    ]
    return _some_of(set(tasks), inside, names)


def _check_given(names: Sequence[str]) -> None:
    if not names:
        raise SettingError("Which tasks was the fine-tune trained for? Give --in-domain TASKS.")


def _some_of(asked: set[str], inside: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    if not inside or len(inside) == len(asked):
        raise SettingError(
            f"--in-domain {','.join(names)}: {'all' if inside else 'none'} of the asked tasks are "
            f"meant ({', '.join(sorted(asked))}). A frontier needs tasks on both sides."
        )
    return tuple(inside)
