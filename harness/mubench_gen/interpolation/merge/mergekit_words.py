"""What mergekit's YAML holds: its keys, its methods with their parameters, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """`alpha`: the parameter that is α here, and its own value (None: it must be given).

    `own`: those that every fine-tune has, with the names here. `other`: further ones that it reads.
    """

    alpha: tuple[str, float | None] = ("", 1)
    own: tuple[tuple[str, str, float | None], ...] = ()
    other: tuple[str, ...] = ()


_WEIGHT = ("weight", "weight", None)
_DENSITY = ("density", "density", 1.0)
_GAMMA = ("gamma", "gamma", 0.01)
_EPSILON = ("epsilon", "epsilon", 0.15)
_SUMS = ("normalize", "rescale", "int8_mask")
_LAMBDA = ("lambda", 1)

READ: Mapping[str, Method] = {
    "linear": Method(own=(_WEIGHT,), other=("normalize",)),
    "slerp": Method(("t", None)),
    "karcher": Method(other=("max_iter", "tol")),
    "passthrough": Method(("scale", 1)),
    "task-arithmetic": Method(_LAMBDA, (_WEIGHT,), _SUMS),
    "ties": Method(_LAMBDA, (_WEIGHT, _DENSITY), _SUMS),
    "breadcrumbs": Method(_LAMBDA, (_WEIGHT, _DENSITY, _GAMMA), _SUMS),
    "breadcrumbs-ties": Method(_LAMBDA, (_WEIGHT, _DENSITY, _GAMMA), _SUMS),
    "dare-linear": Method(_LAMBDA, (_WEIGHT, _DENSITY), _SUMS),
    "dare-ties": Method(_LAMBDA, (_WEIGHT, _DENSITY), _SUMS),
    "della": Method(_LAMBDA, (_WEIGHT, _DENSITY, _EPSILON), _SUMS),
    "della-linear": Method(_LAMBDA, (_WEIGHT, _DENSITY, _EPSILON), _SUMS),
    "model-stock": Method(other=("filter_wise",)),
    "sce": Method(own=(("select_topk", "density", 1.0),), other=("int8_mask",)),
}
PARAMETERS = frozenset(
    {"t", "weight", "density", "gamma", "epsilon", "lambda", "normalize", "rescale", "int8_mask",
     "select_topk", "filter_wise", "scale", "max_iter", "tol"}
)  # fmt: skip
KEYS = frozenset(
    {"merge_method", "base_model", "models", "slices", "parameters", "dtype", "out_dtype",
     "tokenizer_source", "name"}
)  # fmt: skip
UNSUPPORTED = {
    "modules": "parts with settings of their own are not read. Merge with `models`, and α by part "
    "(--alpha vision=…,text=…).",
    "tokenizer": "tokenizers are not built. Leave it out: the base's is copied.",
    "chat_template": "templates are not written. Leave it out: the base's is copied; put another "
    "into the result's chat_template.jinja.",
}
MEAN = (
    "what agrees (or all models, with linear) is averaged here, not summed. Say normalize: true; "
    "for linear give weights whose sum is 1."
)
SUM = "{} sums the differences here. Divide the weights by their sum, and leave it out."
NOTHING = {
    "int8_mask": "masks are bits here",
    "max_iter": "the mean is sought until it stays",
    "tol": "the mean is sought until it stays",
    "rescale": "nothing is dropped that would be made up for",
}
