"""Reads the published numbers from table.toml in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mubench_gen.prompts.toml_files import read_toml


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its number of questions, and the numbers in later tables."""

    title: str
    n: int
    variants: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the paper asked and scored; a comparable run must do the same."""

    scorer: str
    generative_prompt: str
    contrastive_prompt: str
    revision: str


@dataclass(frozen=True, slots=True)
class Merging:
    """The weight-merging figure: `read_off` is the error of reading it, in points.

    `models` maps a model to its values on the axes fine_he, fine_all, coarse_he, coarse_all;
    `datasets` are the H&E subset.
    """

    read_off: float
    fine_axis: str
    datasets: tuple[str, ...]
    models: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Published:
    """`models` maps a model to (accuracy in %, half-width) for each column."""

    source: str
    protocol: Protocol
    columns: Mapping[str, Column]
    models: Mapping[str, Mapping[str, tuple[float, float]]]
    merging: Merging


@lru_cache(maxsize=1)
def load_published() -> Published:
    """The published table."""
    path = Path(__file__).with_name("table.toml")
    table = read_toml(path.read_text(encoding="utf-8"), path)
    merging = table["merging"]
    return Published(
        source=table["source"],
        protocol=Protocol(**table["protocol"]),
        columns={
            name: Column(column["title"], column["n"], column.get("variants", {}))
            for name, column in table["columns"].items()
        },
        models={
            model: {name: (float(cell[0]), float(cell[1])) for name, cell in cells.items()}
            for model, cells in table["models"].items()
        },
        merging=Merging(**{**merging, "datasets": tuple(merging["datasets"])}),
    )
