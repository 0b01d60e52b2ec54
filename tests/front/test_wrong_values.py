"""Whatever an app hands in by mistake is answered with an error of ours, and harms nothing.

Every public method of every handle gets, for each of its arguments, every wrong value there is
here, the other arguments being right. It may do its work, or raise a ``TelewardenError``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from telethon import functions

from telewarden import SafeSession, TelewardenError, Warden, safe_session, safety_check
from telewarden.service.database_backups import restore_database
from telewarden.standalone.safety_check import clear_stale
from telewarden.telegram import Health, Phase

pytestmark = [pytest.mark.session, pytest.mark.timeout(180)]  # thousands of calls

WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    3,
    2**80,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "yesterday",
    "\0",
    "x" * 5_000,
    b"x",
    [1, 2],
    ["a"],
    {"name": "x"},
    {1: 2},
    (),
    {"unhashable"},
    object(),
    print,
    float,
)
RIGHT: Final[dict[str, Any]] = {
    "backup_id": 99,
    "callback": lambda _: None,
    "changes": {},
    "command": "list",
    "error": "why",
    "given": {},
    "id_": 1,
    "kind": "test",
    "name": "alice",
    "number": 1,
    "pair": 1,
    "parts": ["a part"],
    "path": "nowhere",
    "request": functions.help.GetNearestDcRequest(),
    "selection": "1",
    "session": "alice",
    "step": "code",
    "text": "nonsense",
    "to": "bob",
}
# What ends the warden or the thread that asks, and what waits for as long as nothing comes.
LEFT_OUT: Final = frozenset({"start", "stop", "wait", "run", "shutdown", "export_file"})
ANSWERED_WITHIN: Final = 30.0  # seconds


def tables() -> dict[str, Any]:
    phones = {"alice": "+9996620001", "bob": "+9996620002"}
    people = [{"name": name, "phone": phone} for name, phone in phones.items()]
    return {
        "telegram": {"api_id": 1, "online_deadline": 10},
        "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
        "console": {"port": 0, "socket": "c.sock"},
        "sessions": people,
        "pairs": [
            {
                "id": 1,
                "session": "alice",
                "source": "@news_in",
                "target": "@news_out",
                "mode": "copy",
            }
        ],
        "loopback": {
            "accounts": people,
            "chats": [
                {"username": "news_in", "title": "In", "owner": "bob", "members": ["alice"]},
                {"username": "news_out", "title": "Out", "owner": "alice"},
            ],
        },
    }


HANDLES: Final[dict[str, Callable[[Warden], object]]] = {
    "warden": lambda warden: warden,
    "session": lambda warden: warden.session("alice"),
    "sessions": lambda warden: warden.sessions,
    "pairs": lambda warden: warden.pairs,
    "operations": lambda warden: warden.operations,
    "registry": lambda warden: warden.registry,
    "backups": lambda warden: warden.backups,
    "retention": lambda warden: warden.retention,
    "keys": lambda warden: warden.keys,
}
BLOCKING: Final[dict[str, Callable[[Warden], object]]] = {
    "session": lambda warden: warden.blocking.session("alice"),
    "sessions": lambda warden: warden.blocking.sessions,
    "pairs": lambda warden: warden.blocking.pairs,
    "operations": lambda warden: warden.blocking.operations,
    "registry": lambda warden: warden.blocking,
}


def mistakes(handle: object) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each call with one wrong argument, and what to call it."""
    for name, method in inspect.getmembers(handle, inspect.isroutine):
        if name.startswith("_") or name in LEFT_OUT:
            continue
        parameters = inspect.signature(method).parameters.values()
        for wrong in parameters:
            for value in WRONG:
                args, named = arguments(parameters, wrong, value)
                said = f"{name}({wrong.name}={value!r:.40})"
                yield said, lambda call=method, args=args, named=named: call(*args, **named)


def arguments(
    parameters: Any, wrong: inspect.Parameter, value: Any
) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    named: dict[str, Any] = {}
    for one in parameters:
        if one.kind is one.VAR_KEYWORD:
            if one is wrong:
                named |= {"name": value, "no_such_field": value}
            continue
        has = one.default is not one.empty
        right = one.default if has else RIGHT.get(one.name)
        given = value if one is wrong else right
        if one.kind is one.KEYWORD_ONLY:
            named[one.name] = given
        else:
            args.append(given)
    return args, named


async def carried_out(call: Callable[[], Any]) -> None:
    """Make a call and whatever it returns come to its end."""
    async with asyncio.timeout(ANSWERED_WITHIN):
        result = call()
        if inspect.isawaitable(result):
            await result
        elif hasattr(result, "__aiter__"):
            async for _ in result:
                break
        elif hasattr(result, "__aenter__"):
            async with result:
                pass
        elif hasattr(result, "close"):
            result.close()


async def verdict(said: str, work: Callable[[], Any]) -> str | None:
    """What is wrong with the answer to a mistake; ``None`` when nothing is."""
    try:
        await work()
    except TelewardenError as error:
        return None if str(error) else f"{said}: {type(error).__name__} says nothing"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{said}: {type(error).__name__}: {error}"
    return None


@pytest.fixture
async def warden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)  # so that the control socket's path is short
    async with Warden(tables()) as warden:
        await warden.session("alice").wait_online(ANSWERED_WITHIN)
        yield warden


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


@pytest.mark.parametrize("name", HANDLES)
async def test_a_mistake_of_an_app_is_answered_with_an_error_of_ours(
    warden: Warden, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = [
        await verdict(said, lambda call=call: carried_out(call))
        for said, call in mistakes(HANDLES[name](warden))
    ]

    assert [one for one in found if one] == []
    assert complaints(caplog) == []
    assert "quarantined" not in warden.snapshot().as_text()


@pytest.mark.parametrize("name", BLOCKING)
async def test_plain_code_is_answered_so_too(
    warden: Warden, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def blocking() -> list[str | None]:
        return [
            asyncio.run(verdict(said, lambda call=call: carried_out(call)))
            for said, call in mistakes(BLOCKING[name](warden))
        ]

    found = await asyncio.to_thread(blocking)

    assert [one for one in found if one] == []
    assert complaints(caplog) == []


async def test_the_handles_work_on_after_all_that(warden: Warden) -> None:
    for handle in HANDLES.values():
        for said, call in mistakes(handle(warden)):
            if said.startswith(("backfill", "change", "pause", "retry", "drop", "login")):
                await verdict(said, lambda call=call: carried_out(call))

    report = await warden.session("alice").wait_online(ANSWERED_WITHIN)
    assert (report.phase, report.health) == (Phase.ONLINE, Health.HEALTHY)


@pytest.mark.parametrize(
    "function",
    [
        lambda value: safety_check(tables(), value),
        lambda value: clear_stale(tables(), value),
        lambda value: restore_database(tables(), value),
        lambda value: safe_session(tables(), value),
        lambda value: safe_session(tables(), "alice", timeout=value),
        lambda value: safe_session(tables(), "alice", purpose=value),
    ],
    ids=["safety_check", "clear_stale", "restore_database", "safe_session", "timeout", "purpose"],
)
async def test_a_mistake_beside_the_warden_is_answered_so_too(
    function: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Warden(tables()) as warden:
        await warden.session("alice").wait_online(ANSWERED_WITHIN)

    async def entered(value: Any) -> None:
        result = await asyncio.to_thread(function, value)
        if isinstance(result, safe_session):
            async with result as alice:
                assert isinstance(alice, SafeSession)

    found = [await verdict(f"{value!r:.40}", lambda value=value: entered(value)) for value in WRONG]

    assert [one for one in found if one] == []
