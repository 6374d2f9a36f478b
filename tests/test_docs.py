"""The documents: every command line in them can be typed, and is; the site is built strictly."""

from __future__ import annotations

import glob
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import click
import pytest

import mubench_gen
from mubench_gen.cli import cli

from .data.foreign import write_benchmarks
from .helpers.command import Outcome
from .helpers.data import make_png
from .helpers.demo import small_demo
from .helpers.documents import DOCS, Block, blocks, inline_commands, words_of, write_files

Here = Callable[..., Outcome]
ROOT = DOCS.parent
PAGES = [
    *(page for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if page.is_file()),
    *sorted(page for page in DOCS.rglob("*.md") if page.name != "tutorial.md"),
]
PROGRAM = "mubench-gen"
# What can't be run here, by the words that say so. A block can also carry its reason in the
# page's source: <!-- not run: … -->. All of them are parsed by the command's own flags.
NOT_HERE = {
    r"--data ubench|data (info|verify|prepare|preview) ubench": "needs 3.6 GB of data from the hub",
    r"--base-url|--engine (vllm-server|sglang-server|server)|--plugin openai": "needs a server",
    r"\.gguf\b|quantisation=": "needs llama.cpp and a model for it: test_llama_server.py",
    r"--engine (vllm|ray)|--gpu\b|--device cuda": "needs a GPU, or vLLM",
    r"--plugin (?!echo\b|tiny\b|\./)\S+": "needs weights from the hub",
    r"(?<![\w./-])[A-Z]{3,}(?![\w=])|…|\bA B\b": "has a name that stands for the reader's own",
    r"\[--": "is a synopsis",
    r"data/photos|data (import|preview) photos": "is about the reader's own files",
    r"my-(plugin|service)|study/": "is about the reader's own files",
    r"\bchoose\b": "is about the reader's own files: test_choose.py runs it",
    r"grid\.toml": "is about the reader's own grid",
    r"\bmerge\b|\bsweep\b": "needs fine-tunes: its own tests run it",
    r"\*-of-\d|--forgetting|compare .*--group": "needs runs of its own: its tests make them",
}
# Programs that the tests run by themselves, or that are not ours.
ELSEWHERE = {
    "make": "the tests are run by it",
    "pytest": "it is what runs this",
    "pip": "test_wheel.py and test_tutorial.py install",
    "python3": "test_tutorial.py makes environments",
    ".": "test_tutorial.py activates them",
    "python": "benchmarks are run by hand, and their figures stand beside them",
    "sbatch": "test_shards.py runs the script",
    **dict.fromkeys(
        ("export", "cd", "hf", "sky", "git", "vllm", "curl", "ray", "brew", "llama-server"),
        "not ours",
    ),
}
# These are about files of their own and are therefore run by what NOT_HERE would leave out.
OWN_FILES = ("own-data.md", "any-benchmark.md", "open-answers.md")
FEW = "2"  # items a task: evaluations of the pages are cut to these


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def shell_commands(block: Block) -> Iterator[str]:
    for line in block.commands():
        yield from (part.strip() for part in line.split("&&"))


def is_typed(block: Block) -> bool:
    """Whether a block is commands; one without a language may be what they print."""
    first = next(shell_commands(block), "").split()[:1] if block.is_shell else []
    return block.is_shell and (bool(block.language) or {*first} <= {PROGRAM, *ELSEWHERE})


def why_not(block: Block, command: str) -> str | None:
    """Why a command is not run here; None where it is."""
    if block.reason is not None:
        return block.reason
    if block.page.name in OWN_FILES:
        return None
    return next((why for pattern, why in NOT_HERE.items() if re.search(pattern, command)), None)


def without_variables(command: str) -> tuple[dict[str, str], list[str]]:
    """The environment that a command line sets, and its words."""
    words = words_of(command)
    variables: dict[str, str] = {}
    while words and re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return variables, words


def parse(command: str, *, whole: bool) -> None:
    """Whether click takes a command line. A fragment in running text may lack arguments."""
    text = re.sub(r"\[(--[^\]]+)\]", r"\1", command).replace(" …", "").replace("…", "")
    _, (program, *words) = without_variables(text)
    assert program == PROGRAM
    current: click.Command = cli
    ctx = click.Context(cli, info_name=PROGRAM, help_option_names=["-h", "--help"])
    try:
        while True:
            with ctx:
                given = list(words)
                current.parse_args(ctx, given)
                rest = [*getattr(ctx, "_protected_args", ()), *ctx.args]
                if not isinstance(current, click.Group) or not rest:
                    return
                name, found, words = current.resolve_command(ctx, rest)
            assert found is not None
            current, ctx = found, click.Context(found, info_name=name, parent=ctx)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):  # it prints its help
        return
    except click.MissingParameter:
        if whole:
            raise
    except click.NoSuchOption as error:
        pytest.fail(f"{command}: {error.format_message()}")


COMMANDS = [
    pytest.param(command, True, id=f"{page_id(page)}:{block.line} {command[:60]}")
    for page in [*PAGES, DOCS / "tutorial.md"]
    for block in blocks(page)
    if is_typed(block)
    for command in shell_commands(block)
    if PROGRAM in without_variables(command)[1][:1]
]
INLINE = [
    pytest.param(command, False, id=f"{page_id(page)} {command[:60]}")
    for page in [*PAGES, DOCS / "tutorial.md"]
    for command in dict.fromkeys(inline_commands(page))
]


@pytest.mark.parametrize(("command", "whole"), [*COMMANDS, *INLINE])
def test_a_documents_command_has_the_flags_that_there_are(command: str, whole: bool) -> None:
    parse(command, whole=whole)


@pytest.mark.parametrize(
    "command",
    [
        "mubench-gen evl --plugin echo",
        "mubench-gen eval --plugn echo",
        "mubench-gen score",
        "mubench-gen plugins shw x",
    ],
)
def test_a_wrong_command_would_be_found(command: str) -> None:
    if command == "mubench-gen score":  # its argument may be left out: it says so itself
        parse(command, whole=True)
        return
    with pytest.raises((click.UsageError, pytest.fail.Exception)):
        parse(command, whole=True)


RUNNABLE = [
    page
    for page in PAGES
    if any(
        why_not(block, command) is None and PROGRAM in command.split()[:1]
        for block in blocks(page)
        if is_typed(block)
        for command in shell_commands(block)
    )
]


@pytest.mark.parametrize("page", RUNNABLE, ids=page_id)
def test_a_pages_commands_run(
    page: Path, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo: Path
) -> None:
    if "--plugin tiny" in page.read_text("utf-8") and find_spec("transformers") is None:
        pytest.skip("the shipped model needs the extra transformers")
    (tmp_path / "cache").symlink_to(demo)
    prepare(page, tmp_path)
    for block in blocks(page):
        for command in shell_commands(block) if is_typed(block) else ():
            if why_not(block, command) is not None:
                continue
            variables, (program, *words) = without_variables(command)
            if program != PROGRAM:
                assert program in ELSEWHERE, f"{block.place}: nobody runs {command!r}: mark it"
                continue
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            if "doctor" in words or "--import" in words:  # each plugin in a process of its own
                monkeypatch.setenv("MUBENCH_GEN_PLUGINS", "echo,tiny")
            done = here(*made_small(expanded(here, words)))
            monkeypatch.setenv("MUBENCH_GEN_NO_PLUGINS", "")  # --no-plugin is for one process
            monkeypatch.delenv("MUBENCH_GEN_PLUGINS", raising=False)
            assert done.code == 0, f"{block.place}: {command}\n{done.err[-1_500:]}{done.out[-500:]}"
            for name in variables:
                monkeypatch.delenv(name)


def prepare(page: Path, folder: Path) -> None:
    """What a page takes for granted: the files that it shows, and its reader's images."""
    write_files(page, folder)
    if page.name in ("own-data.md", "open-answers.md"):
        for number, name in enumerate(("a.png", "b.png")):
            (folder / "photos" / name).write_bytes(make_png(number, (32, 32)))
    if page.name == "any-benchmark.md":
        write_benchmarks(folder)
    if page.name == "extending.md":  # its package is built and installed by test_extending.py
        site = folder / "site"
        shutil.copytree(folder / "src", site)
        metadata = site / "mubench_gen_lab-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mubench-gen-lab\n")
        (metadata / "entry_points.txt").write_text("[mubench_gen.tasks]\nlab = mubench_gen_lab\n")
        (site / "mubench_gen_lab/__init__.py").write_text("")
        importlib.invalidate_caches()  # Python may have looked for the folder before it was there


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with a small demo."""
    return small_demo(tmp_path_factory.mktemp("demo"), images=90).parent


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUBENCH_GEN_NO_PLUGINS", "")  # put back afterwards, whatever sets it
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def expanded(here: Here, words: list[str]) -> list[str]:
    """The words with globs expanded, and with runs of the names that a page only mentions."""
    found: list[str] = []
    for word in words:
        mentioned = words[0] in ("score", "report", "compare") and re.match(r"runs/[\w-]+$", word)
        if mentioned and not os.path.exists(word):
            assert here("eval", "--plugin", "echo", "--limit", FEW, "--run-dir", word).code == 0
        found += sorted(glob.glob(word)) if "*" in word and "/" in word else [word]
    return found


def made_small(words: list[str]) -> list[str]:
    """An evaluation of a few items a task, a study of one task, a kit of two checks."""
    if words[:2] == ["plugins", "check"] and "--only" not in words:
        return [*words, "--only", "empty_batch,embeddings_are_finite"]
    if words[0] not in ("eval", "ablate") or "--plan" in words:
        return words
    if words[0] == "ablate" and "--tasks" not in words:
        words = [*words, "--tasks", "modality"]
    if "--limit" in words:
        at = words.index("--limit") + 1
        return [*words[:at], FEW, *words[at + 1 :]]
    return [*words, "--limit", FEW]


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_pages", DOCS / "site_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_nav_once(site: ModuleType) -> None:
    pages = [page for section in site.nav() for pages in section.values() for page in pages]
    listed = [
        name for page in pages for name in (page.values() if isinstance(page, dict) else [page])
    ]
    assert sorted(listed) == sorted([*site.written(), *site.made_names()])


def test_the_commands_and_settings_pages_are_made_of_the_code(site: ModuleType) -> None:
    from mubench_gen.plan.settings import Settings

    commands, settings = site.commands(), site.settings()
    with click.Context(cli, info_name=PROGRAM, help_option_names=["-h", "--help"]) as ctx:
        assert all(f"## {path}\n" in commands for path, _ in site.walk(cli, ctx))
    assert all(f"| `{name}` |" in settings for name in Settings.model_fields)


def test_the_site_is_built_strictly(tmp_path: Path) -> None:
    if not (ROOT / "mkdocs.yml").is_file():
        pytest.skip("the site is built from a checkout")
    if find_spec("material") is None or find_spec("mkdocs") is None:
        pytest.skip("NOT BUILT: mkdocs-material is not installed (pip install -e '.[docs]')")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for page in ("index.html", "tutorial/index.html", "api/index.html", "commands/index.html"):
        assert (tmp_path / "site" / page).is_file()
    task = (tmp_path / "site/tasks/modality/index.html").read_text("utf-8")
    assert (tmp_path / "site/tasks/modality.png").read_bytes().startswith(b"\x89PNG")
    for part in ("C) fluorescence microscopy", "25.0%", "16,130", "a model without the image"):
        assert part in task
    assert "first-run.ipynb" in (tmp_path / "site/notebooks/first-run/index.html").read_text()


def test_the_map_of_the_code_names_every_package_and_no_other() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    package = Path(mubench_gen.__file__).parent
    there = {path.parent.name for path in package.glob("*/__init__.py")}
    assert named == there
