"""Protocols compared: the official rule of μ-Bench, its interval, and why two protocols differ."""

from mubench_gen.compare.protocols.bootstrap import basic_bootstrap
from mubench_gen.compare.protocols.causes import CAUSES, Cause, Causes
from mubench_gen.compare.protocols.difference import (
    ProtocolDifference,
    Step,
    difference,
    shared_numbers,
)
from mubench_gen.compare.protocols.reading import PartScore, group_of, part_scores, read_run
from mubench_gen.compare.protocols.rule import paper_compat

__all__ = [
    "CAUSES",
    "Cause",
    "Causes",
    "PartScore",
    "ProtocolDifference",
    "Step",
    "basic_bootstrap",
    "difference",
    "group_of",
    "paper_compat",
    "part_scores",
    "read_run",
    "shared_numbers",
]
