"""`runs import`: logs that other harnesses wrote (interchange/README.md), as runs."""

from __future__ import annotations

import base64
import csv
import json
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import NotAskedHere

from .conftest import Here
from .interchange.made.items import ITEMS, picture, write

LOGS = Path(__file__).parent / "interchange" / "logs"
LM_EVAL = LOGS / "samples_slides_2026-11-29T19-15-29.938692.jsonl"
MODEL = """
import mubench_gen
from mubench_gen import GenerativeModel, ModelSpec

REPLIES = {replies!r}

class Known(GenerativeModel):
    def generate(self, requests):
        return [next(r for q, r in REPLIES if q in request.text) for request in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("mock", Known)]
"""


@pytest.fixture
def ours(tmp_path: Path) -> mubench_gen.Run:
    """A run of ours on the same questions, its model the one behind the mock endpoint."""
    write(tmp_path / "slides")
    plugin = tmp_path / "known.py"
    plugin.write_text(MODEL.format(replies=[(question, reply) for question, _, _, reply in ITEMS]))
    return mubench_gen.evaluate(
        plugin=str(plugin), data=str(tmp_path / "slides"), run_dir=tmp_path / "ours"
    )


def imported(here: Here, *words: str | Path, out: str = "theirs") -> mubench_gen.Run:
    outcome = here("runs", "import", *words, "--out", out)
    assert outcome.code == 0, outcome.err
    return mubench_gen.load_run(out)


def verdicts(run: mubench_gen.Run) -> Counter[tuple[Any, Any]]:
    """(right by theirs, right by ours) of the items."""
    return Counter((r["theirs"]["correct"], r["correct"]) for r in run.records())


def by_question(run: mubench_gen.Run) -> dict[str, Any]:
    return {r["question"]: r for r in run.records()}


def check_items(run: mubench_gen.Run, count: int) -> None:
    """The run has the first questions with their options, right answers and replies."""
    found = by_question(run)
    assert len(found) == count
    for question, options, gold, reply in ITEMS:
        if question not in found and count < len(ITEMS):
            continue
        record = found[question]
        assert record["options"] == options
        assert record["gold"] == gold
        assert record["reply"] == reply


def test_samples_of_lm_eval_are_read_as_it_wrote_them(here: Here) -> None:
    run = imported(here, LM_EVAL)
    check_items(run, 12)
    assert verdicts(run) == {(True, True): 4, (False, False): 3, (False, True): 5}
    source = run.manifest["imported"]
    assert (source["program"], source["version"]) == ("lm-eval", "0.4.13")
    assert run.manifest["model"]["id"] == "mock"
    assert run.manifest["sampling"]["max_tokens"] == 64
    assert list(source["files"]) == [LM_EVAL.name]
    assert "prompt's template" in source["unknown"]


def test_samples_of_lmms_eval_are_read_although_it_logs_no_documents(here: Here) -> None:
    run = imported(here, LOGS / "lmms")
    found = by_question(run)
    for question, options, gold, reply in ITEMS:
        assert found[question]["options"] == options
        assert (found[question]["gold"], found[question]["reply"]) == (gold, reply)
    assert run.manifest["imported"]["program"] == "lmms-eval"
    assert run.manifest["sampling"]["max_tokens"] == 64


def test_a_log_that_keeps_what_a_filter_left_says_so(here: Here) -> None:
    run = imported(here, LOGS / "lmms-filtered")
    assert verdicts(run) == {(True, True): 4, (False, False): 8}
    assert any("before lmms-eval's filter" in one for one in run.manifest["imported"]["unknown"])


@pytest.mark.parametrize(("name", "count"), [("slides.eval", 12), ("slides-inspect.json", 3)])
def test_logs_of_inspect_are_read_as_it_wrote_them(here: Here, name: str, count: int) -> None:
    if name.endswith(".eval"):
        pytest.importorskip("pyarrow")
    run = imported(here, LOGS / name)
    check_items(run, count)
    assert run.manifest["imported"]["version"] == "0.3.285"
    if count == 12:
        assert verdicts(run) == {(True, True): 2, (False, False): 3, (False, True): 7}
    assert {len(list((run.dir / "images").iterdir()))} == {count}


def test_log_likelihoods_of_options_choose_as_they_did_there(here: Here) -> None:
    (log,) = (LOGS / "choice").glob("*.jsonl")
    run = imported(here, log)
    assert set(verdicts(run)) <= {(True, True), (False, False)}
    assert {r["readout"] for r in run.records()} == {"logprob"}


def test_both_verdicts_are_shown_by_the_rule_that_decided_ours(here: Here) -> None:
    told = here("runs", "import", LM_EVAL, "--out", "theirs", "--json").document
    assert told["items"] == 12
    assert told["verdicts"]["declared_answer"]["right_by_ours_alone"] == 3
    score = here("score", "theirs", "--json").document
    assert score["verdicts"] == told["verdicts"]
    assert "Verdicts of lm-eval" in here("score", "theirs").out


def test_what_reads_runs_reads_imported_ones(here: Here) -> None:
    imported(here, LM_EVAL, "--fact", "family=mock", "--fact", "domain=general")
    imported(here, LOGS / "slides-inspect.json", "--fact", "domain=pathology", out="other")
    assert "Imported from a log of lm-eval 0.4.13" in here("report", "theirs").out
    page = here("report", "other", "--html", "page.html")
    assert "3 images" in page.err
    assert here("score", "theirs", "--audit", "5", "--out", "audit.csv").code == 0
    grouped = here("report", "theirs", "other", "--group", "scope")
    assert grouped.code == 0, grouped.err
    assert here("runs", "verify", "theirs").code == 0
    assert {one["kind"] for one in here("runs", "--folder", ".", "--json").document} == {"imported"}
    assert here("runs", "rerun", "theirs").code == 2
    assert here("eval", "--config", "theirs/manifest.json").code == 2
    assert here("runs", "pack", "theirs").code == 0
    assert here("report", "theirs.run.zip", "--json").document["planned"] == 12


def test_an_imported_run_is_paired_with_ours_by_what_was_asked(
    here: Here, ours: mubench_gen.Run
) -> None:
    imported(here, LM_EVAL)
    pytest.importorskip("pyarrow")
    imported(here, LOGS / "slides.eval", out="inspect")
    found = here("compare", "theirs", "inspect", ours.dir, "--all-pairs", "--json")
    assert found.code == 0, found.err
    assert found.document["items"] == found.document["items_in_any"] == 12
    assert sum("12 of 12 imported items are paired" in n for n in found.document["notes"]) == 2
    pooled = [one for one in found.document["differences"] if one["part"] == "pooled"]
    assert [one["difference"] for one in pooled] == [0.0, 0.0, 0.0]


def changed(path: Path, change: Any) -> Path:
    """A copy of a log whose rows were changed."""
    rows = [json.loads(line) for line in LM_EVAL.read_text("utf-8").splitlines()]
    rows = [change(number, row) for number, row in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_what_cannot_be_paired_is_said(here: Here, ours: mubench_gen.Run, tmp_path: Path) -> None:
    def change(number: int, row: dict[str, Any]) -> dict[str, Any]:
        doc = row["doc"]
        if number == 0:  # another option
            doc["choices"][2] = "Raman microscopy"
        if number == 1:  # another picture
            doc["image"] = base64.b64encode(picture(99 % 12 + 5)).decode()
        if number == 2:  # the same in another order
            doc["choices"].reverse()
            doc["answer"] = len(doc["choices"]) - 1 - doc["answer"]
            row["target"] = "ABCD"[doc["answer"]]
        return row

    imported(here, changed(tmp_path / "samples_slides.jsonl", change))
    found = here("compare", ours.dir, "theirs", "--json")
    assert found.code == 0, found.err
    assert found.document["items"] == 10
    (note,) = (n for n in found.document["notes"] if "imported items" in n)
    assert "10 of 12" in note
    assert "1 have options and a right answer that no item has there" in note
    assert "1 show an image that no such item shows there" in note


def test_items_that_fit_several_are_not_paired(here: Here, tmp_path: Path) -> None:
    rows = [
        {"id": i, "question": "Which?", "options": ["a cat", "a dog"], "answer": 0, "reply": "A"}
        for i in range(2)
    ]
    for name in ("one", "two"):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({**r, "id": f"{name}{r['id']}"}) + "\n" for r in rows))
        imported(here, path, "--map", "reply=reply", out=f"run-{name}")
    refused = here("compare", "run-one", "run-two")
    assert refused.code == 2
    assert "share no item" in refused.err


@pytest.mark.parametrize("form", ["eee", "lm-eval", "vlmevalkit"])
def test_our_own_exports_come_back_as_the_same_run(
    here: Here, ours: mubench_gen.Run, form: str
) -> None:
    out = "mock_slides.tsv" if form == "vlmevalkit" else "out"
    assert here("runs", "export", ours.dir, "--to", form, "--out", out).code == 0
    run = imported(here, out)
    assert run.scores.pooled == ours.scores.pooled
    found = here("compare", ours.dir, "theirs", "--json").document
    assert found["items"] == found["items_in_any"] == 12


@pytest.mark.parametrize("form", ["eee", "lm-eval", "vlmevalkit"])
def test_a_model_that_scores_options_chooses_the_same_after_the_round_trip(
    here: Here, cells: Path, tmp_path: Path, form: str
) -> None:
    ours = mubench_gen.evaluate(
        plugin="echo", data=str(cells), readout=["logprob"], run_dir=tmp_path / "ours"
    )
    assert all(record["scores"] for record in ours.records())
    out = "mock_slides.tsv" if form == "vlmevalkit" else "out"
    assert here("runs", "export", ours.dir, "--to", form, "--out", out).code == 0
    run = imported(here, out)
    assert run.scores.pooled == ours.scores.pooled
    assert 0 < run.scores.pooled.accuracy < 1
    mine = {r["item"]: r["options"][r["choice"]] for r in ours.records()}
    assert {r["item"]: r["options"][r["choice"]] for r in run.records()} == mine


def test_xlsx_predictions_are_read(here: Here, ours: mubench_gen.Run) -> None:
    pytest.importorskip("openpyxl")
    words = ("--to", "vlmevalkit", "-o", "form=xlsx", "--out", "mock_slides.xlsx")
    assert here("runs", "export", ours.dir, *words).code == 0
    assert imported(here, "mock_slides.xlsx").scores.pooled == ours.scores.pooled


def test_predictions_of_vlmevalkit_as_json_are_read(here: Here, tmp_path: Path) -> None:
    write(tmp_path / "data")
    with (tmp_path / "data" / "slides.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row, (_, _, _, reply) in zip(rows, ITEMS, strict=True):
        row["prediction"] = reply
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for name, content in (("mock_slides.json", rows), ("mock_columns.json", columns)):
        (tmp_path / name).write_text(json.dumps(content))
        run = imported(here, name, out=f"run-{name}")
        check_items(run, 12)
        assert run.manifest["model"]["id"] == "mock"
        assert len(list((run.dir / "images").iterdir())) == 12


def test_a_file_of_vlmevalkit_names_its_model_by_its_folder_and_failures_are_errors(
    here: Here, tmp_path: Path
) -> None:
    folder = tmp_path / "outputs" / "llava_v1.5_7b" / "T20260101_Gabcdef"
    folder.mkdir(parents=True)
    failed = "Failed to obtain answer: <class 'RuntimeError'> out of memory"
    rows = [
        {"index": i, "question": f"Is cell {i} alive?", "A": "yes", "B": "no", "answer": "A",
         "prediction": reply, "thinking": thought}
        for i, (reply, thought) in enumerate([("A", "It moves."), (failed, ""), ("B", "")])
    ]  # fmt: skip
    (folder / "llava_v1.5_7b_MMBench_DEV.json").write_text(json.dumps(rows))
    run = imported(here, folder / "llava_v1.5_7b_MMBench_DEV.json")
    assert run.manifest["model"]["id"] == "llava_v1.5_7b"
    assert run.manifest["data"]["name"] == "MMBench_DEV"
    first, second, third = run.records()
    assert first["reasoning"] == "It moves."
    assert (second["status"], second["reply"], second["error"]["message"]) == (
        "error", None, failed,
    )  # fmt: skip
    assert [one["correct"] for one in (first, second, third)] == [True, None, False]


@pytest.mark.parametrize("form", ["eee", "table", "vlmevalkit"])
def test_a_log_of_several_models_is_read_one_model_at_a_time(
    here: Here, ours: mubench_gen.Run, tmp_path: Path, form: str
) -> None:
    words: tuple[str, ...] = ()
    if form == "eee":
        assert here("runs", "export", ours.dir, "--to", "eee", "--out", "out").code == 0
        (samples,) = Path("out").rglob("*_samples.jsonl")
        lines = samples.read_text("utf-8")
        name = json.loads(lines.splitlines()[0])["model_id"]
        log = tmp_path / "both_samples.jsonl"
        log.write_text(lines + lines.replace(name, "org/other"))
    else:
        rows = ["index\tquestion\tA\tB\tanswer\tprediction\tmodel"]
        rows += [f"{i}\tIs it {i}?\tyes\tno\tA\tA\t{m}" for m in ("x", "org/other") for i in "12"]
        log, name = tmp_path / "log.tsv", "x"
        log.write_text("\n".join(rows) + "\n")
        if form == "table":
            words = ("--map", "reply=prediction,id=index,options=A+B")
    refused = here("runs", "import", log, *words, "--out", "mixed")
    assert refused.code == 2
    assert f"answers of several models ({name}, org/other …)" in refused.err
    assert not Path("mixed").exists()
    run = imported(here, log, *words, "--model", "org/other")
    count = 12 if form == "eee" else 2
    assert run.manifest["imported"]["left_out"] == {"of another model": count}
    assert run.scores.pooled.n == count
    unknown = here("runs", "import", log, *words, "--model", "third", "--out", "third")
    assert unknown.code == 2


def test_samples_that_count_in_several_results_are_one_answer(
    here: Here, ours: mubench_gen.Run, tmp_path: Path
) -> None:
    assert here("runs", "export", ours.dir, "--to", "eee", "--out", "out").code == 0
    (samples,) = Path("out").rglob("*_samples.jsonl")
    lines = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    again = [{**line, "evaluation_result_id": "f1", "evaluation_name": "f1"} for line in lines]
    log = tmp_path / "fan_samples.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *again]))
    run = imported(here, log)
    assert run.scores.pooled.n == len(lines)
    assert run.manifest["imported"]["left_out"] == {"the same answers by another metric": 12}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_table_in_another_encoding_is_refused_and_the_remedy_told(
    here: Here, tmp_path: Path, encoding: str
) -> None:
    table = "question,A,B,answer,reply\nIst sie größer?,ja,nein,A,ja\n"
    (tmp_path / "log.csv").write_bytes(table.encode(encoding))
    refused = here("runs", "import", "log.csv", "--map", "options=A+B", "--out", "theirs")
    assert refused.code == 2
    assert "log.csv: is not UTF-8; save the file as UTF-8." in refused.err


def test_samples_without_an_output_are_empty_failed_or_left_out(
    here: Here, ours: mubench_gen.Run, tmp_path: Path
) -> None:
    assert here("runs", "export", ours.dir, "--to", "eee", "--out", "out").code == 0
    (samples,) = Path("out").rglob("*_samples.jsonl")
    lines = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    lines[0]["output"] = {"raw": []}
    lines[1] |= {"output": None, "error": "timeout"}
    lines[2]["output"] = None
    log = tmp_path / "log_samples.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = imported(here, log)
    assert [record["status"] for record in run.records()][:2] == ["empty", "error"]
    assert run.manifest["imported"]["left_out"] == {"without an output": 1}


def batch(folder: Path) -> list[Path]:
    """The files of a batch on the twelve questions: requests, answers, right answers."""
    asked, answered, right = [], [], []
    for number, (question, options, gold, reply) in enumerate(ITEMS):
        listed = "\n".join(f"{'ABCD'[i]}. {text}" for i, text in enumerate(options))
        url = f"data:image/png;base64,{base64.b64encode(picture(number)).decode()}"
        content = [
            {"type": "text", "text": f"{question}\n{listed}"},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        messages = [{"role": "user", "content": content}]
        name = {"custom_id": f"request-{number}"}
        request = {"model": "mock", "temperature": 0, "messages": messages}
        asked.append({**name, "method": "POST", "url": "/v1/chat/completions", "body": request})
        message = {"role": "assistant", "content": reply}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        body = {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
        answered.append({**name, "response": {"status_code": 200, "body": body}, "error": None})
        right.append({**name, "answer": "ABCD"[gold]})
    refusal = {"role": "assistant", "content": None, "refusal": "I'm sorry, I can't help."}
    answered[1]["response"]["body"]["choices"][0]["message"] = refusal
    answered[0] |= {"response": None, "error": {"code": "batch_expired", "message": "expired"}}
    paths = []
    for rows, file in ((answered, "output.jsonl"), (asked, "input.jsonl"), (right, "key.jsonl")):
        paths.append(folder / file)
        paths[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths


def test_a_batch_is_joined_with_its_requests_and_right_answers(
    here: Here, ours: mubench_gen.Run, tmp_path: Path
) -> None:
    paths = batch(tmp_path)
    run = imported(here, *paths)
    assert (run.scores.pooled.n, run.scores.pooled.n_errors) == (11, 1)
    assert run.manifest["sampling"]["temperature"] == 0
    assert [r["status"] for r in run.records()][:2] == ["error", "refused"]
    found = here("compare", ours.dir, "theirs", "--json").document
    assert any("12 of 12 imported items are paired" in note for note in found["notes"])
    refused = here("runs", "import", *paths[:2], "--out", "without")
    assert refused.code == 2
    assert "what is right" in refused.err


def test_any_table_is_read_by_a_map_of_its_columns(here: Here, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["nr", "ask", "one", "two", "three", "four", "gold", "output", "ok"])
        for number, (question, options, gold, reply) in enumerate(ITEMS):
            padded = [*options, ""][:4]
            table.writerow([number, question, *padded, options[gold], reply, "yes"])
    columns = "id=nr,question=ask,options=one+two+three+four,answer=gold,reply=output,correct=ok"
    run = imported(here, path, "--map", columns, "--model", "mine")
    check_items(run, 12)
    assert verdicts(run)[True, True] == 9
    assert run.manifest["model"]["id"] == "mine"
    wrong = here("runs", "import", path, "--map", "replies=output", "--out", "x")
    assert (wrong.code, "reply" in wrong.err) == (2, True)
    missing = here("runs", "import", path, "--map", "reply=outputs", "--out", "x")
    assert missing.code == 2
    assert "output" in missing.err


def test_what_is_no_multiple_choice_question_is_left_out_and_counted(
    here: Here, tmp_path: Path
) -> None:
    def change(number: int, row: dict[str, Any]) -> dict[str, Any]:
        if number < 2:
            row["doc"].pop("choices")
            row["arguments"] = {"gen_args_0": {"arg_0": "Describe the picture."}}
        if number == 2:
            row["target"] = row["doc"]["answer"] = "a quokka"
        return row

    path = changed(tmp_path / "samples_slides.jsonl", change)
    told = here("runs", "import", path, "--out", "theirs")
    assert told.code == 0, told.err
    assert "2 entries are left out: without options" in told.out
    assert "1 entries are left out: without one right option" in told.out
    assert mubench_gen.load_run("theirs").manifest["imported"]["left_out"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [*lines[:4], lines[4][:90]], r":5: no valid JSON.*cut off"),
        (lambda lines: [lines[0][:90]], r":1: no valid JSON.*cut off"),
        (lambda lines: [*lines[:2], b"[1, 2]\n"], ":3: is no JSON object"),
        (lambda lines: [lines[0], lines[1].replace(b'"resps"', b'"resp"')], ":2: has no 'resps'"),
        (lambda lines: [lines[0], b'{"doc_id": 1, "doc": []}\n'], ":2: has no "),
    ],
)
def test_a_malformed_line_is_named_and_nothing_is_left_behind(
    here: Here, tmp_path: Path, damage: Any, message: str
) -> None:
    path = tmp_path / "samples_slides.jsonl"
    path.write_bytes(b"".join(damage(LM_EVAL.read_bytes().splitlines(keepends=True))))
    before = sorted(tmp_path.rglob("*"))
    refused = here("runs", "import", path, "--out", "theirs")
    assert refused.code == 2
    assert re.search(message, refused.err.replace("\n", " ")), refused.err
    assert sorted(p for p in tmp_path.rglob("*") if "cache" not in p.parts) == before


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (("doc", "choices", 0), " ", "1 entries are left out: with an empty option"),
        (("doc", "dataset"), "half \ud800 a pair", "12 items of lm-eval"),
        (("target",), 1e400, "12 items of lm-eval"),
        (("doc", "image_sha256"), 7, r":1: is not as that format has it: its image sha256 is 7"),
    ],
)
def test_a_field_of_another_kind_is_told_by_line(
    here: Here, tmp_path: Path, field: tuple[Any, ...], value: Any, told: str
) -> None:
    def change(number: int, row: dict[str, Any]) -> dict[str, Any]:
        at: Any = row
        for name in field[:-1]:
            at = at[name]
        if number == 0:
            at[field[-1]] = value
        return row

    outcome = here("runs", "import", changed(tmp_path / "s.jsonl", change), "--out", "theirs")
    assert re.search(told, outcome.out + outcome.err.replace("\n", " ")), outcome
    assert (outcome.code == 0) == Path("theirs").exists()


def test_a_score_that_is_no_number_is_refused(here: Here, tmp_path: Path) -> None:
    (log,) = (LOGS / "choice").glob("*.jsonl")
    row = json.loads(log.read_text("utf-8").splitlines()[0])
    row["filtered_resps"][0][0] = "nan"
    (tmp_path / "s.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    refused = here("runs", "import", "s.jsonl", "--out", "theirs")
    assert refused.code == 2
    assert "s.jsonl:1" in refused.err
    assert "no finite number" in refused.err.replace("\n", " ")


def test_an_image_that_was_exchanged_in_an_imported_run_does_not_verify(here: Here) -> None:
    run = imported(here, LOGS / "slides-inspect.json")
    assert here("runs", "verify", "theirs").code == 0
    one, other, *_ = sorted((run.dir / "images").iterdir())
    one.write_bytes(other.read_bytes())
    failed = here("runs", "verify", "theirs")
    assert failed.code == 1
    assert re.search(rf"kept images\s.*{one.name[:20]}", failed.out)


def test_damaged_logs_of_inspect_are_refused(here: Here, tmp_path: Path) -> None:
    content = (LOGS / "slides.eval").read_bytes()
    (tmp_path / "cut.eval").write_bytes(content[: len(content) // 2])
    with zipfile.ZipFile(tmp_path / "unfinished.eval", "w") as archive:
        archive.writestr("_journal/start.json", "{}")
    text = (LOGS / "slides-inspect.json").read_text("utf-8")
    (tmp_path / "cut.json").write_text(text[: len(text) // 2])
    (tmp_path / "other.json").write_text('{"a": 1}')
    for name in ("cut.eval", "unfinished.eval", "cut.json", "other.json", "nothing.jsonl"):
        refused = here("runs", "import", name, "--out", "theirs")
        assert refused.code == 2, name
        assert name in refused.err
        assert not Path("theirs").exists()


def test_a_folder_that_is_there_is_left_as_it_is(here: Here, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    refused = here("runs", "import", LM_EVAL, "--out", "theirs")
    assert refused.code == 2
    assert "exists already" in refused.err


def test_no_key_of_a_server_is_in_a_fixture() -> None:
    copied = [path for path in LOGS.rglob("*") if path.is_file()]
    assert copied
    assert not any(b"sk-canary" in path.read_bytes() for path in copied)


def test_right_answers_are_found_as_logs_spell_them() -> None:
    options = ["3", "1", "7"]
    assert choices.gold_of({}, options, "1") == 1  # an option's text
    assert choices.gold_of({}, options, "1", by_index=True) == 1
    assert choices.gold_of({}, options, "0") == 0
    assert choices.gold_of({}, options, "3") == 0
    assert choices.gold_of({}, options, "(C)") == 2
    assert choices.gold_of({"answer": 2}, ["a", "b", "c"]) == 2
    arc = {"choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "1"}
    assert choices.options_of(arc) == ("x", "y")
    assert choices.gold_of(arc, ("x", "y")) == 0
    for answer in ("z", None, ["A", "B"], True, 5, -1):
        with pytest.raises(NotAskedHere):
            choices.gold_of({}, ["x", "y"], answer)


@pytest.mark.parametrize(
    "doc",
    [
        {"options": ["x", "y"]},
        {"options": "['x', 'y']"},
        {"choices": '["x", "y"]'},
        {"choices": {"A": "x", "B": "y"}},
        {"A": "x", "B": "y", "C": "", "D": None},
        {},
    ],
)
def test_options_are_found_as_logs_spell_them(doc: dict[str, Any]) -> None:
    assert choices.options_of(doc, "Which?\n(A) x\n(B) y\nAnswer:") == ("x", "y")


def test_a_list_of_another_question_in_the_prompt_is_not_this_ones() -> None:
    prompt = "Which?\nA. old\nB. older\nAnswer: A\n\nAnd now?\n1) x\n2) y\n3) z"
    assert choices.listed_options(prompt) == ("x", "y", "z")
    assert choices.labels_of(prompt, ("x", "y", "z")) == ("1", "2", "3")


def test_questions_that_share_a_name_are_items_of_their_own(here: Here, tmp_path: Path) -> None:
    rows = [
        {"id": 1, "question": q, "options": ["x", "y"], "answer": 0, "reply": "A"}
        for q in ("One?", "Two?", "One?")
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = imported(here, path, "--map", "reply=reply")
    items = [(r["item"], r["id"].rpartition("/")[2]) for r in run.records()]
    assert items == [("mine/1/mine", "0"), ("mine/1#2/mine", "0"), ("mine/1/mine", "1")]
