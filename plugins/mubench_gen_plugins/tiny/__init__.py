"""Two very small models that come with mubench-gen: a LLaVA and a CLIP, each with a fine-tune.

They are real models with real weights, trained from scratch on generated micrographs, so that
the whole path from image to score runs on any computer in a minute. They know only the demo
data. README.md in this folder says how they were made and what they score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mubench_gen.model import Checkpoint, ModelSpec, hookimpl

WEIGHTS = Path(__file__).parent / "weights"

_MOST_IMAGES = 8  # of 64 tokens each; they were trained on one
_FACTS = {
    "domain": "generated micrographs",
    "base": "none (trained from scratch)",
    "licence": "Apache-2.0",
}


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        ModelSpec(
            "llava",
            Checkpoint(path=WEIGHTS / "llava", kind="generative"),
            description="LLaVA architecture (CLIP ViT + Llama), trained on generated images",
            max_images=_MOST_IMAGES,
            facts={"family": "LLaVA", "parameters": "0.0019B", **_FACTS},
        ),
        ModelSpec(
            "clip",
            Checkpoint(path=WEIGHTS / "clip", kind="contrastive"),
            description="CLIP architecture, trained on generated images",
            facts={"family": "CLIP", "parameters": "0.0014B", **_FACTS},
        ),
        ModelSpec(
            "llava-finetuned",
            Checkpoint(path=WEIGHTS / "llava-finetuned", kind="generative"),
            description="the LLaVA taught more of three data sets, and nothing of the others",
            max_images=_MOST_IMAGES,
            facts={"family": "LLaVA", "parameters": "0.0019B", **_FACTS, "base": "tiny llava"},
        ),
        ModelSpec(
            "clip-finetuned",
            Checkpoint(path=WEIGHTS / "clip-finetuned", kind="contrastive"),
            description="the CLIP taught more of three data sets, and nothing of the others",
            facts={"family": "CLIP", "parameters": "0.0014B", **_FACTS, "base": "tiny clip"},
        ),
    ]
