"""Reports which jobs this machine is fit for, what is missing, and what to type.

Nothing heavy is imported here: versions come from metadata, GPUs from nvidia-smi and from a
torch in a process of its own with a time limit.
"""

from __future__ import annotations

from mubench_gen.doctor.examination import Expectations, examine
from mubench_gen.doctor.finding import Finding

__all__ = ["Expectations", "Finding", "examine"]
