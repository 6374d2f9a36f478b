"""The Jinja environment of prompt templates: sandboxed, and the same text in every process.

Jinja's immutable sandbox keeps templates away from Python's internals. Values whose text differs
from one process to the next cannot be written: functions (their text is an address), sets, random
choices. How long a template runs and how much memory it takes is not bounded here: templates of
others than this project render in a process with limits (`template_process.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2 import nodes as syntax
from jinja2.filters import FILTERS
from jinja2.runtime import BlockReference, Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Cycler, Joiner, Namespace

from mubench_gen.errors import describe

MAX_TEXT = 100_000  # characters
_METHODS = frozenset({BuiltinMethodType, MethodType, FunctionType, BlockReference})
_NOT_OFFERED = frozenset(
    {"random"}
)  # Jinja's filters without these, and its globals without lipsum


class TemplateFault(Exception):
    """What is wrong, in which template of its set, and on which line where that is known."""

    def __init__(self, message: str, name: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message, self.name, self.line = message, name, line


@dataclass(frozen=True, slots=True)
class Reference:
    """A file that a template includes, imports or extends, and where it says so."""

    name: str
    line: int
    needed: bool  # False: a missing file is ignored


class _Wordless:
    """A value that cannot be written: its text would be an address in memory."""

    __slots__ = ()

    def __repr__(self) -> str:
        raise TypeError("a function was written and not called: add ()")


@dataclass(slots=True, repr=False)  # not frozen, which is slow to make; the sandbox protects it
class ShownOption(_Wordless):
    """An option as a template sees it: `{{ option.marker }} {{ option.text }}`."""

    label: str
    marker: str
    text: str
    index: int

    def __repr__(self) -> str:
        raise TypeError("an option cannot be written: take its .text, .label or .marker")


class _Method(_Wordless):
    """A function that a template may call."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)


class _Cycler(_Wordless, Cycler):
    pass


class _Joiner(_Wordless, Joiner):
    pass


class _Missing(StrictUndefined):
    """Undefined that raises also where it is a part of a list that is written."""

    __slots__ = ()
    __repr__ = Undefined._fail_with_undefined_error


class _Context(Context):
    def super(self, name: str, current: Callable[..., Any]) -> Any:
        return _wordless(super().super(name, current))


class _Template(Template):
    def _get_default_module(self, ctx: Context | None = None) -> Any:
        self._module = None  # else a rendering could change an import of the next one
        return super()._get_default_module(ctx)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Compiles the templates of a set, which can include, import and extend only each other."""

    intercepted_binops = frozenset({"-"})
    context_class = _Context
    template_class = _Template

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(
            loader=FunctionLoader(
                lambda name: (texts[name], name, None) if name in texts else None
            ),
            undefined=_Missing,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            auto_reload=False,
        )
        self.filters = dict(_FILTERS)
        self.globals = dict(_GLOBALS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        # Most of a rendering's time goes into the checks of this call; these need none.
        if type(obj) is ShownOption and attribute in ShownOption.__slots__:
            return getattr(obj, attribute)
        return _wordless(super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        return _wordless(super().getitem(obj, argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        made = super().call_binop(context, operator, left, right)
        if isinstance(made, set):  # as of dict.keys() - dict.keys()
            raise TypeError("a set has no order: use reject or rejectattr")
        return made


class Templates:
    """Texts of templates by name; each is compiled when it is first asked for."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._environment = PromptEnvironment(texts)
        self._compiled: dict[str, Template] = {}

    def check(self) -> None:
        """Compile all of them. TemplateFault if one cannot be compiled."""
        for name in self._texts:
            self._template(name)

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """The text of one for these variables, the `options` among them as tuples."""
        template = self._template(name)
        options = [ShownOption(*option) for option in variables["options"]]
        # shared: Jinja's own merging of variables and globals costs as much as the rendering.
        seen = {**self._environment.globals, **variables, "options": options}
        try:
            return _text(template.root_render_func(template.new_context(seen, shared=True)))
        except RecursionError:
            raise TemplateFault("a macro or an include calls itself without end", name) from None
        except Exception as error:  # a template's code may raise whatever its data makes it raise
            if isinstance(error, MemoryError):
                raise
            raise self._fault(name) from None

    def _template(self, name: str) -> Template:
        compiled = self._compiled.get(name)
        if compiled is None:
            with _syntax_told(name):
                compiled = self._compiled[name] = self._environment.get_template(name)
        return compiled

    def _fault(self, name: str) -> TemplateFault:
        """The exception being handled, at the place in a template where it arose."""
        try:
            self._environment.handle_exception()
        except Exception as error:
            line, trace = None, error.__traceback__
            while trace is not None:
                if trace.tb_frame.f_code.co_filename in self._texts:
                    name, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
                trace = trace.tb_next
            return TemplateFault(describe(error), name, line)


def references(text: str, name: str) -> list[Reference]:
    """The files that a template reads. TemplateFault if a name is not a constant in quotes."""
    kinds = (syntax.Include, syntax.Import, syntax.FromImport, syntax.Extends)
    with _syntax_told(name):
        found = PromptEnvironment({}).parse(text).find_all(kinds)
        return [reference for node in found for reference in _named(node, name)]


def _named(node: Any, name: str) -> Iterator[Reference]:
    listed = isinstance(node.template, syntax.Tuple | syntax.List)
    needed = not listed and not getattr(node, "ignore_missing", False)
    for part in node.template.items if listed else [node.template]:
        if not isinstance(part, syntax.Const) or not isinstance(part.value, str):
            what = "a file's name must stand here in quotes: what it holds is part of the digest"
            raise TemplateFault(what, name, node.lineno)
        yield Reference(part.value, node.lineno, needed)


@contextmanager
def _syntax_told(name: str) -> Iterator[None]:
    try:
        yield
    except TemplateSyntaxError as error:
        raise TemplateFault(error.message or str(error), name, error.lineno) from None
    except (RecursionError, SyntaxError):  # SyntaxError: Python's, of the code Jinja made
        raise TemplateFault("the template is nested too deeply", name) from None
    except (ValueError, ArithmeticError, LookupError, TypeError) as error:
        raise TemplateFault(describe(error), name) from None


def _text(pieces: Iterable[str]) -> str:
    kept, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > MAX_TEXT:
            raise TemplateError(f"the prompt grows beyond {MAX_TEXT:,} characters")
        kept.append(piece)
    text = "".join(kept).removesuffix("\n")
    if not text.isascii():
        text.encode()  # raises where a lone surrogate was written, which no record can hold
    return text


def _wordless(value: Any) -> Any:
    return _Method(value) if type(value) in _METHODS else value


def _listed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with a list where it makes a generator, whose text would be an address."""

    @wraps(function)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        made = function(*args, **kwargs)
        return list(made) if isinstance(made, Iterator) else made

    return filtered


def _to_json(value: Any, indent: int | None = None) -> str:
    """JSON as chat templates write it: for a model, without Jinja's escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


_GLOBALS = {
    "range": _Method(safe_range),
    "dict": _Method(dict),
    "namespace": _Method(Namespace),
    "cycler": _Method(_Cycler),
    "joiner": _Method(_Joiner),
}
_FILTERS = {name: _listed(made) for name, made in FILTERS.items() if name not in _NOT_OFFERED}
_FILTERS["tojson"] = _to_json
