"""Benchmarks in the forms of others: asked as they were written, and every fault is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.data import foreign
from tests.data.foreign import TEXT, Truth, digest, found, image_folder, json_lines, tsv
from tests.helpers.command import Outcome

from mubench_gen.data import open_dataset
from mubench_gen.data.importing import import_data
from mubench_gen.errors import DataError
from mubench_gen.tasks.samples import tasks_of
from mubench_gen.tasks.task import load_tasks

Here = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))


def test_a_table_of_vlmevalkit_is_asked_as_it_was_written(tmp_path: Path) -> None:
    truth = foreign.vlmevalkit(tmp_path / "Bench.TSV")
    dataset = open_dataset(str(tmp_path / "Bench.TSV"))
    assert found(dataset) == truth
    assert [row.key for row in dataset] == ["Bench/1", "Bench/2", "Bench/4", "Bench/5"]
    assert dataset[0].meta == {"category": "x", "l2-category": "y", "split": "test"}
    (task,) = tasks_of(load_tasks(dataset=dataset), dataset, wanted=())
    assert task.name == "Bench"


@pytest.mark.parametrize("shape", foreign.SHAPES)
def test_parquet_of_each_shape_is_asked_as_it_was_written(tmp_path: Path, shape: str) -> None:
    truth = foreign.parquet(tmp_path / "test.parquet", shape)
    dataset = open_dataset(str(tmp_path / "test.parquet"))
    assert found(dataset) == truth
    assert [dataset[i].image.sha256 for i in (2, 0, 1)] == [*digest(2), *digest(0), *digest(1)]


def test_numbers_of_options_that_may_count_from_0_or_1_are_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    truth = foreign.parquet(path, "index from 1")
    assert found(open_dataset(str(path), mapping={"answer_as": "index1"})) == truth
    rows = [{"image": TEXT[i], "question": "Q", "options": ["a", "b", "c"], "answer": answer}
            for i, answer in enumerate([1, 2, 1])]  # fmt: skip
    json_lines(tmp_path / "t.jsonl", rows)
    with pytest.raises(DataError, match=r"column answer: .*answer_as=index0 or .*=index1"):
        open_dataset(str(tmp_path / "t.jsonl"))
    found_ = found(open_dataset(str(tmp_path / "t.jsonl"), mapping={"answer_as": "index1"}))
    assert [one.gold for one in found_] == [0, 1, 0]


def test_a_letter_that_is_the_text_of_another_option_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"image": TEXT[0], "question": "Q", "options": ["B", "A"], "answer": "A"}]
    json_lines(tmp_path / "t.jsonl", rows)
    with pytest.raises(DataError, match="answer_as=text or --map answer_as=letter"):
        open_dataset(str(tmp_path / "t.jsonl"))
    rows += [{"image": TEXT[1], "question": "Q", "options": ["x", "y"], "answer": "b"}]
    json_lines(tmp_path / "u.jsonl", rows)
    assert [one.gold for one in found(open_dataset(str(tmp_path / "u.jsonl")))] == [0, 1]
    assert "in 1 rows the same answer is also the text of an option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "form"),
    [
        ("utf-8-sig", {"delimiter": ";"}),
        ("utf-16", {"delimiter": "\t", "lineterminator": "\r\n"}),
        ("cp1252", {"delimiter": "|"}),
        ("utf-8", {"delimiter": ",", "quoting": 1}),
    ],
)
def test_csv_with_any_separator_and_encoding(
    tmp_path: Path, encoding: str, form: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    image_folder(tmp_path, ["deep/a.PNG", "deep/b.png"])
    rows = [
        {"id": "q1", "image": "deep/a.PNG", "question": "Größe;\n5 µm?", "options": "['é', 'b']",
         "answer": "é"},
        {"id": "q1", "image": "deep/b.png", "question": "R", "options": "['é', 'b']",
         "answer": "B"},
    ]  # fmt: skip
    tsv(tmp_path / "t.CSV", rows, encoding=encoding, **form)
    dataset = open_dataset(str(tmp_path / "t.CSV"))
    assert found(dataset) == [
        Truth("Größe;\n5 µm?", ("é", "b"), 0, digest(0)),
        Truth("R", ("é", "b"), 1, digest(1)),
    ]
    assert [row.key for row in dataset] == ["t/q1", "t/q1#1"]
    told = capsys.readouterr().err
    assert "1 ids stand in several rows" in told
    assert ("read as cp1252" in told) == (encoding == "cp1252")


def test_excel_writes_whole_numbers_with_gaps_as_fractions(tmp_path: Path) -> None:
    truth = foreign.excel(tmp_path / "t.xlsx")
    assert found(open_dataset(str(tmp_path / "t.xlsx"))) == truth


def test_a_folder_that_datasets_saved_and_files_of_splits(tmp_path: Path) -> None:
    foreign.saved(tmp_path / "saved")
    dataset = open_dataset(str(tmp_path / "saved"))
    assert [one.images for one in found(dataset)] == [digest(0), digest(1), digest(2)]
    (tmp_path / "two").mkdir()
    for split in ("train", "test"):
        lines = [{"image": TEXT[0], "question": split, "options": ["a", "b"], "answer": "a"}]
        json_lines(tmp_path / f"two/{split}.jsonl", lines, "\r\n", "utf-8-sig")
    assert [one.text for one in found(open_dataset(str(tmp_path / "two")))] == ["test", "train"]
    only = open_dataset(str(tmp_path / "two"), mapping={"only": "test"})
    assert [one.text for one in found(only)] == ["test"]


def test_a_folder_a_class_with_splits(tmp_path: Path) -> None:
    folder = tmp_path / "classes"
    image_folder(folder, ["train/late_S/deep/a.JPG", "train/G1 cell/b.png", "test/late_S/c.png"])
    dataset = open_dataset(str(folder), mapping={"question": "Which, then?"})
    assert found(dataset) == [
        Truth("Which, then?", ("G1 cell", "late_S"), 1, digest(2)),
        Truth("Which, then?", ("G1 cell", "late_S"), 0, digest(1)),
        Truth("Which, then?", ("G1 cell", "late_S"), 1, digest(0)),
    ]
    assert [row.meta["split"] for row in dataset] == ["test", "train", "train"]
    readable = open_dataset(str(folder), mapping={"names": "readable", "only": "test"})
    assert readable[0].questions["classes"].options == ("G1 cell", "late S")


def test_boxes_of_coco_are_asked_as_marks_of_ubench_are(tmp_path: Path, here: Here) -> None:
    folder = foreign.coco(tmp_path / "boxes")
    (row, other) = open_dataset(str(folder))
    (box,) = row.boxes
    assert (box.x0, box.y0, box.x1, box.y1, box.name) == (5, 6, 15, 18, "nucleus")
    assert not other.boxes
    done = here("eval", "--plugin", "echo", "--data", folder, "--tasks", "boxes-which-box",
                "--run-dir", "r", "--json")  # fmt: skip
    assert done.document["scores"]["pooled"]["n"] == 1


def test_faulty_boxes_of_coco_are_named(tmp_path: Path) -> None:
    folder = foreign.coco(tmp_path / "boxes", annotations=[
        {"id": 1, "image_id": 9, "category_id": 3, "bbox": [5, 6, 10, 12]},
        {"id": 2, "image_id": 7, "category_id": 4, "bbox": [5, 6, 10, 12]},
        {"id": 3, "image_id": 7, "category_id": 3, "bbox": [5, 6, 0, 12]},
    ])  # fmt: skip
    with pytest.raises(DataError) as caught:
        open_dataset(str(folder))
    faults = (
        "row 1 of annotations: there is no image 9",
        "row 2 of annotations, column category_id: there is no category 4",
        "row 3 of annotations, column bbox",
    )
    for told in faults:
        assert told in str(caught.value)


def test_croissant_says_which_columns_a_table_has(tmp_path: Path) -> None:
    dataset = open_dataset(str(foreign.croissant(tmp_path / "cr")))
    assert found(dataset) == [Truth(f"Q{i}", ("x", "y"), 1, digest(i)) for i in (0, 1)]
    assert (dataset.name, dataset[0].meta["license"]) == ("Cells", "CC0-1.0")
    with pytest.raises(DataError, match=r"is not the file that croissant\.json describes"):
        open_dataset(str(foreign.croissant(tmp_path / "other", sha256="0" * 64)))


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("inline", [True, False])
def test_records_have_the_fields_of_those_that_they_refer_to(
    tmp_path: Path, said: bool, inline: bool
) -> None:
    """The key is a number in one and a text in the other; the images have more fields."""
    folder = foreign.linked_croissant(tmp_path / "cr", said=said, inline=inline)
    dataset = open_dataset(str(folder))
    assert found(dataset) == [Truth(f"Q{i}", ("x", "y"), 1, digest(i)) for i in (1, 0, 1)]
    assert dataset[0].meta["stain"] == "H&E"


def test_a_list_of_splits_refuses_no_record(tmp_path: Path) -> None:
    """The splits of the hub's descriptions, whose names need not be those of the files."""
    folder = foreign.croissant(tmp_path / "cr")
    document = json.loads((folder / "croissant.json").read_text())
    names = {"@id": "s/name", "name": "s/name"}
    document["recordSet"].append({"@id": "s", "field": [names], "data": [{"s/name": "train"}]})
    document["recordSet"][0]["field"][1]["references"] = {"field": {"@id": "s/name"}}
    (folder / "croissant.json").write_text(json.dumps(document))
    assert len(open_dataset(str(folder))) == 2


@pytest.mark.parametrize(
    ("keys", "said"),
    [((9, 7), r"image_id = '8', and no record .* has that id"), ((8, 8), "id = '8' stands twice")],
)
def test_a_key_that_names_no_record_or_two_is_refused(
    tmp_path: Path, keys: tuple[int, int], said: str
) -> None:
    folder = foreign.linked_croissant(tmp_path / "cr", keys=keys)
    with pytest.raises(DataError, match=said):
        open_dataset(str(folder))


@pytest.mark.parametrize("form", ["vlmevalkit", "parquet", "folders", "coco", "croissant"])
def test_what_is_opened_equals_what_is_imported(tmp_path: Path, form: str) -> None:
    path = {"vlmevalkit": tmp_path / "t.tsv", "parquet": tmp_path / "t.parquet",
            "coco": tmp_path / "co", "croissant": tmp_path / "cr",
            "folders": tmp_path / "fo"}[form]  # fmt: skip
    if form == "vlmevalkit":
        foreign.vlmevalkit(path)
    elif form == "parquet":
        foreign.parquet(path, "letters")
    elif form == "folders":
        image_folder(path, ["a/1.png", "b/2.png", "b/3.png"])
    else:
        {"coco": foreign.coco, "croissant": foreign.croissant}[form](path)
    import_data(path, tmp_path / "out")
    opened, imported = open_dataset(str(path)), open_dataset(str(tmp_path / "out"))
    assert found(opened) == found(imported)
    assert [row.key for row in opened] == [row.key for row in imported]
    assert opened.digest == imported.digest
    asked = [{t.name: t.sha256 for t in tasks_of(load_tasks(dataset=d), d, wanted=())}
             for d in (opened, imported) if d.questions]  # fmt: skip
    assert all(one == asked[0] for one in asked)


FAULTS = {
    "no image": ({"image": ""}, "column image: a file's name is needed"),
    "a missing file": ({"image": "gone.png"}, "column image: there is no file 'gone.png'"),
    "a web address": ({"image": "https://example.org/a.png"}, "is a web address; download it"),
    "no such row": ({"image": "77"}, "no row whose id it is"),
    "cut base64": ({"image": TEXT[0][:120]}, "column image: "),
    "one option": ({"options": ["a"]}, "column options: two or more"),
    "equal options": ({"options": ["a", "b", "a "]}, "two options are the same: 'a'"),
    "an answer out of range": ({"answer": "D"}, "column answer: 'D' is neither"),
    "no answer": ({"answer": None}, "column answer: None .*hidden or missing"),
    "one of several answers": ({"answer": ["A", "Z"]}, "column answer: 'Z' is neither"),
    "no question": ({"question": " "}, "column question: a text is needed"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_row_is_named_and_left_out_if_asked(
    tmp_path: Path, change: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"image": TEXT[0], "question": "Q", "options": ["x", "b", "c"], "answer": "C"}
    rows = [{"id": i, **good, **(change if i == 1 else {})} for i in range(3)]
    json_lines(tmp_path / "t.jsonl", rows)
    with pytest.raises(DataError, match=rf"t\.jsonl, row 2, .*{message}[\s\S]*--partial"):
        open_dataset(str(tmp_path / "t.jsonl"))
    assert len(open_dataset(str(tmp_path / "t.jsonl"), partial=True)) == 2
    assert "Left out: " in capsys.readouterr().err


def test_a_test_set_without_answers_is_refused(tmp_path: Path) -> None:
    rows = [{"image": TEXT[0], "question": "Q", "options": ["a", "b"], "answer": -1}]
    json_lines(tmp_path / "t.jsonl", rows)
    with pytest.raises(DataError, match="no row has an answer: those of a test set"):
        open_dataset(str(tmp_path / "t.jsonl"))


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("['a' 'b'\n 'c']", ("a", "b", "c")),
        ('["a", "b"]', ("a", "b")),
        ("('a', \"it's\")", ("a", "it's")),
        ("A. one\nB. two", ("one", "two")),
        ({"label": ["B", "A"], "text": ["y", "x"]}, ("x", "y")),
        ([{"B": "y"}, {"A": "x"}], ("x", "y")),
        ([f"o{i}" for i in range(30)], tuple(f"o{i}" for i in range(30))),
        ([1.0, 2], ("1", "2")),
    ],
)
def test_options_in_one_cell(tmp_path: Path, cell: Any, options: Sequence[str]) -> None:
    row = {"image": TEXT[0], "question": "Q", "choices": cell, "target": options[-1]}
    json_lines(tmp_path / "t.jsonl", [row])
    mapping = {"answer_as": "text"}
    assert found(open_dataset(str(tmp_path / "t.jsonl"), mapping=mapping)) == [
        Truth("Q", tuple(options), len(options) - 1, digest(0))
    ]


def test_other_names_of_columns_are_given_by_map_and_recorded(tmp_path: Path, here: Here) -> None:
    image_folder(tmp_path, ["a.png", "b.png"])
    rows = [{"pic": "a.png", "ask": "Q, then?", "one": "x", "two": "y", "truth": "B"}]
    tsv(tmp_path / "t.tsv", rows)
    refused = here("eval", "--plugin", "echo", "--data", "t.tsv")
    assert refused.code == 2
    assert "--map question=COLUMN" in refused.err
    chosen = ["--map", "question=ask,options=one+two,answer=truth,image=pic"]
    done = here("eval", "--plugin", "echo", "--data", "t.tsv", *chosen, "--run-dir", "r")
    assert done.code == 0
    assert "t.tsv: answer: column truth, the label of an option" in done.err
    data = json.loads((tmp_path / "r/manifest.json").read_text())["data"]
    assert data["form"] == "csv"
    assert data["map"]["question"] == "ask"
    assert "options: columns one, two" in data["understood"]
    shown = here("data", "preview", "t.tsv", *chosen, "--out", "p.html")
    assert "Q, then?" in shown.out
    assert "right: y" in shown.out
    assert here("report", "r", "--html").code == 0


def test_a_file_that_changes_while_it_is_in_use_is_refused(tmp_path: Path) -> None:
    foreign.vlmevalkit(tmp_path / "t.tsv")
    dataset = open_dataset(str(tmp_path / "t.tsv"))
    shutil.copy(tmp_path / "t.tsv", tmp_path / "u.tsv")
    (tmp_path / "t.tsv").write_text("index\tquestion\n")
    with pytest.raises(DataError, match="was changed while it was in use"):
        _ = dataset[0].image.sha256


def test_a_row_that_leads_out_of_the_folder_is_refused_unless_allowed(tmp_path: Path) -> None:
    image_folder(tmp_path, ["a.png"])
    (tmp_path / "in").mkdir()
    row = {"image": "../a.png", "question": "Q", "options": ["x", "y"], "answer": "y"}
    json_lines(tmp_path / "in/t.jsonl", [row])
    with pytest.raises(DataError, match="is not in the folder"):
        open_dataset(str(tmp_path / "in/t.jsonl"))
    (one,) = found(open_dataset(str(tmp_path / "in/t.jsonl"), outside=True))
    assert one.images == digest(0)


def test_an_import_leaves_out_what_cannot_be_shown_and_verify_names_it(
    tmp_path: Path, here: Here
) -> None:
    image_folder(tmp_path / "p", ["a.png", "b.png", "c.png"])
    whole = (tmp_path / "p/b.png").read_bytes()
    (tmp_path / "p/b.png").write_bytes(whole[:-30])
    rows = [{"image": f"{n}.png", "question": "Q", "options": "x|y", "answer": "y"} for n in "abc"]
    tsv(tmp_path / "p/t.csv", rows, delimiter=",")
    refused = here("data", "import", "p", "--out", "out")
    assert (refused.code, (tmp_path / "out").exists()) == (2, False)
    assert "row 3, column image: b.png: " in refused.err
    checked = here("data", "verify", "p")
    assert checked.code == 1
    assert "row 3: images/b.png" in checked.out
    made = here("data", "import", "p", "--out", "out", "--partial", "--from", "csv")
    assert made.code == 0
    assert "Left out: " in made.err
    assert [row.image_id for row in open_dataset(str(tmp_path / "out"))] == ["a.png", "c.png"]


def test_boxes_without_a_named_task_say_which_there_are(tmp_path: Path, here: Here) -> None:
    foreign.coco(tmp_path / "boxes")
    refused = here("eval", "--plugin", "echo", "--data", "boxes")
    assert refused.code == 2
    assert "--tasks boxes-boxes,boxes-which-box,boxes-count" in refused.err


def test_a_run_on_a_table_is_resumed_and_refused_where_the_table_changed(
    tmp_path: Path, here: Here
) -> None:
    foreign.vlmevalkit(tmp_path / "t.tsv")
    command = ("eval", "--plugin", "echo", "--data", "t.tsv", "--run-dir", "r")
    assert here(*command).code == 0
    again = here(*command)
    assert again.code == 0
    assert len((tmp_path / "r/records.jsonl").read_text().splitlines()) == 4
    content = (tmp_path / "t.tsv").read_text("utf-8").replace("Golgi", "golgin")
    (tmp_path / "t.tsv").write_text(content, "utf-8", newline="")
    assert here(*command).code == 2


def test_a_number_counts_options_that_are_missing_before_it(tmp_path: Path) -> None:
    rows = [
        {"image": TEXT[0], "question": "Q", "option_a": "x", "option_b": None, "option_c": "z",
         "answer": 2},
        {"image": TEXT[1], "question": "R", "option_a": "x", "option_b": "y", "option_c": None,
         "answer": 0},
    ]  # fmt: skip
    json_lines(tmp_path / "t.jsonl", rows)
    one, other = found(open_dataset(str(tmp_path / "t.jsonl")))
    assert (one.options, one.gold) == (("x", "z"), 1)
    assert (other.options, other.gold) == (("x", "y"), 0)
