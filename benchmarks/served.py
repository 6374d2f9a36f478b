"""What the harness costs over HTTP, beside a raw asynchronous client: wall, CPU, memory.

    python benchmarks/served.py [--questions 5000] [--images 1000] [--rounds 5] [--memory 100000]

Both ask an instant OpenAI-compatible mock on loopback about 256² PNG files of about 125 KB.
The raw client reads a file, encodes it, posts it and reads the reply, 64 at once, and does
nothing else. The harness renders, hashes, keeps, parses and scores as well, from the first
render to the last durable record; imports are done before the clock starts. Each run is a
process of its own, the two in turn; printed are medians, and the ratio of each round.
First a run that is not timed checks that what arrives are the files' own bytes.
The bars: wall no more than the raw client's; 0.6 ms CPU a question; at 100,000 under 400 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

QUESTIONS = ("modality", "submodality", "domain", "subdomain", "stain")
OPTIONS = ["fluorescence microscopy", "light microscopy", "electron microscopy", "none of these"]
AT_ONCE = 64


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=5_000)
    parser.add_argument("--images", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=0, help="questions of one more run")
    parser.add_argument("--role", choices=["mock", "raw", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role is not None:
        roles: dict[str, Any] = {"mock": serve, "raw": ask_raw, "ours": ask_ours}
        roles[arguments.role](*arguments.rest)
        return
    with tempfile.TemporaryDirectory() as scratch:
        _compare(arguments, Path(scratch))


def _compare(arguments: argparse.Namespace, scratch: Path) -> None:
    data = _generate(scratch / "data", arguments.images, arguments.questions)
    mock = subprocess.Popen(
        [sys.executable, __file__, "--role", "mock"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert mock.stdout is not None
        url = f"http://127.0.0.1:{int(mock.stdout.readline())}"
        _check_bytes(url, data, scratch)
        found: dict[str, list[dict[str, float]]] = {"raw": [], "ours": []}
        for number in range(arguments.rounds):
            for role in ("raw", "ours"):
                found[role].append(_run(role, url, data, str(scratch / f"{role}-{number}")))
        _print(found)
        if arguments.memory:
            repeats = str(max(1, arguments.memory // arguments.questions))
            most = _run("ours", url, data, str(scratch / "most"), repeats)
            print(f"{most['n']:,.0f} questions: {most['peak_mb']:.0f} MB at most")
    finally:
        mock.terminate()
        mock.wait()


def _run(role: str, *rest: object) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--role", role, *map(str, rest)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _print(found: dict[str, list[dict[str, float]]]) -> None:
    for role, runs in found.items():
        n = runs[0]["n"]
        wall, cpu = (1000 * median(run[key] for run in runs) / n for key in ("wall", "cpu"))
        peak = median(run["peak_mb"] for run in runs)
        print(
            f"{role:>5}: {n:,.0f} questions  {wall:.3f} ms wall  {cpu:.3f} ms CPU a question  "
            f"{peak:.0f} MB"
        )
    ratios = [o["wall"] / r["wall"] for o, r in zip(found["ours"], found["raw"], strict=True)]
    print(
        f"wall, ours / raw: {median(ratios):.2f} (median of "
        + ", ".join(f"{ratio:.2f}" for ratio in ratios)
        + ")"
    )


def _check_bytes(url: str, data: Path, scratch: Path) -> None:
    """A run in which the mock takes the digests of what arrives."""
    urllib.request.urlopen(f"{url}/check?on=1").read()
    _run("ours", url, data, str(scratch / "checked"))
    arrived = set(json.loads(urllib.request.urlopen(f"{url}/check?on=").read()))
    files = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (data / "images").iterdir()}
    assert arrived == files, "what arrived are not the files' bytes"
    print(f"The bytes of {len(files):,} files arrived as they are.", flush=True)


def serve() -> None:
    """The mock: prints its port."""
    from aiohttp import web

    reply = {
        "id": "x",
        "object": "chat.completion",
        "model": "mock",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "A"},
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
    }
    digests: set[str] = set()
    checks = False

    async def chat(request: web.Request) -> web.Response:
        body = await request.read()
        if checks:
            for message in json.loads(body)["messages"]:
                url = message["content"][0]["image_url"]["url"]
                content = base64.b64decode(url.partition(",")[2])
                digests.add(hashlib.sha256(content).hexdigest())
        return web.json_response(reply)

    async def check(request: web.Request) -> web.Response:
        nonlocal checks
        checks = bool(request.query["on"])
        return web.json_response(sorted(digests))

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "mock"}]})

    async def run() -> None:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/v1/chat/completions", chat)
        app.router.add_get("/v1/models", models)
        app.router.add_get("/check", check)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def ask_raw(url: str, data: str, folder: str) -> None:
    """The raw client: a file, its base64, JSON, a POST, the reply's text; nothing else."""
    import aiohttp

    rows = []
    for line in (Path(data) / "rows.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        path = Path(data) / row["image"]["path"]
        rows += [(path, question) for question in row["questions"].values()]

    def payload(path: Path, question: dict[str, Any]) -> bytes:
        image = base64.b64encode(path.read_bytes()).decode()
        options = "\n".join(f"{c}. {o}" for c, o in zip("ABCD", question["options"], strict=True))
        text = f"{question['question']}\n{options}\nAnswer with the letter."
        content = [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + image}},
            {"type": "text", "text": text},
        ]
        messages = [{"role": "user", "content": content}]
        body = {"model": "mock", "max_tokens": 1, "temperature": 0, "messages": messages}
        return json.dumps(body).encode()

    async def run() -> None:
        room = asyncio.Semaphore(AT_ONCE)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one(path: Path, question: dict[str, Any]) -> str:
                async with (
                    room,
                    session.post(
                        f"{url}/v1/chat/completions",
                        data=payload(path, question),
                        headers={"content-type": "application/json"},
                    ) as response,
                ):
                    text: str = (await response.json())["choices"][0]["message"]["content"]
                    return text

            replies = await asyncio.gather(*[one(*row) for row in rows])
            assert set(replies) == {"A"}

    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(run())
    _report(len(rows), wall, cpu)


def ask_ours(url: str, data: str, folder: str, repeats: str = "1") -> None:
    """The harness: `eval --plugin openai --base-url …`, after its imports."""
    import aiohttp  # noqa: F401  imported before the clock starts, as all of the below
    import orjson  # noqa: F401
    import pandas  # noqa: F401
    from PIL import Image  # noqa: F401

    import mubench_gen.engines.server.generative
    import mubench_gen.parser  # noqa: F401
    from mubench_gen import run
    from mubench_gen.plan import plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins

    settings = make_settings(
        {
            "plugin": "openai",
            "model": "mock",
            "base_url": f"{url}/v1",
            "data": data,
            "run_dir": Path(folder),
            "repeats": int(repeats),
        }
    )
    planned = plan.make_plan(settings, Plugins())
    wall, cpu = time.perf_counter(), time.process_time()
    done = run.run_plan(planned, ["served.py"], progress=False)
    n = done.scores.pooled.n
    assert done.scores.pooled.n_errors == 0
    _report(n, wall, cpu)
    planned.model.close()


def _report(n: int, wall: float, cpu: float) -> None:
    found = {
        "n": n,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(found), flush=True)


def _generate(folder: Path, images: int, questions: int) -> Path:
    """Noise of 5 bits, which a PNG file keeps in about 125 KB, and questions about it."""
    import numpy as np
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    asked = QUESTIONS[: questions // images]
    assert len(asked) * images == questions, "--questions: 1 to 5 times --images"
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number in range(images):
            path = f"images/{number}.png"
            pixels = random.integers(0, 32, (256, 256, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / path, compress_level=1)
            row = {
                "image_id": f"noise-{number}",
                "image": {"bytes": None, "path": path},
                "label_name": "noise",
                "dataset": "noise",
                "domain": "biology",
                "license": "CC0",
                "modality": OPTIONS[0],
                "stain": "none",
                "captions": {},
                "questions": {
                    name: {
                        "question": f"What is the {name} of this image?",
                        "options": OPTIONS,
                        "answer": OPTIONS[number % 4],
                        "answer_idx": number % 4,
                    }
                    for name in asked
                },
            }
            file.write(json.dumps(row) + "\n")
    return folder


if __name__ == "__main__":
    main()
