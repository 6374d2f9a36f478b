"""A fresh environment of built wheels: a sound plugin among faulty ones, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mubench_gen.plugins.scaffold import Scaffold, write_scaffold

from .helpers.data import write_data
from .helpers.environments import (
    Environment,
    borrowed,
    build_wheels,
    harness_wheel,
    make_environment,
)

# What stands at the top of each faulty plugin's module, before a model that would work.
FAULTS = {
    "raises": "raise RuntimeError('the licence server is away')",
    "slow": "import torch",
    "prints": "print('hello from the plugin')",
    "logger": "import logging\nlogging.getLogger().setLevel(logging.DEBUG)",
    "exits": "import sys\nsys.exit(7)",
    "other": "",
    "one": "",
    "two": "",
}
ENTRY = {"one": "twin", "two": "twin"}  # the entry point's name, where it isn't the plugin's
NEEDS = {"other": "mubench-gen>=99,<100"}
STATES = {
    "other": "incompatible: it needs mubench-gen<100,>=99, this is ",
    "twin": "shadowed: mubench-gen-one 0.1.0 and mubench-gen-two 0.1.0 both offer it",
    "raises": "ok",  # what an import does, an import tells
    "sound": "ok",
}


def write_project(folder: Path, name: str) -> Path:
    """The repository that `plugins new` writes, with the fault at the top of its module."""
    write_scaffold(Scaffold(name), folder)
    project = folder / "pyproject.toml"
    text = project.read_text().replace(f"\n{name} = ", f"\n{ENTRY.get(name, name)} = ")
    if name in NEEDS:
        bound = text.split('dependencies = ["')[1].split('"')[0]
        text = text.replace(bound, NEEDS[name])
    project.write_text(text)
    module = folder / "src" / f"mubench_gen_{name}" / "__init__.py"
    fault = FAULTS.get(name)
    noted = f"import os\nopen(os.environ['IMPORTED'] + '.{name}', 'w').close()"
    if fault is not None:
        module.write_text(f"{fault}\n{noted}\n{module.read_text()}")
    return folder


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """One environment with mubench-gen, a sound plugin and all the faulty ones."""
    folder = tmp_path_factory.mktemp("newcomer")
    projects = [write_project(folder / name, name) for name in ("sound", *FAULTS)]
    wheels = build_wheels(projects, folder / "dist")
    assert len(wheels) == len(projects)
    wheels.append(harness_wheel(folder / "dist"))
    environment = make_environment(folder / "env", wheels, borrowed(folder / "borrowed"))
    write_data(environment.work / "cells")
    return Environment(
        environment.folder,
        environment.work,
        {**environment.variables, "IMPORTED": str(folder / "imported")},
    )


def imported(user: Environment) -> set[str]:
    """The faulty plugins that were imported since this was asked last."""
    marks = list(Path(user.variables["IMPORTED"]).parent.glob("imported.*"))
    for mark in marks:
        mark.unlink()
    return {mark.suffix[1:] for mark in marks}


def evaluate(user: Environment, plugin: str, run: str) -> tuple[int, str, str]:
    done = user(
        "eval", "--plugin", plugin, "--data", "cells", "--tasks", "modality", "--run-dir", run,
        "--json",
    )  # fmt: skip
    return done.code, done.out, done.err


def test_the_environment_sees_the_wheel_alone(user: Environment) -> None:
    where = user.run(user.python, "-c", "import mubench_gen; print(mubench_gen.__file__)")
    assert Path(where.out.strip()).is_relative_to(user.folder)


@pytest.mark.first(1)
@pytest.mark.parametrize("words", [["--help"], ["eval", "--help"], ["plugins", "--help"]])
def test_help_works_and_imports_no_plugin(user: Environment, words: list[str]) -> None:
    imported(user)
    done = user(*words)
    assert (done.code, done.err) == (0, "")
    assert "Usage: mubench-gen" in done.out
    assert imported(user) == set()


def test_the_listing_tells_what_the_metadata_tell_and_imports_none(user: Environment) -> None:
    imported(user)
    done = user("plugins")
    assert (done.code, done.err) == (0, "")
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    for name, state in STATES.items():
        assert state in lines[name], lines[name]
    assert sum(line.startswith("twin ") for line in done.out.splitlines()) == 2
    assert imported(user) == set()
    listed = user("plugins", "--json").document
    assert {p["distribution"] for p in listed if p["name"] == "twin"} == {
        "mubench-gen-one", "mubench-gen-two",
    }  # fmt: skip


def test_what_importing_each_does_is_told_on_request_with_all_of_them_there(
    user: Environment,
) -> None:
    few = ",".join(ENTRY.get(name, name) for name in ("sound", *FAULTS) if name != "slow")
    done = user("plugins", "--import", "--json", env={"MUBENCH_GEN_PLUGINS": few})
    assert done.code == 0, done.err
    seen = {p["name"]: p["imported"] for p in done.document if "imported" in p}
    assert "the licence server is away" in seen["raises"]["error"]
    assert "SystemExit: 7" in seen["exits"]["error"]
    assert seen["prints"]["printed"] == "hello from the plugin\n"
    assert seen["logger"]["changed"] == ["the root logger"]
    assert (seen["sound"]["error"], seen["sound"]["printed"]) == (None, "")
    assert not {"twin", "other", "slow"} & seen.keys()


@pytest.mark.exhaustive
def test_the_doctor_names_the_faulty_ones_and_what_was_asked_for_holds(user: Environment) -> None:
    done = user("doctor", "--json")
    found = {f["name"]: f for f in done.document["findings"]}
    assert found["plugin sound"]["state"] == "ok"
    for name in ("raises", "exits", "other", "twin"):
        assert found[f"plugin {name}"]["state"] == "note"
    asked = user("doctor", "--plugin", "sound", "--json")
    assert asked.code == 0, asked.out
    names = {f["name"] for f in asked.document["findings"]}
    assert [name for name in names if name.startswith("plugin ")] == ["plugin sound"]
    assert user("doctor", "--plugin", "other").code == 1


def test_the_sound_one_is_shown(user: Environment) -> None:
    done = user("plugins", "show", "sound")
    assert (done.code, done.err) == (0, "")
    assert "sound (mubench-gen-sound 0.1.0)" in done.out
    assert "-o threshold=0.5" in done.out


def test_an_evaluation_with_the_sound_one_works_and_imports_no_other(user: Environment) -> None:
    imported(user)
    code, out, err = evaluate(user, "sound", "sound")
    assert code == 0, err
    assert json.loads(out)["scores"]["pooled"]["n"] == 3
    assert imported(user) == set()
    plugin = json.loads((user.work / "sound/manifest.json").read_text())["plugin"]
    assert (plugin["distribution"], plugin["version"]) == ("mubench-gen-sound", "0.1.0")


@pytest.mark.first(2)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "The plugin 'raises' (mubench-gen-raises 0.1.0) is broken: RuntimeError: the l"),
        ("exits", "The plugin 'exits' (mubench-gen-exits 0.1.0) is broken: SystemExit: 7"),
        ("other", "The plugin 'other' cannot be used: incompatible: it needs mubench-gen<100,>="),
        ("twin", "The plugin 'twin' cannot be used: shadowed: mubench-gen-one 0.1.0 and mubench-"),
    ],
)
def test_one_that_cannot_be_used_is_told_with_its_fault(
    user: Environment, name: str, said: str
) -> None:
    commands = [["eval", "--plugin", name], ["plugins", "show", name]]
    for command in commands[: 2 if name == "raises" else 1]:
        done = user(*command)
        assert done.code == 2
        assert said in done.err
        assert "Traceback" not in done.err
        assert done.out == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("prints", "hello from the plugin"),
        pytest.param("logger", "", marks=pytest.mark.exhaustive),
        pytest.param("slow", "", marks=pytest.mark.exhaustive),  # it imports torch each time
    ],
)
def test_one_that_only_misbehaves_is_evaluated_and_stdout_stays_clean(
    user: Environment, name: str, said: str
) -> None:
    code, out, err = evaluate(user, name, name)
    assert code == 0, err
    assert json.loads(out)["scores"]["pooled"]["n"] == 3
    assert said in err


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param("slow", "import_is_light", marks=pytest.mark.exhaustive),
        ("prints", "import_changes_nothing"),
        pytest.param("logger", "import_changes_nothing", marks=pytest.mark.exhaustive),
    ],
)
def test_the_conformance_kit_fails_it(user: Environment, name: str, check: str) -> None:
    done = user("plugins", "check", name, "--only", check)
    assert done.code == 1
    assert f"failed   {check}" in done.err


def test_each_can_be_kept_out(user: Environment) -> None:
    done = user("plugins", "--json", env={"MUBENCH_GEN_PLUGINS": "sound"})
    assert [p["name"] for p in done.document if p["state"] == "ok"] == ["sound"]
    listed = {p["name"]: p for p in user("--no-plugin", "raises", "plugins", "--json").document}
    assert listed["raises"]["state"].startswith("off:")
