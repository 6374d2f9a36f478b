"""The documents of sweeps and studies, damaged: read, or refused by a RunFolderError."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import Here
from tests.helpers.command import Command
from tests.helpers.mutations import assert_survives, mutated

from mubench_gen.errors import RunFolderError
from mubench_gen.runs.studies import runs_of
from mubench_gen.storage.run_folder import STUDY

ASKED = ("--in-domain", "demo-texture", "--tasks", "demo-texture,modality", "--limit", "2")
DOCUMENT = {
    "format": 1, "settings": {"seed": 0}, "grid": {"prompt": ["a"]}, "models": ["m"],
    "budget": None, "sessions": [], "runs": ["runs/a"], "results": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = Command(folder)("data", "prepare", "demo", "--images", "12", "--out", "demo")
    assert done.code == 0, done.err
    return folder / "demo"


def test_studies(tmp_path: Path, inputs: int) -> None:
    (tmp_path / "runs/a").mkdir(parents=True)

    def read(content: bytes) -> None:
        (tmp_path / STUDY).write_bytes(content)
        runs_of(tmp_path)

    seeds = [json.dumps(DOCUMENT).encode()]
    assert_survives(read, mutated(seeds, inputs), refused=(RunFolderError,))


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"[]", b'{"settings": 1, "sweep": {}, "sessions": []}', b"\xff",
     b'{"settings": {}, "sweep": {}, "sessions": {}}'],
)  # fmt: skip
def test_a_damaged_document_of_a_sweep_is_left_as_it_is(
    here: Here, demo: Path, tmp_path: Path, content: bytes
) -> None:
    pytest.importorskip("torch", reason="the tiny models need the extra transformers")
    (tmp_path / "s").mkdir()
    (tmp_path / "s/sweep.json").write_bytes(content)
    done = here(
        "sweep", "--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned",
        *ASKED, "--data", demo, "--run-dir", "s",
    )  # fmt: skip
    assert done.code == 2
    assert str(tmp_path / "s/sweep.json") in done.err or "s/sweep.json" in done.err
    assert (tmp_path / "s/sweep.json").read_bytes() == content


LONG = "./" + "a" * 300


@pytest.mark.parametrize("path", [LONG, "b/" * 2_500, "./loop", "./loop/x"])
@pytest.mark.parametrize("where", ["--out", "--base", "--finetuned", "--html", "--forgetting"])
def test_paths_that_the_system_cannot_follow_are_one_message(
    here: Here, demo: Path, tmp_path: Path, path: str, where: str
) -> None:
    from mubench_gen_plugins.tiny import WEIGHTS

    (tmp_path / "loop").symlink_to("loop")
    sides = {"--base": WEIGHTS / "clip", "--finetuned": WEIGHTS / "clip-finetuned"}
    sweep = ("sweep", "--plugin", "clip", *ASKED, "--data", demo)
    if where == "--out":
        done = here("merge", *sides.values(), "--alpha", "0.5", "--out", path)
    elif where == "--forgetting":
        done = here("report", "--forgetting", path)
    else:
        flags = {**sides, where: path}
        done = here(*sweep, *(word for pair in flags.items() for word in pair))
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.glob("sweeps"))
