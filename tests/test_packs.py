"""`runs pack`: one file of a run, which other commands read."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

import mubench_gen

from .conftest import Here
from .spine import evaluate


@pytest.fixture
def run(cells: Path, tmp_path: Path) -> Path:
    options = {"fail": "0.3"}
    return evaluate("echo", tmp_path / "private" / "one", data=str(cells), options=options).dir


def packed(here: Here, run: Path, *words: str) -> Path:
    outcome = here("runs", "pack", run, *words)
    assert outcome.code == 0, outcome.err
    return Path(outcome.out.strip())


def test_a_run_gives_the_same_bytes_whenever_and_from_wherever_it_is_packed(
    here: Here, run: Path, tmp_path: Path
) -> None:
    first = packed(here, run).read_bytes()
    mubench_gen.load_run(run).write_scores()
    again = packed(here, run, "--out", "again.run.zip")
    assert again.read_bytes() == first
    shutil.copytree(run, tmp_path / "elsewhere" / "one")
    assert packed(here, tmp_path / "elsewhere" / "one").read_bytes() == first
    assert packed(here, run).read_bytes() == first  # the same file may be written again


def test_a_pack_is_a_run_for_every_command_that_reads_one(
    here: Here, run: Path, cells: Path
) -> None:
    pack = packed(here, run, "--out", "one.run.zip")
    shown = here("report", run, "--json").document
    shutil.rmtree(run)
    again = here("report", pack, "--json").document
    assert again["scores"] == shown["scores"]
    assert here("runs", "verify", pack, "--records-only").code == 0
    assert here("report", pack, "--html", "page.html").code == 0
    assert here("score", pack).code == 0
    assert here("score", pack, "--save").code == 2
    assert here("report", pack, "--html").code == 2
    assert here("runs", "rerun", pack, "--data", cells, "--check", "1").code in (0, 3)


def test_a_pack_holds_no_private_path_and_says_what_it_stood_on(here: Here, run: Path) -> None:
    pack = packed(here, run)
    with zipfile.ZipFile(pack) as archive:
        names = archive.namelist()
        content = {name: archive.read(name) for name in names}
    assert not any(
        b"/private" in one or str(run.parent).encode() in one for one in content.values()
    )
    assert not any(str(Path.home()).encode() in one for one in content.values())
    freeze = json.loads(content["environment.json"])
    assert freeze["installed"]["mubench-gen"]
    assert freeze["installed"]["click"]
    assert json.loads(content["licences.json"])["items"] == {"CC0": 6}
    assert not any(name.startswith("images/") for name in names)


def test_paths_of_the_command_are_shortened_and_models_are_not(here: Here, run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    typed = ["mubench-gen", "eval", "--data", "../patients/slides", "--run-dir=private/one",
             "--model", "OWNER/NAME", "--base-url", "http://host/v1"]  # fmt: skip
    manifest["sessions"][0]["command"] = typed
    manifest.pop("crc")
    (run / "manifest.json").write_text(json.dumps(manifest))
    with zipfile.ZipFile(packed(here, run)) as archive:
        shown = json.loads(archive.read("manifest.json"))["sessions"][0]["command"]
    assert shown == ["mubench-gen", "eval", "--data", "slides", "--run-dir=one",
                     "--model", "OWNER/NAME", "--base-url", "http://host/v1"]  # fmt: skip


def test_images_go_with_a_pack_where_they_are_asked_for(here: Here, run: Path, cells: Path) -> None:
    pack = packed(here, run, "--images", "--out", "with.run.zip")
    with zipfile.ZipFile(pack) as archive:
        assert sum(name.startswith("images/") for name in archive.namelist()) == 3
    shutil.rmtree(cells)
    page = here("report", pack, "--html", "page.html")
    assert "3 images" in page.err


@pytest.mark.parametrize("member", ["records.jsonl", "scores.json"])
def test_a_pack_that_was_changed_does_not_hold(here: Here, run: Path, member: str) -> None:
    pack = packed(here, run, "--out", "one.run.zip")
    changed = Path("changed.run.zip")
    with zipfile.ZipFile(pack) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"1", b"2", 1) if name == member else content)
    outcome = here("runs", "verify", changed)
    assert outcome.code == 1
    assert "does not fit its digest" in outcome.out
    refused = here("report", changed)
    assert refused.code == 2
    assert "was changed" in refused.err


def test_what_is_no_pack_is_refused(here: Here, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 no zip")
    with zipfile.ZipFile(tmp_path / "evil.run.zip", "w") as archive:
        archive.writestr("pack.json", json.dumps({"format": 1, "members": {"../x": "0"}}))
    for name in ("x.zip", "evil.run.zip"):
        assert here("report", name).code == 2
    assert not (tmp_path.parent / "x").exists()


@pytest.mark.parametrize("at", [200, 400])
def test_a_pack_with_a_changed_byte_does_not_hold(here: Here, run: Path, at: int) -> None:
    content = bytearray(packed(here, run, "--out", "one.run.zip").read_bytes())
    content[at] ^= 0xFF
    Path("changed.run.zip").write_bytes(content)
    failed = here("runs", "verify", "changed.run.zip", "--records-only")
    assert failed.code == 1
    assert "changed.run.zip" in failed.out
    assert here("report", "changed.run.zip").code == 2


def test_a_pack_without_records_is_none(here: Here, tmp_path: Path) -> None:
    with zipfile.ZipFile("empty.run.zip", "w") as archive:
        archive.writestr("pack.json", json.dumps({"format": 1, "members": {}}))
    refused = here("report", "empty.run.zip")
    assert refused.code == 2
    assert "empty.run.zip: is no pack of a run: it has no manifest.json" in refused.err


@pytest.mark.parametrize("content", ["[]", "null", "{", ""])
def test_scores_that_are_no_scores_do_not_hold(here: Here, run: Path, content: str) -> None:
    (run / "scores.json").write_text(content)
    failed = here("runs", "verify", run, "--records-only")
    assert failed.code == 1
    assert "scores.json" in failed.out
