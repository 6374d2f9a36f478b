"""What goes to Ray's workers and comes back, without Ray: bundles, images by reference, options."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mubench_gen import __version__
from mubench_gen.errors import SettingError
from mubench_gen.host.messages import images_of, pack, received_image, unpack
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.inference.ray import node_check, nodes, worker
from mubench_gen.inference.ray.bundles import Bundles, References
from mubench_gen.inference.ray.feed import Feed
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.ray_options import Cluster, RayOptions, split_cluster
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Image, Message, Request, Response, Sampling, Text

from .conftest import Here
from .helpers.data import make_png
from .helpers.plugin import write_plugin


def image(number: int) -> Image:
    return open_image(f"{number}.png", lambda: make_png(number), StandardPolicy())


def request(number: int, shown: Image | None = None, *more: Image) -> Request:
    parts = (*more, *([shown] if shown is not None else []), Text(f"question {number}"))
    messages = (Message("system", (Text("Be brief."),)), Message("user", parts))
    return Request(f"key{number}", messages, ("A", "B"), "parse", Sampling(0.0, 8), image=shown)


def test_a_request_comes_back_as_it_was_sent_and_its_images_travel_apart() -> None:
    example, shown = image(1), image(2)
    asked = request(7, shown, example)
    contents = {one.sha256: one.data for one in images_of(asked)}
    sent = pickle.loads(pickle.dumps(pack(asked)))
    assert len(contents) == 2
    assert len(pickle.dumps(sent)) < 1_500
    policy = StandardPolicy()
    made: dict[str, Image] = {}
    back = unpack(
        sent,
        lambda mark: made.setdefault(
            mark.sha256, received_image(mark, contents[mark.sha256], policy)
        ),
    )
    assert (back.key, back.labels, back.sampling) == (asked.key, asked.labels, asked.sampling)
    assert back.text == asked.text
    assert back.image is back.messages[1].content[1]
    assert [part.sha256 for part in images_of(back)] == [example.sha256, shown.sha256]
    assert back.image.pixels().tobytes() == shown.pixels().tobytes()


def bundles(requests: Sequence[Request | None], size: int) -> list[list[str]]:
    made = Bundles(iter(requests), size)
    found = []
    while (bundle := made.next()) is not None:
        found.append([one.key for one in bundle])
    return found


def test_what_is_asked_about_one_image_is_in_one_bundle() -> None:
    images = [image(number) for number in range(4)]
    asked = [request(10 * i + k, images[i]) for i in range(4) for k in range(3)]
    found = bundles(asked, 4)
    assert [key for bundle in found for key in bundle] == [one.key for one in asked]
    for number in range(4):
        keys = {f"key{10 * number + k}" for k in range(3)}
        assert sum(bool(keys & set(bundle)) for bundle in found) == 1
    assert max(map(len, found)) <= 6


def test_an_image_with_very_many_requests_is_parted_all_the_same() -> None:
    shown = image(0)
    found = bundles([request(k, shown) for k in range(100)], 8)
    assert max(map(len, found)) == 32
    assert sum(map(len, found)) == 100


def test_a_pause_ends_a_bundle_and_nothing_behind_it_is_taken_before_it_is_over() -> None:
    made = Bundles(iter([request(0), None, request(1)]), 8)
    assert [one.key for one in made.next() or []] == ["key0"]
    assert made.next() is None
    assert made.resume()
    assert [one.key for one in made.next() or []] == ["key1"]
    assert made.next() is None
    assert made.ended
    assert not made.resume()


def test_an_image_is_put_into_the_store_once() -> None:
    class Store:
        puts = 0

        def put(self, content: bytes) -> int:
            self.puts += 1
            return self.puts

    store, shown = Store(), image(0)
    references = References(store)
    assert references.of(shown) == references.of(shown) == 1
    for number in range(40):
        references.of(image(number + 1))
    assert len(references._known) <= 16


def test_bundles_are_handed_out_in_order_though_they_come_out_of_order() -> None:
    """Calls of an asynchronous actor may."""

    async def story() -> list[int | None]:
        feed = Feed()
        first = asyncio.create_task(feed.wait(0))
        await feed.add(1, ["one"])
        await feed.end(3)
        assert not first.done()
        await feed.add(0, ["zero"])
        seen = [await first, await feed.wait(1)]
        last = asyncio.create_task(feed.wait(2))
        await feed.add(2, ["two"])
        seen += [await last, await feed.wait(3)]
        assert await feed.get(1) == ["one"]
        await feed.done([1])
        assert await feed.get(1) is None
        return seen

    assert asyncio.run(story()) == [2, 2, 3, None]


def test_parts_are_handed_on_as_they_come_and_none_once_the_feed_is_closed() -> None:
    async def story() -> list[list[tuple[int, bytes]]]:
        feed = Feed()
        waiting = asyncio.create_task(feed.parts())
        await asyncio.sleep(0)
        assert not waiting.done()
        await feed.partly(3, b"a")
        seen = [await waiting]
        await feed.partly(3, b"b")
        await feed.partly(4, b"c")
        seen.append(await feed.parts())
        await feed.close()
        return [*seen, await feed.parts()]

    assert asyncio.run(story()) == [[(3, b"a")], [(3, b"b"), (4, b"c")], []]


def test_what_is_answered_of_a_bundle_is_sent_before_the_rest_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    opened = SimpleNamespace(model=SimpleNamespace(counts=dict, facts={}))
    answered = worker._Answered(opened, "w", "n")
    asked = [(request(number), Response(reply="A")) for number in range(40)]
    assert not answered.is_due()
    answered.add(asked[:31])
    assert not answered.is_due()
    answered.add(asked[31:32])
    assert answered.is_due()
    part = answered.part()
    assert (len(part.responses), part.whole) == (32, False)
    answered.add(asked[32:33])
    assert not answered.is_due()
    clock[0] = 0.3
    assert answered.is_due()
    assert [key for key, _ in answered.part().responses] == ["key32"]
    answered.add(asked[33:])
    assert (len(answered.whole().responses), answered.whole().whole) == (40, True)


def test_options_of_ray_are_not_part_of_what_comes_out() -> None:
    plain = make_settings({"plugin": "tiny", "options": ["engine.threads=1", "style=label"]})
    given = ["engine.threads=1", "style=label", "engine.actors=2:4", "engine.gpus=0.5"]
    on_ray = make_settings(
        {"plugin": "tiny", "engine": "ray", "ray_address": "auto", "options": given}
    )
    inner, cluster = split_cluster(on_ray)
    assert inner.identity() == plain.identity()
    assert cluster is not None
    assert (cluster.address, cluster.options.least, cluster.options.most) == ("auto", 2, 4)
    assert cluster.options.gpus == 0.5
    assert split_cluster(plain) == (plain, None)


def test_the_engine_in_the_workers_is_an_option() -> None:
    given = {"plugin": "tiny", "engine": "ray", "options": ["engine.engine=transformers"]}
    inner, _ = split_cluster(make_settings(given))
    assert inner.engine == "transformers"


@pytest.mark.parametrize(
    ("text", "least", "most"), [("4", 4, 4), ("1:8", 1, 8), ("2:", 2, None), (" 3 ", 3, 3)]
)
def test_a_number_of_workers_is_fixed_or_a_range(text: str, least: int, most: int | None) -> None:
    options = RayOptions(actors=text)
    assert (options.least, options.most) == (least, most)


@pytest.mark.parametrize(
    "option",
    ["actors=0", "actors=3:2", "actors=many", "cpus=-1", "gpus=x", "batch=0", "engine=ray"],
)
def test_a_bad_option_is_refused_by_name(here: Here, cells: Path, option: str) -> None:
    words = ["eval", "--plugin", "echo", "--data", cells, "--engine", "ray"]
    done = here(*words, "-o", f"engine.{option}")
    assert done.code == 2
    assert f"engine.{option.partition('=')[0]}" in done.err


def test_an_address_without_ray_is_refused(here: Here, cells: Path) -> None:
    done = here("eval", "--plugin", "echo", "--data", cells, "--ray-address", "auto")
    assert done.code == 2
    assert "--engine ray" in done.err


def node(**resources: float) -> dict[str, Any]:
    return {"NodeManagerHostname": "n", "Alive": True, "Resources": resources}


def test_workers_are_counted_node_by_node() -> None:
    three = Cluster(None, RayOptions(cpus=2, gpus=1))
    assert nodes.fitting([node(CPU=8, GPU=2), node(CPU=3, GPU=4), node(CPU=64)], three) == 3
    assert nodes.fitting([node(CPU=8, GPU=2)], Cluster(None, RayOptions(actors="1", gpus=1))) == 1
    with pytest.raises(SettingError, match=r"2 CPU and 1 GPU.*n: 4 CPU, 0 GPU"):
        nodes._check_room([node(CPU=4)], three)


def test_a_clock_that_differs_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    nodes.tell_clock("n1", 0.5)
    nodes.tell_clock("n2", 3_600.0)
    nodes.tell_clock("n3", -90.0)
    told = capsys.readouterr().err
    assert "n1" not in told
    assert "n2: its clock is 3,600 s ahead" in told
    assert "n3: its clock is 90 s behind" in told


def test_what_a_node_lacks_is_named_with_what_is_needed(tmp_path: Path, cells: Path) -> None:
    body = "def generate(self, requests): return [request.labels[0] for request in requests]"
    plugin = write_plugin(tmp_path / "mine.py", body)
    plan = make_plan(make_settings({"plugin": str(plugin), "data": cells}), Plugins())
    path = str(plugin.resolve())
    needs = nodes.needs_of(plan)
    assert list(needs["files"]) == [path]
    sound = node_check.look(path, [path])
    assert not node_check.lacks(needs, sound)

    def told(**changes: Any) -> str:
        return "; ".join(node_check.lacks(needs, {**sound, **changes}))

    assert f"{path} is not visible" in told(files={path: None})
    assert f"{path} is another one" in told(files={path: {"": 1}})
    assert f"has no mubench-gen, needs {__version__}" in told(**{"mubench-gen": None})
    assert f"has mubench-gen 9.9, needs {__version__}" in told(**{"mubench-gen": "9.9"})
    other = {"distribution": None, "version": None, "digest": "0" * 64}
    digest = (plan.plugin.digest or "")[:8]
    assert f"has the plugin 'mine' of mine (00000000), needs ({digest})" in told(plugin=other)
    assert "has not the plugin 'mine'" in told(plugin=None, plugin_error="it is broken")
    assert "it is broken" in told(plugin=None, plugin_error="it is broken")


def test_files_that_options_name_have_to_be_seen_too(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    given = [f"engine.adapter={tmp_path / 'adapter'}", "engine.kind=a/b", "engine.threads=1"]
    plan = make_plan(make_settings({"plugin": "echo", "options": given}), Plugins())
    assert nodes.needs_of(plan)["files"] == {str(tmp_path / "adapter"): {}}


def test_a_node_sees_the_files_with_their_sizes(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    found = node_check.look("echo", [str(tmp_path / "model"), str(tmp_path / "absent")])
    assert found["files"] == {
        str(tmp_path / "model"): {"config.json": 2},
        str(tmp_path / "absent"): None,
    }
    assert found["plugin"]["distribution"] == "mubench-gen"
