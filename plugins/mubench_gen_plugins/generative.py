"""Declares checkpoints of the hub for the generative plugins, with one call per model.

The facts are from the checkpoint's page; nothing here was measured. `parameters` are in
billions; README.md in this folder derives the memory from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mubench_gen.model import Checkpoint, ModelSpec

# The engines that open such a checkpoint, the one for a GPU first.
ENGINES = ("vllm", "transformers")

# A question takes some thousand tokens, but a model's whole context up to 20 GB of cache, without
# which vLLM would refuse to start. −1 takes as much context as fits into memory.
_CONTEXT: Mapping[str, Any] = {"max_model_len": -1}


def generative(
    hub_id: str,
    description: str,
    *,
    family: str,
    base: str,
    licence: str,
    parameters: str,
    domain: str = "general",
    any_id: bool = False,
    max_images: int | None = None,
    model_types: tuple[str, ...] = (),
    vllm: Mapping[str, Any] | None = None,
    **quirks: Any,
) -> ModelSpec:
    """A model of image and text by its hub id. `quirks` are fields of `Checkpoint`.

    `vllm` are further arguments of that engine.
    `model_types` as of `ModelSpec`.
    `max_images`: those of a question, by what the model was trained for; None for any number.
    `domain` "general" makes it a generalist in reports, any other a specialist.
    """
    return ModelSpec(
        hub_id,
        Checkpoint(
            hub_id,
            kind="generative",
            engines=ENGINES,
            engine_arguments={"vllm": {**_CONTEXT, **(vllm or {})}},
            **quirks,
        ),
        description=description,
        any_id=any_id,
        facts={
            "family": family,
            "domain": domain,
            "base": base,
            "licence": licence,
            "parameters": parameters,
        },
        max_images=max_images,
        model_types=model_types,
    )


def gated(terms: str) -> str:
    """Advice for a checkpoint that the hub refuses until its terms are accepted."""
    return (
        f"It is gated. 1. Accept {terms} on https://huggingface.co/{{id}}, signed in. 2. Type: "
        "hf auth login. 3. Run this again. A local folder with it works too: --model FOLDER."
    )
