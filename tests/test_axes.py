"""`ablate --axis KEY=V1,V2`: any setting is an axis, checked by the settings' own model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import load_run
from mubench_gen.ablation.axes import KEYS, NAMED, Axis, conditions_of, read_axes, table_of
from mubench_gen.ablation.grid import StudySettings, check_size, make_study_settings, variants
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.plan.config_file import read_config
from mubench_gen.plan.settings import NOT_IDENTITY, Settings

from .conftest import Here
from .helpers.demo import small_demo
from .spine import ASKED, asked_keys, make_row, write_data

SEES_COLOUR = """
import mubench_gen

class Colours(mubench_gen.GenerativeModel):
    '''Right only where it sees a coloured picture: the rows' images are, and gold is A.'''

    def generate(self, requests):
        return ["AB"[self.is_grey(request.image.pixels())] for request in requests]

    def is_grey(self, picture):
        red, green, blue = picture.split()
        return red.tobytes() == green.tobytes() == blue.tobytes()

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("colours", Colours)]
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str | Path]:
    """The plugin that notes what it is asked, on six images with a question each."""
    monkeypatch.setenv("ASKED", str(tmp_path / "asked.txt"))
    (tmp_path / "asked.py").write_text(ASKED)
    rows = [make_row(i, questions=("modality",), gold=0) for i in range(6)]
    data = write_data(tmp_path / "slides", rows)
    return ["ablate", "--plugin", tmp_path / "asked.py", "--data", data, "--prompt", "letter"]


def axis(*texts: str) -> Axis:
    (found,) = read_axes(texts)
    return found


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["k=a,b"], ["a", "b"]),
        (["k= a , b"], ["a", "b"]),
        (["k=a,b", "k=c"], ["a,b", "c"]),
        (['k=["a,b", "c"]'], ["a,b", "c"]),
        (["k=[0, 0.5, true, null]"], [0, 0.5, True, None]),
        (["k=,a"], ["", "a"]),
    ],
)
def test_a_comma_separates_values_unless_the_flag_repeats_or_they_are_json(
    texts: list[str], values: list[Any]
) -> None:
    assert table_of(texts) == {"k": values}


@pytest.mark.parametrize(
    ("texts", "name", "values", "levels"),
    [
        (["temperature=0.7,0"], "temperature", (0.0, 0.7), ("0", "0.7")),
        (["temperature=[1, 0.25]"], "temperature", (0.25, 1.0), ("0.25", "1")),
        (["max-tokens=64,none,8"], "max_tokens", (None, 8, 64), ("none", "8", "64")),
        (["control=shuffled,none"], "control", ("shuffled", "none"), ("shuffled", "none")),
        (["deterministic=true,false"], "deterministic", (True, False), ("true", "false")),
        (["judge=none,mine"], "judge", (None, "mine"), ("none", "mine")),
        (["image.max_pixels=900,1000"], "image.max_pixels", ("900", "1000"), ("900", "1000")),
        (
            ["engine.max_model_len=4096,1024"],
            "engine.max_model_len",
            ("1024", "4096"),
            ("1024", "4096"),
        ),
        (["few_shot=2,0"], "shots", ("0", "2"), ("0", "2")),
        (["prompt.max_tokens=9,8"], "prompt.max_tokens", ("8", "9"), ("8", "9")),
    ],
)
def test_values_are_read_as_the_setting_reads_them_and_numbers_are_sorted(
    texts: list[str], name: str, values: tuple[Any, ...], levels: tuple[str, ...]
) -> None:
    found = axis(*texts)
    assert (found.name, found.values, found.levels) == (name, values, levels)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["temprature=0,1"], "there is no such setting. Did you mean 'temperature'"),
        (["prompt.max_token=1,2"], "no such setting to vary. Did you mean 'max_tokens'"),
        (["prompt.kind=chat,caption"], "no such setting to vary"),
        (["image.max_pixel=1,2"], "Did you mean 'max_pixels'"),
        (["temperature=0,hot"], "temperature: .*got 'hot'"),
        (["temperature=0,-1"], "temperature: "),
        (["control=none,blnd"], "choose none, blind, shuffled, mean or noise"),
        (["dtype=float16,int4"], "dtype: 'int4'"),
        (["temperature=0,0.0"], "0.0 is given twice .as 0 too"),
        (["prompt.max_tokens=8,08"], "08 is given twice .as 8 too"),
        (["labels=A),A)"], r"A\) is given twice"),
        (["temperature=0"], "two values or more.*use --temperature"),
        (["engine.max_model_len=9"], "two values or more.*use -o engine.max_model_len="),
        (["image.z=max"], "two values or more.*use --image-set z="),
        (["prompt.max_tokens=[null, 8]"], "null is not a valid value"),
        (["temperature=[null, 0]"], "0 is given twice .as None too"),
        (['transform=["none", null]'], "None is given twice .as none too"),
        (["engine.=1,2"], "there is no such setting"),
        (["temperature"], "KEY=VALUE,VALUE is needed"),
        (["prompt.answer=[1,"], "is not a JSON list"),
        (["prompt.answer=[[1], 2]"], "a value is a text, a number"),
        (["plugin=a,b"], "cannot be an axis: give --plugin"),
        (["run_dir=a,b"], "how a run is carried out, not its result"),
        (["device=cpu,cuda"], "how a run is carried out, not its result"),
        (["data=a,b"], "decides which items are asked"),
        (["options=a,b"], "name one option: options.KEY"),
        (["shots=0,1", "few_shot=0,2"], "the axis shots is given twice"),
        (["seen=none,blind", "control=none,blind"], "Give either seen, or control and transform"),
        (["seen=none,blnd"], "no control 'blnd'. Did you mean 'blind'"),
        (["seen=none,blind:2"], "no severity and no settings. Write blind"),
        (["seen=none,greyscale"], "'grayscale'.* The controls are blind, shuffled"),
        (["seen=none,jpeg:9"], "a number from 1 to 5"),
    ],
)
def test_what_can_be_no_axis_is_refused_with_the_reason(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_axes(texts)


def test_every_setting_of_a_run_is_an_axis_or_there_is_a_reason_why_not() -> None:
    for key in Settings.model_fields.keys() - set(KEYS):
        with pytest.raises(SettingError, match="this cannot be an axis: "):
            read_axes({key: ["1", "2"]})
    assert not NOT_IDENTITY & set(KEYS)
    assert {"temperature", "max_tokens", "control", "engine", "dtype", "transform"} <= set(KEYS)
    assert {*NAMED, "few_shot"} <= set(KEYS)


def test_an_axis_with_a_flag_of_its_own_is_that_flag() -> None:
    by_axis = make_study_settings(
        {"axis": table_of(["labels=A),1.", 'system=["", "Look, well."]', "few_shot=0,2"])}
    )
    by_flag = make_study_settings(
        {"labels": "A),1.", "system": ["", "Look, well."], "shots": [0, 2]}
    )
    assert by_axis == by_flag
    assert variants(by_axis) == variants(by_flag)
    with pytest.raises(SettingError, match="--axis shots=… and --shots are the same axis"):
        make_study_settings({"axis": {"few_shot": [0, 2]}, "shots": [1]})


def test_conditions_are_all_combinations_with_folders_of_different_names() -> None:
    axes = read_axes(["temperature=0,0.7", "options.path=a/b,a:b,a-b"])
    conditions = conditions_of(axes)
    assert [one.levels for one in conditions][:3] == [("0", "a/b"), ("0", "a:b"), ("0", "a-b")]
    names = {one.name for one in conditions}
    assert len(names) == 6
    assert "temperature=0.7+options.path=a-b" in names
    assert all("/" not in name for name in names)
    assert [one.name for one in conditions_of([])] == [""]


def test_a_grid_of_too_many_runs_is_refused_with_the_count() -> None:
    table = {"temperature": list(range(30)), "max_tokens": list(range(1, 31))}
    with pytest.raises(SettingError, match=r"900 runs per model .30 temperature × 30 max_tokens"):
        check_size(make_study_settings({"axis": table}))


def test_a_study_asks_each_value_in_a_run_of_its_own_and_no_request_twice(
    here: Here, study: list[str], tmp_path: Path
) -> None:
    args = [*study, "--prompt", "plain", "--axis", "temperature=0.7,0", "--axis",
            "control=none,blind", "--json", "--run-dir", "s"]  # fmt: skip
    done = here(*args)
    assert done.code == 0, done.err
    document = done.document
    assert document["grid"] == {
        "prompt": ["letter", "plain"], "readout": ["parse"], "temperature": ["0", "0.7"],
        "control": ["none", "blind"],
    }  # fmt: skip
    assert document["cells"] == 8
    (surveyed,) = document["surveys"]
    keys = asked_keys(tmp_path / "asked.txt")
    assert len(keys) == len(set(keys)) == surveyed["requests"]
    stored = json.loads(Path("s/study.json").read_text())
    assert stored["runs"] == [
        f"runs/asked-asked/temperature={temperature}+control={control}"
        for temperature in ("0", "0.7")
        for control in ("none", "blind")
    ]
    assert {"temperature", "control"}.isdisjoint(stored["settings"])
    (found,) = document["results"]["models"]
    assert found["complete"] == 6
    for cell in found["cells"]:
        levels = cell["levels"]
        name = f"temperature={levels['temperature']}+control={levels['control']}"
        run = load_run(Path("s", found["run"], name))
        assert run.manifest["sampling"]["temperature"] == float(levels["temperature"])
        assert run.manifest["settings"]["control"] == levels["control"]
        right = [r["correct"] for r in run.records() if r["prompt"] == cell["prompt"]]
        assert cell["tally"]["accuracy"] == pytest.approx(sum(right) / len(right))
    again = here(*args)
    assert again.code == 0, again.err
    assert again.document["results"] == document["results"]
    assert len(asked_keys(tmp_path / "asked.txt")) == len(keys)
    table = here(*args[:-3], "--run-dir", "s").out
    assert "temperature × control" in table
    other = here(*study, "--axis", "temperature=0,1", "--run-dir", "s")
    assert (other.code, "holds another study" in other.err) == (2, True)


def test_values_that_ask_the_same_share_their_requests(
    here: Here, study: list[str], tmp_path: Path
) -> None:
    done = here(*study, "--readout", "logprob", "--axis", "temperature=0,0.7", "--json")
    assert done.code == 0, done.err
    (surveyed,) = done.document["surveys"]
    assert (surveyed["pairs"], surveyed["requests"]) == (12, 6)


def test_an_axis_of_a_prompts_setting_is_asked_in_one_run(here: Here, study: list[str]) -> None:
    done = here(*study, "--axis", "prompt.max_tokens=8,9", "--json", "--run-dir", "s")
    assert done.code == 0, done.err
    (found,) = done.document["results"]["models"]
    assert found["run"] == "runs/asked-asked"
    assert {cell["prompt"] for cell in found["cells"]} == {
        "letter[max_tokens=8]", "letter[max_tokens=9]"
    }  # fmt: skip


def test_a_part_of_a_grid_with_runs_is_drawn_over_all_of_them(here: Here, study: list[str]) -> None:
    done = here(*study, "--axis", "temperature=0,0.5,1", "--budget", "12", "--json")
    assert done.code == 0, done.err
    (found,) = done.document["results"]["models"]
    assert [cell["tally"]["records"] for cell in found["cells"]] == [4, 4, 4]
    assert found["estimated"]["asked"] == 12


def test_a_transform_is_an_axis_that_tells_whether_colour_matters(
    here: Here, tmp_path: Path
) -> None:
    (tmp_path / "colours.py").write_text(SEES_COLOUR)
    rows = [make_row(i, questions=("modality",), gold=0) for i in range(4)]
    data = write_data(tmp_path / "slides", rows)
    done = here(
        "ablate", "--plugin", tmp_path / "colours.py", "--data", data, "--prompt", "letter",
        "--axis", "transform=none,grayscale,blur:sigma=2", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    (found,) = done.document["results"]["models"]
    accuracies = {cell["levels"]["transform"]: cell["tally"]["accuracy"] for cell in found["cells"]}
    assert accuracies == {"none": 1.0, "grayscale": 0.0, "blur:sigma=2": 1.0}
    (transform,) = [e for e in found["effects"]["effects"] if e["source"] == ["transform"]]
    assert transform["share"] == pytest.approx(1.0)
    alone = here("eval", "--plugin", tmp_path / "colours.py", "--data", data, "--prompt", "letter",
                 "--run-dir", "alone")  # fmt: skip
    assert alone.code == 0
    keys = [
        {record["key"] for record in load_run(path).records()}
        for path in (Path(done.document["study_dir"], found["run"], "transform=none"), "alone")
    ]
    assert keys[0] == keys[1]


def test_a_setting_is_an_axis_or_constant(here: Here, study: list[str]) -> None:
    for flags, axis, said in (
        (["--temperature", "1"], "temperature=0,1", "--temperature and the axis 'temperature'"),
        (["--image-set", "z=max"], "image.z=max,mean", "--image-set z=… and the axis 'image.z'"),
        (["-o", "engine.a=1"], "engine.a=1,2", "-o engine.a=… and the axis 'engine.a'"),
        (["--prompt-set", "answer=x"], "prompt.answer=y,z", "--prompt-set answer=… and the axis"),
    ):
        done = here(*study, *flags, "--axis", axis)
        assert (done.code, said in done.err) == (2, True), done.err


def test_a_file_has_a_table_of_axes_and_flags_win(
    here: Here, study: list[str], tmp_path: Path
) -> None:
    (tmp_path / "grid.toml").write_text(
        '[axis]\ntemperature = [0.7, 0]\n"prompt.max_tokens" = [8, 9]\n'
    )
    args = [*study, "--config", "grid.toml", "--plan", "--json"]
    assert here(*args).document["grid"] == {
        "prompt": ["letter"], "readout": ["parse"], "temperature": ["0", "0.7"],
        "prompt.max_tokens": ["8", "9"],
    }  # fmt: skip
    won = here(*args, "--axis", "temperature=0,0.2").document["grid"]
    assert won["temperature"] == ["0", "0.2"]
    assert won["prompt.max_tokens"] == ["8", "9"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limit = 3\n[axis]\ntemprature = [0, 1]", "grid.toml:2: axis: .*Did you mean 'temp"),
        ("axis = 3", "grid.toml:1: axis: a table is needed"),
    ],
)
def test_a_wrong_axis_in_a_file_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=said):
        read_config(path, StudySettings)


def test_a_study_that_was_made_before_keeps_its_folder(here: Here, tmp_path: Path) -> None:
    """The name is a hash of all that must be the same for a study to be resumed."""
    small_demo(tmp_path / "cache")
    done = here(
        "ablate", "--plugin", "echo", "--prompt", "letter,plain", "--labels", "A),1.",
        "--orders", "given,reversed", "--shots", "2,0", "--system", "", "--system", "Look,well.",
        "--limit", "4", "--tasks", "modality", "--plan", "--json",
    )  # fmt: skip
    assert done.document["study_dir"] == "studies/ablate-a1b0adfb"
    assert done.document["grid"]["shots"] == ["2", "0"]
