"""What users are told where vLLM does not start, from what vLLM says: its words are kept here."""

from __future__ import annotations

import pytest

from mubench_gen.engines.vllm_diagnosis import Opening, diagnose, root_cause

MODEL = Opening("owner/name", weights=15 * 2**30)

BUSY = (
    "Free memory on device cuda:0 (10.4/79.1 GiB) on startup is less than desired GPU memory "
    "utilization (0.92, 72.8 GiB). Decrease GPU memory utilization or reduce GPU memory used by "
    "other processes."
)
SHORT = (
    "To serve at least one request with the model's max seq len (131072), (16.0 GiB KV cache is "
    "needed, which is larger than the available KV cache memory (7.5 GiB). Based on the available "
    "memory, the estimated maximum model length is 61440. Try increasing "
    "`gpu_memory_utilization` (which also controls CPU memory on the CPU backend) or decreasing "
    "`max_model_len` when initializing the engine."
)
NONE_LEFT = (
    "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
    "initializing the engine."
)
FULL = (
    "CUDA out of memory. Tried to allocate 1.02 GiB. GPU 0 has a total capacity of 79.11 GiB of "
    "which 512.00 MiB is free. Process 1 has 78.60 GiB memory in use."
)
FEW = (
    "World size (8) is larger than the number of available GPUs (1) in this node. If this is "
    "intentional and you are using: - ray, set '--distributed-executor-backend ray'."
)
CORE = "Engine core initialization failed. See root cause above. Failed core proc(s): {'E': 1}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (BUSY, ["10.4 of 79.1 GiB", "72.8 GiB", "15 GiB", "gpu_memory_utilization=0.13"]),
        (SHORT, ["131072", "16.0 GiB", "7.5 GiB", "-o engine.max_model_len=61440"]),
        (NONE_LEFT, ["15 GiB", "tensor_parallel_size"]),
        (FULL, ["1.02 GiB", "79.11 GiB", "512.00 MiB is free"]),
        (FEW, ["8 GPUs", "has 1", "tensor_parallel_size"]),
        ("No module named 'num2words'", ["pip install num2words"]),
        ("No module named 'timm.layers'", ["pip install timm"]),
        ("Please install it with `pip install mistral_common[image]`.", ["mistral_common[image]"]),
        ("Model architectures ['NopeForX'] are not supported for now.", ["NopeForX"]),
        ("Something nobody has seen", ["Something nobody has seen"]),
    ],
)
def test_an_error_becomes_what_to_do(words: str, told: list[str]) -> None:
    message = str(diagnose(ValueError(words), "", MODEL))
    assert "owner/name" in message
    for part in told:
        assert part in message


def test_the_cause_that_another_process_logged_is_found() -> None:
    log = (
        "2026-11-26 13:00:00,000 7 WARNING vllm.x: No module named 'harmless'\n"
        "2026-11-26 13:00:01,000 7 ERROR vllm.v1.engine.core: EngineCore failed to start.\n"
        "Traceback (most recent call last):\n"
        f"ValueError: {SHORT}\n"
    )
    message = str(diagnose(RuntimeError(CORE), log, MODEL))
    assert "engine.max_model_len=61440" in message
    assert "harmless" not in message


def test_a_cause_that_no_rule_knows_is_told_in_its_own_words() -> None:
    log = (
        "2026-11-26 13:00:01,000 7 ERROR vllm.v1.engine.core: EngineCore had a fatal error.\n"
        "Traceback (most recent call last):\n"
        '  File "x.py", line 1, in f\n'
        "ZeroDivisionError: division by zero\n"
    )
    assert root_cause(RuntimeError(CORE), log) == "ZeroDivisionError: division by zero"


def test_of_pydantic_s_words_those_remain_that_say_something() -> None:
    words = (
        "1 validation error for ModelConfig\n  Value error, Unknown quantization method: nope. "
        "[type=value_error, input_value=ArgsKwargs((), {'model': 1}), input_type=ArgsKwargs]\n"
    )
    assert root_cause(ValueError(words), "") == "Unknown quantization method: nope."
