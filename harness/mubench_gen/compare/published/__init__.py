"""The paper's results as a reference: shown beside a run, never mixed with it."""

from mubench_gen.compare.published.beside import Axis, Beside, Cell, beside
from mubench_gen.compare.published.comparable import reservations
from mubench_gen.compare.published.table import Column, Published, load_published

__all__ = [
    "Axis",
    "Beside",
    "Cell",
    "Column",
    "Published",
    "beside",
    "load_published",
    "reservations",
]
