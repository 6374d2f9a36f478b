"""What a plugin's source tells of its faults, without being imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mubench_gen.plugins.registry import Plugins
from mubench_gen.plugins.source import read_source

from .helpers.command import Command
from .helpers.plugin import write_distribution, write_plugin

CHANGES = "changes logging when it is imported"
PRINTS = "prints when it is imported"
NOTED = {
    "root by a name": ("import logging\nroot = logging.getLogger()\nroot.setLevel(10)", CHANGES),
    "root by its attribute": ("import logging\nlogging.root.addHandler(None)", CHANGES),
    "root's level set": ("import logging\nlogging.getLogger().level = 10", CHANGES),
    "handlers cleared": ("import logging\nlogging.getLogger('root').removeFilter(0)", CHANGES),
    "imported by name": ("from logging import basicConfig as configure\nconfigure()", CHANGES),
    "a dictionary": ("import logging.config\nlogging.config.dictConfig({})", CHANGES),
    "stdout": ("import sys\nsys.stdout.write('hello')", PRINTS),
    "in an if": ("if 1 + 1 == 2:\n    print('hello')", PRINTS),
    "in a function that is called": ("def greet():\n    print('hello')\ngreet()", PRINTS),
    "signals": (
        "import signal\nsignal.signal(2, signal.SIG_IGN)",
        "changes how signals are handled when it is imported",
    ),
}
HARMLESS = {
    "its own logger": "import logging\nlogging.getLogger(__name__).setLevel(10)",
    "its own handler": "import logging\nlog = logging.getLogger('a')\nlog.addHandler(None)",
    "to stderr": "import sys\nprint('hello', file=sys.stderr)",
    "for types alone": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
    "as a script": "if __name__ == '__main__':\n    print('hello')",
    "a function that nobody calls": "def main():\n    print('hello')",
    "what may be missing": "try:\n    import no_such_package\nexcept ImportError:\n    pass",
    "a guarded error": "import sys\nif sys.version_info < (3, 9):\n    raise RuntimeError",
}
BROKEN = {
    "a missing package": (
        "import no_such_package.of_mine",
        "odd.py:1: imports no_such_package, which is not installed",
    ),
    "exit by another name": (
        "from sys import exit as leave\nleave()",
        "odd.py:2: ends the process when it is imported",
    ),
    "a function that raises": (
        "def check():\n    raise RuntimeError('no')\ncheck()",
        "odd.py:2: raises when it is imported",
    ),
}


def odd(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "odd.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    return "odd"


@pytest.mark.parametrize("fault", NOTED)
def test_what_a_module_does_to_others_is_read(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, note = NOTED[fault]
    assert read_source(odd(tmp_path, source, monkeypatch)).notes == (note,)


@pytest.mark.parametrize("case", HARMLESS)
def test_what_harms_nobody_is_not_noted(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = read_source(odd(tmp_path, HARMLESS[case], monkeypatch))
    assert (source.broken, source.notes) == (None, ())


@pytest.mark.parametrize("fault", BROKEN)
def test_what_cannot_be_imported_is_read(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, broken = BROKEN[fault]
    assert read_source(odd(tmp_path, source, monkeypatch)).broken == broken


def test_faults_are_found_in_all_of_the_package_that_an_import_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "odd"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("from .models.large import Model\nfrom . import words")
    (package / "models/__init__.py").write_text("print('hello')")
    (package / "models/large.py").write_text("import torch\nclass Model(GenerativeModel): ...")
    (package / "words.py").write_text("raise ValueError")
    (package / "unused.py").write_text("import vllm")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = read_source("odd")
    assert source.kind == "generative"
    assert source.broken == "words.py:1: raises when it is imported"
    assert set(source.notes) == {"imports torch at the top, so it is slow to open", PRINTS}
    assert "odd" not in sys.modules


def test_what_an_import_changes_is_put_back_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import logging
    import os
    import signal

    plugin = write_plugin(tmp_path / "mine.py", "def generate(self, requests): return []")
    plugin.write_text(
        "import logging, os, signal\nlogging.getLogger().setLevel(1)\nprint('hello')\n"
        "logging.getLogger().addHandler(logging.NullHandler())\nos.chdir('/')\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + plugin.read_text()
    )
    root = logging.getLogger()
    before = root.level, list(root.handlers), os.getcwd(), signal.getsignal(signal.SIGTERM)
    Plugins([]).load(str(plugin))
    assert (root.level, root.handlers, os.getcwd(), signal.getsignal(signal.SIGTERM)) == before
    told = capsys.readouterr()
    assert told.out == ""
    assert "prints 'hello' and changes the root logger's level, the root logger's han" in told.err
    assert "the working directory when it is imported: kept from the run" in told.err


def test_the_listing_tells_on_request_what_an_import_really_does(mubench: Command) -> None:
    site = mubench.folder / "site"
    sources = {
        "subtle": "import sys\nstream = sys.stdout\nstream.write('hi')",
        "zero": "1 / len([])",
        "leaves": "import os\nleave = os._exit\nleave(7)",
    }
    for name, source in sources.items():
        write_distribution(
            site, f"mubench-gen-{name}", entries=[f"{name} = mubench_gen_{name}"],
            modules={f"mubench_gen_{name}": f"{source}\nfrom mubench_gen_plugins.echo import *"},
        )  # fmt: skip
    env = {"PYTHONPATH": str(site), "MUBENCH_GEN_PLUGINS": ",".join([*sources, "echo"])}
    listed = {p["name"]: p for p in mubench("plugins", "--import", "--json", env=env).document}
    assert listed["echo"]["imported"]["error"] is None
    assert listed["subtle"]["imported"]["printed"] == "hi"
    assert "ZeroDivisionError" in listed["zero"]["imported"]["error"]
    assert "exit code 7" in listed["leaves"]["imported"]["error"]
    shown = mubench("plugins", "--import", env=env)
    assert shown.code == 0
    assert "ok; it prints 'hi'" in shown.out
