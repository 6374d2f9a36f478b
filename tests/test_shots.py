"""Worked examples before a question: where they come from, and what a model sees of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.records import Record

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


def test_what_is_asked_must_leave_examples(slides: Path, here: Here) -> None:
    common = ["eval", "--plugin", "echo", "--data", slides, "--tasks", "modality"]
    refused = here(*common, "--prompt", "letter", "--prompt-set", "shots=2")
    assert (refused.code, "--limit" in refused.err) == (2, True)
    refused = here(*common, "--prompt", "letter", "--prompt-set", "shots=2", "--limit", "39")
    assert refused.code == 2
    assert "'modality' on '" in refused.err
    refused = here(*common, "--prompt", "letter", "--prompt-set", "shots=33", "--limit", "3")
    assert refused.code == 2
    assert "shots" in refused.err


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
