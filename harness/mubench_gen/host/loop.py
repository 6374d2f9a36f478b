"""The host's side of the pipe: takes in messages in one thread, obeys them in another.

In come ("call", name, arguments), ("ask", number, requests, images, forgotten), ("give up",
number) and ("close",); out go ("result", …), ("error", class, message) and events.
"""

from __future__ import annotations

import os
import queue
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from mubench_gen.console import streams as standard_streams
from mubench_gen.errors import MubenchError, describe
from mubench_gen.host.messages import SentImage, SentRequest, received_image, unpack
from mubench_gen.host.serving import Serving
from mubench_gen.host.setup import HostSetup
from mubench_gen.host.wire import Message, as_message
from mubench_gen.types import Image, Request


def serve(descriptor: int) -> None:
    """Open the model that the first message specifies, and answer until "close"."""
    standard_streams.install()  # so that secrets are masked in what a plugin prints
    connection: Connection[Any, Any] = Connection(descriptor)
    served = _Served(connection, connection.recv())
    threading.Thread(target=served.read, daemon=True).start()
    served.obey()


class _Served:
    def __init__(self, connection: Connection[Any, Any], setup: HostSetup) -> None:
        self._connection = connection
        self._setup = setup
        self._sending = threading.Lock()
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._serving: Serving | None = None
        self._contents: dict[str, bytes] = {}
        self._images: dict[SentImage, Image] = {}

    def read(self) -> None:
        """Take in messages, so that the parent never waits to send one; decode ahead."""
        try:
            while True:
                message = self._connection.recv()
                if message[0] == "ask":
                    message = ("ask", message[1], self._requests(*message[2:]))
                self._inbox.put(message)
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone

    def obey(self) -> None:
        while (message := self._inbox.get())[0] != "close":
            kind, *rest = message
            if kind == "call":
                self._result(self._call, *rest)
                continue
            assert self._serving is not None, "load comes first"
            if kind == "ask":
                self._serving.ask(*rest)
            else:
                self._serving.give_up(*rest)
        self._close()

    def _close(self) -> None:
        try:
            if self._serving is not None:
                self._serving.close()
            self._send(("result", None))
        except BaseException as error:  # an edge of isolation: the plugin's own code
            self._send(("error", type(error).__name__, describe(error)))

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if self._serving is None:
            opened = self._setup.open()
            self._serving = Serving(opened, lambda event: self._send(as_message(event)))
        return self._serving.call(name, arguments)

    def _result(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._send(("result", call(*arguments)))
        except BaseException as error:  # one that is not of mubench-gen is a bug in it
            if not isinstance(error, MubenchError):
                traceback.print_exception(error)
            self._send(("error", type(error).__name__, describe(error)))

    def _send(self, message: Message) -> None:
        with self._sending, suppress(OSError):  # the parent is gone: `read` notices
            self._connection.send(message)

    def _requests(
        self, sent: Sequence[SentRequest], contents: Mapping[str, bytes], gone: Sequence[str]
    ) -> list[Request]:
        """Whole requests, whose images are being decoded from now on."""
        assert self._serving is not None, "load comes first"
        self._contents |= contents
        requests = [unpack(request, self._image) for request in sent]
        for digest in gone:
            self._contents.pop(digest, None)
        if gone:
            kept = self._images.items()
            self._images = {mark: image for mark, image in kept if mark.sha256 in self._contents}
        self._serving.prepare(requests)
        return requests

    def _image(self, sent: SentImage) -> Image:
        if sent not in self._images:
            assert self._serving is not None, "load comes first"
            content = self._contents[sent.sha256]
            self._images[sent] = received_image(sent, content, self._serving.policy)
        return self._images[sent]
