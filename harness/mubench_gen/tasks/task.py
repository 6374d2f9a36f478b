"""Task definitions: TOML files in `tasks/`, one a task."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Sequence
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mubench_gen.data.dataset import Dataset
from mubench_gen.data.right_answers import tolerance_of
from mubench_gen.errors import DataError, DefinitionError, did_you_mean
from mubench_gen.parser.vocabulary import shared_aliases
from mubench_gen.plugins import task_packages as packaged
from mubench_gen.prompts.toml_files import (
    first_problem,
    known_files,
    line_of_key,
    read_definition,
    read_toml,
)
from mubench_gen.storage.paths import user_path
from mubench_gen.types import Task

SUFFIX = ".toml"
_ALIASES = re.compile(r"\n^\[aliases\]\n.*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_CLUSTER = re.compile(r"^cluster\s*=.*\n", re.MULTILINE)


class TaskFile(BaseModel):
    """The keys of a task's TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(description="what the task is called in tables")
    group: str = Field(description="coarse, fine, cognition, localization, or your own")
    tags: tuple[str, ...] = Field((), description="subsets it belongs to, for --tasks")
    question: str = Field(description="the key in a row's `questions`")
    datasets: tuple[str, ...] = Field(
        (), description='data sets it is asked of, "!NAME" of all others; none: of all'
    )
    source: str = Field("", description="where the task comes from")
    fields: dict[str, Any] = Field(
        default_factory=dict, description="entries of your own, for templates as task.NAME"
    )
    aliases: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="for an option, further words that mean it in replies, and no other option",
    )
    cluster: str = Field(
        "", description="the field by which its items were drawn: slide, donor; none: the image"
    )
    answer: Literal["option", "several", "number", "text"] | None = Field(
        None, description="what it asks for, where rows do not say: option, several, number, text"
    )
    tolerance: float | str | None = Field(
        None, description='of a number, where rows name none: 0.5 in its unit, or "10%" of it'
    )
    unit: str = Field("", description="of a number, where rows name none: µm, %, cells")
    expected: dict[Literal["questions", "options", "approximate"], int] = Field(
        default_factory=dict, description="what the published data has, for the listing"
    )

    @field_validator("fields")
    @classmethod
    def _without_dates(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return {key: _dateless(value) for key, value in fields.items()}

    @field_validator("aliases")
    @classmethod
    def _of_one_option_each(cls, aliases: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for alias, option, other in shared_aliases(list(aliases.items())):
            raise ValueError(f"{alias!r} means both {option!r} and {other!r}; leave it out")
        return aliases

    @model_validator(mode="after")
    def _of_numbers(self) -> TaskFile:
        for key, given in (("tolerance", self.tolerance), ("unit", self.unit)):
            if given not in (None, "") and self.answer not in (None, "number"):
                raise ValueError(f"{key} is of numbers, and answer is {self.answer!r}")
        try:
            tolerance_of(self.tolerance, "tolerance")
        except DataError as error:
            raise ValueError(str(error)) from None
        return self


def _dateless(value: Any) -> Any:
    """TOML's dates and times as their texts: a template could ask a date for today's."""
    if isinstance(value, dict):
        return {key: _dateless(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_dateless(one) for one in value]
    return value.isoformat() if isinstance(value, date | time) else value


def task_names() -> dict[str, Path]:
    """The shipped tasks, by name."""
    return known_files("tasks", SUFFIX)


def load_task(name: str) -> Task:
    """The task of that name, shipped or of an installed package, or in that file."""
    path = None
    if not is_file_name(name):
        path = task_names().get(name) or packaged.find("tasks", SUFFIX, name)
    return _read(path if path is not None else user_path(name))


def load_tasks(wanted: Sequence[str] = (), dataset: Dataset | None = None) -> list[Task]:
    """Tasks by name, group, tag, glob or file; all known ones where none is wanted.

    Known are the shipped ones, those that the data set brings, and those in the folder `tasks/`
    beside it; of one name the later of these wins. Each comes once,
    in the order of `wanted` and then by name.
    """
    by_name = {name: _read(path) for name, path in task_names().items()}
    if dataset is not None:
        by_name |= {task.name: task for task in dataset.tasks}
        by_name |= {name: _read(path) for name, path in _own_tasks(dataset.path).items()}
    known = [task for _, task in sorted(by_name.items())]
    if not wanted:
        return known
    chosen: dict[str, Task] = {}
    for pattern in wanted:
        for task in _select(pattern, known):
            earlier = chosen.setdefault(task.name, task)
            if earlier.sha256 != task.sha256:
                raise DefinitionError(
                    f"Two different tasks are named {task.name!r}; rename the file {pattern!r}."
                )
    return list(chosen.values())


def is_file_name(pattern: str) -> bool:
    """Whether an entry of `--tasks` means a file."""
    return pattern.endswith(SUFFIX) or "/" in pattern


def matches(pattern: str, task: Task) -> bool:
    """Whether an entry of `--tasks` means the task: its name, group, a tag, a glob, its file.

    Of an installed package's, PACKAGE:NAME and PACKAGE:* too.
    """
    if is_file_name(pattern):
        return Path(pattern).stem == task.name
    pattern = pattern.rpartition(packaged.MARK)[2]
    return pattern in (task.name, task.group, *task.tags) or fnmatch.fnmatchcase(task.name, pattern)


def _own_tasks(data: Path) -> dict[str, Path]:
    folder = (data if data.is_dir() else data.parent) / "tasks"
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def _select(pattern: str, known: Sequence[Task]) -> list[Task]:
    if is_file_name(pattern):
        return [_read(user_path(pattern))]
    found: list[Task] = []
    if packaged.MARK not in pattern:
        found = [task for task in known if matches(pattern, task)]
    found = found or _packaged(pattern)
    if not found:
        names = {name for task in known for name in (task.name, task.group, *task.tags)}
        names.update(packaged.names("tasks", SUFFIX))
        raise DefinitionError(
            f"There is no task {pattern!r}. {did_you_mean(pattern, names)} "
            "`mubench-gen tasks` lists them; a path to a .toml file works too."
        )
    return found


def _packaged(pattern: str) -> list[Task]:
    """The tasks of installed packages that an entry of `--tasks` means."""
    of, _, _ = pattern.rpartition(packaged.MARK)
    exact = packaged.find("tasks", SUFFIX, pattern)
    if exact is not None:
        return [_read(exact)]
    tasks = [
        _read(path)
        for package in packaged.usable()
        if not of or package.name == of
        for path in package.files("tasks", SUFFIX).values()
    ]
    return [task for task in tasks if matches(pattern, task)]


def _read(path: Path) -> Task:
    if not os.path.exists(path):
        raise DefinitionError(f"There is no task file {str(path)!r}.")
    return _parsed(read_definition(path), path)


@lru_cache(maxsize=1024)  # all shipped tasks are read for each run of a process that makes many
def _parsed(source: str, path: Path) -> Task:
    content = read_toml(source, path)
    try:
        definition = TaskFile.model_validate(content)
    except ValidationError as error:
        problem = first_problem(error, TaskFile)
        line = line_of_key(source, problem.key)
        raise DefinitionError(
            f"{path}:{line}: {problem.key}: {problem.text.rstrip('.')}."
        ) from None
    return Task(
        name=path.stem,
        # These change how replies are read and scored, not what is asked: a run can go on.
        sha256=hashlib.sha256(_CLUSTER.sub("", _ALIASES.sub("", source)).encode()).hexdigest(),
        **{key: getattr(definition, key) for key in TaskFile.model_fields if key != "aliases"},
        aliases=tuple(definition.aliases.items()),
    )
