"""The chat formats of the published checkpoints, in templates of our own.

For a conversation as the harness has it (a system prompt or none, one user's turn of an image
and texts) each writes what the published template writes; where that was read stands beside
it. A snapshot of what the plugins make of them is prompts.json beside this file.
"""

from __future__ import annotations

from mubench_gen_plugins.llava import ONEVISION

# huggingface/transformers, tests/models/llava_onevision/test_processing_llava_onevision.py,
# as in llava-hf/llava-onevision-qwen2-0.5b-ov-hf
LLAVA_ONEVISION = ONEVISION
# llava-hf/llava-v1.6-mistral-7b-hf, chat_template.json, as quoted by projects that adapt it
LLAVA_NEXT_MISTRAL = """\
{%- for message in messages -%}
  {%- if message['role'] == 'system' -%}
    {{ '<<SYS>>\\n' + message['content'][0]['text'] + '\\n<</SYS>>\\n\\n' }}
  {%- else -%}
    {{ '[INST] ' }}
    {%- for part in message['content'] if part['type'] == 'image' -%}
      {{ '<image>\\n' }}
    {%- endfor -%}
    {%- for part in message['content'] if part['type'] == 'text' -%}
      {{ part['text'] }}
    {%- endfor -%}
    {{ ' [/INST]' }}
  {%- endif -%}
{%- endfor -%}
"""
# https://huggingface.co/Qwen/Qwen2-VL-7B-Instruct, chat_template.json of revision db8ce50;
# Qwen2.5-VL's is the same. Qwen3-VL's was not read.
QWEN_VL = """\
{%- for message in messages -%}
  {%- if loop.first and message['role'] != 'system' -%}
    {{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
  {%- endif -%}
  {{ '<|im_start|>' + message['role'] + '\\n' }}
  {%- for part in message['content'] -%}
    {%- if part['type'] == 'image' -%}
      {{ '<|vision_start|><|image_pad|><|vision_end|>' }}
    {%- else -%}
      {{ part['text'] }}
    {%- endif -%}
  {%- endfor -%}
  {{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""
# ChatML with Qwen3's switch, as fine-tunes on its text models have it: where thinking is off, an
# empty thought is written already. Qwen3-VL-Instruct thinks never.
QWEN3_VL = """\
{%- for message in messages -%}
  {{ '<|im_start|>' + message['role'] + '\\n' }}
  {%- for part in message['content'] -%}
    {%- if part['type'] == 'image' -%}
      {{ '<|vision_start|><|image_pad|><|vision_end|>' }}
    {%- else -%}
      {{ part['text'] }}
    {%- endif -%}
  {%- endfor -%}
  {{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<|im_start|>assistant\\n' }}
  {%- if enable_thinking is defined and not enable_thinking -%}
    {{ '<think>\\n\\n</think>\\n\\n' }}
  {%- endif -%}
{%- endif -%}
"""
# huggingface/transformers, src/transformers/models/internvl/convert_internvl_weights_to_hf.py
INTERNVL = """\
{%- for message in messages -%}
  {{ '<|im_start|>' + message['role'] + '\\n' }}
  {%- for part in message['content'] -%}
    {%- if part['type'] == 'image' -%}
      {{ '<IMG_CONTEXT>\\n' }}
    {%- else -%}
      {{ part['text'] }}
    {%- endif -%}
  {%- endfor -%}
  {{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""
# huggingface/transformers, tests/models/gemma3/test_processing_gemma3.py, as in
# google/gemma-3-4b-it
GEMMA3 = """\
{{- bos_token -}}
{%- set ns = namespace(first='') -%}
{%- for message in messages -%}
  {%- if message['role'] == 'system' -%}
    {%- set ns.first = message['content'][0]['text'] + '\\n\\n' -%}
  {%- else -%}
    {{ '<start_of_turn>' + message['role'] + '\\n' + ns.first }}
    {%- for part in message['content'] -%}
      {%- if part['type'] == 'image' -%}
        {{ '<start_of_image>' }}
      {%- else -%}
        {{ part['text'] | trim }}
      {%- endif -%}
    {%- endfor -%}
    {{ '<end_of_turn>\\n' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<start_of_turn>model\\n' }}
{%- endif -%}
"""
# https://huggingface.co/HuggingFaceTB/SmolVLM2-2.2B-Instruct, chat_template.json of revision
# 5719134; that of SmolVLM is the same. Idefics3's was not read: it is given this one.
SMOLVLM = """\
{{- '<|im_start|>' -}}
{%- for message in messages -%}
  {{ message['role'] | capitalize }}
  {%- if message['content'][0]['type'] == 'image' -%}
    {{ ':' }}
  {%- else -%}
    {{ ': ' }}
  {%- endif -%}
  {%- for part in message['content'] -%}
    {%- if part['type'] == 'image' -%}
      {{ '<image>' }}
    {%- else -%}
      {{ part['text'] }}
    {%- endif -%}
  {%- endfor -%}
  {{ '<end_of_utterance>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ 'Assistant:' }}
{%- endif -%}
"""
# huggingface/transformers, src/transformers/models/mistral3/convert_mistral3_weights_to_hf.py,
# whose turns are those of mistral-community/pixtral-12b; a system prompt of parts breaks it.
PIXTRAL = """\
{{- bos_token -}}
{%- for message in messages -%}
  {%- if message['role'] == 'system' -%}
    {{ raise_exception('a system prompt has to be one string') }}
  {%- endif -%}
  {{ '[INST]' }}
  {%- for part in message['content'] -%}
    {%- if part['type'] == 'image' -%}
      {{ '[IMG]' }}
    {%- else -%}
      {{ part['text'] }}
    {%- endif -%}
  {%- endfor -%}
  {{ '[/INST]' }}
{%- endfor -%}
"""
