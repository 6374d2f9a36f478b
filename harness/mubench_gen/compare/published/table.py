"""Reads published numbers: TOML files, each of one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mubench_gen.errors import DefinitionError, did_you_mean
from mubench_gen.plugins import task_packages as packages
from mubench_gen.scores.protocols.definition import Data, Number
from mubench_gen.scores.protocols.files import Protocol, load_protocol, read_file
from mubench_gen.scores.protocols.numbers import numbers_of
from mubench_gen.storage.paths import is_file, user_path

KIND, SUFFIX = "published", ".toml"
SHIPPED = "ubench"
Cell = tuple[float, float | None]  # a value in %, and half of its interval where there is one


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Part):
    """A column: a number of the protocol. `variants`: other sizes of the same data."""

    title: str
    n: int = Field(ge=1, description="questions")
    variants: dict[str, int] = Field(default_factory=dict)
    number: str = Field("", description="the protocol's number; none: of the column's own name")
    metric: Literal["accuracy", "macro-f1", "auc"] | None = Field(
        None, description="checked against the protocol's"
    )


class Merging(_Part):
    """The weight-merging figure: `read_off` is the error of reading it, in points.

    `models` maps a model to its values on the axes fine_he, fine_all, coarse_he, coarse_all;
    `datasets` are the H&E subset.
    """

    read_off: float
    fine_axis: str
    datasets: tuple[str, ...]
    models: dict[str, dict[str, float]]


class TableFile(_Part):
    """The keys of a table's file."""

    source: str = Field(description="where the numbers were published")
    protocol: str = Field(description="the protocol that they are of: a name or a file")
    data: Data | None = Field(None, description="the data; none: the protocol's")
    columns: dict[str, Column]
    models: dict[str, dict[str, float | tuple[float, float]]]
    merging: Merging | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """`models` maps a model to (value in %, half-width or None) for each column."""

    name: str
    source: str
    protocol: Protocol
    columns: Mapping[str, Column]
    models: Mapping[str, Mapping[str, Cell]]
    merging: Merging | None

    def number(self, column: str) -> Number:
        """The protocol's number that the column shows."""
        return numbers_of(self.protocol)[self.columns[column].number or column]

    def as_dict(self) -> dict[str, Any]:
        """The table for JSON."""
        file = self.protocol.file
        prompts = {
            f"{kind}_prompt": ", ".join(asking.prompt)
            for kind, asking in (("generative", file.generative), ("contrastive", file.contrastive))
            if asking is not None
        }
        return {
            "source": self.source,
            "protocol": {
                "scorer": self.protocol.name,
                **prompts,
                "revision": file.data.revision if file.data else None,
            },
            "columns": {
                name: column.model_dump(exclude_none=True, exclude={"number"})
                for name, column in self.columns.items()
            },
            "models": self.models,
            "merging": None if self.merging is None else self.merging.model_dump(),
        }


def load_published(name: str = SHIPPED) -> Published:
    """The published table of that name, or in that file; by default that of μ-Bench's paper."""
    path = _find(name)
    _, table = read_file(path, TableFile)
    own = path.parent / table.protocol
    protocol = load_protocol(str(own) if is_file(own) else table.protocol)
    if table.data is not None:
        file = protocol.file.model_copy(update={"data": table.data})
        protocol = Protocol(protocol.name, protocol.path, protocol.sha256, file)
    found = Published(
        name=path.stem,
        source=table.source,
        protocol=protocol,
        columns=table.columns,
        models={
            model: {column: _cell(cell) for column, cell in cells.items()}
            for model, cells in table.models.items()
        },
        merging=table.merging,
    )
    _check(found, path)
    return found


def _find(name: str) -> Path:
    shipped = {path.stem: path for path in Path(__file__).parent.glob(f"*{SUFFIX}")}
    if name in shipped:
        return shipped[name]
    if name.endswith(SUFFIX) or "/" in name:
        if is_file(path := user_path(name)):
            return path
        raise DefinitionError(f"There is no file of published numbers {name!r}.")
    packaged = packages.find(KIND, SUFFIX, name)
    if packaged is not None:
        return packaged
    near = did_you_mean(name, [*shipped, *packages.names(KIND, SUFFIX)])
    raise DefinitionError(
        f"There is no table of published numbers {name!r}. {near} A path to a .toml file works too."
    )


def _cell(cell: float | tuple[float, float]) -> Cell:
    return cell if isinstance(cell, tuple) else (cell, None)


def _check(table: Published, path: Path) -> None:
    """DefinitionError for a column that the protocol has no number for, and the like."""
    known = numbers_of(table.protocol)
    for name, column in table.columns.items():
        number = known.get(column.number or name)
        if number is None:
            raise DefinitionError(
                f"{path}: columns.{name}: {table.protocol.name} has no number "
                f"{column.number or name!r}. {did_you_mean(column.number or name, known)}"
            )
        if column.metric not in (None, number.metric):
            raise DefinitionError(
                f"{path}: columns.{name}: metric = {column.metric!r}, and that number of "
                f"{table.protocol.name} is {number.metric}."
            )
    for model, cells in table.models.items():
        if unknown := [name for name in cells if name not in table.columns]:
            raise DefinitionError(f"{path}: models.{model}: there is no column {unknown[0]!r}.")
