"""A generative and a contrastive model that look at nothing but how bright an image is."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

import mubench_gen
from mubench_gen import Image, ModelSpec, Request


def brightness(image: Image) -> float:
    """The mean of the pixels, between 0 and 1."""
    return float(np.asarray(image.pixels()).mean() / 255)


class Guess(mubench_gen.GenerativeModel):
    """Says one label for bright images and another for dark ones."""

    class Options(mubench_gen.Options):
        threshold: float = Field(0.5, ge=0, le=1, description="from here on an image is bright")

    def generate(self, requests: Sequence[Request]) -> list[str]:
        return [self.answer(request) for request in requests]

    def answer(self, request: Request) -> str:
        if request.image is None:
            return "I cannot see an image."
        bright = brightness(request.image) >= self.options.threshold
        return f"The answer is {request.labels[0 if bright else 1]}."


class Colours(mubench_gen.ContrastiveModel):
    """Puts an image by its mean colour, and a text by three of its letters."""

    def embed_images(self, images: Sequence[Image]) -> np.ndarray:
        return np.stack([np.asarray(i.pixels()).mean(axis=(0, 1)) / 255 + 0.01 for i in images])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[1 + text.lower().count(letter) for letter in "rgb"] for text in texts])


@mubench_gen.hookimpl
def mubench_gen_models() -> list[ModelSpec]:
    return [
        ModelSpec("guess", Guess, description="bright or dark"),
        ModelSpec("colours", Colours, description="the mean colour"),
    ]
