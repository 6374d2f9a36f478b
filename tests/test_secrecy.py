"""Which of what a run is given is secret, and that its identity does not depend on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from mubench_gen.console.masking import MASK, blank
from mubench_gen.console.secrets import (
    know_environment,
    know_typed,
    public_url,
    redact_command,
    secret_fields,
    without_password,
    without_secrets,
)
from mubench_gen.model import Options
from mubench_gen.plan.settings import make_settings

LONG = "tsh-4711-canary"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("HF_TOKEN", True), ("ANTHROPIC_API_KEY", True), ("MYAPIKEY", True), ("PGPASSWORD", True),
        ("AWS_SECRET_ACCESS_KEY", True), ("A_SECRET", True), ("SECRET_KEY", True),
        ("TOKENIZERS_PARALLELISM", False), ("HOME_OF", False), ("KEYBOARD", False),
    ],
)  # fmt: skip
def test_the_environment_names_its_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, secret: bool
) -> None:
    monkeypatch.setenv(name, LONG)
    know_environment()
    assert blank(f"a {LONG}") == (f"a {MASK}" if secret else f"a {LONG}")


def test_neither_a_word_nor_a_files_path_in_the_environment_is_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_TOKEN", "true")
    monkeypatch.setenv("B_TOKEN", str(tmp_path))
    know_environment()
    assert blank(f"true {tmp_path}") == f"true {tmp_path}"


def test_a_proxys_password_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:{LONG}%21@proxy:3128")
    know_environment()
    assert blank(f"{LONG}! {LONG}%21") == f"{MASK} {MASK}"


URLS = {
    f"http://me:{LONG}@host/v1": "http://***@host/v1",
    f"http://{LONG}@host/v1": "http://***@host/v1",
    f"http://me:p@{LONG}@host/v1": "http://***@host/v1",
    f"http://host/v1?api_key={LONG}&api-version=2024-02-01": (
        "http://host/v1?api_key=***&api-version=2024-02-01"
    ),
    f"http://host/v1?sig={LONG}": "http://host/v1?sig=***",
    "http://host/sk-abcdefgh12/v1": "http://host/***/v1",
    "http://host/tok-abcdef123456/v1": "http://host/***/v1",
    "http://host/4f9c1db7a0e24f9c1db7a0e2/v1": "http://host/***/v1",
    "http://host/x.4f9c1db7a0e24f9c1db7a0e2.y/v1": "http://host/***/v1",
}


@pytest.mark.parametrize(("url", "shown"), URLS.items())
def test_what_is_secret_in_a_servers_url_is_blanked_and_known(url: str, shown: str) -> None:
    assert public_url(url) == shown
    assert LONG not in blank(f"refused: {url}")
    assert public_url(shown) == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "https://api.example.org/openai/deployments/gpt-4o-mini-2024-07-18/v1",
        "https://host/anthropic-key-value-store/v1beta/openai",
        "https://host/models/Llama-3.2-90B-Vision-Instruct/v1",
    ],
)
def test_names_and_versions_in_a_url_are_kept(url: str) -> None:
    assert public_url(url) == url
    assert without_password(url) == url


def test_two_revisions_of_a_url_that_is_no_servers_stay_two() -> None:
    url = "https://host/resolve/4f9c1db7a0e24f9c1db7a0e24f9c1db7a0e24f9c/data.jsonl"
    assert without_secrets({"file": url}) == {"file": url}


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("engine.body", {"api_key": LONG, "n": 1}, {"api_key": MASK, "n": 1}),
        ("engine.body", {"a": [{"user_token": LONG}]}, {"a": [{"user_token": MASK}]}),
        ("engine.body", {"x": "sk-abcdefgh12"}, {"x": MASK}),
        ("engine.body", {"headers": {"X-Anything": LONG}}, {"headers": {"X-Anything": MASK}}),
        ("engine.headers", {"X-Anything": LONG}, {"X-Anything": MASK}),
        ("engine.body", {"password": 1234}, {"password": MASK}),
    ],
)
def test_secrets_inside_json_are_blanked_and_known(name: str, given: object, shown: object) -> None:
    assert json.loads(without_secrets({name: json.dumps(given)})[name]) == shown
    assert LONG not in blank(json.dumps(given))


@pytest.mark.parametrize(
    "text", ['{"reasoning_effort":  "low", "max_tokens": 5}', "{no json", "[1, 2]", "{}"]
)
def test_an_option_without_a_secret_stays_to_the_letter(text: str) -> None:
    assert without_secrets({"engine.body": text}) == {"engine.body": text}


def test_a_tokenizers_token_is_no_secret_of_all_texts() -> None:
    assert without_secrets({"audio_token": "<|audio_bos|>"}) == {"audio_token": MASK}
    assert blank("<|audio_bos|>") == "<|audio_bos|>"


class _Inner(BaseModel):
    key: SecretStr


class _Typed(Options):
    plain: str = ""
    one: SecretStr | None = None
    many: dict[str, list[SecretBytes]] = {}  # noqa: RUF012
    inner: _Inner | None = None
    any: Annotated[Secret[str] | None, "x"] = None


def test_fields_are_secret_by_their_type_however_deep() -> None:
    assert secret_fields(_Typed) == {"one", "many", "inner", "any"}
    given = {"one": f"{LONG}-1", "many": {"a": [f"{LONG}-2"]}, "inner": {"key": f"{LONG}-3"},
             "any": f"{LONG}-4"}  # fmt: skip
    know_typed(_Typed.model_validate(given))
    assert blank(" ".join(f"{LONG}-{n}" for n in range(1, 5))) == f"{MASK} {MASK} {MASK} {MASK}"


def test_a_command_is_kept_without_its_secrets() -> None:
    url = "http://host/sk-abcdefgh12/v1"
    command = ["x", "-o", f"a_token={LONG}", "-opin=12", "--base-url", f"{url},{url}",
               f"--base-url={url}", f"http://me:{LONG}@host", "--limit=5"]  # fmt: skip
    assert redact_command(command, {"pin"}) == [
        "x", "-o", "a_token=***", "-opin=***", "--base-url",
        "http://host/***/v1,http://host/***/v1", "--base-url=http://host/***/v1",
        "http://***@host", "--limit=5",
    ]  # fmt: skip


def test_a_runs_identity_depends_on_no_secret_and_on_nothing_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def identity(secret: str) -> dict[str, object]:
        options = {"a_key": secret, "note": LONG, "engine.body": json.dumps({"token": secret})}
        urls = [f"http://host/{secret}/v1"]
        return make_settings({"plugin": "p", "options": options, "base_url": urls}).identity()

    one = identity("sk-abcdefgh12")
    monkeypatch.setenv("A_TOKEN", LONG)
    know_environment()
    assert identity("sk-hgfedcba21") == one
    assert "sk-" not in json.dumps(one)
