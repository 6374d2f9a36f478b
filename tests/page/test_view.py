"""`mubench-gen view`: what its server answers, to whom, and that it keeps up with a run."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Here
from tests.page.conftest import ROWS, Study
from tests.spine import evaluate, make_row, plain_record, png, write_data

import mubench_gen
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.report.viewer import Viewer
from mubench_gen.storage.records import to_line

ITEMS = ROWS * 5


@pytest.fixture(scope="module")
def viewer(study: Study) -> Iterator[Viewer]:
    """The study's runs, served."""
    with Viewer([run.dir for run in study.runs]) as found:
        thread = threading.Thread(target=found.serve)
        thread.start()
        yield found
        found.stop()
        thread.join()


def ask(
    viewer: Viewer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    """A request as any program on this machine can make it."""
    asked = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=60)
    try:
        asked.putrequest(method, path, skip_host=True)
        asked.putheader("Host", f"127.0.0.1:{viewer.port}" if host is None else host)
        asked.endheaders()
        answer = asked.getresponse()
        return answer, answer.read()
    finally:
        asked.close()


def items(viewer: Viewer, chosen: str = "", count: int = 100) -> dict[str, Any]:
    answer, content = ask(viewer, f"/items?begin=0&count={count}&{chosen}")
    assert answer.status == 200
    found: dict[str, Any] = json.loads(content)
    return found


def test_it_listens_on_this_machine_alone(viewer: Viewer) -> None:
    assert viewer._server.server_address[0] == "127.0.0.1"
    assert viewer.address == f"http://127.0.0.1:{viewer.port}/"


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "localhost:8000"])
def test_a_name_of_this_machine_is_answered_on_the_port_of_a_tunnel_too(
    viewer: Viewer, host: str
) -> None:
    answer, content = ask(viewer, "/", host=host.format(port=viewer.port))
    assert answer.status == 200
    assert b"<title>" in content


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "", "127.0.0.1.evil.org"])
def test_a_name_that_was_made_to_point_here_is_refused(viewer: Viewer, host: str) -> None:
    for path in ("/", "/items", "/version"):
        answer, content = ask(viewer, path, host=host.format(port=viewer.port))
        assert answer.status == 403
        assert b"item" not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_answered(viewer: Viewer, method: str) -> None:
    answer, _ = ask(viewer, "/", method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_other_pages_may_neither_frame_it_nor_load_from_it(viewer: Viewer) -> None:
    answer, content = ask(viewer, "/", method="HEAD")
    assert content == b""
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/images/../../manifest.json",
        "/images/%2Fetc%2Fpasswd",
        "/manifest.json",
        "//etc/passwd",
        "/images/",
        "/item?key=nowhere",
    ],
)
def test_no_path_leads_to_a_file(viewer: Viewer, path: str) -> None:
    answer, content = ask(viewer, path)
    assert answer.status == 404
    assert b"root:" not in content
    assert b"plugin" not in content


def test_a_damaged_request_is_no_reason_to_end(viewer: Viewer) -> None:
    for path in ("//[", "/items?" + "a=1&" * 200, "/items?begin=x&count=-5&off=a,1e9"):
        assert ask(viewer, path)[0].status in (200, 400, 404)
    assert ask(viewer, "/version")[0].status == 200


def test_looking_leaves_the_folders_as_they_were(study: Study) -> None:
    def files() -> dict[Path, float]:
        folders = [run.dir for run in study.runs]
        return {p: p.stat().st_mtime_ns for folder in folders for p in folder.rglob("*")}

    before = files()
    with Viewer([run.dir for run in study.runs]) as viewer:
        viewer.answer("/")
        viewer.answer("/items")
        viewer.answer("/version")
    assert files() == before


def test_items_come_a_page_at_a_time_with_the_answers_of_all_runs(viewer: Viewer) -> None:
    first, second = items(viewer, count=40), items(viewer, "begin=40", count=40)
    assert (first["found"], first["all"], len(first["keys"])) == (ITEMS, ITEMS, 40)
    assert len(first["data"]["records"]["run"]) == 40 * 3
    page = json.loads(ask(viewer, "/items?begin=40&count=40")[1])
    assert len(page["keys"]) == ITEMS - 40
    assert not {*page["keys"]} & {*first["keys"]}
    assert second["found"] == ITEMS


def test_an_image_stands_once_with_its_questions_beside_it(viewer: Viewer) -> None:
    found = items(viewer, "group=image")
    assert (found["groups"], found["sizes"]) == (ROWS, [5] * ROWS)
    pictures = [number for number in found["data"]["records"]["picture"] if number >= 0]
    assert len(set(pictures)) == ROWS


def test_an_image_is_given_with_all_its_pixels_and_as_a_small_copy(
    viewer: Viewer, study: Study
) -> None:
    record = next(study.runs[0].records())
    answer, content = ask(viewer, f"/images/{record['image_sha256']}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert content in {path.read_bytes() for path in (study.data / "images").iterdir()}
    assert ask(viewer, f"/thumbnails/{record['image_sha256']}")[1].startswith(b"\xff\xd8\xff")
    about = json.loads(ask(viewer, f"/about/{record['image_sha256']}")[1])
    assert (about["width"], about["height"]) == (8, 8)
    assert ask(viewer, "/images/" + "0" * 64)[0].status == 404


def test_an_image_that_was_changed_is_not_shown(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(0), make_row(1)])
    run = evaluate("echo", tmp_path / "run", data=data)
    (data / "images" / "0.png").write_bytes(png(7))
    digests = {record["image_sha256"] for record in run.records()}
    with Viewer([run.dir]) as viewer:
        given = [viewer.answer(f"/images/{digest}").status for digest in digests]
    assert sorted(given) == [200, 404]


def test_images_are_found_where_they_are_now_and_those_of_shuffled_rows(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(3)])
    run = evaluate("echo", tmp_path / "run", data=data, control="shuffled")
    moved = data.rename(tmp_path / "moved")
    digest = next(run.records())["image_sha256"]
    with Viewer([run.dir]) as viewer:
        assert viewer.answer(f"/images/{digest}").status == 404
    with Viewer([run.dir], data=str(moved)) as viewer:
        assert viewer.answer(f"/images/{digest}").status == 200


def scored(item: int, shares: list[float], choice: int) -> bytes:
    """A line of a run whose gold option is the first of four."""
    return to_line(
        plain_record(
            item, readout="choice", scores=shares, probabilities=shares, choice=choice,
            correct=choice == 0,
        )
    )  # fmt: skip


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two runs of one model with probabilities on items 0 to 3, of which the gold is option 0."""
    data = write_data(tmp_path / "data", [make_row(0)])
    answers = {
        "one": [(0, 0.9), (1, 0.6), (2, 0.95), (0, 0.5)],
        "two": [(0, 0.5), (0, 0.7), (3, 0.55), (1, 0.8)],
    }
    for name, chosen in answers.items():
        evaluate("echo", tmp_path / name, data=data)
        lines = []
        for item, (choice, sure) in enumerate(chosen):
            shares = [(1 - sure) / 3] * 4
            shares[choice] = sure
            lines.append(scored(item, shares, choice))
        (tmp_path / name / "records.jsonl").write_bytes(b"".join(lines))
    return [tmp_path / name for name in answers]


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ("sort=sure", [2, 3, 1, 0]),  # 0.95, 0.8, 0.6, none wrong
        ("sort=sure&model=one", [2, 1, 0, 3]),
        ("sort=sure&verdict=wrong", [2, 3, 1]),
        ("agree=disagree", [1, 2, 3]),
        ("agree=flips", [1, 3]),
        ("agree=wrong", [2]),
        ("agree=right", [0]),
        ("agree=split", [1, 3]),
        ("model=one&beside=two&outcome=gained", [1]),
        ("model=one&beside=two&outcome=lost", [3]),
        ("model=two&beside=one&outcome=lost", [1]),
        ("model=one&beside=two&outcome=same", [0]),
        ("agree=wrong&off=1", [1, 2]),
        ("answer=a+dog", [1, 3]),
        ("gold=a+cat&model=two&verdict=wrong", [2, 3]),
        ("q=A+DOG", [0, 1, 2, 3]),
        ("q=modality&task=modality&dataset=cells&status=answered", [0, 1, 2, 3]),
        ("model=nobody", []),
        ("task=nothing", []),
        ("sort=hard", [2, 1, 3, 0]),
    ],
)
def test_choices_find_items_and_orders_sort_them(
    two: list[Path], chosen: str, wanted: list[int]
) -> None:
    with Viewer(two) as viewer:
        found = json.loads(viewer.answer(f"/items?count=50&{chosen}").content)
    assert [int(key.split("/")[1]) for key in found["keys"]] == wanted
    assert found["found"] == len(wanted)


def test_what_a_run_writes_meanwhile_is_taken_up(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(4)])
    run = evaluate("echo", tmp_path / "runs" / "one", data=data)
    path = run.dir / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]))
    with Viewer([tmp_path / "runs"]) as viewer:
        viewer.site.rest = 0.0
        assert json.loads(viewer.answer("/version").content) == {"version": 0, "going": True}
        assert "5 of 20 items" in viewer.site.page()
        with path.open("ab") as file:
            file.write(b"".join(lines[5:9]) + lines[9][:40])  # and a line that is being written
        assert json.loads(viewer.answer("/version").content) == {"version": 1, "going": True}
        assert json.loads(viewer.answer("/items").content)["all"] == 9
        assert "9 of 20 items" in viewer.site.page()
        with path.open("ab") as file:
            file.write(lines[9][40:] + b"".join(lines[10:]))
        evaluate("echo", tmp_path / "runs" / "two", data=data, prompt="plain")
        assert json.loads(viewer.answer("/version").content) == {"version": 2, "going": False}
        found = json.loads(viewer.answer("/items?count=100").content)
        assert (found["all"], len(found["data"]["records"]["run"])) == (20, 40)
        assert json.loads(viewer.answer("/version").content) == {"version": 2, "going": False}


def test_an_item_that_was_tried_again_has_its_last_answer(tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=write_data(tmp_path / "data", [make_row(0)]))
    path = run.dir / "records.jsonl"
    failed = {"type": "RuntimeError", "message": "out of order"}
    unanswered = {"status": "error", "error": failed, "reply": None, "choice": None}
    path.write_bytes(to_line(plain_record(0, correct=None, **unanswered)))
    with Viewer([run.dir]) as viewer:
        viewer.site.rest = 0.0
        assert json.loads(viewer.answer("/items?verdict=failed").content)["found"] == 1
        assert json.loads(viewer.answer("/items?q=out+of+order").content)["found"] == 1
        with path.open("ab") as file:
            file.write(scored(0, [0.7, 0.1, 0.1, 0.1], 0))
        viewer.answer("/version")
        assert json.loads(viewer.answer("/items?verdict=failed").content)["found"] == 0
        (found,) = json.loads(viewer.answer("/items").content)["data"]["records"]["right"]
    assert found == 1


def test_folders_of_runs_studies_and_sweeps_are_searched(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("runs/one", "studies/many/runs/two", "sweeps/some/alpha-0"):
        folder = tmp_path / place
        folder.parent.mkdir(parents=True)
        folder.symlink_to(study.runs[0].dir)
    second = evaluate("echo", tmp_path / "runs" / "own", data=study.data)
    monkeypatch.chdir(tmp_path)
    with Viewer([]) as viewer:
        assert len(viewer.site.studies) == 2  # one and the same run three times, and another one
    with Viewer([Path("runs"), second.dir]) as viewer:
        assert len(viewer.site.studies) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: there is no such folder"),
        (["empty"], "empty: holds no run"),
        (["notes.txt"], "notes.txt is neither a run's folder nor a pack"),
        ([], "There is no folder runs, studies, sweeps or soups here"),
        (["empty", "--port", "70000"], "70000"),
    ],
)
def test_where_there_is_no_run_one_message_says_so(
    here: Here, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    refused = here("view", *words, "--no-browser")
    assert (refused.code, refused.out) == (2, "")
    assert message in refused.err
    assert "Traceback" not in refused.err


def test_a_port_that_is_taken_is_named(viewer: Viewer, study: Study) -> None:
    with pytest.raises(SettingError, match=f"--port {viewer.port}: cannot be had"):
        Viewer([study.runs[0].dir], port=viewer.port)


def test_a_damaged_run_among_others_is_left_out_and_alone_is_an_error(
    tmp_path: Path, study: Study
) -> None:
    (tmp_path / "runs" / "bad").mkdir(parents=True)
    (tmp_path / "runs" / "bad" / "manifest.json").write_text("{")
    (tmp_path / "runs" / "good").symlink_to(study.runs[0].dir)
    with Viewer([tmp_path / "runs"]) as viewer:
        assert len(viewer.site.studies) == 1
    with pytest.raises(RunFolderError):
        Viewer([tmp_path / "runs" / "bad"])


def test_ctrl_c_ends_it_with_130(here: Here, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(viewer: Viewer) -> None:
        raise KeyboardInterrupt

    opened: list[str] = []
    monkeypatch.setattr(Viewer, "serve", interrupted)
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    done = here("view", study.runs[0].dir)
    assert done.code == 130
    assert done.out.strip() == opened[0]
    assert opened[0].startswith("http://127.0.0.1:")
    told = here("view", study.runs[0].dir, "--no-browser", "--json")
    assert told.code == 130
    assert json.loads(told.out)["runs"] == [str(study.runs[0].dir)]
    assert len(opened) == 1


def test_a_reply_with_half_a_character_and_one_of_a_megabyte_are_given(
    viewer: Viewer, study: Study
) -> None:
    answers = items(viewer, "model=nasty+%3Cb%3E%26+%C2%B7+paper")
    replies = [answers["data"]["strings"][n] for n in answers["data"]["records"]["reply"] if n >= 0]
    assert max(map(len, replies)) < 25_000
    assert mubench_gen.load_run(study.runs[2].dir).scores.n == ITEMS
