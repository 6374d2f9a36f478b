"""rendered prompt → request: what a model is asked, under the content hash of it all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mubench_gen.images.geometry import require_one_frame
from mubench_gen.types import Readout, RenderedPrompt, Request, Sampling, Text


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What all the requests of a run share, beside their content.

    `identity` digests plugin, model, revision, weights, options, engine, precision and
    image policy. `max_tokens` None leaves each prompt its own, and `thinking_tokens` more for a
    model that thinks first (0: it does not).
    """

    identity: str
    temperature: float
    max_tokens: int | None
    seed: int
    thinking_tokens: int = 0


def make_request(
    rendered: RenderedPrompt, readout: Readout, repeat: int, context: RequestContext
) -> Request:
    """The request for one rendered prompt. Reads and hashes the image: may raise ImageError.

    The key covers everything that determines the reply: two requests with one key are the
    same question, wherever in the data they come from. A sampled request's seed is drawn
    from its key, so it depends on its content and not on the batch that it is in.
    """
    thinks = readout == "logprob" and context.thinking_tokens > 0
    generates = readout in ("parse", "choice") or thinks
    temperature = context.temperature if generates else 0.0
    own = rendered.max_tokens + context.thinking_tokens
    most = own if context.max_tokens is None else context.max_tokens
    digest = hashlib.sha256()
    digest.update(
        f"{context.identity}\0{readout}\0{temperature!r}\0{most if generates else 0}\0"
        f"{context.seed if temperature > 0 else ''}\0{repeat}\0"
        f"{' '.join(rendered.labels)}".encode()
    )
    shown = False
    asks_boxes = rendered.sample.question.boxes is not None
    texts: list[str] = []
    for message in rendered.messages:
        digest.update(f"\0{message.role}".encode())
        for part in message.content:
            if isinstance(part, Text):
                encoded = part.text.encode("utf-8", "surrogatepass")
                digest.update(b"\0text %d " % len(encoded) + encoded)
                texts.append(part.text)
            else:
                if asks_boxes:
                    require_one_frame(part)
                digest.update(b"\0image " + part.identity.encode())
                shown = True
    images = rendered.sample.images if shown else ()
    if readout == "cloze":
        texts = list(rendered.options)
        digest.update(f"\0cloze {rendered.cloze}".encode())
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(b"\0option %d " % len(encoded) + encoded)
    pooled = readout == "similarity" and len(images) > 1
    if pooled and rendered.pooling != "mean":
        digest.update(f"\0pooling {rendered.pooling}".encode())
    seed = int.from_bytes(digest.digest()[16:20], "big") >> 1 if temperature > 0 else None
    return Request(
        key=digest.hexdigest()[:32],
        messages=rendered.messages,
        labels=rendered.labels,
        readout=readout,
        sampling=Sampling(temperature=temperature, max_tokens=most, seed=seed),
        image=images[0] if images else None,
        texts=tuple(texts) if readout in ("similarity", "cloze") else (),
        more_images=images[1:],
        pooling=rendered.pooling if pooled else "mean",
        per=rendered.cloze if readout == "cloze" else "tokens",
    )
