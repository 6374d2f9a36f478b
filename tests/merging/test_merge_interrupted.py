"""A merge that is killed: nothing looks complete, and the same command continues."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.interpolation.merge.shard_writer import ShardWriter

from .conftest import Here, assert_same, near, read, save, torch, toy

FLAGS = ("--alpha", "0.25,0.5", "--out", "m")
SHARDS = 4
TENSORS = len(toy())
IN_TWO = len(list(toy())[0::SHARDS]) + len(list(toy())[1::SHARDS])  # tensors of two shards
# A merge that stops for good where it would write one more tensor (the first tensor of the third
# shard), as kill -9, an interrupt or a full disk would.
STOPPING = """
import os, sys
from mubench_gen.interpolation.merge.shard_writer import ShardWriter
write, begun = ShardWriter._write_tensor, []
def stopping(self, *args):
    if len(begun) == {after}:
        print("stopped", flush=True)
        {stop}
    begun.append(args)
    return write(self, *args)
ShardWriter._write_tensor = stopping
from mubench_gen.__main__ import main
sys.argv = ["mubench-gen", *sys.argv[1:]]
main()
"""


@pytest.fixture
def sides(tmp_path: Path) -> list[Path]:
    return [
        save(tmp_path / name, state, shards=SHARDS)
        for name, state in (("base", toy()), ("tuned", near(toy())))
    ]


@pytest.fixture
def undisturbed(sides: list[Path], here: Here, tmp_path: Path) -> dict[str, Any]:
    """The tensors of one α, merged without interruption."""
    assert here("merge", *sides, "--alpha", "0.5", "--out", "whole").code == 0
    return read(tmp_path / "whole")


KILL = "os.kill(os.getpid(), 9)"


def stopped(
    folder: Path, sides: list[Path], stop: str = KILL, after: int = IN_TWO
) -> subprocess.CompletedProcess[str]:
    code = STOPPING.format(stop=stop, after=after)
    return subprocess.run(
        [sys.executable, "-c", code, "merge", *map(str, sides), *FLAGS],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (KILL, -signal.SIGKILL),
        pytest.param("os.kill(os.getpid(), 15)", 143, marks=pytest.mark.exhaustive),
        pytest.param("os.kill(os.getpid(), 2)", 130, marks=pytest.mark.exhaustive),
        ("raise OSError(28, 'No space left on device')", 2),
    ],
)
def test_what_was_finished_is_kept_and_the_rest_is_done(
    tmp_path: Path,
    here: Here,
    sides: list[Path],
    undisturbed: dict[str, Any],
    stop: str,
    code: int,
) -> None:
    left = stopped(tmp_path, sides, stop)
    assert left.returncode == code, left.stderr
    assert not (tmp_path / "m").exists()
    partial = tmp_path / ".m.partial"
    assert not list(partial.glob("**/config.json"))
    assert not list(partial.glob("**/*.index.json"))
    finished = sorted(partial.glob("**/*.safetensors"))
    assert len(finished) == 2 * 2  # shards × α
    times = {path.name: path.stat().st_mtime_ns for path in finished if "0.5" in str(path)}
    (partial / "alpha-0.5/.merge.json-abcdefgh").write_text("begun by one that was killed")
    done = here("merge", *sides, *FLAGS)
    assert done.code == 0, done.err
    assert f"2 of {SHARDS} shards were finished and are unchanged" in done.err
    assert not partial.exists()
    assert_same(read(tmp_path / "m/alpha-0.5"), undisturbed)
    merged = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "m/alpha-0.5").iterdir()}
    assert times.items() <= merged.items()
    assert not [name for name in merged if name.startswith(".")]


def test_the_report_covers_shards_of_before_the_interruption(
    tmp_path: Path, here: Here, sides: list[Path]
) -> None:
    stopped(tmp_path, sides)
    resumed = here("merge", *sides, *FLAGS, "--json").document
    whole = here("merge", *sides, *FLAGS[:2], "--out", "whole", "--json").document
    assert {k: v for k, v in resumed.items() if k != "folders"} == {
        k: v for k, v in whole.items() if k != "folders"
    }


def test_a_finished_shard_that_was_damaged_is_written_again(
    tmp_path: Path, here: Here, sides: list[Path], undisturbed: dict[str, Any]
) -> None:
    stopped(tmp_path, sides)
    shard = sorted((tmp_path / ".m.partial/alpha-0.5").glob("*.safetensors"))[0]
    content = bytearray(shard.read_bytes())
    content[-5] ^= 1
    shard.write_bytes(content)
    done = here("merge", *sides, *FLAGS)
    assert f"{shard.name} has changed since it was written, and is written again" in done.err
    assert f"1 of {SHARDS} shards were finished" in done.err
    assert_same(read(tmp_path / "m/alpha-0.5"), undisturbed)


@pytest.fixture
def whole_files(tmp_path: Path) -> list[Path]:
    """Checkpoints of one file each."""
    return [
        save(tmp_path / name, state) for name, state in (("one", toy()), ("other", near(toy())))
    ]


@pytest.mark.parametrize("after", [0, 5, TENSORS - 1])
def test_a_merge_killed_within_a_file_writes_that_file_again(
    tmp_path: Path, here: Here, whole_files: list[Path], after: int
) -> None:
    assert stopped(tmp_path, whole_files, after=after).returncode == -signal.SIGKILL
    assert not (tmp_path / "m").exists()
    assert not list((tmp_path / ".m.partial").glob("**/*.safetensors"))  # none looks whole
    resumed = here("merge", *whole_files, *FLAGS, "--json")
    assert resumed.code == 0, resumed.err
    whole = here("merge", *whole_files, *FLAGS[:2], "--out", "whole", "--json")
    for alpha in ("alpha-0.25", "alpha-0.5"):
        file = f"{alpha}/model.safetensors"
        assert (tmp_path / "m" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert {**resumed.document, "folders": None} == {**whole.document, "folders": None}


def test_no_finished_shard_is_merged_again(
    tmp_path: Path, here: Here, sides: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(tmp_path, sides)
    write, written = ShardWriter.write, []

    def writing(self: ShardWriter, tensors: Any, files: Any) -> Any:
        written.extend(one.name for one in tensors)
        return write(self, tensors, files)

    with monkeypatch.context() as patched:
        patched.setattr(ShardWriter, "write", writing)
        assert here("merge", *sides, *FLAGS).code == 0
    names = list(toy())
    assert sorted(written) == sorted(names[2::SHARDS] + names[3::SHARDS])


@pytest.mark.first(2)
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content.replace(b'"difference": ', b'"difference": -', 1),
        lambda content: b"\x00" * 100,
        lambda content: b"[]",
    ],
    ids=["torn", "flipped", "zeros", "another"],
)
def test_a_damaged_record_of_a_shard_is_as_if_never_written(
    tmp_path: Path,
    here: Here,
    sides: list[Path],
    undisturbed: dict[str, Any],
    damage: Callable[[bytes], bytes],
) -> None:
    """What it says of a tensor goes into the report: a digit that flips must not."""
    stopped(tmp_path, sides)
    record = sorted((tmp_path / ".m.partial/.progress").glob("model-*.json"))[0]
    record.write_bytes(damage(record.read_bytes()))
    done = here("merge", *sides, *FLAGS, "--json")
    assert f"1 of {SHARDS} shards were finished" in done.err
    assert_same(read(tmp_path / "m/alpha-0.5"), undisturbed)
    whole = here("merge", *sides, *FLAGS[:2], "--out", "again", "--json")
    assert {**done.document, "folders": None} == {**whole.document, "folders": None}


def test_settings_of_a_begun_merge_that_cannot_be_read_begin_anew(
    tmp_path: Path, here: Here, sides: list[Path], undisturbed: dict[str, Any]
) -> None:
    stopped(tmp_path, sides)
    (tmp_path / ".m.partial/.progress/settings.json").write_bytes(b"\x00" * 100)
    done = here("merge", *sides, *FLAGS)
    assert done.code == 0, done.err
    assert "starting anew" in done.err
    assert_same(read(tmp_path / "m/alpha-0.5"), undisturbed)


def test_another_merge_or_changed_inputs_begin_anew(
    tmp_path: Path, here: Here, sides: list[Path]
) -> None:
    stopped(tmp_path, sides)
    done = here("merge", *sides, "--alpha", "0.75", "--out", "m")
    assert done.code == 0
    assert "starting anew" in done.err
    shutil.rmtree(tmp_path / "m")
    stopped(tmp_path, sides)
    other = near(toy(), seed=5)
    save(sides[1], other, shards=SHARDS)
    done = here("merge", *sides, *FLAGS)
    assert "starting anew" in done.err
    name = "vision.layers.0.fc.weight"
    torch.testing.assert_close(
        read(tmp_path / "m/alpha-0.5")[name], (toy()[name] + other[name]) / 2
    )


def test_two_merges_into_one_folder_do_not_mix(
    tmp_path: Path, here: Here, sides: list[Path]
) -> None:
    waiting = subprocess.Popen(
        [
            sys.executable, "-c", STOPPING.format(stop="import time; time.sleep(60)", after=IN_TWO),
            "merge", *map(str, sides), *FLAGS,
        ],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "stopped\n"
        done = here("merge", *sides, *FLAGS)
        assert done.code == 2
        assert "another process merges into it" in done.err
    finally:
        waiting.kill()
        waiting.communicate()
    assert here("merge", *sides, *FLAGS).code == 0


def test_a_write_that_fails_for_real_is_one_message_and_resumes(
    tmp_path: Path, here: Here, sides: list[Path], undisturbed: dict[str, Any]
) -> None:
    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    left = subprocess.run(
        [sys.executable, "-m", "mubench_gen", "merge", *map(str, sides), *FLAGS],
        cwd=tmp_path, capture_output=True, text=True, preexec_fn=no_large_files, timeout=240,
        check=False,
    )  # fmt: skip
    assert left.returncode == 2
    assert "File too large" in left.stderr
    assert "the same command continues" in left.stderr
    assert not (tmp_path / "m").exists()
    assert here("merge", *sides, *FLAGS).code == 0
    assert_same(read(tmp_path / "m/alpha-0.5"), undisturbed)
