"""Readers against damaged input: mutated files, read one after another in a process with limits."""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import resource
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence

_CHUNKS = (
    b"\0",
    b"\xff",
    b"\n",
    b'"',
    b"{",
    b"[",
    b"(",
    b"<",
    b"0",
    b"-1",
    b"1e999",
    b"\xed\xa0\x80",
)
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutated(seeds: Sequence[bytes], count: int, *, seed: int = 0) -> Iterator[bytes]:
    """`count` damaged forms of the seeds, the same for the same `seed`."""
    draw = random.Random(seed)
    for _ in range(count):
        content = bytearray(draw.choice(seeds))
        for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
            _mutate(content, draw, seeds)
        yield bytes(content)


def _mutate(content: bytearray, draw: random.Random, seeds: Sequence[bytes]) -> None:
    at = draw.randrange(len(content) + 1)
    end = min(len(content), at + draw.choice((1, 2, 4, 16, 256)))
    match draw.randrange(8):
        case 0 if at < len(content):
            content[at] ^= 1 << draw.randrange(8)
        case 1:
            del content[at:end]
        case 2:
            del content[at:]
        case 3:
            content[at:at] = draw.choice(_CHUNKS) * draw.choice((1, 1, 2, 64, 5_000))
        case 4:
            content[at:at] = content[at:end] * draw.choice((1, 2, 30))
        case 5:
            width = draw.choice((1, 2, 4, 8))
            number = draw.choice(_NUMBERS) % 256**width
            content[at : at + width] = number.to_bytes(width, draw.choice(("big", "little")))
        case 6:
            other = draw.choice(seeds)
            begin = draw.randrange(len(other) + 1)
            content[at:end] = other[begin : begin + draw.choice((4, 64, 1_024))]
        case _:
            content[at:end] = draw.randbytes(end - at)


def assert_survives(
    read: Callable[[bytes], object],
    inputs: Iterator[bytes],
    *,
    refused: tuple[type[Exception], ...],
    seconds: int = 20,
    mebibytes: int = 1_024,
) -> None:
    """Each input is read, or refused by one of these errors: no other one, no hang, no flood.

    Runs in a child that may take `seconds` an input and `mebibytes` more of address space than
    it has when it begins. The failing input is in the message.
    """
    current = mmap.mmap(-1, 2**20)  # shared with the child: the input under way
    verdict_read, verdict_write = os.pipe()
    child = os.fork()
    if child == 0:
        _read_all(read, inputs, refused, seconds, mebibytes, current, verdict_write)
    os.close(verdict_write)
    with os.fdopen(verdict_read, "rb") as file:
        verdict = file.read().decode()
    _, status = os.waitpid(child, 0)
    length = int.from_bytes(current[:8], "big")
    content = bytes(current[8 : 8 + length])
    how = f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else verdict
    assert status == 0, f"{how}\ninput of {length} bytes: {content[:4_000]!r}"


def _read_all(
    read: Callable[[bytes], object],
    inputs: Iterator[bytes],
    refused: tuple[type[Exception], ...],
    seconds: int,
    mebibytes: int,
    current: mmap.mmap,
    verdict: int,
) -> None:
    """The child's life: it never returns."""
    code = 1
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            held = int(file.read().split()[0]) * mmap.PAGESIZE
        limit = held + mebibytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a hang in C is killed too
        for content in inputs:
            kept = content[: len(current) - 8]
            current[: 8 + len(kept)] = len(kept).to_bytes(8, "big") + kept
            signal.alarm(seconds)
            with contextlib.suppress(*refused):
                read(content)
            signal.alarm(0)
        code = 0
    except BaseException:
        os.write(verdict, traceback.format_exc()[-8_000:].encode("utf-8", "replace"))
    finally:
        os._exit(code)
