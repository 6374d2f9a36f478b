"""A run in parts, a process each, and the parts joined: as one process would have made it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from mubench_gen import Run, load_run
from mubench_gen.data import open_dataset
from mubench_gen.data.shard import Shard, parse_shard, rows_of
from mubench_gen.storage.records import to_line

from .conftest import Here
from .helpers.command import Outcome
from .spine import (
    ASKED,
    asked_keys,
    by_id,
    command,
    command_line,
    environment,
    evaluate,
    make_row,
    png,
    write_data,
    write_plugin,
)

ROWS = 40
PARTS = 5


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A data set of 40 rows on 39 images, five questions each."""
    rows = [make_row(i) for i in range(ROWS)]
    rows[7] = make_row(7, image="images/30.png")
    return write_data(tmp_path / "cells", rows)


def ask_parts(
    plugin: str | Path, folder: Path, *, parts: int = PARTS, **settings: object
) -> list[Run]:
    return [
        evaluate(plugin, folder / f"part-{i}", shard=f"{i}/{parts}", **settings)
        for i in range(1, parts + 1)
    ]


def join(here: Here, runs: list[Run], *args: str | Path) -> Outcome:
    return here("data", "join", *(run.dir for run in runs), *args)


def test_every_image_is_in_one_shard_wherever_its_rows_stand(cells: Path) -> None:
    dataset = open_dataset(str(cells))
    held = [rows_of(Shard(i, PARTS), dataset) for i in range(1, PARTS + 1)]
    assert [sum(part[row] for part in held) for row in range(ROWS)] == [1] * ROWS
    assert [part[7] for part in held] == [part[30] for part in held], "one image, two shards"
    lines = (cells / "rows.jsonl").read_text().splitlines()
    (cells / "rows.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    turned = rows_of(Shard(2, PARTS), open_dataset(str(cells)))
    assert turned[::-1] == held[1]


def test_an_image_that_cannot_be_read_is_in_one_shard_too(cells: Path) -> None:
    (cells / "images" / "3.png").unlink()
    dataset = open_dataset(str(cells))
    assert sum(rows_of(Shard(i, 3), dataset)[3] for i in (1, 2, 3)) == 1


@pytest.mark.first(2)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"limit": 11, "seed": 3},
        {"orders": "cyclic:2", "repeats": 2, "temperature": 0.5},
        {"control": "shuffled", "tasks": ["stain", "domain"]},
        {"control": "blind"},
    ],
    ids=["all", "a sample", "orders and repeats", "shuffled", "blind"],
)
def test_joined_shards_equal_the_undivided_run(
    here: Here, tmp_path: Path, cells: Path, settings: dict[str, object]
) -> None:
    parts = ask_parts("echo", tmp_path, data=cells, **settings)
    whole = evaluate("echo", tmp_path / "whole", data=cells, **settings)
    done = join(here, parts, "--out", "joined", "--json")
    assert done.code == 0, done.err
    joined = load_run(tmp_path / "joined")
    assert by_id(joined) == by_id(whole)
    stored = json.loads((joined.dir / "scores.json").read_text())
    assert stored["scores"] == json.loads((whole.dir / "scores.json").read_text())["scores"]
    assert done.document["scores"] == stored["scores"]
    assert joined.manifest["id"] == whole.manifest["id"]
    assert joined.manifest["settings"] == whole.manifest["settings"]
    assert joined.complete


@pytest.mark.exhaustive
@pytest.mark.parametrize("model", ["llava", "clip"])
def test_joined_shards_of_a_real_model_equal_the_undivided_run(
    here: Here, tmp_path: Path, cells: Path, model: str
) -> None:
    settings = {"data": cells, "model": model, "tasks": ["modality", "stain"]}
    parts = ask_parts("tiny", tmp_path, **settings)
    assert join(here, parts, "--out", "joined").code == 0
    joined, whole = load_run(tmp_path / "joined"), evaluate("tiny", tmp_path / "whole", **settings)
    assert rounded(joined) == rounded(whole)


def rounded(run: Run) -> dict[str, object]:
    """Scores are floats that depend on the batch in their last digits."""
    records = by_id(run)
    for record in records.values():
        for name in ("scores", "probabilities"):
            if record.get(name) is not None:
                record[name] = [round(value, 4) for value in record[name]]
    return dict(records)


HANGING = ASKED.replace(
    "        return super().generate(requests)",
    """        while os.path.exists(os.environ["HANG"]) and any(
            "stain" in request.text for request in requests
        ):
            time.sleep(0.05)
        return super().generate(requests)""",
).replace("import os\n", "import os\nimport time\n", 1)


@pytest.mark.exhaustive
def test_a_shard_that_never_ends_is_named_and_goes_on_when_it_is_started_again(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    plugin, hang, log = write_plugin(tmp_path, HANGING), tmp_path / "hang", tmp_path / "asked"
    words = ["eval", "--plugin", plugin, "--data", cells, "--batch-size", "1", "--shard"]
    folders = [tmp_path / f"part-{i}" for i in (1, 2, 3)]
    for i in (1, 3):
        done = command(*words, f"{i}/3", "--run-dir", folders[i - 1], ASKED=log, HANG=hang)
        assert done.returncode == 0, done.stderr
    hang.touch()
    endless = subprocess.Popen(
        command_line(*words, "2/3", "--run-dir", folders[1]),
        env=environment(ASKED=log, HANG=hang),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        records = folders[1] / "records.jsonl"
        until = time.monotonic() + 240
        while not (records.exists() and records.stat().st_size) and time.monotonic() < until:
            time.sleep(0.05)
        early = here("data", "join", *folders, "--out", "joined")
        assert early.code == 2
        assert "part-2 (shard 2/3) has " in early.err
    finally:
        endless.kill()
        endless.wait()
    finished = {record["key"] for record in load_run(folders[1]).records()}
    before = len(asked_keys(log))
    hang.unlink()
    again = command(*words, "2/3", "--run-dir", folders[1], ASKED=log, HANG=hang)
    assert again.returncode == 0, again.stderr
    assert not finished & set(asked_keys(log)[before:])
    assert len(asked_keys(log)) - len(set(asked_keys(log))) <= 2, "more than what was in flight"
    assert here("data", "join", *folders, "--out", "joined").code == 0
    joined = load_run(tmp_path / "joined")
    assert {r["key"] for r in joined.records()} == set(asked_keys(log))
    assert joined.complete


def test_the_undivided_command_finds_the_joined_run_finished(
    here: Here, tmp_path: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    plugin = write_plugin(tmp_path)
    words = ["eval", "--plugin", plugin, "--data", cells, "--tasks", "stain"]
    folders = []
    for i in range(1, 4):
        done = here(*words, "--shard", f"{i}/3", "--json")
        assert done.code == 0, done.err
        folders.append(done.document["run_dir"])
    names = {Path(folder).name for folder in folders}
    stem = folders[0].removesuffix("-1-of-3")
    assert {str(Path("runs", name)) for name in names} == {f"{stem}-{i}-of-3" for i in (1, 2, 3)}

    joined = here("data", "join", *folders)
    assert joined.out.strip() == stem
    asked = len(asked_keys(tmp_path / "asked"))
    assert asked == ROWS - 1, "two rows share an image"
    again = here(*words, "--json")
    assert again.code == 0, again.err
    assert again.document["run_dir"] == stem
    assert again.document["complete"]
    assert len(asked_keys(tmp_path / "asked")) == asked


def test_a_missing_and_an_unfinished_shard_are_gaps(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    parts = ask_parts("echo", tmp_path, data=cells)
    without = join(here, [part for i, part in enumerate(parts) if i != 2], "--out", "joined")
    assert without.code == 2
    assert "shard 3/5" in without.err

    records = parts[3].dir / "records.jsonl"
    lines = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(lines[:-2]))
    unfinished = join(here, parts, "--out", "joined")
    assert unfinished.code == 2
    assert f"part-4 (shard 4/5) has {len(lines) - 2} of {len(lines)} items" in unfinished.err
    assert not (tmp_path / "joined").exists()
    assert not list(tmp_path.glob(".joined*"))


def test_a_shard_that_was_made_twice_counts_once_and_must_agree(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    parts = ask_parts("echo", tmp_path, data=cells)
    again = evaluate("echo", tmp_path / "again", data=cells, shard="2/5")
    done = join(here, [*parts, again], "--out", "joined")
    assert done.code == 0, done.err
    assert by_id(load_run(tmp_path / "joined")) == by_id(
        evaluate("echo", tmp_path / "whole", data=cells)
    )

    records = again.dir / "records.jsonl"
    changed = next(again.records())
    changed["reply"] = "none of your business"
    records.write_bytes(records.read_bytes() + to_line(changed))
    refused = join(here, [*parts, again], "--out", "other")
    assert refused.code == 2
    assert changed["id"] in refused.err
    assert "none of your business" in refused.err
    assert "again" in refused.err
    assert not (tmp_path / "other").exists()


def test_of_an_item_that_failed_in_one_folder_the_answer_in_another_counts(
    here: Here, tmp_path: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("FAULTY", str(tmp_path / "faulty"))
    plugin = write_plugin(tmp_path)
    (tmp_path / "faulty").touch()
    parts = ask_parts(plugin, tmp_path, data=cells)
    failed = join(here, parts, "--out", "failed")
    assert failed.code == 3
    assert load_run(tmp_path / "failed").scores.n_errors > 0
    (tmp_path / "faulty").unlink()
    mended = [evaluate(plugin, tmp_path / f"m{i}", data=cells, shard=f"{i}/5") for i in range(1, 6)]
    done = join(here, [*mended, *parts], "--out", "joined")
    assert done.code == 0, done.err
    assert by_id(load_run(tmp_path / "joined")) == by_id(
        evaluate(plugin, tmp_path / "whole", data=cells)
    )


def test_shards_of_different_runs_are_refused_with_what_differs(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    one = evaluate("echo", tmp_path / "one", data=cells, shard="1/2", seed=4)
    other = evaluate("echo", tmp_path / "other", data=cells, shard="2/2", prompt="plain")
    refused = join(here, [one, other], "--out", "joined")
    assert refused.code == 2
    assert "seed: " in refused.err
    assert "prompt: " in refused.err
    assert "temperature" not in refused.err

    third = evaluate("echo", tmp_path / "third", data=cells, shard="2/3", seed=4)
    divided = join(here, [one, third], "--out", "joined")
    assert divided.code == 2
    assert "different divisions" in divided.err

    whole = evaluate("echo", tmp_path / "whole", data=cells)
    assert "no shard" in join(here, [one, whole], "--out", "joined").err


def test_shards_that_saw_other_images_are_refused(here: Here, tmp_path: Path, cells: Path) -> None:
    """The rows are the same on both machines, the files of the images are not."""
    one = evaluate("echo", tmp_path / "one", data=cells, shard="1/2")
    for number in range(20):
        (cells / "images" / f"{number}.png").write_bytes(png(1_000 + number))
    two = evaluate("echo", tmp_path / "two", data=cells, shard="2/2")
    refused = join(here, [one, two], "--out", "joined")
    assert refused.code == 2
    assert ".png: other bytes now" in refused.err
    assert not (tmp_path / "joined").exists()


def test_a_machine_may_lack_the_images_of_other_shards(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    one = evaluate("echo", tmp_path / "one", data=cells, shard="1/2")
    shown = {record["image_id"] for record in one.records()}
    for line in (cells / "rows.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        image = cells / row["image"]["path"]
        if row["image_id"] in shown and image.exists():
            image.rename(tmp_path / image.name)
    two = evaluate("echo", tmp_path / "two", data=cells, shard="2/2")
    assert join(here, [one, two], "--out", "joined").code == 0
    for image in tmp_path.glob("*.png"):
        image.rename(cells / "images" / image.name)
    assert evaluate("echo", tmp_path / "joined", data=cells).complete


def test_there_may_be_more_shards_than_images(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "two", [make_row(0), make_row(1)])
    parts = ask_parts("echo", tmp_path, parts=6, data=data)
    assert sum(run.manifest["planned"] == 0 for run in parts) >= 4
    done = join(here, parts, "--out", "joined")
    assert done.code == 0, done.err
    assert by_id(load_run(tmp_path / "joined")) == by_id(
        evaluate("echo", tmp_path / "whole", data=data)
    )


def test_a_folder_that_is_there_is_left_as_it_is(here: Here, tmp_path: Path, cells: Path) -> None:
    parts = ask_parts("echo", tmp_path, parts=1, data=cells)
    (tmp_path / "joined").mkdir()
    refused = join(here, parts, "--out", "joined")
    assert refused.code == 2
    assert "exists already" in refused.err
    assert not list((tmp_path / "joined").iterdir())


@pytest.mark.parametrize("text", ["0/5", "6/5", "1/0", "2", "2/", "a/b", "-1/5", "1.5/2", "1/5/2"])
def test_a_shard_that_is_none_is_refused(here: Here, cells: Path, text: str) -> None:
    done = here("eval", "--plugin", "echo", "--data", cells, "--shard", text)
    assert done.code == 2
    assert f"'{text}'" in done.err or text in done.err
    assert "shard" in done.err
    assert "Traceback" not in done.err


def test_leading_zeros_name_the_same_shard() -> None:
    assert parse_shard("02/05") == Shard(2, 5)


def test_a_shard_does_not_go_on_in_the_folder_of_another(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    evaluate("echo", tmp_path / "one", data=cells, shard="1/2")
    words = ["eval", "--plugin", "echo", "--data", cells, "--run-dir", "one"]
    other = here(*words, "--shard", "2/2")
    assert other.code == 2
    assert 'shard: there "1/2", now "2/2"' in other.err
    assert here(*words).code == 2


def test_a_report_says_which_part_it_is_of(here: Here, tmp_path: Path, cells: Path) -> None:
    run = evaluate("echo", tmp_path / "one", data=cells, shard="1/2")
    assert "Shard 1/2" in here("report", run.dir).out
