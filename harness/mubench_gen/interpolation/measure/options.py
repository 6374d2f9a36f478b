"""The log-probabilities of a request's options, as a function of the weights. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mubench_gen.engines.transformers.checkpoint import LoadedCheckpoint, quiet
from mubench_gen.engines.transformers.contrastive import TransformersContrastive
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import SettingError
from mubench_gen.model import Model
from mubench_gen.types import Request

# Tells which tokens of a batch are padding, (rows, tokens); None: none is.
Mask = Callable[[torch.Tensor | None], None]


class OptionScores:
    """A loaded model of transformers, asked for log-probabilities that have a gradient.

    `mask` is told of each forward pass which tokens are padding. SettingError for a model that
    is not opened by transformers.
    """

    def __init__(self, model: Model, mask: Mask = lambda _: None) -> None:
        if not isinstance(model, TransformersContrastive | TransformersGenerative):
            raise SettingError(
                "Fisher and RegMean need the gradients or the inputs of layers, which only the "
                "engine transformers shows: --engine transformers, and a checkpoint."
            )
        self._asked, self.mask = model, mask

    @property
    def opened(self) -> LoadedCheckpoint:
        return self._asked._ready()

    def __call__(self, request: Request) -> torch.Tensor:
        """One for each option, (options,): exp of them sums to 1. May raise ItemError."""
        with quiet():
            if isinstance(self._asked, TransformersContrastive):
                scores = self._similarities(self._asked, request)
            else:
                scores = self._labels(self._asked, request)
        return torch.log_softmax(scores, dim=-1)

    def _labels(self, asked: TransformersGenerative, request: Request) -> torch.Tensor:
        """What a label's first tokens have together, as in the read-out logprob."""
        opened = self.opened
        if opened.model.config.is_encoder_decoder:
            raise SettingError("Fisher and RegMean are not for models with encoder and decoder.")
        ids = asked._ids_of_labels(request)
        inputs = asked._inputs([request])
        self.mask(None)  # one request has no padding
        logits = opened.model(**inputs, use_cache=False).logits[0, -1].float()
        known = torch.log_softmax(logits, dim=-1)
        return torch.stack([torch.logsumexp(known[list(tokens)], 0) for tokens in ids])

    def _similarities(self, asked: TransformersContrastive, request: Request) -> torch.Tensor:
        """Cosines of the images with each option's captions, times the model's own scale."""
        model = self.opened.model
        images = asked._image_inputs(request.images)
        self.mask(None)
        seen = _unit(asked._features(model.get_image_features, images))
        options = []
        for captions in request.captions:
            texts = asked._text_inputs(captions)
            self.mask(texts.get("attention_mask"))
            told = _unit(asked._features(model.get_text_features, texts)).sum(0, keepdim=True)
            options.append(_unit(told)[0])
        cosines = seen @ torch.stack(options).T  # (images, options)
        pooled = cosines.amax(0) if request.pooling == "maximum" else cosines.mean(0)
        return pooled * self._scale(asked, model)

    @staticmethod
    def _scale(asked: TransformersContrastive, model: Any) -> Any:
        """What a cosine is multiplied with: a parameter where the model has one."""
        scale = getattr(model, "logit_scale", None)
        if scale is not None:
            return scale.float().exp().reshape(())
        known = asked.scoring
        return 1.0 if known is None else known.scale


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True)
