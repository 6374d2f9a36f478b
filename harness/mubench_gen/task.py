"""Task definitions: TOML files in `tasks/`, one a task."""

from __future__ import annotations

import fnmatch
import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mubench_gen.definitions import first_problem, known_files, line_of_key
from mubench_gen.errors import DefinitionError, did_you_mean
from mubench_gen.types import Task

SUFFIX = ".toml"


class TaskFile(BaseModel):
    """The keys of a task's TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(description="what the task is called in tables")
    group: str = Field(description="coarse, fine, cognition, localization, or your own")
    question: str = Field(description="the key in a row's `questions`")
    datasets: tuple[str, ...] = Field((), description="data sets it is asked of; none: of all")
    source: str = Field("", description="where the task comes from")
    fields: dict[str, Any] = Field(
        default_factory=dict, description="entries of your own, for templates as task.NAME"
    )


def task_names() -> dict[str, Path]:
    """The shipped tasks, by name."""
    return known_files("tasks", SUFFIX)


def load_task(name: str) -> Task:
    """The task of that name, or in that file."""
    path = task_names().get(name)
    return _read(path if path is not None else Path(name).expanduser())


def load_tasks(wanted: Sequence[str] = ()) -> list[Task]:
    """Tasks by name, group, glob or file; all shipped ones where none is wanted.

    Each comes once, in the order of `wanted` and then by name.
    """
    shipped = [_read(path) for path in task_names().values()]
    if not wanted:
        return shipped
    chosen: dict[str, Task] = {}
    for pattern in wanted:
        for task in _select(pattern, shipped):
            earlier = chosen.setdefault(task.name, task)
            if earlier.sha256 != task.sha256:
                raise DefinitionError(
                    f"Two different tasks are named {task.name!r}; rename the file {pattern!r}."
                )
    return list(chosen.values())


def _select(pattern: str, shipped: Sequence[Task]) -> list[Task]:
    path = Path(pattern).expanduser()
    if pattern.endswith(SUFFIX) or "/" in pattern:
        return [_read(path)]
    found = [
        task
        for task in shipped
        if task.name == pattern or task.group == pattern or fnmatch.fnmatchcase(task.name, pattern)
    ]
    if not found:
        known = {task.name for task in shipped} | {task.group for task in shipped}
        raise DefinitionError(
            f"There is no task {pattern!r}. {did_you_mean(pattern, known)} "
            "`mubench-gen tasks` lists them; a path to a .toml file works too."
        )
    return found


def _read(path: Path) -> Task:
    try:
        source = path.read_text(encoding="utf-8")
        definition = TaskFile.model_validate(tomllib.loads(source))
    except FileNotFoundError:
        raise DefinitionError(f"There is no task file {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path}: cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{path}: no valid TOML: {error}.") from None
    except ValidationError as error:
        problem = first_problem(error, TaskFile)
        line = line_of_key(source, problem.key)
        raise DefinitionError(
            f"{path}:{line}: {problem.key}: {problem.text.rstrip('.')}."
        ) from None
    return Task(
        name=path.stem,
        sha256=hashlib.sha256(source.encode()).hexdigest(),
        **{key: getattr(definition, key) for key in TaskFile.model_fields},
    )
