"""Published results as a reference, kept separate from the results of runs."""

from mubench_gen.compare.published.beside import (
    AxisScore,
    ColumnScore,
    OwnResults,
    OwnScore,
    beside,
    column_reservations,
)
from mubench_gen.compare.published.table import Column, Published, load_published

__all__ = [
    "AxisScore",
    "Column",
    "ColumnScore",
    "OwnResults",
    "OwnScore",
    "Published",
    "beside",
    "column_reservations",
    "load_published",
]
