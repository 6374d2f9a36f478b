"""What of this machine is fit for which job, what isn't, and what to type.

Nothing heavy is imported here: versions come from metadata, GPUs from nvidia-smi and from a
torch in a process of its own with a time limit.
"""

from __future__ import annotations

from mubench_gen.doctor.examination import Asked, examine
from mubench_gen.doctor.finding import Finding

__all__ = ["Asked", "Finding", "examine"]
