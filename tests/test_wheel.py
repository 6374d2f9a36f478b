"""The built wheel, alone in a fresh environment, does all that needs no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

DIST = os.environ.get("MUBENCH_GEN_TEST_WHEEL")
MOST_DISTRIBUTIONS = 28  # six of them are matplotlib's: decision 26
pytestmark = pytest.mark.skipif(
    DIST is None, reason="no built wheel at hand: `make wheel` runs this"
)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel() -> Path:
    (found,) = Path(DIST or "").glob("mubench_gen-*.whl")
    return found


def _pip(environment: Path, command: str, *flags: str) -> list[str]:
    """The tests' own pip, at work in another environment."""
    python = str(environment / "bin" / "python")
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, command,
            *flags]  # fmt: skip


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and nothing that an extra would bring."""
    folder = tmp_path_factory.mktemp("core")
    venv.create(folder)
    installed = subprocess.run(
        [*_pip(folder, "install", "-q", "--no-compile"), str(wheel)], capture_output=True, text=True
    )
    if installed.returncode and "No matching distribution" in installed.stderr:
        pytest.skip(f"the core's dependencies can't be installed here: {installed.stderr[-300:]}")
    assert installed.returncode == 0, installed.stderr
    return folder


@pytest.fixture
def run(core: Path, tmp_path: Path) -> Run:
    def command(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        finished = subprocess.run(
            [str(core / "bin" / "mubench-gen"), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == code, finished.stderr
        return finished

    return command


def test_the_tests_of_the_wheel_do_not_see_the_checkout() -> None:
    import mubench_gen

    assert Path(mubench_gen.__file__).is_relative_to(Path(sys.prefix))


def test_the_wheel_holds_two_packages_with_prompts_tasks_and_weights(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    version = wheel.name.split("-")[1]
    assert top == {"mubench_gen", "mubench_gen_plugins", f"mubench_gen-{version}.dist-info"}
    assert "mubench_gen/_data/prompts/paper.j2" in names
    assert "mubench_gen/_data/tasks/modality.toml" in names
    assert "mubench_gen/_data/protocols/olmo-eval.toml" in names
    assert "mubench_gen/compare/published/ubench.toml" in names
    assert "mubench_gen/py.typed" in names
    assert {
        f"mubench_gen/report/html/{name}" for name in ("page.html.j2", "page.css", "start.js")
    } <= {*names}
    weights = [name for name in names if name.endswith("model.safetensors")]
    models = {"llava", "clip"}
    tuned = {f"{model}-finetuned" for model in models}
    assert {Path(name).parent.name for name in weights} == models | tuned


def test_the_core_resolves_to_few_distributions(core: Path) -> None:
    listed = subprocess.run(
        _pip(core, "list", "--format=json"), capture_output=True, text=True, check=True
    )
    names = {entry["name"] for entry in json.loads(listed.stdout)}
    assert len(names) <= MOST_DISTRIBUTIONS, sorted(names)
    assert not names & {"torch", "transformers", "pyarrow", "vllm", "statsmodels"}


def test_the_core_lists_renders_evaluates_scores_and_reports(run: Run, tmp_path: Path) -> None:
    assert {p["name"] for p in json.loads(run("plugins", "--json").stdout)} >= {"echo", "tiny"}
    assert len(json.loads(run("tasks", "--json").stdout)) >= 5
    shown = run("prompts", "show", "paper", "--task", "modality").stdout
    assert "Answer with a single letter, no extra details.\nQuestion:" in shown
    done = json.loads(
        run("eval", "--plugin", "echo", "--limit", "3", "--run-dir", "run", "--json").stdout
    )
    assert done["scores"]["pooled"]["n"] > 0
    assert json.loads(run("score", "run", "--json").stdout)["scores"] == done["scores"]
    assert "pooled" in run("report", "run").stdout


def test_a_plugin_that_needs_an_extra_says_what_to_type(run: Run) -> None:
    finished = run("eval", "--plugin", "tiny", "--limit", "1", code=2)
    assert "pip install 'mubench-gen[transformers]'" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_example_plugin_works_as_a_distribution_of_its_own(core: Path, run: Run) -> None:
    root = Path(__file__).resolve().parents[1]
    (example,) = [p for p in (root / "example", root / "plugins" / "example") if p.is_dir()]
    subprocess.run(
        [*_pip(core, "install", "-q", "--no-compile"), str(example), "pytest"], check=True
    )
    listed = {p["name"]: p for p in json.loads(run("plugins", "--json").stdout)}
    assert listed["brightness"]["distribution"] == "mubench-gen-brightness"
    assert listed["brightness"]["state"] == "ok"
    assert "threshold" in run("plugins", "show", "brightness").stdout
    tested = subprocess.run(
        [str(core / "bin" / "python"), "-m", "pytest", "-q", str(example / "tests"),
         "-k", "not resumed_equals_undisturbed"],  # echo shows it in test_conformance.py
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
