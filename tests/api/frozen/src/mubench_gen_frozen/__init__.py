"""One of everything that a plugin can offer, written as for mubench-gen 0.1."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from pydantic import Field

import mubench_gen


class Guess(mubench_gen.GenerativeModel):
    """Text, log-probabilities, options, its own facts and counts."""

    batch_size = 4

    class Options(mubench_gen.Options):
        threshold: float = Field(0.5, ge=0, le=1, description="from here on an image is bright")

    def load(self) -> None:
        self.asked = 0

    def close(self) -> None:
        self.asked = 0

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"device": self.runtime.device, "model": self.runtime.model}

    @property
    def counts(self) -> Mapping[str, Any]:
        return {"asked": self.asked}

    def weights_digest(self) -> str | None:
        return None

    def generate(
        self, requests: Sequence[mubench_gen.Request]
    ) -> Sequence[mubench_gen.Reply | str]:
        self.asked += len(requests)
        return [self.answer(request) for request in requests]

    def answer(self, request: mubench_gen.Request) -> mubench_gen.Reply:
        if request.image is None:
            return mubench_gen.Reply("I cannot see an image.", "stop")
        bright = np.asarray(request.image.pixels()).mean() / 255 >= self.options.threshold
        text = f"{request.labels[0 if bright else 1]}"
        return mubench_gen.Reply(text, finish_reason="stop", usage={"completion_tokens": 1})

    def label_logprobs(self, requests: Sequence[mubench_gen.Request]) -> Sequence[Sequence[float]]:
        return [[-1.0 - i for i in range(len(request.labels))] for request in requests]


class Stream(mubench_gen.StreamingModel):
    """Answers in its own order."""

    window = 3
    reads_pixels = False

    def load(self) -> None:
        self.pool = ThreadPoolExecutor(2)

    def close(self) -> None:
        self.pool.shutdown()

    def submit(self, request: mubench_gen.Request) -> "Future[Any]":
        return self.pool.submit(self.answer, request)

    def answer(self, request: mubench_gen.Request) -> str:
        if request.sampling.temperature > 0 and request.sampling.seed is None:
            raise mubench_gen.ItemError("no seed")
        images = [p for m in request.messages for p in m.content if not hasattr(p, "text")]
        return request.labels[len(images) % len(request.labels)]


class Colours(mubench_gen.ContrastiveModel):
    """Embeddings, a scoring, and what it reads of a text."""

    def embed_images(self, images: Sequence[mubench_gen.Image]) -> np.ndarray:
        return np.stack([np.asarray(i.pixels()).mean(axis=(0, 1)) / 255 + 0.01 for i in images])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[1 + text.lower().count(letter) for letter in "rgb"] for text in texts])

    @property
    def scoring(self) -> mubench_gen.Scoring:
        return mubench_gen.Scoring("softmax", 10.0)

    def read_texts(self, texts: Sequence[str]) -> Sequence[mubench_gen.ReadText]:
        words = [text.split() for text in texts]
        return [mubench_gen.ReadText(len(w), tuple(len(word) for word in w[:77])) for w in words]


class MostWords(mubench_gen.Judge):
    def read(self, unread: Sequence[mubench_gen.Unread]) -> Sequence[int | None]:
        return [
            0 if one.reply and one.options and one.labels and one.prompt else None for one in unread
        ]


@mubench_gen.hookimpl
def mubench_gen_models() -> list[mubench_gen.ModelSpec]:
    weights = mubench_gen.Checkpoint("nobody/nothing", kind="generative", stop=("\n",))
    return [
        mubench_gen.ModelSpec(
            "guess", Guess, description="bright or dark", facts={"family": "toy"}
        ),
        mubench_gen.ModelSpec("stream", Stream),
        mubench_gen.ModelSpec("colours", Colours),
        mubench_gen.ModelSpec("weights", weights, any_id=True),
    ]


@mubench_gen.hookimpl
def mubench_gen_judge() -> type[mubench_gen.Judge]:
    return MostWords


@mubench_gen.hookimpl
def mubench_gen_score(
    records: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> Mapping[str, Mapping[str, float | None]]:
    right = [record["correct"] for record in records if record["status"] != "error"]
    return {manifest["model"]["id"]: {"right": sum(right), "of": len(right), "nothing": None}}


@mubench_gen.hookimpl
def mubench_gen_section(runs: Sequence[mubench_gen.Run]) -> mubench_gen.Section:
    lines = [f"{run.manifest['model']['id']}: {sum(1 for _ in run.records())}" for run in runs]
    return mubench_gen.Section("Frozen", "\n".join(lines))
