"""`doctor`: what is fine, what isn't, what to type; exit code 1 where what was asked for isn't."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import hub
from mubench_gen.doctor import machine
from mubench_gen.doctor.fit import Space, fit
from mubench_gen.doctor.machine import driver_gpus
from mubench_gen.engines.footprint import GIB
from mubench_gen.plugins.import_trial import Registered
from mubench_gen.plugins.requirements import needs

from .conftest import Here
from .helpers.command import Command, Outcome
from .helpers.plugin import write_distribution

SMI = """#!{python}
print("NVIDIA H100, 81559, 81000, 550.54")
print("NVIDIA, the second, 24576, 1024, 550.54")
print("[GPU is lost]")
"""
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


@pytest.fixture
def doctor(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, with a plugin beside those of a path: each is imported in a
    process of its own."""
    monkeypatch.setenv("MUBENCH_GEN_PLUGINS", "echo")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))

    def run(*words: str | Path) -> Outcome:
        return here("doctor", *words)

    return run


def test_everything_is_told_in_lines_and_nothing_asked_for_is_fine(mubench: Command) -> None:
    done = mubench("doctor", env={"HF_HOME": str(mubench.folder), "MUBENCH_GEN_PLUGINS": "echo"})
    assert done.code == 0, done.out
    for part in ("ok     python: CPython", "platform: ", "mubench-gen: ", "plugin echo: echo",
                 "hub cache: ", "disk: ", "note   data ubench: 0 of 7 files are there",
                 "→ mubench-gen data prepare ubench"):  # fmt: skip
        assert part in done.out
    assert done.err in ("", "Importing the plugins, each in a process of its own …\n")


def test_what_was_asked_for_and_does_not_hold_is_a_fault(
    doctor: Here, tmp_path: Path, site: Path
) -> None:
    plugin = write_plugin(tmp_path, "('vllm',)")
    write_distribution(site, "vllm", version="0.10.0", requires=["torch==0.1"])
    done = doctor("--plugin", plugin, "--data", "ubench", "--json")
    assert done.code == 1
    found = findings(done)
    asked = found[f"plugin {plugin}"]
    assert asked["state"] == "fault"
    assert "model-7b wants vllm: lacks vllm>=0.32 (have 0.10.0)" in asked["found"]
    assert asked["to_do"] == "pip install 'mubench-gen[vllm]'"
    assert "wants torch==0.1 (have " in found["vllm 0.10.0"]["found"]
    assert found["data ubench"]["state"] == "fault"
    assert done.document["holds"] is False
    engine = doctor("--engine", "vllm", "--json")
    assert findings(engine)["engine vllm"]["state"] == "fault"


@pytest.mark.parametrize(("version", "fits"), [("99.0.0", False), ("99.0.0+cpu", True)])
def test_a_vllm_for_gpus_where_there_is_none_is_no_fit(
    doctor: Here, tmp_path: Path, site: Path, version: str, fits: bool
) -> None:
    if driver_gpus()[0] or (machine.may_have_gpu() and machine.ask_torch().gpus):
        pytest.skip("there is a GPU here")
    plugin = write_plugin(tmp_path, "('vllm', 'transformers')")
    write_distribution(site, "vllm", version=version)
    done = doctor("--engine", "vllm", "--plugin", plugin, "--json")
    found = findings(done)
    for name in ("engine vllm", f"plugin {plugin}"):
        if fits:
            assert "for GPUs" not in found[name]["found"]
        else:
            assert found[name]["state"] == "fault"
            assert "for GPUs, and there is none here" in found[name]["found"]
            assert found[name]["to_do"].endswith("--engine transformers")


def test_weights_are_at_hand_or_must_be_fetched_or_are_a_fault_offline(
    doctor: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--plugin", write_plugin(tmp_path), "--json")
    weights = findings(doctor(*asked))["weights model-7b"]
    assert (weights["state"], weights["to_do"]) == ("note", "hf download org/model-7b")
    for more in ((), ("--offline",)):
        with monkeypatch.context() as patch:
            if not more:
                patch.setenv("HF_HUB_OFFLINE", "1")
            offline = doctor(*asked, *more)
        assert offline.code == 1
        assert findings(offline)["weights model-7b"]["state"] == "fault"
    write_checkpoint(tmp_path / "hf")
    done = doctor(*asked, "--offline")
    assert findings(done)["weights model-7b"]["state"] == "ok"
    assert "1 checkpoints (org/model-7b)" in findings(done)["hub cache"]["found"]
    other = doctor(*asked, "--model", "org/other", "--offline")
    assert findings(other)["weights org/other"]["state"] == "fault"


def test_a_plugin_that_cannot_be_used_is_a_fault_only_where_it_is_asked_for(
    doctor: Here, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUBENCH_GEN_PLUGINS", "echo,bad,needy")
    write_distribution(
        site, "mubench-gen-bad", entries=["bad = mubench_gen_bad"],
        modules={"mubench_gen_bad": "import os\nleave = os._exit\nleave(9)"},
    )  # fmt: skip
    write_distribution(
        site, "mubench-gen-needy", entries=["needy = mubench_gen_needy"],
        requires=["mubench-gen", "no-such-thing>=2"],
        modules={"mubench_gen_needy": "from mubench_gen_plugins.echo import *"},
    )  # fmt: skip
    done = doctor("--json")
    assert done.code == 0
    found = findings(done)
    assert "ended the process with exit code 9" in found["plugin bad"]["found"]
    assert found["plugin needy"]["found"] == "broken: it lacks no-such-thing>=2 (not installed)"
    assert found["plugin needy"]["to_do"] == "pip install -U mubench-gen-needy"
    assert found["plugin echo"]["state"] == "ok"
    assert doctor("--plugin", "needy").code == 1
    unknown = doctor("--plugin", "ehco")
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
    doctor: Here, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "ask_torch", cache(machine.ask_torch))  # it imports torch
    done = doctor("--gpu", "--json")
    assert done.code == 1
    checked = here("plugins", "check", "echo", "--gpu")
    assert checked.code == 2
    assert "there is no GPU here" in checked.err


def test_an_unknown_engine_is_refused_with_near_names(doctor: Here) -> None:
    done = doctor("--engine", "vlm")
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
    assert hub.find_checkpoint("org/whole") == hub.Cached(
        folder, (folder / "model.safetensors",), 1_000
    )
    assert hub.find_checkpoint("org/absent") is None


def test_an_extra_counts_with_the_extras_in_it() -> None:
    names = {need.name for need in needs("mubench-gen", "vllm")}
    assert {"vllm", "torch", "transformers", "aiohttp"} <= names
    assert "click" not in names
    assert "click" in {need.name for need in needs("mubench-gen")}


@pytest.mark.parametrize(
    ("free", "dtype", "state", "said", "typed"),
    [
        (80, "bfloat16", "ok", "fits: 13 GiB of weights in bfloat16", "--plugin big --model m"),
        (14, "bfloat16", "note", "just fits: ", "--batch-size 1"),
        (12, "bfloat16", "fault", "does not fit: 13 GiB", "a GPU of 16 GiB or more"),
        (20, "float32", "fault", "does not fit: 26 GiB of weights in float32", "--dtype bfloat16"),
        (8, "float32", "fault", "does not fit: ", "a smaller model"),
    ],
)
def test_a_model_fits_or_does_not_and_what_to_type_is_said(
    free: int, dtype: str, state: str, said: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Space(free * GIB, 80 * GIB, "this machine", dtype)
    monkeypatch.setattr("mubench_gen.doctor.fit.space", lambda gpus: there)
    wants = Registered("m", "generative", path="org/absent", parameters="7.0B")
    found = fit("big", wants, [], default=False)
    assert found.state == state
    assert found.found.startswith(said)
    assert typed in found.to_do


def test_the_answer_for_a_plugin_comes_first_and_no_other_plugin_is_imported(
    doctor: Here, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "hf")
    done = doctor("--plugin", write_plugin(tmp_path), "--json")
    names = [finding["name"] for finding in done.document["findings"]]
    assert [name.split()[0] for name in names[:3]] == ["plugin", "fit", "weights"]
    assert "plugin echo" not in names
    assert findings(done)["fit model-7b"]["found"].startswith("fits: under 0.1 GiB of weights")
