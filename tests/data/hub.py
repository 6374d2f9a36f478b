"""A small hub on loopback: what huggingface_hub asks for when it fetches a data set's files."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import yaml

_PATH = re.compile(r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_ABOUT = re.compile(
    r"/api/datasets/(?P<repo>[^/]+/[^/]+)(?:/(?P<what>revision|tree)/(?P<revision>[^/]+))?"
)
_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class Hub:
    """Its files by path, and how it misbehaves.

    `breaks`: after so many bytes of a body the connection is cut, that many times. `refusals`:
    status and headers of its first answers. `etags`: instead of the files' own. `answer`, given
    the handler and the first byte that is asked for, answers instead of the host that has the
    files. `small`: files that the hub keeps without a SHA-256. `served` counts bytes of bodies.
    """

    repo: str
    revision: str
    files: dict[str, bytes]
    etags: dict[str, str] = field(default_factory=dict)
    small: set[str] = field(default_factory=set)
    breaks: list[int] = field(default_factory=list)
    delay: float = 0.0
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler, int], None] | None = None
    served: int = 0
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""
    branches: dict[str, str] = field(default_factory=dict)  # and the commit of each

    def etag(self, path: str) -> str:
        return self.etags.get(path) or hashlib.sha256(self.files[path]).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        hub = self.hub
        hub.asked.append((self.command, self.path, self.headers.get("Range")))
        if hub.refusals:
            self._refuse(*hub.refusals.pop(0))
        elif self.path.startswith("/cdn/") and hub.answer is not None:
            wanted = _RANGE.fullmatch(self.headers.get("Range") or "")
            with suppress(OSError):  # a client that has enough
                hub.answer(self, int(wanted[1]) if wanted else 0)
        elif self.path.startswith("/api/datasets/"):
            self._describe()
        elif self.path.startswith("/cdn/"):
            self._send(hub.files[self.path.removeprefix("/cdn/")], body=body)
        else:
            self._find()

    def _find(self) -> None:
        hub = self.hub
        found = _PATH.fullmatch(self.path)
        if found is None or found["repo"] != hub.repo:
            self._fail("RepoNotFound")
        elif found["revision"] != hub.revision:
            self._fail("RevisionNotFound")
        elif found["file"] not in hub.files:
            self._fail("EntryNotFound")
        else:
            self._redirect(found["file"])

    def _describe(self) -> None:
        """What the hub's interface says of a data set: its commit, files and card."""
        hub = self.hub
        found = _ABOUT.fullmatch(self.path.partition("?")[0])
        revision = "" if found is None else unquote(found["revision"] or "main")
        if found is None or found["repo"] != hub.repo:
            self._fail("RepoNotFound")
        elif hub.branches.get(revision, revision) != hub.revision:
            self._fail("RevisionNotFound")
        else:
            told = self._tree() if found["what"] == "tree" else self._about()
            content = json.dumps(told).encode()
            self._send(content, body=self.command == "GET")

    def _tree(self) -> list[dict[str, Any]]:
        files = self.hub.files.items()
        return [
            {"type": "file", "path": name, "size": len(content), "oid": self.hub.etag(name)}
            for name, content in files
        ]

    def _about(self) -> dict[str, Any]:
        hub = self.hub
        head = hub.files.get("README.md", b"").decode().split("---")
        return {
            "id": hub.repo,
            "sha": hub.revision,
            "siblings": [self._sibling(name, content) for name, content in hub.files.items()],
            "cardData": yaml.safe_load(head[1]) if len(head) > 2 else {},
            "private": False, "gated": False, "disabled": False, "downloads": 0, "likes": 0,
            "tags": [],
        }  # fmt: skip

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        """A file as the hub lists it: of large ones the SHA-256, of small ones none."""
        sha256 = hashlib.sha256(content).hexdigest()
        lfs = {"sha256": sha256, "size": len(content), "pointerSize": 128}
        large = {} if name in self.hub.small else {"lfs": lfs}
        return {"rfilename": name, "size": len(content), **large}

    def _redirect(self, path: str) -> None:
        """Large files lie on another host; what they are is told here."""
        elsewhere = self.hub.url.replace("127.0.0.1", "localhost")
        self.send_response(302)
        self.send_header("Location", f"{elsewhere}/cdn/{path}")
        self.send_header("X-Repo-Commit", self.hub.revision)
        self.send_header("X-Linked-Size", str(len(self.hub.files[path])))
        self.send_header("X-Linked-Etag", f'"{self.hub.etag(path)}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _fail(self, code: str) -> None:
        self._refuse(404, {"X-Error-Code": code})

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes, *, body: bool) -> None:
        wanted = _RANGE.fullmatch(self.headers.get("Range") or "")
        begin = int(wanted[1]) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.send_header("Accept-Ranges", "bytes")
        if wanted:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            with suppress(ConnectionError):  # a client that was killed
                self._stream(content[begin:])

    def _stream(self, content: bytes) -> None:
        at_most = self.hub.breaks.pop(0) if self.hub.breaks else len(content)
        part = content[:at_most]
        for first in range(0, len(part), 65_536):
            self.wfile.write(part[first : first + 65_536])
            self.wfile.flush()
            self.hub.served += len(part[first : first + 65_536])
            if self.hub.delay:
                threading.Event().wait(self.hub.delay)
        if at_most < len(content):
            self.close_connection = True


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub at `hub.url` for the length of a `with` block."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
