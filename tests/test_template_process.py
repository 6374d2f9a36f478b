"""The process that renders templates of others: it can die, hang or swell, and nobody is hurt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.prompts import template_process
from mubench_gen.prompts.sandbox import TemplateFault
from mubench_gen.prompts.template_process import ForeignTemplates, Limits, TemplateProcess

VARIABLES = {"question": "Which?", "options": [("A", "A)", "light", 0)], "labels": ("A",)}
PATIENCE = 30.0


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[TemplateProcess]:
    own = TemplateProcess(Limits(cpu_seconds=0.3, seconds=PATIENCE, mebibytes=48))
    monkeypatch.setattr(template_process, "the_process", lambda: own)
    yield own
    own.stop()


def shown(template: str) -> str:
    return ForeignTemplates({"template": template}).render("template", VARIABLES)


def pid_of(process: TemplateProcess) -> int:
    assert process._process is not None
    return process._process.pid


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_process_serves_all_and_starts_with_the_first(process: TemplateProcess) -> None:
    assert process._process is None
    assert shown("{{ question }}") == "Which?"
    first = pid_of(process)
    assert shown("{{ labels|first }}") == "A"
    assert pid_of(process) == first


def test_a_process_that_was_killed_is_started_again(process: TemplateProcess) -> None:
    templates = ForeignTemplates({"template": "{{ question }}"})
    assert templates.render("template", VARIABLES) == "Which?"
    first = pid_of(process)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: gone(first))
    assert templates.render("template", VARIABLES) == "Which?"
    assert pid_of(process) != first


def test_what_comes_after_a_refusal_renders_as_before(process: TemplateProcess) -> None:
    templates = ForeignTemplates({"template": "{{ question * n }}"})
    small = {**VARIABLES, "n": 1}
    assert templates.render("template", small) == "Which?"
    with pytest.raises(TemplateFault, match="48 MiB of memory"):
        templates.render("template", {**VARIABLES, "n": 10**9})
    assert templates.render("template", small) == "Which?"
    with pytest.raises(TemplateFault, match=r"0\.3 s of processor time"):
        shown("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
    assert templates.render("template", small) == "Which?"


def test_a_process_that_is_stopped_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    own = TemplateProcess(Limits(seconds=PATIENCE))
    monkeypatch.setattr(template_process, "the_process", lambda: own)
    assert shown("{{ question }}") == "Which?"
    first = pid_of(own)
    os.kill(first, signal.SIGSTOP)
    assert own._connection is not None
    own._connection.settimeout(0.2)
    with pytest.raises(TemplateFault, match=f"not rendered within {PATIENCE:g} seconds"):
        shown("x" * 10**6 + "{{ question }}")
    assert gone(first)
    assert shown("{{ question }}") == "Which?"
    own.stop()


def test_one_that_cannot_start_says_why(
    process: TemplateProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_process, "_roots", list)
    with pytest.raises(TemplateFault, match="ended: exit code 1, ModuleNotFoundError"):
        shown("{{ question }}")
    monkeypatch.setattr(sys, "executable", "/there/is/no/python")
    with pytest.raises(TemplateFault, match="No such file"):
        shown("{{ question }}")


def test_an_interrupted_question_gets_nobody_elses_answer(
    process: TemplateProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> tuple[bytes, bytes]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(template_process, "_receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shown("first")
    assert shown("second") == "second"


def test_threads_get_their_own_texts(process: TemplateProcess) -> None:
    wrong: list[str] = []

    def ask(number: int) -> None:
        templates = ForeignTemplates({"template": "{{ n }}"})
        for i in range(100):
            text = templates.render("template", {**VARIABLES, "n": f"{number}-{i}"})
            if text != f"{number}-{i}":
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_fork_gets_a_process_of_its_own(process: TemplateProcess) -> None:
    templates = ForeignTemplates({"template": "{{ question }}"})
    templates.render("template", VARIABLES)
    first = pid_of(process)
    child = os.fork()
    if child == 0:
        try:
            process.forget()
            right = templates.render("template", VARIABLES) == "Which?"
            other = pid_of(process) != first
            process.stop()
            os._exit(0 if right and other else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert templates.render("template", VARIABLES) == "Which?"
    assert pid_of(process) == first


PARENT = """
import resource, signal, sys, time
from mubench_gen.prompts import template_process
from mubench_gen.prompts.template_process import ForeignTemplates, the_process
templates = ForeignTemplates({"template": sys.argv[1]})
variables = {"question": "Which?", "options": [], "labels": []}
if sys.argv[2] == "hang":
    print("asking", flush=True)
    the_process()._start()
    print(the_process()._process.pid, flush=True)
if sys.argv[2] == "strange":
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    the_process().limits = template_process.Limits(cpu_seconds=0.2)
print(templates.render("template", variables), flush=True)
print(the_process()._process.pid, flush=True)
if sys.argv[2] == "wait":
    time.sleep(600)
"""


def parent(template: str, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, template, how],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "SECRET": "s3"},
    )  # fmt: skip


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, None])
def test_it_ends_with_its_parent(ending: signal.Signals | None) -> None:
    with parent("{{ question }}", "end" if ending is None else "wait") as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "Which?\n"
        pid = int(started.stdout.readline())
        if ending is not None:
            started.send_signal(ending)
        _, errors = started.communicate(timeout=PATIENCE)
    wait_until(lambda: gone(pid))
    assert errors == ""


def test_it_ends_with_its_parent_in_the_middle_of_a_rendering() -> None:
    loops = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    with parent(loops, "hang") as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "asking\n"
        pid = int(started.stdout.readline())
        started.kill()
    wait_until(lambda: gone(pid))


def test_the_limits_hold_in_a_parent_with_limits_and_signals_of_its_own() -> None:
    loops = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    with parent(loops, "strange") as started:
        _, errors = started.communicate(timeout=PATIENCE)
    assert errors.splitlines()[-1].endswith("it takes more than 0.2 s of processor time")


def test_it_holds_no_key_and_no_file_of_its_parent(process: TemplateProcess) -> None:
    shown("{{ question }}")
    environment = Path(f"/proc/{pid_of(process)}/environ").read_bytes()
    names = {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names <= {b"PATH", b"LD_LIBRARY_PATH", b"DYLD_LIBRARY_PATH"}
    assert len(os.listdir(f"/proc/{pid_of(process)}/fd")) <= 5
    assert os.readlink(f"/proc/{pid_of(process)}/cwd") == "/"


def test_it_is_found_in_a_zip_file(tmp_path: Path) -> None:
    package = Path(mubench_gen.__file__).parent
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in package.rglob("*.py"):
            archive.write(file, f"mubench_gen/{file.relative_to(package)}")
    paths = [str(tmp_path / "all.zip"), *(p for p in sys.path if "site-packages" in p)]
    program = (
        "import mubench_gen\n"
        "from mubench_gen.prompts.template_process import ForeignTemplates\n"
        "assert '.zip' in mubench_gen.__file__\n"
        f"print(ForeignTemplates({{'template': '{{{{ question }}}}'}})"
        f".render('template', {VARIABLES!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("Which?\n", "")


def test_variables_that_are_no_plain_data_are_refused(process: TemplateProcess) -> None:
    with pytest.raises(TemplateFault, match="not plain data"):
        ForeignTemplates({"template": "x"}).render("template", {**VARIABLES, "now": object()})


def test_more_templates_than_it_keeps_all_render(
    process: TemplateProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_process, "_MOST_SETS", 2)
    sets: dict[int, template_process.Templates] = {}
    for number in (1, 2, 3, 1):
        kept = template_process._kept(sets, number, {"template": "x"})
        assert kept is not None
        assert len(sets) <= 2
    assert template_process._kept(sets, 2, None) is None
