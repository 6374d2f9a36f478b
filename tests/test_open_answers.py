"""Tasks with several right options, numbers and short texts: from rows to scores, apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.compare.comparison import compare_all
from mubench_gen.data import open_dataset
from mubench_gen.errors import DataError, SettingError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.runs.rescore import rescore, save
from mubench_gen.runs.verify import verify

from .conftest import Here
from .helpers.data import make_png

MODEL = """
import mubench_gen

REPLIES = {replies!r}

class Told(mubench_gen.GenerativeModel):
    def generate(self, requests):
        return [next(v for k, v in REPLIES.items() if k in r.text) for r in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("told", Told)]
"""
JUDGE = """
import mubench_gen

class Kind(mubench_gen.Judge):
    def read(self, unread):
        return [0 if "powerhouse" in one.reply else 1 for one in unread]

@mubench_gen.hookimpl
def mubench_gen_judge():
    return Kind
"""
QUESTIONS: dict[str, dict[str, Any]] = {
    "kind": {"question": "Which kind?", "options": ["cell", "tissue", "organ"], "answer_idx": 1},
    "parts": {
        "question": "Which parts?", "options": ["nucleus", "wall", "golgi"], "answer_idx": [0, 2],
    },
    "size": {"question": "How long?", "answer": 5.0, "tolerance": "10%", "unit": "µm"},
    "what": {"question": "What name?", "answer": ["mitochondrion", "mitochondria"]},
}  # fmt: skip
RIGHT = {"kind?": "B", "parts?": "A and C", "long?": "5200 nm", "name?": "It is a mitochondrion."}
Told = Callable[..., mubench_gen.Run]


def write(folder: Path, rows: list[dict[str, dict[str, Any]]], **tasks: str) -> Path:
    """A data set with these questions a row, and a task of each."""
    (folder / "tasks").mkdir(parents=True)
    lines = []
    for number, questions in enumerate(rows):
        (folder / f"{number}.png").write_bytes(make_png(number))
        row = {"image_id": str(number), "image": f"{number}.png", "dataset": "own"}
        lines.append(json.dumps(row | {"questions": questions}))
    (folder / "rows.jsonl").write_text("\n".join(lines))
    for name in {name for row in rows for name in row}:
        keys = f'title = "{name}"\ngroup = "own"\nquestion = "{name}"\n{tasks.get(name, "")}\n'
        (folder / "tasks" / f"{name}.toml").write_text(keys)
    return folder


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Evaluate a model that gives these replies to questions with these words."""

    def run(replies: dict[str, str], data: Path | None = None, **settings: Any) -> mubench_gen.Run:
        data = data or write(tmp_path / "data", [QUESTIONS] * 2)
        plugin = tmp_path / f"told{len(list(tmp_path.glob('*.py')))}.py"
        plugin.write_text(MODEL.replace("{replies!r}", repr(RIGHT | replies)))
        return mubench_gen.evaluate(
            plugin=str(plugin), data=str(data), run_dir=tmp_path / plugin.stem, **settings
        )

    return run


def by_task(run: mubench_gen.Run) -> dict[str, Any]:
    return {record["task"]: record for record in run.records()}


def test_each_form_is_asked_read_and_scored_apart_from_single_choice(told: Told) -> None:
    run = told({"kind?": "A"})
    records, scores = by_task(run), run.scores
    asked = {
        name: record["messages"][-1]["content"][-1]["text"] for name, record in records.items()
    }
    assert "all that apply" in asked["parts"]
    assert "a number in µm" in asked["size"]
    assert "a short phrase" in asked["what"]
    assert (scores.pooled.n, scores.pooled.accuracy) == (2, 0.0)
    assert set(scores.tasks) == {"kind"}
    accuracies = {form: groups["pooled"].score.accuracy for form, groups in scores.open.items()}
    assert accuracies == {"several": 1.0, "number": 1.0, "text": 1.0}
    assert scores.open["several"]["parts"].score.chance == pytest.approx(1 / 7)
    assert scores.open["number"]["size"].score.chance is None
    assert (scores.n, run.complete) == (8, True)
    size = records["size"]
    assert (size["gold"], size["choice"], size["correct"]) == (None, None, True)
    assert (size["open"]["found"], size["open"]["off"]) == (5.2, pytest.approx(0.2))
    assert records["parts"]["open"]["gold"] == [0, 2]


def test_partial_credit_stands_beside_the_exact_match(told: Told) -> None:
    details = told({"parts?": "A, B"}).scores.open["several"]["pooled"]
    assert details.score.accuracy == 0.0
    assert details.details == {
        "precision": 0.5, "recall": 0.5, "f1": 0.5, "jaccard": pytest.approx(1 / 3),
    }  # fmt: skip


def test_options_are_scored_by_their_text_under_every_order(told: Told) -> None:
    run = told({"parts?": "nucleus and golgi"}, orders="all", tasks=["parts"])
    assert len(list(run.records())) == 12
    assert run.scores.open["several"]["pooled"].score.accuracy == 1.0
    golds = {tuple(record["open"]["gold"]) for record in run.records()}
    assert golds == {(0, 1), (0, 2), (1, 2)}


@pytest.mark.parametrize(
    ("reply", "correct"),
    [("5.5 µm", True), ("5.51 µm", False), ("4.5", True), ("0.0052 mm", True), ("5 nm", False)],
)
def test_a_number_is_right_within_its_tolerance_both_ends_included(
    told: Told, reply: str, correct: bool
) -> None:
    assert by_task(told({"long?": reply}))["size"]["correct"] is correct


def test_unread_replies_have_the_statuses_of_single_choice_and_are_wrong(told: Told) -> None:
    unread = {"parts?": "A or B", "long?": "5 to 7 µm", "name?": "I'm sorry, I cannot tell."}
    records = by_task(told(unread))
    statuses = {name: records[name]["status"] for name in ("parts", "size", "what")}
    assert statuses == {"parts": "ambiguous", "size": "ambiguous", "what": "refused"}
    assert not any(records[name]["correct"] for name in statuses)


def test_an_error_is_never_an_answer(told: Told, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(MODEL.replace("next(v", "1 / 0 or next(v").replace(
        "{replies!r}", "{}"))  # fmt: skip
    data = write(tmp_path / "data", [QUESTIONS])
    run = mubench_gen.evaluate(
        plugin=str(tmp_path / "fails.py"), data=str(data), run_dir=tmp_path / "run"
    )
    assert {record["correct"] for record in run.records()} == {None}
    assert run.scores.open["number"]["pooled"].score.n_errors == 1
    assert run.scores.open["number"]["pooled"].score.n == 0


def test_a_run_is_resumed_verified_and_read_again(told: Told, tmp_path: Path) -> None:
    run = told({})
    data = tmp_path / "data"
    again = mubench_gen.evaluate(
        plugin=str(tmp_path / "told0.py"), data=str(data), run_dir=tmp_path / "told0"
    )
    assert len((again.dir / "records.jsonl").read_text().splitlines()) == 8
    assert not rescore(run).changes
    outcomes = {check.name: check.outcome for check in verify(run)}
    assert outcomes["contents"] == outcomes["answers"] == outcomes["scores"] == "holds"


def test_a_reading_of_before_is_mended_by_reading_again(told: Told) -> None:
    run = told({})
    path = run.dir / "records.jsonl"
    from mubench_gen.storage.records import to_line

    lines = []
    for record in run.records():
        if record["task"] == "size":
            record |= {"correct": False, "open": {**record["open"], "found": 1.0, "off": 4.0}}
        lines.append(to_line(record))
    path.write_bytes(b"".join(lines))
    run = mubench_gen.load_run(run.dir)
    found = rescore(run)
    assert [change.after["correct"] for change in found.changes] == [True, True]
    save(run, found.changes)
    assert mubench_gen.load_run(run.dir).scores.open["number"]["size"].score.accuracy == 1.0


def test_a_judge_reads_the_texts_that_no_rule_matches(told: Told, tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(JUDGE)
    plain = told({"name?": "the powerhouse of the cell"}, tasks=["what"])
    assert plain.scores.open["text"]["what"].score.accuracy == 0.0
    run = told(
        {"name?": "the powerhouse of the cell"}, tmp_path / "data",
        tasks=["what"], judge=str(tmp_path / "judge.py"),
    )  # fmt: skip
    record = by_task(run)["what"]
    assert (record["correct"], record["rule"]) == (True, "judge:judge")
    assert not rescore(run).changes


def test_compare_pairs_each_form_by_itself(told: Told, tmp_path: Path) -> None:
    better = told({}, write(tmp_path / "data", [QUESTIONS] * 4))
    worse = told({"long?": "9 µm", "kind?": "A"}, tmp_path / "data")
    found = compare_all([better, worse], pool=False)
    assert (found.form, set(found.apart)) == ("option", {"several", "number", "text"})
    differences = {form: one.differences[0].paired.difference for form, one in found.apart.items()}
    assert differences == {"several": 0.0, "number": 1.0, "text": 0.0}
    assert found.differences[0].paired.n == 4


def test_other_read_outs_contrastive_models_and_other_prompts_are_refused_first(
    told: Told, tmp_path: Path
) -> None:
    data = write(tmp_path / "data", [QUESTIONS])
    for name in ("parts", "size", "what"):
        with pytest.raises(SettingError, match=r"read from a reply: add --readout parse"):
            mubench_gen.evaluate(plugin="echo", data=str(data), tasks=[name], readout=["logprob"])
        with pytest.raises(SettingError, match=r"which a contrastive model cannot give"):
            mubench_gen.evaluate(plugin="tiny", model="clip", data=str(data), tasks=[name])
        with pytest.raises(SettingError, match=r"no prompt given does. Add --prompt open"):
            told({}, data, tasks=[name], prompt=["cot"])
    assert set(by_task(told({}, data, prompt=["cot"]))) == {"kind"}


def test_a_task_file_declares_what_the_rows_do_not_say(told: Told, tmp_path: Path) -> None:
    rows = {
        "kind": {**QUESTIONS["kind"]},
        "size": {"question": "How long?", "answer": "5.0"},
    }
    numbers = 'answer = "number"\ntolerance = 1\nunit = "nm"'
    declared = {"kind": 'answer = "several"', "size": numbers}
    run = told({"long?": "0.0062 µm"}, write(tmp_path / "data", [rows], **declared))
    records = by_task(run)
    assert (records["kind"]["open"]["gold"], records["kind"]["correct"]) == ([1], True)
    assert (records["size"]["open"]["unit"], records["size"]["open"]["found"]) == ("nm", 6.2)
    assert not records["size"]["correct"]


def test_a_row_against_the_declaration_is_named_with_column_and_remedy(
    told: Told, tmp_path: Path
) -> None:
    data = write(tmp_path / "data", [QUESTIONS], kind='answer = "number"')
    with pytest.raises(
        DataError, match=r"row 1 \(image_id 0\), column questions.kind.*Write a num"
    ):
        told({}, data)


BAD: list[tuple[dict[str, Any], str]] = [
    ({**QUESTIONS["parts"], "answer_idx": [0, 5]}, "answer_idx: 5 is out of range for 3 options"),
    ({**QUESTIONS["parts"], "answer_idx": []}, "answer_idx: no option is right. Name at least one"),
    ({**QUESTIONS["parts"], "answer_idx": [0, 0]}, "answer_idx: an option stands twice"),
    (
        {"question": "?", "options": ["a", "b"], "answer": ["c"]},
        "answer: 'c' is none of the options",
    ),
    (
        {"question": "?", "options": ["a", "b"], "form": "several"},
        "answer: None is none of the options",
    ),
    ({"question": "?", "form": "number", "answer": "five"}, "answer: a number is needed"),
    ({"question": "?", "answer": 5, "tolerance": "-1"}, "tolerance: a number that is not negative"),
    ({"question": "?", "answer": 5, "unit": 3}, "unit: a text is needed"),
    ({"question": "?", "answer": ["", "x"]}, "answer: a text is needed"),
    (
        {"question": "?", "answer": "x", "form": "essay"},
        "form: 'essay' is not one of option, several",
    ),
    ({**QUESTIONS["kind"], "form": "text"}, "options: a question with form 'text' has none"),
]


@pytest.mark.parametrize(("cell", "message"), BAD)
def test_a_wrong_right_answer_is_a_fault_of_its_row(
    cell: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as raised:
        open_dataset(str(write(tmp_path / "data", [{"asked": cell}])), StandardPolicy())
    assert "row 1 (image_id 0), column questions.asked." in str(raised.value)
    assert message in str(raised.value)


def test_a_question_has_one_form_in_all_rows(tmp_path: Path) -> None:
    rows = [{"asked": QUESTIONS["kind"]}, {"asked": QUESTIONS["size"]}]
    with pytest.raises(
        DataError, match=r"row 2 .*asks for a number, where earlier rows ask for one"
    ):
        open_dataset(str(write(tmp_path / "data", rows)), StandardPolicy())


def test_parquet_rows_have_open_answers_too(told: Told, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    rows = [
        {
            "image_id": str(n), "image": {"bytes": make_png(n), "path": f"{n}.png"},
            "dataset": "own", "questions": QUESTIONS,
        }
        for n in range(2)
    ]  # fmt: skip
    folder = write(tmp_path / "data", [QUESTIONS])
    (folder / "rows.jsonl").unlink()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    scores = told({}, folder).scores
    assert {form: one["pooled"].score.accuracy for form, one in scores.open.items()} == {
        "several": 1.0, "number": 1.0, "text": 1.0,
    }  # fmt: skip


TABLES: list[tuple[str, str, dict[str, str], list[Any]]] = [
    ("a.csv", 'image,question,options,answer\n0.png,Which?,x1|y1|z1,"A, C"\n1.png,Which?,x1|y1,B\n',
     {}, [(0, 2), (1,)]),
    ("b.csv", "image,question,options,answer\n0.png,Which?,x1|y1|z1,x1; z1\n", {}, [(0, 2)]),
    ("c.csv", "image,question,options,answer\n0.png,Which?,x1|y1|z1,ABC\n",
     {"asks": "several"}, [(0, 1, 2)]),
    ("d.csv", "image,question,answer,tolerance,unit\n0.png,How long?,5.5,10%,µm\n",
     {}, ["5.5 µm ± 10%"]),
    ("e.csv", 'image,question,answer\n0.png,How many?,"12"\n', {"asks": "number"}, ["12"]),
    ("f.csv", "image,question,answer\n0.png,What?,mitochondrion|mitochondria\n",
     {"asks": "text"}, [("mitochondrion", "mitochondria")]),
    ("g.jsonl", '{"image": "0.png", "question": "Which?", "options": ["x", "y"], "answer": [0, 1]}',
     {}, [(0, 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "mapping", "right"), TABLES)
def test_tables_of_other_forms_have_open_answers(
    name: str, text: str, mapping: dict[str, str], right: list[Any], tmp_path: Path
) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(make_png(number))
    (tmp_path / name).write_text(text)
    dataset = open_dataset(str(tmp_path / name), StandardPolicy(), mapping=mapping)
    found = [question.right for row in dataset for question in row.questions.values()]
    told = [getattr(one, "indices", getattr(one, "accepted", None)) for one in found]
    assert [a or getattr(b, "words", None) for a, b in zip(told, found, strict=True)] == right


def test_a_column_says_the_form_of_each_row_and_makes_a_task_of_each(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(make_png(0))
    rows = [("B", ["x1", "y1"], "multiple-choice"), ("nucleus", [], "open"), (3, None, "integer")]
    lines = [
        json.dumps({"image": "0.png", "question": f"Q{n}?", "answer": answer, "options": options,
                    "question_type": form})
        for n, (answer, options, form) in enumerate(rows)
    ]  # fmt: skip
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    mapping = {"form": "question_type"}
    dataset = open_dataset(str(tmp_path / "t.jsonl"), StandardPolicy(), mapping=mapping)
    names = {name for _, name in dataset.questions}
    assert names == {"classification", "classification-text", "classification-number"}


def test_a_table_without_options_says_what_to_type(here: Here, tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(make_png(0))
    (tmp_path / "t.csv").write_text("image,question,answer\n0.png,What?,nucleus\n")
    refused = here("data", "preview", "t.csv")
    assert refused.code == 2
    assert "--map asks=text" in refused.err
    assert here("data", "preview", "t.csv", "--map", "asks=text").code == 0


def test_reports_and_exports_have_rows_of_their_own(here: Here, told: Told, tmp_path: Path) -> None:
    run = told({"parts?": "A"})
    table = here("report", run.dir).out
    assert "several right options, in %" in table
    assert "numbers within their tolerance" in table
    tidy = csv.DictReader(here("report", run.dir, "--format", "csv").out.splitlines())
    parts = {row["part"] for row in tidy}
    assert {"several", "number", "text", "pooled"} <= parts
    assert here("report", run.dir, "--html").code == 0
    assert "Several right options, in %" in (run.dir / "report.html").read_text()
    assert here("runs", "export", run.dir, "--to", "lm-eval", "--out", "x").code == 0
    files = sorted((tmp_path / "x").rglob("samples_*.jsonl"))
    samples = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert {s["target"]: s["acc"] for s in samples}["nucleus | golgi"] == 0.0
    assert {s["target"]: s["filtered_resps"] for s in samples}["5 µm"] == ["5.2 µm"]
    taken = here("runs", "import", "x", "--out", "back")
    assert taken.code == 0, taken.err
    assert "6 entries are left out: with open answers" in taken.out
    assert {r["task"] for r in mubench_gen.load_run(tmp_path / "back").records()} == {"kind"}
    kept = here("runs", "export", run.dir, "--to", "vlmevalkit", "--out", "x.tsv")
    assert kept.code == 0
    with (tmp_path / "x.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["category"] for row in rows] == ["kind"] * 2
