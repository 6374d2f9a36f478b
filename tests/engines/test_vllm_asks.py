"""Requests as a vLLM engine gets them, and the ids under which it keeps images."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image as PillowImage

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.vllm.asks import Asks
from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.engines.vllm.replicas import read_number
from mubench_gen.errors import MissingExtraError, SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plan.opening import open_model
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Image, Message, Text

from .conftest import DecodedPolicy, make_image, make_request

CHECKPOINT = Checkpoint("owner/name", "generative")


def image_id(image: Image, **preparation: Any) -> str:
    (shown,) = Asks(CHECKPOINT, preparation).make(make_request(image=image)).images
    return shown.id


def test_an_image_s_id_is_its_content_s() -> None:
    assert image_id(make_image(1)) == image_id(make_image(1))
    assert image_id(make_image(1)) != image_id(make_image(2))


def test_the_same_file_by_another_policy_has_another_id() -> None:
    """vLLM trusts the id: two readings of one file must not share a cache's entry."""
    one, other = (
        Image("i", lambda: b"the same bytes", DecodedPolicy(PillowImage.new("RGB", (8, 8), colour)))
        for colour in ("black", "white")
    )
    assert one.sha256 == other.sha256
    assert image_id(one) != image_id(other)


def test_the_same_image_prepared_in_another_way_has_another_id() -> None:
    image = make_image(1)
    assert image_id(image, mm_processor_kwargs=None) != image_id(
        image, mm_processor_kwargs={"max_pixels": 50_176}
    )


def test_messages_are_those_of_vllm_s_chat() -> None:
    image = make_image(3)
    ask = Asks(CHECKPOINT, {}).make(make_request(image=image, text="Which?", system="You see."))
    system, user = ask.chat()
    assert system == {"role": "system", "content": [{"type": "text", "text": "You see."}]}
    picture, text = user["content"]
    assert (picture["type"], picture["uuid"]) == ("image_pil", image_id(image))
    assert picture["image_pil"] is image.pixels()
    assert text == {"type": "text", "text": "Which?"}


def test_a_checkpoint_s_quirks_hold() -> None:
    quirky = Checkpoint("owner/name", "generative", system="user", images="first")
    image = make_image(3)
    request = make_request(system="You see.")
    behind = (*request.messages[:1], Message("user", (Text("Which?"), image)))
    (user,) = Asks(quirky, {}).make(type(request)(**{**fields(request), "messages": behind})).turns
    assert [part["type"] for part in user["content"]] == ["image", "text"]
    assert user["content"][1]["text"] == "You see.\n\nWhich?"


def fields(request: Any) -> dict[str, Any]:
    return {name: getattr(request, name) for name in type(request).__dataclass_fields__}


def test_images_of_worked_examples_stand_where_their_messages_show_them() -> None:
    one, two = make_image(1), make_image(2)
    request = make_request(image=two)
    shots = (Message("user", (one, Text("Which?"))), Message("assistant", (Text("A"),)))
    messages = (*shots, *request.messages)
    chat = Asks(CHECKPOINT, {}).make(type(request)(**{**fields(request), "messages": messages}))
    first, answer, last = chat.chat()
    assert (first["content"][0]["uuid"], last["content"][0]["uuid"]) == (
        image_id(one),
        image_id(two),
    )
    assert answer["content"] == [{"type": "text", "text": "A"}]


def test_the_number_of_replicas_is_the_engine_s_own_and_not_vllm_s() -> None:
    arguments = {"data_parallel_size": 4, "dtype": "auto"}
    assert read_number(arguments) == 4
    assert arguments == {"dtype": "auto"}
    with pytest.raises(SettingError, match="data_parallel_size=0"):
        read_number({"data_parallel_size": 0})


def test_the_engine_offers_four_read_outs_and_a_window_a_replica() -> None:
    one = open_checkpoint("vllm", CHECKPOINT, Runtime(""))
    assert isinstance(one, VllmGenerative)
    assert one.readouts == ("parse", "choice", "logprob", "cloze")
    runtime = Runtime("", engine_options={"data_parallel_size": "3"})
    three = open_checkpoint("vllm", CHECKPOINT, runtime)
    assert isinstance(three, VllmGenerative)
    assert three.window == 3 * one.window


@pytest.mark.parametrize(
    ("settings", "images"),
    [
        ({}, 1),
        ({"control": "blind"}, 0),
        ({"prompt_set": {"shots": "2"}}, 3),
        ({"prompt_set": {"shots": "2"}, "prompt": ["letter"]}, 3),
    ],
)
def test_the_engine_makes_room_for_the_images_that_a_task_shows(
    settings: dict[str, Any], images: int
) -> None:
    given = make_settings({"plugin": "tiny", "engine": "vllm", **settings})
    model = open_model(Plugins().load("tiny"), given)
    assert isinstance(model, VllmGenerative)
    limits = {"image": images, "video": 0, "audio": 0}
    assert model._arguments["limit_mm_per_prompt"] == limits


def test_a_limit_of_the_user_s_stands_beside_the_task_s_and_an_unknown_kind_is_refused() -> None:
    given = {"limit_mm_per_prompt": '{"image": 4}'}
    model = open_checkpoint("vllm", CHECKPOINT, Runtime("", engine_options=given))
    assert isinstance(model, VllmGenerative)
    limits = {"image": 4, "video": 0, "audio": 0}
    assert model._arguments["limit_mm_per_prompt"] == limits
    wrong = {"limit_mm_per_prompt": '{"images": 1}'}
    with pytest.raises(SettingError, match=r"no kind 'images'.*'image'"):
        open_checkpoint("vllm", CHECKPOINT, Runtime("", engine_options=wrong))


@pytest.mark.parametrize("path", ["./nope", "~/nope", "/nope/folder", "nope", "a/b/c", ".hidden/x"])
def test_what_can_be_no_hub_id_is_a_folder_that_is_not_there(path: str) -> None:
    with pytest.raises(UsageError, match="No folder"):
        open_checkpoint("vllm", Checkpoint(path, "generative"), Runtime(""))


def test_without_vllm_the_line_to_type_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "vllm", None)
    model = open_checkpoint("vllm", CHECKPOINT, Runtime(""))
    with pytest.raises(MissingExtraError, match=r"pip install 'mubench-gen\[vllm\]'"):
        model.load()
    model.close()
