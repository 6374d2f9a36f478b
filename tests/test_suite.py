"""The shipped suite: each data set's own files, made up in their real form, to a scored run."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mubench_gen.data import open_dataset
from mubench_gen.data.packaged import find

from .helpers.command import Outcome
from .helpers.data import make_png
from .helpers.documents import DOCS

Here = Callable[..., Outcome]
SUITE = (
    "microvqa", "microvqa-plus", "pathmmu", "pmc-vqa", "slake", "medxpertqa", "mmbu", "matcha",
    "csmbench",
)  # fmt: skip


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)


def cell(number: int) -> dict[str, Any]:
    """An image as the hub's Parquet files hold it."""
    return {"bytes": make_png(number), "path": f"nucleus-{number}.png"}


def microvqa(place: Path) -> None:
    rows = [
        {
            "key_question": 40 + i,
            "key_image": i,
            "images_list": [cell(i), cell(i + 1)][: i + 1],
            "question": f"What follows from panel {i}?",
            "choices": ["growth", "decay", "nothing"],
            "correct_index": 2 - i,
            "correct_answer": ["nothing", "decay"][i],
            "task_str": "perception",
            "choices_1": None,
        }
        for i in range(2)
    ]
    write_parquet(place / "data/test-00000-of-00001.parquet", rows)


def microvqa_plus(place: Path) -> None:
    rows = [
        {
            "image_name": f"PMC{i}_f1.jpg",
            "image": cell(i),
            "question": "Which stain?",
            "choices": ["DAPI", "GFP"],
            "correct_index": i,
            "correct_answer": ["DAPI", "GFP"][i],
            "cot": "Because.",
            "task_str": "perception",
            "image_caption": "Cells with DAPI.",
            "images_source": "BIOMEDICA",
        }
        for i in range(2)
    ]
    write_parquet(place / "train-00000-of-00001.parquet", rows)


def pathmmu(place: Path) -> None:
    def row(number: int, answer: str) -> dict[str, Any]:
        options = ["A) Necrosis", "B) Fibrosis", "C) Mitosis"]
        return {
            "No": number,
            "img": f"{number}.jpg",
            "question": "What is shown?",
            "options": options,
            "answer": answer,
            "explanation": "It is.",
        }

    parts = {
        "PubMed": {"val": [], "test": [row(1, "B) Fibrosis")], "test_tiny": [row(2, "C) Mitosis")]},
        "EduContent": {"val": [], "test": [row(3, "A) Necrosis")], "test_tiny": []},
        "Atlas": {"val": [], "test": [{"source_img": "elsewhere.png"}], "test_tiny": []},
    }
    place.mkdir(parents=True)
    (place / "data.json").write_text(json.dumps(parts))
    write_zip(place / "images.zip", {f"images/{i}.jpg": make_png(i) for i in (1, 2, 3)})


def pmc_vqa(place: Path) -> None:
    place.mkdir(parents=True)
    lines = [
        "Figure_path,Question,Answer,Choice A,Choice B,Choice C,Choice D,Answer_label",
        'PMC1_F1.jpg," What, exactly? ",MRI, A:CT , B:MRI ," C:X-ray, frontal", D:PET ,B',
        "PMC1_F1.jpg,And here?,CT,A:CT,B:MRI,C:X-ray,D:PET,A",
    ]
    (place / "test_clean.csv").write_bytes("\r\n".join(["\ufeff" + lines[0], *lines[1:]]).encode())
    write_zip(place / "images.zip", {"images/PMC1_F1.jpg": make_png(1)})


def slake(place: Path) -> None:
    def row(qid: int, **changes: Any) -> dict[str, Any]:
        usual = {
            "img_id": 1,
            "img_name": "xmlab1/source.jpg",
            "question": "Does the picture contain lung?",
            "answer": "Yes",
            "q_lang": "en",
            "answer_type": "CLOSED",
            "base_type": "vqa",
            "content_type": "Organ",
            "modality": "CT",
            "qid": qid,
        }
        return {**usual, **changes}

    rows = [
        row(1),
        row(2, answer="No", img_name="xmlab2/source.jpg"),
        row(3, answer="Left", question="Which side?"),
        row(4, answer_type="OPEN", answer="Liver"),
        row(5, q_lang="zh", answer="是的"),
        row(6, answer="yes"),
    ]
    place.mkdir(parents=True)
    (place / "test.json").write_text(json.dumps(rows))
    members = {f"imgs/xmlab{i}/source.jpg": make_png(i) for i in (1, 2)}
    write_zip(place / "imgs.zip", {"__MACOSX/source.jpg": b"x", **members})


def medxpertqa(place: Path) -> None:
    rows = [
        {
            "id": f"MM-{i}",
            "question": "What is it?\nAnswer Choices: (A) one (B) two",
            "options": {"B": "two", "A": "one", "C": "three", "E": "five", "D": "four"},
            "label": "BE"[i],
            "images": [f"MM-{i}-a.jpeg", f"MM-{i}-b.jpeg"][: i + 1],
            "medical_task": "Diagnosis",
            "body_system": "Nervous",
            "question_type": "Reasoning",
        }
        for i in range(2)
    ]
    (place / "MM").mkdir(parents=True)
    (place / "MM/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "images").mkdir()  # unpacked
    for number, name in enumerate(("MM-0-a", "MM-1-a", "MM-1-b")):
        (place / f"images/{name}.jpeg").write_bytes(make_png(number))


def mmbu(place: Path) -> None:
    (place / "images").mkdir(parents=True)
    lines = [
        "index\tquestion\timage_path\tdataset\tclass_label\tmetadata_modality\toptions\tanswer"
    ]
    options = "['A) cat', 'B) dog', 'C) None of the above']"
    for number, answer in enumerate(("B", "C", "A,B")):
        image = f"images/{number}.png"
        (place / image).write_bytes(make_png(number))
        lines.append(f"{number}\tWhich?\t{image}\tpets\tdog\tx-ray\t{options}\t{answer}")
    (place / "final_cls_closed.tsv").write_text("\n".join(lines) + "\n")
    (place / "final_cls_open.tsv").write_text("index\tquestion\n0\tnot read\n")


def matcha(place: Path) -> None:
    box = [{"x": 2, "y": 1}, {"x": 6, "y": 1}, {"x": 6, "y": 4}, {"x": 2, "y": 4}]
    record = {
        "id": "article-1-SEM",
        "images": [
            {"image_path": "sub/figure.png", "geometry": box},
            {"image_path": "sub/whole.png"},
        ],
        "vqa": [
            {
                "question": f"Which phase is {which}?",
                "options": {"A": "alpha", "B": "beta", "C": "gamma", "D": "delta"},
                "answer": which,
                "topic": "Phase Analysis",
            }
            for which in "AD"
        ],
    }
    members = {"images/sub/figure.png": make_png(1), "images/sub/whole.png": make_png(2)}
    write_zip(place / "data/images.zip", members)
    (place / "data/matcha_vqa_inputs.jsonl").write_text(json.dumps(record) + "\n")


def csmbench(place: Path) -> None:
    folder = place / "multi_scale_mcq/train"
    folder.mkdir(parents=True)
    lines = []
    for number, right in enumerate("DB"):
        (folder / f"{number}.jpg").write_bytes(make_png(number))
        options = [{"label": label, "caption": f"caption {label}"} for label in "ABCD"]
        row = {
            "index": number,
            "scale": "AtomScale",
            "source": "mc",
            "paper_folder_name": "paper",
            "file_name": f"{number}.jpg",
            "options": json.dumps(options),
            "correct_answer": right,
            "hybrid": False,
        }
        lines.append(json.dumps(row) + "\n")
    (folder / "metadata.jsonl").write_text("".join(lines))


WRITERS: dict[str, Callable[[Path], None]] = {
    "microvqa": microvqa,
    "microvqa-plus": microvqa_plus,
    "pathmmu": pathmmu,
    "pmc-vqa": pmc_vqa,
    "slake": slake,
    "medxpertqa": medxpertqa,
    "mmbu": mmbu,
    "matcha": matcha,
    "csmbench": csmbench,
}
# By data set: (gold, options, images) of each row.
EXPECTED: dict[str, list[tuple[int, tuple[str, ...], int]]] = {
    "microvqa": [(2, ("growth", "decay", "nothing"), 1), (1, ("growth", "decay", "nothing"), 2)],
    "microvqa-plus": [(0, ("DAPI", "GFP"), 1), (1, ("DAPI", "GFP"), 1)],
    "pathmmu": [(i, ("Necrosis", "Fibrosis", "Mitosis"), 1) for i in (1, 2, 0)],
    "pmc-vqa": [
        (1, ("CT", "MRI", "X-ray, frontal", "PET"), 1),
        (0, ("CT", "MRI", "X-ray", "PET"), 1),
    ],
    "slake": [(i, ("Yes", "No"), 1) for i in (0, 1, 0)],
    "medxpertqa": [(i, ("one", "two", "three", "four", "five"), n) for i, n in ((1, 1), (4, 2))],
    "mmbu": [(i, ("cat", "dog", "None of the above"), 1) for i in (1, 2, -1)],
    "matcha": [(i, ("alpha", "beta", "gamma", "delta"), 2) for i in (0, 3)],
    "csmbench": [(i, tuple(f"caption {label}" for label in "ABCD"), 1) for i in (3, 1)],
}


def prepared(here: Here, name: str, place: Path) -> Outcome:
    WRITERS[name](place)
    return here("data", "prepare", name, "--from", place, "--json")


@pytest.mark.parametrize("name", SUITE)
def test_its_own_files_become_rows_and_a_scored_run(here: Here, name: str, tmp_path: Path) -> None:
    outcome = prepared(here, name, tmp_path / "raw")
    assert outcome.code == 0, outcome.err
    rows = list(open_dataset(name))
    found = [
        (question.gold, question.options, len(row.images))
        for row in rows
        for question in row.questions.values()
    ]
    assert found == EXPECTED[name]
    assert not any("#" in row.key for row in rows)
    assert all(Image.open(io.BytesIO(one.file_bytes)) for row in rows for one in row.images)
    listed = here("tasks", "--data", name, "--json").document
    asked = {question for _, question in open_dataset(name).questions}
    assert {task["name"] for task in listed} == asked == set(find(name).spec.tasks)
    run = here("eval", "--plugin", "echo", "--data", name, "--run-dir", "run", "--json")
    assert run.code == 0, run.err
    scores = run.document["scores"]
    groups = [scores["pooled"], *(form["pooled"] for form in scores.get("open", {}).values())]
    assert [sum(group[name] for group in groups) for name in ("n", "n_errors")] == [len(rows), 0]


def test_the_suite_is_listed_with_where_each_is_and_whence_its_facts_are(here: Here) -> None:
    listed = {one["name"]: one for one in here("data", "--json").document}
    assert set(SUITE) <= set(listed)
    for name in SUITE:
        spec = find(name).spec
        assert spec.sources, name
        assert spec.citation, name
        assert listed[name]["state"].startswith(("not here: ", "on request: ")), name


def test_an_image_that_is_missing_is_its_rows_fault(here: Here, tmp_path: Path) -> None:
    pathmmu(tmp_path / "raw")
    write_zip(tmp_path / "raw/images.zip", {f"images/{i}.jpg": make_png(i) for i in (1, 3)})
    refused = here("data", "prepare", "pathmmu", "--from", "raw")
    assert refused.code == 2
    assert "pathmmu, row 2" in refused.err
    assert "has no file '2.jpg'" in refused.err
    done = here("data", "prepare", "pathmmu", "--from", "raw", "--partial", "--json")
    assert done.document["counts"]["questions"] == 2


@pytest.mark.parametrize("name", SUITE)
def test_a_folder_that_is_not_the_data_sets_is_refused_by_what_it_lacks(
    here: Here, name: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    outcome = here("data", "prepare", name, "--from", "empty")
    assert outcome.code == 2
    assert "empty" in outcome.err
    assert "is broken" not in outcome.err


def test_what_matcha_asks_about_a_part_of_a_figure_shows_that_part(
    here: Here, tmp_path: Path
) -> None:
    assert prepared(here, "matcha", tmp_path / "raw").code == 0
    first, _ = open_dataset("matcha")
    part, whole = first.images
    assert part.pixels().size == (4, 3)
    assert part.pixels().getpixel((0, 0)) == Image.open(io.BytesIO(make_png(1))).getpixel((2, 1))
    assert whole.file_bytes == make_png(2)


def test_medxpertqas_question_does_not_repeat_its_options(here: Here, tmp_path: Path) -> None:
    assert prepared(here, "medxpertqa", tmp_path / "raw").code == 0
    assert {row.questions["medxpertqa"].text for row in open_dataset("medxpertqa")} == {
        "What is it?"
    }


def test_images_that_several_questions_share_are_kept_once(here: Here, tmp_path: Path) -> None:
    counts = prepared(here, "pmc-vqa", tmp_path / "raw").document["counts"]
    assert (counts["questions"], counts["images"], counts["options"]) == (2, 1, 8)


def test_the_page_about_the_suite_says_what_the_modules_say() -> None:
    page = (DOCS / "suite.md").read_text("utf-8")
    for name in SUITE:
        spec = find(name).spec
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"| {spec.licence} |" in line
        assert spec.hub in line
        assert f"| {spec.revision[:7]} |" in line or not spec.revision
        count = spec.expected.get("questions")
        assert count is None or f"| {count:,} |" in line
        assert (spec.size is None) == ("| – |" in line)


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("microvqa", "microvqa-owner"),
        ("pathmmu", "pathmmu-vlmevalkit"),
        ("pmc-vqa", "pmc-vqa-evalscope"),
        ("medxpertqa", "medxpertqa-evalscope"),
        ("mmbu", "mmbu"),
    ],
)
def test_the_protocols_of_others_ask_it_by_its_name(
    here: Here, name: str, protocol: str, tmp_path: Path
) -> None:
    assert prepared(here, name, tmp_path / "raw").code == 0
    run = here(
        "eval",
        "--plugin",
        "echo",
        "--data",
        name,
        "--protocol",
        protocol,
        "--run-dir",
        "r",
        "--json",
    )
    assert run.code == 0, run.err
    single = [
        gold for gold, _, _ in EXPECTED[name] if gold >= 0
    ]  # a protocol's prompt is for these
    assert run.document["scores"]["pooled"]["n"] == len(single)
