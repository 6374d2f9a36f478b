"""benchmarks/chaos.py, in small; in `make test-all` as docs/benchmarks.md has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[1] / "benchmarks" / "chaos.py"
_FEW = ("--kills", "1", "--truncations", "9", "--flips", "9", "--faults", "3", "--resumed", "9",
        "--images", "20")  # fmt: skip


@pytest.mark.parametrize(
    "given", [_FEW, pytest.param((), marks=pytest.mark.exhaustive, id="exhaustive")]
)
def test_nothing_is_lost_or_wrong_whatever_happens_to_a_run_folder(
    given: tuple[str, ...], tmp_path: Path
) -> None:
    words = [sys.executable, str(_SCRIPT), *given, "--folder", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
