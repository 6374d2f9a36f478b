"""GGUF: what a header says, which files are one model, which of several is meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.engines import choose_engine
from mubench_gen.engines.gguf import find_gguf, read_header
from mubench_gen.engines.gguf_checkpoint import digest_gguf, gguf_of
from mubench_gen.engines.options import CheckpointOptions
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.plan.which_plugin import plugin_of
from mubench_gen.plugins.registry import Plugins

from .helpers.command import Outcome
from .helpers.gguf import write_gguf, write_model, write_projector


def opened(path: Path, engine: str | None = None, **options: str) -> Checkpoint:
    found = gguf_of(
        Checkpoint(str(path), kind="auto"),
        CheckpointOptions.model_validate(options),
        engine=engine,
        revision=None,
    )
    assert found is not None
    return found.checkpoint


def test_a_header_tells_the_quantisation_and_what_its_author_wrote(tmp_path: Path) -> None:
    facts = {"general.size_label": "7B", "general.license": "apache-2.0"}
    header = read_header(write_model(tmp_path / "m.gguf", "Q4_K_M", **facts))
    assert header.is_model
    assert not header.is_projector
    assert header.context == 4096
    assert header.facts() == {
        "quantisation": "Q4_K_M", "architecture": "llama", "parameters": "7B",
        "licence": "apache-2.0",
    }  # fmt: skip


def test_lists_of_all_kinds_are_passed_over(tmp_path: Path) -> None:
    values = {"a": ["x", "y" * 70_000], "b": [1, 2], "c": [0.5], "general.architecture": "qwen2vl"}
    header = read_header(write_gguf(tmp_path / "m.gguf", values))
    assert header.values == {"general.architecture": "qwen2vl"}
    assert header.quantisation == "unknown"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it does not begin with GGUF"),
        (b"PK\x03\x04zip", "it does not begin with GGUF"),
        (b"GGUF\x01\0\0\0", "its version is 1"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 16, "claims to have"),
        (b"GGUF\x03\0\0\0" + bytes(8) + b"\x01" + bytes(7) + b"\x09" + bytes(7), "its end"),
        (
            b"GGUF\x03\0\0\0" + bytes(8) + b"\x01" + bytes(7) + b"\x01" + bytes(7) + b"a\x63\0\0\0",
            "unknown type 99",
        ),
    ],
)
def test_what_is_no_whole_gguf_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_header(file)


@pytest.mark.parametrize("cut", [30, 60, 100, 150])
def test_a_header_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    file = write_gguf(tmp_path / "m.gguf", {"a": ["x" * 50] * 3, "b": "c" * 50})
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(UsageError, match="its end is missing"):
        read_header(file)


def test_the_projector_beside_a_model_is_found(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m-Q4_K_M.gguf")
    projector = write_projector(tmp_path / "mmproj-F16.gguf")
    found = find_gguf(model)
    assert found is not None
    assert found.projector == projector
    assert opened(model).engine_arguments["llama-server"] == {"mmproj": "mmproj-F16.gguf"}


def test_of_several_projectors_the_one_of_the_models_name_is_taken(tmp_path: Path) -> None:
    first, second = write_model(tmp_path / "a-Q4_K_M.gguf"), write_model(tmp_path / "b.gguf")
    write_projector(tmp_path / "mmproj-a-f16.gguf")
    write_projector(tmp_path / "mmproj-c-f16.gguf")
    found, other = find_gguf(first), find_gguf(second)
    assert found is not None
    assert other is not None
    assert found.projector == tmp_path / "mmproj-a-f16.gguf"
    assert other.projector is None
    assert len(other.projectors) == 2


def test_a_folder_of_several_quantisations_needs_a_word(tmp_path: Path) -> None:
    for name in ("Q4_K_M", "Q8_0"):
        write_model(tmp_path / f"m-{name}.gguf", name)
    write_projector(tmp_path / "mmproj.gguf")
    with pytest.raises(UsageError, match=r"2 models: m-Q4_K_M.gguf \(Q4_K_M\), m-Q8_0.gguf"):
        find_gguf(tmp_path)
    assert plugin_of(str(tmp_path), None, Plugins()) == "hf"
    assert opened(tmp_path, quantisation="q8_0").path == str(tmp_path / "m-Q8_0.gguf")
    with pytest.raises(UsageError, match="It has: Q4_K_M, Q8_0"):
        opened(tmp_path, quantisation="Q5_0")


def test_a_name_tells_a_mixture_that_the_header_does_not(tmp_path: Path) -> None:
    for name in ("UD-Q4_K_XL", "Q4_K_M"):
        write_model(tmp_path / f"m-{name}.gguf", "Q4_K_M")
    assert Path(opened(tmp_path, quantisation="UD-Q4_K_XL").path).name == "m-UD-Q4_K_XL.gguf"
    assert Path(opened(tmp_path, quantisation="Q4_K_M").path).name == "m-Q4_K_M.gguf"


def test_shards_are_one_model_and_none_may_be_missing(tmp_path: Path) -> None:
    shards = [write_model(tmp_path / f"m-0000{n}-of-00002.gguf") for n in (1, 2)]
    found = find_gguf(tmp_path)
    assert found is not None
    assert found.files == tuple(shards)
    shards[1].unlink()
    with pytest.raises(UsageError, match=r"missing: m-00002-of-00002\.gguf"):
        find_gguf(tmp_path)


def test_a_projector_is_no_model(tmp_path: Path) -> None:
    file = write_projector(tmp_path / "mmproj.gguf")
    with pytest.raises(UsageError, match="give the model's file with --model"):
        find_gguf(file)


def test_weights_and_projector_are_digested_and_nothing_else(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.gguf")
    write_projector(tmp_path / "mmproj.gguf")
    checkpoint = opened(model)
    first = digest_gguf(checkpoint)
    assert first is not None
    assert first.files == ("m.gguf", "mmproj.gguf")
    (tmp_path / "README.md").write_text("another")
    write_model(tmp_path / "m-Q8_0.gguf", "Q8_0")
    assert digest_gguf(checkpoint) == first
    write_projector(tmp_path / "mmproj.gguf", **{"general.name": "another"})
    second = digest_gguf(checkpoint)
    assert second is not None
    assert second.weights != first.weights


def test_a_gguf_file_picks_its_engine_and_others_refuse_it(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.gguf")
    assert choose_engine(None, opened(model)) == "llama-server"
    with pytest.raises(SettingError, match="which --engine llama-server opens"):
        opened(model, engine="transformers")


@pytest.mark.parametrize("option", ["mmproj", "quantisation"])
def test_options_of_gguf_are_for_gguf_alone(tmp_path: Path, option: str) -> None:
    options = CheckpointOptions.model_validate({option: "x"})
    with pytest.raises(SettingError, match=r"give --model FILE\.gguf"):
        gguf_of(Checkpoint(str(tmp_path), "generative"), options, engine=None, revision=None)


def test_plugins_show_reads_a_file_and_the_options_of_an_engine(
    here: Callable[..., Outcome], tmp_path: Path
) -> None:
    model = write_model(tmp_path / "m.gguf", **{"general.size_label": "2B"})
    write_projector(tmp_path / "mmproj.gguf")
    shown = here("plugins", "show", model)
    assert shown.code == 0
    assert "quantisation: Q4_K_M" in shown.out
    told = json.loads(here("plugins", "show", model, "--json").out)
    assert told["projector"] == str(tmp_path / "mmproj.gguf")
    options = json.loads(here("plugins", "show", "hf", "--engine", "llama-server", "--json").out)[
        "engine_options"
    ]
    assert options["ctx_size"]["type"] == "whole number, 1 or more"
    assert options["body"]["default"] == {}
    assert "-o engine.gpu_layers=…" in here("plugins", "show", "hf", "--engine", "llama-server").out
