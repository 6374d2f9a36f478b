"""What users are told where vLLM does not start or dies, from its own words, which are kept here.

`--engine vllm` and `--engine vllm-server` ask the same functions, with logs of two forms.
"""

from __future__ import annotations

import pytest

from mubench_gen.engines.vllm.diagnosis import (
    check_host_memory,
    explain_death,
    explain_start,
    root_cause,
)
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
        ("ImportError: This modeling file requires the timm library", ["pip install timm"]),
        ("torch.OutOfMemoryError: no word of how much", ["Not enough memory", "max_model_len"]),
        ("Something nobody has seen", ["Something nobody has seen"]),
    ],
)
def test_an_error_becomes_what_to_do(words: str, told: list[str]) -> None:
    message = explain_start("", MODEL, ValueError(words))
    assert "owner/name" in message
    for part in told:
        assert part in message


def test_a_type_that_transformers_does_not_know_is_not_sent_there_and_gets_the_plugin_s_hint() -> (
    None
):
    opening = Opening("owner/name", hint="Take the converted one.")
    message = explain_start("", opening, ValueError(UNKNOWN_TYPE))
    assert "llava_mistral" in message
    assert message.endswith("Take the converted one.")
    assert "--engine transformers" not in message


def test_the_options_that_were_given_stand_beside_words_that_do_not_name_them() -> None:
    opening = Opening("owner/name", options={"kv_cache_dtype": "foo"})
    message = explain_start("", opening, ValueError("cache_dtype: Input should be 'auto'"))
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
    message = explain_start(log, MODEL, RuntimeError(CORE))
    assert "engine.max_model_len=61440" in message
    assert "harmless" not in message


def test_a_cause_that_no_rule_knows_is_told_in_its_own_words() -> None:
    log = (
        "2026-11-26 13:00:01,000 7 ERROR vllm.v1.engine.core: EngineCore had a fatal error.\n"
        "Traceback (most recent call last):\n"
        '  File "x.py", line 1, in f\n'
        "ZeroDivisionError: division by zero\n"
    )
    assert root_cause(log, RuntimeError(CORE)) == "ZeroDivisionError: division by zero"


def test_of_pydantic_s_words_those_remain_that_say_something() -> None:
    words = (
        "1 validation error for ModelConfig\n  Value error, Unknown quantization method: nope. "
        "[type=value_error, input_value=ArgsKwargs((), {'model': 1}), input_type=ArgsKwargs]\n"
    )
    assert root_cause("", ValueError(words)) == "Unknown quantization method: nope"


def log_in_process(words: str) -> str:
    """As `--engine vllm` has it written into a file."""
    return (
        "2026-11-26 13:00:00,000 7 WARNING vllm.x: No module named 'harmless'\n"
        "2026-11-26 13:00:01,000 7 ERROR vllm.v1.engine.core: EngineCore failed to start.\n"
        "Traceback (most recent call last):\n"
        f"ValueError: {words}\n"
    )


def log_of_a_server(words: str) -> str:
    """As `vllm serve` writes it: both its processes tell, the engine's first."""
    core = "(EngineCore pid=9) ERROR 11-26 13:00:01 [core.py:1203] "
    return (
        "(APIServer pid=7) INFO 11-26 13:00:00 [api_server.py:1] vLLM API server version 0.32.0\n"
        "(APIServer pid=7) INFO 11-26 13:00:00 [utils.py:2] args: {'trust_remote_code=True': 1}\n"
        "(EngineCore pid=9) WARNING 11-26 13:00:00 [x.py:3] No module named 'harmless'\n"
        f"{core}EngineCore failed to start.\n"
        f"{core}Traceback (most recent call last):\n"
        f"{core}ValueError: {words}\n"
        "(EngineCore pid=9) Process EngineCore:\n"
        "(EngineCore pid=9) Traceback (most recent call last):\n"
        f"(EngineCore pid=9) ValueError: {words}\n"
        "(APIServer pid=7) Traceback (most recent call last):\n"
        f"(APIServer pid=7) RuntimeError: {CORE}\n"
    )


FAILURES = {
    name: value for name, value in globals().items() if name.isupper() and isinstance(value, str)
}
FAILURES |= {
    "LONG_CONTEXT": "User-specified max_model_len (5000) is greater than the derived max_model_len "
    "(max_position_embeddings=2048.0 or model_max_length=None in model's config.json).",
    "NO_PACKAGE": "No module named 'timm.layers'",
    "NO_MODEL": "owner/name is not a local folder and is not a valid model identifier listed on",
    "OWN_CODE": "Please pass the argument `trust_remote_code=True` to allow custom code to be run.",
    "ARCHITECTURE": "Model architectures ['NopeForX'] are not supported for now.",
    "NO_GPU": "Failed to infer device type, please set the environment variable",
    "TOKENIZER": "Couldn't instantiate the backend tokenizer from one of: (1) a `tokenizers` file",
    "UNKNOWN": "Something nobody has seen",
}
del FAILURES["CORE"]


@pytest.mark.parametrize("words", FAILURES.values(), ids=FAILURES)
def test_both_engines_explain_a_failure_in_the_same_words(words: str) -> None:
    in_process = explain_start(log_in_process(words), MODEL, RuntimeError(CORE))
    of_a_server = explain_start(log_of_a_server(words), MODEL)
    assert in_process == of_a_server
    assert "harmless" not in in_process
    assert "Engine core initialization failed" not in in_process


@pytest.mark.parametrize("words", [FULL, FULL_HOST, KILLED, "Something nobody has seen"])
def test_both_engines_explain_a_death_in_the_same_words(words: str) -> None:
    dead = RuntimeError("EngineCore encountered an issue. See stack trace (above).")
    in_process = explain_death(log_in_process(words), MODEL, dead)
    assert in_process == explain_death(log_of_a_server(words), MODEL)
    assert "EngineCore encountered" not in in_process


def test_a_death_is_not_taken_for_a_start_that_failed() -> None:
    """What its weights do not fit was known before it answered anything."""
    assert "config.json" in explain_start(log_of_a_server(SHAPES), MODEL)
    assert "config.json" not in explain_death(log_of_a_server(SHAPES), MODEL)


def test_advice_on_a_busy_gpu_is_to_take_less_of_it_also_from_a_server() -> None:
    message = explain_start(log_of_a_server(BUSY), MODEL)
    assert "gpu_memory_utilization=0.13" in message
    assert "0.95" not in message


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["api_server.py: error: unrecognized arguments: --max-modell-len 9"], "max_modell_len"),
        (
            [
                "(EngineCore pid=7) ERROR 11-26 13:00:00 [core.py:1] ValueError: To serve at least "
                "one request with the models's max seq len (32768), 4.00 GiB KV cache is needed, "
                "which is larger than the available KV cache memory (1.00 GiB).",
                "RuntimeError: Engine core initialization failed. See root cause above.",
            ],
            "needs 4.00 GiB of cache",
        ),
        (["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"], "2 GiB"),
        (["OSError: [Errno 98] Address already in use"], "port was taken"),
        (
            ["ValueError: max_model_len is too large", "RuntimeError: Engine core failed"],
            "Engine core failed",
        ),
        (
            [
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
                "  Value error, User-specified max_model_len (9) is greater than it may be",
                "    For further information visit https://errors.pydantic.dev/2.14/v/value_error",
            ],
            ": User-specified max_model_len (9) is greater than it may be. ",
        ),
        (
            [
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for EngineArgs",
                "block_size",
                "  Input should be 8 [type=literal_error, input_value=9]",
            ],
            ": block_size: Input should be 8. ",
        ),
        (
            [
                "(EngineCore pid=9) INFO 11-26 16:29:41 [core.py:133] Initializing a V1 LLM engine "
                "with config: model='x', trust_remote_code=False",
                "(APIServer pid=7) ERROR 11-26 16:33:56 [async_llm.py:906] "
                "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.",
            ],
            "EngineDeadError: EngineCore encountered an issue",
        ),
        ([], "it ended without a message"),
    ],
)
def test_a_server_s_log_is_read_for_its_cause(lines: list[str], told: str) -> None:
    opening = Opening("owner/name", hint="Ask its makers.")
    assert told in explain_start("\n".join(lines), opening)
