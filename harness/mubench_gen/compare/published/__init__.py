"""The paper's results as a reference, kept separate from the results of runs."""

from mubench_gen.compare.published.beside import AxisScore, ColumnScore, OwnResults, beside
from mubench_gen.compare.published.comparable import reservations
from mubench_gen.compare.published.table import Column, Published, load_published

__all__ = [
    "AxisScore",
    "Column",
    "ColumnScore",
    "OwnResults",
    "Published",
    "beside",
    "load_published",
    "reservations",
]
