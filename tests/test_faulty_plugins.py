"""What a plugin can do wrong: it is named with its fault, and costs nobody else anything."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mubench_gen.errors import PluginError, Terminated
from mubench_gen.plugins.entry_points import GROUP, find_entry_points
from mubench_gen.plugins.import_trial import try_import
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.plugins.registry import Plugins
from mubench_gen.plugins.task_packages import packages

from .helpers.command import Command
from .helpers.plugin import write_distribution, write_plugin

ANSWERS = "def generate(self, requests): return [r.labels[0] for r in requests]"


def install(site: Path, name: str, top: str = "", entry: str | None = None) -> Path:
    """A distribution whose module does `top` and then offers a model that would work."""
    metadata = write_distribution(
        site, f"mubench-gen-{name}", entries=[entry or f"{name} = mubench_gen_{name}"]
    )
    plugin = write_plugin(site / f"mubench_gen_{name}.py", ANSWERS)
    plugin.write_text(f"{top}\n{plugin.read_text()}")
    return metadata


def states() -> dict[str, str]:
    return {plugin.distribution: plugin.state for plugin in Plugins().list()}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[mubench_gen]\nb\xe9 = mubench_gen_bad\n", "it is not UTF-8 text"),
        (b"[mubench_gen]\nbad\n", "a line is not NAME = MODULE"),
    ],
)
def test_entry_points_that_cannot_be_read_hide_no_other_distributions(
    site: Path, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "__all__")  # as the command does
    (install(site, "bad") / "entry_points.txt").write_bytes(content)
    install(site, "good")
    listed = states()
    assert listed["mubench-gen-good"] == "ok"
    assert listed["mubench-gen-bad"] == f"broken: its entry_points.txt cannot be read: {reason}"
    assert Plugins().load("good").models
    with pytest.raises(PluginError, match="The plugins of mubench-gen-bad cannot be read"):
        Plugins().load("bad")


def test_one_by_one_the_first_of_a_distribution_on_the_path_counts(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "twice")
    (install(site, "bad") / "entry_points.txt").write_bytes(b"[mubench_gen]\nb\xe9 = x\n")
    install(later := tmp_path / "later", "twice")
    monkeypatch.setattr(sys, "path", [*sys.path, str(later)])
    found = find_entry_points(GROUP)
    assert [entry.name for entry in found.entries].count("twice") == 1
    assert [damaged.origin.name for damaged in found.damaged] == ["mubench-gen-bad"]


def test_a_distribution_of_others_that_cannot_be_read_is_not_ours_to_tell(site: Path) -> None:
    (install(site, "bad") / "entry_points.txt").write_bytes(b"[console_scripts]\nb\xe9 = x\n")
    assert "mubench-gen-bad" not in states()


def test_a_package_of_tasks_that_cannot_be_read_is_listed(site: Path) -> None:
    content = b"[mubench_gen.tasks]\nl\xe9 = x\n"
    (install(site, "bad") / "entry_points.txt").write_bytes(content)
    (found,) = (package for package in packages() if package.distribution == "mubench-gen-bad")
    assert found.state.startswith("broken: its entry_points.txt cannot be read")


def test_every_command_works_beside_a_damaged_distribution(mubench: Command) -> None:
    site = mubench.folder / "site"
    (install(site, "bad") / "entry_points.txt").write_bytes(b"[mubench_gen]\nb\xe9 = x\n")
    env = {"PYTHONPATH": str(site), "MUBENCH_GEN_PLUGINS": "echo"}
    assert mubench("tasks", "--json", env=env).code == 0
    assert mubench("plugins", "--json", env=env).code == 0
    doctor = mubench("doctor", "--json", env=env)
    assert doctor.code == 0, doctor.err
    found = {finding["name"]: finding for finding in doctor.document["findings"]}
    assert found["plugins of mubench-gen-bad"]["state"] == "note"


def test_metadata_that_cannot_be_read_are_noted_and_the_name_is_the_folders(site: Path) -> None:
    (install(site, "odd") / "METADATA").write_bytes("Author: Émile\n".encode("latin-1"))
    (odd,) = (plugin for plugin in Plugins().list() if plugin.name == "odd")
    assert (odd.distribution, odd.version, odd.state) == ("mubench-gen-odd", "1.0", "ok")
    assert "has metadata that cannot be read" in odd.notes[0]


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        ("a/b = mubench_gen_odd", "broken: no --plugin can be called 'a/b'"),
        ("odd.py = mubench_gen_odd", "broken: no --plugin can be called 'odd.py'"),
        ("a,b = mubench_gen_odd", "broken: no --plugin can be called 'a,b'"),
        ("\x1b[31modd = mubench_gen_odd", "broken: no --plugin can be called"),
        ("odd = no module!", "broken: its entry point 'no module!' names no module"),
        ("odd = mubench_gen_gone.models", "broken: there is no module mubench_gen_gone"),
        ("odd = mubench_gen_odd:Mine", "ok"),
        ("odd = mubench_gen_odd [gpu]", "ok"),
    ],
)
def test_an_entry_point_that_nobody_could_ask_for_is_told(
    site: Path, entry: str, state: str
) -> None:
    install(site, "odd", entry=entry)
    assert states()["mubench-gen-odd"].startswith(state)


def test_a_listing_shows_a_terminal_nothing_that_it_would_obey(mubench: Command) -> None:
    install(mubench.folder / "site", "odd", entry="\x1b[31modd = mubench_gen_odd")
    listed = mubench("plugins", env={"PYTHONPATH": str(mubench.folder / "site")})
    assert listed.code == 0
    assert "\\x1b[31modd" in listed.out
    assert "\x1b" not in listed.out


@pytest.mark.parametrize(
    "raised",
    ["SystemExit(7)", "KeyboardInterrupt", "GeneratorExit", "BaseException('b')", "RuntimeError"],
)
@pytest.mark.parametrize("where", ["import", "hook"])
def test_whatever_a_plugin_raises_is_its_fault_with_the_place(
    raised: str, where: str, tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path / "odd.py", ANSWERS)
    source = plugin.read_text()
    if where == "import":
        plugin.write_text(f"def f():\n    raise {raised}\nf()\n{source}")
    else:
        plugin.write_text(
            source.replace("    return [mubench", f"    raise {raised}\n    return [")
        )
    with pytest.raises(PluginError, match=rf"is broken: {raised[:9]}.* at .*odd\.py:\d+\."):
        Plugins([]).load(str(plugin))


def test_ctrl_c_and_sigterm_are_no_fault_of_the_plugin() -> None:
    def interrupted() -> None:
        import signal

        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), Isolated("It"):
        interrupted()
    with pytest.raises(Terminated), Isolated("It"):
        raise Terminated


def test_a_misspelt_hook_is_named_with_the_right_one(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "odd.py", ANSWERS)
    plugin.write_text(
        plugin.read_text().replace("def mubench_gen_models", "def mubench_gen_modles")
    )
    with pytest.raises(
        PluginError, match=r"'mubench_gen_modles'\. Did you mean 'mubench_gen_models'"
    ):
        Plugins([]).load(str(plugin))


SAID = {  # what a stranger may write, and the one sentence about it
    "def mubench_gen_score(recs): return {}":
        "the hook mubench_gen_score takes records and manifest, by these names, and not recs",
    "def mubench_gen_section(): return 'text'": "must return a mubench_gen.Section",
    "def mubench_gen_judge(): return J": "J.read is `async def`, and must not be",
    "def mubench_gen_metrics(): return [mubench_gen.Metric('m', 'M', late)]":
        "Metric m: its function is `async def`, and must not be",
    "def mubench_gen_exports(): return [mubench_gen.Export('m', 'M', late)]":
        "Export m: its function is `async def`, and must not be",
    "def mubench_gen_transforms(): return [mubench_gen.Transform('m', late)]":
        "Transform m: its function is `async def`, and must not be",
    "def mubench_gen_metrics(): return [mubench_gen.Metric('m', 'M', 7)]":
        "Metric m: 7 is not a function",
    "def mubench_gen_datasets(): return 'cells'": "must return a list of mubench_gen.DataSet",
}  # fmt: skip


def section_of(plugin: Path) -> object:
    section = Plugins([]).load(str(plugin)).offers.section
    return section and section([])


@pytest.mark.parametrize("hook", SAID)
def test_what_is_wrong_beside_models_is_one_sentence_with_its_cause(
    hook: str, tmp_path: Path
) -> None:
    plugin = tmp_path / "odd.py"
    beside = "async def late(one): return 1.0\nclass J(mubench_gen.Judge):\n"
    beside += "    async def read(self, unread): return []\n"
    plugin.write_text(f"import mubench_gen\n{beside}@mubench_gen.hookimpl\n{hook}\n")
    with pytest.raises(PluginError) as told:
        section_of(plugin)
    assert SAID[hook] in str(told.value)
    assert str(plugin) in str(told.value)
    assert "\n" not in str(told.value)


CHANGES = {
    "import locale\nlocale.setlocale(locale.LC_ALL, 'C.UTF-8')": "the locale",
    "import os\nos.umask(0o77)": "the umask",
    "import os\nos.chdir('/')": "the working directory",
    "import sys\nsys.excepthook = print": "sys.excepthook",
    "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)": "the handlers of signals",
    "import logging\nlogging.getLogger().setLevel(1)": "the root logger",
    "import os\nos.close(2)": "",
    "import json\njson.dumps = None": "",
    "import os\nos.environ['ODD'] = 'x'": "the environment",
    "import sys\nsys.stdout.close()": "",
}


@pytest.mark.first(5)
@pytest.mark.parametrize("source", CHANGES)
def test_a_trial_tells_what_an_import_changes(source: str, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "odd.py", ANSWERS)
    plugin.write_text(f"{source}\n{plugin.read_text()}")
    seen = try_import(str(plugin))
    assert seen.error is None, seen.error
    assert any(CHANGES[source] in one for one in seen.changed) or not CHANGES[source]


def test_a_plugin_that_changes_nothing_is_said_to_change_nothing(tmp_path: Path) -> None:
    seen = try_import(str(write_plugin(tmp_path / "sound.py", ANSWERS)))
    assert seen.faults == ()


def test_what_is_written_past_sys_stdout_is_seen_too(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "odd.py", ANSWERS)
    plugin.write_text(f"import os\nos.write(1, b'raw')\n{plugin.read_text()}")
    assert try_import(str(plugin)).printed == "raw"


def test_a_thread_that_never_ends_keeps_a_trial_from_nothing(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "odd.py", ANSWERS)
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    plugin.write_text(f"{thread}\n{plugin.read_text()}")
    assert "keeps the process alive" in " ".join(try_import(str(plugin)).changed)


@pytest.mark.parametrize(
    ("method", "code", "said"),
    [
        ("generate", 3, "SystemExit: 4"),
        ("load", 2, "is broken: SystemExit: 4"),
    ],
)
def test_a_model_that_leaves_is_told_and_the_run_can_be_read(
    mubench: Command, cells: Path, method: str, code: int, said: str
) -> None:
    body = f"def {method}(self, *a): raise SystemExit(4)"
    write_plugin(mubench.folder / "odd.py", body if method == "generate" else f"{ANSWERS}\n{body}")
    done = mubench("eval", "--plugin", "./odd.py", "--data", cells, "--run-dir", "run", "--json")
    assert done.code == code
    assert said in done.err
    assert "RuntimeError" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("hosted")
@pytest.mark.parametrize("method", ["load(self)", "generate(self, requests)"])
def test_a_model_that_leaves_the_working_directory_leaves_the_run_where_it_is(
    mubench: Command, cells: Path, method: str
) -> None:
    leaves = f"def {method}:\n    import os; os.chdir('/')"
    answers = "    return ['A' for request in requests]"
    source = f"{ANSWERS}\n{leaves}" if method.startswith("load") else f"{leaves}\n{answers}"
    write_plugin(mubench.folder / "odd.py", source)
    done = mubench("eval", "--plugin", "./odd.py", "--data", cells, "--run-dir", "run", "--json")
    assert done.code == 0, done.err
    assert (mubench.folder / "run/scores.json").is_file()


@pytest.mark.usefixtures("hosted")
def test_a_run_ends_although_a_plugins_thread_does_not_and_stdout_has_results_alone(
    mubench: Command, cells: Path
) -> None:
    plugin = write_plugin(mubench.folder / "odd.py", ANSWERS)
    top = (
        "import atexit, threading, time\natexit.register(print, 'bye')\n"
        "threading.Thread(target=time.sleep, args=(600,), name='watch').start()\n"
    )
    plugin.write_text(top + plugin.read_text())
    done = mubench("eval", "--plugin", "./odd.py", "--data", cells, "--run-dir", "run", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["complete"]
