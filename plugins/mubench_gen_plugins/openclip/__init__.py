"""Any model of open_clip: ARCHITECTURE/TAG, hf-hub:OWNER/NAME, or a folder in its layout.

Needs the extra `openclip`. Weights in pickle are read with `weights_only=True`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from mubench_gen.data.hub import spare_retries
from mubench_gen.errors import UsageError
from mubench_gen.model import (
    ContrastiveModel,
    ModelSpec,
    Options,
    ReadText,
    Runtime,
    Scoring,
    hookimpl,
)
from mubench_gen.types import Image

if TYPE_CHECKING:
    import numpy as np

    from mubench_gen.engines.transformers.batches import Chunks
    from mubench_gen_plugins.openclip.opened import Opened

_CLIP = {"family": "CLIP", "licence": "MIT", "parameters": "0.15B"}
_SCRATCH = {"domain": "general", "base": "none (trained from scratch)"}


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        ModelSpec(
            "ViT-B-32/laion2b_s34b_b79k",
            OpenClip,
            description="LAION's CLIP ViT-B/32, the OpenCLIP of the paper; --model takes any other",
            any_id=True,
            model_types=("open_clip",),
            facts={**_CLIP, **_SCRATCH},
        ),
        ModelSpec(
            "hf-hub:wisdomik/QuiltNet-B-32",
            OpenClip,
            description="QuiltNet: CLIP ViT-B/32, fine-tuned on Quilt-1M (context of 77 tokens)",
            facts={**_CLIP, "domain": "pathology", "base": "CLIP ViT-B/32 of OpenAI"},
        ),
        ModelSpec(
            "coca_ViT-B-32/laion2b_s13b_b90k",
            OpenClip,
            description="CoCa ViT-B/32, by its contrastive head",
            facts={"family": "CoCa", "licence": "MIT", "parameters": "0.25B", **_SCRATCH},
        ),
        biomedclip(),
    ]


def biomedclip() -> ModelSpec:
    """BiomedCLIP, which is also a plugin under its own name."""
    return ModelSpec(
        "hf-hub:microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
        OpenClip,
        description="BiomedCLIP: ViT-B/16 and PubMedBERT (context of 256 tokens)",
        facts={
            **_CLIP,
            "domain": "biomedicine",
            "base": "timm's ViT-B/16 and PubMedBERT",
            "parameters": "0.20B",
        },
    )


class OpenClipOptions(Options):
    """Options of an open_clip model, besides the run's settings."""

    quick_gelu: bool | None = Field(
        None, description="QuickGELU in place of GELU; by default as the weights were trained"
    )


class OpenClip(ContrastiveModel):
    """A model that open_clip opens, with its own preprocessing and tokenizer."""

    Options: ClassVar[type[Options]] = OpenClipOptions
    batch_size = 32

    def __init__(self, options: Any = None, runtime: Runtime | None = None) -> None:
        super().__init__(options, runtime)
        self._opened: Opened | None = None

    def load(self) -> None:
        """Raises UsageError for what the user must fix, MissingExtraError without open_clip."""
        if self._opened is not None:  # for its digest
            return
        # Sets what torch reads when it is first imported, and names the extra.
        from mubench_gen.engines.transformers.source import require_transformers

        if self.runtime.trust_remote_code:
            raise UsageError("open_clip runs no code of a checkpoint: no --trust-remote-code.")
        spare_retries()
        require_transformers()
        self._opened = self._open()
        from mubench_gen.engines.transformers.batches import Chunks

        self._chunks: Chunks = Chunks(self.runtime.batch_size or self.batch_size)

    def close(self) -> None:
        self._opened = None

    def weights_digest(self) -> str | None:
        self.load()
        return self._ready().digest

    @property
    def facts(self) -> Mapping[str, Any]:
        if self._opened is None:
            return {}
        return {**self._opened.facts, "scoring": asdict(self.scoring)}

    @property
    def scoring(self) -> Scoring:
        model = self._ready().model
        scale = float(model.logit_scale.detach().float().exp())
        bias = getattr(model, "logit_bias", None)
        if bias is None:
            return Scoring("softmax", scale)
        return Scoring("sigmoid", scale, float(bias.detach().float()))

    def read_texts(self, texts: Sequence[str]) -> list[ReadText]:
        return self._ready().read_texts(texts)

    def embed_images(self, images: Sequence[Image]) -> np.ndarray[Any, Any]:
        return self._embed(images, self._ready().embed_images)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        return self._embed(texts, self._ready().embed_texts)

    def _embed(self, inputs: Sequence[Any], step: Any) -> np.ndarray[Any, Any]:
        import numpy as np

        rows = self._chunks.run(inputs, step)
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def _open(self) -> Opened:
        from mubench_gen_plugins.openclip.checkpoint import open_checkpoint

        return open_checkpoint(self.runtime, quick_gelu=self.options.quick_gelu)

    def _ready(self) -> Opened:
        assert self._opened is not None, "load() comes first"
        return self._opened
