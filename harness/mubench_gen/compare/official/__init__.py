"""The official μ-Bench scorer compared with ours: its rule, its interval, the differences."""

from mubench_gen.compare.official.bootstrap import basic_bootstrap
from mubench_gen.compare.official.causes import CAUSES, Cause, cause_of
from mubench_gen.compare.official.compared import (
    CauseDifference,
    Compared,
    Count,
    OfficialScore,
    compare_scorers,
)
from mubench_gen.compare.official.rule import hit_of, paper_compat

__all__ = [
    "CAUSES",
    "Cause",
    "CauseDifference",
    "Compared",
    "Count",
    "OfficialScore",
    "basic_bootstrap",
    "cause_of",
    "compare_scorers",
    "hit_of",
    "paper_compat",
]
