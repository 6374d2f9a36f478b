"""A user's own images and questions: `data import`, licences, tasks and subsets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mubench_gen.data import open_dataset
from mubench_gen.data.importing import import_data
from mubench_gen.data.licenses import allows_commercial_use
from mubench_gen.errors import DataError
from mubench_gen.tasks.samples import count, tasks_of
from mubench_gen.tasks.task import load_tasks

HEADER = "image,question,options,answer,task\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(["a.png", "b.jpg", "deep/c.png"]):
        Image.new("RGB", (20, 10 + number), (number * 60, 9, 99)).save(folder / name)
    return folder


def imported(photos: Path, table: str, suffix: str = "csv", **settings: Any) -> Path:
    (photos / f"table.{suffix}").write_text(table, "utf-8")
    out = photos.parent / "out"
    import_data(photos, out, **settings)
    return out


def test_a_csv_of_questions_becomes_a_data_set(photos: Path) -> None:
    out = imported(
        photos,
        HEADER + "a.png,What is it?,red|blue,blue,colour\n"
        'a.png,Which modality?,"[""light"", ""electron""]",a,modality\n'
        "deep/c.png,What is it?,red|blue,A,colour\n",
        license_name="CC0",
    )
    dataset = open_dataset(str(out))
    assert [row.key for row in dataset] == ["photos/a.png", "photos/deep/c.png"]
    assert dataset[0].questions["colour"].gold == 1
    assert dataset[0].questions["modality"].options == ("light", "electron")
    assert dataset[1].questions["colour"].gold == 0
    assert dataset[1].meta["license"] == "CC0"
    assert dataset[1].image.data == (photos / "deep/c.png").read_bytes()


@pytest.mark.parametrize(
    ("header", "names"),
    [("image", "a.png|deep/c.png"), ("image_1,image_2", "a.png,deep/c.png")],
)
def test_a_question_about_several_images_names_them_all(
    photos: Path, header: str, names: str
) -> None:
    out = imported(
        photos,
        f"{header},question,options,answer\n"
        f"{names},Is <image 2> darker than <image 1>?,yes|no,no\n"
        f"{names},Which is darker?,<image>|<image>,B\n",
    )
    one, other = open_dataset(str(out))
    assert [image.name for image in one.images] == ["images/a.png", "images/deep/c.png"]
    assert one.image_id == "a.png|deep/c.png"
    assert other.questions["classification"].options == ("<image 1>", "<image 2>")


def test_tasks_of_ones_own_come_with_the_data(photos: Path) -> None:
    out = imported(
        photos, HEADER + "a.png,Q,x|y,x,colour\nb.jpg,Q,x|y,x,modality\nb.jpg,Q,x|y,y,domain\n"
    )
    dataset = open_dataset(str(out))
    tasks = tasks_of(load_tasks(dataset=dataset), dataset, wanted=())
    assert [task.name for task in tasks] == ["colour", "domain", "modality"]
    assert [path.name for path in (out / "tasks").iterdir()] == ["colour.toml"]


def test_several_questions_of_one_task_about_one_image_are_all_asked(photos: Path) -> None:
    lines = [
        {"image": "a.png", "question": f"Expert question {i}?", "options": ["p", "q", "r"],
         "answer": "q", "task": "cognition"}
        for i in range(3)
    ]  # fmt: skip
    out = imported(photos, "".join(json.dumps(line) + "\n" for line in lines), "jsonl")
    dataset = open_dataset(str(out))
    (task,) = load_tasks(["cognition"])
    assert count(task, dataset) == 3
    assert [row.questions["cognition"].text[-2] for row in dataset] == ["0", "1", "2"]
    assert len({row.key for row in dataset}) == 3


def test_a_caption_template_is_filled_with_each_option(photos: Path) -> None:
    line = {"image": "a.png", "question": "Q", "options": ["p", "q"], "answer": "p"}
    text = json.dumps({**line, "caption": "An image of {class}.", "stain": "DAPI"})
    row = open_dataset(str(imported(photos, text + "\n", "jsonl")))[0]
    assert row.captions["classification"][0] == ("An image of p.", "An image of q.")
    assert row.meta["stain"] == "DAPI"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x.png,Q,a|b,a,t", "column image: there is no file 'x.png'"),
        ("../photos/../x.png,Q,a|b,a,t", "column image: .* is not in the folder"),
        (",Q,a|b,a,t", "column image: a file's name is needed"),
        ("a.png,,a|b,a,t", r"column question: a text is needed"),
        ("a.png,Q,a,a,t", r"options: two or more options are needed"),
        ("a.png,Q,a|a,a,t", "two options are the same"),
        ("a.png,Q,a||b,a,t", "an option is empty"),
        ("a.png,Q,[1,a,t", "no valid JSON list"),
        ("a.png,Q,a|b,c,t", "column answer: 'c' is neither"),
        ("a.png,Q,a|b,,t", "column answer: '' is neither"),
        ("a.png,Q,a|b,a,../t", "column task: not a valid name"),
        ("bad.png,Q,a|b,a,t", "column image: bad.png"),
        ("a.png,Q,a|b,a,t,more", "more cells than columns"),
    ],
)
def test_a_faulty_row_is_named_with_its_number(photos: Path, line: str, message: str) -> None:
    (photos / "bad.png").write_bytes((photos / "a.png").read_bytes()[:40])
    with pytest.raises(DataError, match=rf"table\.csv, row 3\b.*{message}"):
        imported(photos, HEADER + "a.png,Q,a|b,a,t\n" + line + "\n")
    assert not (photos.parent / "out").exists()


def test_all_faulty_rows_are_listed_and_all_pictures_that_cannot_be_shown(photos: Path) -> None:
    cut = (photos / "a.png").read_bytes()[:-20]
    for name in ("cut.png", "cut too.png"):
        (photos / name).write_bytes(cut)
    lines = ["x.png,Q,a|b,a,t", "cut.png,Q,a|b,a,t", "a.png,Q,a|b,a,t", "cut.png,R,a|b,a,t"]
    lines += ["x.png,Q,a|b,a,t"] * 12 + ["cut too.png,Q,a|b,a,t"]
    with pytest.raises(DataError) as caught:
        imported(photos, HEADER + "\n".join(lines) + "\n")
    told = str(caught.value)
    for row in (2, *range(6, 18), 3, 18):  # row 5 has the picture of row 3
        assert f"table.csv, row {row}, column image" in told
    assert len(told.splitlines()) == 15


def test_a_table_without_its_columns_is_told(photos: Path) -> None:
    with pytest.raises(
        DataError, match=r"no column is known as options or answer.*--map options=COLUMN,answer="
    ):
        imported(photos, "image,question\na.png,Q\n")


def test_a_folder_without_a_table_or_with_two_is_told(photos: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \.csv"):
        import_data(photos, photos.parent / "out")
    (photos / "one.csv").write_text(HEADER)
    (photos / "two.csv").write_text(HEADER)
    with pytest.raises(DataError, match=r"one\.csv, two\.csv.*--table"):
        import_data(photos, photos.parent / "out")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("CC-BY-4.0", True),
        ("CC0", True),
        ("Apache-2.0", True),
        ("CC-BY-NC-4.0", False),
        ("CC BY-NC-SA 3.0", False),
        ("non-commercial use only", False),
        ("Noncommercial", False),
        ("", False),
        (None, False),
        ("unknown", False),
    ],
)
def test_licences_are_commercial_by_name(name: str | None, allowed: bool) -> None:
    assert allows_commercial_use(name) is allowed


def licensed(photos: Path) -> str:
    names = ["CC-BY-4.0", "CC-BY-NC-4.0", "CC0"]
    lines = [
        {"image": image, "question": "Q", "options": ["a", "b"], "answer": "a", "license": name}
        for image, name in zip(["a.png", "b.jpg", "deep/c.png"], names, strict=True)
    ]
    return str(imported(photos, "".join(json.dumps(line) + "\n" for line in lines), "jsonl"))


def test_a_licence_filter_leaves_the_rows_under_it(photos: Path) -> None:
    dataset = open_dataset(licensed(photos), licenses=["commercial"])
    assert [(row.index, row.image_id) for row in dataset] == [(0, "a.png"), (1, "deep/c.png")]
    assert dataset[1].image_id == "deep/c.png"
    assert sum(dataset.questions.values()) == len(dataset) == 2
    (row,) = open_dataset(str(dataset.path), licenses=["cc0"])
    assert (row.index, row.image_id) == (0, "deep/c.png")


def test_a_licence_filter_that_leaves_nothing_is_an_error(photos: Path) -> None:
    with pytest.raises(DataError, match=r"--licenses MIT leaves no row.*CC-BY-4\.0 \(1 rows\)"):
        open_dataset(licensed(photos), licenses=["MIT"])


def named(pattern: str) -> list[str]:
    return [task.name for task in load_tasks([pattern])]


def test_the_groups_and_subsets_are_those_of_the_paper() -> None:
    assert len(named("fine-all")) == 22
    assert set(named("fine-all")) - set(named("fine-without-df-ef")) == {
        "eulenberg_et_al_2017_darkfield",
        "eulenberg_et_al_2017_epifluorescence",
    }
    assert len(named("coarse")) == 5
    assert len(named("ubench")) == 27
    kathers = ["kather_et_al_2016", "kather_et_al_2018", "kather_et_al_2018_val7k"]
    assert named("h&e") == [*kathers, "nirschl_et_al_2018"]
    assert set(named("pathology")) == {
        *kathers, "nirschl_et_al_2018", "hussain_et_al_2019", "acevedo_et_al_2020",
        "jung_et_al_2022",
    }  # fmt: skip
    groups = {
        "identification": 3, "texture-and-morphology": 3, "normal-abnormal": 3,
        "single-molecule": 1, "cell-cycle": 5, "neoplastic": 4, "non-neoplastic": 3,
    }  # fmt: skip
    assert {name: len(named(name)) for name in groups} == groups
    members = [task for name in groups for task in named(name)]
    assert sorted(members) == sorted(named("fine-all"))
    assert "opencell" not in named("fine")
    assert named("burgess_et*") == named("burgess")


def test_every_fine_task_is_the_classification_of_the_data_set_of_its_name() -> None:
    for task in load_tasks(["fine-all"]):
        assert (task.datasets, task.question) == ((task.name,), "classification")


def test_coarse_questions_of_sets_outside_the_tables_are_not_asked() -> None:
    for task in load_tasks(["coarse"]):
        assert task.asks("acevedo_et_al_2020")
        assert task.asks("demo_blood")
        assert not task.asks("opencell")
        assert not task.asks("sirinukunwattana_et_al_2016")


def test_a_group_leaves_out_tasks_without_questions_and_a_name_does_not(photos: Path) -> None:
    dataset = open_dataset(str(imported(photos, HEADER + "a.png,Q,x|y,x,modality\n")))
    found = tasks_of(load_tasks(["coarse"]), dataset, wanted=["coarse"])
    assert [task.name for task in found] == ["modality"]
    with pytest.raises(DataError, match="The task 'domain' asks the question 'domain'"):
        tasks_of(load_tasks(["coarse", "domain"]), dataset, wanted=["coarse", "domain"])
    with pytest.raises(DataError, match="no question of any task in 'pathology'"):
        tasks_of(load_tasks(["coarse", "pathology"]), dataset, wanted=["coarse", "pathology"])
