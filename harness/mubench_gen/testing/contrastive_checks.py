"""Checks of a model that embeds images and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mubench_gen.model import ContrastiveModel, Scoring
from mubench_gen.testing.check import check, want
from mubench_gen.testing.questions import OPTIONS, odd_images, plain_image
from mubench_gen.testing.subject import Subject

if TYPE_CHECKING:
    import numpy as np

Thing = TypeVar("Thing")
_SAME = 1e-5  # of normalised embeddings
_TEXTS = (*OPTIONS, "a", "a synthetic image of cells " * 4)


def _model(subject: Subject) -> ContrastiveModel:
    model = subject.ready
    assert isinstance(model, ContrastiveModel)
    return model


def _rows(given: Any, n: int, what: str) -> np.ndarray[Any, Any]:
    """The embeddings as an array of n rows."""
    import numpy as np

    rows = np.asarray(given, dtype=np.float64)
    want(rows.ndim == 2 and len(rows) == n, f"{what}: an array of shape {rows.shape}, not ({n}, …)")
    return rows


def _unit(rows: np.ndarray[Any, Any], what: str) -> np.ndarray[Any, Any]:
    import numpy as np

    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    want(bool(np.isfinite(rows).all()), f"{what}: a value is not finite")
    want(bool((norms > 0).all()), f"{what}: a row is all zero and has no direction")
    return np.asarray(rows / norms)


@check(
    "contrastive",
    reason="a row that is not finite, or zero, has no cosine: its items fail",
    remedy="look for overflows in half precision, and for empty token masks",
)
def embeddings_are_finite(subject: Subject) -> None:
    model = _model(subject)
    images = [plain_image(i) for i in range(4)]
    _unit(_rows(model.embed_images(images), 4, "embed_images"), "embed_images")
    _unit(_rows(model.embed_texts(_TEXTS), len(_TEXTS), "embed_texts"), "embed_texts")


@check(
    "contrastive",
    reason="a cosine needs both in one space",
    remedy="return the projected embeddings, (n, width), of images and of texts",
)
def embeddings_have_one_width(subject: Subject) -> None:
    model = _model(subject)
    widths = {
        _rows(model.embed_images([plain_image(0)]), 1, "embed_images").shape[1],
        _rows(model.embed_images([plain_image(i) for i in range(3)]), 3, "embed_images").shape[1],
        _rows(model.embed_texts(_TEXTS[:2]), 2, "embed_texts").shape[1],
    }
    want(len(widths) == 1, f"widths {sorted(widths)}")


@check(
    "contrastive",
    reason="a score must not depend on --batch-size or on what stands beside an image",
    remedy="pad texts with a mask, and keep the model in evaluation mode (no dropout)",
)
def batch_changes_no_embedding(subject: Subject) -> None:

    model = _model(subject)
    _batch_changes_nothing("embed_images", model.embed_images, [plain_image(i) for i in range(4)])
    _batch_changes_nothing("embed_texts", model.embed_texts, list(_TEXTS))


def _batch_changes_nothing(
    what: str, embed: Callable[[Sequence[Thing]], Any], things: Sequence[Thing]
) -> None:
    import numpy as np

    together = _unit(_rows(embed(things), len(things), what), what)
    alone = np.stack([_unit(_rows(embed([one]), 1, what), what)[0] for one in things])
    backwards = _unit(_rows(embed(things[::-1]), len(things), what), what)[::-1]
    for how, other in (("alone", alone), ("in the reverse order", backwards)):
        gap = float(np.abs(together - other).max())
        want(gap <= _SAME, f"{what} {how}: a normalised value is {gap:.2g} off")


@check(
    "contrastive",
    reason="microscopes write such files, and one that raises costs its whole batch",
    remedy="read image.pixels(), which is 8-bit RGB, and resize it yourself",
)
def odd_images_are_embedded(subject: Subject) -> None:
    for name, image in odd_images().items():
        try:
            rows = _rows(_model(subject).embed_images([image]), 1, name)
        except Exception as error:  # any: the check is about it
            want(False, f"an image of {name} raises {type(error).__name__}: {error}")
        _unit(rows, f"an image of {name}")


@check(
    "contrastive",
    reason="cosines become probabilities by it, and calibration is measured on them",
    remedy='scoring is None or Scoring("softmax" | "sigmoid", scale > 0, bias)',
)
def scoring_is_sound(subject: Subject) -> None:
    scoring: Any = _model(subject).scoring
    want(scoring is None or isinstance(scoring, Scoring), f"scoring is {type(scoring).__name__}")
    if scoring is not None:
        want(scoring.kind in ("softmax", "sigmoid"), f"kind {scoring.kind!r}")
        want(scoring.scale > 0, f"scale {scoring.scale}")
