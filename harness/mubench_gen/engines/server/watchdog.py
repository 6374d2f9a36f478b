"""Runs a command, and ends it with all its children when the starting process is gone.

    python server_watchdog.py COMMAND …

Its standard input is a pipe from the starting process, which closes however that ends. It runs as
a script in its own process group, with only the standard library.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

GRACE = 10.0  # seconds between asking to end and ending
_STEP = 0.2


def main() -> int:
    """The command's exit code; 143 if it was ended."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # a handler, unlike ignoring, is not inherited
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    while child.poll() is None:
        ready, _, _ = select.select([sys.stdin], [], [], _STEP)
        if ready and not os.read(sys.stdin.fileno(), 1):
            _end(child)
            return 143
    code = child.returncode
    _end(child)  # children that it may have left behind
    return code if code >= 0 else 128 - code


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the process group, including this process if some other does not end."""
    group = os.getpgrp()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while time.monotonic() < until and (child.poll() is None or _has_others(group)):
        time.sleep(_STEP / 4)
    if child.poll() is None or _has_others(group):
        os.killpg(group, signal.SIGKILL)


def _has_others(group: int) -> bool:
    """Whether other processes of the group are running, according to /proc."""
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return False
    for name in numbers:
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, _, of_group = file.read().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(of_group) == group and int(name) != os.getpid() and state != "Z":
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
