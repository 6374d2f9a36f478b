"""Plugins: what their metadata tell, and what importing each in a process of its own tells."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from mubench_gen.errors import PluginError
from mubench_gen.plugins.import_trial import import_each, try_import
from mubench_gen.plugins.modules import kind_of
from mubench_gen.plugins.registry import Plugins
from mubench_gen.plugins.subprocess import run_apart, run_each

from .helpers.command import Command
from .helpers.plugin import write_distribution, write_plugin

ANSWERS = "def generate(self, requests): return [r.labels[0] for r in requests]"
LONG = 100.0  # seconds: more than any of these programs takes on the busiest machine


def plugin_file(folder: Path, name: str, top: str) -> str:
    """A plugin of a file that does `top` and then offers a model that would work."""
    plugin = write_plugin(folder / f"{name}.py", ANSWERS)
    plugin.write_text(f"{top}\n{plugin.read_text()}")
    return str(plugin)


def test_a_requirement_that_is_not_met_is_listed_and_loading_is_still_tried(site: Path) -> None:
    source = "from mubench_gen_plugins.echo import *"
    for name, requires in {
        "absent": ["numpy", "no-such-thing>=2 ; python_version > '3'"],
        "older": ["click>=999"],
        "optional": ["no-such-thing ; extra == 'gpu'"],
    }.items():
        write_distribution(
            site, f"mubench-gen-{name}", entries=[f"{name} = mubench_gen_{name}"],
            requires=requires, modules={f"mubench_gen_{name}": source},
        )  # fmt: skip
    states = {plugin.name: plugin.state for plugin in Plugins().list()}
    assert states["absent"] == "broken: it lacks no-such-thing>=2 (not installed)"
    assert states["older"].startswith("broken: it lacks click>=999 (have ")
    assert states["optional"] == "ok"
    assert Plugins().load("absent").models


def test_what_is_installed_after_a_listing_counts_in_the_next(site: Path) -> None:
    write_distribution(
        site, "mubench-gen-odd", entries=["odd = mubench_gen_odd"], requires=["of-its-own"],
        modules={"mubench_gen_odd": ""},
    )  # fmt: skip
    (before,) = (plugin.state for plugin in Plugins().list() if plugin.name == "odd")
    write_distribution(site, "of-its-own")
    (after,) = (plugin.state for plugin in Plugins().list() if plugin.name == "odd")
    assert (before[:6], after) == ("broken", "ok")


def test_the_kind_shows_in_what_the_plugins_own_package_mentions(site: Path) -> None:
    (site / "odd/models").mkdir(parents=True)
    (site / "odd/__init__.py").write_text("raise SystemExit('imported')")
    (site / "odd/models/large.py").write_text("class Large(mubench_gen.GenerativeModel): ...")
    (site / "odd/clip.py").write_text("from odd.base import Base")
    (site / "odd/base.py").write_text("Base = Checkpoint('org/clip', kind=\"contrastive\")")
    (site / "plain.py").write_text("def mubench_gen_judge(): ...\ndef mubench_gen_section(): ...")
    (site / "bytes.py").write_bytes(b"\xff\xfe = 1")
    assert kind_of("odd") == "generative, contrastive"
    assert kind_of("odd.clip") == "contrastive"
    assert kind_of("plain") == "judge, section"
    assert [kind_of(name) for name in ("bytes", "odd.gone", "no_such_module")] == ["?"] * 3
    assert not {"odd", "plain", "bytes"} & set(sys.modules)


def test_what_an_import_prints_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Plugins([]).load(plugin_file(tmp_path, "mine", "print('hello')\n"))
    assert capsys.readouterr() == ("", "hello\n")


def test_the_listing_tells_on_request_what_an_import_really_does(mubench: Command) -> None:
    site = mubench.folder / "site"
    sources = {
        "subtle": "import sys\nstream = sys.stdout\nstream.write('hi')",
        "zero": "1 / len([])",
        "leaves": "import os\nos._exit(7)",
        "crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        "hidden": "GenerativeModel = 'mentioned, not registered'",
    }
    offers = {"hidden": "from mubench_gen_plugins.clip import mubench_gen_models"}
    for name, source in sources.items():
        offered = offers.get(name, "from mubench_gen_plugins.echo import *")
        write_distribution(
            site, f"mubench-gen-{name}", entries=[f"{name} = mubench_gen_{name}"],
            modules={f"mubench_gen_{name}": f"{source}\n{offered}"},
        )  # fmt: skip
    env = {"PYTHONPATH": str(site), "MUBENCH_GEN_PLUGINS": ",".join([*sources, "echo"])}
    listed = {p["name"]: p for p in mubench("plugins", "--import", "--json", env=env).document}
    seen = {name: listed[name]["imported"] for name in (*sources, "echo")}
    assert (seen["echo"]["error"], seen["subtle"]["printed"]) == (None, "hi")
    assert [model["model"] for model in seen["echo"]["models"]] == ["echo"]
    assert "ZeroDivisionError: division by zero at " in seen["zero"]["error"]
    assert f"{site}/mubench_gen_zero.py:1." in seen["zero"]["error"]
    assert "exit code 7" in seen["leaves"]["error"]
    assert "ended by SIGSEGV" in seen["crashes"]["error"]
    assert listed["hidden"]["kind"] == "contrastive"
    shown = mubench("plugins", "--import", env=env)
    assert shown.code == 0
    lines = {line.split()[0]: line for line in shown.out.splitlines()}
    assert lines["subtle"].endswith("ok; it prints 'hi'")
    assert "broken: it was ended by SIGSEGV" in lines["crashes"]


def test_what_a_plugin_offers_has_one_name_before_and_after_its_import() -> None:
    shipped = ("echo", "blur", "probability", "lm-eval")
    listed = {plugin.name: plugin.kind for plugin in Plugins().list() if plugin.name in shipped}
    assert listed == {
        "echo": "generative", "blur": "transform", "probability": "metrics", "lm-eval": "export",
    }  # fmt: skip
    assert {name: found.kind for name, found in import_each([*listed]).items()} == listed


def test_an_entry_point_to_what_its_module_lacks_is_told_by_an_import(site: Path) -> None:
    write_distribution(
        site, "mubench-gen-odd", entries=["odd = mubench_gen_odd:nothing"],
        modules={"mubench_gen_odd": ""},
    )  # fmt: skip
    with pytest.raises(PluginError, match="has no attribute 'nothing'"):
        Plugins().load("odd")
    assert "has no attribute 'nothing'" in str(try_import("odd").error)


def test_a_plugin_that_ends_the_process_or_never_ends_costs_no_other_anything(
    tmp_path: Path,
) -> None:
    tops = {"one": "", "ends": "import os\nos._exit(9)", "hangs": "while True: pass", "two": ""}
    files = {name: plugin_file(tmp_path, name, top) for name, top in tops.items()}
    told = import_each([files[name] for name in ("one", "ends", "two")], patience=LONG)
    assert told[files["one"]].error is told[files["two"]].error is None
    assert told[files["ends"]].error == "it ended the process with exit code 9, without a word"
    assert try_import(files["hangs"], patience=1.0).error == "it did not end within 1 s"


def test_a_program_apart_ends_with_what_it_started_and_when_its_time_is_over() -> None:
    leaves = "import subprocess; subprocess.Popen(['sleep', '600']); print('done')"
    assert (ended := run_apart(leaves, patience=LONG)).code == 0
    assert ended.out == "done\n"
    assert run_apart("while True: pass", patience=0.5).code is None


def test_programs_run_side_by_side_and_never_more_than_so_many(tmp_path: Path) -> None:
    # Each waits for the other: one after the other they would not end.
    meet = """
    import pathlib, sys, time
    mine, other = map(pathlib.Path, sys.argv[1:])
    mine.touch()
    while not other.exists():
        time.sleep(0.01)
    """
    pair = [str(tmp_path / "a"), str(tmp_path / "b")]
    ends = dict(run_each(dedent(meet), [pair, pair[::-1]], patience=LONG, at_once=2))
    assert {number: ended.code for number, ended in ends.items()} == {0: 0, 1: 0}
    alone = "import os, sys; os.mkdir(sys.argv[1]); os.rmdir(sys.argv[1])"  # fails where it is
    room = [str(tmp_path / "room")]
    ends = dict(run_each(alone, [room] * 3, patience=LONG, at_once=1))
    assert [ends[number].code for number in range(3)] == [0, 0, 0]


def test_who_stops_listening_leaves_no_program_behind(tmp_path: Path) -> None:
    programs = """
    import os, pathlib, sys, time
    mark = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "stays":
        mark.with_suffix(".new").write_text(str(os.getpid()))
        mark.with_suffix(".new").rename(mark)
        time.sleep(600)
    while not mark.exists():
        time.sleep(0.01)
    """
    mark = tmp_path / "mark"
    calls = [("stays", str(mark)), ("ends", str(mark))]
    running = run_each(dedent(programs), calls, patience=LONG, at_once=2)
    number, ended = next(running)
    assert (number, ended.code) == (1, 0)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
