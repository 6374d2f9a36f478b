"""What a module does when it is imported, as far as its source shows: nothing is run."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

# Packages that take seconds to import.
HEAVY = frozenset(
    {
        "cv2", "jax", "open_clip", "pandas", "scipy", "sklearn", "tensorflow", "timm", "torch",
        "torchvision", "transformers", "vllm",
    }
)  # fmt: skip
_ENDS = frozenset({"sys.exit", "exit", "quit", "os._exit", "os.abort"})
_PRINTS = frozenset({"print", "sys.stdout.write", "sys.stdout.writelines", "rich.print"})
_LOGGING = frozenset(
    {"logging.basicConfig", "logging.disable", "logging.config.dictConfig",
     "logging.config.fileConfig"}
)  # fmt: skip
_PROCESS = {
    "signal.signal": "changes how signals are handled when it is imported",
    "os.chdir": "changes the working directory when it is imported",
    "os.umask": "changes the umask when it is imported",
    "locale.setlocale": "changes the locale when it is imported",
    "warnings.simplefilter": "changes which warnings are shown when it is imported",
    "sys.setrecursionlimit": "changes the recursion limit when it is imported",
    "time.sleep": "waits when it is imported, so it is slow to open",
}
_ENVIRON = "os.environ"
_NOT_ITS_OWN = frozenset({*sys.stdlib_module_names, "mubench_gen"}) - {
    "logging"
}  # has its own note
_ROOT_NAMES = ("", "root", None)  # what logging.getLogger takes for the root logger


@dataclass(frozen=True, slots=True)
class Faults:
    """`broken` says why the import can't end well; `notes` what it does to others."""

    broken: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """A statement that runs on import; `certain` where nothing can keep it from running."""

    node: ast.stmt
    certain: bool


def faults_of(tree: ast.Module, file: Path) -> Faults:
    """The faults of one module. Functions of its own that it calls are followed one deep."""
    steps = list(_steps(tree.body, certain=True, functions=_functions(tree)))
    names = _names(tree)
    roots = _root_loggers(steps, names)
    broken = (
        f"{file.name}:{step.node.lineno}: {why}"
        for step in steps
        if step.certain and (why := _why_it_ends(step.node, names)) is not None
    )
    notes = [note for step in steps for note in _notes(step.node, names, roots)]
    return Faults(next(broken, None), tuple(dict.fromkeys(notes)))


def _functions(tree: ast.Module) -> Mapping[str, ast.FunctionDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _names(tree: ast.Module) -> Mapping[str, str]:
    """What the names that the module imports stand for: {"out": "sys.stdout"}."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({a.asname: a.name for a in node.names if a.asname})
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    return names


def _steps(
    body: Sequence[ast.stmt], *, certain: bool, functions: Mapping[str, ast.FunctionDef]
) -> Iterator[_Step]:
    for node in body:
        yield _Step(node, certain)
        if isinstance(node, ast.If):
            if not _is_never_true(node.test):
                yield from _steps(node.body, certain=False, functions=functions)
            yield from _steps(node.orelse, certain=False, functions=functions)
        elif isinstance(node, (ast.For, ast.While, ast.Try, ast.With)):
            # A with statement too may suppress what is raised in it.
            yield from _steps(node.body, certain=False, functions=functions)
        elif isinstance(node, ast.ClassDef):
            yield from _steps(node.body, certain=certain, functions=functions)
        called = functions.get(_dotted(node.value.func) or "") if _is_call(node) else None
        if called is not None:
            yield from _steps(called.body, certain=certain, functions={})
        if certain and isinstance(node, ast.Return):
            return


def _is_never_true(test: ast.expr) -> bool:
    """Whether the condition doesn't hold on import: TYPE_CHECKING, __name__ == "__main__"."""
    if (_dotted(test) or "").split(".")[-1] == "TYPE_CHECKING":
        return True
    return isinstance(test, ast.Compare) and _dotted(test.left) == "__name__"


def _why_it_ends(node: ast.stmt, names: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Raise):
        return "raises when it is imported"
    if isinstance(node, ast.While) and _is_endless(node):
        return "never ends when it is imported"
    called = _called(node, names)
    if called in _ENDS:
        return "ends the process when it is imported"
    missing = next((name for name in _imported(node) if _is_missing(name)), None)
    if missing is not None:
        return f"imports {missing}, which is not installed"
    return None


def _is_endless(loop: ast.While) -> bool:
    """Whether nothing in it can end it: no way out, and no call, which may raise."""
    ways_out = (ast.Break, ast.Return, ast.Raise, ast.Call, ast.Await, ast.Yield)
    always = isinstance(loop.test, ast.Constant) and bool(loop.test.value)
    return always and not any(isinstance(inner, ways_out) for inner in ast.walk(loop))


def _imported(node: ast.stmt) -> Iterator[str]:
    """The top-level packages that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module.split(".")[0]


def _is_missing(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is None
    except (ImportError, ValueError, AttributeError):  # somebody's import hook: not for us to say
        return False


def _notes(node: ast.stmt, names: Mapping[str, str], roots: frozenset[str]) -> Iterator[str]:
    for package in _imported(node):
        if package in HEAVY:
            yield f"imports {package} at the top, so it is slow to open"
    called = _called(node, names)
    if called in _PRINTS and not _is_to_a_file(node):
        yield "prints when it is imported"
    if called in _PROCESS:
        yield _PROCESS[called]
    for target in node.targets if isinstance(node, ast.Assign) else ():
        if isinstance(target, ast.Subscript) and _meant(_dotted(target.value), names) == _ENVIRON:
            yield "changes the environment when it is imported"
        replaced = _meant(_dotted(target), names) if isinstance(target, ast.Attribute) else None
        if replaced is not None and replaced.partition(".")[0] in _NOT_ITS_OWN:
            yield f"replaces {replaced} when it is imported"
    if called in _LOGGING or _changes_root(node, names, roots):
        yield "changes logging when it is imported"


def _is_to_a_file(node: ast.stmt) -> bool:
    return _is_call(node) and any(k.arg == "file" for k in node.value.keywords)


def _root_loggers(steps: Sequence[_Step], names: Mapping[str, str]) -> frozenset[str]:
    """The names that the module gives to the root logger."""
    return frozenset(
        target.id
        for step in steps
        if isinstance(step.node, ast.Assign) and _is_root(step.node.value, names, frozenset())
        for target in step.node.targets
        if isinstance(target, ast.Name)
    )


def _changes_root(node: ast.stmt, names: Mapping[str, str], roots: frozenset[str]) -> bool:
    """A method of the root logger called by itself, or an attribute of it set."""
    if isinstance(node, ast.Assign):
        targets = [t.value for t in node.targets if isinstance(t, (ast.Attribute, ast.Subscript))]
        return any(_is_root(target, names, roots) for target in targets)
    if not _is_call(node) or not isinstance(node.value.func, ast.Attribute):
        return False
    owner, method = node.value.func.value, node.value.func.attr
    if isinstance(owner, ast.Attribute) and owner.attr in ("handlers", "filters"):
        owner, method = owner.value, "setHandlers"
    return method.startswith(("set", "add", "remove")) and _is_root(owner, names, roots)


def _is_root(node: ast.expr, names: Mapping[str, str], roots: frozenset[str]) -> bool:
    if isinstance(node, ast.Call) and _meant(_dotted(node.func), names) == "logging.getLogger":
        first = node.args[0] if node.args else ast.Constant(None)
        return isinstance(first, ast.Constant) and first.value in _ROOT_NAMES
    name = _dotted(node)
    return name in roots or _meant(name, names) == "logging.root"


def _called(node: ast.stmt, names: Mapping[str, str]) -> str | None:
    """The dotted name that a statement calls, with its imports resolved."""
    return _meant(_dotted(node.value.func), names) if _is_call(node) else None


class _CallStatement(ast.Expr):
    """For the type checker: an expression statement that is a call."""

    value: ast.Call


def _is_call(node: ast.stmt) -> TypeGuard[_CallStatement]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _meant(name: str | None, names: Mapping[str, str]) -> str | None:
    if name is None:
        return None
    first, dot, rest = name.partition(".")
    return f"{names.get(first, first)}{dot}{rest}"


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None
