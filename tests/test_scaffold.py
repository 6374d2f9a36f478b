"""`plugins new`: what it writes installs, passes its own tests, and is as its author would want."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.plugins.scaffold import KINDS, LICENCES

from .helpers.command import Outcome
from .helpers.demo import small_demo

Here = Callable[..., Outcome]


@pytest.mark.first(1)
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_installs_and_passes_its_own_tests(
    here: Here, kind: str, tmp_path: Path
) -> None:
    small_demo(tmp_path / "cache", images=18)
    folder = tmp_path / "new"
    outcome = here("plugins", "new", "my-model", "--kind", kind, "--to", folder)
    assert outcome.code == 0, outcome.err
    site = tmp_path / "site"
    install = ["install", "-q", "--no-deps", "--no-build-isolation", "--target", site, folder]
    subprocess.run([sys.executable, "-m", "pip", *map(str, install)], check=True)
    # Of the first kind, which `make test` tests, not what echo shows in test_conformance.py.
    left_out = ["-k", "not resumed_equals_undisturbed"] if kind == KINDS[0] else []
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *left_out],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "resumed_equals_undisturbed" not in tested.stdout  # as no test failed


def test_the_project_is_named_bounded_and_licensed(here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    here("plugins", "new", "cell-net", "--licence", "MIT", "--author", "A. Huxley", "--to", folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "mubench-gen-cell-net"
    assert project["entry-points"] == {"mubench_gen": {"cell-net": "mubench_gen_cell_net"}}
    assert any(
        need.startswith("mubench-gen>=") and ",<" in need for need in project["dependencies"]
    )
    assert project["license"] == "MIT"
    assert "A. Huxley" in (folder / "LICENSE").read_text()
    workflow = (folder / ".github/workflows/publish.yml").read_text()
    assert "id-token: write" in workflow
    assert "password" not in workflow


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", "my-rather-long-name-of-a-model"])
def test_a_new_plugin_is_formatted_as_its_author_would(
    here: Here, kind: str, name: str, tmp_path: Path
) -> None:
    pytest.importorskip("ruff")
    folder = tmp_path / "new"
    assert here("plugins", "new", name, "--kind", kind, "--to", folder).code == 0
    rules = ["--isolated", "--no-cache"]
    for words in (["format", "--check", *rules], ["check", "--select", "E,F,I,N,UP,B", *rules]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_a_new_plugins_release_is_tested_and_its_tag_is_its_version(
    here: Here, tmp_path: Path
) -> None:
    yaml = pytest.importorskip("yaml")
    assert here("plugins", "new", "one", "--to", tmp_path / "n").code == 0
    text = (tmp_path / "n/.github/workflows/publish.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    steps = [str(step.get("run")) for step in jobs["build"]["steps"]]
    assert "pytest" in steps
    assert any("GITHUB_REF_NAME" in step for step in steps)


@pytest.mark.parametrize("licence", LICENCES)
def test_every_licence_has_its_text(here: Here, licence: str, tmp_path: Path) -> None:
    assert here("plugins", "new", "one", "--licence", licence, "--to", tmp_path / "n").code == 0
    assert len((tmp_path / "n" / "LICENSE").read_text()) > 1_000


def test_a_folder_that_holds_something_is_left_alone(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    outcome = here("plugins", "new", "one", "--to", tmp_path / "mine")
    assert outcome.code == 2
    assert "is there already" in outcome.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["My Model"], "not a valid name of a plugin"),
        (["class"], "not a valid name of a plugin"),
        (["mubench-gen-mine"], "The name is the part behind mubench-gen-: 'mine'"),
        (["mine", "--kind", "generativ"], "Did you mean 'generative'"),
        (["mine", "--licence", "Apache"], "Did you mean 'Apache-2.0'"),
    ],
)
def test_what_cannot_be_written_is_refused(
    here: Here, words: list[str], said: str, tmp_path: Path
) -> None:
    outcome = here("plugins", "new", *words, "--to", tmp_path / "new")
    assert outcome.code == 2
    assert said in outcome.err
    assert not (tmp_path / "new").exists()
