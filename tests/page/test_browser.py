"""The page in a real browser: filters, links, keys, colours, and what replies try."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from tests.page.browser import Browser
from tests.page.conftest import ROWS, Study
from tests.spine import evaluate, make_row, write_data

import mubench_gen
from mubench_gen.report.html import write_page

ITEMS = ROWS * 5


@pytest.fixture(scope="module")
def answers(study: Study) -> pd.DataFrame:
    """A row a record of all the runs, with what each chose by its original place."""
    frames = [run.frame().assign(run=i) for i, run in enumerate(study.runs)]
    found = pd.concat(frames, ignore_index=True)
    found["answer"] = [
        None if pd.isna(choice) else order[int(choice)]
        for choice, order in zip(found["choice"], found["order"], strict=True)
    ]
    return found


SEEN = "return document.querySelector(arguments[0]).getClientRects().length > 0"
# Of each of these elements the contrast of its text with what is behind it (WCAG).
CONTRASTS = """
const brush = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const light = (colours) => {
  for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
  const [r, g, b] = [...brush.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const page = getComputedStyle(document.body).backgroundColor;
return [...document.querySelectorAll(arguments[0])].map((one) => {
  const back = [page, getComputedStyle(one.closest("td")).backgroundColor];
  const pair = [light([...back, getComputedStyle(one).color]), light(back)].sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
});
"""


def test_opening_says_nothing_on_the_console_and_asks_no_server(opened: Browser) -> None:
    opened.go("#page=2")
    opened.go(f"#item={quote(opened.items()[0])}")
    assert opened.messages() == []
    asked = [url for url in opened.requests() if not url.startswith(("data:", "blob:"))]
    assert all(url.startswith("file:") for url in asked)
    assert {url.partition("#")[0] for url in asked} == {opened.driver.current_url.partition("#")[0]}


def test_a_request_that_something_smuggled_in_would_be_refused(opened: Browser) -> None:
    blocked = opened.driver.execute_async_script(
        "const done = arguments[0]; fetch('https://example.org').then(() => done(false), "
        "() => done(true))"
    )
    assert blocked is True
    assert any("Content Security Policy" in message for message in opened.messages())


def test_all_items_are_there_a_page_at_a_time(opened: Browser) -> None:
    assert opened.count() == ITEMS
    assert len(opened.items()) == 48
    opened.run("[...document.querySelectorAll('#pages button')].at(-1).click()")
    opened.settle()
    assert len(opened.items()) == ITEMS - 48
    assert "Page 2 of 2" in opened.text("#pages")


@pytest.mark.parametrize("task", ["stain", "modality"])
def test_the_task_leaves_its_items(opened: Browser, answers: pd.DataFrame, task: str) -> None:
    opened.choose("task", task)
    assert set(opened.items()) == set(answers[answers["task"] == task]["item"])
    assert opened.count() == ROWS


def test_model_status_and_verdict_hold_for_the_same_answer(
    opened: Browser, answers: pd.DataFrame
) -> None:
    opened.choose("model", "nasty <b>& · paper")
    assert opened.count() == ITEMS
    opened.choose("status", "refused")
    nasty = answers[answers["run"] == 2]
    refused = nasty[nasty["status"] == "refused"]
    assert len(refused)
    assert opened.count() == len(refused)
    opened.choose("status", "")
    opened.choose("verdict", "right")
    assert opened.count() == int(nasty["correct"].fillna(False).astype(bool).sum())
    opened.choose("verdict", "unanswered")
    assert opened.count() == int((~nasty["status"].isin(["answered", "error"])).sum())


def test_failed_items_can_be_found(opened: Browser, answers: pd.DataFrame) -> None:
    failed = answers[answers["status"] == "error"]
    assert len(failed)
    opened.choose("verdict", "failed")
    assert opened.count() == failed["item"].nunique()
    opened.run("document.querySelector('.card').click()")
    opened.settle()
    assert "echo was told to fail" in opened.text("#item")


def test_disagreement_leaves_items_that_models_answer_differently(
    opened: Browser, answers: pd.DataFrame
) -> None:
    sound = answers[answers["status"] != "error"]
    several = sound.groupby("item").filter(lambda group: group["run"].nunique() > 1)
    differ = several.fillna({"answer": -1}).groupby("item")["answer"].nunique()
    opened.choose("agree", "disagree")
    assert opened.count() == int((differ > 1).sum())
    right = several.assign(correct=several["correct"].astype(bool)).groupby("item")["correct"]
    opened.choose("agree", "right")
    everyone = sound.assign(correct=sound["correct"].astype(bool)).groupby("item")["correct"].all()
    assert opened.count() == int(everyone.sum())
    opened.choose("agree", "split")
    assert opened.count() == int((right.any() & ~right.all()).sum())


def test_search_finds_replies_and_facts(opened: Browser, answers: pd.DataFrame) -> None:
    opened.press("/")
    for key in "cannot answer this":
        opened.press(key)
    opened.until("return location.hash === '#q=cannot+answer+this'")
    opened.settle()
    wanted = answers[answers["reply"].fillna("").str.contains("cannot answer this")]
    assert opened.count() == wanted["item"].nunique()
    opened.run("document.getElementById('reset').click()")
    opened.settle()
    assert opened.count() == ITEMS
    opened.go("#q=STAIN+1")
    assert opened.count() == ITEMS // 3


def test_a_link_brings_back_the_choices_and_the_item(opened: Browser, study: Study) -> None:
    opened.choose("task", "stain")
    opened.choose("verdict", "wrong")
    left, found = opened.count(), opened.items()
    opened.run("document.querySelectorAll('.card')[1].click()")
    opened.settle()
    link = opened.run("return location.hash")
    opened.open(study.page, link)
    assert opened.count() == left
    assert opened.items() == found
    assert opened.run("return document.getElementById('item').open")
    assert found[1] in opened.text("#item-title")
    assert opened.run("return document.forms.filters.elements.task.value") == "stain"


def test_every_card_links_to_its_item(opened: Browser, study: Study) -> None:
    links = opened.run("return [...document.querySelectorAll('.card')].map((card) => card.hash)")
    opened.open(study.page, links[7])
    assert opened.items()[7] in opened.text("#item-title")


def test_the_way_to_a_section_leaves_what_is_chosen(opened: Browser) -> None:
    opened.choose("task", "stain")
    opened.run("document.querySelector('.bar nav a[href=\"#positions\"]').click()")
    opened.settle()
    assert opened.count() == ROWS
    assert opened.run("return document.activeElement.id") == "positions"
    opened.go("#tasks")  # typed, or followed from elsewhere
    assert opened.count() == ROWS


def test_back_closes_the_item(opened: Browser) -> None:
    opened.choose("task", "stain")
    opened.run("document.querySelector('.card').click()")
    opened.settle()
    assert opened.run("return document.getElementById('item').open")
    opened.run("history.back()")
    opened.until("return !document.getElementById('item').open")
    opened.settle()
    assert opened.count() == ROWS


def test_an_item_that_is_not_there_says_so(opened: Browser) -> None:
    opened.go("#item=nowhere%2Fat%2Fall")
    assert "has no item" in opened.text("#item")
    assert opened.messages() == []


def test_the_keyboard_is_enough(opened: Browser) -> None:
    opened.run("document.querySelector('.card').focus()")
    opened.press("ARROW_RIGHT")
    second, third = opened.items()[1:3]
    assert opened.run("return document.activeElement.dataset.item") == second
    opened.press("ENTER")
    assert second in opened.text("#item-title")
    opened.press("ARROW_RIGHT")
    assert third in opened.text("#item-title")
    opened.press("k")
    assert second in opened.text("#item-title")
    opened.press("ESCAPE")
    assert opened.run("return document.getElementById('item').open") is False
    assert opened.run("return document.activeElement.dataset.item") == second


def test_what_has_the_focus_is_seen(opened: Browser) -> None:
    opened.press("TAB")
    outline = opened.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    assert opened.run("return document.activeElement.className") == "skip"


def test_dark_and_light_follow_the_system_until_one_is_chosen(
    browser: Browser, study: Study
) -> None:
    def shade() -> int:
        colour = browser.run("return getComputedStyle(document.body).backgroundColor")
        return int(sum(int(part) for part in colour.strip("rgb()").split(",")))

    browser.look(dark=True)
    browser.open(study.page)
    assert shade() < 3 * 60
    browser.look(dark=False)
    assert shade() > 3 * 200
    button = "document.getElementById('theme')"
    browser.run(f"{button}.click()")
    assert browser.text("#theme") == "Theme: light"
    browser.run(f"{button}.click()")
    assert shade() < 3 * 60
    browser.run(f"{button}.click()")
    assert browser.text("#theme") == "Theme: auto"
    assert shade() > 3 * 200


@pytest.mark.parametrize("width", [375, 768])
def test_nothing_is_wider_than_the_window(browser: Browser, study: Study, width: int) -> None:
    browser.look(width=width)
    browser.open(study.page)
    assert browser.run("return document.documentElement.scrollWidth") == width
    browser.run("document.querySelector('.card').click()")
    browser.settle()
    wide = browser.run("const one = document.getElementById('item'); "
                       "return one.scrollWidth - one.clientWidth")  # fmt: skip
    assert wide == 0


def test_every_image_has_words_and_every_choice_a_label(opened: Browser) -> None:
    missing = opened.run(
        "return [...document.querySelectorAll('img')].filter((one) => !one.alt).length"
    )
    assert missing == 0
    unlabelled = opened.run(
        "return [...document.querySelectorAll('select, input')]"
        ".filter((one) => !one.labels.length && !one.ariaLabel)"
    )
    assert unlabelled == []
    plots = opened.run(
        "return [...document.querySelectorAll('svg[role=img]')]"
        ".filter((one) => !one.getAttribute('aria-label')).length"
    )
    assert plots == 0


def record_of(answers: pd.DataFrame, words: str) -> pd.Series:
    nasty = answers[(answers["run"] == 2) & (answers["status"] == "answered")]
    return nasty[nasty["reply"].str.contains(words, regex=False)].iloc[0]


@pytest.mark.parametrize("words", ["<script>", "\U0001f52c", "\x1b[31m"])
def test_a_reply_is_text_and_what_decided_is_marked(
    opened: Browser, answers: pd.DataFrame, words: str
) -> None:
    record = record_of(answers, words)
    start, end = record["span"]
    opened.go(f"#item={quote(record['item'])}")
    marked = opened.texts("#item .answer:last-child mark")
    assert marked == [record["reply"][start:end]]
    assert opened.run("return window.hacked") is None
    assert opened.run("return document.querySelectorAll('#item .reply script').length") == 0
    shown = opened.texts("#item .answer:last-child .reply")[0]
    if words == "\x1b[31m":
        assert "␛[31mred␛[0m" in shown
        assert "\\u202eturned" in shown
        assert "\x1b" not in shown
    else:
        assert words in shown
    assert opened.messages() == []


def test_a_reply_of_a_megabyte_is_shortened_around_what_decided(
    opened: Browser, answers: pd.DataFrame, study: Study
) -> None:
    record = record_of(answers, "word word")
    assert len(record["reply"]) > 900_000
    start, end = record["span"]
    opened.go(f"#item={quote(record['item'])}")
    assert opened.texts("#item .answer:last-child mark") == [record["reply"][start:end]]
    assert "shortened by 9" in opened.texts("#item .answer:last-child .role")[0]
    assert study.page.stat().st_size < 500_000


def test_the_options_show_which_is_right_and_which_was_chosen(
    opened: Browser, answers: pd.DataFrame
) -> None:
    record = answers[(answers["run"] == 1) & (answers["correct"] == False)].iloc[0]  # noqa: E712
    opened.go(f"#item={quote(record['item'])}")
    options = opened.texts("#item .answer:nth-of-type(2) .options li")
    assert len(options) == len(record["options"])
    assert "★ right option" in options[record["gold"]]
    assert "● chosen" in options[int(record["choice"])]
    prompt = opened.run(
        "const last = [...document.querySelectorAll('#item details')];"
        "return last.map((one) => one.textContent).join('\\n')"
    )
    assert record["messages"][0]["content"][1]["text"] in prompt


def test_a_cell_of_the_confusion_leads_to_its_items(opened: Browser, answers: pd.DataFrame) -> None:
    opened.run(
        "const run = document.getElementById('confusion-run'); run.value = '1';"
        "run.dispatchEvent(new Event('change'));"
        "const task = document.getElementById('confusion-task'); task.value = 'stain';"
        "task.dispatchEvent(new Event('change'))"
    )
    cells = opened.run(
        "return [...document.querySelectorAll('.matrix a')].map((a) => +a.innerText)"
    )
    assert sum(cells) == ROWS
    opened.run("document.querySelector('.matrix td.same a, .matrix a').click()")
    opened.settle()
    first = opened.run("return +document.querySelector('.matrix td.same a, .matrix a').innerText")
    assert opened.count() == first
    assert opened.run("return document.forms.filters.elements.model.value")
    assert len(opened.texts("#found .chip")) == 2
    opened.run("document.querySelector('#found .chip').click()")
    opened.settle()
    assert opened.count() >= first


def test_a_browser_too_old_to_read_the_items_says_so(browser: Browser, study: Study) -> None:
    added = browser.command(
        "Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream"
    )
    try:
        browser.driver.get(study.page.resolve().as_uri())
        browser.until("return document.getElementById('found').innerText.includes('older than')")
        assert browser.messages() == []
    finally:
        browser.command("Page.removeScriptToEvaluateOnNewDocument", **added)


def test_one_run_has_no_choice_by_disagreement_and_says_why(
    browser: Browser, study: Study, tmp_path: Path
) -> None:
    page = tmp_path / "one.html"
    write_page(study.runs[:1], page)
    browser.open(page)
    assert not browser.run(SEEN, "#agree-label")
    assert "nothing to disagree with" in browser.text("#agree-note")


def test_runs_that_share_no_item_have_no_choice_by_disagreement(
    browser: Browser, study: Study, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", [make_row(i, dataset="elsewhere") for i in range(2)])
    other = evaluate("echo", tmp_path / "other", data=data)
    page = tmp_path / "apart.html"
    write_page([study.runs[0], other], page)
    browser.open(page)
    assert not browser.run(SEEN, "#agree-label")
    assert "No item was answered by two" in browser.text("#agree-note")
    assert any("share no item" in warning for warning in browser.texts(".warnings"))
    assert browser.messages() == []


def test_a_run_without_an_answer_says_so_everywhere(
    browser: Browser, study: Study, tmp_path: Path
) -> None:
    run = evaluate("echo", tmp_path / "run", data=study.data)
    (run.dir / "records.jsonl").unlink()
    page = tmp_path / "empty.html"
    write_page([mubench_gen.load_run(run.dir)], page)
    browser.open(page)
    assert "no score yet" in browser.text(".board tbody")
    assert browser.text("#found") == "No item has been recorded yet."
    assert not browser.run(SEEN, "#agree-label")
    assert not browser.run(SEEN, "#agree-note")
    for section in ("tasks", "confusion", "prompts", "positions"):
        assert browser.texts(f"#{section}") == []
    assert browser.texts(".bar nav a") == ["Scores", "Gallery", "Provenance"]
    assert browser.messages() == []


def test_the_image_stays_beside_the_answers_as_they_are_read(opened: Browser) -> None:
    opened.run("document.querySelector('.card').click()")
    opened.run("document.getElementById('item').scrollTop = 1e6")
    top = "return document.querySelector('#item .item-view').getBoundingClientRect().top"
    bar = "return document.querySelector('#item .item-top').getBoundingClientRect().bottom"
    assert opened.run("return document.getElementById('item').scrollTop") > 40
    assert opened.run(top) >= opened.run(bar)


def test_a_plugins_section_is_seen_as_text(opened: Browser) -> None:
    assert "<script>window['hacked'] = 1</script>" in opened.text("#told-1 pre")
    assert "  12.5 s  <b>cells</b> &amp;" in opened.text("#told-1 pre")
    assert opened.run("return window.hacked") is None
    assert opened.messages() == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_count_of_a_confusion_stands_out_from_its_cell(opened: Browser, dark: bool) -> None:
    opened.look(dark=dark)
    shares: list[float] = opened.run(CONTRASTS, ".matrix td a")
    assert len(shares) > 3
    assert min(shares) >= 4.5


def test_on_paper_the_page_is_light(opened: Browser) -> None:
    opened.run("document.documentElement.dataset.theme = 'dark'")
    dark = opened.run("return getComputedStyle(document.querySelector('.note')).color")
    opened.command("Emulation.setEmulatedMedia", media="print")
    try:
        paper = opened.run("return getComputedStyle(document.querySelector('.note')).color")
    finally:
        opened.command("Emulation.setEmulatedMedia", media="")
        opened.run("delete document.documentElement.dataset.theme")
    assert (dark, paper) == ("rgb(162, 171, 181)", "rgb(91, 99, 109)")


def test_an_image_that_is_gone_leaves_a_placeholder(browser: Browser, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(3)])
    run = evaluate("echo", tmp_path / "run", data=data)
    (data / "images" / "1.png").unlink()
    (data / "images" / "2.png").write_bytes((data / "images" / "0.png").read_bytes())
    page = tmp_path / "report.html"
    write_page([run], page)
    browser.open(page)
    assert browser.run("return document.querySelectorAll('.card img').length") == 5
    assert browser.texts(".pic.none") == ["The image is missing"] * 10
    assert any("missing from the data" in note for note in browser.texts("#gallery > .note"))
    assert browser.messages() == []
