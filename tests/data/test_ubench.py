"""`--data ubench`: fetching, checking and opening the release, against a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .hub import Hub, serving
from .release import make_row, write_shards

pytest.importorskip("huggingface_hub", reason="fetching μ-Bench needs mubench-gen[ubench]")

from tests.helpers import forks

from mubench_gen.data import open_dataset, ubench, verify
from mubench_gen.data.ubench import UBENCH, Release
from mubench_gen.errors import DataError

REVISION = "0123456789abcdef0123456789abcdef01234567"
REPO = "somebody/small"
# Puts another release in place of the published one.
ANOTHER = """
from mubench_gen.data import ubench
repo, revision, files = {}
ubench.UBENCH = ubench.Release(repo, revision, tuple(map(tuple, files)))
"""
STARTED = (
    ANOTHER
    + """
import sys
sys.argv[0] = "mubench-gen"
from mubench_gen.__main__ import main
main()
"""
)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    paths = write_shards(tmp_path / "made", [make_row(i) for i in range(9)])
    padding = {"perception/notes.txt": b"not asked for"}
    files = {f"perception/0.1.0/{path.name}": path.read_bytes() for path in paths}
    with serving(Hub(REPO, REVISION, files | padding)) as running:
        yield running


@pytest.fixture
def release(hub: Hub) -> Release:
    arrows = sorted(path for path in hub.files if path.endswith(".arrow"))
    digests = [(path, hashlib.sha256(hub.files[path]).hexdigest()) for path in arrows]
    return Release(REPO, REVISION, tuple(digests))


class Prepared:
    """`mubench-gen` in a process of its own, its hub on loopback, its caches in `folder`."""

    def __init__(self, folder: Path, hub: Hub, release: Release) -> None:
        self.home = folder / "hf"
        self.release = release
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))},
            "HF_HOME": str(self.home),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "MUBENCH_GEN_CACHE": str(folder / "cache"),
            "NO_PROXY": "*",
        }

    @property
    def snapshot(self) -> Path:
        return self.home / f"hub/datasets--somebody--small/snapshots/{REVISION}/perception/0.1.0"

    def __call__(self, *args: str) -> subprocess.CompletedProcess[str]:
        before = ANOTHER.format(self.told)
        return forks.captured(list(args), Path.cwd(), self.environment, before=before)

    @property
    def told(self) -> tuple[object, ...]:
        return (self.release.repo, self.release.revision, self.release.files)

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", STARTED.format(self.told), *args],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture
def mubench(tmp_path: Path, hub: Hub, release: Release) -> Prepared:
    return Prepared(tmp_path, hub, release)


def test_the_published_release_is_pinned() -> None:
    assert len(UBENCH.revision) == 40
    assert [len(digest) for _, digest in UBENCH.files] == [64] * 7
    assert UBENCH.files[6][0] == "perception/0.1.0/ubench-test-00006-of-00007.arrow"


def test_prepare_fetches_each_file_once_and_opens(mubench: Prepared, hub: Hub) -> None:
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(mubench.snapshot)
    wanted = sum(len(content) for path, content in hub.files.items() if path.endswith(".arrow"))
    assert hub.served == wanted
    again = mubench("data", "prepare", "ubench")
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert hub.served == wanted
    info = json.loads(mubench("data", "info", "ubench", "--json").stdout)
    assert (info["rows"], info["revision"]) == (9, REVISION)


def test_there_is_no_second_copy_on_the_disk(mubench: Prepared, hub: Hub, tmp_path: Path) -> None:
    mubench("data", "prepare", "ubench")
    stored = sum(
        path.stat().st_size
        for folder in (mubench.home, tmp_path / "cache")
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    wanted = sum(len(content) for path, content in hub.files.items() if path.endswith(".arrow"))
    assert wanted <= stored < wanted + 10_000


def test_a_connection_that_breaks_is_taken_up_again(mubench: Prepared, hub: Hub) -> None:
    hub.breaks = [5_000]
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 0, done.stderr
    assert "bytes=5000-" in [wanted for _, _, wanted in hub.asked]


def test_a_download_that_was_killed_goes_on_where_it_was(
    mubench: Prepared, hub: Hub, release: Release
) -> None:
    name, _ = release.files[0]
    hub.files[name] += os.urandom(3_000_000)  # no data any more, but a long download
    digest = hashlib.sha256(hub.files[name]).hexdigest()
    mubench.release = Release(REPO, REVISION, ((name, digest), *release.files[1:]))
    hub.delay = 0.05
    running = mubench.start("data", "prepare", "ubench")
    deadline = time.monotonic() + 240
    while hub.served < 1_000_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (unfinished,) = mubench.home.rglob("*.incomplete")
    have = unfinished.stat().st_size
    assert 0 < have < len(hub.files[name])
    hub.delay = 0
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 0, done.stderr
    assert f"bytes={have}-" in [wanted for _, _, wanted in hub.asked]
    assert (mubench.snapshot / Path(name).name).read_bytes() == hub.files[name]


def test_a_file_with_another_digest_is_told_and_not_kept(
    mubench: Prepared, hub: Hub, release: Release
) -> None:
    name, digest = release.files[1]
    hub.etags[name] = digest  # the server says that it is the right one
    hub.files[name] = b"x" * len(hub.files[name])
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 2
    found = hashlib.sha256(hub.files[name]).hexdigest()
    assert all(text in done.stderr for text in (name, digest, found))
    assert "Traceback" not in done.stderr
    assert not (mubench.snapshot / Path(name).name).exists()


def test_another_file_at_the_pinned_revision_is_told_before_it_is_fetched(
    mubench: Prepared, hub: Hub, release: Release
) -> None:
    name, digest = release.files[2]
    hub.files[name] += b"more"
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 2
    assert digest in done.stderr
    assert hub.served == 0


def test_a_file_that_was_damaged_on_the_disk_is_fetched_again(
    mubench: Prepared, hub: Hub, release: Release
) -> None:
    mubench("data", "prepare", "ubench")
    path = mubench.snapshot / Path(release.files[0][0]).name
    path.resolve().write_bytes(path.read_bytes()[:-100])
    broken = mubench("data", "info", "ubench")
    assert broken.returncode == 2
    assert all(t in broken.stderr for t in (path.name, release.files[0][1], "--partial"))
    served = hub.served
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 0, done.stderr
    assert "fetched again" in done.stderr
    assert hub.served == served + len(hub.files[release.files[0][0]])


def test_too_little_room_is_told_before_the_download(
    hub: Hub, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    from mubench_gen.data.fetch import fetch

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        hub.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    with pytest.raises(DataError, match=r"Not enough room .* are free\. Set HF_HOME"):
        fetch(release)
    assert hub.served == 0


def test_a_hub_that_cannot_be_reached_is_told(mubench: Prepared) -> None:
    mubench.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 2
    assert "cannot be fetched from http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_revision_that_the_hub_lacks_is_told(mubench: Prepared) -> None:
    mubench.release = Release(REPO, "f" * 40, mubench.release.files)
    done = mubench("data", "prepare", "ubench")
    assert done.returncode == 2
    assert "cannot be fetched" in done.stderr
    assert "Traceback" not in done.stderr


def test_ubench_that_is_not_prepared_says_what_to_type(mubench: Prepared) -> None:
    done = mubench("data", "info", "ubench")
    assert done.returncode == 2
    assert "mubench-gen data prepare ubench" in done.stderr


def test_a_missing_file_is_named_and_partial_uses_the_others(
    mubench: Prepared, release: Release
) -> None:
    mubench("data", "prepare", "ubench")
    (mubench.snapshot / Path(release.files[1][0]).name).unlink()
    broken = mubench("data", "info", "ubench")
    assert broken.returncode == 2
    assert "ubench-test-00001-of-00003.arrow" in broken.stderr
    partial = mubench("data", "info", "ubench", "--partial", "--json")
    assert json.loads(partial.stdout)["rows"] == 6
    assert "Left out" in partial.stderr


def test_verify_reads_all_and_names_what_is_wrong(mubench: Prepared, release: Release) -> None:
    mubench("data", "prepare", "ubench")
    sound = mubench("data", "verify", "--json")
    assert sound.returncode == 0
    assert [one["rows"] for one in json.loads(sound.stdout)] == [3, 3, 3]
    path = mubench.snapshot / Path(release.files[2][0]).name
    facts = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.resolve().write_bytes(content)
    os.utime(path.resolve(), ns=(facts.st_atime_ns, facts.st_mtime_ns))  # nobody else would see it
    found = mubench("data", "verify", "--json")
    assert found.returncode == 1
    problems = [one["problem"] for one in json.loads(found.stdout)]
    assert problems[:2] == [None, None]
    assert "SHA-256 expected" in problems[2]


def test_a_folder_of_shards_names_the_one_that_lacks(tmp_path: Path) -> None:
    paths = write_shards(tmp_path / "data", [make_row(i) for i in range(9)])
    paths[1].unlink()
    with pytest.raises(DataError, match=r"00001-of-00003\.arrow: missing.*\n1 of 3 .*--partial"):
        open_dataset(str(tmp_path / "data"))
    assert len(open_dataset(str(tmp_path / "data"), partial=True)) == 6


def test_partial_leaves_out_a_truncated_shard(tmp_path: Path) -> None:
    paths = write_shards(tmp_path / "data", [make_row(i) for i in range(9)])
    paths[0].write_bytes(paths[0].read_bytes()[:-50])
    with pytest.raises(DataError, match=r"00000-of-00003\.arrow: truncated"):
        open_dataset(str(tmp_path / "data"))
    dataset = open_dataset(str(tmp_path / "data"), partial=True)
    assert [row.image_id for row in dataset] == [make_row(i)["image_id"] for i in range(3, 9)]


def test_verify_of_a_folder_knows_the_published_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    write_shards(tmp_path / "data", [make_row(i) for i in range(9)], count=7)
    found = verify.verify(str(tmp_path / "data"))
    assert [one.expected for one in found] == [digest for _, digest in ubench.UBENCH.files]
    assert all("SHA-256 expected" in str(one.problem) for one in found)
