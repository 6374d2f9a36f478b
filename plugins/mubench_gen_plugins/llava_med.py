"""LLaVA-Med 1.5, for biomedicine, in a version that engines read.

Microsoft's own checkpoint is of LLaVA's older layout (`model_type` llava_mistral), which
neither transformers nor vLLM reads. The default is a third party's conversion to the layout of
transformers' LlavaForConditionalGeneration, which this project has not compared with the
original. To avoid it, convert Microsoft's files with transformers' own script and pass the
folder as --model.
"""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import generative

# Mistral's turns: no system role, the images before the text.
INSTRUCT = """\
{{- bos_token -}}
{%- for message in messages -%}
  {%- if message['role'] == 'user' -%}
    {{ '[INST] ' }}
    {%- for part in message['content'] if part['type'] == 'image' -%}
      {{ '<image>\\n' }}
    {%- endfor -%}
    {%- for part in message['content'] if part['type'] == 'text' -%}
      {{ part['text'] }}
    {%- endfor -%}
    {{ ' [/INST]' }}
  {%- else -%}
    {%- for part in message['content'] if part['type'] == 'text' -%}
      {{ ' ' + part['text'] + eos_token }}
    {%- endfor -%}
  {%- endif -%}
{%- endfor -%}
"""

HOW = (
    "Of LLaVA-Med, engines read a version in transformers' layout alone, not Microsoft's own "
    "files (llava_mistral). Leave --model out for a conversion by a third party "
    "(chaoyinshe/llava-med-v1.5-mistral-7b-hf), or convert microsoft/llava-med-v1.5-mistral-7b "
    "with transformers' src/transformers/models/llava/convert_llava_weights_to_hf.py and give "
    "the folder: --model FOLDER."
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        generative(
            "chaoyinshe/llava-med-v1.5-mistral-7b-hf",
            "LLaVA-Med 1.5 7B, converted by a third party; --model takes another conversion",
            any_id=True,
            max_images=1,
            family="LLaVA",
            domain="biomedicine",
            base="Mistral 7B Instruct v0.2, CLIP ViT-L/14-336",
            licence="Apache-2.0 (research use is meant)",
            parameters="7.57B",
            chat_template=INSTRUCT,
            system="user",
            images="first",
            hint=HOW,
        )
    ]
