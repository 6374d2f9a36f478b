"""Several images among the text of one request, on the engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.packages import package

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.conversation import conversation
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.engines.vllm.arguments import with_room
from mubench_gen.engines.vllm.asks import Asks
from mubench_gen.errors import SettingError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Image, Message, Reply, Request, Text

from .conftest import make_image, make_request

package("torch")
FIRST = (
    "{% for m in messages %}{% for c in m['content'] if c['type'] == 'image' %}<image>{% endfor %}"
    "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }}{% endfor %}{% endfor %}"
)


def ask(*parts: str | Image) -> Request:
    content = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    images = tuple(part for part in content if isinstance(part, Image))
    user = Message("user", content)
    return replace(make_request(), messages=(user,), image=images[0], more_images=images[1:])


def open_folder(folder: Path, **settings: str) -> TransformersGenerative:
    checkpoint = Checkpoint(folder, "generative", **settings)  # type: ignore[arg-type]
    model = open_checkpoint("transformers", checkpoint, Runtime("", device="cpu"))
    assert isinstance(model, TransformersGenerative)
    model.load()
    return model


def texts(replies: Sequence[Reply | str]) -> list[str]:
    return [reply.text for reply in replies if isinstance(reply, Reply)]


@pytest.mark.parametrize("name", ["llava", "idefics"])
def test_a_chat_model_reads_every_image_at_its_place(
    name: str, request: pytest.FixtureRequest
) -> None:
    model = open_folder(request.getfixturevalue(name))
    one, two, three = map(make_image, range(3))
    asked = [
        ask("Cell ", one, " or ", two, "?"),
        ask("Cell ", two, " or ", one, "?"),
        ask("Cell ", one, " or ", three, "?"),
        ask(one, two, "Cell  or ?"),
        ask(one, "Cell?"),
    ]
    scores = [tuple(row) for row in model.label_logprobs(asked)]
    assert len(set(scores)) == len(asked)
    alone = [tuple(model.label_logprobs([one])[0]) for one in asked]
    for together, by_itself in zip(scores, alone, strict=True):
        assert together == pytest.approx(by_itself, abs=1e-4)
    usage = [reply.usage or {} for reply in model.generate(asked) if isinstance(reply, Reply)]
    assert usage[0]["image_tokens"] == 2 * usage[-1]["image_tokens"]
    model.close()


def test_words_keep_the_places_that_a_chat_template_does_not(llava: Path) -> None:
    model = open_folder(llava, chat_template=FIRST)
    one, two = make_image(1), make_image(2)
    chat = model._chat  # type: ignore[attr-defined]
    assert (
        chat.render(ask("A) ", one, " B) ", two).messages) == "<image><image>A) image 1 B) image 2"
    )
    assert chat.render(ask("Which? ", one).messages) == "<image>Which? "
    assert chat.render(ask(one, two, "Which?").messages) == "<image><image>Which?"
    model.close()


def test_a_checkpoint_that_reads_images_first_is_told_which_is_where() -> None:
    one, two = make_image(1), make_image(2)
    messages = ask("A) ", one, " B) ", two).messages
    first = Checkpoint("owner/name", "generative", images="first")
    (turn,) = conversation(messages, first)
    assert turn.content == (one, two, Text("A) image 1 B) image 2"))


def test_vllm_gets_all_images_at_their_places_each_with_its_own_id() -> None:
    one, two = make_image(1), make_image(2)
    asks = Asks(Checkpoint("owner/name", "generative"), {})
    (turn,) = asks.make(ask("A) ", one, " B) ", two)).chat()
    kinds = [part["type"] for part in turn["content"]]
    assert kinds == ["text", "image_pil", "text", "image_pil"]
    shown = [part for part in turn["content"] if part["type"] == "image_pil"]
    assert [part["image_pil"] for part in shown] == [one.pixels(), two.pixels()]
    assert shown[0]["uuid"] != shown[1]["uuid"]


def test_vllm_makes_room_for_the_largest_set_of_the_run() -> None:
    arguments = {"limit_mm_per_prompt": {"image": 1, "video": 0, "audio": 0}}
    assert with_room(arguments, Runtime("", images=5))["limit_mm_per_prompt"]["image"] == 5
    assert with_room(arguments, Runtime("", images=1)) == arguments
    given = {"limit_mm_per_prompt": '{"image": 1}'}
    with pytest.raises(SettingError, match="allows 1 images a prompt, and this run shows up to 5"):
        with_room(arguments, Runtime("", images=5, engine_options=given))
