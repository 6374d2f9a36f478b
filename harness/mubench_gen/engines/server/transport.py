"""The client's sockets, bytes in flight, and limits on the size of answers."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.console.masking import blank_body
from mubench_gen.errors import ReplyError
from mubench_gen.plugins.async_model import seconds_to_wait

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

CONNECT = 10.0  # seconds to establish a connection
_MOST = 16 * 2**20  # most bytes of a reply
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP, _ZLIB = b"\x1f\x8b", 8  # how such content begins
_ANY = 32  # the flag that makes zlib detect the format
_LIFE = {
    "TCP_KEEPIDLE": 30,  # seconds of silence before the first question; then
    "TCP_KEEPINTVL": 10,  # seconds between questions, and
    "TCP_KEEPCNT": 3,  # questions without an answer
    "TCP_USER_TIMEOUT": 60_000,  # milliseconds that what was sent may go unacknowledged
}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A server's response with any status."""

    status: int
    content: bytes
    retry_after: float | None = None


@dataclass(slots=True)
class Way:
    """The connection of a request. `made`: it is new; `answered`: a first byte has arrived.

    aiohttp does not tell which connection it took, but it makes one in the context of its request.
    (Its tracing would tell, at half the cost of a request.)
    """

    fresh: bool  # whether idle connections must not be used
    made: bool = False
    answered: bool = False

    @property
    def may_have_been_closed(self) -> bool:
        """Whether a broken connection may have been closed before the request was sent."""
        return not self.made and not self.answered


on_way: ContextVar[Way | None] = ContextVar("on_way", default=None)


def open_session(header: Mapping[str, str], **connections: Any) -> ClientSession:
    """A session with this header; `connections` are arguments of aiohttp's connector."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, socket_factory=lifelike, **connections),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT),
        headers={"Content-Type": "application/json", "Accept-Encoding": "identity", **header},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


def lifelike(address: Any) -> socket.socket:
    """A socket for an address (aiohttp's AddrInfoType) that notices when the other end is gone.

    Keep-alive asks the other end's kernel, not its program: slow answers are fine, but a machine
    without power or a broken network path is noticed within a minute.
    """
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _LIFE.items():
        if hasattr(socket, name):  # not on every platform
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    way = on_way.get()
    if way is not None:
        way.made = True
    return made


async def read(response: ClientResponse) -> HttpResponse:
    """Read the whole answer, within the limit of size."""
    length = response.content_length
    content = bytearray()
    if length is None or length <= _MOST:
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > _MOST:
                break
    if (length or len(content)) > _MOST:
        response.close()
        raise _too_large()
    encoding = response.headers.get("Content-Encoding", "")
    after = response.headers.get("Retry-After") if response.status != 200 else None
    plain = blank_body(unpacked(bytes(content), encoding))
    return HttpResponse(response.status, plain, seconds_to_wait(after))


def unpacked(content: bytes, encoding: str) -> bytes:
    """Decompress a body that a server compressed although it was not asked to.

    Raises ReplyError if it is damaged or too large.
    """
    if encoding.strip().lower() not in _COMPRESSED and not content.startswith(_GZIP):
        return content
    bare = content[:1] and content[0] & 0x0F != _ZLIB and not content.startswith(_GZIP)
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS + _ANY)
    try:
        plain = unpacking.decompress(content, _MOST + 1)
    except zlib.error as error:
        raise _damaged(content, str(error)) from None
    if len(plain) > _MOST:
        raise _too_large()
    if content and not unpacking.eof:
        raise _damaged(content, "its end is missing")
    return plain


def _damaged(content: bytes, why: str) -> ReplyError:
    return ReplyError(f"the server's answer is compressed and damaged: {why}: {content[:40]!r}")


def _too_large() -> ReplyError:
    return ReplyError(f"the server's answer has more than {_MOST / 2**20:g} MiB")


def reason(error: BaseException) -> str:
    """The message of a network error, or its class's name if it has none."""
    strerror = getattr(error, "strerror", None)
    return str(strerror or error) or type(error).__name__


class Room:
    """A budget of bytes. A request larger than the whole budget waits until it is alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Wait for free bytes, first come, first served."""
        if not self._waiting and self._fits(size):
            self._taken += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)  # it was its turn already
            raise

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._taken -= size
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._fits(size):
                    return
                self._taken += size
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, size: int) -> bool:
        return self._taken == 0 or self._taken + size <= self._size
