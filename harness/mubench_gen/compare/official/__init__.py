"""The official μ-Bench scorer beside ours: its rule, its interval, and where the two part."""

from mubench_gen.compare.official.bootstrap import basic_bootstrap
from mubench_gen.compare.official.causes import CAUSES, Cause, cause_of
from mubench_gen.compare.official.compared import (
    Compared,
    Count,
    Difference,
    OfficialScore,
    compare_scorers,
)
from mubench_gen.compare.official.rule import hit_of, paper_compat

__all__ = [
    "CAUSES",
    "Cause",
    "Compared",
    "Count",
    "Difference",
    "OfficialScore",
    "basic_bootstrap",
    "cause_of",
    "compare_scorers",
    "hit_of",
    "paper_compat",
]
