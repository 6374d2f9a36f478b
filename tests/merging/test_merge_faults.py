"""A disk that fails under a merge: one message, and what is finished is kept."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Here, assert_same, near, read, save, toy

FLAGS = ("--alpha", "0.5", "--out", "m")


def failing(real: Callable[..., Any], when: Callable[[str], bool] = lambda path: True) -> Any:
    """The function, but for paths (or descriptors' files) on a bad place of the disk."""

    def called(place: Any, *args: Any, **given: Any) -> Any:
        path = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else str(place)
        if when(path):
            named = () if isinstance(place, int) else (path,)
            raise OSError(errno.EIO, os.strerror(errno.EIO), *named)
        return real(place, *args, **given)

    return called


@pytest.mark.parametrize(
    ("owner", "name", "part"),
    [
        (os, "preadv", "tuned"),
        (os, "pwrite", ".m.partial"),
        (os, "fsync", ".m.partial"),
        (os, "replace", ".m.partial"),
        (os, "open", ".m.partial/model.safetensors"),
        (shutil, "rmtree", ".progress"),
        (shutil, "disk_usage", ""),
        (shutil, "copyfile", "base"),
        (Path, "iterdir", "base"),
        (Path, "iterdir", ".m.partial"),
        (os, "open", "settings.json"),
        (os, "open", "base/config.json"),
        (Path, "read_bytes", "chat_template"),
        (Path, "stat", "tuned/model"),
        (os, "open", "tuned/model"),
        (Path, "mkdir", ".m.partial"),
        (Path, "unlink", ".m.partial"),
        (Path, "replace", ".m.partial"),
    ],
)
def test_input_output_errors_are_one_message(
    base: Path,
    tuned: Path,
    here: Here,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    part: str,
) -> None:
    """Of a merge that was interrupted before, so that there is something to remove and to read."""
    partial = tmp_path / ".m.partial"
    (partial / ".progress").mkdir(parents=True)
    (partial / ".progress" / "settings.json").write_text('{"of": "another merge"}')
    (partial / "model.safetensors.part").write_bytes(b"begun")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(getattr(owner, name), lambda path: part in path))
        done = here("merge", base, tuned, *FLAGS)
    assert done.code == 2, done.err
    assert "Input/output error" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "m").exists()
    assert here("merge", base, tuned, *FLAGS).code == 0
    assert read(tmp_path / "m").keys() == toy().keys()


def test_what_is_finished_outlives_an_input_that_cannot_be_read(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save(tmp_path / "base", toy(), shards=3)
    tuned = save(tmp_path / "tuned", near(toy()), shards=3)
    bad = "tuned/model-00003-of-00003.safetensors"
    with monkeypatch.context() as patched:
        patched.setattr(os, "preadv", failing(os.preadv, lambda path: path.endswith(bad)))
        done = here("merge", base, tuned, *FLAGS)
    assert done.code == 2
    assert f"{tmp_path / bad} cannot be written or read: Input/output error" in done.err
    assert "the same command continues" in done.err
    again = here("merge", base, tuned, *FLAGS)
    assert "2 of 3 shards were finished" in again.err
    assert here("merge", base, tuned, "--alpha", "0.5", "--out", "whole").code == 0
    assert_same(read(tmp_path / "m"), read(tmp_path / "whole"))
