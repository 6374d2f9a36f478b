"""What a host's process runs: it settles in, and serves one model until its parent says so."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys


def main(descriptor: int) -> None:
    """Serve what comes through the pipe of that file descriptor."""
    os.dup2(2, 1)  # stdout is for the results of a run
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()  # names the line in which a crash happens
    for number in (signal.SIGINT, signal.SIGHUP):  # for the parent, which ends this process
        signal.signal(number, signal.SIG_IGN)
    from mubench_gen.host.loop import serve

    serve(descriptor)
    sys.stdout.flush()
    os._exit(0)  # threads that a plugin left running would keep the process alive
