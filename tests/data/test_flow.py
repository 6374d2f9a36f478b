"""The release's files, with all their traps, through the whole flow and the commands."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.tasks.task import load_tasks

from .release import counted, make_png, trapped_rows, with_question, write_shards

OUTSIDE = ("opencell", "sirinukunwattana_et_al_2016")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write_shards(folder, trapped_rows())
    return folder


def expected_tasks(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Task → questions, from the rows as they were written."""
    fine = {task.datasets[0]: task.name for task in load_tasks(["fine-all", "opencell"])}
    found: Counter[str] = Counter()
    for (dataset, question), n in counted(rows).items():
        if question != "classification":
            found[question] += n if dataset not in OUTSIDE else 0
        else:
            found[fine[dataset]] += n
    return dict(found)


@pytest.mark.first(2)
@pytest.mark.parametrize(("plugin", "model"), [("echo", None), ("tiny", "clip"), ("tiny", "llava")])
def test_a_file_set_with_all_the_traps_evaluates_end_to_end(
    data: Path, tmp_path: Path, plugin: str, model: str | None
) -> None:
    if plugin == "tiny":
        pytest.importorskip("torch", reason="the tiny models need mubench-gen[transformers]")
    run = mubench_gen.evaluate(
        plugin=plugin, model=model, data=str(data), run_dir=tmp_path / "run", device="cpu"
    )
    scores = run.summary()["scores"]
    found = {name: score["n"] for name, score in scores["tasks"].items()}
    assert found == expected_tasks(trapped_rows())
    assert scores["pooled"]["n_errors"] == 0
    records = list(run.records())
    assert len({record["id"] for record in records}) == len(records)
    assert {record["dataset"] for record in records} >= {
        "held_et_al_2010_h2b",
        "held_et_al_2010_galt",
    }


def test_an_image_with_six_questions_is_read_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen.data.arrow_file import ArrowFile

    read: Counter[int] = Counter()
    original = ArrowFile._read

    def counting(self: ArrowFile, position: int, length: int) -> bytes:
        read[position] += 1
        return original(self, position, length)

    monkeypatch.setattr(ArrowFile, "_read", counting)
    mubench_gen.evaluate(plugin="echo", data=str(data / "ubench-test-00000-of-00003.arrow"),
                         run_dir=tmp_path / "run")  # fmt: skip
    assert len(read) == 3
    assert set(read.values()) == {1}


def test_data_info_equals_counts_made_independently(here: Any, data: Path) -> None:
    rows = trapped_rows()
    outcome = here("data", "info", data, "--json")
    assert outcome.code == 0, outcome.err
    info = outcome.document
    asked = counted(rows)
    assert info["rows"] == len(rows)
    assert info["images"] == len({row["image_id"] for row in rows})
    assert info["questions"] == sum(asked.values())
    assert {
        (name, question): n
        for name, one in info["datasets"].items()
        for question, n in one["questions"].items()
    } == asked
    counts = {name: task["questions"] for name, task in info["tasks"].items()}
    assert counts == expected_tasks(rows)
    assert info["tasks"]["modality"]["chance"] == pytest.approx(1 / 4)
    assert info["licences"] == {"CC-BY-4.0": 9, "CC-BY-NC-4.0": 1}
    assert info["non_commercial"] == {"CC-BY-NC-4.0": {"acevedo_et_al_2020": 1}}
    assert "CC-BY-NC-4.0" in here("data", "info", data).out


def test_the_licence_filter_is_a_setting_of_eval(here: Any, data: Path) -> None:
    run = ("eval", "--plugin", "echo", "--data", data, "--tasks", "modality", "--run-dir", "run")
    outcome = here(*run, "--licenses", "commercial", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["scores"]["pooled"]["n"] == 7
    none = here(*run, "--licenses", "MIT", "--fresh")
    assert none.code == 2
    assert "leaves no row" in none.err


def test_partial_is_a_setting_of_eval(here: Any, data: Path) -> None:
    (data / "ubench-test-00001-of-00003.arrow").write_bytes(b"")
    run = ("eval", "--plugin", "echo", "--data", data, "--tasks", "modality", "--run-dir", "run")
    broken = here(*run)
    assert broken.code == 2
    assert "00001-of-00003.arrow: the file is empty" in broken.err
    assert "--partial" in broken.err
    outcome = here(*run, "--partial", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["scores"]["pooled"]["n"] == 5


def test_a_faulty_row_ends_the_run_before_anything_is_asked(here: Any, tmp_path: Path) -> None:
    rows = trapped_rows()
    rows[8] = with_question(rows[8], "classification", answer_idx=40)
    write_shards(tmp_path / "data", rows)
    outcome = here("eval", "--plugin", "echo", "--data", tmp_path / "data", "--run-dir", "run")
    assert outcome.code == 2
    assert "00002-of-00003.arrow, row 3" in outcome.err
    assert "questions.classification.answer_idx: 40" in outcome.err
    assert not (tmp_path / "run").exists()
    outcome = here("eval", "--plugin", "echo", "--data", tmp_path / "data", "--run-dir", "run",
                   "--tasks", "modality,fine-all", "--partial", "--json")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "Left out" in outcome.err
    assert "opencell" not in outcome.document["scores"]["datasets"]


def test_a_damaged_image_is_its_items_error_alone(here: Any, tmp_path: Path) -> None:
    rows = trapped_rows()
    rows[6] = {**rows[6], "image": {"bytes": make_png(6)[:-20], "path": None}}
    write_shards(tmp_path / "data", rows)
    run = ("eval", "--plugin", "echo", "--data", tmp_path / "data", "--tasks", "modality")
    outcome = here(*run, "--run-dir", "run", "--json")
    assert outcome.code == 3
    assert outcome.document["scores"]["pooled"]["n_errors"] == 1
    assert "row 1" in outcome.err


def test_an_imported_folder_evaluates_with_the_command_that_is_named(
    here: Any, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.png").write_bytes(make_png(1))
    (photos / "questions.csv").write_text(
        "image,question,options,answer,task\na.png,What colour?,red|blue,blue,colour\n"
    )
    made = here("data", "import", photos, "--out", "mine")
    assert made.code == 0, made.err
    assert made.out.strip() == "mine"
    outcome = here("eval", "--plugin", "echo", "--data", "mine", "--run-dir", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert list(outcome.document["scores"]["tasks"]) == ["colour"]


def test_the_listing_of_tasks_shows_counts_and_chance(here: Any, data: Path) -> None:
    published = {task["name"]: task for task in here("tasks", "--json").document}
    assert published["stain"]["questions"] == 15_196
    assert published["nirschl_et_al_2018"]["chance"] == pytest.approx(1 / 3)
    rows = here("tasks", "modality", "pathology", "--data", data, "--json").document
    shown = {task["name"]: task["questions"] for task in rows}
    assert shown["modality"] == 8
    assert shown["acevedo_et_al_2020"] == 2
    assert re.search(r"^modality .* 16,130 +25.0%", here("tasks").out, re.MULTILINE)


def test_verify_names_the_row_of_a_damaged_image(here: Any, tmp_path: Path) -> None:
    rows = trapped_rows()
    rows[6] = {**rows[6], "image": {"bytes": make_png(6)[:-20], "path": None}}
    folder = tmp_path / "data"
    write_shards(folder, rows)
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("ubench-test", "mine"))
    outcome = here("data", "verify", folder, "--json")
    assert outcome.code == 1
    problems = [one["problem"] for one in json.loads(outcome.out)]
    assert problems[:2] == [None, None]
    assert "row 1" in problems[2]
