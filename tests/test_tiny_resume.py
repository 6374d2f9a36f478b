"""The shipped models, killed and given the same command again, end as if undisturbed."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from mubench_gen import load_run
from mubench_gen.data.demo import write_demo

from .helpers.packages import package
from .spine import command, command_line, environment

package("torch", "the tiny models need the extra [transformers]")
KILLS = 3


@pytest.fixture(scope="module")
def micrographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty images of the demo's generator, 300 questions."""
    folder = tmp_path_factory.mktemp("data") / "micrographs"
    (folder / "images").mkdir(parents=True)
    write_demo(folder, images=50)
    return folder


def kill_after_a_batch(words: list[str], records: Path, moment: random.Random) -> None:
    """kill -9 the command once it has written something more, or a little later."""
    size = records.stat().st_size if records.exists() else 0
    process = subprocess.Popen(
        command_line(*words),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and (not records.exists() or records.stat().st_size <= size):
        time.sleep(0.002)
    time.sleep(moment.uniform(0, 0.05))
    process.kill()
    process.wait()


@pytest.mark.exhaustive
@pytest.mark.parametrize("model", ["llava", "clip"])
def test_kills_change_no_answer_of_a_real_model(
    model: str, micrographs: Path, tmp_path: Path
) -> None:
    words = ["eval", "--plugin", "tiny", "--model", model, "--data", str(micrographs)]
    words += ["--tasks", "coarse", "--batch-size", "8", "--run-dir"]
    folder, moment = tmp_path / "killed", random.Random(5)
    seen: dict[str, int] = {}
    for _ in range(KILLS):
        kill_after_a_batch([*words, str(folder)], folder / "records.jsonl", moment)
        kept = {record["id"]: index for index, record in enumerate(load_run(folder).records())}
        assert seen.items() <= kept.items(), "a finished record was lost or written again"
        seen = kept
    assert 0 < len(seen) < 250
    assert command(*words, folder).returncode == 0
    assert command(*words, tmp_path / "whole").returncode == 0
    killed, whole = load_run(folder).frame(), load_run(tmp_path / "whole").frame()
    killed, whole = killed.set_index("id").sort_index(), whole.set_index("id").sort_index()
    assert len(whole) == 250
    for column in ("key", "reply", "status", "choice", "correct", "gold"):
        assert killed[column].tolist() == whole[column].tolist()
