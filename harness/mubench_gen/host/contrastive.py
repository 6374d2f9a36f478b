"""Contrastive requests → responses: cosines of images with each option's captions.

The cosines of several images with a caption become one: their mean, or the greatest.

Each distinct text is encoded once a run, and each image once for all its questions,
captions and templates; `counts` proves it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ItemError, PluginError, ReplyError, UsageError, failure
from mubench_gen.host.embeddings import EmbeddingStore
from mubench_gen.model import ContrastiveModel, ReadText, Scoring
from mubench_gen.types import Image, Pooling, Request, Response

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, Any]

_POOLS: Mapping[Pooling, Callable[[list[float]], float]] = {"mean": fmean, "maximum": max}
_KEPT_IMAGES = 32_768  # embeddings in memory: 64 MB at width 512


class Similarities:
    """Answers contrastive requests, and remembers what it has encoded."""

    def __init__(self, model: ContrastiveModel, store: EmbeddingStore | None = None) -> None:
        self._model = model
        self._store = store
        self._texts: dict[str, Vector] = {}
        self._images: dict[str, Vector] = {}
        self._ensembles: dict[tuple[str, ...], Vector] = {}
        self._read: dict[str, ReadText] = {}
        self._cuts = 0
        self._width: int | None = None
        self._counts = {"images": 0, "images_from_disk": 0, "texts": 0}
        self._seconds = {"images": 0.0, "texts": 0.0}

    @property
    def counts(self) -> Mapping[str, Any]:
        """Counts of encoded inputs and of embeddings from the disk, and the seconds of encoding."""
        seconds = {name: round(spent, 3) for name, spent in self._seconds.items()}
        return {**self._counts, "texts_cut": self._cuts, "seconds": seconds}

    def needs_pixels(self, image: Image) -> bool:
        """Whether the image must be decoded, because it has no embedding yet."""
        if not self._model.reads_pixels or image.identity in self._images:
            return False
        return self._store is None or image.identity not in self._store

    def ask(self, requests: Sequence[Request]) -> list[Response]:
        """One response per request; an embedding that is not finite is an error of its items."""
        began = time.perf_counter()
        captions = [request.captions for request in requests]
        self._encode_texts([text for c in captions for texts in c for text in texts])
        self._encode_images([image for request in requests for image in request.images])
        scoring = _checked(self._model.scoring)
        seconds = round((time.perf_counter() - began) / len(requests), 6)
        responses = [
            self._respond(request, texts, scoring, seconds)
            for request, texts in zip(requests, captions, strict=True)
        ]
        while len(self._images) > _KEPT_IMAGES:
            del self._images[next(iter(self._images))]
        return responses

    def close(self) -> None:
        """Write pending embeddings to the disk, if embeddings are kept."""
        if self._store is not None:
            self._store.flush()

    def _respond(
        self,
        request: Request,
        captions: Sequence[tuple[str, ...]],
        scoring: Scoring | None,
        seconds: float,
    ) -> Response:
        assert request.images, "an image is compared with captions"
        try:
            images = [_finite(self._images[i.identity], "image", i.name) for i in request.images]
            pool = _POOLS[request.pooling]
            scores = tuple(
                pool([float(image @ option) for image in images])
                for option in map(self._option, captions)
            )
        except ItemError as error:
            return Response(error=failure(error), seconds=seconds)
        cut, alike = self._cut(captions) if self._cuts else ((), ())
        return Response(
            scores=scores,
            probabilities=None if scoring is None else probabilities(scores, scoring),
            cut=cut,
            alike=alike,
            seconds=seconds,
        )

    def _option(self, captions: tuple[str, ...]) -> Vector:
        """The unit vector of an option: of its caption, or the mean over its captions."""
        if len(captions) == 1:
            return _finite(self._texts[captions[0]], "text", captions[0])
        known = self._ensembles.get(captions)
        if known is None:
            total = sum(_finite(self._texts[text], "text", text) for text in captions)
            known = _finite(_unit([total], 1)[0], "texts together", captions[0])
            self._ensembles[captions] = known
        return known

    def _cut(self, captions: Sequence[tuple[str, ...]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The truncated options, and those that became identical with another option."""
        cut = tuple(
            i for i, texts in enumerate(captions) if any(self._read[text].cut for text in texts)
        )
        if not cut:
            return (), ()
        read = [tuple(self._read[text].ids for text in texts) for texts in captions]
        others = range(len(captions))
        return cut, tuple(
            i for i in cut if any(read[i] == read[j] and captions[i] != captions[j] for j in others)
        )

    def _unit(self, embeddings: Any, n: int, what: str) -> Vector:
        """Unit vectors of embeddings, which must all have one width."""
        vectors = _unit(embeddings, n)
        width = vectors.shape[1]
        if width != (known := self._width or width):
            raise ReplyError(
                f"embeddings of {n} {what} have the shape {vectors.shape}, and those before had "
                f"the width {known}: images and texts need one width"
            )
        self._width = width
        return vectors

    def _encode_texts(self, texts: Sequence[str]) -> None:
        new = list(dict.fromkeys(text for text in texts if text not in self._texts))
        if not new:
            return
        began = time.perf_counter()
        vectors = self._unit(self._model.embed_texts(new), len(new), "texts")
        read = self._model.read_texts(new)
        if read is not None:
            self._read.update(zip(new, read, strict=True))
            self._cuts += sum(one.cut for one in read)
        self._texts.update(zip(new, vectors, strict=True))
        self._counts["texts"] += len(new)
        self._seconds["texts"] += time.perf_counter() - began

    def _encode_images(self, images: Sequence[Image]) -> None:
        new = {image.identity: image for image in images if image.identity not in self._images}
        if self._store is not None:
            for digest in [digest for digest in new if digest in self._store]:
                self._images[digest] = self._store.get(digest)
                del new[digest]
                self._counts["images_from_disk"] += 1
        if not new:
            return
        began = time.perf_counter()
        vectors = self._unit(self._model.embed_images(list(new.values())), len(new), "images")
        encoded = dict(zip(new, vectors, strict=True))
        self._images.update(encoded)
        self._counts["images"] += len(new)
        self._seconds["images"] += time.perf_counter() - began
        if self._store is not None:
            self._store.add(encoded)


def probabilities(cosines: Sequence[float], scoring: Scoring) -> tuple[float, ...]:
    """The options' probabilities, by the scoring with which the model was trained."""
    logits = [scoring.scale * cosine + scoring.bias for cosine in cosines]
    if scoring.kind == "sigmoid":
        return tuple(_sigmoid(logit) for logit in logits)
    top = max(logits)
    weights = [math.exp(logit - top) for logit in logits]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def _sigmoid(logit: float) -> float:
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))


def _checked(scoring: Scoring | None) -> Scoring | None:
    if scoring is None:
        return None
    if scoring.kind not in ("softmax", "sigmoid") or scoring.scale <= 0:
        raise PluginError(
            f"The model's scoring is {scoring.kind!r} with the scale {scoring.scale}: softmax or "
            "sigmoid with a scale above 0 is needed."
        )
    if not (math.isfinite(scoring.scale) and math.isfinite(scoring.bias)):
        raise UsageError(
            f"The model's scale of scores is not finite (scale {scoring.scale}, bias "
            f"{scoring.bias}): its weights are damaged."
        )
    return scoring


def _unit(embeddings: Any, n: int) -> Vector:
    """The rows normalised to length 1; a row of zeros or with non-finite numbers becomes NaN."""
    import numpy as np

    vectors = np.asarray(embeddings, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != n:
        raise ReplyError(
            f"embeddings of shape {vectors.shape} for {n} inputs: (n, width) is needed"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        norms[~np.isfinite(norms) | (norms == 0)] = np.nan
        unit: Vector = vectors / norms
    return unit


def _finite(vector: Vector, noun: str, name: str) -> Vector:
    if not math.isfinite(float(vector @ vector)):
        raise ItemError(
            f"The embedding of the {noun} {name!r} is zero or not finite. Try --dtype float32."
        )
    return vector
