"""A stand-in for llama.cpp's `llama-server`: its flags, health, lists, replies, errors and deaths.

The forms are those that build b10434 of the program gave when it was asked. What it answers is of
no meaning. FAKE_FOLDER is where it notes its command and environment; FAKE_FAULT is a log with
which it does not start (SIGILL: as a program that was built for other processors), and
FAKE_DIES_AFTER the number of questions after which it dies.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import signal
import sys
from typing import Any

HELP = """\
----- common params -----

-h,    --help, --usage                  print usage and exit
-t,    --threads N                      number of CPU threads to use during generation
-c,    --ctx-size N                     size of the prompt context
-ngl,  --gpu-layers, --n-gpu-layers N   max. number of layers to store in VRAM
-fa,   --flash-attn [on|off|auto]       set Flash Attention use
-dev,  --device <dev1,dev2,..>          comma-separated list of devices
-lora, --lora FNAME                     path to LoRA adapter
--offline                               Offline mode
-cram, --cache-ram N                    set the maximum cache size in MiB
--ui,  --webui, --no-ui, --no-webui     whether to enable the Web UI
"""
DYING = "/tmp/ggml/src/ggml.c:1234: GGML_ASSERT(n_dims >= 1) failed"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def note(name: str, content: Any) -> None:
    folder = pathlib.Path(os.environ["FAKE_FOLDER"])
    (folder / name).write_text(json.dumps(content))


def flags_of(command: list[str]) -> dict[str, str]:
    follow = [*command[1:], "--"]
    pairs = zip(command, follow, strict=True)
    return {a[2:]: "" if b.startswith("--") else b for a, b in pairs if a.startswith("--")}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    flags: dict[str, str]
    asked = knocked = 0

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, document: Any) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, code: int, kind: str, message: str, **more: Any) -> None:
        self.answer(code, {"error": {"code": code, "message": message, "type": kind, **more}})

    @property
    def may_ask(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {os.environ['LLAMA_API_KEY']}"

    def do_GET(self) -> None:
        cls, context = type(self), int(self.flags["ctx-size"])
        cls.knocked += 1
        if cls.knocked < 3:
            return self.refuse(503, "unavailable_error", "Loading model")
        if self.path == "/health":
            return self.answer(200, {"status": "ok"})
        if self.path == "/v1/models":
            model = {
                "id": self.flags["alias"], "aliases": [self.flags["alias"]], "tags": [],
                "object": "model", "created": 1, "owned_by": "llamacpp",
                "meta": {"n_ctx": context, "n_ctx_train": 131072, "ftype": "Q4_K - Medium"},
            }  # fmt: skip
            return self.answer(200, {"object": "list", "data": [model]})
        if not self.may_ask:
            return self.refuse(401, "authentication_error", "Invalid API Key")
        slots = int(self.flags["parallel"])
        props = {
            "default_generation_settings": {"n_ctx": context // slots}, "total_slots": slots,
            "build_info": "b10434-7e4c0a9", "modalities": {"vision": "mmproj" in self.flags},
        }  # fmt: skip
        return self.answer(200, props)

    def do_POST(self) -> None:
        cls = type(self)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.may_ask:
            return self.refuse(401, "authentication_error", "Invalid API Key")
        if self.path != "/v1/chat/completions":
            return self.refuse(404, "not_found_error", "File Not Found")
        cls.asked += 1
        note("body.json", body)
        if cls.asked > int(os.environ.get("FAKE_DIES_AFTER", "1000000")):
            say(DYING)
            os._exit(134)
        text = json.dumps(body["messages"])
        if "image_url" in text and "mmproj" not in self.flags:
            return self.refuse(
                500, "server_error", "image input is not supported - hint: if this is unexpected, "
                "you may need to provide the mmproj",
            )  # fmt: skip
        words, context = text.count(" "), int(self.flags["ctx-size"])
        if words > context:
            return self.refuse(
                400, "exceed_context_size_error", f"request ({words} tokens) exceeds the available "
                f"context size ({context} tokens), try increasing it",
                n_prompt_tokens=words, n_ctx=context,
            )  # fmt: skip
        return self.answer(200, self.completion(body))

    def completion(self, body: dict[str, Any]) -> dict[str, Any]:
        said = "A"
        if "grammar" in body:
            said = json.loads(body["grammar"].partition("::= ")[2].split(" | ")[0])
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        if body.get("logprobs"):
            tokens = ["A", "B", "C", "D", "E", " A", " B", "a", "The", "\n"]
            tokens += [f"w{n}" for n in range(2000)]
            listed = [
                {"id": n, "token": token, "bytes": [*token.encode()], "logprob": -0.4 - n}
                for n, token in enumerate(tokens[: body.get("top_logprobs", 20)])
            ]
            choice["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}]}
        usage = {
            "completion_tokens": 1, "prompt_tokens": 20, "total_tokens": 21,
            "prompt_tokens_details": {"cached_tokens": 12},
        }  # fmt: skip
        return {
            "choices": [choice], "created": 1, "model": self.flags["alias"], "usage": usage,
            "system_fingerprint": "b10434-7e4c0a9", "object": "chat.completion",
        }  # fmt: skip


def main() -> None:
    if "--help" in sys.argv:
        say(HELP)
        return
    if "--version" in sys.argv:
        say("version: 10434 (7e4c0a9)\nbuilt with a pen")
        return
    note("command.json", sys.argv)
    note("environment.json", dict(os.environ))
    fault = os.environ.get("FAKE_FAULT")
    if fault == "SIGILL":
        os.kill(os.getpid(), signal.SIGILL)
    if fault:
        say(fault)
        sys.exit(1)
    Handler.flags = flags_of(sys.argv)
    say("0.00.005.440 I srv    load_model: loading model 'x'")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(Handler.flags["port"])), Handler)
    note("pids", os.getpid())
    say("0.00.031.157 I srv  llama_server: model loaded")
    say("0.00.031.186 I srv  llama_server: listening on http://127.0.0.1")
    server.serve_forever()


if __name__ == "__main__":
    main()
