"""The digest of a plugin's code: of its file with those it uses, or of its package."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from mubench_gen.storage.digests import sha256_of
from mubench_gen.storage.paths import is_file
from mubench_gen.storage.run_folder import MANIFEST, SOUP, STUDY, SWEEP

# Suffixes of files that a package may read. A folder with one of _MADE holds runs or data.
_READ = frozenset(
    {".py", ".json", ".toml", ".yaml", ".yml", ".txt", ".jinja", ".j2", ".model", ".safetensors",
     ".bin", ".pt", ".pth", ".npz", ".npy", ".onnx", ".so"}
)  # fmt: skip
_MADE = frozenset({MANIFEST, SOUP, STUDY, SWEEP, "rows.jsonl"})


def code_digest(module: ModuleType) -> str | None:
    """The digest of the module's file and those beside it that it uses, or of a whole package."""
    files = code_files(module)
    if not files:
        return None
    folder = Path(str(module.__file__)).resolve().parent
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes() if path.suffix == ".py" else sha256_of(path).encode()
        digest.update(f"{path.relative_to(folder)}\0".encode() + content)
    return digest.hexdigest()


def code_files(module: ModuleType) -> list[Path]:
    """The module's file and those beside it that it uses, or those of a whole package."""
    if getattr(module, "__file__", None) is None:
        return []
    file = Path(str(module.__file__)).resolve()
    package = hasattr(module, "__path__") or file.name == "__init__.py"
    return sorted(set(_package_files(file.parent)) if package else _with_imported(file))


def _package_files(folder: Path) -> Iterator[Path]:
    """A package's code, and the files that it may read; not the runs and data that lie in it."""
    for place, folders, names in os.walk(folder):
        if not _MADE.isdisjoint(names):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        yield from (Path(place, name) for name in names if Path(name).suffix in _READ)


def _with_imported(file: Path) -> set[Path]:
    """The file with the files of its folder that it imports, and those that they import."""
    found, left = set[Path](), [file]
    while left:
        path = left.pop()
        if path in found or not is_file(path):
            continue
        found.add(path)
        if path.suffix != ".py":
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # of a file that only has an imported module's name
            continue
        for node in ast.walk(tree):
            left += _used(node, file.parent)
    return found


def _used(node: ast.AST, folder: Path) -> Iterator[Path]:
    """The files of the folder that a piece of code may use: imported modules, files by name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if Path(node.value).suffix in _READ and "/" not in node.value:
            yield folder / node.value
        return
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or "", *(alias.name for alias in node.names if not node.module)]
    else:
        return
    for name in filter(None, (name.split(".")[0] for name in names)):
        yield folder / f"{name}.py"
        if is_file(folder / name / "__init__.py"):
            yield from _package_files(folder / name)
