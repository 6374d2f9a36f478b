"""A run as an object, and where runs are put."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import mubench_gen
from mubench_gen import RunFolderError, load_run

from .conftest import Here
from .spine import evaluate, make_row, write_data, write_plugin


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i) for i in range(8)])


def test_frame_has_a_row_a_record(cells: Path, tmp_path: Path) -> None:
    evaluate("echo", tmp_path / "run", data=cells)
    run = load_run(str(tmp_path / "run"))
    frame = run.frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 40
    assert list(frame["id"]) == [record["id"] for record in run.records()]
    assert frame["correct"].mean() == pytest.approx(run.scores.pooled.accuracy)
    assert frame.iloc[3].to_dict()["options"] == list(run.records())[3]["options"]


def test_frame_takes_the_last_of_a_retried_item(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("FAULTY", str(tmp_path / "faulty"))
    plugin = write_plugin(tmp_path)
    (tmp_path / "faulty").touch()
    first = evaluate(plugin, tmp_path / "run", data=cells).frame()
    assert (first["status"] == "error").any()
    assert first["error"].map(bool).sum() == (first["status"] == "error").sum()
    (tmp_path / "faulty").unlink()
    second = evaluate(plugin, tmp_path / "run", data=cells).frame()
    assert len(second) == 40
    assert (second["status"] == "answered").all()


def test_evaluate_and_load_run_give_the_same_run(cells: Path, tmp_path: Path) -> None:
    made = evaluate("echo", tmp_path / "run", data=cells)
    loaded = load_run(made.dir)
    assert loaded.scores == made.scores
    assert loaded.manifest == made.manifest
    assert loaded.summary() == made.summary()
    assert json.loads(json.dumps(made.summary())) == json.loads(
        (made.dir / "scores.json").read_text()
    )


def test_load_run_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        load_run(tmp_path)


def test_a_run_is_named_by_plugin_model_and_settings(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = mubench_gen.evaluate(plugin="echo", data=cells)
    assert one.dir.parent == Path("runs")
    assert one.dir.name.startswith("echo-echo-")
    assert len(one.dir.name) == len("echo-echo-") + 8
    assert mubench_gen.evaluate(plugin="echo", data=cells, batch_size=3).dir == one.dir
    assert mubench_gen.evaluate(plugin="echo", data=cells, limit=3).dir != one.dir
    fresh = mubench_gen.evaluate(plugin="echo", data=cells, fresh=True)
    assert fresh.dir == Path(f"{one.dir}-2")
    assert mubench_gen.evaluate(plugin="echo", data=cells, fresh=True).dir == Path(f"{one.dir}-3")


def test_fresh_leaves_a_named_folder_alone(cells: Path, tmp_path: Path) -> None:
    evaluate("echo", tmp_path / "run", data=cells)
    other = evaluate("echo", tmp_path / "run", data=cells, limit=2, fresh=True)
    assert other.dir == tmp_path / "run-2"
    assert evaluate("echo", tmp_path / "new", data=cells, fresh=True).dir == tmp_path / "new"


def test_several_plugins_with_one_run_dir_have_a_folder_each(
    here: Here, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = write_plugin(tmp_path)
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    words = ("eval", "--plugin", f"echo,{plugin}", "--data", cells, "--run-dir", tmp_path / "D")
    done = here(*words, "--json")
    assert done.code == 0, done.err
    assert sorted(p.name for p in (tmp_path / "D").iterdir()) == ["asked-asked", "echo-echo"]
    document = done.document
    assert [run["run_dir"] for run in document["runs"]] == [
        str(tmp_path / "D" / "echo-echo"),
        str(tmp_path / "D" / "asked-asked"),
    ]
    for name in ("asked-asked", "echo-echo"):
        assert load_run(tmp_path / "D" / name).complete
    monkeypatch.setenv("ASKED", str(tmp_path / "asked-again"))
    assert here(*words, "--json").document == document
    assert not (tmp_path / "asked-again").exists()


def test_two_models_of_one_name_do_not_share_a_folder(
    here: Here, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    one, other = write_plugin(tmp_path / "a"), write_plugin(tmp_path / "b")
    other.write_text(other.read_text() + "# another\n")
    words = ("eval", "--plugin", f"{one},{other}", "--data", cells, "--run-dir", tmp_path / "D")
    refused = here(*words)
    assert refused.code == 2
    assert "asked-asked" in refused.err
    assert not (tmp_path / "asked").exists(), "it is refused before anything is asked"
