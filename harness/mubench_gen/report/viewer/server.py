"""The viewer's HTTP server: this machine alone, reading alone.

It listens on the loopback interface, answers GET and HEAD, and only requests whose Host header
names this server, so that a page of somewhere else cannot reach it by a name that it makes point
here (DNS rebinding). No part of a request's path is ever a path on the disk.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mubench_gen.console.masking import blanked
from mubench_gen.console.progress import log
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.report.viewer.choices import choice_of
from mubench_gen.report.viewer.images import RunImages
from mubench_gen.report.viewer.pages import item_of, page_of
from mubench_gen.report.viewer.site import LiveSite

LOOPBACK = "127.0.0.1"
_MOST_GROUPS = 500  # on one page
_SECONDS = 60  # a browser that says nothing for so long is left
_LOCAL = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?", re.IGNORECASE)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_JSON, _HTML, _TEXT = "application/json", "text/html; charset=utf-8", "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a request gets. `keep`: the browser may keep it, since it never changes."""

    content: bytes
    kind: str = _JSON
    status: HTTPStatus = HTTPStatus.OK
    keep: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Viewer:
    """Runs under `paths`, served on a port of the loopback interface; 0: a free one.

    `data`: where the data are, if not as in the runs. Raises UsageError where a path holds no run,
    or the port is taken. Use it in a `with` block; `serve` returns when another thread calls
    `stop`.
    """

    def __init__(self, paths: Sequence[Path], *, port: int = 0, data: str | None = None) -> None:
        self._server = _bound(port, self)  # before the runs are read, which may take a while
        try:
            self.site = LiveSite(paths)
        except BaseException:
            self._server.server_close()
            raise
        self._images = RunImages(self.site.index, data)
        self._ways: dict[str, Callable[[str, dict[str, str]], HttpAnswer]] = {
            "": self._page,
            "items": self._items,
            "item": self._item,
            "version": self._version,
            "thumbnails": self._thumbnail,
            "images": self._image,
            "about": self._about,
        }

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/"

    def serve(self) -> None:
        """HttpAnswer until `stop`, or an interrupt."""
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        self._server.shutdown()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()
        self.site.index.close()

    def answer(self, target: str) -> HttpAnswer:
        """The answer to a path with its query."""
        parts = urlsplit(target)
        name, _, rest = parts.path.removeprefix("/").partition("/")
        way = self._ways.get(name)
        if way is None or (rest and name not in ("thumbnails", "images", "about")):
            return _said(HTTPStatus.NOT_FOUND, "There is no such page.")
        return way(rest, dict(parse_qsl(parts.query, max_num_fields=100)))

    def _page(self, _: str, given: dict[str, str]) -> HttpAnswer:
        return HttpAnswer(self.site.page().encode("utf-8", "replace"), _HTML)

    def _version(self, _: str, given: dict[str, str]) -> HttpAnswer:
        self.site.refresh()
        return _document(self.site.about())

    def _items(self, _: str, given: dict[str, str]) -> HttpAnswer:
        choice = choice_of(given, self.site.studies)
        begin = max(0, _number(given.get("begin", "")))
        count = min(_MOST_GROUPS, max(1, _number(given.get("count", ""))))
        return _document(page_of(self.site.index, choice, begin, count))

    def _item(self, _: str, given: dict[str, str]) -> HttpAnswer:
        found = item_of(self.site.index, given.get("key", ""))
        if found is None:
            return _said(HTTPStatus.NOT_FOUND, "There is no such item.")
        return _document(found)

    def _thumbnail(self, digest: str, given: dict[str, str]) -> HttpAnswer:
        found = self._images.thumbnail(digest)
        return _NO_IMAGE if found is None else HttpAnswer(found.content, "image/jpeg", keep=True)

    def _image(self, digest: str, given: dict[str, str]) -> HttpAnswer:
        found = self._images.original(digest)
        return _NO_IMAGE if found is None else HttpAnswer(found[1], found[0], keep=True)

    def _about(self, digest: str, given: dict[str, str]) -> HttpAnswer:
        found = self._images.thumbnail(digest)
        if found is None:
            return _NO_IMAGE
        return _document({"name": found.name, "width": found.width, "height": found.height})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    viewer: Viewer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line what went wrong; nothing of a browser that left."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            log(f"A request failed: {type(error).__name__}: {error}")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "mubench-gen", ""
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def do_GET(self) -> None:
        self._give(self._answer())

    def do_HEAD(self) -> None:
        self._give(self._answer(), with_content=False)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """What answers the other methods, which `http.server` looks for by these names."""
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        allowed = {"Allow": "GET, HEAD", "Connection": "close"}
        words = "This server only shows: GET and HEAD."
        self.close_connection = True
        self._give(_said(HTTPStatus.METHOD_NOT_ALLOWED, words, allowed))

    def _answer(self) -> HttpAnswer:
        # Any port: a tunnel from another machine may end at another one there.
        if not _LOCAL.fullmatch(self.headers.get("Host", "")):
            words = "This server answers only to the names localhost and 127.0.0.1."
            return _said(HTTPStatus.FORBIDDEN, words)
        try:
            return self.server.viewer.answer(self.path)
        except ValueError:
            return _said(HTTPStatus.BAD_REQUEST, "This request cannot be read.")
        except (OSError, UsageError) as error:
            log(f"A request failed: {error}")
            return _said(HTTPStatus.INTERNAL_SERVER_ERROR, f"This could not be read: {error}")

    def _give(self, answer: HttpAnswer, *, with_content: bool = True) -> None:
        self.send_response(answer.status)
        headers = {**_HEADERS, **answer.headers, "Content-Type": answer.kind}
        if answer.keep:
            headers["Cache-Control"] = "private, max-age=3600"
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if with_content:
            self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a terminal is no place for a line a picture."""


def _bound(port: int, viewer: Viewer) -> _Server:
    try:
        server = _Server((LOOPBACK, port), _Handler)
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"--port {port}: cannot be had: {getattr(error, 'strerror', None) or error}. Give "
            "another one, or none for a free one."
        ) from None
    server.viewer = viewer
    return server


def _document(content: dict[str, Any]) -> HttpAnswer:
    # `json` and not `orjson`: a reply may have lone surrogates, which ASCII escapes can hold.
    return HttpAnswer(json.dumps(blanked(content), separators=(",", ":")).encode())


def _said(status: HTTPStatus, words: str, headers: dict[str, str] | None = None) -> HttpAnswer:
    return HttpAnswer(words.encode(), _TEXT, status, headers=headers or {})


_NO_IMAGE = _said(HTTPStatus.NOT_FOUND, "The image is missing from the data, or has changed.")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
