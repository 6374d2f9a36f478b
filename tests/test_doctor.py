"""`doctor`: what is fine, what isn't, what to type; exit code 1 where what was asked for isn't."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.doctor import hub
from mubench_gen.doctor.machine import driver_gpus
from mubench_gen.engines.footprint import GIB
from mubench_gen.plugins.requirements import needs

from .helpers.command import Command, Outcome
from .helpers.plugin import write_distribution

SMI = """#!{python}
print("NVIDIA H100, 81559, 81000, 550.54")
print("NVIDIA, the second, 24576, 1024, 550.54")
print("[GPU is lost]")
"""
FEW = {"MUBENCH_GEN_PLUGINS": "echo"}  # beside those of a path: each is imported in a process
PLUGIN = """
import mubench_gen

@mubench_gen.hookimpl
def mubench_gen_models():
    weights = mubench_gen.Checkpoint("org/model-7b", kind="generative", engines={engines})
    return [mubench_gen.ModelSpec("model-7b", weights, any_id=True)]
"""


def findings(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in outcome.document["findings"]}


def write_plugin(folder: Path, engines: str = "('transformers',)") -> Path:
    path = folder / "mine.py"
    path.write_text(PLUGIN.format(engines=engines))
    return path


def write_checkpoint(home: Path, name: str = "org/model-7b", *, whole: bool = True) -> Path:
    """A checkpoint as the hub's cache has it: links in a snapshot to blobs."""
    repository = home / "hub" / f"models--{name.replace('/', '--')}"
    (repository / "blobs").mkdir(parents=True)
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    if whole:
        (repository / "blobs/1").write_bytes(b"\0" * 1_000)
    (snapshot / "model.safetensors").symlink_to("../../blobs/1")
    (snapshot / "config.json").write_text("{}")
    return snapshot


def test_everything_is_told_in_lines_and_nothing_asked_for_is_fine(mubench: Command) -> None:
    done = mubench("doctor", env={"HF_HOME": str(mubench.folder)})
    assert done.code == 0, done.out
    for part in ("ok     python: CPython", "platform: ", "mubench-gen: ", "plugin echo: echo",
                 "hub cache: ", "disk: ", "note   data ubench: 0 of 7 files are there",
                 "→ mubench-gen data prepare ubench"):  # fmt: skip
        assert part in done.out
    assert done.err == ""


def test_what_was_asked_for_and_does_not_hold_is_a_fault(mubench: Command) -> None:
    plugin = write_plugin(mubench.folder, "('vllm',)")
    site = mubench.folder / "site"
    write_distribution(site, "vllm", version="0.10.0", requires=["torch==0.1"])
    env = {**FEW, "HF_HOME": str(mubench.folder), "PYTHONPATH": str(site)}
    done = mubench("doctor", "--plugin", plugin, "--data", "ubench", "--json", env=env)
    assert done.code == 1
    found = findings(done)
    asked = found[f"plugin {plugin}"]
    assert asked["state"] == "fault"
    assert "model-7b wants vllm: lacks vllm>=0.32 (have 0.10.0)" in asked["found"]
    assert asked["to_do"] == "pip install 'mubench-gen[vllm]'"
    assert "wants torch==0.1 (have " in found["vllm 0.10.0"]["found"]
    assert found["data ubench"]["state"] == "fault"
    assert done.document["holds"] is False
    engine = mubench("doctor", "--engine", "vllm", "--json", env=env)
    assert findings(engine)["engine vllm"]["state"] == "fault"


@pytest.mark.parametrize(("version", "fits"), [("99.0.0", False), ("99.0.0+cpu", True)])
def test_a_vllm_for_gpus_where_there_is_none_is_no_fit(
    mubench: Command, version: str, fits: bool
) -> None:
    from mubench_gen.doctor.machine import ask_torch

    if driver_gpus()[0] or ask_torch().gpus:
        pytest.skip("there is a GPU here")
    plugin = write_plugin(mubench.folder, "('vllm', 'transformers')")
    write_distribution(mubench.folder / "site", "vllm", version=version)
    env = {**FEW, "HF_HOME": str(mubench.folder), "PYTHONPATH": str(mubench.folder / "site")}
    done = mubench("doctor", "--engine", "vllm", "--plugin", plugin, "--json", env=env)
    found = findings(done)
    for name in ("engine vllm", f"plugin {plugin}"):
        if fits:
            assert "for GPUs" not in found[name]["found"]
        else:
            assert found[name]["state"] == "fault"
            assert "for GPUs, and there is none here" in found[name]["found"]
            assert found[name]["to_do"].endswith("--engine transformers")


def test_weights_are_at_hand_or_must_be_fetched_or_are_a_fault_offline(mubench: Command) -> None:
    plugin = write_plugin(mubench.folder)
    env = {**FEW, "HF_HOME": str(mubench.folder / "hf")}
    asked = ("doctor", "--plugin", plugin, "--json")
    weights = findings(mubench(*asked, env=env))["weights model-7b"]
    assert (weights["state"], weights["to_do"]) == ("note", "hf download org/model-7b")
    for more in ((), ("--offline",)):
        offline = mubench(*asked, *more, env={**env, **({} if more else {"HF_HUB_OFFLINE": "1"})})
        assert offline.code == 1
        assert findings(offline)["weights model-7b"]["state"] == "fault"
    write_checkpoint(mubench.folder / "hf")
    done = mubench(*asked, "--offline", env=env)
    assert findings(done)["weights model-7b"]["state"] == "ok"
    assert "1 checkpoints (org/model-7b)" in findings(done)["hub cache"]["found"]
    other = mubench(*asked, "--model", "org/other", "--offline", env=env)
    assert findings(other)["weights org/other"]["state"] == "fault"


def test_a_plugin_that_cannot_be_used_is_a_fault_only_where_it_is_asked_for(
    mubench: Command,
) -> None:
    site = mubench.folder / "site"
    write_distribution(
        site, "mubench-gen-bad", entries=["bad = mubench_gen_bad"],
        modules={"mubench_gen_bad": "import os\nleave = os._exit\nleave(9)"},
    )  # fmt: skip
    write_distribution(
        site, "mubench-gen-needy", entries=["needy = mubench_gen_needy"],
        requires=["mubench-gen", "no-such-thing>=2"],
        modules={"mubench_gen_needy": "from mubench_gen_plugins.echo import *"},
    )  # fmt: skip
    env = {"PYTHONPATH": str(site)}
    done = mubench("doctor", "--json", env=env)
    assert done.code == 0
    found = findings(done)
    assert "ended the process with exit code 9" in found["plugin bad"]["found"]
    assert found["plugin needy"]["found"] == "broken: it lacks no-such-thing>=2 (not installed)"
    assert found["plugin needy"]["to_do"] == "pip install -U mubench-gen-needy"
    assert found["plugin echo"]["state"] == "ok"
    assert mubench("doctor", "--plugin", "needy", env=env).code == 1
    unknown = mubench("doctor", "--plugin", "ehco", env=env)
    assert unknown.code == 1
    assert "Did you mean 'echo'" in unknown.out


def test_the_drivers_gpus_are_read_with_their_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text(SMI.format(python=sys.executable))
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    gpus, driver = driver_gpus()
    assert driver == "550.54"
    assert [(gpu.name, round(gpu.total / GIB)) for gpu in gpus] == [
        ("NVIDIA H100", 80), ("NVIDIA, the second", 24),
    ]  # fmt: skip
    assert str(gpus[1]) == "NVIDIA, the second, 24 GiB (1 free)"


def test_without_a_gpu_asking_for_one_is_a_fault_and_checking_on_one_refused(
    mubench: Command,
) -> None:
    env = {**FEW, "CUDA_VISIBLE_DEVICES": "", "PATH": str(mubench.folder)}
    done = mubench("doctor", "--gpu", "--json", env=env)
    assert done.code == 1
    checked = mubench("plugins", "check", "echo", "--gpu", env=env)
    assert checked.code == 2
    assert "there is no GPU here" in checked.err


def test_an_unknown_engine_is_refused_with_near_names(mubench: Command) -> None:
    done = mubench("doctor", "--engine", "vlm")
    assert done.code == 2
    assert "Did you mean 'vllm'" in done.err


def test_a_checkpoint_that_is_not_whole_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    write_checkpoint(tmp_path, "org/half", whole=False)
    folder = write_checkpoint(tmp_path, "org/whole")
    assert hub.cached_models() == ["org/half", "org/whole"]
    assert hub.find_checkpoint("org/half") is None
    assert hub.find_checkpoint("org/whole") == hub.Cached(folder, 1_000)
    assert hub.find_checkpoint("org/absent") is None


def test_an_extra_counts_with_the_extras_in_it() -> None:
    names = {need.name for need in needs("mubench-gen", "vllm")}
    assert {"vllm", "torch", "transformers", "aiohttp"} <= names
    assert "click" not in names
    assert "click" in {need.name for need in needs("mubench-gen")}
