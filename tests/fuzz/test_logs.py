"""vLLM's logs and errors, damaged: what to tell of them, quickly and in a few words."""

from __future__ import annotations

import time

import pytest
from tests.engines import test_vllm_diagnosis as said
from tests.helpers.mutations import assert_survives, mutated

from mubench_gen.engines.vllm.diagnosis import explain_death, explain_start, root_cause
from mubench_gen.engines.vllm.failures import Opening

WORDS = [value for name, value in vars(said).items() if name.isupper() and isinstance(value, str)]
MORE = [
    "model_max_len: max_model_len (5000) is greater than the derived max_model_len "
    "(max_position_embeddings=2048.0 or model_max_length=None in model's config.json).",
    "1 validation error for ModelConfig\n  Value error, No supported config [type=value_error, x]",
    "1 validation error for EngineArgs\nblock_size.a[b]\n  Input should be 8 [type=literal_error]",
    "Following weights were not initialized from checkpoint: {'model.a', 'model.b'}",
    "vllm: error: unrecognized arguments: --max-modle-len 5",
    "(EngineCore pid=7) ERROR 11-26 13:00:01 [core.py:1] No module named 'timm.layers'",
    "OSError: owner/name is not a local folder and is not a valid model identifier",
]
LOGS = [
    log(words) for words in (*WORDS, *MORE) for log in (said.log_in_process, said.log_of_a_server)
]
SEEDS = [text.encode() for text in (*WORDS, *MORE, *LOGS)]
OPENING = Opening("owner/name", weights=15 * 2**30, options={"a": "b"}, hint="Ask.")
LONGEST = 3_000  # characters of a message


def explain(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    assert len(explain_start("", OPENING, ValueError(text))) < LONGEST
    assert len(explain_start(text, OPENING, RuntimeError(said.CORE))) < LONGEST
    assert len(explain_start(text, OPENING)) < LONGEST
    assert len(explain_death(text, OPENING)) < LONGEST
    assert len(root_cause(text, RuntimeError(said.CORE))) < LONGEST


def test_damaged_logs_are_explained(inputs: int) -> None:
    assert_survives(explain, mutated(SEEDS, inputs), refused=())


@pytest.mark.parametrize(
    "piece",
    ["Failed core proc(s): {", "a\n" + " " * 50, "a\n" + "\n" * 50, "a.b", "Value error, ",
     " ERROR ", "Model architectures ['", "max seq len (1), (", "(a=1", "No module named 'a.",
     "CUDA out of memory. Tried to allocate ", "(1.", "Error", "(", "[", "1", " ", "pip install a",
     "model type `"],
)  # fmt: skip
def test_the_time_that_a_long_log_takes_grows_with_its_length_alone(piece: str) -> None:
    """200,000 characters are what is read of one."""
    began = time.process_time()
    explain((" ERROR " + piece * (200_000 // len(piece))).encode())
    assert time.process_time() - began < 5
