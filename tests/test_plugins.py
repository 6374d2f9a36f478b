"""Plugins: listed without being imported, loaded one at a time, told apart when wrong."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.errors import PluginError
from mubench_gen.plugins.registry import Plugins

from .helpers.command import Command, Outcome
from .helpers.data import write_data
from .helpers.plugin import write_distribution, write_plugin

Here = Callable[..., Outcome]

GOOD = """
import mubench_gen

class Model(mubench_gen.GenerativeModel):
    def generate(self, requests):
        return ["A" for request in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("good", Model)]
"""
CONTRASTIVE = """
import mubench_gen, numpy as np

class Brightness(mubench_gen.ContrastiveModel):
    def embed_images(self, images):
        return np.array([[np.asarray(i.pixels()).mean() + 1, 1] for i in images])
    def embed_texts(self, texts):
        return np.array([[len(text), 1] for text in texts])

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("brightness", Brightness)]
"""


def on_path(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def given(*pairs: str) -> Plugins:
    """Plugins of these entry points alone, whatever is installed."""
    return Plugins([EntryPoint(*pair.split("="), group="mubench_gen") for pair in pairs])


def test_the_plugins_that_ship_come_by_entry_points() -> None:
    listed = {plugin.name: plugin for plugin in Plugins().list()}
    assert {"echo", "tiny"} <= listed.keys()
    assert listed["echo"].distribution == "mubench-gen"
    assert listed["echo"].state == "ok"


def test_listing_imports_nothing_and_one_broken_plugin_stops_no_other(mubench: Command) -> None:
    site = mubench.folder / "site"
    write_distribution(
        site, "mubench-gen-bad", entries=["bad = mubench_gen_bad"],
        modules={"mubench_gen_bad": "raise SystemExit('imported')"},
    )  # fmt: skip
    write_distribution(
        site, "mubench-gen-good", entries=["good = mubench_gen_good"],
        modules={"mubench_gen_good": GOOD},
    )  # fmt: skip
    outcome = mubench("plugins", "--json", env=on_path(site))
    assert outcome.code == 0
    states = {plugin["name"]: plugin["state"] for plugin in outcome.document}
    assert {states[name] for name in ("good", "echo", "bad")} == {"ok"}
    assert mubench("plugins", "show", "good", env=on_path(site)).code == 0
    broken = mubench("plugins", "show", "bad", env=on_path(site))
    assert broken.code == 2
    assert "The plugin 'bad' (mubench-gen-bad 1.0) is broken: SystemExit: imported" in broken.err
    assert "mubench_gen_bad.py:1" in broken.err


def test_a_third_partys_plugin_is_evaluated_by_its_name(mubench: Command, cells: Path) -> None:
    site = mubench.folder / "site"
    write_distribution(
        site, "mubench-gen-good", version="2.3", entries=["good = mubench_gen_good"],
        requires=["mubench-gen>=0.0.1", "numpy"], modules={"mubench_gen_good": GOOD},
    )  # fmt: skip
    args = ("eval", "--plugin", "good", "--data", cells, "--run-dir", "run", "--json")
    outcome = mubench(*args, env=on_path(site))
    assert outcome.code == 0, outcome.err
    plugin = json.loads((mubench.folder / "run/manifest.json").read_text("utf-8"))["plugin"]
    assert plugin["distribution"] == "mubench-gen-good"
    assert plugin["version"] == "2.3"


def test_two_distributions_with_one_name_are_both_told(mubench: Command) -> None:
    site = mubench.folder / "site"
    for name in ("mubench-gen-one", "mubench-gen-two"):
        write_distribution(site, name, entries=["twin = somewhere"])
    for args in (("plugins",), ("plugins", "show", "twin"), ("eval", "--plugin", "twin")):
        outcome = mubench(*args, env=on_path(site))
        assert "shadowed: mubench-gen-one 1.0 and mubench-gen-two 1.0" in outcome.out + outcome.err
        assert outcome.code == (0 if args == ("plugins",) else 2)


def test_of_two_distributions_with_one_name_each_has_a_full_name(site: Path) -> None:
    for name in ("one", "two"):
        write_distribution(
            site, f"mubench-gen-{name}", entries=[f"twin = twin_of_{name}"],
            modules={f"twin_of_{name}": GOOD.replace('"good"', f'"{name}"')},
        )  # fmt: skip
    with pytest.raises(PluginError, match="say mubench-gen-one:twin or mubench-gen-two:twin"):
        Plugins().load("twin")
    plugin = Plugins().load("Mubench_gen-two:twin")
    assert (plugin.name, plugin.models[0].name) == ("mubench-gen-two:twin", "two")
    with pytest.raises(PluginError, match="Did you mean 'mubench-gen-two:twin'"):
        Plugins().load("mubench-gen-tvo:twin")
    assert {"mubench-gen-one:twin", "mubench-gen-two:twin"} <= set(Plugins().names())


def test_a_strangers_plugin_never_takes_the_name_of_a_built_in_one(site: Path) -> None:
    write_distribution(
        site, "mubench-gen-loud", entries=["echo = loud_echo"], modules={"loud_echo": GOOD}
    )  # fmt: skip
    states = {p.distribution: p.state for p in Plugins().list() if p.name == "echo"}
    assert states["mubench-gen"] == "ok"
    assert "say mubench-gen-loud:echo" in states["mubench-gen-loud"]
    assert Plugins().load("echo").distribution == "mubench-gen"
    assert Plugins().load("mubench-gen:echo").name == "echo"
    assert Plugins().load("mubench-gen-loud:echo").models[0].name == "good"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (GOOD.replace("_models", "_model"), "has an unknown hook 'mubench_gen_model'. Did you mea"),
        (f"import einopsy\n{GOOD}", "imports einopsy, which is not installed"),
    ],
)
def test_a_listing_shows_what_keeps_a_plugin_from_working(
    site: Path, module: str, said: str
) -> None:
    write_distribution(site, "faulty", entries=["bad = bad_one"], modules={"bad_one": module})
    listed = next(p for p in Plugins().list() if p.name == "bad")
    assert any(note.startswith(said) for note in listed.notes)


def test_a_file_that_is_edited_in_the_same_second_is_read_again(tmp_path: Path) -> None:
    for name in ("one", "two"):
        plugin = tmp_path / "mine.py"
        plugin.write_text(GOOD.replace('"good"', f'"{name}"'))
        os.utime(plugin, (1_700_000_000, 1_700_000_000))
        assert Plugins().load(str(plugin)).models[0].name == name


def test_an_asynchronous_method_is_told_in_a_sentence(site: Path) -> None:
    write_distribution(
        site, "waiting", entries=["waits = waits"],
        modules={"waits": GOOD.replace("def generate", "async def generate")},
    )  # fmt: skip
    with pytest.raises(PluginError, match=r"Model.generate is `async def`, and must not be"):
        Plugins().load("waits")


def test_a_plugin_of_another_version_says_have_and_need(site: Path) -> None:
    write_distribution(
        site, "mubench-gen-new", entries=["newer = nowhere"],
        requires=["numpy", "mubench_gen>=99 ; python_version > '3'"],
    )  # fmt: skip
    with pytest.raises(PluginError, match=r"incompatible: it needs mubench-gen>=99, this is \d"):
        Plugins().load("newer")


@pytest.mark.parametrize("metadata", ["", "Version: 1.0\n", "\0\xff rubbish"])
def test_broken_metadata_of_one_distribution_spoils_no_listing(
    here: Here, site: Path, metadata: str
) -> None:
    folder = write_distribution(site, "mubench-gen-odd", entries=["odd = mubench_gen_odd"])
    (folder / "METADATA").write_text(metadata, "latin-1")
    outcome = here("plugins", "--json")
    assert outcome.code == 0
    assert {"echo", "odd"} <= {plugin["name"] for plugin in outcome.document}


def test_an_unknown_name_tells_near_ones() -> None:
    with pytest.raises(PluginError, match=r"no plugin 'lava'. Did you mean 'llava'"):
        given("llava=a", "clip=b").load("lava")
    with pytest.raises(PluginError, match=r"no plugin 'x'. Known: none"):
        given().load("x")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_n"),
        ("def f(:", "SyntaxError"),
        ("1 / 0", r"ZeroDivisionError: division by zero at .*mine\.py:1"),
        ("raise SystemExit(3)", "SystemExit"),
        ("", "has no hook mubench_gen_models"),
        ("def mubench_gen_models(): return []", "has no hook mubench_gen_models"),
        (GOOD.replace("gen_models", "gen_model"), "mubench_gen_model"),
        (GOOD.replace("models():", "models(config):"), "config"),
        (GOOD.replace("return [mub", "return 5, [mub"), "must return a list of ModelSpec"),
        (GOOD.split("    return [mub")[0] + "    return None", "must return a list of ModelSpec"),
        (GOOD.split("    return [mub")[0] + "    return []", "must return a list of ModelSpec"),
        (GOOD.split("    return [mub")[0] + "    return 'good'", "must return a list of ModelSpec"),
        (GOOD.split("    return [mub")[0] + "    1 / 0", r"ZeroDivisionError.*mine\.py:10"),
        (GOOD.replace('"good", Model', '"good", Model()'), "'good': .*subclass"),
        (GOOD.replace('"good", Model', '"good", object'), "'good': .*subclass"),
        (GOOD.replace('"good", Model', '"good", None'), "'good': .*subclass"),
        (GOOD.replace('"good", Model', '"", Model'), "needs a name"),
        (GOOD.replace('"good", Model', "5, Model"), "needs a name"),
        (GOOD.replace('Spec("good", Model)]', 'Spec("a", Model)] * 2'), "two models named 'a'"),
        (GOOD.replace("def generate", "def generates"), "'good': .*define generate"),
        (CONTRASTIVE.replace("embed_texts", "embed_text"), "'brightness': .*define embed_texts"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plugin_is_told_with_its_place(
    tmp_path: Path, source: str, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source, "utf-8")
    with pytest.raises(PluginError, match=message) as caught:
        Plugins([]).load(str(path))
    assert "mine.py" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nothing.py", r"no plugin file '.*nothing\.py'"),
        ("./", "no plugin file"),
        ("./" + "x" * 300, "no plugin file"),
        ("nothing.py", "no plugin file"),
    ],
)
def test_a_path_that_is_no_plugin_is_told(name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        Plugins([]).load(name)


def test_two_files_of_one_name_keep_to_themselves(tmp_path: Path) -> None:
    for folder, default in (("one", "first"), ("two", "second")):
        write_plugin(
            tmp_path / folder / "mine.py",
            f"""
            class Options(mubench_gen.Options):
                word: "Word" = "{default}"

            def generate(self, requests):
                return []
            """,
        )
        path = tmp_path / folder / "mine.py"
        path.write_text(f"Word = str\nWORD = '{default}'\n" + path.read_text("utf-8"), "utf-8")
    for folder, default in (("one", "first"), ("two", "second"), ("one", "first")):
        (spec,) = Plugins([]).load(str(tmp_path / folder / "mine.py")).models
        source: Any = spec.source
        assert source.Options().word == default
        assert default == sys.modules[source.__module__].WORD  # pickles and annotations look there


def test_a_file_named_like_a_module_hides_none(tmp_path: Path) -> None:
    path = tmp_path / "json.py"
    path.write_text(GOOD, "utf-8")
    assert Plugins([]).load(str(path)).name == "json"
    assert sys.modules["json"] is json


def test_models_are_asked_for_by_name_and_the_first_is_the_default(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        GOOD.replace("return [mub", 'return [mubench_gen.ModelSpec("base", Model), mub'), "utf-8"
    )
    args = ("eval", "--plugin", path, "--data", cells, "--tasks", "stain", "--json")
    assert "mine-base" in here(*args).document["run_dir"]
    assert "mine-good" in here(*args, "--model", "good").document["run_dir"]
    outcome = here(*args, "--model", "goood")
    assert outcome.code == 2
    assert "no model 'goood'. Did you mean 'good'" in outcome.err


def test_plugins_show_prints_models_and_options(here: Here) -> None:
    outcome = here("plugins", "show", "echo", "--json")
    (model,) = outcome.document["models"]
    assert model["kind"] == "generative"
    assert model["options"]["style"]["default"] == "label"
    assert "-o style=label" in here("plugins", "show", "echo").out


def test_a_contrastive_model_is_ten_lines(here: Here, tmp_path: Path, cells: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(CONTRASTIVE, "utf-8")
    outcome = here(
        "eval",
        "--plugin",
        path,
        "--data",
        cells,
        "--tasks",
        "modality",
        "--run-dir",
        "run",
        "--json",
    )
    assert outcome.code == 0, outcome.err
    assert outcome.document["scores"]["pooled"]["statuses"] == {"answered": 1.0}
    for record in records(tmp_path / "run"):
        assert record["readout"] == record["rule"] == "similarity"
        assert record["reply"] is None
        assert len(record["scores"]) == len(record["options"])
        assert record["choice"] == record["scores"].index(max(record["scores"]))


def records(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "records.jsonl").read_text("utf-8").splitlines()
    return list({record["id"]: record for record in map(json.loads, lines)}.values())


def asked(here: Here, folder: Path, body: str, *args: str, rows: int = 6) -> Outcome:
    """An evaluation of a model of that body, one question an image."""
    data = folder / "data"
    if not data.exists():
        write_data(data, rows)
    plugin = write_plugin(folder / "mine.py", body)
    return here(
        "eval", "--plugin", plugin, "--data", data, "--tasks", "modality", "--run-dir", "run",
        "--json", *args,
    )  # fmt: skip


def errors(folder: Path) -> list[tuple[str, str]]:
    return [(r["error"]["type"], r["error"]["message"]) for r in records(folder) if r["error"]]


BAD_REPLIES = {
    "too few": ("return ['A'] * (len(requests) - 1)", "ReplyError", "replies to 1 request"),
    "too many": ("return ['A'] * (len(requests) + 1)", "ReplyError", "2 replies to 1 request"),
    "none": ("return []", "ReplyError", "0 replies to 1 request"),
    "without end": (
        "import itertools; return itertools.repeat('A')", "ReplyError", "replies to 1 request",
    ),
    "nothing": ("pass", "ReplyError", "NoneType"),
    "one text": ("return 'A'", "ReplyError", "str, not a list"),
    "bytes": ("return b'A'", "ReplyError", "bytes"),
    "a number": ("return 7", "ReplyError", "int"),
    "a mapping": ("return {r.key: 'A' for r in requests}", "ReplyError", "dict"),
    "a set": ("return {'A'}", "ReplyError", "set"),
    "numbers": ("return [1 for r in requests]", "ReplyError", "int"),
    "Nones": ("return [None for r in requests]", "ReplyError", "NoneType"),
    "bytes each": ("return [b'A' for r in requests]", "ReplyError", "bytes"),
    "a Reply of bytes": (
        "return [mubench_gen.Reply(b'A') for r in requests]", "ReplyError", "bytes",
    ),
    "usage that is no mapping": (
        "return [mubench_gen.Reply('A', usage=3) for r in requests]", "ReplyError", "usage",
    ),
    "an exception": ("raise ValueError('out of luck')", "ValueError", "out of luck"),
    "an exception without words": ("raise ValueError", "ValueError", "ValueError"),
    "an exception that cannot be told": (
        "raise type('Odd', (Exception,), {'__str__': lambda s: 1 / 0})", "Odd", "Odd",
    ),
    "sys.exit": ("raise SystemExit(4)", "SystemExit", "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
    "StopIteration": ("raise StopIteration", "StopIteration", "StopIteration"),
    "its own TimeoutError": ("raise TimeoutError('server')", "TimeoutError", "server"),
    "memory": ("raise MemoryError", "MemoryError", "MemoryError"),
    "recursion": ("return self.generate(requests)", "RecursionError", "recursion"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "message"), BAD_REPLIES.values(), ids=BAD_REPLIES)
def test_a_faulty_model_makes_errors_and_never_answers(
    here: Here, tmp_path: Path, body: str, kind: str, message: str
) -> None:
    outcome = asked(here, tmp_path, f"def generate(self, requests):\n    {body}", rows=3)
    assert outcome.code == 3, outcome.err
    assert outcome.document["scores"]["pooled"]["n_errors"] == 3
    assert outcome.document["scores"]["pooled"]["accuracy"] is None
    for found_kind, found_message in errors(tmp_path / "run"):
        assert found_kind == kind
        assert message in found_message
    assert all(r["choice"] is None and r["correct"] is None for r in records(tmp_path / "run"))


GOOD_REPLIES = {
    "a tuple": "return ('A',) * len(requests)",
    "a generator": "return ('A' for r in requests)",
    "yielded": "yield from ('A' for r in requests)",
    "Reply objects": "return [mubench_gen.Reply('A', 'stop', {'tokens': 1}) for r in requests]",
    "a subclass of str": "return [type('S', (str,), {})('A') for r in requests]",
}


@pytest.mark.parametrize("body", GOOD_REPLIES.values(), ids=GOOD_REPLIES)
def test_replies_come_in_any_sequence(here: Here, tmp_path: Path, body: str) -> None:
    outcome = asked(here, tmp_path, f"def generate(self, requests):\n    {body}")
    assert outcome.code == 0, outcome.err
    assert {record["reply"] for record in records(tmp_path / "run")} == {"A"}


def test_one_bad_item_costs_itself_alone(here: Here, tmp_path: Path) -> None:
    body = """
    def generate(self, requests):
        import mubench_gen
        if any(r.image.name.endswith("3.png") for r in requests):
            raise ValueError("I don't like this one")
        return ["A" for r in requests]
    """
    outcome = asked(here, tmp_path, body)
    assert outcome.code == 3
    assert outcome.document["scores"]["pooled"]["n"] == 5
    (failed,) = [r for r in records(tmp_path / "run") if r["status"] == "error"]
    assert failed["image_id"] == "cell-3"
    assert "ValueError: I don't like this one" in outcome.err


@pytest.mark.usefixtures("hosted")
def test_an_item_that_hangs_is_its_own_error_and_the_others_are_answered(
    here: Here, tmp_path: Path
) -> None:
    body = """
    def generate(self, requests):
        import time
        if any(r.image.name.endswith("2.png") for r in requests):
            time.sleep(600)
        return ["A" for r in requests]
    """
    outcome = asked(here, tmp_path, body, "--timeout", "3")
    assert outcome.code == 3
    assert outcome.document["scores"]["pooled"]["n"] == 5
    ((kind, message),) = errors(tmp_path / "run")
    assert kind == "ItemTimeout"
    assert "--timeout" in message


@pytest.mark.exhaustive  # twenty processes are started
@pytest.mark.usefixtures("hosted")
def test_a_model_that_always_hangs_ends_the_run_with_what_was_finished(
    mubench: Command, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 30)
    plugin = write_plugin(
        tmp_path / "mine.py",
        """
        batch_size = 4

        def generate(self, requests):
            import time
            if any(int(r.image.name[7:-4]) > 7 for r in requests):
                time.sleep(600)
            return ["A" for r in requests]
        """,
    )
    args = ("eval", "--plugin", plugin, "--data", data, "--tasks", "modality", "--run-dir", "run")
    outcome = mubench(*args, "--timeout", "1")
    assert outcome.code == 3
    assert "gave no answer within 1 s (--timeout). It was the 20th time" in outcome.err
    assert "Traceback" not in outcome.err
    assert sum(r["status"] == "answered" for r in records(tmp_path / "run")) == 8
    write_plugin(plugin, "def generate(self, requests):\n    return ['A' for r in requests]")


def test_a_timeout_may_be_as_long_as_one_likes(here: Here, tmp_path: Path) -> None:
    body = "def generate(self, requests):\n    return ['A' for r in requests]"
    assert asked(here, tmp_path, body, "--timeout", "inf").code == 0


@pytest.mark.parametrize("fault", ["1 / 0", "raise SystemExit(1)", "import nothing_like_this"])
@pytest.mark.parametrize("where", ["load", "__init__", "readouts", "facts", "batch_size"])
def test_a_model_that_fails_while_it_gets_ready_is_told_in_one_message(
    here: Here, tmp_path: Path, where: str, fault: str
) -> None:
    prefix = "@property\n" if where in ("readouts", "facts", "batch_size") else ""
    body = f"""
{prefix}def {where}(self, *args):
    {fault}

def generate(self, requests):
    return ["A" for r in requests]
"""
    outcome = asked(here, tmp_path, body)
    assert outcome.code == 2
    assert "The model 'mine' of the plugin 'mine' is broken" in outcome.err
    assert "mine.py" in outcome.err
    assert outcome.out == ""


def test_a_model_that_says_what_to_do_is_quoted(here: Here, tmp_path: Path) -> None:
    body = """
    def load(self):
        raise mubench_gen.UsageError("Set MY_KEY first.")

    def generate(self, requests):
        return []
    """
    outcome = asked(here, tmp_path, body)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == "mubench-gen: Set MY_KEY first."


def test_an_engine_that_is_gone_ends_the_run_resumable(here: Here, tmp_path: Path) -> None:
    body = """
    batch_size = 2

    def generate(self, requests):
        if any(r.image.name.endswith("4.png") for r in requests):
            raise mubench_gen.EngineFault("the server is down")
        return ["A" for r in requests]
    """
    outcome = asked(here, tmp_path, body)
    assert outcome.code == 3
    assert "the server is down" in outcome.err
    assert len(records(tmp_path / "run")) == 3  # the first is asked alone, then two at a time


@pytest.mark.parametrize("size", ["0", "-1", "'many'", "None"])
def test_a_batch_size_that_is_none_is_refused_and_not_taken_for_done(
    here: Here, tmp_path: Path, size: str
) -> None:
    body = f"batch_size = {size}\n\ndef generate(self, requests):\n    return ['A']"
    outcome = asked(here, tmp_path, body)
    assert outcome.code == 2
    assert "batch_size" in outcome.err


def test_a_model_that_fails_when_it_is_closed_loses_nothing(here: Here, tmp_path: Path) -> None:
    body = """
    def generate(self, requests):
        return ["A" for r in requests]

    def close(self):
        raise ValueError("cannot let go")
    """
    outcome = asked(here, tmp_path, body)
    assert outcome.code == 0
    assert outcome.document["scores"]["pooled"]["n"] == 6
    assert "cannot let go" in outcome.err


@pytest.mark.parametrize("options", ["5", "dict", "{'a': 1}"])
def test_options_that_are_no_options_are_the_plugins_fault(
    here: Here, tmp_path: Path, options: str
) -> None:
    body = f"Options = {options}\n\ndef generate(self, requests):\n    return ['A']"
    outcome = asked(here, tmp_path, body, "-o", "a=1")
    assert outcome.code == 2
    assert "Options" in outcome.err


def test_options_are_typed_and_described(here: Here, tmp_path: Path) -> None:
    body = """
    class Options(mubench_gen.Options):
        times: int = 1
        loud: bool = False

    def generate(self, requests):
        assert self.options.times == 3 and self.options.loud is True
        return ["A" for r in requests]
    """
    assert asked(here, tmp_path, body, "-o", "times=3", "-o", "loud=true").code == 0
    outcome = asked(here, tmp_path, body, "-o", "times=few")
    assert outcome.code == 2
    assert "times" in outcome.err
    assert "'few'" in outcome.err


SCORES = {
    "too few": ("[[-1.0]] * len(requests)", "1 scores for 3 options"),
    "no numbers": ("[['a', 'b', 'c']] * len(requests)", "scores"),
    "None": ("[None] * len(requests)", "scores"),
    "not a number": ("[[float('nan')] * 3] * len(requests)", "finite"),
    "infinite": ("[[float('inf'), 0, 0]] * len(requests)", "finite"),
}


@pytest.mark.parametrize(("scores", "message"), SCORES.values(), ids=SCORES)
def test_faulty_scores_are_errors(here: Here, tmp_path: Path, scores: str, message: str) -> None:
    body = f"""
    def generate(self, requests):
        return ["A"] * len(requests)

    def label_logprobs(self, requests):
        return {scores}
    """
    outcome = asked(here, tmp_path, body, "--readout", "logprob")
    assert outcome.code == 3
    assert all(message in text for _, text in errors(tmp_path / "run"))
    assert len(errors(tmp_path / "run")) == 6


EMBEDDINGS = {
    "too many": ("embed_images", "np.ones((len(images) + 1, 2))"),
    "flat": ("embed_images", "np.ones(2)"),
    "zero": ("embed_texts", "np.zeros((len(texts), 2))"),
    "not finite": ("embed_texts", "np.full((len(texts), 2), np.nan)"),
    "another width": ("embed_texts", "np.ones((len(texts), 3))"),
    "no array": ("embed_texts", "'rubbish'"),
}


@pytest.mark.parametrize(("where", "made"), EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_faulty_embeddings_are_errors(
    here: Here, tmp_path: Path, cells: Path, where: str, made: str
) -> None:
    lines = CONTRASTIVE.splitlines()
    at = next(i for i, line in enumerate(lines) if f"def {where}" in line) + 1
    lines[at] = f"        return {made}"
    (tmp_path / "mine.py").write_text("\n".join(lines), "utf-8")
    outcome = here(
        "eval", "--plugin", "./mine.py", "--data", cells, "--tasks", "modality",
        "--run-dir", "run", "--json",
    )  # fmt: skip
    scored = outcome.document["scores"]["pooled"]
    assert outcome.code == 3
    assert (scored["n"], scored["n_errors"]) == (0, 3)


BESIDE = """
import mubench_gen
from beside_the_model import LABEL

class Constant(mubench_gen.GenerativeModel):
    def generate(self, requests):
        return [LABEL for _ in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("constant", Constant)]
"""


def test_a_plugin_file_imports_the_files_beside_it_and_their_change_is_noticed(
    tmp_path: Path,
) -> None:
    (tmp_path / "my_model.py").write_text(BESIDE)
    (tmp_path / "beside_the_model.py").write_text("LABEL = 'A'")
    first = Plugins().load(str(tmp_path / "my_model.py"))
    again = Plugins().load(str(tmp_path / "my_model.py"))
    (tmp_path / "beside_the_model.py").write_text("LABEL = 'B'")
    changed = Plugins().load(str(tmp_path / "my_model.py"))
    assert first.digest == again.digest != changed.digest


def test_the_code_of_an_installed_plugin_is_part_of_what_it_is() -> None:
    assert Plugins().load("echo").digest is not None


def test_an_entry_point_to_nothing_is_listed_as_broken(site: Path) -> None:
    write_distribution(site, "mubench-gen-gone", entries=["gone = mubench_gen_gone"])
    (listed,) = [plugin for plugin in Plugins().list() if plugin.name == "gone"]
    assert listed.state == "broken: there is no module mubench_gen_gone"


@pytest.mark.parametrize(("source", "kind"), [(GOOD, "generative"), (CONTRASTIVE, "contrastive")])
def test_the_kind_of_a_plugin_is_listed_without_importing_it(
    source: str, kind: str, site: Path
) -> None:
    write_distribution(
        site, "mubench-gen-odd", entries=["odd = mubench_gen_odd"],
        modules={"mubench_gen_odd": source},
    )  # fmt: skip
    (listed,) = [plugin for plugin in Plugins().list() if plugin.name == "odd"]
    assert listed.kind == kind
    assert "mubench_gen_odd" not in sys.modules


def test_a_plugin_can_be_left_out(mubench: Command) -> None:
    outcome = mubench("--no-plugin", "echo", "plugins", "--json")
    states = {plugin["name"]: plugin["state"] for plugin in outcome.document}
    assert states["echo"].startswith("off: by --no-plugin")
    assert states["tiny"] == "ok"
    refused = mubench("--no-plugin", "echo", "eval", "--plugin", "echo")
    assert refused.code == 2
    assert "off: by --no-plugin" in refused.err


def test_the_environment_may_allow_some_plugins_alone(mubench: Command) -> None:
    outcome = mubench("plugins", "--json", env={"MUBENCH_GEN_PLUGINS": "echo, clip"})
    ok = {plugin["name"] for plugin in outcome.document if plugin["state"] == "ok"}
    assert ok == {"echo", "clip"}
    refused = mubench("plugins", "show", "tiny", env={"MUBENCH_GEN_PLUGINS": "echo"})
    assert refused.code == 2
    assert "MUBENCH_GEN_PLUGINS does not name it" in refused.err


def test_the_hooks_calls_can_be_traced(mubench: Command) -> None:
    outcome = mubench("plugins", "show", "echo", "--json", env={"MUBENCH_GEN_TRACE": "1"})
    assert "trace: The plugin 'echo'" in outcome.err
    assert "mubench_gen_models() → echo" in outcome.err
    assert outcome.document["name"] == "echo"
