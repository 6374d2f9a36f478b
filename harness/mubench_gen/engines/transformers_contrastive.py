"""Contrastive models on transformers: CLIP, SigLIP and what else embeds images and texts.

Torch and transformers are imported by `load`, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.engines.transformers_source import (
    read_options,
    read_source,
    require_transformers,
)
from mubench_gen.errors import ItemError, UsageError
from mubench_gen.model import Checkpoint, ContrastiveModel, Runtime
from mubench_gen.types import Image

if TYPE_CHECKING:
    import numpy as np

    from mubench_gen.engines.transformers_batches import Chunks
    from mubench_gen.engines.transformers_checkpoint import Opened

# Trained on texts padded to the full context, and without an attention mask over it.
_PADDED_TO_CONTEXT = ("siglip", "siglip2")
_NO_LIMIT = 1_000_000  # tokenizers without a limit say 10^30


class TransformersContrastive(ContrastiveModel):
    """A model that embeds images and texts into one space, opened by transformers.

    Embeddings are float32 and not normalised; they don't depend on the batch's size or
    order (up to rounding). `truncated_texts` are the texts that were longer than the context.
    """

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        engine_options = read_options(checkpoint, runtime)
        super().__init__(engine_options, runtime)
        self._source = read_source(checkpoint, runtime)
        self.batch_size = engine_options.batch_size or runtime.batch_size or 32
        self._opened: Opened | None = None
        self._truncated: dict[str, int] = {}

    def load(self) -> None:
        """Raises UsageError for what the user must fix, MissingExtraError without torch."""
        require_transformers()
        from mubench_gen.engines.transformers_batches import Chunks
        from mubench_gen.engines.transformers_checkpoint import CONTRASTIVE, open_source

        self._opened = open_source(self._source, self.options, CONTRASTIVE)
        self._chunks: Chunks = Chunks(self.batch_size)
        self._padding, self._context = _text_shape(self._opened)

    def close(self) -> None:
        if self._opened is not None:
            import torch

            self._opened = None
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    @property
    def truncated_texts(self) -> Mapping[str, int]:
        """Each text so far that was cut to the context, with the tokens that it has."""
        return dict(self._truncated)

    @property
    def facts(self) -> Mapping[str, Any]:
        """As in Model, with the context in tokens, the texts cut, and the scale of scores."""
        if self._opened is None:
            return {}
        return {
            **self._opened.facts,
            "context": self._context,
            "truncated_texts": len(self._truncated),
            **_score_terms(self._opened.model),
        }

    def embed_images(self, images: Sequence[Image]) -> np.ndarray[Any, Any]:
        import numpy as np

        rows = self._chunks.run(images, self._embed_images)
        _refuse_non_finite([image.name for image in images], rows, "image")
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        import numpy as np

        rows = self._chunks.run(texts, self._embed_texts)
        _refuse_non_finite(list(texts), rows, "text")
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def _embed_images(self, images: Sequence[Image]) -> list[np.ndarray[Any, Any]]:
        opened = self._ready()
        try:
            # The processor, not its image_processor: it may know better (SigLIP 2's patches).
            inputs = opened.processor(
                images=[image.pixels() for image in images], return_tensors="pt"
            )
        except (ValueError, TypeError) as error:
            raise ItemError(f"The model's image processor refuses the image: {error}") from error
        return self._features(opened.model.get_image_features, inputs)

    def _embed_texts(self, texts: Sequence[str]) -> list[np.ndarray[Any, Any]]:
        opened = self._ready()
        self._note_truncated(texts)
        inputs = opened.processor(
            text=list(texts),
            padding=self._padding,
            truncation=True,
            max_length=self._context,
            return_tensors="pt",
        )
        return self._features(opened.model.get_text_features, inputs)

    def _features(self, embed: Any, inputs: Any) -> list[np.ndarray[Any, Any]]:
        import torch

        from mubench_gen.engines.transformers_checkpoint import quiet

        opened = self._ready()
        tensors = {
            name: value.to(opened.device, opened.dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
        }
        with torch.inference_mode(), quiet():
            output = embed(**tensors)
        # transformers 5 returns a ModelOutput, 4 the tensor itself.
        features = output if isinstance(output, torch.Tensor) else output.pooler_output
        return list(features.float().cpu().numpy())

    def _note_truncated(self, texts: Sequence[str]) -> None:
        from mubench_gen.engines.transformers_checkpoint import quiet

        with quiet():  # it warns of the very thing that is counted here
            lengths = [len(t) for t in self._ready().processor.tokenizer(list(texts))["input_ids"]]
        for text, length in zip(texts, lengths, strict=True):
            if length > self._context:
                self._truncated[text] = length

    def _ready(self) -> Opened:
        assert self._opened is not None, "load() comes first"
        return self._opened


def _text_shape(opened: Opened) -> tuple[bool | str, int]:
    """How texts are padded, and the context in tokens: as the model was trained."""
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


def _score_terms(model: Any) -> dict[str, float]:
    """The scale (and SigLIP's bias) that turn a cosine into the model's own score."""
    terms = {}
    if getattr(model, "logit_scale", None) is not None:
        terms["logit_scale"] = float(model.logit_scale.detach().float().exp())
    elif getattr(model, "temperature", None) is not None:  # ALIGN divides by it
        terms["logit_scale"] = 1 / float(model.temperature.detach().float())
    if getattr(model, "logit_bias", None) is not None:
        terms["logit_bias"] = float(model.logit_bias.detach().float())
    return terms


def _refuse_non_finite(names: list[str], rows: list[np.ndarray[Any, Any]], noun: str) -> None:
    import numpy as np

    bad = [name for name, row in zip(names, rows, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise ItemError(
            f"The embedding of {noun} {', '.join(map(repr, bad))} is not finite. "
            "Try --dtype float32."
        )
