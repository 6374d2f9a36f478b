"""Images as they go to a server: the file's own bytes in base64, encoded once an image."""

from __future__ import annotations

import asyncio
import binascii
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import orjson

from mubench_gen.images.files import bare, media_type
from mubench_gen.types import Image, as_png

_MOST = 32 * 2**20  # bytes of base64 that are kept
_THREADS = 2


class ImageUrls:
    """Data URLs of images, as pieces of JSON, of those that were asked for last.

    A PNG, JPEG, WebP or GIF file that the image policy changes nothing of goes as it is, but
    for what some servers apply and others do not: a colour profile, an orientation. Of any
    other file the decoded pixels go, as a PNG. Used inside one event loop.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, orjson.Fragment]] = OrderedDict()
        self._coming: dict[str, asyncio.Future[bytes]] = {}
        self._size = 0
        self._pool: ThreadPoolExecutor | None = None
        self._encode = _encoder()
        self.encoded = 0  # images whose base64 was made
        self.converted = 0  # of them those that were decoded, and encoded as PNG

    def known(self, image: Image) -> orjson.Fragment | None:
        """The piece of JSON where it is kept, or made in no time; else None: await `of`."""
        kept = self._kept.get(image.sha256)
        if kept is not None:
            return kept[1]
        if image.conversion is not None:
            return None
        media = media_type(image.data)
        content = bare(image.data) if media else None
        if media is None or content is None:
            return None
        return self._keep(image.sha256, media, content)

    async def of(self, image: Image) -> orjson.Fragment:
        """The piece of JSON. Raises ImageError where the image cannot be decoded."""
        known = self.known(image)
        if known is not None:
            return known
        digest = image.sha256
        coming = self._coming.get(digest)
        if coming is None:
            self._pool = self._pool or ThreadPoolExecutor(_THREADS, "mubench-gen png")
            loop = asyncio.get_running_loop()
            coming = self._coming[digest] = loop.run_in_executor(self._pool, _as_png, image)
            self.converted += 1
        try:
            png = await asyncio.shield(coming)
        finally:
            if coming.done():
                self._coming.pop(digest, None)
        kept = self._kept.get(digest)
        return kept[1] if kept is not None else self._keep(digest, "image/png", png)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, digest: str, media: str, content: bytes) -> orjson.Fragment:
        # Joined, not formatted: that took half as long again as the base64 itself.
        text = b"".join((b'"data:', media.encode(), b";base64,", self._encode(content), b'"'))
        fragment = orjson.Fragment(text)
        self.encoded += 1
        self._kept[digest] = (len(text), fragment)
        self._size += len(text)
        while self._size > _MOST and len(self._kept) > 1:
            self._size -= self._kept.popitem(last=False)[1][0]
        return fragment


def _encoder() -> Callable[[bytes], bytes]:
    """base64 by pybase64 where it is there: a tenth of the standard library's time."""
    try:
        from pybase64 import b64encode
    except ImportError:
        return partial(binascii.b2a_base64, newline=False)
    encode: Callable[[bytes], bytes] = b64encode
    return encode


def _as_png(image: Image) -> bytes:
    return as_png(image.pixels())
