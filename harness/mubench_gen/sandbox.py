"""A Jinja environment for prompt templates that cannot loop for ever, grow, or look around.

Jinja's immutable sandbox keeps templates away from Python's internals. It does not bound
work: nested loops, macros that call themselves twice, doubled strings. Here every loop
step, call and filter costs steps of a budget, every text and list has a greatest length, and
only texts and numbers are written: a list in a list in a list has no short way to be text.
Counting is deterministic, so a template that renders on one machine renders on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes, pass_context
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

MAX_STEPS = 20_000
MAX_TEXT = 100_000  # characters, and elements of a list
_MAX_BITS = 256  # of an integer
_BUDGET = "the budget"  # no identifier: a template can neither read nor replace it

_SAFE_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "split"}
        | {"startswith", "endswith", "removeprefix", "removesuffix", "find", "index", "count"}
    ),
    dict: frozenset({"keys", "values", "items", "get"}),
    list: frozenset({"index", "count"}),
    tuple: frozenset({"index", "count"}),
}


class BudgetError(TemplateError):
    """The template asked for more steps or a longer text than a prompt may take."""


class Budget:
    """The steps that one rendering may still take."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise BudgetError(f"the template takes more than {MAX_STEPS:,} steps: does it loop?")


def _checked(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise BudgetError(f"a text grows beyond {MAX_TEXT:,} characters")
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise BudgetError("a number grows without bound")
    return value


def _text(value: Any) -> str:
    if isinstance(value, (str, int, float, Undefined)) or value is None:
        return str(value)
    kind = type(value).__name__
    raise BudgetError(f"a value of type {kind} cannot be written: only texts and numbers can")


def _written(value: Any) -> Any:
    """What stands for a value in the output; called for every `{{ … }}`."""
    return value if type(value) is str else _text(value)


def _weight(value: Any) -> int:
    """How many elements a value holds, with those of its elements."""
    weight, left = 0, [value]
    while left:
        part = left.pop()
        if isinstance(part, (list, tuple, dict)):
            weight += len(part)
            if weight > MAX_TEXT:
                raise BudgetError(f"a list grows beyond {MAX_TEXT:,} elements")
            left.extend(part)
            if isinstance(part, dict):
                left.extend(part.values())
    return weight


def _spend(context: Context, steps: int) -> None:
    context.resolve(_BUDGET).spend(steps)


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    _spend(context, _weight(value) // 10)
    return value


@pass_context
def _bounded(context: Context, iterable: Iterable[Any]) -> Iterator[Any]:
    budget: Any = context.resolve(_BUDGET)
    if isinstance(iterable, Undefined):
        iter(iterable)  # raises with the name
    for element in iterable:
        budget.spend(1)
        yield element


@pass_context
def _ticked(context: Context, value: str) -> str:
    _spend(context, 1)
    return value


def _concat(values: Iterable[Any]) -> str:
    return _join(values)


@pass_context
def _dict(context: Context, *args: Any, **kwargs: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = _weighed(context, dict(*args, **kwargs))
    return made


@pass_context
def _range(context: Context, *bounds: int) -> range:
    numbers = range(*bounds)
    _spend(context, len(numbers))
    return numbers


def _join(values: Iterable[Any], separator: str = "") -> str:
    texts = [_text(value) for value in values]
    total = sum(map(len, texts)) + len(separator) * len(texts)
    if total > MAX_TEXT:
        raise BudgetError(f"join makes a text beyond {MAX_TEXT:,} characters")
    return separator.join(texts)


def _replace(value: Any, old: str, new: str) -> str:
    text = _text(value)
    growth = text.count(old) * (len(new) - len(old))
    if len(text) + growth > MAX_TEXT:
        raise BudgetError(f"replace makes a text beyond {MAX_TEXT:,} characters")
    return text.replace(old, new)


def _default(value: Any, default: Any = "", boolean: bool = False) -> Any:
    missing = isinstance(value, Undefined) or (boolean and not value)
    return default if missing else value


def _metered(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def filtered(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        size = len(value) if isinstance(value, Sized) and not isinstance(value, Undefined) else 0
        _spend(context, 1 + size // 100)
        return _checked(function(value, *args, **kwargs))

    return filtered


_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "capitalize": lambda s: _text(s).capitalize(),
    "count": len,
    "default": _default,
    "d": _default,
    "first": lambda values: next(iter(values)),
    "int": int,
    "join": _join,
    "last": lambda values: list(values)[-1],
    "length": len,
    "list": list,
    "lower": lambda s: _text(s).lower(),
    "replace": _replace,
    "reverse": lambda values: list(values)[::-1],
    "round": round,
    "sort": sorted,
    "string": _text,
    "title": lambda s: _text(s).title(),
    "trim": lambda s: _text(s).strip(),
    "upper": lambda s: _text(s).upper(),
}
_INTERNAL_FILTERS: Mapping[str, Callable[..., Any]] = {
    "__bounded": _bounded,
    "__ticked": _ticked,
    "__concat": _concat,
    "__weighed": _weighed,
}
_GLOBALS: Mapping[str, Any] = {"range": _range, "dict": _dict, "namespace": Namespace}
_REFUSED_TAGS: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
    nodes.Extends: "extends",
    nodes.Block: "block",
}


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Compile with `from_string`; render in a `new_context`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, plain: type[Any]) -> None:
        """`plain` is the type of the options that templates read: slots and no behaviour."""
        self._plain = plain
        self._plain_names = frozenset(plain.__slots__)
        super().__init__(
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            auto_reload=False,
            finalize=_written,
        )
        self.globals = dict(_GLOBALS)
        self.filters = {name: _metered(function) for name, function in _FILTERS.items()}
        self.filters |= _INTERNAL_FILTERS

    def getattr(self, obj: Any, attribute: str) -> Any:
        # Most of a rendering's time goes into the checks of this call; these need none.
        if type(obj) is self._plain and attribute in self._plain_names:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        allowed = _SAFE_METHODS.get(type(obj))
        if callable(value) and (allowed is None or attr not in allowed):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """`str.format` is not offered: widths make texts of any length."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            raise BudgetError("'%' does not format text here: join texts with '~'")
        if operator == "*":
            _check_repetition(left, right)
        if operator == "**" and not (abs(left) <= 10_000 and abs(right) <= 64):
            raise BudgetError("a power this large is not for a prompt")
        made = _checked(super().call_binop(context, operator, left, right))
        return _weighed(context, made) if isinstance(made, (list, tuple)) else made

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(called, "__self__", None)
        _spend(context, 1 + (len(owner) // 100 if isinstance(owner, Sized) else 0))
        return super().call(context, called, *args, **kwargs)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> Any:
        _meter(source)
        return super()._generate(source, *args, **kwargs)

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        return _join(pieces)


def _check_repetition(left: Any, right: Any) -> None:
    for value, times in ((left, right), (right, left)):
        if isinstance(value, Sized) and isinstance(times, int) and len(value) * times > MAX_TEXT:
            raise BudgetError(f"'*' makes a value beyond {MAX_TEXT:,} elements")


def _meter(tree: nodes.Template) -> None:
    """Refuse tags that read other files; make loops, macros, `~` and lists pay their way."""
    for kind, tag in _REFUSED_TAGS.items():
        for node in tree.find_all(kind):
            _fail(f"'{tag}' is not available: a prompt is one file", node)
    _Metering().visit(tree)


class _Metering(NodeTransformer):
    def visit_For(self, loop: nodes.For) -> nodes.Node:  # noqa: N802 – Jinja's names
        if loop.recursive:
            _fail("recursive loops are not available", loop)
        self.generic_visit(loop)
        loop.iter = _filtered(loop.iter, "__bounded")
        return loop

    def visit_Macro(self, macro: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(macro)
        macro.body.insert(0, nodes.Output([_filtered(nodes.Const(""), "__ticked")]))
        return macro  # type: ignore[no-any-return]  # a macro or a call block

    visit_CallBlock = visit_Macro  # noqa: N815

    def visit_Concat(self, concat: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(concat)
        return _filtered(nodes.List(concat.nodes, lineno=concat.lineno), "__concat")

    def visit_List(self, made: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(made)
        return _filtered(made, "__weighed")

    visit_Dict = visit_List  # noqa: N815

    def visit_Tuple(self, made: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(made)
        return _filtered(made, "__weighed") if made.ctx == "load" else made


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno or 1)


def _fail(message: str, node: nodes.Node) -> None:
    from jinja2 import TemplateSyntaxError

    raise TemplateSyntaxError(message, node.lineno)


def new_context(template: Template, variables: Mapping[str, Any]) -> Context:
    """A context for one rendering: the variables, the globals and a fresh budget.

    `shared` takes them as they are; Jinja's own merging costs as much as the rendering.
    """
    return template.new_context({**_GLOBALS, **variables, _BUDGET: Budget()}, shared=True)
