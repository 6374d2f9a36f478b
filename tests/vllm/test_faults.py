"""What goes wrong with the real vLLM: in one item, and before the start."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image as PillowImage

from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.errors import EngineFault, ItemError, UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Image, Message, Request, Sampling, Text

from .asked import demo_requests
from .conftest import QUICK, tiny_weights

Variant = Callable[..., Path]


class Shown:
    """An image policy that shows the picture given."""

    def __init__(self, picture: PillowImage.Image) -> None:
        self._picture = picture

    def check(self, content: bytes, name: str) -> str | None:
        return None

    def verify(self, content: bytes, name: str) -> None:
        pass

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        return self._picture


@pytest.fixture
def variant(tmp_path: Path) -> Variant:
    """A copy of the tiny llava with another configuration, and without some files."""

    def copy(config: Mapping[str, Any] | None = None, *, without: tuple[str, ...] = ()) -> Path:
        folder = tmp_path / "variant"
        shutil.copytree(tiny_weights(), folder)
        for name in without:
            (folder / name).unlink()
        if config is not None:
            (folder / "config.json").write_text(json.dumps(config))
        return folder

    return copy


def configuration() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tiny_weights() / "config.json").read_text())
    return found


def refusal(path: str | Path, runtime: Runtime | None = None, **options: str) -> str:
    """What the user is told where the model cannot be opened."""
    given = runtime or Runtime("", device="cpu", dtype="float32")
    runtime = replace(given, engine_options={**QUICK, **options})
    model = VllmGenerative(Checkpoint(path, "generative"), runtime)
    with pytest.raises(UsageError) as caught:
        model.load()
    model.close()
    return str(caught.value)


@pytest.fixture(scope="module")
def good() -> Request:
    return demo_requests(limit=1, tasks=["modality"], readout=["parse"])[0]


def asking(request: Request, key: str, *content: Text | Image) -> Request:
    return replace(request, key=key, messages=(Message("user", content),))


def test_a_prompt_beyond_the_context_is_its_item_s_error_and_names_both_lengths(
    tiny: VllmGenerative, good: Request
) -> None:
    assert good.image is not None
    long = [
        asking(good, "words", good.image, Text("cells " * 2_400)),
        asking(good, "letters", good.image, Text("x" * 90_000)),
        asking(good, "beside", good.image, Text("cells " * 2_020)),
    ]
    futures = [tiny.submit(request) for request in [good, *long, replace(good, key="again")]]

    for future in futures[1:-1]:
        error = future.exception(timeout=120)
        assert isinstance(error, ItemError)
        assert "context 2048" in str(error)
        length = str(error).split("has ")[1].split(" ")[0]
        assert int(length) > 1_900
    assert futures[0].result(120).text == futures[-1].result(120).text


def test_an_image_that_the_processor_refuses_is_its_item_s_error(
    tiny: VllmGenerative, good: Request
) -> None:
    flat = Image("flat", lambda: b"flat", Shown(PillowImage.new("RGB", (0, 10))))
    futures = [
        tiny.submit(request)
        for request in [asking(good, "flat", flat, Text("What is shown?")), good]
    ]
    error = futures[0].exception(timeout=120)
    assert isinstance(error, ItemError)
    assert "The model's processor refuses the request" in str(error)
    assert "object at 0x" not in str(error)
    assert futures[1].result(120).text


def test_labels_that_begin_alike_are_their_item_s_error(
    tiny: VllmGenerative, good: Request
) -> None:
    alike = replace(good, key="alike", readout="logprob", labels=("AAA", "AAB"))
    error = tiny.submit(alike).exception(timeout=120)
    assert isinstance(error, ItemError)
    assert "--readout parse" in str(error)


def test_an_unknown_architecture_is_named(variant: Variant) -> None:
    told = refusal(variant({**configuration(), "architectures": ["NopeForConditionalGeneration"]}))
    assert "architecture NopeForConditionalGeneration" in told
    assert "--engine transformers" in told


def test_code_of_a_checkpoint_s_own_is_refused_with_the_flags_that_allow_it(
    variant: Variant,
) -> None:
    own = {
        "architectures": ["NopeForConditionalGeneration"],
        "model_type": "nope",
        "auto_map": {"AutoConfig": "configuration_nope.NopeConfig"},
    }
    folder = variant(own)
    trap = folder.parent / "ran"
    (folder / "configuration_nope.py").write_text(f"open({str(trap)!r}, 'w')\n")
    assert "--trust-remote-code --revision" in refusal(folder)
    assert not trap.exists()


def test_a_model_without_a_chat_template_is_refused(variant: Variant) -> None:
    assert "has no chat template" in refusal(variant(without=("chat_template.jinja",)))


def test_a_model_that_reads_text_alone_is_refused(variant: Variant) -> None:
    text = {
        **configuration()["text_config"],
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
    }
    told = refusal(variant(text, without=("processor_config.json",)))
    assert "LlamaForCausalLM" in told
    assert "--control blind" in told


def test_a_context_beyond_the_model_s_own_is_refused_with_both(variant: Variant) -> None:
    told = refusal(tiny_weights(), max_model_len="100000")
    assert "engine.max_model_len=100000" in told
    assert "2048" in told


def test_an_unknown_quantisation_gets_the_known_ones(variant: Variant) -> None:
    told = refusal(tiny_weights(), quantization="int9000")
    assert "int9000" in told
    assert "awq" in told


def test_a_model_that_is_not_there_is_named() -> None:
    told = refusal("owner/absent")
    assert "owner/absent" in told


def test_too_little_memory_says_how_much_is_needed_and_what_would_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cache that is too small for one prompt of the full context."""
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE")  # it would win
    told = refusal(tiny_weights(), kv_cache_memory_bytes="1000000")
    assert "Not enough memory" in told
    assert "GiB" in told
    assert "-o engine.max_model_len=" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda whole: whole[: len(whole) // 2], "bytes"),
        (lambda whole: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    ],
)
def test_weights_that_are_not_whole_are_named(
    variant: Variant, content: Callable[[bytes], bytes], told: str
) -> None:
    folder = variant()
    weights = folder / "model.safetensors"
    weights.write_bytes(content(weights.read_bytes()))
    message = refusal(folder)
    assert "model.safetensors" in message
    assert told in message


def test_weights_of_another_configuration_are_told_so(variant: Variant) -> None:
    config = configuration()
    config["text_config"]["num_hidden_layers"] += 1
    assert "do not fit its config.json" in refusal(variant(config))


def test_weights_beyond_the_machine_s_memory_are_refused_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mubench_gen.engines.vllm.diagnosis.memory", lambda: (2**30, 2**20))
    told = refusal(tiny_weights())
    assert "Not enough memory" in told
    assert "in float32" in told
    assert "--dtype bfloat16" in told


def test_a_device_that_this_vllm_does_not_run_on_is_refused() -> None:
    told = refusal(tiny_weights(), Runtime("", device="cuda", dtype="float32"))
    assert "runs on cpu alone" in told


def test_a_build_for_gpus_without_a_gpu_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import vllm.platforms
    from vllm.platforms.interface import UnspecifiedPlatform

    monkeypatch.setattr(vllm.platforms, "_current_platform", UnspecifiedPlatform())
    monkeypatch.setattr(vllm.platforms, "current_platform", UnspecifiedPlatform(), raising=False)
    told = refusal(tiny_weights())
    assert "finds no GPU" in told
    assert "--engine transformers" in told


def test_a_context_that_memory_bounds_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], good: Request
) -> None:
    """`max_model_len=-1`, as the plugins of real models ask for it."""
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE")  # it would win
    options = {**QUICK, "max_model_len": "-1", "kv_cache_memory_bytes": "1200000"}
    runtime = Runtime("", device="cpu", dtype="float32", engine_options=options)
    model = VllmGenerative(Checkpoint(tiny_weights(), "generative"), runtime)
    model.load()
    context = model.facts["max_model_len"]
    assert context < 2048
    told = capsys.readouterr().err
    assert f"up to {context:,} tokens fit into memory; the model's context is 2,048" in told
    assert "GiB of weights" in told
    assert good.image is not None
    error = model.submit(asking(good, "long", good.image, Text("cells " * 300))).exception(60)
    assert "as long as the model and memory allow" in str(error)
    model.close()


def test_an_engine_core_that_is_killed_is_the_engine_s_fault_and_no_item_s(
    good: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As users run it, with vLLM's core in a process of its own."""
    import psutil

    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    before = set(psutil.Process().children(recursive=True))
    runtime = Runtime("", device="cpu", dtype="float32", engine_options=QUICK)
    model = VllmGenerative(Checkpoint(tiny_weights(), "generative"), runtime)
    model.load()
    long = replace(good, sampling=Sampling(2.0, 1_500, seed=1))
    futures = [model.submit(replace(long, key=str(n))) for n in range(8)]

    for process in set(psutil.Process().children(recursive=True)) - before:
        process.kill()

    for future in futures:
        assert isinstance(future.exception(timeout=120), EngineFault)
    late = model.submit(good).exception(timeout=120)
    assert isinstance(late, EngineFault)
    assert "vLLM's engine died" in str(late)
    model.close()


def test_an_engine_that_dies_while_an_option_is_asked_again_is_told_as_dead() -> None:
    from vllm.v1.engine.exceptions import EngineDeadError

    from mubench_gen.engines.vllm.cloze import Clozes
    from mubench_gen.engines.vllm.engine import VllmEngine

    class Dying:
        """Takes one request, finds all of it in its cache, and is gone for the next."""

        def __init__(self) -> None:
            self.names: list[str] = []
            self.llm_engine = self

        def add_request(self, name: str, *_: Any, **__: Any) -> None:
            if self.names:
                raise EngineDeadError
            self.names.append(name)

        def step(self) -> list[Any]:
            ended = SimpleNamespace(finish_reason="length")
            return [
                SimpleNamespace(
                    request_id=self.names[0],
                    finished=True,
                    outputs=[ended],
                    num_cached_tokens=4,
                    prompt_token_ids=[1, 2, 3, 4],
                )
            ]

    llm = Dying()
    engine = VllmEngine.__new__(VllmEngine)
    engine._llm, engine._clozes = llm, Clozes(llm)
    engine._log = SimpleNamespace(text="", path="")  # type: ignore[assignment]
    engine._checkpoint = Checkpoint("model", "generative")
    engine._counts = {"requests": 0, "prompt_tokens": 0, "cached_prompt_tokens": 0}
    engine._clozes.add({"prompt_token_ids": [1, 2, 3]}, [[4]], None)
    with pytest.raises(EngineFault, match="vLLM's engine died"):
        engine.step()
