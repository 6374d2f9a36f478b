"""Worked examples before a question: where they come from, and what a model sees of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.storage.records import Record

from .conftest import Here
from .spine import make_row, png, write_data


def shown(record: Record) -> list[str]:
    """The images that the record's messages show, the asked one last."""
    return [
        part["sha256"]
        for message in record["messages"]
        for part in message["content"]
        if part["type"] == "image"
    ]


def asked(folder: Path, shots: int, **settings: Any) -> list[Record]:
    run = mubench_gen.evaluate(
        plugin="echo",
        prompt="letter",
        prompt_set={"shots": str(shots)},
        fresh=True,
        run_dir=folder.parent / "run",
        data=folder,
        **{"limit": 5, "tasks": ["modality", "stain"], **settings},
    )
    return list(run.records())


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """Twenty rows of each of two data sets; of the first, every second image is a copy."""
    rows = [make_row(i, dataset=name) for name in ("cells", "tissue") for i in range(20)]
    for row in rows:
        row["image"] = {"path": f"images/{row['image_id']}.png"}
    folder = write_data(tmp_path / "slides", rows)
    for i in range(20):
        (folder / f"images/cells-{i:05d}.png").write_bytes(png(i // 2))
        (folder / f"images/tissue-{i:05d}.png").write_bytes(png(100 + i))
    return folder


def test_examples_are_turns_of_a_user_and_the_right_answer(slides: Path) -> None:
    for record in asked(slides, 3):
        roles = [message["role"] for message in record["messages"]]
        assert roles == ["user", "assistant"] * 3 + ["user"]
        for message in record["messages"][1::2]:
            assert message["content"][0]["text"] in record["labels"]
        assert record["options"][0] in record["messages"][-1]["content"][1]["text"]


def test_examples_are_other_images_of_the_same_task_and_data_set_that_no_item_asks(
    slides: Path,
) -> None:
    records = asked(slides, 3)
    by_image = {png(n): f"cells {n}" for n in range(10)} | {
        png(100 + n): f"tissue {n}" for n in range(20)
    }

    names = {hashlib.sha256(content).hexdigest(): name for content, name in by_image.items()}
    questions = {record["image_sha256"]: record["dataset"] for record in records}
    for record in records:
        *examples, own = shown(record)
        assert own == record["image_sha256"]
        assert own not in examples
        assert len(set(examples)) == 3
        assert {names[one].split()[0] for one in examples} == {record["dataset"]}
        task = record["task"]
        for message in record["messages"][0::2]:
            assert f"Which {task} is it?" in message["content"][1]["text"]
    of_tissue = [r for r in records if r["dataset"] == "tissue"]
    assert not questions.keys() & {one for r in of_tissue for one in shown(r)[:-1]}


def test_examples_are_the_seeds(slides: Path) -> None:
    first, again = asked(slides, 2), asked(slides, 2)
    assert [r["key"] for r in first] == [r["key"] for r in again]
    others = {tuple(shown(r)[:-1]) for r in asked(slides, 2, seed=1)}
    assert others != {tuple(shown(r)[:-1]) for r in first}


def test_fewer_shots_are_the_first_of_more(slides: Path) -> None:
    three = {r["item"]: shown(r) for r in asked(slides, 3)}
    for record in asked(slides, 1):
        assert shown(record)[0] == three[record["item"]][0]


def test_the_key_covers_the_examples_and_an_unshown_setting_changes_nothing(slides: Path) -> None:
    none, zero, two = ({r["item"]: r["key"] for r in asked(slides, shots)} for shots in (0, 0, 2))
    assert none == zero
    assert not set(none.values()) & set(two.values())
    plain = mubench_gen.evaluate(
        plugin="echo", prompt="letter", data=slides, limit=5, tasks=["modality", "stain"],
        run_dir=slides.parent / "plain",
    )  # fmt: skip
    assert {r["item"]: r["key"] for r in plain.records()} == none


def test_a_damaged_image_is_no_example(slides: Path) -> None:
    used = {one for r in asked(slides, 3) for one in shown(r)[:-1]}
    for path in (slides / "images").iterdir():
        if hashlib.sha256(path.read_bytes()).hexdigest() in used and path.name.startswith("tissue"):
            path.write_bytes(b"no image")
    records = asked(slides, 3)
    assert {r["status"] for r in records} <= {"answered"}


@pytest.fixture
def distinct(tmp_path: Path) -> Path:
    """Twelve images of each of two data sets, two questions about each, all different."""
    rows = [
        make_row(i, dataset=name, image=f"images/{first + i}.png")
        for name, first in (("cells", 0), ("tissue", 100))
        for i in range(12)
    ]
    return write_data(tmp_path / "distinct", rows)


def run_of(folder: Path, shots: int, **settings: Any) -> mubench_gen.Run:
    return mubench_gen.evaluate(
        plugin="echo",
        prompt="letter",
        prompt_set={"shots": str(shots)},
        data=folder,
        fresh=True,
        **{"tasks": ["modality", "stain"], "run_dir": folder.parent / "run", **settings},
    )


@pytest.mark.parametrize("limit", [None, 24, 1_000])
def test_where_all_would_be_asked_a_few_images_are_held_out(
    distinct: Path, limit: int | None
) -> None:
    """One more a data set than are shown, for both of its tasks, and everything else is asked."""
    run = run_of(distinct, 2, limit=limit)
    records = list(run.records())
    asked_images = {record["image_sha256"] for record in records}
    examples = {one for record in records for one in shown(record)[:-1]}
    assert (len(asked_images), len(records)) == (18, 36)
    assert not asked_images & examples
    noted = run.manifest["worked_examples"]
    assert noted["held_out"]["images"] == 6
    drawn = {
        item for by_data in noted["items"].values() for one in by_data.values() for item in one
    }
    assert len(drawn) == 12
    assert not drawn & {record["item"] for record in records}
    assert run.manifest["planned"] == 36


def test_held_out_images_are_the_seeds_and_do_not_depend_on_shards(distinct: Path) -> None:
    whole, again = run_of(distinct, 2), run_of(distinct, 2)
    assert {r["key"] for r in whole.records()} == {r["key"] for r in again.records()}
    parts = [
        {r["id"]: shown(r) for r in run_of(distinct, 2, shard=f"{n}/3").records()}
        for n in (1, 2, 3)
    ]
    assert {k: v for part in parts for k, v in part.items()} == {
        r["id"]: shown(r) for r in whole.records()
    }
    other = run_of(distinct, 2, seed=1)
    assert other.manifest["worked_examples"] != whole.manifest["worked_examples"]


def test_a_low_limit_holds_nothing_out(distinct: Path) -> None:
    run = run_of(distinct, 2, limit=6)
    assert run.manifest["worked_examples"]["held_out"] == {"images": 0, "items": 0}
    plain = mubench_gen.evaluate(
        plugin="echo", prompt="letter", data=distinct, limit=6, tasks=["modality", "stain"],
        run_dir=distinct.parent / "plain",
    )  # fmt: skip
    assert {r["item"] for r in plain.records()} == {r["item"] for r in run.records()}
    assert "worked_examples" not in plain.manifest


def test_a_run_that_holds_images_out_is_resumed(distinct: Path, here: Here) -> None:
    common = ["eval", "--plugin", "echo", "--data", distinct, "--prompt", "letter",
              "--prompt-set", "shots=3", "--run-dir", "run"]  # fmt: skip
    first = here(*common, "--max-requests", "5")
    assert first.code == 3
    assert "images are held out" in first.err
    assert here(*common).code == 0
    run = mubench_gen.load_run("run")
    assert len(list(run.records())) == run.manifest["planned"]


def test_too_few_images_are_refused_with_their_number(tmp_path: Path, here: Here) -> None:
    rows = [make_row(i) for i in range(4)]
    common = ["eval", "--plugin", "echo", "--data", write_data(tmp_path / "few", rows),
              "--tasks", "modality", "--prompt", "letter", "--prompt-set"]  # fmt: skip
    done = here(*common, "shots=3")
    assert (done.code, "1/1" in done.err) == (0, True)
    refused = here(*common, "shots=4")
    assert (refused.code, "all images there are would be held out" in refused.err) == (2, True)
    refused = here(*common, "shots=5")
    assert (refused.code, "4 images that can be read" in refused.err) == (2, True)
    assert "fewer shots" in refused.err
    refused = here(*common, "shots=33")
    assert (refused.code, "shots" in refused.err) == (2, True)


def test_captions_and_boxes_have_no_examples(slides: Path, here: Here) -> None:
    for prompt in ("caption", "detect-json"):
        refused = here(
            "eval", "--plugin", "echo", "--data", slides, "--limit", "3",
            "--prompt", prompt, "--prompt-set", "shots=1",
        )  # fmt: skip
        assert refused.code == 2
        assert "worked examples" in refused.err


def test_without_the_image_the_examples_have_none_either(slides: Path) -> None:
    for record in asked(slides, 2, control="blind"):
        assert shown(record) == []
