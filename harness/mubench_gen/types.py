"""The types of the flow: task → sample → prompt → request → response → answer → record → score.

This file imports none of its siblings. Everything here is immutable, except that an
`Image` reads, hashes and decodes itself at most once.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Kind = Literal["generative", "contrastive"]
Readout = Literal["parse", "choice", "logprob", "cloze", "similarity"]
Status = Literal[
    "answered",
    "ambiguous",
    "contradiction",
    "refused",
    "out_of_range",
    "truncated",
    "empty",
    "none",
    "error",
]
Control = Literal["none", "blind", "shuffled", "mean", "noise"]
Pooling = Literal["mean", "maximum"]
Form = Literal["option", "several", "number", "text", "boxes"]  # of what a question asks for
OPEN_FORMS: tuple[Form, ...] = ("several", "number", "text")
FORM_WORDS: Mapping[Form, str] = {
    "option": "one option",
    "several": "several options",
    "number": "a number",
    "text": "a short text",
    "boxes": "boxes",
}
PerLength = Literal["tokens", "characters", "none"]


TURNED = "turned by its EXIF orientation"  # in the `conversion` of an image that was


class ImagePolicy(Protocol):
    """How files become 8-bit RGB; `images.policy.StandardPolicy` is the harness's own.

    It may have more: `name`, `transforms`, `moves_pixels`, `is_redrawn(content, name)` for
    `Image.data`, `variant(conversion)` for the image's key, and `size(content, name)`.
    """

    def check(self, content: bytes, name: str) -> str | None:
        """What decoding the file has to change, in words; None for nothing. Decodes no pixel."""

    def verify(self, content: bytes, name: str) -> None:
        """ImageError where the file cannot be shown."""

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        """The file's picture as 8-bit RGB. ImageError where it cannot be decoded."""


class Image:
    """One image of a data set: its file's own bytes, read, checked and decoded at most once.

    `file_bytes` are the file's (PNG, JPEG, TIFF, …); `sha256` is their digest in hexadecimal;
    `conversion` says what decoding has to change ("16-bit to 8-bit, minmax"), None for nothing;
    `data` is a file of the picture that is shown: `file_bytes`, or a PNG where other programs
    may show these in another way (turned; 16-bit, several planes); `pixels()` is that picture as
    an 8-bit RGB `PIL.Image.Image`, turned as the file declares; `size` is its width and height.
    All but `name` may raise `ImageError`.
    """

    __slots__ = (
        "_checked",
        "_conversion",
        "_data",
        "_load",
        "_pixels",
        "_png",
        "_policy",
        "_sha256",
        "_size",
        "_verified",
        "name",
    )

    def __init__(self, name: str, load: Callable[[], bytes], policy: ImagePolicy) -> None:
        self.name = name
        self._load = load
        self._policy = policy
        self._data: bytes | None = None
        self._png: bytes | None = None
        self._sha256: str | None = None
        self._size: tuple[int, int] | None = None
        self._checked = False
        self._conversion: str | None = None
        self._pixels: PillowImage.Image | None = None
        self._verified = False

    @property
    def file_bytes(self) -> bytes:
        """The bytes of the file, never re-encoded."""
        if self._data is None:
            self._data = self._load()
        return self._data

    @property
    def data(self) -> bytes:
        """What a model may read in place of the pixels: `file_bytes`, or a PNG of the picture
        where a transform changes it, or other programs may show the file in another way."""
        if not self.is_transformed and not self._is_redrawn:
            return self.file_bytes
        if self._png is None:
            self._png = as_png(self.pixels())
        return self._png

    @property
    def _is_redrawn(self) -> bool:
        is_redrawn = getattr(self._policy, "is_redrawn", None)  # other policies may lack it
        return bool(is_redrawn and is_redrawn(self.file_bytes, self.name))

    @property
    def sha256(self) -> str:
        """The digest of the file's bytes, in hexadecimal."""
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self.file_bytes).hexdigest()
        return self._sha256

    @property
    def conversion(self) -> str | None:
        """What decoding has to change ("16-bit to 8-bit, minmax"), None for nothing."""
        if not self._checked:
            self._conversion = self._policy.check(self.file_bytes, self.name)
            self._checked = True
        return self._conversion

    @property
    def is_transformed(self) -> bool:
        """Whether a transform changes the pixels."""
        return bool(getattr(self._policy, "transforms", False))  # other policies may lack it

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is shown, by the file's header where that tells."""
        if self._size is None:
            by_header = getattr(self._policy, "size", None)
            moved = getattr(self._policy, "moves_pixels", self.is_transformed)
            if self._pixels is not None or moved or by_header is None:
                self._size = self.pixels().size
            else:
                self._size = by_header(self.file_bytes, self.name)
        return self._size

    @property
    def policy(self) -> str:
        """The name of the image policy; empty for one without a name."""
        return str(getattr(self._policy, "name", ""))

    @property
    def is_turned(self) -> bool:
        """Whether the file declares an orientation that is applied."""
        return TURNED in (self.conversion or "")

    @property
    def identity(self) -> str:
        """The digest of what is shown, in hexadecimal: `sha256` where the image is neither turned
        nor shown in a way that depends on what its file is."""
        variant_of = getattr(self._policy, "variant", lambda told: TURNED if self.is_turned else "")
        variant = variant_of(self.conversion or "")
        if not variant:
            return self.sha256
        return hashlib.sha256(f"{self.sha256} {variant}".encode()).hexdigest()

    def verify(self) -> None:
        """Look for damage as closely as decoding does, where the file goes elsewhere undecoded."""
        if not self._verified and self._pixels is None and self.conversion is None:
            self._policy.verify(self.file_bytes, self.name)
            self._verified = True

    @property
    def is_decoded(self) -> bool:
        """Whether `pixels` are there already."""
        return self._pixels is not None

    def pixels(self) -> PillowImage.Image:
        """The image as 8-bit RGB, decoded at most once."""
        if self._pixels is None:
            self._pixels = self._policy.decode(self.file_bytes, self.name)
        return self._pixels

    @classmethod
    def from_pixels(cls, name: str, picture: PillowImage.Image) -> Image:
        """An image of these pixels, for models that make pictures of their own."""
        shown = picture.convert("RGB")
        image = cls(name, lambda: as_png(shown), _AsItIs())
        image._pixels = shown
        return image

    def crop(self, box: Box) -> Image:
        """The part of the picture in a box of its pixels, which is cut at the picture's edges.

        ValueError where less than one pixel is left.
        """
        width, height = self.pixels().size
        x0, y0 = max(0, round(box.x0)), max(0, round(box.y0))
        x1, y1 = min(width, round(box.x1)), min(height, round(box.y1))
        if x0 >= x1 or y0 >= y1:
            raise ValueError(f"{self.name}: nothing of its {width} × {height} pixels is in {box}")
        part = self.pixels().crop((x0, y0, x1, y1))
        return Image.from_pixels(f"{self.name}[{x0},{y0},{x1},{y1}]", part)

    def resized(self, width: int, height: int) -> Image:
        """The picture at another size, in pixels, by Lanczos' filter."""
        from PIL import Image as Pillow

        picture = self.pixels().resize((width, height), Pillow.Resampling.LANCZOS)
        return Image.from_pixels(f"{self.name}[{width}x{height}]", picture)

    def __repr__(self) -> str:
        return f"Image({self.name!r})"


class _AsItIs:
    """The policy of a picture that is 8-bit RGB already."""

    def check(self, content: bytes, name: str) -> str | None:
        return None

    def verify(self, content: bytes, name: str) -> None: ...

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        from PIL import Image as Pillow

        return Pillow.open(io.BytesIO(content)).convert("RGB")


def as_png(picture: PillowImage.Image) -> bytes:
    """The picture as a PNG file: the same pixels, quickly made."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box in pixels of the file, x to the right and y down; `name` is what it holds."""

    x0: float
    y0: float
    x1: float
    y1: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Polygon:
    """An outline in pixels of the file: x0, y0, x1, y1, …; `name` is what it is around."""

    points: tuple[float, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class RightSet:
    """The options that are all right, as sorted indices; at least one."""

    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RightNumber:
    """The right number. An answer is right within `tolerance`, both ends included: so much of
    `unit`, or, where it is `relative`, that share of `value`. `unit` is empty for a bare number.
    """

    value: float
    tolerance: float = 0.0
    relative: bool = False
    unit: str = ""

    @property
    def words(self) -> str:
        """It as people write it: "12.5 µm ± 0.5"."""
        said = f"{self.value:.12g} {self.unit}".rstrip()
        if not self.tolerance:
            return said
        room = self.tolerance * (100 if self.relative else 1)
        return f"{said} ± {room:.12g}{'%' if self.relative else ''}"


@dataclass(frozen=True, slots=True)
class RightText:
    """The texts of which each is a right answer; the first is the one to show."""

    accepted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A multiple-choice question about one image. `gold` is an index into `options`.

    Where `boxes` is given, boxes are asked for and these are the right ones; `text` and the
    one option then name what is in them. `draw` makes the shown image from the row's.
    Where `right` is given, the answer is open: several of the options, or a number or a text
    without options; `gold` then means nothing, and is -1.
    """

    name: str
    text: str
    options: tuple[str, ...]
    gold: int
    boxes: tuple[Box, ...] | None = None
    draw: Callable[[Image], Image] | None = None
    right: RightSet | RightNumber | RightText | None = None

    @property
    def form(self) -> Form:
        """What it asks for."""
        if self.boxes is not None:
            return "boxes"
        if self.right is None:
            return "option"
        return _FORMS[type(self.right)]


_FORMS: dict[type, Form] = {RightSet: "several", RightNumber: "number", RightText: "text"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data set in μ-Bench's schema: its images and what is asked about them.

    `image` is the first of its images and `more_images` are the others, in their order. `key` is
    unique in the data set ("DATASET/IMAGE_ID", with "#INDEX" where that repeats).
    `captions` maps a question's name to its caption variants (`_0`, `_1`), each a caption
    an option. `meta` holds the row's other columns (stain, modality, licence, …). `boxes`
    and `polygons` mark things in the image, where the data have any.
    """

    index: int
    key: str
    image_id: str
    dataset: str
    image: Image
    questions: Mapping[str, Question]
    captions: Mapping[str, tuple[tuple[str, ...], ...]]
    meta: Mapping[str, Any]
    boxes: Sequence[Box] = ()
    polygons: Sequence[Polygon] = ()
    more_images: tuple[Image, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of the row, in their order: `<image 1>` is the first."""
        return (self.image, *self.more_images)


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked: one question of the rows of some data sets (`datasets` empty: of all).

    `datasets` are names or globs; one that begins with "!" keeps a data set out. `question`
    is the key in a row's `questions`; `fields` are the author's own entries, seen by
    templates as `task.NAME`; `sha256` digests the definition; `tags` name the subsets that
    it belongs to; `expected` is what its published data has (questions, options); `aliases` are
    pairs of an option's text and the further words that mean it, for reading replies;
    `cluster` is the field by which its items were drawn, none: the image. `answer` is what it asks
    for, None: what the rows say; `tolerance` and `unit` are those of numbers whose rows name none.
    """

    name: str
    title: str
    group: str
    question: str
    datasets: tuple[str, ...]
    source: str
    sha256: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    expected: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cluster: str = ""
    answer: Form | None = None
    tolerance: float | str | None = None
    unit: str = ""

    def asks(self, dataset: str) -> bool:
        """Whether the task is about the data set of that name."""
        return _is_meant(self.datasets, dataset)

    def questions_of(self, row: Row) -> Sequence[str]:
        """The names of the row's questions that it asks: NAME, or all parts NAME/PART."""
        if not self.asks(row.dataset):
            return ()
        if self.question in row.questions:
            return (self.question,)
        return [name for name in row.questions if name.startswith(f"{self.question}/")]


@lru_cache(maxsize=4096)  # asked for every row and task
def _is_meant(names: tuple[str, ...], dataset: str) -> bool:
    if any(fnmatchcase(dataset, name[1:]) for name in names if name.startswith("!")):
        return False
    wanted = [name for name in names if not name.startswith("!")]
    return not wanted or any(fnmatchcase(dataset, name) for name in wanted)


@dataclass(frozen=True, slots=True)
class Sample:
    """One item: a task's question about one row. `id` is unique in a data set and task.

    `image` is the first of the images that are shown, `more_images` are the others: another row's
    under `shuffled`, none under `blind`.
    """

    id: str
    task: Task
    row: Row
    question: Question
    image: Image | None
    more_images: tuple[Image, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        """All images that are shown, in the row's order."""
        return () if self.image is None else (self.image, *self.more_images)


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A sample that a prompt shows with its right answer first, and the order of its options."""

    sample: Sample
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text part of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message: text and image parts in the order in which the model sees them."""

    role: Literal["system", "user", "assistant", "caption", "captions"]
    content: tuple[Text | Image, ...]


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A sample as one prompt style shows it, under one order of the options.

    `order[i]` is the original index of the option shown at place i; `options` and `gold`
    are as shown; `labels` are what a reply may name ("A", "b", "3", "iv"), bare.
    For a caption style, `messages` is one message of role "caption": the images, then one
    text an option; of role "captions" where such a text holds several captions, one a line.
    `pooling`: how the similarities of several images to a caption become one; `cloze`: by what
    length the log-probabilities of options' texts are divided.
    """

    sample: Sample
    prompt: str
    prompt_sha256: str
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    labels: tuple[str, ...]
    order: tuple[int, ...]
    gold: int
    max_tokens: int
    box_format: str = ""  # the format that boxes are asked for in; empty: no boxes
    pooling: Pooling = "mean"
    cloze: PerLength = "tokens"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How text is drawn. Temperature 0 is greedy; `seed` is None then."""

    temperature: float
    max_tokens: int
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked. Plugins see this type.

    `key` is the content hash of all that determines the reply; two requests with one key
    are asked once. `texts` are the captions of a contrastive request, empty otherwise. `image` is
    the first image of the question and `more_images` are the others: a model is given several only
    where its `ModelSpec.max_images` allows them. `messages` say where each stands, and hold those
    of worked examples too. `pooling`: how a contrastive model's similarities of several images to
    a caption become one. For the read-out `cloze` `texts` are the options' own, and `per` says by
    what length their log-probabilities are divided.
    """

    key: str
    messages: tuple[Message, ...]
    labels: tuple[str, ...]
    readout: Readout
    sampling: Sampling
    image: Image | None = None
    texts: tuple[str, ...] = ()
    more_images: tuple[Image, ...] = ()
    pooling: Pooling = "mean"
    per: PerLength = "tokens"

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of the question, in their order."""
        return () if self.image is None else (self.image, *self.more_images)

    def with_messages(self, *messages: Message) -> Request:
        """Another request of these messages, for a model that asks a member on the way.

        Its images are those of the messages; its key, and with it the seed of engines that draw,
        follows from this request's key and the messages.
        """
        parts = [part for message in messages for part in message.content]
        images = tuple(part for part in parts if isinstance(part, Image))
        digest = hashlib.sha256(self.key.encode())
        for message in messages:
            digest.update(f"\0{message.role}".encode())
            for part in message.content:
                said = part.identity if isinstance(part, Image) else part.text
                digest.update(b"\0" + said.encode("utf-8", "surrogatepass"))
        return replace(
            self,
            key=digest.hexdigest()[:32],
            messages=messages,
            image=images[0] if images else None,
            more_images=images[1:],
        )

    @property
    def text(self) -> str:
        """All the text of the request, message by message, for models without a chat."""
        return "\n".join(
            part.text for m in self.messages for part in m.content if isinstance(part, Text)
        )

    @property
    def captions(self) -> tuple[tuple[str, ...], ...]:
        """The captions of each option of a contrastive request: several of an ensemble."""
        if self.messages and self.messages[0].role == "captions":
            return tuple(tuple(text.split("\n")) for text in self.texts)
        return tuple((text,) for text in self.texts)


@dataclass(frozen=True, slots=True)
class Turn:
    """A step on the way to a reply: what a model, a tool or the plugin said, and looked at.

    `boxes` are parts of the question's image number `image` (from 1), in pixels of what is shown;
    `tool` names what was called.
    """

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    boxes: tuple[Box, ...] = ()
    image: int = 1
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a generative model answers to one request. A plain str stands for Reply(text).

    `finish_reason` "length": the reply was cut; "error" or "abort": the item failed, whatever
    the text is; "content_filter" or "refusal": it counts as refused. `reasoning`: what the model
    thought before it answered, where that is not in the text; it is stored and never read.
    `trace`: the steps on the way, which are stored beside the reply and shown on the page.
    `logprobs`: a log-probability a label, and `confidence`: how sure the model is of its answer,
    from 0 to 1; both are stored, and change nothing of how the reply is read.
    """

    text: str
    finish_reason: str | None = None
    usage: Mapping[str, int] | None = None
    reasoning: str | None = None
    trace: Sequence[Turn] = ()
    logprobs: Sequence[float] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no answer. An error is never an answer."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Response:
    """What came back for one request: a reply, or a score an option, or an error.

    `probabilities` are the scores as the model means them (of a sigmoid they need not sum to
    1). `cut`: the options whose caption is longer than the model's context; `alike`: those of
    `cut` whose part that is read equals that of another option. `nearly_constant`: whether the
    picture that was decoded for it is; None where none was decoded.
    """

    reply: str | None = None
    scores: tuple[float, ...] | None = None
    probabilities: tuple[float, ...] | None = None
    cut: tuple[int, ...] = ()
    alike: tuple[int, ...] = ()
    finish_reason: str | None = None
    usage: Mapping[str, int] | None = None
    seconds: float | None = None
    error: Failure | None = None
    reasoning: str | None = None
    nearly_constant: bool | None = None
    trace: tuple[Turn, ...] = ()
    logprobs: tuple[float, ...] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply read as one of the options, or why it could not be.

    `index` is the option's index when `status` is "answered", else None. `rule` names the
    rule that decided and `span` is the (start, end) of the deciding text in code points of
    the reply as given; both None when not answered. `tied`: options scored equal. `alias`: the
    alias that the reply named the option by, where it did not write the option's text.
    """

    status: Status
    index: int | None = None
    rule: str | None = None
    span: tuple[int, int] | None = None
    tied: bool = False
    alias: str | None = None


def options_text(labels: Sequence[str], options: Sequence[str]) -> str:
    """Options as one line, for messages and tables: "A lymphocyte · B basophil"."""
    return " · ".join(f"{label} {option}" for label, option in zip(labels, options, strict=True))
