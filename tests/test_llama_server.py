"""`--engine llama-server`: llama.cpp's program with a GGUF file, and a stand-in for it.

The stand-in speaks the program's dialect (helpers/fake_llama_server.py); test_llama_cpp.py has the
real one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.engines.server.llama_cpp_failures import cause
from mubench_gen.engines.server.llama_cpp_program import known_flags
from mubench_gen.engines.server.own_llama_cpp import LlamaServer
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime

from .helpers import fake_llama_server
from .helpers.command import Command, Outcome
from .helpers.gguf import write_model, write_projector
from .test_server_process import gone, session

Here = Callable[..., Outcome]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stand-in as `llama-server` of the PATH; its folder of notes."""
    program, notes = tmp_path / "bin" / "llama-server", tmp_path / "notes"
    program.parent.mkdir()
    notes.mkdir()
    program.write_text(f"#!{sys.executable}\n" + Path(fake_llama_server.__file__).read_text())
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_FOLDER", str(notes))
    known_flags.cache_clear()
    yield notes
    known_flags.cache_clear()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    write_projector(folder / "mmproj-F16.gguf")
    return write_model(folder / "small-Q4_K_M.gguf", **{"general.size_label": "2B"})


def evaluation(model: Path, data: Path, *more: str) -> list[str]:
    return ["eval", "--model", str(model), "--data", str(data), "--run-dir", "r", *more]


def noted(fake: Path, name: str) -> Any:
    return json.loads((fake / name).read_text())


def command_of(fake: Path) -> dict[str, str]:
    return dict(pairwise(noted(fake, "command.json")))


def test_a_file_alone_is_a_model_and_its_server_ends_with_the_run(
    here: Here, fake: Path, model: Path, cells: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    outcome = here(*evaluation(model, cells, "--readout", "parse,choice,logprob"))
    assert outcome.code == 0, outcome.err
    assert gone([noted(fake, "pids")])
    flags = command_of(fake)
    assert flags["--model"] == str(model)
    assert flags["--mmproj"] == str(model.parent / "mmproj-F16.gguf")
    assert (flags["--host"], flags["--ctx-size"], flags["--parallel"]) == ("127.0.0.1", "4096", "1")
    assert flags["--cache-ram"] == "0"
    assert {"--offline", "--no-webui"} <= {*noted(fake, "command.json")}
    told = session(tmp_path)["model"]
    assert (told["engine"], told["kind"]) == ("llama-server", "llama.cpp")
    assert (told["version"], told["max_model_len"]) == ("b10434-7e4c0a9", 4096)
    assert told["quantisation"] == "Q4_K_M"
    assert told["weights_files"] == ["small-Q4_K_M.gguf", "mmproj-F16.gguf"]
    manifest = mubench_gen.load_run(tmp_path / "r").manifest
    assert manifest["model"]["weights_sha256"] == told["weights_sha256"]
    assert manifest["model"]["facts"]["quantisation"] == "Q4_K_M"
    assert manifest["model"]["facts"]["parameters"] == "2B"
    assert {record["status"] for record in mubench_gen.load_run(tmp_path / "r").records()} == {
        "answered"
    }
    assert "llama-server: serving after" in outcome.err
    environment = noted(fake, "environment.json")
    assert "OPENAI_API_KEY" not in environment
    key, notes = environment["LLAMA_API_KEY"].encode(), fake / "environment.json"
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != notes]
    assert not [path for path in files if key in path.read_bytes()]  # its command among them


def test_another_file_under_the_same_name_is_not_mixed_into_a_run(
    here: Here, fake: Path, model: Path, cells: Path
) -> None:
    assert here(*evaluation(model, cells, "--limit", "1")).code == 0
    write_projector(model.parent / "mmproj-F16.gguf", **{"general.name": "another"})
    outcome = here(*evaluation(model, cells))
    assert outcome.code == 2
    assert "weights" in outcome.err


def test_options_become_arguments_of_the_program(
    here: Here, fake: Path, model: Path, cells: Path
) -> None:
    options = ["ctx_size=1024", "threads=3", "gpu_layers=all", "parallel=2", "flash_attn=off"]
    typed = [word for option in options for word in ("-o", f"engine.{option}")]
    outcome = here(*evaluation(model, cells, "--device", "cpu", "--seed", "7", *typed))
    assert outcome.code == 0, outcome.err
    flags = command_of(fake)
    named = ("ctx-size", "threads", "gpu-layers", "parallel", "flash-attn", "device", "seed")
    assert [flags[f"--{name}"] for name in named] == ["1024", "3", "all", "2", "off", "none", "7"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("ctx_sise=9", "Did you mean 'ctx_size'?"),
        ("gpu_layers=many", "a number, auto or all"),
        ("threads=0", "greater than or equal to 1"),
        ("port=80", "engine.port is not an option: it listens on a free port"),
        ("mmproj=x.gguf", "use -o mmproj=FILE"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_starts(
    here: Here, fake: Path, model: Path, cells: Path, option: str, said: str
) -> None:
    outcome = here(*evaluation(model, cells, "-o", f"engine.{option}"))
    assert outcome.code == 2
    assert said in outcome.err
    assert not (fake / "command.json").exists()


def test_without_the_program_one_sentence_says_what_to_install(
    here: Here, model: Path, cells: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = here(*evaluation(model, cells))
    assert outcome.code == 2
    assert "llama-server is not on this machine. Install llama.cpp (brew install" in outcome.err
    outcome = here(*evaluation(model, cells, "-o", "engine.binary=no/such/program", "--fresh"))
    assert "engine.binary=no/such/program: it is not on this machine" in outcome.err


def test_without_a_projector_images_are_refused_and_texts_are_not(
    here: Here, fake: Path, model: Path, cells: Path
) -> None:
    (model.parent / "mmproj-F16.gguf").unlink()
    outcome = here(*evaluation(model, cells))
    assert outcome.code == 2
    assert "No projector (mmproj*.gguf) lies beside" in outcome.err
    assert here(*evaluation(model, cells, "--control", "blind", "--fresh")).code == 0
    assert "--mmproj" not in noted(fake, "command.json")


def test_a_projector_elsewhere_is_named(
    here: Here, fake: Path, model: Path, cells: Path, tmp_path: Path
) -> None:
    projector = write_projector(tmp_path / "mine.gguf")
    assert here(*evaluation(model, cells, "-o", f"mmproj={projector}")).code == 0
    assert command_of(fake)["--mmproj"] == str(projector)
    assert session(tmp_path)["model"]["weights_files"] == ["small-Q4_K_M.gguf", "mine.gguf"]
    outcome = here(*evaluation(model, cells, "-o", "mmproj=none.gguf", "--fresh"))
    assert outcome.code == 2
    assert "none.gguf" in outcome.err


def test_quantisations_are_an_axis_of_a_study(
    here: Here, fake: Path, model: Path, cells: Path, tmp_path: Path
) -> None:
    write_model(model.parent / "small-Q8_0.gguf", "Q8_0")
    outcome = here(
        "ablate", "--plugin", "hf", "--model", str(model.parent), "--data", str(cells),
        "--axis", "options.quantisation=Q4_K_M,Q8_0", "--study-dir", "s",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("s/**/manifest.json")]
    runs = [one["model"] for one in manifests if "weights_sha256" in one.get("model", {})]
    assert {one["facts"]["quantisation"] for one in runs} == {"Q4_K_M", "Q8_0"}
    assert len({one["weights_sha256"] for one in runs}) == 2


def test_it_is_started_again_when_it_dies_and_says_so_once(
    here: Here, fake: Path, model: Path, cells: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAKE_DIES_AFTER", "4")
    outcome = here(*evaluation(model, cells, "-o", "engine.window=1", "--no-preflight"))
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("GGML_ASSERT(n_dims >= 1)") == 1
    assert "llama-server died (exit code 134) and is started again" in outcome.err
    assert session(tmp_path)["counts"]["deaths"] == 1


def test_after_too_many_deaths_the_run_ends_and_can_be_gone_on_with(
    here: Here, fake: Path, model: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DIES_AFTER", "1")
    options = ["-o", "engine.window=1", "-o", "engine.restarts=0", "--no-preflight"]
    outcome = here(*evaluation(model, cells, *options))
    assert outcome.code == 3, outcome.err
    assert "llama-server died 1 times (exit code 134)" in outcome.err
    monkeypatch.delenv("FAKE_DIES_AFTER")
    assert here(*evaluation(model, cells, *options)).code == 0


LOADING = "0.00.014 I srv    load_model: loading model 'x'\n"
FAILURES = {
    "0.00.016.484 E llama_model_load: error loading model: unknown model architecture: 'lxxma'":
        "does not know the architecture lxxma: update llama.cpp",
    "0.00.017 E llama_model_load: error loading model: error loading model vocabulary: unknown "
    "pre-tokenizer type: 'gpt-9'": "does not know the tokenizer gpt-9",
    "0.00.015 E llama_model_load: error loading model: tensor 'blk.2.attn_output.weight' data is "
    "not within the file bounds, model is corrupted or incomplete": "fetch it again",
    "0.00.032 E mtmd_init_from_file: error: Failed to load CLIP model from x.gguf":
        "The projector cannot be opened",
    "error: invalid argument: --nonsense": "It has no argument --nonsense",
    "0.00.045 E cmn  common_init_: failed to load lora adapter 'x.gguf'": "no GGUF adapter",
    "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9 MiB on device 0: cudaMalloc failed: "
    "out of memory": "-o engine.ctx_size=4096",
}  # fmt: skip


@pytest.mark.parametrize("log", FAILURES)
def test_its_log_is_explained_with_what_to_do(log: str) -> None:
    told = cause(
        f"{LOADING}{log}\n0.00.083 E srv  llama_server: exiting due to model loading error"
    )
    assert FAILURES[log] in told


def test_an_error_that_is_not_known_is_told_in_its_words() -> None:
    log = f"{LOADING}0.02.1 E srv    load_model: something new\n"
    log += "0.00.083 E srv  llama_server: exiting due to model loading error"
    assert cause(log) == "something new."
    assert cause(LOADING) == ""


def test_a_program_for_another_processor_is_told_as_such(
    here: Here, fake: Path, model: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAULT", "SIGILL")
    outcome = here(*evaluation(model, cells))
    assert outcome.code == 2
    assert "llama-server did not start (exit code 132). Its program has instructions" in outcome.err


def test_a_start_that_fails_is_one_message(
    here: Here, fake: Path, model: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAULT", next(iter(FAILURES)))
    outcome = here(*evaluation(model, cells))
    assert outcome.code == 2
    assert "llama-server did not start (exit code 1)" in outcome.err
    assert "update llama.cpp. Its log:" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_question_longer_than_the_context_is_its_items_error(
    here: Here, fake: Path, model: Path, cells: Path, tmp_path: Path
) -> None:
    options = ["-o", "engine.ctx_size=5", "--limit", "1", "--no-preflight"]
    outcome = here(*evaluation(model, cells, *options))
    assert outcome.code == 3
    error = next(iter(mubench_gen.load_run(tmp_path / "r").records()))["error"]
    assert "the model's context 5" in error["message"]
    assert "engine.ctx_size" in error["message"]


def test_the_server_does_not_outlive_a_run_that_is_killed(
    mubench: Command, fake: Path, model: Path, cells: Path
) -> None:
    running = mubench.start(*evaluation(model, cells, "--repeats", "5000"))
    until = time.monotonic() + 240
    while not (fake / "body.json").exists():
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    running.kill()
    running.communicate(timeout=240)
    assert gone([noted(fake, "pids")])


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        (Runtime("m", dtype="float16"), "precision that it was made with"),
        (Runtime("m", base_urls=("http://127.0.0.1:1/v1",)), "--base-url is for --engine server"),
    ],
)
def test_settings_that_it_cannot_heed_are_refused(runtime: Runtime, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        LlamaServer(Checkpoint("m.gguf", "generative"), runtime)


def test_a_checkpoint_of_transformers_is_not_for_it(fake: Path, tmp_path: Path) -> None:
    server = LlamaServer(Checkpoint(tmp_path, "generative"), Runtime("m"))
    with pytest.raises(UsageError, match=r"convert_hf_to_gguf\.py makes one"):
        server.load()
