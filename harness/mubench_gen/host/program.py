"""What a host's process runs: it settles in, and serves one model until its parent says so."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
from contextlib import suppress

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's prctl


def main(descriptor: int, parent: int) -> None:
    """Serve what comes through the pipe of that file descriptor, for the process `parent`."""
    _settle_in(parent)
    from mubench_gen.host.loop import serve

    serve(descriptor)
    os._exit(0)  # threads that a plugin left running would keep the process alive


def _settle_in(parent: int) -> None:
    """End with the parent, whatever happens; leave stdout to results, and Ctrl-C to the parent."""
    with suppress(OSError, AttributeError):  # not on Linux: then the end of the pipe tells
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.dup2(2, 1)
    faulthandler.enable()  # names the line in which a crash happened
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
