"""Data sets on the hub by id: a commit is found and kept, the cache is used, nothing is guessed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.data.foreign import PICTURES, TEXT, found
from tests.data.hub import Hub, serving
from tests.helpers.command import Outcome

from mubench_gen.data import hub as reach
from mubench_gen.data import open_dataset
from mubench_gen.errors import DataError, SettingError

pytest.importorskip("huggingface_hub", reason="needs mubench-gen[hub]")
Here = Callable[..., Outcome]
REPO, COMMIT = "lab/cells", "1" * 40


def parquet(question: str) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet as files

    rows = [{"question": question, "image": {"bytes": PICTURES[i], "path": None},
             "choices": ["x", "y"], "answer": "AB"[i % 2]} for i in range(2)]  # fmt: skip
    stream = io.BytesIO()
    files.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


CARD = """---
license: cc-by-4.0
configs:
- config_name: small
  data_files:
  - split: test
    path: small/test-*.parquet
- config_name: large
  data_files:
  - split: test
    path: large/test.jsonl
  - split: train
    path: large/train.jsonl
---
Cells.
"""
FILES = {
    "README.md": CARD.encode(),
    "small/test-00000-of-00002.parquet": parquet("small 0"),
    "small/test-00001-of-00002.parquet": parquet("small 1"),
    "large/test.jsonl": json.dumps(
        {"image": "pictures/a.png", "question": "large", "options": ["p", "q"], "answer": "q"}
    ).encode(),
    "large/train.jsonl": b"",
    "large/pictures/a.png": PICTURES[5],
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one data set of two configurations."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    reach.unreachable.cache_clear()
    with serving(Hub(REPO, COMMIT, dict(FILES), branches={"main": COMMIT})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server
    reach.unreachable.cache_clear()


def questions(text: str, **more: Any) -> list[str]:
    return [one.text for one in found(open_dataset(text, **more))]


def test_a_configuration_is_fetched_and_its_commit_recorded(hub: Hub, here: Here) -> None:
    done = here("eval", "--plugin", "echo", "--data", f"hf:{REPO}:small", "--run-dir", "r")
    assert done.code == 0, done.err
    assert f"{REPO}: commit {COMMIT}, 2 files" in done.err
    assert "licence: cc-by-4.0" in done.err
    data = json.loads((Path("r") / "manifest.json").read_text())["data"]
    assert data["revision"] == COMMIT
    assert data["hub"] == f"{REPO}@{COMMIT}"
    assert not [path for _, path, _ in hub.asked if "large" in path]


def test_rows_that_name_image_files_have_them_fetched_too(hub: Hub) -> None:
    assert questions(f"hf:{REPO}:large/test@main") == ["large"]
    dataset = open_dataset(f"hf:{REPO}:large/test")
    assert dataset[0].image.file_bytes == PICTURES[5]
    assert dataset[0].meta["license"] == "cc-by-4.0"


def test_an_id_is_imported_as_a_folder(hub: Hub, here: Here) -> None:
    made = here("data", "import", f"hf:{REPO}:large/test", "--out", "out")
    assert made.code == 0, made.err
    assert open_dataset("out").digest == open_dataset(f"hf:{REPO}:large/test").digest


def test_what_was_fetched_is_opened_without_a_network(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_dataset(f"hf:{REPO}:small")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(hub.asked)
    again = open_dataset(f"hf:{REPO}:small")
    assert (again.digest, again.revision) == (first.digest, COMMIT)
    assert len(hub.asked) == asked
    with pytest.raises(DataError, match=r"not in the hub's cache.*HF_HUB_OFFLINE forbids"):
        open_dataset("hf:lab/other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"hf:{REPO}", f"several configurations.*hf:{REPO}:large or hf:{REPO}:small"),
        (f"hf:{REPO}:huge", "no configuration 'huge'"),
        (f"hf:{REPO}:large", f"several splits.*hf:{REPO}:large/test or"),
        (f"hf:{REPO}:small/train", "no split 'train'"),
        (f"hf:{REPO}:small@v9", "no such revision"),
        ("hf:lab/nothing", "no such data set"),
    ],
)
def test_what_is_not_clear_or_not_there_is_told(hub: Hub, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(text)


def test_a_text_that_is_no_id_is_told() -> None:
    with pytest.raises(SettingError, match="hf:OWNER/NAME"):
        open_dataset("hf:cells")


def test_an_image_outside_of_the_data_set_is_not_read(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PICTURES[0])
    row = {"image": str(tmp_path / "secret.png"), "question": "Q", "options": ["p", "q"]}
    hub.files["large/test.jsonl"] = json.dumps({**row, "answer": "q"}).encode()
    with pytest.raises(DataError, match="is not in the folder"):
        open_dataset(f"hf:{REPO}:large/test", outside=True)
    assert TEXT
