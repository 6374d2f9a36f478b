"""File systems that lack something: said once, and used all the same."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from mubench_gen.storage.json_files import tell_once

from .conftest import Here


def _refuse(number: int) -> object:
    def call(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.fixture(autouse=True)
def _untold() -> None:
    tell_once.cache_clear()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_fsync_is_said_once_and_used(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", _refuse(number))
    done = here("eval", "--plugin", "echo", "--data", cells, "--batch-size", "1", "--json")
    assert done.code == 0
    assert done.err.count("no fsync") == 1
    assert done.document["complete"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_once_and_used(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", _refuse(number))
    done = here("eval", "--plugin", "echo", "--data", cells, "--json")
    assert done.code == 0
    assert done.err.count("no locks") == 1
    assert done.document["complete"]


def test_a_disk_that_fails_is_no_file_system_without_fsync(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", _refuse(errno.EIO))
    done = here("eval", "--plugin", "echo", "--data", cells)
    assert done.code == 2
    assert "cannot be written" in done.err


def test_a_folder_that_another_process_holds_is_still_refused(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", _refuse(errno.EWOULDBLOCK))
    done = here("eval", "--plugin", "echo", "--data", cells)
    assert done.code == 2
    assert "in use" in done.err
