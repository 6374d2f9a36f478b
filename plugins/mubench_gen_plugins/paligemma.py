"""PaliGemma and PaliGemma 2, as mixed for many tasks. Gated.

They are not chat models. The image comes first, then a task in fixed words, "answer en QUESTION";
a prompt that begins with such words itself ("detect nucleus") is not changed. They cannot be asked
without an image: --control blind fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import gated, generative

# The processor adds the image's tokens, the beginning of sequence and the final line break, so the
# template does not place the image. The words of the tasks are those of
# https://ai.google.dev/gemma/docs/paligemma/prompt-system-instructions
TASK = """\
{%- set ns = namespace(text='') -%}
{%- for message in messages -%}
  {%- for part in message['content'] if part['type'] == 'text' -%}
    {%- set ns.text = ns.text + part['text'] -%}
  {%- endfor -%}
{%- endfor -%}
{%- set tasks = ['answer', 'cap', 'caption', 'describe', 'detect', 'ocr', 'question', 'segment'] -%}
{%- if ns.text.split(' ')[0] not in tasks -%}
  {{ 'answer en ' }}
{%- endif -%}
{{ ns.text }}
"""

_pali = partial(
    generative,
    licence="Gemma Terms of Use",
    chat_template=TASK,
    max_images=1,
    system="user",
    images="first",
    hint=gated("Gemma's terms"),
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        _pali(
            "google/paligemma-3b-mix-448",
            "PaliGemma 3B at 448 pixels (gated); --model takes any PaliGemma or PaliGemma 2",
            any_id=True,
            model_types=("paligemma",),
            family="PaliGemma",
            base="Gemma 2B, SigLIP SO400M/14",
            parameters="2.92B",
        ),
        _pali(
            "google/paligemma-3b-mix-224",
            "PaliGemma 3B at 224 pixels (gated)",
            family="PaliGemma",
            base="Gemma 2B, SigLIP SO400M/14",
            parameters="2.92B",
        ),
        _pali(
            "google/paligemma2-3b-mix-448",
            "PaliGemma 2 3B at 448 pixels (gated)",
            family="PaliGemma 2",
            base="Gemma 2 2B, SigLIP SO400M/14",
            parameters="3.03B",
        ),
        _pali(
            "google/paligemma2-10b-mix-448",
            "PaliGemma 2 10B at 448 pixels (gated)",
            family="PaliGemma 2",
            base="Gemma 2 9B, SigLIP SO400M/14",
            parameters="9.66B",
        ),
    ]
