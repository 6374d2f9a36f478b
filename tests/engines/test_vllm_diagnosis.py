"""What users are told where vLLM does not start, from what vLLM says: its words are kept here."""

from __future__ import annotations

import pytest

from mubench_gen.engines.vllm.diagnosis import check_host_memory, diagnose, root_cause
from mubench_gen.engines.vllm.failures import Opening
from mubench_gen.errors import UsageError

MODEL = Opening("owner/name", weights=15 * 2**30, dtype="bfloat16")

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
NO_TOKEN_FITS = (
    "Cannot auto-fit max_model_len: not enough GPU memory available to serve even a single token."
)
BUSY_HOST = (
    "Available memory on node 0 (16.2/23.5 GiB) on startup is less than desired CPU memory "
    "utilization (0.9, 21.2 GiB). On the CPU backend, the `--gpu-memory-utilization` flag controls"
)
LARGE_CACHE = (
    "Available memory on node 0 (15.8/23.5 GiB) on kv cache allocation is less than requested "
    "memory for kv (931.3 GiB). Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE"
)
FULL_HOST = (
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 34359738368 bytes. Error code 12"
)
NODES = (
    "Not enough allowed NUMA nodes to bind threads of 2 local CPUWorkers. Allowed NUMA nodes are "
    "[0]. Please try to bind threads manually or decrease DP/TP/PP."
)
UNKNOWN_TYPE = (
    "The checkpoint you are trying to load has model type `llava_mistral` but Transformers does "
    "not recognize this architecture."
)
SHAPES = "The size of tensor a (256) must match the size of tensor b (128) at non-singleton"
KILLED = "Engine core initialization failed. See root cause above. Failed core proc(s): {'E': -9}"
CORE = "Engine core initialization failed. See root cause above. Failed core proc(s): {'E': 1}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (BUSY, ["10.4 of 79.1 GiB", "72.8 GiB", "15 GiB", "gpu_memory_utilization=0.13"]),
        (SHORT, ["131072", "16.0 GiB", "7.5 GiB", "-o engine.max_model_len=61440"]),
        (NONE_LEFT, ["15 GiB", "tensor_parallel_size"]),
        (FULL, ["1.02 GiB", "79.11 GiB", "512.00 MiB is free"]),
        (FEW, ["8 GPUs", "has 1", "tensor_parallel_size"]),
        (NO_TOKEN_FITS, ["Not enough memory", "15 GiB in bfloat16"]),
        (BUSY_HOST, ["16.2 of 23.5 GiB", "21.2 GiB", "gpu_memory_utilization=0.68"]),
        (LARGE_CACHE, ["931.3 GiB", "15.8 GiB are free", "VLLM_CPU_KVCACHE_SPACE"]),
        (FULL_HOST, ["32 GiB more", "15 GiB in bfloat16"]),
        (KILLED, ["was killed", "15 GiB in bfloat16"]),
        (NODES, ["in 2 parts", "leave engine.tensor_parallel_size"]),
        ("Failed to infer device type, please set", ["finds no GPU", "--engine transformers"]),
        (SHAPES, ["do not fit its config.json", "256"]),
        ("Couldn't instantiate the backend tokenizer from one of: ", ["no tokenizer"]),
        ("No module named 'cv2'", ["pip install opencv-python-headless"]),
        ("No module named 'flash_attn'", ["pip install flash-attn"]),
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


def test_a_type_that_transformers_does_not_know_is_not_sent_there_and_gets_the_plugin_s_hint() -> (
    None
):
    opening = Opening("owner/name", hint="Take the converted one.")
    message = str(diagnose(ValueError(UNKNOWN_TYPE), "", opening))
    assert "llava_mistral" in message
    assert message.endswith("Take the converted one.")
    assert "--engine transformers" not in message


def test_the_options_that_were_given_stand_beside_words_that_do_not_name_them() -> None:
    opening = Opening("owner/name", options={"kv_cache_dtype": "foo"})
    message = str(diagnose(ValueError("cache_dtype: Input should be 'auto'"), "", opening))
    assert "-o engine.kv_cache_dtype=foo" in message


def test_weights_that_the_machine_has_no_memory_for_are_refused_with_both_numbers() -> None:
    opening = Opening("owner/name", weights=28 * 2**30, dtype="float32")
    with pytest.raises(UsageError) as caught:
        check_host_memory(opening, 17 * 2**30)
    for part in ("28 GiB in float32", "17 GiB are available", "--dtype bfloat16"):
        assert part in str(caught.value)
    check_host_memory(opening, 29 * 2**30)
    check_host_memory(opening, None)
    check_host_memory(Opening("owner/name"), 1)


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
