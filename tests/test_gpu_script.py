"""The script that is run on a GPU, with the shipped models in place of large ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers.packages import package

package("transformers")
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.mark.exhaustive
def test_the_script_compares_hosts_with_models_in_the_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--tiny", "--engines", "transformers"],
        env={**os.environ, "MUBENCH_GEN_CACHE": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    versions, *lines = done.stdout.splitlines()
    assert "torch" in versions
    assert [line.split()[:3] for line in lines] == [
        [name, "transformers", way] for name in ("llava", "clip") for way in ("host", "here")
    ]
    assert all("16/16 answered" in line for line in lines)
