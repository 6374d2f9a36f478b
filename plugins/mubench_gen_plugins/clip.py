"""CLIP: any model of transformers' CLIPModel, OpenAI's and PLIP by name.

PLIP is published only as a pickle, which is read with `weights_only=True`: no code in it
runs, and the manifest's `weights_format` says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.model import Checkpoint, ModelSpec, hookimpl


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        ModelSpec(
            "openai/clip-vit-base-patch32",
            Checkpoint("openai/clip-vit-base-patch32", kind="contrastive"),
            description="OpenAI CLIP ViT-B/32, the CLIP of the paper; --model takes any CLIPModel",
            any_id=True,
            model_types=("clip",),
            facts={
                "family": "CLIP",
                "domain": "general",
                "base": "none (trained from scratch)",
                "licence": "MIT",
                "parameters": "0.15B",
            },
        ),
        ModelSpec(
            "vinid/plip",
            Checkpoint("vinid/plip", kind="contrastive"),
            description="PLIP: CLIP ViT-B/32, fine-tuned on pathology images from Twitter",
            facts={
                "family": "CLIP",
                "domain": "pathology",
                "base": "openai/clip-vit-base-patch32 (as its authors say)",
                "licence": "see its card",
                "parameters": "0.15B",
            },
        ),
    ]
