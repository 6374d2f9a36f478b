"""The real vLLM on a CPU: one engine a model for all the tests, in this process.

`make vllm` sets up an environment that has it. Elsewhere each test here is skipped, with
the reason; nothing is imported while tests are collected.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.model import Checkpoint, Runtime

HERE = Path(__file__).parent
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # half the time of a process of its own
    # As the engine sets them before it imports torch, which a test may do first.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
}
# What a start on a CPU needs not: compiling takes longer than these tests.
QUICK = {"enforce_eager": "true"}

Open = Callable[..., VllmGenerative]
Evaluate = Callable[..., Any]


def _missing() -> str | None:
    reason = os.environ.get("MUBENCH_GEN_NO_VLLM")
    if reason:
        return f"vLLM could not be set up here: {reason}"
    if find_spec("vllm") is None:
        return "vLLM is not installed here: `make vllm` sets up an environment that has it"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _missing()
    for item in items:
        if HERE not in item.path.parents:
            continue
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))
        # vLLM and what it imports warn about themselves; nothing of ours to mend.
        item.add_marker(pytest.mark.filterwarnings("ignore"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reason = _missing()
    if reason is not None:
        terminalreporter.section("the tests with vLLM did not run", sep="!", red=True, bold=True)
        terminalreporter.line(reason)


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The demo's images are painted once a session."""
    cache = str(tmp_path_factory.mktemp("cache"))
    for name, value in {**ENVIRONMENT, "MUBENCH_GEN_CACHE": cache}.items():
        os.environ.setdefault(name, value)


def tiny_weights() -> Path:
    from mubench_gen_plugins.tiny import WEIGHTS

    return WEIGHTS / "llava"


@pytest.fixture(scope="session")
def open_vllm(_environment: None) -> Iterator[Open]:
    """Opens checkpoints with vLLM, each with its options once a session.

    None is closed before the end: vLLM takes down what all engines of a process share.
    """
    opened: dict[str, VllmGenerative] = {}

    def open_(path: Path, *, runtime: Runtime | None = None, **checkpoint: Any) -> VllmGenerative:
        runtime = runtime or Runtime("", device="cpu", dtype="float32", engine_options=QUICK)
        key = repr((path, runtime, sorted(checkpoint.items())))
        if key not in opened:
            model = VllmGenerative(Checkpoint(path, "generative", **checkpoint), runtime)
            model.load()
            opened[key] = model
        return opened[key]

    yield open_
    for model in opened.values():
        model.close()


@pytest.fixture(scope="session")
def tiny(open_vllm: Open) -> VllmGenerative:
    """The tiny llava that comes with mubench-gen."""
    return open_vllm(tiny_weights())


@pytest.fixture
def evaluate(tmp_path: Path, opened: Callable[..., Any]) -> Evaluate:
    """Runs the plugin `tiny`, by the model given or by the engine that the settings name."""
    from mubench_gen.plan.plan import make_plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.run import run_plan

    def run(model: VllmGenerative | None = None, **settings: Any) -> Any:
        number = len(list(tmp_path.iterdir()))
        wanted = {"plugin": "tiny", "dtype": "float32", "run_dir": tmp_path / f"run-{number}"}
        plan = make_plan(make_settings({**wanted, **settings}), Plugins())
        try:
            used = plan if model is None else replace(plan, model=opened(model, model.window))
            return run_plan(used, ["mubench-gen"], progress=False)
        finally:
            plan.model.close()

    return run
