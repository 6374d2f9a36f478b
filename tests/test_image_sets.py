"""Several images a question: their places in prompts, keys and records, and who takes them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mubench_gen
from mubench_gen.data import open_dataset
from mubench_gen.errors import DataError, QuestionError, SettingError
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.plan.request import RequestContext, make_request
from mubench_gen.prompts.image_places import numbered
from mubench_gen.prompts.render import load_prompt, render
from mubench_gen.tasks.samples import make_sample, samples
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Image, Question, Row, Sample, Task, Text

from .helpers.command import Outcome
from .helpers.data import make_png
from .helpers.image_sets import SAME, make_set, write_sets
from .helpers.server import FakeServer

Here = Callable[..., Outcome]
TASK = Task("t", "T", "own", "q", (), "", "0" * 64)


def picture(number: int) -> Image:
    return open_image(f"{number}.png", lambda: make_png(number), StandardPolicy())


def make(text: str, options: Sequence[str], images: int) -> Sample:
    """A sample as a data set makes it: its markers are numbered."""
    text, *options = numbered((text, *options), images)
    asked = Question("q", text, tuple(options), 0)
    first, *others = map(picture, range(1, images + 1))
    row = Row(0, "d/1", "1", "d", first, {"q": asked}, {}, {}, more_images=tuple(others))
    return make_sample("d/1/t", TASK, row, asked, row.images)


def shown(sample: Sample, prompt: str = "letter", **settings: str) -> list[str | int]:
    """The last message: its texts, and its images by their numbers."""
    order = tuple(range(len(sample.question.options)))
    message = render(load_prompt(prompt, settings), sample, order).messages[-1]
    return [
        part.text if isinstance(part, Text) else int(part.name.split(".")[0])
        for part in message.content
    ]


def own_template(folder: Path, text: str) -> str:
    path = folder / "mine.j2"
    path.write_text(text, "utf-8")
    return str(path)


@pytest.fixture
def plain(tmp_path: Path) -> str:
    return own_template(
        tmp_path, "{{ question }}\n{% for o in options %}{{ o.marker }} {{ o.text }}\n{% endfor %}"
    )


def test_markers_are_places_of_images_in_text_and_options(plain: str) -> None:
    sample = make("Is <image 2> like <image 1>?", ["as <image_3> is", "no"], 4)
    expected = [4, "Is ", 2, " like ", 1, "?\nA) as ", 3, " is\nB) no"]
    assert shown(sample, plain) == expected
    assert shown(sample, plain, image="after") == [*expected[1:], 4]


def test_options_that_are_images_keep_their_images_in_every_order(plain: str) -> None:
    sample = make("Which?", ["<image>", "<image>", "none of the above"], 2)
    rendered = render(load_prompt(plain), sample, (1, 0, 2))
    parts = [p.text if isinstance(p, Text) else p.name for p in rendered.messages[0].content]
    assert parts == ["Which?\nA) ", "2.png", "\nB) ", "1.png", "\nC) none of the above"]
    assert rendered.options == ("<image 2>", "<image 1>", "none of the above")


def test_a_bare_marker_is_the_next_image_that_no_marker_names() -> None:
    texts = ("<image> and <image 2>", "<image>", "<image>")
    assert numbered(texts, 4) == ("<image 1> and <image 2>", "<image 3>", "<image 4>")
    for texts in (("<image> <image> <image>",), ("<image 3>",)):
        with pytest.raises(QuestionError, match="the row has 2"):
            numbered(texts, 2)


def test_an_image_is_shown_once_and_named_by_words_afterwards(plain: str) -> None:
    sample = make("<image 1> or <image 2>? <image 1> is stained.", ["a", "b"], 2)
    assert shown(sample, plain)[:4] == [1, " or ", 2, "? <image 1> is stained.\nA) a\nB) b"]


def test_a_row_with_one_image_has_a_place_for_it_by_number_alone(plain: str) -> None:
    assert shown(make("In <image 1>?", ["a", "b"], 1), plain)[:2] == ["In ", 1]
    text = "The tags <image> and <image 2>, ?"
    assert shown(make(text, ["a", "b"], 1), plain) == [1, f"{text}\nA) a\nB) b"]


def test_no_text_passes_for_a_place_of_an_image(plain: str) -> None:
    forged = "\ue0001\ue000 \ue0000\ue000 <image 9>"
    sample = make("<image 2> " + forged.replace("<image 9>", "x"), ["a", "\ue0012\ue001"], 2)
    found = shown(sample, plain)
    assert [part for part in found if isinstance(part, int)] == [1, 2]
    assert "".join(part for part in found if isinstance(part, str)) == (
        " \ue0001\ue000 \ue0000\ue000 x\nA) a\nB) \ue0012\ue001"
    )


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("A {{ image }} B", ["A ", 1, 2, 3, " B"]),
        ("{{ images[2] }} {{ question }} {{ image }}", [3, " Q ", 1, 2]),
        ("{% for i in images %}{{ loop.index }}:{{ i }}{% endfor %}", ["1:", 1, "2:", 2, "3:", 3]),
        ("{{ images | length }} {{ question }}", [1, 2, 3, "3 Q"]),
        ("{{ images[0] }}{{ images[0] }}", [2, 3, 1, "<image 1>"]),
    ],
)  # fmt: skip
def test_a_template_places_images(tmp_path: Path, template: str, expected: list[Any]) -> None:
    assert shown(make("Q", ["a", "b"], 3), own_template(tmp_path, template)) == expected


def test_words_stand_for_images_where_none_can_be_shown(tmp_path: Path) -> None:
    sample = make("Is <image 1> it?", ["<image 2>", "b"], 2)
    blind = make_sample(sample.id, TASK, sample.row, sample.question, ())
    template = own_template(tmp_path, "{{ image }}{{ question }} {{ options[0].text }}")
    assert shown(blind, template) == ["Is <image 1> it? <image 2>"]
    prompt = load_prompt("letter", {"system": "See {{ question }}"})
    system, *_ = render(prompt, sample, (0, 1)).messages
    assert system.content == (Text("See Is <image 1> it?"),)
    (caption,) = render(load_prompt("caption-question"), sample, (0, 1)).messages
    assert [p.text for p in caption.content if isinstance(p, Text)] == [
        "Is image 1 it? image 2", "Is image 1 it? b"
    ]  # fmt: skip


def keys(*samples: Sample, readout: Any = "parse", **settings: str) -> list[str]:
    context = RequestContext("", 0.0, None, 0)
    prompt = load_prompt("caption-question" if readout == "similarity" else "letter", settings)
    return [make_request(render(prompt, one, (0, 1)), readout, 0, context).key for one in samples]


def test_a_key_covers_all_images_in_their_order() -> None:
    one, three = make("Q", ["a", "b"], 1), make("Q", ["a", "b"], 3)
    images = three.row.images
    sets = [
        images[:2],
        images,
        (images[1], images[0], images[2]),
        (images[0], images[2], images[1]),
    ]
    others = [make_sample("x", TASK, one.row, one.question, images) for images in sets]
    assert len(set(keys(one, *others))) == 5


def test_the_key_of_a_question_about_one_image_is_what_it_was_before_there_were_several() -> None:
    assert keys(make("Q", ["a", "b"], 1)) == ["bba393aacc0fa25a5b687c392e5f21ad"]
    assert keys(make("Q", ["a", "b"], 1), readout="similarity") == [
        "b131dfb656644e8151c98a57072c54d1"
    ]


def test_how_similarities_are_pooled_is_in_the_key_where_there_are_several() -> None:
    one, two = make("Q", ["a", "b"], 1), make("Q", ["a", "b"], 2)
    mean, maximum = (keys(one, two, readout="similarity", pooling=p) for p in ("mean", "maximum"))
    assert mean[0] == maximum[0]
    assert mean[1] != maximum[1]


def test_similarities_are_pooled_by_caption_prompts_alone() -> None:
    with pytest.raises(SettingError, match="pooling: maximum: only a caption prompt"):
        load_prompt("letter", {"pooling": "maximum"})


def test_rows_give_their_images_as_a_list_or_in_numbered_columns(tmp_path: Path) -> None:
    names = make_set(0, 3)["image"]
    forms: list[dict[str, Any]] = [
        {"image": names},
        {"image": [{"bytes": None, "path": name} for name in names]},
        {"image": None, "images": [*names, None]},
        {"image": None, **{f"image_{i}": name for i, name in enumerate(names, 1)}, "image_4": None},
        {"image": names[0], "image_2": names[1], "image_3": names[2]},
        {"image": names[0], "images": names},
    ]
    for number, form in enumerate(forms):
        data = write_sets(tmp_path / str(number), [make_set(0, 3, **form)])
        (row,) = open_dataset(str(data))
        assert [image.name for image in row.images] == names
        assert row.questions["same"].text == SAME.replace("_", " ")
        assert not any(name.startswith("image") for name in row.meta)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": ["images/0-1.png"]}, "images stand in the columns image and images"),
        ({"image": "a.png", "image_3": "b.png"}, "numbered from 1 without a gap"),
        ({"image": ["a.png", None, "b.png"]}, "column image: holds no path"),
        ({"image": ["a.png", "b.png", "../c.png"]}, "column image: the image '../c.png' is not"),
        ({"image": ["a.png", "b.png"]}, r"questions.which: <image 3> has no image: the row has 2"),
    ],
)  # fmt: skip
def test_a_row_whose_images_are_not_clear_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    data = write_sets(tmp_path / "data", [make_set(0, 3)])
    rows = [make_set(0, 3), make_set(1, 3, **changes)]
    (data / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with pytest.raises(DataError, match=rf"row 2.*{message}"):
        open_dataset(str(data))


def test_the_digest_of_the_data_covers_all_images(tmp_path: Path) -> None:
    data = write_sets(tmp_path / "data")
    before = open_dataset(str(data)).digest
    (data / "images" / "2-3.png").write_bytes(make_png(99))
    assert open_dataset(str(data)).digest != before


def test_the_controls_remove_or_exchange_the_whole_set(tmp_path: Path) -> None:
    data = open_dataset(str(write_sets(tmp_path / "data")))
    tasks = load_tasks(["same"], data)
    assert all(not one.images for one in samples(tasks, data, control="blind"))
    for one in samples(tasks, data, control="shuffled"):
        names = {image.name for image in one.images}
        assert len(names) == len(one.row.images)
        assert names.isdisjoint(image.name for image in one.row.images)


def test_a_set_that_no_other_row_can_replace_is_told(tmp_path: Path) -> None:
    rows = [make_set(0, 3), make_set(1, 2), make_set(2, 2)]
    data = open_dataset(str(write_sets(tmp_path / "data", rows)))
    with pytest.raises(DataError, match=r"no other row has 3 images, as row 1 \(image_id set-0\)"):
        list(samples(load_tasks(["same"], data), data, control="shuffled"))


def test_that_is_told_before_anything_is_asked(tmp_path: Path, here: Here) -> None:
    rows = [make_set(0, 3), make_set(1, 2), make_set(2, 2)]
    data = write_sets(tmp_path / "data", rows)
    found = here(
        "eval", "--plugin", "echo", "--data", data, "--control", "shuffled", "--run-dir", "r"
    )
    assert (found.code, "no other row has 3 images" in found.err) == (2, True)
    assert not (tmp_path / "r").exists()


def test_a_run_shows_records_and_resumes_sets_of_images(tmp_path: Path, here: Here) -> None:
    data = write_sets(tmp_path / "data")
    given = ("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", "-q")
    assert here(*given, "--max-requests", "3").code == 3
    assert here(*given).code == 0
    records = list(mubench_gen.load_run("run").records())
    assert len(records) == 8
    for record in records:
        whole = record["images_sha256"]
        assert record["image_sha256"] == whole[0]
        in_text = [p["sha256"] for p in record["messages"][-1]["content"] if p["type"] == "image"]
        assert sorted(in_text) == sorted(whole)
        if record["task"] == "which":
            assert in_text == whole[::-1]


def test_a_row_with_one_image_has_no_list_in_its_record(cells: Path, here: Here) -> None:
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run", "-q").code == 0
    assert not any("images_sha256" in one for one in mubench_gen.load_run("run").records())


OLD = """
import mubench_gen
from mubench_gen import GenerativeModel, ModelSpec

class Old(GenerativeModel):
    def generate(self, requests):
        return [request.labels[len(request.image.file_bytes) % 2] for request in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("old", Old), ModelSpec("two", Old, max_images=2)]
"""


def test_a_model_is_not_asked_about_more_images_than_it_declares(
    tmp_path: Path, here: Here
) -> None:
    data = write_sets(tmp_path / "data")
    (tmp_path / "old.py").write_text(OLD, "utf-8")
    given = ("eval", "--plugin", tmp_path / "old.py", "--data", data, "--run-dir", "run")
    for model, limit in (("old", 1), ("two", 2)):
        found = here(*given, "--model", model)
        assert found.code == 2
        assert f"takes, which is {limit}: same (up to 3), which (up to 3)" in found.err
        assert "--tasks" in found.err
        assert not (tmp_path / "run").exists()
    assert here(*given, "--model", "old", "--control", "blind", "-q").code == 3  # it has no image


def test_options_that_are_images_are_not_asked_of_a_model_that_compares_texts(
    tmp_path: Path, here: Here
) -> None:
    data = write_sets(tmp_path / "data")
    found = here("eval", "--plugin", "tiny", "--model", "clip", "--data", data)
    assert (found.code, "has options that are images (row 1" in found.err) == (2, True)


VECTORS = """
import mubench_gen
import numpy as np
from mubench_gen import ModelSpec

class Vectors(mubench_gen.ContrastiveModel):
    def embed_images(self, images):
        return np.array([[int(i.sha256[k : k + 2], 16) + 1 for k in (0, 2, 4)] for i in images])

    def embed_texts(self, texts):
        return np.array([[len(t), t.count("e") + 1, t.count("s") + 1] for t in texts])

@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("vectors", Vectors)]
"""


@pytest.mark.usefixtures("hosted")
def test_similarities_to_several_images_are_pooled_and_each_image_is_encoded_once(
    tmp_path: Path, here: Here
) -> None:
    data = write_sets(tmp_path / "data")
    plugin = tmp_path / "vectors.py"
    plugin.write_text(VECTORS, "utf-8")
    given = ("eval", "--plugin", plugin, "--data", data, "--tasks", "same", "-q")
    for name, more in (("mean", ()), ("maximum", ("--prompt-set", "pooling=maximum"))):
        assert here(*given, "--run-dir", name, *more).code == 0
    mean, maximum = (list(mubench_gen.load_run(name).records()) for name in ("mean", "maximum"))
    alone = {row.key: _cosines(row) for row in open_dataset(str(data))}
    for one, other in zip(mean, maximum, strict=True):
        cosines = np.array(alone[one["item"].rpartition("/")[0]])
        assert one["scores"] == pytest.approx(cosines.mean(axis=0).tolist(), abs=1e-5)
        assert other["scores"] == pytest.approx(cosines.max(axis=0).tolist(), abs=1e-5)
        assert one["key"] != other["key"]
    manifest = json.loads((tmp_path / "maximum" / "manifest.json").read_text())
    assert manifest["settings"]["prompt_set"] == {"pooling": "maximum"}
    assert manifest["sessions"][-1]["encoded"]["images"] == 10


def _cosines(row: Row) -> list[list[float]]:
    """The cosines of each image with both captions, computed by hand."""
    question = SAME.replace("<image 1>", "image 1").replace("<image_2>", "image 2")
    texts = [f"{question} {option}" for option in row.questions["same"].options]
    spoken = np.array([[len(t), t.count("e") + 1, t.count("s") + 1] for t in texts], float)
    spoken /= np.linalg.norm(spoken, axis=1, keepdims=True)
    found = []
    for image in row.images:
        seen = np.array([int(image.sha256[k : k + 2], 16) + 1 for k in (0, 2, 4)], float)
        found.append((spoken @ (seen / np.linalg.norm(seen))).tolist())
    return found


def test_a_server_gets_all_images_in_their_order(tmp_path: Path, here: Here) -> None:
    data = write_sets(tmp_path / "data")
    with FakeServer() as server:
        given = (
            "--base-url",
            server.url,
            "--no-preflight",
            "--data",
            data,
            "--run-dir",
            "run",
            "-q",
        )
        assert here("eval", "--plugin", "openai", *given).code == 0
        bodies = [body["messages"][-1]["content"] for body in server.bodies]
    records = mubench_gen.load_run("run").records()
    wanted = [[part["sha256"] for part in one["messages"][-1]["content"] if part["type"] == "image"]
              for one in records]  # fmt: skip
    got = [[_digest_of(part) for part in body if part["type"] == "image_url"] for body in bodies]
    assert sorted(got) == sorted(wanted)
    assert {len(one) for one in got} == {2, 3}


def _digest_of(part: dict[str, Any]) -> str:
    content = base64.b64decode(part["image_url"]["url"].partition(",")[2])
    return hashlib.sha256(content).hexdigest()


def test_worked_examples_of_sets_show_other_images(tmp_path: Path, here: Here) -> None:
    data = write_sets(tmp_path / "data", [make_set(n, 2) for n in range(8)])
    given = ("eval", "--plugin", "echo", "--data", data, "--tasks", "which", "--run-dir", "run")
    assert here(*given, "--prompt-set", "shots=2", "-q").code == 0
    for record in mubench_gen.load_run("run").records():
        *examples, asked = (m for m in record["messages"] if m["role"] == "user")
        own = [part["sha256"] for part in asked["content"] if part["type"] == "image"]
        assert sorted(own) == sorted(record["images_sha256"])
        others = [p["sha256"] for m in examples for p in m["content"] if p["type"] == "image"]
        assert len(others) == 4
        assert set(own).isdisjoint(others)


HOLDER = """
import pathlib
import mubench_gen

class Holder(mubench_gen.GenerativeModel):
    def __init__(self, options=None, runtime=None):
        super().__init__(options, runtime)
        self.member = mubench_gen.open_model(str(pathlib.Path(__file__).parent / "old.py"), "MODEL")

    def generate(self, requests):
        return self.member.generate(requests)

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("holder", Holder, max_images=None)]
"""


def test_a_model_that_another_one_holds_is_not_asked_about_more_either(
    tmp_path: Path, here: Here
) -> None:
    data = write_sets(tmp_path / "data", [make_set(n, 2) for n in range(2)])
    (tmp_path / "old.py").write_text(OLD, "utf-8")
    for model, code in (("old", 2), ("two", 0)):
        (tmp_path / "holder.py").write_text(HOLDER.replace("MODEL", model), "utf-8")
        given = ("eval", "--plugin", tmp_path / "holder.py", "--data", data, "--run-dir", model)
        found = here(*given, "-q")
        assert found.code == code, found.err
        assert ("takes 1 image a question, and is asked about 2" in found.err) == (code == 2)
