"""SigLIP, SigLIP 2 and MedSigLIP, through transformers: a sigmoid per option, with a bias."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.model import Checkpoint, ModelSpec, hookimpl

_SCRATCH = {"domain": "general", "base": "none (trained from scratch)", "licence": "Apache-2.0"}


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        ModelSpec(
            "google/siglip-base-patch16-224",
            Checkpoint("google/siglip-base-patch16-224", kind="contrastive"),
            description="SigLIP base; --model takes any SigLIP or SigLIP 2",
            any_id=True,
            model_types=("siglip", "siglip2"),
            facts={"family": "SigLIP", "parameters": "0.20B", **_SCRATCH},
        ),
        ModelSpec(
            "google/siglip2-base-patch16-224",
            Checkpoint("google/siglip2-base-patch16-224", kind="contrastive"),
            description="SigLIP 2 base",
            facts={"family": "SigLIP 2", "parameters": "0.38B", **_SCRATCH},
        ),
        ModelSpec(
            "google/medsiglip-448",
            Checkpoint("google/medsiglip-448", kind="contrastive"),
            description="MedSigLIP (gated: accept its terms on its page of the hub, then log in)",
            facts={
                "family": "SigLIP",
                "domain": "medicine",
                "base": "SigLIP-400M",
                "licence": "Health AI Developer Foundations terms",
                "parameters": "0.88B",
            },
        ),
    ]
