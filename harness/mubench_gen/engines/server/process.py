"""Runs a server as a process group on loopback that ends with this process."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mubench_gen.engines.server import watchdog as server_watchdog
from mubench_gen.engines.vllm.log import end_of

_LOOK = 0.25  # seconds between two checks


class ServerProcess:
    """Starts and stops a command that listens on `port` of loopback.

    Its output goes to `log`. It has its own process group, so that Ctrl-C reaches it only
    through `stop`, and a watchdog ends the group when this process ends in any way.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, port: int, log: Path
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0  # where the log of the last start begins
        self.port = port
        self.log = log

    @property
    def pid(self) -> int | None:
        """The id of the process group."""
        return self._process.pid if self._process is not None else None

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs, or before it is started."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start it (again), without waiting for it to be ready."""
        self.stop()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._began = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, server_watchdog.__file__, *self._command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def wait_until_ready(self, timeout: float, tell: Callable[[str], None]) -> bool:
        """Whether /health answered in time, before the process ended. `tell` gets new lines."""
        until = time.monotonic() + timeout
        told = self.log.stat().st_size if self.log.is_file() else 0
        while time.monotonic() < until and self.exit_code is None:
            told = self._tell_from(told, tell)
            if self._is_healthy():
                return True
            time.sleep(_LOOK)
        self._tell_from(told, tell)
        return False

    def stop(self) -> None:
        """End it and all its children; returns when they are gone."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # the watchdog's sign
        try:
            process.wait(server_watchdog.GRACE + 5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @property
    def said(self) -> str:
        """The end of the log since the last start."""
        return end_of(self.log, self._began)

    def _tell_from(self, offset: int, tell: Callable[[str], None]) -> int:
        """Pass on the complete lines after the offset; returns the next offset."""
        try:
            with self.log.open("rb") as file:
                file.seek(offset)
                new = file.read()
        except OSError:  # the log is useful but not essential
            return offset
        whole = new[: new.rfind(b"\n") + 1]
        for line in whole.decode("utf-8", "replace").splitlines():
            tell(line)
        return offset + len(whole)

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
