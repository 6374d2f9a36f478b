"""The classes of transformers that open a checkpoint of an architecture. Imports transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import transformers


@dataclass(frozen=True, slots=True)
class Family:
    """The class and methods that transformers must have for an architecture.

    `auto_classes` are looked at in their order; `of_code` are further ones, under which a
    checkpoint's own code lists its class.
    """

    auto_classes: tuple[Any, ...]
    of_code: tuple[Any, ...]
    methods: tuple[str, ...]
    needed: str

    def auto_class(self, config: Any) -> Any | None:
        """The auto class that opens this configuration; None where none does.

        What the checkpoint's own code makes is known only once it is loaded.
        """
        own = getattr(config, "auto_map", None) or {}
        served = (one for one in self.auto_classes if self._serves(one, config))
        listed = (one for one in (*self.auto_classes, *self.of_code) if one.__name__ in own)
        return next(served, None) or next(listed, None)

    def _serves(self, auto_class: Any, config: Any) -> bool:
        found = type(config) in auto_class._model_mapping
        classes = auto_class._model_mapping[type(config)] if found else ()
        return any(
            all(hasattr(cls, method) for method in self.methods)
            for cls in (classes if isinstance(classes, tuple) else (classes,))
        )


GENERATIVE = Family(
    # The second knows a few more, which hear as well (Phi-4-multimodal).
    (transformers.AutoModelForImageTextToText, transformers.AutoModelForMultimodalLM),
    (transformers.AutoModelForCausalLM,),
    ("generate",),
    "a model that reads images and writes text",
)


CONTRASTIVE = Family(
    (transformers.AutoModel,),
    (),
    ("get_image_features", "get_text_features"),
    "a model that embeds images and texts, such as CLIP or SigLIP",
)
