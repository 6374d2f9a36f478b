"""A template can neither run for ever, nor grow without bound, nor look around, nor draw lots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mubench_gen.errors import DefinitionError
from mubench_gen.prompts import template_process
from mubench_gen.prompts.render import load_prompt, render
from mubench_gen.prompts.template_process import Limits, TemplateProcess
from mubench_gen.types import Question, Row, Sample, Task

from .helpers.limits import memory_growth

Show = Callable[[str], str]


@pytest.fixture
def sample() -> Sample:
    asked = Question("modality", "Which modality?", ("light", "electron", "x-ray"), 1)
    task = Task("modality", "Modality", "coarse", "modality", (), "", "0" * 64, {"note": "look"})
    row = Row(0, "cells/1", "1", "cells", None, {"modality": asked}, {}, {})  # type: ignore[arg-type]
    return Sample("cells/1/modality", task, row, asked, None)


@pytest.fixture(scope="module")
def short_of_all() -> Iterator[TemplateProcess]:
    """A process that is given little time and memory, so that the tests are quick."""
    process = TemplateProcess(Limits(cpu_seconds=0.2, mebibytes=48))
    yield process
    process.stop()


@pytest.fixture
def show(
    tmp_path: Path,
    sample: Sample,
    short_of_all: TemplateProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> Show:
    """The text that a template makes."""
    monkeypatch.setattr(template_process, "the_process", lambda: short_of_all)

    def rendered(template: str) -> str:
        path = tmp_path / "mine.j2"
        path.write_text(template, "utf-8")
        message = render(load_prompt(str(path)), sample, (0, 1, 2)).messages[-1]
        return message.content[-1].text  # type: ignore[union-attr]

    return rendered


def nested(depth: int, what: str) -> str:
    return "{% for i in range(100) %}" * depth + what + "{% endfor %}" * depth


FOR_EVER = {
    "a flat loop": "{% for i in range(1000000000000) %}x{% endfor %}",
    "a loop over more than an index holds": "{% for i in range(10**40) %}x{% endfor %}",
    "nested loops": nested(5, "x"),
    "nested loops that write nothing": nested(5, ""),
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro that calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "call blocks that double": (
        "{% macro m(n) %}{% if n %}{% call m(n - 1) %}{% endcall %}"
        "{% call m(n - 1) %}{% endcall %}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "a hundred macros, each calling the next twice": "".join(
        f"{{% macro m{i}() %}}{{{{ m{i + 1}() }}}}{{{{ m{i + 1}() }}}}{{% endmacro %}}"
        for i in range(100)
    )
    + "{% macro m100() %}{% endmacro %}{{ m0() }}",
    "a hundred blocks, each showing the next twice": "{{ self.b0() }}"
    + "".join(
        f"{{% block b{i} %}}{{{{ self.b{i + 1}() }}}}{{{{ self.b{i + 1}() }}}}{{% endblock %}}"
        for i in range(100)
    )
    + "{% block b100 %}{% endblock %}",
    "rounding to a hundred million digits": "{{ 5|round(-100000000) }}",
    "rounding that no compiler can do before": "{{ options|length|round(-100000000) }}",
    "a power": "{{ 9 ** (9 ** 9) }}",
    "a power of a number that no compiler knows": "{{ (options|length) ** (10 ** 9) }}",
    "a text of a million words, wrapped": "{{ ('x ' * 10**6)|wordwrap(1)|length }}",
    "a list sorted again and again": (
        "{% for i in range(10000) %}{% set x = range(100000)|sort(reverse=true) %}{% endfor %}"
    ),
    "a list of itself, doubled": (
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}"
        "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|string|length }}"
    ),
    "a comparison of lists of lists": (
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(100) %}"
        "{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}"
        "{% if ns.x == ns.y %}yes{% endif %}"
    ),
    "a key that is a tuple of tuples": (
        "{% set ns = namespace(x=(1,)) %}{% for i in range(100) %}"
        "{% set ns.x = (ns.x, ns.x) %}{% endfor %}{% set d = {ns.x: 1} %}"
    ),
}

GROWING = {
    "a text times a number": "{{ 'x' * 1000000000 }}",
    "a number times a text": "{{ 1000000000 * 'x' }}",
    "a list times a number": "{% set x = [1] * 1000000000 %}",
    "doubled text": (
        "{% set ns = namespace(x='x') %}{% for i in range(60) %}"
        "{% set ns.x = ns.x ~ ns.x %}{% endfor %}"
    ),
    "text added to itself": (
        "{% set ns = namespace(x='x') %}{% for i in range(60) %}"
        "{% set ns.x = ns.x + ns.x %}{% endfor %}"
    ),
    "a list added to itself": (
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}"
        "{% set ns.x = ns.x + ns.x %}{% endfor %}"
    ),
    "text through replace": (
        "{% set ns = namespace(x='x') %}{% for i in range(60) %}"
        "{% set ns.x = ns.x|replace('x', 'xx') %}{% endfor %}"
    ),
    "text through join": (
        "{% set ns = namespace(x='x') %}{% for i in range(60) %}"
        "{% set ns.x = [ns.x, ns.x]|join %}{% endfor %}"
    ),
    "text through a block": (
        "{% set x = 'x' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60 + "{{ x }}"
    ),
    "text through a macro": (
        "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}" + "{{ " + "m(" * 60 + "'x'" + ")" * 60 + "}}"
    ),
    "a number squared": (
        "{% set ns = namespace(x=9) %}{% for i in range(60) %}"
        "{% set ns.x = ns.x * ns.x %}{% endfor %}"
    ),
    "a format's width": "{{ '%1000000000d' % 1 }}",
    "str.format's width": "{{ '{:1000000000}'.format(1) }}",
    "str.format through a filter": "{{ '%1000000000d'|format(1) }}",
    "padding": "{{ 'x'.ljust(1000000000) }}",
    "centring": "{{ 'x'|center(1000000000) }}",
    "tabs": "{{ '\t'.expandtabs(1000000000) }}",
    "indentation": "{{ 'x\nx'|indent(1000000000) }}",
    "a batch that is filled up": "{{ [1]|batch(1000000000, 'x')|first }}",
    "slices that are filled up": "{{ [1]|slice(1000000000, 'x')|first }}",
    "a justified text": "{{ 'x'.zfill(1000000000) }}",
    "text through replace of everything": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
        "{% set ns.x = ns.x|replace('', 'ab') %}{% endfor %}"
    ),
    "a macro that hands itself more": "{% macro m(n) %}{{ m(n ~ n) }}{% endmacro %}{{ m('xx') }}",
    "a namespace that takes all in": (
        "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}"
        "{% set ns.x = ns.x + [i|string * 100] %}{% endfor %}"
    ),
    "endless output": "{% for i in range(19000) %}" + "x" * 1000 + "{% endfor %}",
    "a text beyond what a prompt may be": "{{ 'x' * 100001 }}",
}

LOOKING_AROUND = [
    "{{ question.__class__ }}",
    "{{ question.__class__.__mro__ }}",
    "{{ question['__class__'] }}",
    "{{ question|attr('__class__') }}",
    "{{ options[0].__class__.__init__.__globals__ }}",
    "{{ options.__class__ }}",
    "{{ labels.__getattribute__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ range.__globals__ }}",
    "{{ dict.__base__.__subclasses__() }}",
    "{{ namespace.__init__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ get_flashed_messages }}",
    "{{ (1).__class__ }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{{ task.__class__ }}",
    "{{ '{0.__class__}'.format(question) }}",
    "{{ '{x.__class__}'.format_map({'x': question}) }}",
    "{{ [question]|map(attribute='__class__')|list }}",
    "{{ question.upper._call }}",
    "{{ question.upper.__self__ }}",
    "{{ self.__dict__ }}",
    "{{ caller }}",
    "{% include '/etc/passwd' %}",
    "{% include '../mine.j2' %}",
    "{% include question %}",
    "{% set options = options.append('x') %}",
    "{% set x = task.update({'a': 1}) %}",
    "{% do options.clear() %}",
    "{{ gold }}",
    "{{ answer }}",
    "{{ sample }}",
    "{{ row }}",
    "{{ order }}",
    "{{ image.pixels() }}",
    "{{ options[0].correct }}",
]


BY_CHANCE = [  # or by the machine, the process, the time of day
    "{{ [1, 2, 3]|random }}",
    "{{ lipsum() }}",
    "{{ now() }}",
    "{{ {'a': 1, 'b': 2}.keys() - ['a'] }}",
    "{% for key in {'a': 1, 'b': 2}.keys() - [] %}{{ key }}{% endfor %}",
]
WORDLESS = {  # what has an address for a text, and what was hardly meant
    "a method": "{{ question.upper }}",
    "a method, joined": "{{ 'x' ~ question.upper }}",
    "a method in a list": "{{ [question.upper] }}",
    "a method through filters": "{{ question.upper|string|length }}",
    "a method by its name": "{{ question['upper'] }}",
    "a method in a format": "{{ '%s' % (question.upper,) }}",
    "a method in the other format": "{{ '{}'.format(question.upper) }}",
    "a function": "{{ range }}",
    "a block": "{% block x %}{% endblock %}{{ self.x }}",
    "a part of a loop": "{% for o in options %}{{ loop.cycle }}{% endfor %}",
    "a cycler": "{{ cycler(1, 2) }}",
    "a joiner": "{{ joiner() }}",
    "an option": "{{ options[0] }}",
    "the options": "{{ options }}",
    "an option, joined": "{{ 'options: ' ~ options[0] }}",
    "the options, joined": "{{ options|join }}",
    "a block of text with options": "{% set x %}{{ options }}{% endset %}",
    "what isn't there, in a list": "{{ [nothing] }}",
}


@pytest.mark.parametrize("template", FOR_EVER.values(), ids=FOR_EVER)
def test_a_template_that_would_run_for_ever_is_refused(show: Show, template: str) -> None:
    with pytest.raises(DefinitionError, match=r"mine\.j2"):
        show(template)


@pytest.mark.parametrize("template", GROWING.values(), ids=GROWING)
def test_a_template_that_would_grow_without_bound_is_refused_in_little_memory(
    show: Show, template: str
) -> None:
    with memory_growth() as grown, pytest.raises(DefinitionError, match=r"mine\.j2"):
        show(template)
    assert grown.mebibytes < 16


@pytest.mark.parametrize("template", LOOKING_AROUND)
def test_a_template_reads_nothing_but_the_question(show: Show, template: str) -> None:
    with pytest.raises(DefinitionError, match=r"mine\.j2"):
        show(template)


@pytest.mark.parametrize("template", BY_CHANCE)
def test_a_template_that_would_differ_from_run_to_run_is_refused(show: Show, template: str) -> None:
    with pytest.raises(DefinitionError, match=r"mine\.j2:1"):
        show(template)


@pytest.mark.parametrize("template", WORDLESS.values(), ids=WORDLESS)
def test_what_has_no_text_of_its_own_is_not_written(show: Show, template: str) -> None:
    with pytest.raises(DefinitionError, match=r"mine\.j2:1: .*(written|undefined)"):
        show(template)


def test_the_block_above_is_not_written_without_a_call(show: Show, tmp_path: Path) -> None:
    (tmp_path / "base.j2").write_text("{% block x %}a{% endblock %}", "utf-8")
    own = "{% extends 'base.j2' %}{% block x %}b{{ WHAT }}{% endblock %}"
    assert show(own.replace("WHAT", "super()")) == "ba"
    with pytest.raises(DefinitionError, match="written"):
        show(own.replace("WHAT", "super"))


def test_the_refusal_names_template_item_and_limit(show: Show) -> None:
    with pytest.raises(DefinitionError, match=r"mine\.j2: .* 0\.2 s of processor time"):
        show("{{ 5|round(-100000000) }}")  # while it is compiled: no item yet
    item = r"\(item cells/1/modality\)"
    with pytest.raises(DefinitionError, match=rf"mine\.j2: .* 0\.2 s of processor time {item}"):
        show("{{ options|length|round(-100000000) }}")
    with pytest.raises(DefinitionError, match=rf"mine\.j2: .* 48 MiB of memory {item}"):
        show("{{ question * 10**9 }}")
    with pytest.raises(DefinitionError, match=rf"mine\.j2: .* 100,000 characters {item}"):
        show("{{ question * 10**5 }}")


def test_what_honest_templates_do_works(show: Show) -> None:
    assert show("{{ labels|join(', ') }}") == "A, B, C"
    assert show("{% for o in options %}{{ loop.index }}{{ o.text }}{% endfor %}") == (
        "1light2electron3x-ray"
    )
    assert show("{{ 'li' in options[0].text }}{{ options|length }}{{ 3 % 2 }}") == "True31"
    assert show("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(question)|upper }}") == (
        "<WHICH MODALITY?>"
    )
    assert show("{{ options|last is mapping }}{{ task.note }}{{ task.nothing|d('-') }}") == (
        "Falselook-"
    )
    assert show("{% set ns = namespace(n=0) %}{% for o in options %}{% set ns.n = ns.n + 1 %}"
                "{% endfor %}{{ ns.n }}") == "3"  # fmt: skip
    assert show("{% set d = {'light': 'LM'} %}{{ d.get(options[0].text) }}") == "LM"
    assert show("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}") == "a1"
    assert show("{% set a = ['x', 'y'] %}{{ a[1] }}{{ (a + ['z'])|join }}") == "yxyz"
    assert show("{% if 'B' in labels and question.startswith('Which') %}ok{% endif %}") == "ok"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ options|map(attribute='text')|join('; ') }}", "light; electron; x-ray"),
        ("{{ ['a', 'b']|map('upper')|list }}", "['A', 'B']"),
        ("{{ options|selectattr('label', 'ne', 'A')|map(attribute='index')|sum }}", "3"),
        ("{{ options|rejectattr('label', 'in', 'AB')|map(attribute='text')|first }}", "x-ray"),
        ("{{ [1, 2, 3, 4]|select('even')|join }}{{ [1, 2]|reject('odd')|first }}", "242"),
        ("{{ '%s of %03d'|format('A', 7) }}{{ '{:>3}'.format('x') }}", "A of 007  x"),
        ("{% for l, g in options|groupby('label') %}{{ l }}{{ g|length }}{% endfor %}", "A1B1C1"),
        ("{{ options|map(attribute='text')|tojson }}", '["light", "electron", "x-ray"]'),
        ("{{ {'b': \"it's <µ> & more\", 'a': 1}|tojson }}", '{"b": "it\'s <µ> & more", "a": 1}'),
        ("{{ [1]|tojson(indent=1) }}", "[\n 1\n]"),
        ("{{ 'a\nb'|indent(2, first=true) }}", "  a\n  b"),
        ("{{ 'one two three'|wordwrap(8) }}", "one two\nthree"),
        ("{{ [1, 2, 3]|batch(2)|list }}", "[[1, 2], [3]]"),
        ("{{ [1, 2, 3]|slice(2)|list }}", "[[1, 2], [3]]"),
        ("{{ [3, 1, 3]|unique|sort|join(',') }}{{ 'abc'|reverse }}{{ [1, 2]|reverse|list }}",
         "1,3cba[2, 1]"),
        ("{{ [1, 2]|map('string') }}", "['1', '2']"),
        ("{{ labels }}{{ {'a': none}|dictsort }}", "('A', 'B', 'C')[('a', None)]"),
        ("{{ [2, 1]|min }}{{ [2, 1]|max }}{{ 'a b'|wordcount }}{{ 'x'|center(3) }}|", "122 x |"),
        ("{{ 'x'|e }}{{ '<b>'|escape }}{{ '<b>a</b>'|striptags }}{{ 'a b'|urlencode }}",
         "x&lt;b&gt;aa%20b"),
        ("{% filter upper %}a{% endfilter %}{% with x = 1 %}{{ x }}{% endwith %}", "A1"),
        ("{% set comma = joiner(', ') %}{% for o in options %}{{ comma() }}{{ o.label }}"
         "{% endfor %}", "A, B, C"),
        ("{% set c = cycler('-', '+') %}{% for o in options %}{{ c.next() }}{% endfor %}", "-+-"),
        ("{% for o in options recursive %}{{ o.label }}{% endfor %}", "ABC"),
        ("{% block title %}{{ question }}{% endblock %}", "Which modality?"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}", "<x>"),
    ],
)  # fmt: skip
def test_the_filters_and_tags_of_jinja_are_there(show: Show, template: str, text: str) -> None:
    assert show(template) == text


def test_one_rendering_leaves_nothing_to_the_next(show: Show, tmp_path: Path) -> None:
    library = "{% set ns = namespace(n=0) %}{% macro count() %}{% set ns.n = ns.n + 1 %}{{ ns.n }}"
    (tmp_path / "library.j2").write_text(library + "{% endmacro %}", "utf-8")
    own = "{% import 'library.j2' as l %}{{ l.count() }}{{ l.count() }}"
    assert [show(own) for _ in range(3)] == ["12"] * 3


def test_loops_nested_fifteen_times_render(show: Show) -> None:
    assert show("{% for i in [1] %}" * 15 + "x" + "{% endfor %}" * 15) == "x"


@pytest.mark.parametrize("depth", [60, 150])
def test_loops_nested_deeper_than_python_takes_are_refused(show: Show, depth: int) -> None:
    with pytest.raises(DefinitionError, match=r"nested too deeply|processor time"):
        show("{% for i in [1] %}" * depth + "x" + "{% endfor %}" * depth)


def test_brackets_nested_deeply_are_refused(show: Show) -> None:
    with pytest.raises(DefinitionError, match="nested too deeply"):
        show("{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}")
