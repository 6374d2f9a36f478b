"""The wire under the client: its sockets, and answers read as far as they are bearable."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ReplyError
from mubench_gen.outlet import blank_body

if TYPE_CHECKING:
    from aiohttp import ClientResponse

CONNECT = 10.0  # seconds that a connection may take to be made
_MOST = 16 * 2**20  # bytes of a reply that are read at most
_LIFE = {
    "TCP_KEEPIDLE": 30,  # seconds of silence before the first question; then
    "TCP_KEEPINTVL": 10,  # seconds between questions, and
    "TCP_KEEPCNT": 3,  # questions without an answer
    "TCP_USER_TIMEOUT": 60_000,  # milliseconds that what was sent may go unacknowledged
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server sent: any status."""

    status: int
    content: bytes
    retry_after: float | None = None


def lifelike(address: Any) -> socket.socket:
    """A socket for an address (aiohttp's AddrInfoType) that notices when the other end is gone.

    The other end's kernel is asked, not its program: a slow answer may take its time, while a
    machine without power or a broken network path is noticed within a minute.
    """
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _LIFE.items():
        if hasattr(socket, name):  # not on every platform
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


async def read(response: ClientResponse) -> Answered:
    """The whole answer, as far as it is bearable, without secrets that it echoes."""
    length = response.content_length
    if length is not None and length <= _MOST:
        content = await response.read()
    else:
        content = b"" if length is None else await _too_large(response)
        async for chunk in response.content.iter_chunked(2**16):
            content += chunk
            if len(content) > _MOST:
                await _too_large(response)
    after = response.headers.get("Retry-After") if response.status != 200 else None
    return Answered(response.status, blank_body(content), seconds(after))


async def _too_large(response: ClientResponse) -> bytes:
    response.close()
    raise ReplyError(f"the server's answer has more than {_MOST / 2**20:g} MiB")


def seconds(retry_after: str | None) -> float | None:
    """How long a Retry-After header wants one to wait: it holds seconds, or a date."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (date - datetime.now(date.tzinfo and UTC)).total_seconds())


def reason(error: BaseException) -> str:
    """What a network error says, without its classes' names where it says something."""
    strerror = getattr(error, "strerror", None)
    return str(strerror or error) or type(error).__name__
