"""ALIGN, through transformers: an EfficientNet and a BERT."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.model import Checkpoint, ModelSpec, hookimpl


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        ModelSpec(
            "kakaobrain/align-base",
            Checkpoint("kakaobrain/align-base", kind="contrastive"),
            description="Kakao Brain's ALIGN, trained on COYO-700M",
            any_id=True,
            model_types=("align",),
            facts={
                "family": "ALIGN",
                "domain": "general",
                "base": "none (trained from scratch)",
                "licence": "see its card",
                "parameters": "0.17B",
            },
        )
    ]
