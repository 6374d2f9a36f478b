"""`runs` alone, `eval --config RUN/manifest.json`, `runs verify` and `runs rerun`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.errors import SettingError
from mubench_gen.plan.from_manifest import settings_again
from mubench_gen.storage.records import read_records, to_line
from mubench_gen.storage.run_folder import read_manifest, write_manifest

from .conftest import Here
from .spine import evaluate, write_plugin


@pytest.fixture
def run(cells: Path, tmp_path: Path) -> Path:
    return evaluate("echo", tmp_path / "runs" / "one", data=str(cells)).dir


def failing(here: Here, folder: Path) -> dict[str, str]:
    """The checks that fail, with what they found."""
    outcome = here("runs", "verify", folder, "--json")
    document = outcome.document
    failed = {c["check"]: c["found"] for c in document["checks"] if c["outcome"] == "fails"}
    assert document["holds"] == (not failed)
    assert outcome.code == (1 if failed else 0)
    return failed


def rewrite(folder: Path, change: Any) -> None:
    """Change the records, each with a right checksum."""
    records = list(read_records(folder / "records.jsonl"))
    changed = [change(record) for record in records]
    lines = b"".join(to_line(record) for record in changed if record is not None)
    (folder / "records.jsonl").write_bytes(lines)
    shutil.rmtree(folder / ".columns", ignore_errors=True)


def test_runs_studies_and_sweeps_are_listed_with_what_they_are(
    here: Here, run: Path, cells: Path, tmp_path: Path
) -> None:
    study = ("ablate", "--plugin", "echo", "--data", cells, "--prompt", "plain,letter")
    assert here(*study, "--run-dir", "runs/study").code == 0
    blind = ("eval", "--plugin", "echo", "--data", cells, "--control", "blind")
    assert here(*blind, "--run-dir", "runs/more/blind", "--max-requests", "1").code != 0
    (tmp_path / "runs" / "other").mkdir()
    found = {Path(one["folder"]).name: one for one in here("runs", "--json").document}
    assert set(found) == {"one", "study", "blind"}
    assert (found["one"]["kind"], found["study"]["kind"]) == ("run", "study")
    assert found["one"]["prompt"] == "paper"
    assert found["study"]["prompt"] == "plain, letter"
    assert found["study"]["n"] == 2 * found["one"]["n"]
    assert found["one"]["state"] == found["study"]["state"] == "finished"
    assert found["blind"]["control"] == "blind"
    assert found["blind"]["state"].startswith("unfinished")
    scores = json.loads((run / "scores.json").read_text("utf-8"))["scores"]["pooled"]
    assert (found["one"]["n"], found["one"]["accuracy"]) == (scores["n"], scores["accuracy"])


def test_a_folder_that_cannot_be_read_is_listed_as_that(here: Here, run: Path) -> None:
    (run / "manifest.json").write_text("{")
    (listed,) = here("runs", "--json").document
    assert "cannot be read" in listed["state"]
    assert here("runs", "--folder", "nowhere").code == 2


def test_packs_are_listed_and_a_folder_without_runs_is_no_error(here: Here, run: Path) -> None:
    assert here("runs", "pack", run).code == 0
    found = {one["kind"]: one for one in here("runs", "--json").document}
    assert set(found) == {"run", "pack"}
    assert found["pack"]["accuracy"] == found["run"]["accuracy"]
    (run.parent / "one.run.zip").write_bytes(b"no zip")
    assert any("no pack" in one["state"] for one in here("runs", "--json").document)
    shutil.rmtree(run.parent)
    assert here("runs", "--json").document == []
    assert here("runs").code == 0


def test_a_manifest_is_a_configuration(here: Here, run: Path) -> None:
    before = (run / "records.jsonl").read_bytes()
    again = here("eval", "--config", run / "manifest.json", "--run-dir", run)
    assert again.code == 0, again.err
    assert (run / "records.jsonl").read_bytes() == before  # nothing was asked twice
    other = here("eval", "--config", run / "manifest.json", "--limit", "1", "--run-dir", "other")
    assert other.code == 0
    settings = read_manifest(Path("other"))["settings"]
    assert settings == {**read_manifest(run)["settings"], "limit": 1}


def test_a_manifest_finds_the_files_of_its_task_and_prompt_again(
    here: Here, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = tmp_path / "mine.j2"
    prompt.write_text(
        "+++\n+++\n{{ question }}{% for o in options %}\n{{ o.label }} {{ o.text }}{% endfor %}"
    )
    made = here(
        "eval", "--plugin", "echo", "--data", cells, "--prompt", "mine.j2", "--run-dir", "r"
    )
    assert made.code == 0, made.err
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    manifest = tmp_path / "r" / "manifest.json"
    assert read_manifest(tmp_path / "r")["named"] == {"prompt": [str(prompt)]}
    monkeypatch.chdir(elsewhere)
    assert here("runs", "rerun", manifest.parent, "--run-dir", tmp_path / "again").code == 0


def test_a_secret_that_a_manifest_masks_has_to_be_given_again(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    source = (
        "import mubench_gen\nfrom mubench_gen import ModelSpec\n"
        "from mubench_gen_plugins.echo import Echo\n"
        "class Keyed(Echo):\n    class Options(Echo.Options):\n        api_key: str = ''\n"
        "@mubench_gen.hookimpl\ndef mubench_gen_models():\n    return [ModelSpec('keyed', Keyed)]\n"
    )
    plugin = write_plugin(tmp_path, source, "keyed")
    words = ("--plugin", plugin, "--data", cells, "-o", "api_key=sk-canary-12345678")
    assert here("eval", *words, "--run-dir", "keyed").code == 0
    refused = here("eval", "--config", "keyed/manifest.json", "--run-dir", "again")
    assert refused.code == 2
    assert "-o api_key=" in refused.err
    key = ("-o", "api_key=sk-canary-12345678")
    assert here("runs", "rerun", "keyed", "--check", "2", *key).code == 0


def test_a_sound_run_holds_in_all_that_is_checked(here: Here, run: Path) -> None:
    outcome = here("runs", "verify", run, "--json")
    assert outcome.code == 0
    assert {c["outcome"] for c in outcome.document["checks"]} == {"holds"}
    names = {c["check"] for c in outcome.document["checks"]}
    assert {"records", "scores", "data", "tasks", "prompts", "plugin", "weights"} <= names


def test_a_change_of_any_byte_of_the_records_is_found(here: Here, run: Path) -> None:
    content = bytearray((run / "records.jsonl").read_bytes())
    content[len(content) // 2] ^= 1
    (run / "records.jsonl").write_bytes(content)
    assert "records" in failing(here, run)


def test_a_right_answer_that_was_made_up_is_found_although_its_checksum_fits(
    here: Here, run: Path
) -> None:
    wrong = next(r["id"] for r in read_records(run / "records.jsonl") if not r["correct"])
    rewrite(run, lambda r: {**r, "correct": True} if r["id"] == wrong else r)
    assert {"contents", "scores"} <= set(failing(here, run))
    rewrite(run, lambda r: {**r, "choice": r["gold"], "correct": True, "status": "answered"})
    (run / "scores.json").unlink()
    assert here("score", run, "--metric", "unanswered").code == 0
    assert "answers" in failing(here, run)  # the replies say otherwise


def test_scores_that_are_not_those_of_the_records_are_found(here: Here, run: Path) -> None:
    scores = json.loads((run / "scores.json").read_text("utf-8"))
    scores["scores"]["pooled"]["accuracy"] = 1.0
    (run / "scores.json").write_text(json.dumps(scores))
    assert list(failing(here, run)) == ["scores"]


def test_a_run_from_which_items_were_taken_does_not_hold(here: Here, run: Path) -> None:
    first = next(read_records(run / "records.jsonl"))["id"]
    rewrite(run, lambda record: None if record["id"] == first else record)
    assert "items" in failing(here, run)


def test_a_manifest_that_was_changed_by_hand_does_not_hold(here: Here, run: Path) -> None:
    path = run / "manifest.json"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"seed": 0', '"seed": 7'))
    assert "manifest" in failing(here, run)
    manifest = json.loads(text)
    manifest.pop("crc")
    manifest["settings"]["seed"] = 7
    write_manifest(run, manifest)  # sealed anew
    assert "manifest" in failing(here, run)


def test_data_that_changed_since_are_found_and_data_that_are_gone_are_not_checked(
    here: Here, run: Path, cells: Path
) -> None:
    rows = cells / "rows.jsonl"
    rows.write_text(rows.read_text("utf-8").replace("DAPI", "Dapi"))
    next((cells).rglob("*.png")).write_bytes(b"other")
    assert set(failing(here, run)) == {"data", "images"}
    shutil.rmtree(cells)
    assert failing(here, run) == {}
    assert "not to be had here" in here("runs", "verify", run).out


def test_what_is_no_run_is_told_with_exit_code_2(here: Here, cells: Path) -> None:
    refused = here("runs", "verify", cells)
    assert refused.code == 2
    assert "no run folder" in refused.err


def test_a_run_is_asked_again_into_a_new_folder(here: Here, run: Path) -> None:
    again = here("runs", "rerun", run, "--json")
    assert again.code == 0, again.err
    agreed = again.document["agreement"]
    assert agreed["n"] == agreed["same_request"] == agreed["same_reply"] == 6
    folder = Path(again.document["run_dir"])
    assert folder.resolve() != run.resolve()
    assert read_manifest(folder)["settings"] == read_manifest(run)["settings"]


def test_a_check_of_some_items_says_how_many_replies_agree_and_keeps_no_run(
    here: Here, run: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("records.jsonl"))
    sound = here("runs", "rerun", run, "--check", "4", "--json")
    assert (sound.code, sound.document["agreement"]["n"]) == (0, 4)
    assert sound.document["run_dir"] is None
    rewrite(run, lambda record: {**record, "reply": "something else"})
    changed = here("runs", "rerun", run, "--check", "4")
    assert changed.code == 1
    assert "0 of 4 replies agree" in changed.out
    assert sorted(tmp_path.rglob("records.jsonl")) == before


def test_a_run_of_a_sweep_or_of_a_study_with_a_budget_is_not_asked_again_by_itself(
    run: Path,
) -> None:
    manifest = read_manifest(run)
    swept = {**manifest, "sessions": [{"model": {"interpolation": {"alpha": "0.5"}}}]}
    drawn = {**manifest, "settings": {**manifest["settings"], "budget": 100}}
    for one in (swept, drawn):
        with pytest.raises(SettingError, match="own command again"):
            settings_again(one)
