"""The look-out for secrets sees each kind, and takes nothing harmless for one."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import pytest
from telethon.crypto import AuthKey

from telewarden.errors import ConfigError
from telewarden.loopback import LoopbackTelegram
from telewarden.storage import MasterKey

pytestmark = pytest.mark.session


async def minted() -> str:
    async with LoopbackTelegram() as telegram:
        return telegram.mint(telegram.add_account("alice", phone="+9996620001"))


async def a_session_string() -> str:
    return f"restored {await minted()} for alice"


async def a_master_key() -> str:
    return f"using {MasterKey.generate()}"


async def an_auth_key() -> str:
    return repr(AuthKey(secrets.token_bytes(256)).key)


async def an_auth_key_in_hex() -> str:
    return secrets.token_bytes(256).hex()


@pytest.mark.parametrize(
    "secret", [a_session_string, a_master_key, an_auth_key, an_auth_key_in_hex]
)
async def test_a_secret_is_known_by_its_looks(leaks: Any, secret: Any) -> None:
    alone = type(leaks)()
    alone.see("here", await secret())

    assert alone.verdict()


@pytest.mark.parametrize(
    "text", ["password correct horse accepted", "the code is 22222", "hash=feedc0de"]
)
def test_a_secret_that_was_kept_is_found_as_a_word(leaks: Any, text: str) -> None:
    alone = type(leaks)()
    alone.keep("a secret", "correct horse", "22222", "feedc0de")
    alone.see("here", text)

    assert alone.verdict() == ["a secret in here"]


@pytest.mark.parametrize(
    "text",
    [
        "took 0.22222 s",
        "digest " + "0f" * 32,
        "port 122222",
        "key deadbeef00000001 is in use by process 4711",
        "-----BEGIN RSA PUBLIC KEY-----\n" + ("A" * 64 + "\n") * 6,
    ],
)
def test_what_is_no_secret_is_not_taken_for_one(leaks: Any, text: str) -> None:
    alone = type(leaks)()
    alone.keep("a code", "22222")
    alone.see("here", text)

    assert alone.verdict() == []


def test_log_records_are_looked_at_with_their_tracebacks(leaks: Any) -> None:
    alone, key = type(leaks)(), MasterKey.generate()
    try:
        raise ValueError(key)
    except ValueError as error:
        about = (type(error), error, error.__traceback__)
    alone.emit(logging.makeLogRecord({"name": "a.log", "msg": "failed", "exc_info": about}))

    assert alone.verdict() == ["a master key in log record of a.log"]


def test_our_errors_are_looked_at_as_they_are_made(leaks: Any) -> None:
    leaks.keep("a password", "correct horse")
    ConfigError("here", ("is correct horse",))

    assert leaks.verdict() == ["a password in ConfigError"]
    leaks.found.clear()  # it was on purpose
