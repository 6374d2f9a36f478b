"""Contrastive models on transformers: CLIP, SigLIP and others that embed images and texts.

`load` imports torch and transformers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.adapters import ready
from mubench_gen.engines.source import require_installed
from mubench_gen.engines.transformers.source import (
    PURPOSE,
    HoldsCheckpoint,
    read_options,
    read_transformers_source,
    require_transformers,
)
from mubench_gen.errors import ItemError, UsageError
from mubench_gen.model import Checkpoint, ContrastiveModel, ReadText, Runtime, Scoring
from mubench_gen.types import Image

if TYPE_CHECKING:
    import numpy as np
    import torch

    from mubench_gen.engines.transformers.batches import Chunks
    from mubench_gen.engines.transformers.checkpoint import LoadedCheckpoint

# Trained on texts padded to the full context, and without an attention mask over it.
_PADDED_TO_CONTEXT = ("siglip", "siglip2")
_NO_LIMIT = 1_000_000  # tokenizers without a limit say 10^30


class TransformersContrastive(HoldsCheckpoint, ContrastiveModel):
    """A model that embeds images and texts into one space, opened by transformers.

    Embeddings are float32 and not normalised; they don't depend on the batch's size or
    order (up to rounding).
    """

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        engine_options = read_options(checkpoint, runtime)
        super().__init__(engine_options, runtime)
        self._source = read_transformers_source(checkpoint, runtime)
        self.batch_size = engine_options.batch_size or runtime.batch_size or 32

    def load(self) -> None:
        """Raises UsageError for what the user must fix, MissingExtraError without torch."""
        if self._opened is not None:
            return
        require_installed("torch", "transformers", extra="transformers", purpose=PURPOSE)
        require_checkpoint(self._source.path, self._source.hint)
        if self._source.adapter is not None:
            ready(self._source.adapter)
        require_transformers()
        from mubench_gen.engines.transformers.batches import Chunks
        from mubench_gen.engines.transformers.families import CONTRASTIVE

        self._opened = self._open(CONTRASTIVE)
        self._chunks: Chunks = Chunks(self.batch_size)
        self._padding, self._context = _text_shape(self._opened)

    @property
    def facts(self) -> Mapping[str, Any]:
        """As in Model, with the context in tokens, and the scoring of cosines."""
        if self._opened is None:
            return {}
        return {
            **self._opened.facts,
            "context": self._context,
            "scoring": asdict(self.scoring) if self.scoring else None,
        }

    @property
    def scoring(self) -> Scoring | None:
        return _scoring(self._ready().model)

    def read_texts(self, texts: Sequence[str]) -> list[ReadText]:
        from mubench_gen.engines.transformers.checkpoint import quiet

        tokenizer = self._ready().processor.tokenizer
        shape = {"padding": False, "return_attention_mask": False}
        with quiet():  # it would warn of the truncation that is measured here
            whole = tokenizer(list(texts), **shape)["input_ids"]
            read = tokenizer(list(texts), truncation=True, max_length=self._context, **shape)
        return [
            ReadText(len(every), tuple(ids))
            for every, ids in zip(whole, read["input_ids"], strict=True)
        ]

    def embed_images(self, images: Sequence[Image]) -> np.ndarray[Any, Any]:
        import numpy as np

        rows = self._chunks.run(images, self._embed_images)
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        import numpy as np

        rows = self._chunks.run(texts, self._embed_texts)
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def _embed_images(self, images: Sequence[Image]) -> list[np.ndarray[Any, Any]]:
        return self._embedded(self._ready().model.get_image_features, self._image_inputs(images))

    def _embed_texts(self, texts: Sequence[str]) -> list[np.ndarray[Any, Any]]:
        return self._embedded(self._ready().model.get_text_features, self._text_inputs(texts))

    def _image_inputs(self, images: Sequence[Image]) -> Any:
        """The images as the model takes them."""
        try:
            # The processor, not its image_processor: it may know better (SigLIP 2's patches).
            return self._ready().processor(
                images=[image.pixels() for image in images], return_tensors="pt"
            )
        except (ValueError, TypeError) as error:
            raise ItemError(f"The model's image processor refuses the image: {error}") from error

    def _text_inputs(self, texts: Sequence[str]) -> Any:
        """The texts as the model takes them."""
        return self._ready().processor(
            text=list(texts),
            padding=self._padding,
            truncation=True,
            max_length=self._context,
            return_tensors="pt",
        )

    def _embedded(self, embed: Any, inputs: Any) -> list[np.ndarray[Any, Any]]:
        import torch

        from mubench_gen.engines.transformers.checkpoint import quiet

        with torch.inference_mode(), quiet():
            return list(self._features(embed, inputs).cpu().numpy())

    def _features(self, embed: Any, inputs: Any) -> torch.Tensor:
        """What one of the model's towers makes of the inputs, in float32."""
        import torch

        opened = self._ready()
        tensors = {
            name: value.to(opened.device, opened.dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
        }
        output = embed(**tensors)
        # transformers 5 returns a ModelOutput, 4 the tensor itself.
        features = output if isinstance(output, torch.Tensor) else output.pooler_output
        found: torch.Tensor = features.float()
        return found


def _text_shape(opened: LoadedCheckpoint) -> tuple[bool | str, int]:
    """The padding of texts and the context in tokens, as in the model's training."""
    tokenizer, config = opened.processor.tokenizer, opened.model.config
    kwargs = getattr(opened.processor, "valid_processor_kwargs", None)
    trained = getattr(kwargs, "_defaults", {}).get("text_kwargs", {})
    limits = (
        trained.get("max_length"),
        tokenizer.model_max_length,
        getattr(config.get_text_config(), "max_position_embeddings", None),
    )
    context = min((n for n in limits if n and n < _NO_LIMIT), default=None)
    if context is None:
        raise UsageError(f"{opened.source} does not say how long a text it can read.")
    full = config.model_type in _PADDED_TO_CONTEXT
    return "max_length" if full else trained.get("padding", True), context


def _scoring(model: Any) -> Scoring | None:
    """The scale (and SigLIP's bias) that turn a cosine into the model's own score."""
    scale, bias = getattr(model, "logit_scale", None), getattr(model, "logit_bias", None)
    if scale is not None and bias is not None:
        return Scoring("sigmoid", float(scale.detach().float().exp()), float(bias.detach()))
    if scale is not None:
        return Scoring("softmax", float(scale.detach().float().exp()))
    temperature = getattr(model, "temperature", None)
    if temperature is not None:  # ALIGN divides by it
        return Scoring("softmax", 1 / float(temperature.detach().float()))
    return None
