"""`mubench-gen ablate`: the grid, what it asks, what it finds, how it goes on."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from pathlib import Path

import pytest

from mubench_gen.ablation.grid import check_size, make_study_settings, variants
from mubench_gen.errors import SettingError

from .conftest import Here
from .helpers.command import Command
from .spine import ASKED, asked_keys, make_row, write_data

GRID = ["--prompt", "letter,plain", "--labels", "A),1.", "--orders", "given,reversed"]


@pytest.fixture
def study(tmp_path: Path) -> list[str | Path]:
    """The plugin that notes what it is asked, on twelve images with three questions each."""
    (tmp_path / "asked.py").write_text(ASKED)
    rows = [make_row(i, questions=("domain", "modality", "stain")) for i in range(12)]
    data = write_data(tmp_path / "slides", rows)
    return ["ablate", "--plugin", tmp_path / "asked.py", "--data", data]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASKED", str(tmp_path / "asked.txt"))
    return tmp_path / "asked.txt"


def test_every_cell_of_the_grid_is_asked_and_no_request_twice(
    here: Here, study: list[str], log: Path
) -> None:
    done = here(*study, *GRID, "--json", "--run-dir", "s")
    assert done.code == 0, done.err
    document = done.document
    assert document["cells"] == 8
    assert document["grid"] == {
        "prompt": ["letter", "plain"], "labels": ["A)", "1."], "orders": ["given", "reversed"],
        "readout": ["parse"],
    }  # fmt: skip
    keys = asked_keys(log)
    assert len(keys) == len(set(keys)) == 8 * 36
    (surveyed,) = document["surveys"]
    assert surveyed["requests"] == len(keys)
    assert (surveyed["items"], surveyed["images"], surveyed["pairs"]) == (36, 12, 8 * 36)
    assert surveyed["prefills"] == 12  # the image stands first, and no prompt has a system prompt
    assert "288 requests" in done.err
    assert "12 distinct image prefills" in done.err
    assert "smallest detectable difference" in done.err
    (found,) = document["results"]["models"]
    assert {(cell["prompt"], cell["tally"]["records"]) for cell in found["cells"]} == {
        (f"{prompt}[labels={labels},order={order}]", 36)
        for prompt in ("letter", "plain")
        for labels in ("A)", "1.")
        for order in ("given", "reversed")
    }
    assert json.loads(Path("s/study.json").read_text())["results"] == document["results"]


def test_what_it_found_is_what_the_records_say(here: Here, study: list[str], log: Path) -> None:
    document = here(*study, *GRID, "--json", "--run-dir", "s").document
    (found,) = document["results"]["models"]
    records = [
        json.loads(line)
        for line in Path("s", found["run"], "records.jsonl").read_text().splitlines()
    ]
    by_prompt: dict[str, list[bool]] = {}
    for record in records:
        by_prompt.setdefault(record["prompt"], []).append(record["correct"])
    scores = {prompt: sum(right) / len(right) for prompt, right in by_prompt.items()}
    for cell in found["cells"]:
        assert cell["tally"]["accuracy"] == pytest.approx(scores[cell["prompt"]])
    assert found["over"]["pooled"]["minimum"] == pytest.approx(min(scores.values()))
    assert found["over"]["pooled"]["maximum"] == pytest.approx(max(scores.values()))
    assert set(found["over"]) == {"pooled", "domain", "modality", "stain"}
    level = next(one for one in found["levels"] if one["level"] == "1.")
    of_numbers = [r["correct"] for r in records if "labels=1." in r["prompt"]]
    assert level["tally"]["accuracy"] == pytest.approx(sum(of_numbers) / len(of_numbers))
    chosen: dict[tuple[str, str], set[int]] = {}
    for record in records:
        key = record["item"], record["prompt"].partition(",order")[0]
        chosen.setdefault(key, set()).add(record["order"][record["choice"]])
    same = sum(len(options) == 1 for options in chosen.values()) / len(chosen)
    assert found["unmoved"] == pytest.approx(same)


def test_everything_about_one_image_stands_together(
    here: Here, study: list[str], log: Path
) -> None:
    here(*study, *GRID, "--run-dir", "s")
    (run,) = Path("s/runs").iterdir()
    images = [
        json.loads(line)["image_id"] for line in (run / "records.jsonl").read_text().splitlines()
    ]
    assert len([1 for one, other in itertools.pairwise(images) if one != other]) == 11


def test_a_file_gives_the_same_study_as_flags(
    here: Here, study: list[str], log: Path, tmp_path: Path
) -> None:
    (tmp_path / "grid.toml").write_text(
        f"plugin = [{str(study[2])!r}]\ndata = {str(study[4])!r}\n"
        'prompt = ["letter", "plain"]\nlabels = ["A)", "1."]\norders = ["given", "reversed"]\n'
    )
    there = here("ablate", "--config", "grid.toml", "--json").document
    asked = len(asked_keys(log))
    again = here(*study, *GRID, "--json").document
    assert again["study_dir"] == there["study_dir"]
    assert again["results"] == there["results"]
    assert len(asked_keys(log)) == asked


def test_flags_win_over_the_file(here: Here, study: list[str], log: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text('prompt = ["letter", "plain"]\nshots = 0\nlimit = 4\n')
    document = here(*study, "--config", "grid.toml", "--prompt", "cot", "--json", "--plan").document
    assert document["grid"] == {"prompt": ["cot"], "readout": ["parse"], "shots": ["0"]}


def test_a_plan_asks_nothing_and_leaves_no_folder(here: Here, study: list[str], log: Path) -> None:
    done = here(*study, *GRID, "--plan", "--json", "--run-dir", "s")
    assert done.code == 0
    assert done.document["surveys"][0]["requests"] == 288
    assert not asked_keys(log)
    assert not Path("s").exists()


def test_prompts_of_equal_text_share_their_requests(
    here: Here, study: list[str], log: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.j2").write_text("{{ question }} {{ labels|join(' ') }}\n")
    done = here(*study, "--prompt", "./one.j2,./two.j2", "--json", "--run-dir", "s")
    assert len(asked_keys(log)) == 36 == done.document["surveys"][0]["requests"]
    assert done.document["surveys"][0]["pairs"] == 72


def test_replies_of_other_runs_are_taken_only_where_reuse_says_so(
    here: Here, study: list[str], log: Path
) -> None:
    here(*study, "--prompt", "letter,plain", "--run-dir", "first")
    assert len(asked_keys(log)) == 72
    done = here(*study, "--prompt", "letter,cot", "--run-dir", "second", "--reuse", "first",
                "--json")  # fmt: skip
    assert len(asked_keys(log)) == 108
    assert done.document["surveys"][0]["answered"] == 36
    here(*study, "--prompt", "letter,cot", "--run-dir", "third")
    assert len(asked_keys(log)) == 180
    run = next(Path("first/runs").iterdir())
    here("eval", *study[1:], "--prompt", "plain", "--reuse", run, "--run-dir", "fourth")
    assert len(asked_keys(log)) == 180


def test_failed_items_are_exit_code_3_and_tried_again(
    here: Here, study: list[str], log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY", str(tmp_path / "faulty"))
    (tmp_path / "faulty").touch()
    done = here(*study, *GRID, "--run-dir", "s", "--json")
    assert done.code == 3
    (found,) = done.document["results"]["models"]
    assert found["complete"] < found["items"]
    assert sum(cell["tally"]["errors"] for cell in found["cells"]) > 0
    (tmp_path / "faulty").unlink()
    done = here(*study, *GRID, "--run-dir", "s", "--json")
    assert done.code == 0
    whole = here(*study, *GRID, "--run-dir", "other", "--json").document
    assert done.document["results"] == whole["results"]


def test_a_killed_study_goes_on_where_it_stopped(
    mubench: Command, study: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "asked.txt"
    env = {"ASKED": str(log)}
    slow = [*study, *GRID, "-o", "delay=0.004", "--run-dir", "s", "--json"]
    process = mubench.start(*slow, env=env)
    records = tmp_path / "s/runs/asked-asked/records.jsonl"
    deadline = time.monotonic() + 240
    while not (records.exists() and records.read_bytes().count(b"\n") > 60):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finished = records.read_bytes().count(b"\n")
    before = len(asked_keys(log))
    done = mubench(*slow, env=env)
    assert done.code == 0, done.err
    assert len(asked_keys(log)) - before == 288 - finished
    whole = mubench(*slow[:-3], "--run-dir", "whole", "--json", env=env)
    assert done.document["results"] == whole.document["results"]


def test_another_grid_in_the_same_folder_is_refused(
    here: Here, study: list[str], log: Path
) -> None:
    here(*study, "--prompt", "letter", "--run-dir", "s")
    before = Path("s/study.json").read_text()
    refused = here(*study, "--prompt", "letter,plain", "--run-dir", "s")
    assert refused.code == 2
    assert "grid" in refused.err or "prompt" in refused.err
    assert Path("s/study.json").read_text() == before
    assert here(*study, "--prompt", "letter,plain", "--run-dir", "s", "--fresh").code == 0
    assert Path("s-2").exists()


def test_a_folder_that_holds_something_else_is_left_as_it_is(
    here: Here, study: list[str], log: Path, tmp_path: Path
) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s/thesis.tex").write_text("x")
    refused = here(*study, "--prompt", "letter", "--run-dir", "s")
    assert (refused.code, "thesis.tex" in refused.err) == (2, True)
    (tmp_path / "t").mkdir()
    (tmp_path / "t/study.json").write_text("{}")
    assert here(*study, "--prompt", "letter", "--run-dir", "t").code == 2


def test_a_grid_of_ten_million_cells_is_refused_with_the_count(here: Here) -> None:
    many = ",".join(f"p{i}" for i in range(1000))
    done = here(
        "ablate", "--plugin", "echo", "--prompt", many, "--labels", ",".join(["A)", "1."] * 3),
        *(word for i in range(100) for word in ("--system", f"You are {i}.")),
        "--shots", ",".join(map(str, range(50))),
    )  # fmt: skip
    assert done.code == 2
    assert "10,000,000 cells" in done.err
    assert "1,000 prompt × 2 labels × 100 system × 50 shots" in done.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--labels", "Z)"], "label style"),
        (["--orders", "sideways"], "orders"),
        (["--image", "beside"], "image"),
        (["--readout", "similarity"], "read-out"),
        (["--shots", "20"], "fewer shots"),
        (["--shots", "-1", "--limit", "3"], "shots"),
        (["--shots", "some", "--limit", "3"], "shots"),
        (["--prompt", "nosuch"], "nosuch"),
        (["--prompt", "caption"], "caption"),
        (["--labels", "1", "--prompt-set", "labels=A"], "labels"),
        (["--budget", "0"], "budget"),
        (["--model", "nosuch"], "nosuch"),
        (["--reuse", "nowhere"], "nowhere"),
    ],
)  # fmt: skip
def test_what_the_user_must_fix_is_said(
    here: Here, study: list[str], log: Path, flags: list[str], told: str
) -> None:
    refused = here(*study, *flags)
    assert refused.code == 2
    assert told in refused.err
    assert not asked_keys(log)
    assert not Path("studies").exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("label = ['A)']", "labels"),
        ("labels = []", "empty list"),
        ("shots = ['many']", "shots"),
        ("image = [{a = 1}]", "image"),
        ("limit = 'few'", "limit"),
        ("shard = '7/3'", "shard"),
        ("system = [1]", "system"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(
    here: Here, study: list[str], tmp_path: Path, line: str, told: str
) -> None:
    (tmp_path / "grid.toml").write_text(f"seed = 1\n{line}\n")
    refused = here(*study, "--config", "grid.toml")
    assert refused.code == 2
    assert "grid.toml:2" in refused.err
    assert told in refused.err


def test_a_study_has_no_shards(here: Here, study: list[str], tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text("shard = '1/3'\n")
    refused = here(*study, "--config", "grid.toml")
    assert (refused.code, "--shard is for `eval`" in refused.err) == (2, True)


def test_contrastive_models_take_captions_and_no_axes_of_chats(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "slides", [make_row(i) for i in range(4)])
    common = ["ablate", "--plugin", "tiny", "--model", "clip", "--data", data]
    for axis in (["--shots", "1", "--limit", "2"], ["--labels", "1"], ["--system", "x"]):
        refused = here(*common, *axis)
        assert refused.code == 2
        assert "contrastive" in refused.err
    assert here(*common, "--prompt", "caption,micrograph", "--plan").code == 0
    mixed = here("ablate", "--plugin", "tiny", "--model", "clip,llava", "--data", data)
    assert (mixed.code, "a study of each" in mixed.err) == (2, True)


def test_several_models_are_ranked(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_data(tmp_path / "slides", [make_row(i) for i in range(10)])
    done = here(
        "ablate", "--plugin", "echo", "--plugin", "tiny", "--model", "tiny=llava", "--data", data,
        "--prompt", "letter,plain", "--tasks", "modality", "--plan", "--json",
    )  # fmt: skip
    assert [one["model"] for one in done.document["surveys"]] == ["tiny-llava", "echo-echo"]
    monkeypatch.setenv("ASKED", str(tmp_path / "asked.txt"))
    (tmp_path / "asked.py").write_text(ASKED)
    done = here(
        "ablate", "--plugin", "echo", "--plugin", tmp_path / "asked.py", "--data", data,
        "--prompt", "letter,plain", "--tasks", "modality", "--json",
    )  # fmt: skip
    ranks = done.document["results"]["ranks"]
    assert (ranks["models"], ranks["rankings"], ranks["best"]) == (2, 2, [0.5, 0.5])


def test_the_image_behind_the_text_is_a_prefill_of_its_own(
    here: Here, study: list[str], log: Path
) -> None:
    done = here(*study, "--prompt", "letter", "--image", "before,after", "--system", "",
                "--system", "Look well.", "--plan", "--json")  # fmt: skip
    (surveyed,) = done.document["surveys"]
    assert surveyed["requests"] == 4 * 36
    assert surveyed["prefills"] == 2 * 12 + 2 * 36


def test_cells_that_share_a_beginning_follow_each_other() -> None:
    axes = make_study_settings(
        {"labels": "A),1.", "system": ["", "x, y"], "image": "before,after", "shots": "0,1"}
    )
    made = variants(axes)
    assert len(made) == check_size(axes) == 16
    assert [v["system"] for v in made] == [""] * 8 + ["x, y"] * 8
    assert [v["shots"] for v in made[:8]] == ["0"] * 4 + ["1"] * 4
    assert [v["labels"] for v in made[:4]] == ["A)", "1."] * 2


def test_a_level_that_is_given_twice_counts_once() -> None:
    assert make_study_settings({"labels": ["A)", "A)"], "shots": [0, "0"]}).shots == (0,)
    with pytest.raises(SettingError, match="image"):
        make_study_settings({"image": ["before", "left"]})


def test_over_the_levels_of_a_factor_the_other_factors_are_averaged(
    here: Here, study: list[str], log: Path
) -> None:
    (found,) = here(*study, *GRID, "--json", "--run-dir", "s").document["results"]["models"]
    accuracies = {tuple(c["levels"].values()): c["tally"]["accuracy"] for c in found["cells"]}
    by_prompt = [
        sum(share for levels, share in accuracies.items() if levels[0] == prompt) / 4
        for prompt in ("letter", "plain")
    ]
    over = found["over_levels"]["prompt"]
    assert (over["minimum"], over["maximum"]) == pytest.approx((min(by_prompt), max(by_prompt)))
    assert over["highest"] == by_prompt.index(max(by_prompt))
    assert set(found["over_levels"]) == {"prompt", "labels", "orders"}
    table = here(*study, *GRID, "--run-dir", "s").out
    assert "over prompt" in table
    assert "best cell on half of the images" in table


def test_the_shipped_models_answer_a_grid_with_worked_examples(here: Here, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the tiny models need the extra [transformers]")
    rows = [make_row(i, questions=("modality",)) for i in range(8)]
    data = write_data(tmp_path / "slides", rows)
    common = ["ablate", "--data", data, "--limit", "3", "--json", "--plugin", "tiny"]
    done = here(*common, "--prompt", "letter", "--shots", "0,1", "--image", "before,after",
                "--readout", "parse,logprob", "--run-dir", "chat")  # fmt: skip
    assert done.code == 0, done.err
    (found,) = done.document["results"]["models"]
    assert [cell["tally"]["records"] for cell in found["cells"]] == [3] * 8
    assert found["complete"] == 3
    done = here(*common, "--model", "clip", "--prompt", "caption,micrograph", "--run-dir", "clip")
    assert done.code == 0, done.err
    (found,) = done.document["results"]["models"]
    assert {cell["readout"] for cell in found["cells"]} == {"similarity"}


@pytest.mark.first(8)
@pytest.mark.parametrize("fail", ["0", "1"])
@pytest.mark.parametrize("budget", [[], ["--budget", "20"]])
@pytest.mark.parametrize(
    ("rows", "grid"), [(6, []), (1, ["--prompt", "letter,plain"]), (6, ["--prompt", "letter,cot"])]
)
def test_small_studies_and_those_of_which_all_failed_are_told_too(
    here: Here, tmp_path: Path, budget: list[str], rows: int, grid: list[str], fail: str
) -> None:
    """One cell, one image, no answer at all."""
    data = write_data(tmp_path / "slides", [make_row(i) for i in range(rows)])
    study = ["ablate", "--plugin", "echo", "--data", data, "-o", f"fail={fail}", *grid, *budget,
             "--max-errors", "0"]  # fmt: skip
    for flags in ([], ["--json"]):
        done = here(*study, *flags)
        assert done.code == (3 if fail == "1" else 0), done.err
        assert done.out
