"""The hooks of mubench-gen, and what a plugin may offer beside models.

A transform changes images, a judge reads replies, a scorer scores records, a section says
something in a report: each is called only where a flag names its plugin. Everything in this
module is public API, re-exported by `mubench_gen`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from mubench_gen.model import ModelSpec, Options, hookspec

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Measures = Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class Unread:
    """A reply in which no rule of the parser found an answer. The right answer is not in it."""

    reply: str
    prompt: str
    options: tuple[str, ...]
    labels: tuple[str, ...]


class Judge:
    """Reads what the rules could not, as a last resort (`--judge NAME`). Implement `read`.

    Asked only for replies of status "none" or "ambiguous"; what a rule found stands. Its
    answers carry the rule "judge:NAME" in their records.
    """

    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: BaseModel | None = None) -> None:
        self.options: Any = options if options is not None else type(self).Options()

    def load(self) -> None:
        """Get ready for the first reply."""

    def close(self) -> None:
        """Free what `load` took."""

    def read(self, unread: Sequence[Unread]) -> Sequence[int | None]:
        """For each reply the index of the option that it chooses, None where it chooses none."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a report: its title in a line, and plain text below it."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Transform:
    """A change of every image before a model sees it (`--image-set transform=NAME`).

    `function` gets an image as 8-bit RGB, which it may change, and gives another one of that
    mode. Its further arguments, annotated and with defaults, are the transform's options. One that
    is named `seed` is no option: it gets a number that the run's seed and the image's file decide.
    `version` stands in the key of every reply: raise it when the pictures change.
    `moves_pixels`: what is seen may stand elsewhere afterwards, or the size be another one; tasks
    with boxes are refused then.
    """

    name: str
    function: Callable[..., PillowImage.Image]
    version: str = "1"
    description: str = ""
    moves_pixels: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise ValueError(
                f"Transform {self.name!r}: a name has letters, digits, _ . and - alone"
            )
        if not isinstance(self.version, str) or not self.version:
            raise ValueError(f"Transform {self.name}: its version must be a text, such as '1'")
        if not callable(self.function):
            raise ValueError(f"Transform {self.name}: {self.function!r:.60} is not a function")
        for parameter in self.parameters:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                raise ValueError(f"Transform {self.name}: name each option, instead of {parameter}")
            if parameter.default is parameter.empty and parameter.name != "seed":
                raise ValueError(f"Transform {self.name}: {parameter.name} needs a default")

    @property
    def parameters(self) -> Sequence[inspect.Parameter]:
        """Those of the function behind the image."""
        return list(inspect.signature(self.function).parameters.values())[1:]


class Hooks:
    """The hooks of mubench-gen. The plugin manager validates plugins against this class.

    A plugin implements those that it has something for, and takes the arguments that it needs
    by name: a hook may get more of them later.
    """

    @hookspec
    def mubench_gen_models(self) -> Sequence[ModelSpec]:  # type: ignore[empty-body]
        """The models of this plugin, the default first.

        Called when the plugin is asked for: by `--plugin`, `plugins show` or `plugins check`.
        """

    @hookspec(firstresult=True)
    def mubench_gen_transforms(self) -> Sequence[Transform]:  # type: ignore[empty-body]
        """The image transforms of this plugin.

        Called when `--image-set transform=…` or `ablate --axis transform=…` names the plugin,
        and when a report shows the images of such a run.
        """

    @hookspec(firstresult=True)
    def mubench_gen_judge(self) -> type[Judge]:  # type: ignore[empty-body]
        """The judge of this plugin: a class, of which a run makes one object.

        Called when `eval --judge` names the plugin.
        """

    @hookspec(firstresult=True)
    def mubench_gen_score(  # type: ignore[empty-body]
        self, records: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
    ) -> Measures:
        """Another score of a run: groups by name, of each its measures by name.

        Called once by `score RUN --scorer NAME`. `records` are those of the run's
        `records.jsonl` that count, one an id, failed items (status "error") among them, read
        as they are asked for; `manifest` is its `manifest.json`. What comes back, such as
        {"pooled": {"f1": 0.71}, "modality": {"f1": None}}, is printed as a table; a measure
        is a number, or None where it is not defined. A higher group first is the author's to
        decide: the order is kept.
        """

    @hookspec(firstresult=True)
    def mubench_gen_section(self, runs: Sequence[Any]) -> Section:  # type: ignore[empty-body]
        """A section of a report.

        Called once by `report RUN… --section NAME`. `runs` are the `mubench_gen.Run` objects in
        the order of the command line, finished or not; what comes back is printed below the
        tables, or with `--html` is a section of the page, as plain text there too.
        """
