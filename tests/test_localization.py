"""Localisation in the flow: boxes asked for and scored, and marks recast as multiple choice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import mubench_gen
from mubench_gen.data import open_dataset
from mubench_gen.data.marking import COLOURS, candidates
from mubench_gen.data.recast import RecastDataset, recast
from mubench_gen.errors import SettingError
from mubench_gen.images.geometry import iou, marked
from mubench_gen.images.microscope import make_policy
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Box, Polygon, Row

from .conftest import Here
from .helpers.data import make_png, make_row, write_data

SIZE = (200, 100)
HELD = "held_et_al_2010_h2b"


def outline(name: str, x0: int, y0: int, x1: int, y1: int) -> dict[str, Any]:
    return {"className": name, "points": [x0, y0, x1, y0, x1, y1, x0, y1]}


MARKS = [
    [outline("nucleus", 20, 10, 60, 50), outline("nucleus", 100, 40, 140, 90)],
    [outline("nucleus", 0, 0, 40, 40), outline("late_prophase", 120, 20, 180, 80)],
    [outline("late_prophase", 0, 0, 200, 100)],
    [],
]


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """Four images of one real data set's name, with 2, 1 + 1, 1 and no marks."""
    rows = [make_row(i, dataset=HELD, polygon=marks) for i, marks in enumerate(MARKS)]
    return write_data(tmp_path / "held", rows, {i: make_png(i, SIZE) for i in range(4)})


def rows_of(path: Path) -> list[Row]:
    return list(RecastDataset(open_dataset(str(path)), lambda name: True))


def write_detector(folder: Path, reply: str) -> Path:
    """A plugin that answers every request with this reply."""
    path = folder / "detector.py"
    path.write_text(
        "import mubench_gen\n"
        "class Detector(mubench_gen.GenerativeModel):\n"
        "    def generate(self, requests):\n"
        f"        return [{reply!r} for request in requests]\n"
        "@mubench_gen.hookimpl\n"
        "def mubench_gen_models():\n"
        "    return [mubench_gen.ModelSpec('detector', Detector)]\n"
    )
    return path


def test_marks_are_read_when_they_are_looked_at(held: Path) -> None:
    row = open_dataset(str(held))[1]
    assert row.polygons[0] == Polygon((0, 0, 40, 0, 40, 40, 0, 40), "nucleus")
    assert list(row.boxes) == []
    assert marked(row) == (Box(0, 0, 40, 40, "nucleus"), Box(120, 20, 180, 80, "late_prophase"))
    assert "polygon" not in row.meta


@pytest.mark.parametrize(
    "bbox",
    [
        [{"className": "cell", "points": {"x1": 1, "x2": 5, "y1": 2, "y2": 8}}],
        [{"className": "cell", "points": {"x1": 5, "x2": 1, "y1": 8, "y2": 2}}],
        [{"className": "cell", "points": [1, 2, 5, 8]}],
        {"className": ["cell"], "points": [{"x1": 1, "x2": 5, "y1": 2, "y2": 8}]},
        {"className": ["cell"], "points": [[1, 2, 5, 8]]},
    ],
)
def test_boxes_are_read_in_every_form_that_they_may_have(tmp_path: Path, bbox: Any) -> None:
    path = write_data(tmp_path / "cells", [make_row(0, bbox=bbox)])
    assert marked(open_dataset(str(path))[0]) == (Box(1, 2, 5, 8, "cell"),)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"polygon": [{"className": "cell", "points": [1, 2, 3]}]}, "three points"),
        ({"polygon": [{"className": "cell", "points": [1, 2, 3, 4, "x", 6]}]}, "numbers"),
        ({"polygon": "none"}, "a list is needed"),
        ({"polygon": [{"className": "cell"}]}, "className and points"),
        ({"bbox": [{"className": "cell", "points": {"x": 1}}]}, "x1, x2, y1 and y2"),
        ({"bbox": [{"className": "cell", "points": [1, 2, 3]}]}, "four numbers"),
    ],
)
def test_marks_that_are_none_are_told_by_row_and_column(
    tmp_path: Path, columns: dict[str, Any], said: str
) -> None:
    path = write_data(tmp_path / "cells", [make_row(0), make_row(1, **columns)])
    with pytest.raises(
        mubench_gen.DataError, match=rf"row 2 .*column {next(iter(columns))}.*{said}"
    ):
        open_dataset(str(path))


def test_each_class_of_an_image_is_an_item_of_its_own(held: Path) -> None:
    rows = rows_of(held)
    names = [sorted(n for n in row.questions if "/" in n) for row in rows]
    assert names[0] == ["boxes/nucleus", "count/nucleus", "which_box/nucleus"]
    assert len(names[1]) == 6
    assert names[3] == []
    counts = RecastDataset(open_dataset(str(held)), lambda name: True).questions
    assert {q: n for (_, q), n in counts.items()} == {
        "modality": 4, "stain": 4, "boxes": 4, "which_box": 4, "count": 4,
    }  # fmt: skip


def test_boxes_in_a_turned_file_are_refused_and_what_needs_no_frame_is_asked(
    held: Path, tmp_path: Path
) -> None:
    """Whether they are meant before or after turning is not known."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE).save(held / "images/0.png", exif=exif)
    plugin = write_detector(tmp_path, "[20, 10, 60, 50]")
    run = mubench_gen.evaluate(
        plugin=str(plugin), run_dir=tmp_path / "run", data=str(held), tasks=["held-h2b-*"]
    )
    kinds = {}
    for record in run.records():
        if record["image_id"] == "cell-0":
            kind = record["item"].split("/")[-2].removeprefix("held-h2b-")
            kinds[kind] = (record["status"] == "error", record["error"])
    assert {kind: failed for kind, (failed, _) in kinds.items()} == {
        "boxes": True, "which-box": True, "count": False,
    }  # fmt: skip
    for kind in ("boxes", "which-box"):
        said = kinds[kind][1]["message"]
        assert "turned by its EXIF orientation (6)" in said
        assert "Save it upright" in said


def test_where_a_transform_moves_pixels_tasks_with_boxes_are_refused(held: Path) -> None:
    settings: dict[str, Any] = {"plugin": "echo", "data": str(held)}
    moved = {"image_set": {"transform": "downscale"}}
    for tasks in ("held-h2b-boxes", "held-h2b-which-box"):
        with pytest.raises(SettingError, match=f"'downscale' moves pixels, and the tasks {tasks}"):
            make_plan(make_settings({**settings, "tasks": [tasks], **moved}), Plugins())
    make_plan(make_settings({**settings, "tasks": ["held-h2b-count"], **moved}), Plugins())


def test_marks_are_drawn_over_the_transformed_picture(held: Path) -> None:
    policy = make_policy({"transform": "grayscale"})
    row = next(iter(RecastDataset(open_dataset(str(held), policy), lambda name: True)))
    draw = row.questions["which_box/nucleus"].draw
    assert draw is not None
    seen = {colour for _, colour in draw(row.image).pixels().getcolors(2**24) or ()}
    coloured = {colour for colour in seen if len(set(colour)) > 1}
    assert coloured == set(COLOURS.values())


def test_a_count_offers_the_right_number_once_and_none_last(held: Path) -> None:
    question = rows_of(held)[0].questions["count/nucleus"]
    assert question.options[question.gold] == "2"
    assert question.options[-1] == "none of the above"
    numbers = [int(option) for option in question.options[:-1]]
    assert len(set(numbers)) == 4
    assert min(numbers) >= 1


def test_the_question_of_an_item_is_the_same_whoever_asks(held: Path) -> None:
    one, other = rows_of(held), rows_of(held)
    for a, b in zip(one, other, strict=True):
        assert dict(a.questions) == dict(b.questions)
    question = one[0].questions["which_box/nucleus"]
    assert question.draw is not None
    assert question.draw(one[0].image).sha256 == question.draw(other[0].image).sha256


def test_one_drawn_box_holds_the_class_and_the_others_do_not(held: Path) -> None:
    row = rows_of(held)[1]
    marks: Any = row.questions["which_box/nucleus"].draw
    boxes = candidates(marks, SIZE)
    assert len(boxes) == len(COLOURS)
    assert boxes[row.questions["which_box/nucleus"].gold] == Box(0, 0, 40, 40, "nucleus")
    assert Box(120, 20, 180, 80, "late_prophase") in boxes  # another cell of the row
    wrong = [box for box in boxes if box.name != "nucleus"]
    assert all(iou(box, boxes[marks.place]) < 0.1 for box in wrong)


def test_a_cell_that_fills_the_image_leaves_smaller_boxes(held: Path) -> None:
    row = rows_of(held)[2]
    marks: Any = row.questions["which_box/late_prophase"].draw
    boxes = candidates(marks, SIZE)
    assert all(iou(box, marks.gold) < 0.5 for i, box in enumerate(boxes) if i != marks.place)


def test_the_right_box_is_drawn_in_the_colour_of_its_option(held: Path) -> None:
    row = rows_of(held)[0]
    question = row.questions["which_box/nucleus"]
    assert question.draw is not None
    drawn = question.draw(row.image)
    colour = list(COLOURS.values())[question.gold]
    pixels = drawn.pixels()
    assert pixels.size == SIZE
    marks: Any = question.draw
    assert pixels.getpixel((int(marks.gold.x0), int(marks.gold.y0))) == colour
    assert question.options[question.gold] == f"the {list(COLOURS)[question.gold]} box"


def test_captions_stand_for_the_recast_options(held: Path) -> None:
    captions = rows_of(held)[1].captions
    plain, micrograph = captions["count/late_prophase"]
    assert plain[-1] == micrograph[-1] == "none of the above"
    assert "1 instances of late prophase" in plain
    assert micrograph[0].startswith("A micrograph with ")
    assert len(captions["which_box/nucleus"][1]) == 5
    assert "modality" in captions


def test_recast_leaves_a_row_without_marks_as_it_is(held: Path) -> None:
    row = open_dataset(str(held))[3]
    assert dict(recast(row).questions) == dict(row.questions)


def test_boxes_are_asked_for_and_scored_an_image_and_class(here: Here, held: Path) -> None:
    # In 0 to 1000 of 200 × 100: the first nucleus of the first image, exactly.
    plugin = write_detector(held.parent, "[[100, 100, 300, 500]]")
    done = here(
        "eval", "--plugin", plugin, "--data", held, "--tasks", "held-h2b-boxes",
        "--run-dir", "run", "--json",
    )  # fmt: skip
    assert done.code == 0
    scores = done.document["scores"]["boxes"]["pooled"]
    # Image 0: 1 / (1 found + 1 missed). Image 1, nucleus: 20 × 30 of 1600 + 1600 − 600 in
    # common; late prophase: apart, 0. Image 2: 40 × 40 of the whole, 1600 / 20000.
    by_hand = [0.5, 600 / 2600, 0.0, 0.08]
    assert scores["n"] == 4
    assert scores["grit"] == pytest.approx(sum(by_hand) / 4)
    assert done.document["complete"] is True
    assert done.document["scores"]["pooled"]["n"] == 0
    records = list(mubench_gen.load_run("run").records())
    assert [r["boxes"]["score"] for r in records] == pytest.approx([0.5, 0.0, 600 / 2600, 0.08])
    first = records[0]
    assert first["item"] == f"{HELD}/cell-0/held-h2b-boxes/nucleus"
    assert first["boxes"] == {
        "format": "json-1000", "name": "nucleus", "size": [200, 100],
        "gold": [[20, 10, 60, 50], [100, 40, 140, 90]], "found": [[20, 10, 60, 50]], "score": 0.5,
    }  # fmt: skip
    assert (first["status"], first["choice"], first["correct"]) == ("answered", None, None)
    assert first["messages"][0]["content"][1]["text"].startswith("Find every nucleus")
    assert "GRIT" in here("report", "run").out
    assert "No answer differs" in here("score", "run").out
    beside = here("score", "run", "--scorer", "paper-compat")
    assert beside.code == 0
    assert "unfinished" not in beside.out


@pytest.mark.parametrize(
    ("prompt", "asked", "reply"),
    [
        ("detect-paligemma", "detect nucleus", "<loc0102><loc0102><loc0512><loc0307> nucleus"),
        ("detect-qwen", "Detect nucleus", "<box>(100,100),(300,500)</box>"),
        ("detect-qwen25", "Locate every nucleus", '[{"bbox_2d": [20, 10, 60, 50]}]'),
    ],
)
def test_each_prompt_reads_its_own_format(
    here: Here, held: Path, prompt: str, asked: str, reply: str
) -> None:
    plugin = write_detector(held.parent, reply)
    words = ("--plugin", plugin, "--data", held, "--tasks", "held-h2b-boxes", "--prompt", prompt)
    assert here("eval", *words, "--run-dir", "run").code == 0
    record = next(iter(mubench_gen.load_run("run").records()))
    assert record["boxes"]["score"] == pytest.approx(0.5, abs=0.01)
    assert record["messages"][0]["content"][1]["text"].startswith(asked)


def test_a_reply_without_boxes_is_none_and_scores_nothing(here: Here, held: Path) -> None:
    plugin = write_detector(held.parent, "I see no boxes here.")
    words = ("--plugin", plugin, "--data", held, "--tasks", "boxes", "--run-dir", "run", "--json")
    scores = here("eval", *words).document["scores"]["boxes"]["pooled"]
    assert (scores["grit"], scores["statuses"]) == (0.0, {"none": 1.0})


def test_a_damaged_image_is_the_items_error(here: Here, held: Path) -> None:
    (held / "images" / "0.png").write_bytes(make_png(0, SIZE)[:60])
    plugin = write_detector(held.parent, "[]")
    done = here("eval", "--plugin", plugin, "--data", held, "--tasks", "localization", "--json")
    assert done.code == 3
    assert done.document["scores"]["boxes"]["pooled"]["n_errors"] == 1
    assert done.document["scores"]["pooled"]["n_errors"] == 2
    assert done.document["complete"] is False


def test_the_recasts_run_with_a_generative_model_and_resume(here: Here, held: Path) -> None:
    words = ("--plugin", "echo", "--data", held, "--tasks", "localization,modality")
    done = here("eval", *words, "--run-dir", "run", "--json")
    assert done.code == 0
    tasks = {name: score["n"] for name, score in done.document["scores"]["tasks"].items()}
    assert tasks == {"held-h2b-which-box": 4, "held-h2b-count": 4, "modality": 4}
    assert done.document["scores"]["boxes"]["held-h2b-boxes"]["n"] == 4
    assert done.document["planned"] == 16
    lines = Path("run/records.jsonl").read_text().count("\n")
    assert here("eval", *words, "--run-dir", "run").code == 0
    assert Path("run/records.jsonl").read_text().count("\n") == lines


def test_every_control_and_a_limit_work_on_recasts(here: Here, held: Path) -> None:
    for extra in (("--control", "blind"), ("--control", "shuffled"), ("--limit", "2")):
        words = ("--plugin", "echo", "--data", held, "--tasks", "localization", *extra)
        done = here("eval", *words, "--json")
        assert done.code == 0, done.err
        n = 2 if "--limit" in extra else 4
        assert done.document["planned"] == 3 * n
        assert done.document["complete"] is True


def test_a_contrastive_model_takes_part_in_the_recasts(here: Here, held: Path) -> None:
    source = held.parent / "contrast.py"
    source.write_text(
        "import mubench_gen, numpy as np\n"
        "class Contrast(mubench_gen.ContrastiveModel):\n"
        "    def embed_images(self, images):\n"
        "        return np.array([[1.0, image.pixels().size[0]] for image in images])\n"
        "    def embed_texts(self, texts):\n"
        "        return np.array([[1.0, len(text)] for text in texts])\n"
        "@mubench_gen.hookimpl\n"
        "def mubench_gen_models():\n"
        "    return [mubench_gen.ModelSpec('contrast', Contrast)]\n"
    )
    done = here("eval", "--plugin", source, "--data", held, "--tasks", "localization", "--json")
    assert done.code == 0, done.err
    assert done.document["scores"]["pooled"]["n"] == 8
    assert "held-h2b-boxes" in done.err
    refused = here("eval", "--plugin", source, "--data", held, "--tasks", "held-h2b-boxes")
    assert refused.code == 2
    assert "which-box" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tasks", "held-h2b-boxes", "--prompt", "paper"), "asks for boxes"),
        (("--tasks", "modality", "--prompt", "detect-qwen"), "asks for one of its options"),
        (("--tasks", "modality", "--prompt", "paper,detect-qwen"), "'detect-qwen'"),
        (("--tasks", "held-h2b-boxes", "--readout", "logprob"), "--readout parse"),
        (
            ("--tasks", "held-h2b-boxes", "--prompt", "detect-json", "--prompt-set", "boxes=yolo"),
            "not a box format",
        ),
    ],
)
def test_a_task_and_a_prompt_that_do_not_fit_are_refused(
    here: Here, held: Path, words: tuple[str, ...], said: str
) -> None:
    done = here("eval", "--plugin", "echo", "--data", held, *words)
    assert done.code == 2
    assert said in done.err


def test_the_listing_counts_what_is_made_of_marks(here: Here, held: Path) -> None:
    done = here("tasks", "held-h2b-*", "--data", held, "--json")
    found = {task["name"]: (task["questions"], task["chance"]) for task in done.document}
    assert found == {
        "held-h2b-boxes": (4, None),
        "held-h2b-count": (4, 0.2),
        "held-h2b-which-box": (4, 0.2),
    }


def test_what_is_made_of_marks_is_asked_only_where_it_is_named(here: Here, held: Path) -> None:
    done = here("eval", "--plugin", "echo", "--data", held, "--json")
    assert set(done.document["scores"]["tasks"]) == {"modality", "stain"}


def test_marks_in_arrow_files_are_read_too(here: Here, held: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from mubench_gen.data.schema import COLUMNS

    rows = [json.loads(line) for line in (held / "rows.jsonl").read_text().splitlines()]
    for i, row in enumerate(rows):
        row["image"] = {"bytes": make_png(i, SIZE), "path": None}
    table = pa.Table.from_pylist([{name: row.get(name) for name in COLUMNS} for row in rows])
    path = held.parent / "held.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    assert marked(open_dataset(str(path))[1]) == marked(open_dataset(str(held))[1])
    done = here("eval", "--plugin", "echo", "--data", path, "--tasks", "localization", "--json")
    assert done.code == 0, done.err
    assert done.document["scores"]["pooled"]["n"] == 8
