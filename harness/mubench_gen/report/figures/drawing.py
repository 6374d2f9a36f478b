"""A drawing: a figure of matplotlib that is written as SVG, PDF or PNG, the same bytes each time.

matplotlib is imported when the first figure is drawn. Neither `pyplot` nor the user's matplotlibrc
has a part in it.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mubench_gen.errors import SettingError
from mubench_gen.report.figures import svg
from mubench_gen.report.figures.palette import INK, LINE, SOFT

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["svg", "pdf", "png"]
FORMATS: tuple[Format, ...] = ("svg", "pdf", "png")
COLUMN = 3.35  # inches: one column of a paper
SMALL, TEXT = 7, 8  # points
_DOTS = 300  # per inch of a PNG
_STYLE: Any = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": TEXT,
    "axes.titlesize": TEXT, "axes.labelsize": SMALL, "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL, "legend.fontsize": SMALL, "legend.frameon": False,
    "axes.edgecolor": SOFT, "axes.linewidth": 0.6, "axes.labelcolor": SOFT,
    "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": SOFT, "ytick.labelcolor": INK,
    "xtick.major.size": 0, "ytick.major.size": 0, "text.color": INK, "axes.titlecolor": INK,
    "grid.color": LINE, "grid.linewidth": 0.6, "axes.axisbelow": True,
    "axes.titlelocation": "left", "text.parse_math": False,
    "svg.fonttype": "none", "svg.hashsalt": "mubench-gen", "pdf.fonttype": 42,
    "path.simplify": False, "figure.facecolor": "white", "axes.facecolor": "none",
}  # fmt: skip
_UNDATED: Mapping[str, Mapping[str, None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
_LOCK = threading.RLock()  # matplotlib's settings are the process's
_inside = 0  # how many `styled` are open in the thread that has the lock


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib with this project's settings and nobody else's."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    global _inside
    with _LOCK, nullcontext() if _inside else matplotlib.rc_context():
        if not _inside:
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_STYLE)
        _inside += 1
        try:
            yield
        finally:
            _inside -= 1


@dataclass(slots=True)
class Drawing:
    """A figure with what it says. `figure`: matplotlib's, to be changed before it is written.

    title and description: in words, for those who do not see it. tips: what a mark says when it
    is pointed at, by the mark's id.
    """

    figure: Figure
    title: str
    description: str = ""
    tips: dict[str, str] = field(default_factory=dict)

    def content(self, form: Format, *, ground: str = "white") -> bytes:
        """The file's content, the same for the same figure; `ground`: the colour behind it."""
        written = io.BytesIO()
        with styled():
            _canvas(self.figure, form)
            undated = dict(_UNDATED[form])
            self.figure.savefig(written, format=form, dpi=_DOTS, facecolor=ground, metadata=undated)
        if form != "svg":
            return written.getvalue()
        return svg.described(written.getvalue().decode(), self).encode()

    def write(self, path: Path) -> None:
        """Write the file in the format that its name ends with. SettingError if it cannot be."""
        content = self.content(format_of(path))
        try:
            path.write_bytes(content)
        except OSError as error:
            raise SettingError(f"{path}: cannot be written: {error.strerror}.") from None

    def inline(self) -> str:
        """SVG to stand in a page: its colours are variables of `page.css`, its font the page's."""
        return svg.inline(self.content("svg", ground="none").decode(), self)

    def tip(self, artist: Artist, text: str) -> None:
        """Have the mark say this."""
        name = f"tip-{len(self.tips)}"
        artist.set_gid(name)
        self.tips[name] = text

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.content("svg").decode()


def format_of(path: Path, flag: str = "--out") -> Format:
    """The format that a file's name says. SettingError for another one."""
    for form in FORMATS:
        if path.suffix.lower() == f".{form}":
            return form
    raise SettingError(
        f"{flag} {path}: a figure is written as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}: "
        f"name the file {path.stem or 'figure'}.{FORMATS[0]}, for instance."
    )


def new(width: float, height: float) -> Figure:
    """An empty figure, in inches; its parts make room for each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def bare(axes: Axes, *, grid: Literal["x", "y", "both"] | None = None) -> None:
    """Leave of the frame what a reader needs."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if grid is not None:
        axes.grid(visible=True, axis=grid)


def _canvas(figure: Figure, form: Format) -> Any:
    if form == "svg":
        from matplotlib.backends.backend_svg import FigureCanvasSVG as Canvas
    elif form == "pdf":
        from matplotlib.backends.backend_pdf import (  # type: ignore[assignment]
            FigureCanvasPdf as Canvas,
        )
    else:
        from matplotlib.backends.backend_agg import (  # type: ignore[assignment]
            FigureCanvasAgg as Canvas,
        )
    return Canvas(figure)
