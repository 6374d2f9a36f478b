"""A hub of models on loopback: what huggingface_hub asks for, of folders by their ids."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "1" * 40
_ABOUT = re.compile(
    r"/api/models/(?P<repo>[^/]+/[^/]+)(/(?P<what>revision|tree)/[^/]+)?(?P<in>/.+)?"
)
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/[^/]+/(?P<file>.+)")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repos: Mapping[str, Path]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        about, file = _ABOUT.fullmatch(path), _FILE.fullmatch(path)
        found = about or file
        folder = self.repos.get(found["repo"]) if found else None
        if found is None or folder is None:
            return self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        if about is not None:
            return self._describe(about["repo"], folder, about["what"] == "tree", about["in"])
        wanted = folder / found["file"]
        if not wanted.is_file():
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        content = wanted.read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        return self._send(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def _describe(self, repo: str, folder: Path, tree: bool, inside: str | None) -> None:
        files = [(file.name, file.stat().st_size) for file in folder.iterdir() if file.is_file()]
        told: Any = [{"type": "file", "path": n, "size": s, "oid": n} for n, s in files]
        if inside is not None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        if not tree:
            told = {"id": repo, "sha": COMMIT, "siblings": [{"rfilename": n} for n, _ in files]}
        return self._send(200, json.dumps(told).encode(), {})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving_models(repos: Mapping[str, Path]) -> Iterator[str]:
    """The address of a hub that has the folders by their ids, for the length of a `with` block."""
    handler = type("Handler", (_Handler,), {"repos": repos})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
