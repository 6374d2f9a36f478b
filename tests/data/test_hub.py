"""Without a network: an answer within seconds, in one message, whatever the client would do."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.helpers.command import Outcome

from mubench_gen.data import hub, open_dataset
from mubench_gen.errors import DataError, UsageError

Here = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def own_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, and a switch that is put back."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(hub, "_PATIENCE", 0.5)
    hub.unreachable.cache_clear()
    yield
    os.environ.pop("HF_HUB_OFFLINE", None)
    hub.unreachable.cache_clear()


@pytest.fixture(params=["refused", "silent", "failing"])
def no_hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address where nobody is, where nobody answers, or where a proxy tells of a fault."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "failing":
            threading.Thread(target=_fail, args=(server,), daemon=True).start()
        if request.param == "refused":
            server.close()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield request.param


def _fail(server: socket.socket) -> None:
    try:
        connection, _ = server.accept()
    except OSError:  # the test is over, and nobody came
        return
    with connection:
        connection.recv(1_000)
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")


def write_checkpoint(home: Path) -> None:
    folder = home / "hub/models--org--there/snapshots/abc"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"0")


def test_a_checkpoint_that_is_nowhere_is_refused_in_one_message(no_hub: str) -> None:
    with pytest.raises(UsageError) as caught:
        hub.require_checkpoint("org/absent")
    told = str(caught.value)
    assert "org/absent is not in the hub's cache" in told
    assert "cannot be reached: " in told
    assert "hf download org/absent" in told
    assert "\n" not in told


def test_a_checkpoint_of_the_cache_is_opened_without_retries(
    no_hub: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(tmp_path / "hf")
    hub.require_checkpoint("org/there")
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert "org/there is opened from its cache" in capsys.readouterr().err


def test_a_folder_needs_no_hub(no_hub: str, tmp_path: Path) -> None:
    hub.require_checkpoint(tmp_path)
    assert "HF_HUB_OFFLINE" not in os.environ


def test_a_switch_that_is_off_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    with pytest.raises(UsageError, match="and TRANSFORMERS_OFFLINE forbids the network"):
        hub.require_checkpoint("org/absent")


def test_a_data_set_that_is_nowhere_is_refused_in_one_message(no_hub: str) -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(
        DataError, match=r"the hub \(http.*\) cannot be reached: .*--repo-type dataset"
    ):
        open_dataset("hf:org/absent")


def test_offline_by_a_switch_names_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    with pytest.raises(UsageError, match="TRANSFORMERS_OFFLINE forbids the network"):
        hub.require_checkpoint("org/absent")


def test_a_run_of_a_model_that_cannot_be_fetched_ends_with_one_message(
    no_hub: str, here: Here, cells: Path
) -> None:
    done = here("eval", "--plugin", "clip", "--data", cells, "--tasks", "modality", "-q")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("mubench-gen: openai/clip-vit-base-patch32 is not in the hub's")
    assert done.err.count("\n") == 1
