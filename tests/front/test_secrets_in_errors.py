"""What looks like a secret is not repeated, wherever it was put."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from telewarden import Warden
from telewarden.config import Secret, load_config
from telewarden.errors import (
    CommandFailedError,
    ConfigError,
    InvalidRecordError,
    MasterKeyMissingError,
    SecretMissingError,
    TelewardenError,
    UnknownSessionError,
)
from telewarden.errors.redaction import path_shown, redacted, variable_shown
from telewarden.storage import MasterKey

pytestmark = pytest.mark.console

HASH = "0123456789abcdef0123456789abcdef"
BOT = "123456789:AAF-abcdefghijklmnopqrstuvwxyz_012345"
PASSWORD = "hunter2secretpw"
KEY = MasterKey.generate()
TEXT = """
[telegram]
api_id = {api_id}
api_hash = {api_hash}
{telegram}
[storage]
folder = "store"
master_key = {master_key}
[console]
port = 0
[[sessions]]
name = "{name}"
phone = "+12025550123"
{session}
"""
FINE = {
    "api_id": "1",
    "api_hash": '{ env = "SEC_HASH" }',
    "master_key": '{ env = "SEC_KEY" }',
    "telegram": "",
    "name": "alice",
    "session": "",
}


def proxy(password: str) -> str:
    return (
        'proxy = { kind = "http", host = "127.0.0.1", port = 9, username = "u",'
        f" password = {password} }}"
    )


WRONG_PLACES = [
    *[
        (f"{field} in {place}", {field: f'{{ {place} = "{secret}" }}'}, secret)
        for field, secret in (("master_key", KEY), ("api_hash", HASH), ("master_key", PASSWORD))
        for place in ("env", "file", "keyring")
    ],
    *[
        (f"password in {place}", {"telegram": proxy(f'{{ {place} = "{PASSWORD}" }}')}, PASSWORD)
        for place in ("env", "file", "keyring")
    ],
    ("key made at its text", {"master_key": f'{{ file = "{KEY}", create = true }}'}, KEY),
    ("master_key itself", {"master_key": f'"{KEY}"'}, KEY),
    ("api_hash itself", {"api_hash": f'"{HASH}"'}, HASH),
    ("hash as api_id", {"api_id": f'"{HASH}"'}, HASH),
    ("bot token as api_id", {"api_id": f'"{BOT}"'}, BOT),
    ("master key as a name", {"name": KEY}, KEY),
    ("hash as priority", {"session": f'priority = "{HASH}"'}, HASH),
    ("key as a key", {"session": f'{KEY} = "x"'}, KEY),
    ("hash in a list", {"session": f'priority = ["{HASH}"]'}, HASH),
]


@pytest.mark.parametrize(
    ("wrong", "secret"), [one[1:] for one in WRONG_PLACES], ids=[one[0] for one in WRONG_PLACES]
)
async def test_a_secret_in_a_wrong_place_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], secret: str
) -> None:
    monkeypatch.setenv("SEC_KEY", KEY)
    monkeypatch.setenv("SEC_HASH", "x" * 32)
    config = tmp_path / "c.toml"
    config.write_text(TEXT.format(**(FINE | wrong)), encoding="utf-8")

    with pytest.raises(TelewardenError) as refused:
        await Warden(config).start()

    said = "".join(traceback.format_exception(refused.value))
    assert secret not in f"{said}{refused.value!r}{getattr(refused.value, 'problems', '')}"
    assert secret not in str(list(tmp_path.rglob("*")))  # noqa: ASYNC240 - of a test


def test_the_command_line_does_not_print_a_password_in_place_of_a_variables_name(
    tmp_path: Path,
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(TEXT.format(**(FINE | {"api_hash": f'{{ env = "{PASSWORD}" }}'})))

    done = subprocess.run(
        [sys.executable, "-m", "telewarden", "run", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "SEC_KEY": KEY},
        check=False,
    )

    assert done.returncode == 2
    assert "telegram.api_hash: environment variable (withheld" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_a_secret_where_its_place_belongs_is_refused_when_it_is_read(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(TEXT.format(**(FINE | {"master_key": f'{{ env = "{KEY}" }}'})))

    with pytest.raises(ConfigError) as refused:
        load_config(config)

    assert "storage.master_key.env: this looks like the secret itself" in str(refused.value)


def test_a_variable_that_is_named_as_usual_is_repeated() -> None:
    with pytest.raises(SecretMissingError, match="environment variable SEC_NOWHERE is not set"):
        Secret(env="SEC_NOWHERE").read("telegram.api_hash", base=Path())


@pytest.mark.parametrize("name", [PASSWORD, "correcthorse", HASH.upper(), "A" * 80])
def test_a_variable_whose_name_may_be_the_secret_is_not_repeated(name: str) -> None:
    assert name not in variable_shown(name)


@pytest.mark.parametrize(
    "name", ["/etc/telewarden/master.key", "secrets/api_hash", "master.key", ".env", "masterkey"]
)
def test_a_path_that_is_one_is_repeated(name: str) -> None:
    assert path_shown(name) == f"file {name}"


@pytest.mark.parametrize(
    "name",
    [PASSWORD, HASH, f"/etc/{KEY}", "x7$k/9#b"],
    ids=["a password", "a hash", "a fresh key", "noise"],
)
def test_a_path_that_may_be_the_secret_is_not_repeated(name: str) -> None:
    assert name not in path_shown(name)


def test_a_file_that_is_there_is_named_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "abc123").touch()

    assert path_shown(tmp_path / "abc123").endswith("abc123")


def test_a_master_key_from_a_secret_in_place_of_a_name_does_not_tell_it(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyMissingError) as by_name:
        MasterKey.from_env(KEY)
    with pytest.raises(MasterKeyMissingError) as by_path:
        MasterKey.from_file(tmp_path / KEY)

    assert KEY not in f"{by_name.value}{by_name.value.place}"
    assert KEY not in f"{by_path.value}{by_path.value.place}"


def test_no_error_of_ours_repeats_a_secret_that_it_was_given() -> None:
    secrets = (KEY, BOT, HASH, "1" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_" * 9)
    errors: list[TelewardenError] = []
    for secret in secrets:
        errors += [
            TelewardenError(f"not {secret}"),
            InvalidRecordError("SessionRecord.name", secret, "a name"),
            UnknownSessionError(secret, ()),
            ConfigError(secret, (f"{secret} is an unknown key",)),
            CommandFailedError(f"no {secret}"),
        ]

    said = [f"{error} {error!r} {getattr(error, 'problems', '')}" for error in errors]

    assert not [one for one in said if any(secret in one for secret in secrets)]


@pytest.mark.parametrize(
    "text",
    [
        "key deadbeef00000001 is in use",
        "/var/lib/telewarden/warden.db is not writable (permission denied)",
        f"digest {'ab' * 32} does not match",
        "x" * 400,
        "urn:uuid:12345678-1234-4123-a123-123456789012",
    ],
)
def test_what_is_no_secret_stays_in_a_message(text: str) -> None:
    assert redacted(text) == text


def test_a_password_in_an_address_is_taken_out() -> None:
    assert redacted("socks5://me:pw@10.0.0.1:1080 fails") == "socks5://***@10.0.0.1:1080 fails"
