"""A key stands for all that determines a reply: equal requests are asked once, others never."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import Run, RunFolderError, UsageError
from mubench_gen.data import open_dataset
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.plan.request import RequestContext, make_request
from mubench_gen.prompts.render import load_prompt, render
from mubench_gen.runs.recorder import Recorder
from mubench_gen.tasks.samples import samples
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Readout, RenderedPrompt, Request, Response

from .spine import asked_keys, by_id, evaluate, make_row, png, write_data, write_plugin


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i, questions=("stain",)) for i in range(6)])


@pytest.fixture
def noting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("FAULTY", str(tmp_path / "faulty"))
    return write_plugin(tmp_path)


def keys(run: Run) -> set[str]:
    return {record["key"] for record in run.records()}


def test_a_key_does_not_change_with_how_a_run_is_made(cells: Path, tmp_path: Path) -> None:
    plain = keys(evaluate("echo", tmp_path / "0", data=cells))
    elsewhere = shutil.copytree(cells, tmp_path / "elsewhere")
    ways: list[dict[str, Any]] = [
        {"batch_size": 2},
        {"device": "cpu"},
        {"timeout": 5},
        {"seed": 9},  # nothing is drawn: the run is greedy
        {"data": elsewhere},
    ]
    for number, way in enumerate(ways, start=1):
        assert keys(evaluate("echo", tmp_path / f"{number}", **{"data": cells, **way})) == plain
    assert len(plain) == 6
    limited = keys(evaluate("echo", tmp_path / "limited", data=cells, limit=3))
    assert limited < plain


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"temperature": 0.5, "seed": 1},
        {"max_tokens": 7},
        {"readout": "logprob"},
        {"options": {"style": "sentence"}},
        {"dtype": "float16"},
        {"revision": "v2"},
        {"prompt_set": {"labels": "1"}},
        {"prompt_set": {"system": "Be brief."}},
        {"prompt_set": {"image": "after"}},
        {"prompt_set": {"max_tokens": "9"}},
        {"prompt": "plain"},
        {"orders": "reversed"},
        {"control": "blind"},
    ],
    ids=lambda change: ",".join(f"{k}={v}" for k, v in change.items()),
)
def test_every_key_changes_with_what_may_change_the_reply(
    cells: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    plain = keys(evaluate("echo", tmp_path / "plain", data=cells))
    other = keys(evaluate("echo", tmp_path / "other", data=cells, **change))
    assert other
    assert not plain & other


def test_seeds_of_sampled_runs_have_keys_of_their_own(cells: Path, tmp_path: Path) -> None:
    runs = [
        evaluate("echo", tmp_path / f"{s}", data=cells, temperature=0.7, seed=s) for s in range(2)
    ]
    assert not keys(runs[0]) & keys(runs[1])


def test_the_key_follows_the_bytes_of_the_image(cells: Path, tmp_path: Path) -> None:
    before = by_id(evaluate("echo", tmp_path / "before", data=cells))
    (cells / "images" / "3.png").write_bytes(png(1_000))
    after = by_id(evaluate("echo", tmp_path / "after", data=cells))
    changed = {before[i]["image_id"] for i in before if before[i]["key"] != after[i]["key"]}
    assert changed == {"cells-00003"}


def test_the_key_follows_a_path_plugins_code(cells: Path, tmp_path: Path, noting: Path) -> None:
    before = keys(evaluate(noting, tmp_path / "before", data=cells))
    noting.write_text(noting.read_text() + "\n# another model\n")
    assert not before & keys(evaluate(noting, tmp_path / "after", data=cells))


def _rendered(cells: Path) -> RenderedPrompt:
    dataset = open_dataset(str(cells))
    sample = next(samples(load_tasks(["stain"]), dataset))
    return render(load_prompt("plain"), sample, tuple(range(6)))


def test_the_key_follows_identity_repeat_read_out_and_labels(cells: Path) -> None:
    shown = _rendered(cells)
    context = RequestContext("identity", 0.0, None, 0)

    def key(
        rendered: RenderedPrompt = shown,
        readout: Readout = "parse",
        repeat: int = 0,
        **changed: Any,
    ) -> str:
        return make_request(rendered, readout, repeat, replace(context, **changed)).key

    found = [
        key(),
        key(identity="other weights"),
        key(repeat=1),
        key(readout="choice"),
        key(readout="logprob"),
        key(temperature=0.5),
        key(temperature=1.0),
        key(temperature=1.0, seed=1),
        key(max_tokens=3),
        key(replace(shown, labels=tuple("uvwxyz"))),
        key(replace(shown, labels=tuple("uvwxyz")), readout="logprob"),
    ]
    assert len(set(found)) == len(found)
    assert key() == key(seed=5)
    assert key(readout="logprob") == key(readout="logprob", temperature=1.0, max_tokens=3)


def test_text_moved_from_one_part_to_the_next_is_another_request(cells: Path) -> None:
    from mubench_gen.types import Message, Text

    shown = _rendered(cells)
    context = RequestContext("identity", 0.0, None, 0)

    def key(*messages: Message) -> str:
        return make_request(replace(shown, messages=messages), "parse", 0, context).key

    found = [
        key(Message("user", (Text("ab"), Text("c")))),
        key(Message("user", (Text("a"), Text("bc")))),
        key(Message("user", (Text("abc"),))),
        key(Message("user", (Text("abc\0text 1 d"),))),
        key(Message("user", (Text("abc"), Text("d")))),
        key(Message("system", (Text("ab"),)), Message("user", (Text("c"),))),
        key(Message("user", (Text("ab"),)), Message("user", (Text("c"),))),
    ]
    assert len(set(found)) == len(found)


def test_the_key_follows_the_image_policy(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(evaluate("echo", tmp_path / "before", data=cells))
    monkeypatch.setattr(
        "mubench_gen.plan.plan.make_policy", lambda *_, **__: StandardPolicy(alpha="black")
    )
    assert not before & keys(evaluate("echo", tmp_path / "after", data=cells))


OPTIONS_MODEL = """
import mubench_gen
from mubench_gen import ModelSpec


class Served(mubench_gen.GenerativeModel):
    class Options(mubench_gen.Options):
        api_key: str = ""
        token: str = ""
        stop_token: str = ""
        max_new_tokens: int = 8
        keypoints: int = 1

    def generate(self, requests):
        return ["A"] * len(requests)


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("served", Served)]
"""


@pytest.mark.parametrize("name", ["api_key", "token"])
def test_a_secret_is_in_no_key_and_no_manifest_and_may_be_rotated(
    cells: Path, tmp_path: Path, name: str
) -> None:
    plugin = write_plugin(tmp_path, OPTIONS_MODEL, "served")
    runs = [
        evaluate(plugin, tmp_path / folder, data=cells, options={name: secret})
        for folder, secret in (("one", "sk-1"), ("one", "sk-2"), ("two", "sk-2"))
    ]
    assert keys(runs[0]) == keys(runs[2])
    assert "sk-" not in (tmp_path / "one" / "manifest.json").read_text()


@pytest.mark.parametrize("name", ["stop_token", "max_new_tokens", "keypoints"])
def test_an_option_whose_name_only_sounds_like_a_secret_tells_runs_apart(
    cells: Path, tmp_path: Path, name: str
) -> None:
    plugin = write_plugin(tmp_path, OPTIONS_MODEL, "served")
    first = evaluate(plugin, tmp_path / "run", data=cells, options={name: "1"})
    with pytest.raises(RunFolderError, match=f'options.{name}: there "1", now "2"'):
        evaluate(plugin, tmp_path / "run", data=cells, options={name: "2"})
    other = evaluate(plugin, tmp_path / "other", data=cells, options={name: "2"})
    assert not keys(first) & keys(other)


def test_the_same_image_and_question_in_two_data_sets_are_asked_once(
    tmp_path: Path, noting: Path
) -> None:
    rows = [
        make_row(i % 5, dataset=dataset, image=f"images/{i % 5}.png", questions=("stain", "domain"))
        for dataset in ("cells", "tissues")
        for i in range(5)
    ]
    run = evaluate(noting, tmp_path / "run", data=write_data(tmp_path / "data", rows))
    asked = asked_keys(tmp_path / "asked")
    assert len(asked) == len(set(asked)) == 10
    records = list(run.records())
    assert len({r["id"] for r in records}) == 20
    assert set(Counter(r["key"] for r in records).values()) == {2}
    shared = {(r["key"], r["reply"]) for r in records}
    assert len(shared) == 10
    assert Counter(r["dataset"] for r in records) == {"cells": 10, "tissues": 10}


def test_without_images_each_distinct_question_is_asked_once(tmp_path: Path, noting: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(40)])
    run = evaluate(noting, tmp_path / "run", data=data, control="blind")
    assert run.scores.pooled.n == 200
    assert len(asked_keys(tmp_path / "asked")) == 5


def test_items_that_wait_for_a_shared_request_are_few_at_a_time(
    tmp_path: Path, noting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory must not grow with the items that share a request."""
    waiting: list[int] = []
    still = [-1]
    answered = Recorder.answered

    def noted(recorder: Recorder, batch: Iterable[tuple[Request, Response]]) -> None:
        waiting.append(sum(len(items) for items in recorder._in_flight.values()))
        answered(recorder, batch)
        still[-1] = recorder._waiting

    monkeypatch.setattr("mubench_gen.runs.recorder._WAITING", 20)
    monkeypatch.setattr(Recorder, "answered", noted)
    data = write_data(tmp_path / "data", [make_row(i) for i in range(100)])
    run = evaluate(noting, tmp_path / "run", data=data, control="blind")
    assert run.complete
    assert len(asked_keys(tmp_path / "asked")) == 5
    assert max(waiting) < 40
    still.append(-1)
    rows = [make_row(i, image=f"images/{i // 3}.png") for i in range(90)]
    shared = write_data(tmp_path / "shared", rows)
    run = evaluate(noting, tmp_path / "other", data=shared, batch_size=75)
    assert run.complete
    assert len(asked_keys(tmp_path / "asked")) == 5 + 150
    assert max(waiting) < 40 + 2 * 75
    assert still == [0, 0], "else batches would not fill again"


def test_a_shared_request_that_fails_fails_all_its_items_and_is_tried_again(
    tmp_path: Path, noting: Path
) -> None:
    rows = [make_row(0, dataset=f"set{i}", image="images/0.png") for i in range(8)]
    data = write_data(tmp_path / "data", rows)
    (tmp_path / "faulty").touch()
    first = evaluate(noting, tmp_path / "run", data=data)
    assert first.scores.pooled.n_errors % 8 == 0
    (tmp_path / "faulty").unlink()
    second = evaluate(noting, tmp_path / "run", data=data)
    assert (second.scores.pooled.n, second.scores.pooled.n_errors) == (40, 0)
    assert second.scores.pooled.statuses == {"answered": 1}


def test_repeats_are_asked_one_by_one(cells: Path, tmp_path: Path, noting: Path) -> None:
    run = evaluate(noting, tmp_path / "run", data=cells, repeats=3)
    asked = asked_keys(tmp_path / "asked")
    assert len(asked) == len(set(asked)) == 18
    assert Counter(r["item"] for r in run.records()) == {r["item"]: 3 for r in run.records()}


def test_several_prompts_read_outs_and_orders_are_all_asked(cells: Path, tmp_path: Path) -> None:
    run = evaluate(
        "echo",
        tmp_path / "run",
        data=cells,
        prompt=["plain", "letter"],
        readout=["parse", "logprob"],
        orders="cyclic:3",
    )
    records = list(run.records())
    assert len(records) == len({r["id"] for r in records}) == 6 * 2 * 2 * 3
    assert run.complete


def test_nothing_is_taken_from_another_run_unless_it_is_named(
    cells: Path, tmp_path: Path, noting: Path
) -> None:
    evaluate(noting, tmp_path / "first", data=cells)
    evaluate(noting, tmp_path / "second", data=cells)
    assert len(asked_keys(tmp_path / "asked")) == 12


def test_reuse_takes_the_replies_to_equal_requests_and_asks_the_others(
    cells: Path, tmp_path: Path, noting: Path
) -> None:
    first = evaluate(noting, tmp_path / "first", data=cells, limit=4)
    before = asked_keys(tmp_path / "asked")
    second = evaluate(noting, tmp_path / "second", data=cells, reuse=[tmp_path / "first"])
    assert second.complete
    new = asked_keys(tmp_path / "asked")[len(before) :]
    assert len(new) == 2
    assert not set(new) & set(before)
    taken = {r["key"]: r["reply"] for r in first.records()}
    assert all(taken.get(r["key"], r["reply"]) == r["reply"] for r in second.records())


def test_reuse_of_a_run_of_other_settings_takes_nothing(
    cells: Path, tmp_path: Path, noting: Path
) -> None:
    evaluate(noting, tmp_path / "first", data=cells, options={"style": "sentence"})
    second = evaluate(noting, tmp_path / "second", data=cells, reuse=[tmp_path / "first"])
    assert len(asked_keys(tmp_path / "asked")) == 12
    assert second.complete


def test_reuse_takes_no_failed_item(cells: Path, tmp_path: Path, noting: Path) -> None:
    (tmp_path / "faulty").touch()
    first = evaluate(noting, tmp_path / "first", data=cells, repeats=4)
    assert first.scores.pooled.n_errors
    (tmp_path / "faulty").unlink()
    second = evaluate(noting, tmp_path / "second", data=cells, repeats=4, reuse=first.dir)
    assert second.scores.pooled.n_errors == 0
    assert second.scores.pooled.statuses == {"answered": 1}


def test_reuse_of_scored_options_reads_them_as_the_first_run_did(
    cells: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"data": cells, "prompt": "letter", "readout": "logprob"}
    first = evaluate("echo", tmp_path / "first", **settings)
    second = evaluate("echo", tmp_path / "second", **settings, reuse=first.dir)
    assert by_id(first) == by_id(second)


def test_reuse_of_what_is_no_run_is_refused_before_anything_is_written(
    cells: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        evaluate("echo", tmp_path / "run", data=cells, reuse=[tmp_path / "nowhere"])
    assert not (tmp_path / "run").exists()


def test_two_prompts_of_one_name_are_refused(cells: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.j2").write_text("{{ question }} What do you say?\n")
    with pytest.raises(UsageError, match="plain"):
        evaluate("echo", tmp_path / "run", data=cells, prompt=["plain", str(tmp_path / "plain.j2")])


def test_the_same_prompt_named_twice_is_asked_once(cells: Path, tmp_path: Path) -> None:
    path = load_prompt("plain").path
    run = evaluate("echo", tmp_path / "run", data=cells, prompt=["plain", path])
    assert run.scores.pooled.n == 6
    assert run.complete
