"""The faults that strike, one after the other, and what shows that each is over.

Each strike does real damage (a crash inside the actor, a reset line, flipped bytes on the disk, a
SIGKILL) and then waits for the warden's own event that says it is back. Its time runs from the
blow to that event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..config import load_config
from ..errors import DemoError
from ..loopback import Account, Fault, FloodWait
from .script import SESSIONS
from .stage import Stage

FLOOD: Final = 3  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What brought the system back, and after how many seconds."""

    recovered_by: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault: its name in the summary, what the onlooker is told, and the deed."""

    fault: str
    tells: str
    deed: Callable[[Stage], Awaitable[Outcome]]


async def _crash_session(it: Stage) -> Outcome:
    began = time.monotonic()
    await it.ask(it.client.drill, "sessions/session:alice/session")
    back = await it.hears("SessionRecovered", since=began, session="alice", cause="crash")
    return Outcome(
        recovered_by=f"supervisor restart, session by {back.event['rung']}",
        seconds=back.at - began,
    )


async def _crash_group(it: Stage) -> Outcome:
    child = "sessions/session:bob/groups/group-1"
    began = time.monotonic()
    await it.ask(it.client.drill, child)
    back = await it.hears("ChildStarted", since=began, child=child, restarted=True)
    return Outcome(
        recovered_by="supervisor restart, outbox and marks read again", seconds=back.at - began
    )


async def _cut(it: Stage) -> Outcome:
    began = time.monotonic()
    if not it.telegram.cut(_account(it, "alice")):
        raise DemoError("alice has no connection to cut", "")
    back = await it.hears("SessionRecovered", since=began, session="alice", cause="connection lost")
    return Outcome(
        recovered_by=f"reconnect by {back.event['rung']}, history read from own mark",
        seconds=back.at - began,
    )


async def _damage_file(it: Stage) -> Outcome:
    path = load_config(it.config).folder / "sessions" / "carol.twsession"
    await asyncio.to_thread(_flip_bytes, path)
    began = time.monotonic()
    await it.ask(it.client.drill, "sessions/session:carol/session")
    mended = await it.hears("CopyRepaired", since=began, session="carol", copy="file")
    back = await it.hears("SessionRecovered", since=began, session="carol", cause="crash")
    return Outcome(
        recovered_by=f"session by {back.event['rung']}; file set aside as "
        f"{mended.event['kept']} and written anew",
        seconds=back.at - began,
    )


async def _flood(it: Stage) -> Outcome:
    it.telegram.faults.add(
        Fault(
            method="messages.sendMessage",
            account=_account(it, "bob"),
            times=1,
            action=FloodWait(FLOOD),
        )
    )
    began = time.monotonic()
    asked = await it.hears("FloodBegan", since=began, session="bob")
    over = await it.hears("FloodEnded", since=asked.at, session="bob")
    went_on = await it.hears("Forwarded", since=over.at, session="bob")
    return Outcome(
        recovered_by=f"waited {asked.event['seconds']:g} s as told, then sent what was parked",
        seconds=went_on.at - asked.at,
    )


async def _kill(it: Stage) -> Outcome:
    began = time.monotonic()
    await it.kill_warden()
    await it.start_warden()
    rungs = set()
    for session in SESSIONS:
        back = await it.hears("SessionRecovered", since=began, session=session)
        rungs.add(str(back.event["rung"]))
    return Outcome(
        recovered_by=f"new process, all sessions by {', '.join(sorted(rungs))} without a login",
        seconds=time.monotonic() - began,
    )


def _account(it: Stage, session: str) -> Account:
    account = it.telegram.account(SESSIONS[session])
    if account is None:
        raise DemoError(f"the loopback has no account of {session}", "")
    return account


def _flip_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(40, min(80, len(content))):
        content[at] ^= 0xFF
    path.write_bytes(content)


STRIKES: Final = (
    Strike(
        fault="crash inside a session actor",
        tells="an exception inside alice's session actor",
        deed=_crash_session,
    ),
    Strike(
        fault="crash in a worker group",
        tells="an exception inside bob's worker group",
        deed=_crash_group,
    ),
    Strike(fault="TCP cut", tells="alice's line to Telegram is reset", deed=_cut),
    Strike(
        fault="damaged session file",
        tells="bytes flipped in carol's session file, and her session crashes",
        deed=_damage_file,
    ),
    Strike(
        fault=f"FLOOD_WAIT of {FLOOD} s",
        tells=f"Telegram tells bob to wait {FLOOD} s",
        deed=_flood,
    ),
    Strike(
        fault="kill -9 of the whole warden",
        tells="kill -9 of the warden's process, and its restart",
        deed=_kill,
    ),
)
