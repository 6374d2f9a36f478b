"""SmolVLM, SmolVLM2 and Idefics3: small ones, and the architecture that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import generative

_smol = partial(
    generative,
    licence="Apache-2.0",
    # The end of a turn, which is not the end token of their tokenizers.
    stop=("<end_of_utterance>",),
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        _smol(
            "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
            "SmolVLM2 2.2B; --model takes any SmolVLM, SmolVLM2 or Idefics3",
            any_id=True,
            model_types=("smolvlm", "idefics3"),
            family="SmolVLM2",
            base="SmolLM2 1.7B, SigLIP SO400M/14-384",
            parameters="2.25B",
        ),
        _smol(
            "HuggingFaceTB/SmolVLM-256M-Instruct",
            "SmolVLM 256M: small enough for a CPU",
            family="SmolVLM",
            base="SmolLM2 135M, SigLIP B/16-512",
            parameters="0.26B",
        ),
        _smol(
            "HuggingFaceTB/SmolVLM-500M-Instruct",
            "SmolVLM 500M: small enough for a CPU",
            family="SmolVLM",
            base="SmolLM2 360M, SigLIP B/16-512",
            parameters="0.51B",
        ),
        _smol(
            "HuggingFaceTB/SmolVLM-Instruct",
            "SmolVLM 2.2B",
            family="SmolVLM",
            base="SmolLM2 1.7B, SigLIP SO400M/14-384",
            parameters="2.25B",
        ),
        _smol(
            "HuggingFaceM4/Idefics3-8B-Llama3",
            "Idefics3 8B: the image in tiles of 364 pixels",
            family="Idefics3",
            base="Llama 3.1 8B Instruct, SigLIP SO400M/14-384",
            parameters="8.46B",
        ),
    ]
