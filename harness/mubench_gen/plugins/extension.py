"""The hooks of mubench-gen, and what a plugin may offer beside models.

A transform changes images, a metric measures items, an export format writes results, a judge
reads replies, a scorer scores records, a section says something in a report, and a data set
(`plugins/data_set.py`) brings questions: each is called only where a flag names its plugin.
Everything in this module is public API, re-exported by `mubench_gen`.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from mubench_gen.model import ModelSpec, Options, hookspec
from mubench_gen.plugins.data_set import DataSet
from mubench_gen.storage.columns import LEFT_OUT

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
    """Reads replies that the parser could not read (`--judge NAME`). Implement `read`.

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

    `function` gets an image as 8-bit RGB, which it may change, and returns an image of that mode.
    Its further arguments, annotated and with defaults, are the transform's options. One that is
    named `seed` is no option: it gets a number made of the run's seed and the image's file.
    `version` stands in the key of every reply: raise it when the pictures change.
    `moves_pixels`: whether it may move what is seen or change the size; tasks with boxes are then
    refused. `severities`: the options of severity 1, 2, …, which `transform=NAME:2` stands for.
    `family`: a name for several transforms, which `ablate --axis transform=FAMILY:1-5` varies.
    """

    name: str
    function: Callable[..., PillowImage.Image]
    version: str = "1"
    description: str = ""
    moves_pixels: bool = False
    severities: Sequence[Mapping[str, Any]] = ()
    family: str = ""

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
        known = {parameter.name for parameter in self.parameters} - {"seed"}
        for number, options in enumerate(self.severities, 1):
            if unknown := sorted(options.keys() - known):
                raise ValueError(
                    f"Transform {self.name}: severity {number} sets {unknown[0]!r}, which is no "
                    "option of its function"
                )

    @property
    def parameters(self) -> Sequence[inspect.Parameter]:
        """The function's parameters behind the image."""
        return list(inspect.signature(self.function).parameters.values())[1:]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number per item; every report shows its mean with a 95 % interval (`--metric`).

    `value` gets the record of an item that did not fail (status "error" never reaches it) and
    returns a number, or None if the metric is not defined for that item. `title` is the heading
    of its column. `bounds`: between which the values lie; `percent`: they are shares of 1, shown
    in per cent. `higher_is_better`: None if neither is better. `needs`: which of a record's fields
    key, messages, reply and span `value` reads; it gets all other fields in any case.
    """

    name: str
    title: str
    value: Callable[[Mapping[str, Any]], float | None]
    higher_is_better: bool | None = True
    bounds: tuple[float, float] = (-math.inf, math.inf)
    percent: bool = False
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_named("Metric", self.name, self.title, self.value)
        low, high = self.bounds
        if not low < high:
            raise ValueError(f"Metric {self.name}: the bounds {self.bounds} are not (low, high)")
        if unknown := set(self.needs) - LEFT_OUT:
            raise ValueError(
                f"Metric {self.name}: needs names {sorted(unknown)}; only "
                f"{', '.join(sorted(LEFT_OUT))} have to be asked for"
            )


@dataclass(frozen=True, slots=True)
class Export:
    """A format that results are written in (`report RUN… --format NAME`, `runs export`).

    `write` gets the runs with their scores (`run`, `scores`, `by`, `metrics` each), a stream of
    bytes to write to, and the validated `-o key=value` options, an object of the class `Options`.
    `text`: whether what it writes may stand on a terminal. A format of several files has `files`,
    with or without `write`: it gets an empty folder in place of the stream, and returns lines to
    tell the user. `runs export` prefers it, and gives both runs without secrets and private paths.
    """

    name: str
    title: str
    write: Callable[[Sequence[Any], IO[bytes], Any], None] | None = None
    Options: type[Options] = Options
    text: bool = True
    files: Callable[[Sequence[Any], Path, Any], Sequence[str]] | None = None

    def __post_init__(self) -> None:
        _check_named("Export", self.name, self.title, self.write or self.files)


def _check_named(kind: str, name: object, title: object, function: object) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError(f"{kind} {name!r}: a name has letters, digits, _ . and - alone")
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"{kind} {name}: it needs a title")
    if not callable(function):
        raise ValueError(f"{kind} {name}: {function!r:.60} is not a function")


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
    def mubench_gen_datasets(self) -> Sequence[DataSet]:  # type: ignore[empty-body]
        """The data sets of this plugin.

        Called when `--data` names one that is neither built in nor a path, and when `data`
        lists the data sets: the plugin's module must import nothing heavy. No row is read and
        nothing is fetched by it.
        """

    @hookspec(firstresult=True)
    def mubench_gen_transforms(self) -> Sequence[Transform]:  # type: ignore[empty-body]
        """The image transforms of this plugin.

        Called when `--image-set transform=…` or `ablate --axis transform=…` names the plugin,
        and when a report shows the images of such a run.
        """

    @hookspec(firstresult=True)
    def mubench_gen_metrics(self) -> Sequence[Metric]:  # type: ignore[empty-body]
        """The metrics of this plugin.

        Called when `--metric` of `eval`, `score`, `report`, `compare` or `ablate` names the
        plugin, and when a run that was scored with one of them is shown again.
        """

    @hookspec(firstresult=True)
    def mubench_gen_exports(self) -> Sequence[Export]:  # type: ignore[empty-body]
        """The export formats of this plugin.

        Called when `report --format` or `runs export --to` names the plugin.
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
        is a number, or None where it is not defined. The order of the groups is kept.
        """

    @hookspec(firstresult=True)
    def mubench_gen_section(self, runs: Sequence[Any]) -> Section:  # type: ignore[empty-body]
        """A section of a report.

        Called once by `report RUN… --section NAME`. `runs` are the `mubench_gen.Run` objects in
        the order of the command line, finished or not; what comes back is printed below the
        tables, or with `--html` is a section of the page, as plain text there too.
        """
