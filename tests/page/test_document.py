"""The page as a file: one, closed, escaped, small, and the same each time."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import random
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.conftest import Here
from tests.page.conftest import TOLD, Study
from tests.spine import evaluate, make_row, write_data, write_plugin

import mubench_gen
from mubench_gen.report.html import write_page
from mubench_gen.report.html.gallery import row_key
from mubench_gen.report.html.pictures import find_pictures
from mubench_gen.report.html.thumbnails import (
    bytes_a_picture,
    fair_cap,
    first_step,
    shrunk,
    thumbnail,
)


def items_of(page: Path) -> dict[str, Any]:
    """What the page holds for its script."""
    found = re.search(r'id="items">([^<]*)<', page.read_text("utf-8"))
    assert found is not None
    return json.loads(zlib.decompress(base64.b64decode(found[1]), wbits=-15))


def pictures_of(page: Path) -> list[list[Any] | None]:
    found = re.search(r'id="pictures">([^<]*)<', page.read_text("utf-8"))
    assert found is not None
    return json.loads(found[1])


class Outline(HTMLParser):
    """The addresses that a page names, its headings, and whether all is closed."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.headings: list[int] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.addresses += [str(v) for k, v in attrs if k in ("src", "href", "action", "poster")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [str(v) for k, v in attrs if k in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_closed_and_names_no_other_file(study: Study) -> None:
    outline = Outline()
    outline.feed(study.page.read_text("utf-8"))
    assert outline.open == []
    assert outline.scripts == 3  # pictures, items and the one that runs
    assert all(one.startswith(("#", "data:,", "data:image/jpeg;")) for one in outline.addresses)
    assert outline.headings[0] == 1
    assert all(
        deeper <= before + 1
        for before, deeper in zip(outline.headings, outline.headings[1:], strict=False)
    )
    text = study.page.read_text("utf-8")
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= namespaces


def test_what_models_say_stands_nowhere_as_html(study: Study) -> None:
    text = study.page.read_text("utf-8")
    assert "window.hacked" not in text
    assert "nasty <b>" not in text
    assert "nasty &lt;b&gt;&amp;" in text
    assert "\x1b" not in text
    assert "\u2028" not in text


def test_a_plugins_section_is_plain_text_with_its_lines_and_spaces(study: Study) -> None:
    text = study.page.read_text("utf-8")
    section = text.partition('<section id="told-1"')[2].partition("</section>")[0]
    assert re.findall(r"<(\w+)", section) == ["h2", "p", "div", "pre"]
    said = html.unescape(section.partition('<pre class="told">')[2].partition("</pre>")[0])
    assert said.splitlines()[1:] == [
        "\\x1b[31mred\\x1b[0m    and \\u202eturned", "", "  12.5 s  <b>cells</b> &amp;",
    ]  # fmt: skip
    assert "By the plugin nasty &lt;b&gt;&amp;" in section
    assert '<a href="#told-1">Slow &lt;/h2&gt;' in text


def test_a_section_of_megabytes_is_shortened_and_says_so(study: Study, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    long = mubench_gen.Section("Long", "word\n" * 400_000)
    write_page(study.runs[:1], page, told={"long": long})
    assert page.stat().st_size < study.page.stat().st_size + 100_000
    assert "shortened by 1,899,999 characters" in page.read_text("utf-8")


def test_the_policy_names_the_script_that_is_there(study: Study) -> None:
    text = study.page.read_text("utf-8")
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in text
    assert "default-src &#39;none&#39;" in text


def test_every_text_is_there_once_and_every_picture(study: Study) -> None:
    found = items_of(study.page)
    assert len(set(found["strings"])) == len(found["strings"])
    assert len(found["records"]["item"]) == 180
    assert len(found["items"]["id"]) == 60
    digests = {r["image_sha256"] for run in study.runs for r in run.records()}
    assert len(pictures_of(study.page)) == len(digests) == 12


def test_the_same_runs_give_the_same_file(study: Study, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    write_page(study.runs, again, by=["stain"], told={"nasty <b>&": TOLD})
    assert again.read_bytes() == study.page.read_bytes()


def test_the_confusions_add_up_to_the_scores(study: Study) -> None:
    found = items_of(study.page)
    for confusions, run in zip(found["confusions"], study.runs, strict=True):
        for task, cells in confusions.items():
            score = run.scores.tasks[task]
            assert sum(n for _, _, n in cells) == score.n
            right = sum(n for gold, answer, n in cells if gold == answer)
            assert right / score.n == pytest.approx(score.accuracy)


def test_the_numbers_of_the_table_are_those_of_the_scores(study: Study) -> None:
    text = study.page.read_text("utf-8")
    for run in study.runs:
        pooled = run.scores.pooled
        assert pooled.accuracy is not None
        assert pooled.ci95 is not None
        assert f"{100 * pooled.accuracy:.1f}" in text
        assert f"{100 * pooled.ci95[0]:.1f}–{100 * pooled.ci95[1]:.1f}" in text
        assert run.manifest["data"]["digest"] in text
    assert "By stain" in text


def test_an_unfinished_run_is_shown_as_such_and_is_never_the_best(
    study: Study, tmp_path: Path
) -> None:
    data = study.data
    runs = [
        evaluate("echo", tmp_path / name, data=data, prompt=name) for name in ("paper", "plain")
    ]
    records = runs[1].dir / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:20]))
    page = tmp_path / "report.html"
    write_page([runs[0], mubench_gen.load_run(runs[1].dir)], page)
    text = page.read_text("utf-8")
    assert "is unfinished: 20 of 60 items" in text
    assert not re.search(r'<td class="[^"]*leads', text)
    assert text.count("badge warn") == 1
    assert re.search(r'<th scope="col" class="r1">.*\(unfinished\)</th>', text)
    tasks = text.partition('<section id="tasks"')[2].partition("</section>")[0]
    hollow, filled = "fill: var(--paper); stroke: var(--c2)", "fill: var(--c1); stroke: var(--c1)"
    assert tasks.count(hollow) == tasks.count(filled) > 3


CONTRARY = """
import mubench_gen


class Contrary(mubench_gen.GenerativeModel):
    batch_size = 64

    def generate(self, requests):
        return [f"A. {last(request)}" for request in requests]


def last(request):
    asked = "".join(getattr(part, "text", "") for part in request.messages[-1].content)
    return next(text for text in LAST if text in asked)


LAST = "neither", "fluorescence microscopy", "none of the above", "neuroscience", "scanning"


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("contrary", Contrary)]
"""


def test_replies_that_contradict_themselves_have_a_column(study: Study, tmp_path: Path) -> None:
    run = evaluate(write_plugin(tmp_path, CONTRARY, "contrary"), tmp_path / "run", data=study.data)
    page = tmp_path / "report.html"
    write_page([study.runs[0], run], page)
    board = page.read_text("utf-8").partition('<table class="board">')[2].partition("</table>")[0]
    plain, contrary = board.split("<tr>")[-2:]
    assert ">contradictory</th>" in board
    assert "<td>–</td><td>57</td>" in plain
    assert "<td>0.0</td><td>100.0</td><td>60</td>" in contrary
    assert "contradictory</th>" not in study.page.read_text("utf-8")


def test_runs_of_other_items_are_not_said_to_be_behind(study: Study, tmp_path: Path) -> None:
    runs = [evaluate("echo", tmp_path / f"{i}", data=study.data, limit=1, seed=i) for i in range(9)]
    page = tmp_path / "report.html"
    write_page(runs, page)
    scores = page.read_text("utf-8").partition('<section id="scores"')[2].partition("<h3>")[0]
    assert "each on its own items: none is shared by all" in scores
    assert "ahead of all others" not in scores
    before, _, folded = scores.partition("more notes on what differs</summary>")
    assert before.count("the items differ") <= 4 < scores.count("the items differ")
    assert folded.count("</details>") == 1


def test_a_run_without_a_record_has_a_page(study: Study, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=study.data)
    (run.dir / "records.jsonl").unlink()
    written = write_page([mubench_gen.load_run(run.dir)], tmp_path / "report.html")
    assert (written.items, written.pictures) == (0, 0)
    assert "no score yet" in (tmp_path / "report.html").read_text("utf-8")
    assert "0 of 60 items" in (tmp_path / "report.html").read_text("utf-8")


def test_data_that_are_not_at_hand_leave_placeholders_or_are_named(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(3)])
    run = evaluate("echo", tmp_path / "run", data=data)
    moved = data.rename(tmp_path / "moved")
    page = tmp_path / "report.html"
    assert write_page([run], page).pictures == 0
    assert "No images of" in page.read_text("utf-8")
    assert write_page([run], page, data=str(moved)).pictures == 3
    assert write_page([run], page, data=str(moved), images=False).pictures == 0
    assert pictures_of(page) == [None, None, None]


def test_a_shuffled_run_shows_the_image_that_was_shown(study: Study, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=study.data, control="shuffled")
    page = tmp_path / "report.html"
    assert write_page([run], page).pictures == 12
    blind = evaluate("echo", tmp_path / "blind", data=study.data, control="blind")
    assert write_page([blind], page).pictures == 0
    assert set(items_of(page)["records"]["picture"]) == {-1}


@pytest.mark.parametrize(("control", "pictures"), [("mean", 1), ("noise", 12)])
def test_a_picture_in_the_place_of_the_image_is_shown(
    study: Study, tmp_path: Path, control: str, pictures: int
) -> None:
    run = evaluate("echo", tmp_path / "run", data=study.data, control=control, seed=3)
    page = tmp_path / "report.html"
    assert write_page([run], page).pictures == pictures
    assert -1 not in items_of(page)["records"]["picture"]


def test_beyond_the_most_items_a_sample_is_shown_and_said(study: Study, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert write_page(study.runs, page, most_items=25).items == 25
    assert "shows 25 of 60 items" in page.read_text("utf-8")
    found = items_of(page)
    assert len(found["records"]["item"]) == 75  # the same ones of all three
    assert sum(n for _, _, n in found["confusions"][0]["stain"]) == 12 - sum(
        r["status"] == "error" and r["task"] == "stain" for r in study.runs[0].records()
    )


def test_items_of_one_name_and_other_options_stay_apart(study: Study, tmp_path: Path) -> None:
    rows = [make_row(i, dataset=f"set{i % 2}", gold=1) for i in range(2)]
    other = evaluate("echo", tmp_path / "run", data=write_data(tmp_path / "data", rows))
    page = tmp_path / "report.html"
    write_page([study.runs[0], other], page)
    found = items_of(page)
    names = [found["strings"][code] for code in found["items"]["id"]]
    assert len(names) > len(set(names))


def noise(side: int, seed: int = 0) -> Image.Image:
    return Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(3 * side * side))


@pytest.mark.parametrize(
    ("pictures", "taken", "page"),
    [(1_000, 700_000, 5e6), (1_000, 2_500_000, 5e6), (5_000, 2_000_000, 20e6), (20, 0, 1e6)],
)
def test_pictures_of_pure_noise_leave_the_page_its_size(
    pictures: int, taken: int, page: float
) -> None:
    most = bytes_a_picture(pictures, taken=taken)
    content = shrunk(thumbnail(noise(256), first_step(most)), most)
    assert taken + pictures * len(base64.b64encode(content)) < page
    assert min(Image.open(io.BytesIO(content)).size) >= 48


def test_what_smooth_pictures_leave_goes_to_rough_ones() -> None:
    assert fair_cap([100, 100, 900, 900], 1_000) == 400
    assert fair_cap([100, 200, 300], 600) == 300
    assert fair_cap([100, 200, 300], 599) == 299
    assert fair_cap([], 10) == 0


def test_rough_pictures_get_smaller_until_all_of_them_fit(tmp_path: Path) -> None:
    rows = [make_row(i) for i in range(8)]
    data = write_data(tmp_path / "data", rows)
    for number, path in enumerate(sorted((data / "images").iterdir())[:4]):
        noise(256, number).save(path)
    run = evaluate("echo", tmp_path / "run", data=data)
    digests = {r["image_sha256"]: {row_key(r)} for r in run.records()}
    for most in (1_500, 4_000, 20_000):
        found = find_pictures([run], digests, most=most).pictures
        assert len(found) == 8
        assert sum(len(one.content) for one in found.values()) <= 8 * most
        assert {(one.width, one.height) for one in found.values()} >= {(256, 256)}


def test_of_a_large_jpeg_only_what_is_shown_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_data(tmp_path / "data", [make_row(0)])
    (path,) = (data / "images").iterdir()
    noise(1_600).save(path, "JPEG", quality=30)
    run = evaluate("echo", tmp_path / "run", data=data)
    decoded = []
    convert = Image.Image.convert
    monkeypatch.setattr(
        Image.Image, "convert", lambda one, mode: decoded.append(one.size) or convert(one, mode)
    )
    digests = {r["image_sha256"]: {row_key(r)} for r in run.records()}
    (picture,) = find_pictures([run], digests, most=20_000).pictures.values()
    assert (picture.width, picture.height) == (1_600, 1_600)
    assert decoded[0] == (400, 400)


def test_the_command_writes_the_page_where_it_is_told(
    here: Here, study: Study, tmp_path: Path
) -> None:
    one = study.runs[0]
    done = here("report", one.dir, "--html")
    assert (done.code, done.out) == (0, "")
    assert "60 items, 12 images" in done.err
    assert (one.dir / "report.html").stat().st_size > 20_000
    assert mubench_gen.load_run(one.dir).scores == one.scores
    page = tmp_path / "all.html"
    assert here("report", *(r.dir for r in study.runs), "--html", page).code == 0
    assert len(items_of(page)["runs"]) == 3
    assert here("report", one.dir, "--html", page).code == 0  # written again


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--html", "{folder}"], "is a folder"),
        (["--html", "{folder}/nowhere/x.html"], "there is no folder"),
        (["--html", "{folder}/notes.txt"], "it would be lost"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    here: Here, study: Study, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = here("report", study.runs[0].dir, *(w.format(folder=tmp_path) for w in words))
    assert refused.code == 2
    assert message in refused.err
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_several_runs_need_a_files_name(here: Here, study: Study) -> None:
    refused = here("report", *(run.dir for run in study.runs), "--html")
    assert refused.code == 2
    assert "--html report.html" in refused.err


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(study: Study, theme: str) -> None:
    text = study.page.read_text("utf-8")
    start = ':root[data-theme="dark"] {' if theme == "dark" else ":root {"
    block = text.partition(start)[2].partition("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for ink in ("ink", "soft", "accent-ink", "right", "wrong", "grey"):
        for paper in ("paper", "sheet", "faint"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    assert contrast(colours["warn"], colours["warn-paper"]) >= 4.5
    assert contrast(colours["mark-ink"], colours["mark"]) >= 4.5
    for run in range(1, 9):
        assert contrast(colours[f"c{run}"], colours["sheet"]) >= 2.5, run


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
