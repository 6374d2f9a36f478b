"""The conformance kit: does a plugin's model keep what the harness relies on?

    import mubench_gen.testing

    @mubench_gen.testing.parametrize_with_checks("my-plugin")
    def test_it_conforms(check):
        check()

Without pytest: `check_plugin("my-plugin")`, or the command `mubench-gen plugins check`.
The names of the checks are stable; docs/conformance.md says of each what it wants.
"""

from __future__ import annotations

from mubench_gen.testing.check import CHECKS, Check, CheckFailed, Result
from mubench_gen.testing.kit import check_plugin, parametrize_with_checks

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailed",
    "Result",
    "check_plugin",
    "parametrize_with_checks",
]
