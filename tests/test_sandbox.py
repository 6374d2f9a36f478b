"""A template can neither run for ever, nor grow without bound, nor look around."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mubench_gen.errors import DefinitionError
from mubench_gen.prompt import load_prompt, render
from mubench_gen.types import Question, Row, Sample, Task

from .helpers.limits import memory_growth

Show = Callable[[str], str]

SECONDS = 5.0  # on a busy machine; each takes well under one


@pytest.fixture
def sample() -> Sample:
    asked = Question("modality", "Which modality?", ("light", "electron", "x-ray"), 1)
    task = Task("modality", "Modality", "coarse", "modality", (), "", "0" * 64, {"note": "look"})
    row = Row(0, "cells/1", "1", "cells", None, {"modality": asked}, {}, {})  # type: ignore[arg-type]
    return Sample("cells/1/modality", task, row, asked, None)


@pytest.fixture
def show(tmp_path: Path, sample: Sample) -> Show:
    """The text that a template makes; fails where it takes long."""

    def rendered(template: str) -> str:
        path = tmp_path / "mine.j2"
        path.write_text(template, "utf-8")
        message = render(load_prompt(str(path)), sample, (0, 1, 2)).messages[-1]
        return message.content[-1].text  # type: ignore[union-attr]

    return rendered


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SECONDS


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
    "loops under a budget of the template's own": (
        "{% set __budget__ = namespace(spend=labels.count) %}" + nested(5, "")
    ),
    "a list of itself, doubled": (
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}"
        "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}"
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
    "a power": "{{ 9 ** 9 ** 9 ** 9 }}",
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
    "generated text": "{{ lipsum(n=100000) }}",
    "endless output": "{% for i in range(19000) %}" + "x" * 1000 + "{% endfor %}",
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
    "{{ joiner }}",
    "{{ get_flashed_messages }}",
    "{{ (1).__class__ }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{{ __budget__ }}",
    "{{ __budget__.left }}",
    "{{ task.__class__ }}",
    "{% include 'paper.j2' %}",
    "{% include '/etc/passwd' %}",
    "{% import 'paper.j2' as p %}",
    "{% from 'paper.j2' import p %}",
    "{% extends 'paper.j2' %}",
    "{% set options = options.append('x') %}",
    "{% set x = task.update({'a': 1}) %}",
    "{% do options.clear() %}",
    "{{ gold }}",
    "{{ answer }}",
    "{{ sample }}",
    "{{ row }}",
    "{{ order }}",
    "{{ image }}",
    "{{ options[0].correct }}",
]


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
    assert grown.mebibytes < 64


@pytest.mark.parametrize("template", LOOKING_AROUND)
def test_a_template_reads_nothing_but_the_question(show: Show, template: str) -> None:
    with pytest.raises(DefinitionError, match=r"mine\.j2"):
        show(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ options }}", "{{ labels }}", "{{ task }}", "{{ range }}", "{{ options[0] }}",
        "{{ 'options: ' ~ options }}", "{{ labels|string }}", "{{ [labels]|join }}",
        "{% set x %}{{ options }}{% endset %}", "{{ namespace }}", "{{ question.upper }}",
    ],
)  # fmt: skip
def test_a_template_writes_texts_and_numbers_alone(show: Show, template: str) -> None:
    with pytest.raises(DefinitionError, match="cannot be written"):
        show(template)


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


def test_steps_are_counted_and_not_timed(show: Show) -> None:
    assert len(show("{% for i in range(9000) %}x{% endfor %}")) == 9_000
    with pytest.raises(DefinitionError, match="more than 20,000 steps"):
        show("{% for i in range(11000) %}x{% endfor %}")


def test_loops_nested_fifteen_times_render(show: Show) -> None:
    assert show("{% for i in [1] %}" * 15 + "x" + "{% endfor %}" * 15) == "x"


@pytest.mark.parametrize("depth", [60, 150])
def test_loops_nested_deeper_than_python_takes_are_refused(show: Show, depth: int) -> None:
    with pytest.raises(DefinitionError, match="nested too deeply"):
        show("{% for i in [1] %}" * depth + "x" + "{% endfor %}" * depth)


def test_brackets_nested_deeply_are_refused(show: Show) -> None:
    with pytest.raises(DefinitionError, match="nested too deeply"):
        show("{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}")
