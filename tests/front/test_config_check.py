"""``check`` and ``run`` agree: what one refuses the other does, and in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telewarden import Warden, parse_config
from telewarden.errors import ListenError, TelewardenError
from telewarden.standalone.config_check import config_problems

pytestmark = pytest.mark.console

Tables = dict[str, Any]


def tables() -> Tables:
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
        "console": {"port": 0, "socket": "c.sock"},
        "sessions": [{"name": "alice", "phone": "+9996620001"}],
        "loopback": {},
    }


def without_key(given: Tables) -> None:
    given["storage"]["master_key"] = {"env": "TELEWARDEN_NO_SUCH_KEY"}


def with_key_that_is_none(given: Tables) -> None:
    Path("key").write_text("no key at all", encoding="ascii")


def without_hash(given: Tables) -> None:
    del given["loopback"]
    given["telegram"]["api_hash"] = {"env": "TELEWARDEN_NO_SUCH_HASH"}


def without_public_key(given: Tables) -> None:
    given["loopback"] = {"embedded": False, "port": 1, "pubkey": "nowhere.pem"}


def with_unknown_handler(given: Tables) -> None:
    given["pairs"] = [{"id": 1, "session": "alice", "source": "@in_here", "handler": "nobody"}]


def without_proxy_password(given: Tables) -> None:
    login = {"username": "me", "password": {"env": "TELEWARDEN_NO_SUCH_PASSWORD"}}
    given["telegram"]["proxy"] = {"kind": "http", "host": "one.example", "port": 1, **login}


WRONG = (
    without_key,
    with_key_that_is_none,
    without_hash,
    without_public_key,
    with_unknown_handler,
    without_proxy_password,
)


@pytest.mark.parametrize("spoil", WRONG, ids=lambda one: one.__name__)
async def test_what_a_start_refuses_a_check_refuses_in_the_same_words(
    spoil: Callable[[Tables], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = tables()
    spoil(given)
    config = parse_config(given)

    (problem,) = config_problems(config)
    with pytest.raises(TelewardenError) as refused:
        await Warden(config).start()

    assert str(refused.value) in problem or problem in str(refused.value)


async def test_a_socket_in_a_place_too_long_is_refused_by_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = tables()
    given["console"]["socket"] = f"{'x' * 100}.sock"
    config = parse_config(given)

    (problem,) = config_problems(config)
    with pytest.raises(ListenError, match="100 at most"):
        await Warden(config).start()

    assert "100 at most" in problem


async def test_what_a_check_is_content_with_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = parse_config(tables())

    assert config_problems(config) == ()
    async with Warden(config) as warden:
        assert warden.url == f"http://127.0.0.1:{warden.port}/"
    assert config_problems(config) == ()  # also with what the start has made
