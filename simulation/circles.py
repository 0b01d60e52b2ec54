"""Is anything ever asked for in a circle? Every method, answered with every kind of error.

``python -m simulation.circles`` plays a warden at work for ten virtual minutes for each pair of a
method that it calls and an answer that does not help: an error of each class, silence, a cut line,
and what Telegram may say by its own rules without getting on. People go on talking, editing and
deleting, updates are lost, the line is cut once, an operator adds pairs. What is called more than
``A_SECOND`` times in a second, or ``IN_ALL`` times in the end, goes in a circle. It prints the
worst of each method; (!) stands where none was asked at all.

usage: python -m simulation.circles [--share N/M] [--method PATTERN] [--answer PATTERN] [--each]
"""

from __future__ import annotations

from . import surroundings

if __name__ == "__main__":
    surroundings.install()

import argparse
import asyncio
import contextlib
import fnmatch
import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from telethon import types

from telewarden.errors import TelewardenError
from telewarden.loopback import (
    Answer,
    CutConnection,
    Fault,
    LoopbackTelegram,
    RpcError,
    Silence,
)

from . import disk, order, process
from .context import BEGIN
from .process import Process
from .run import Run
from .scene import Scene
from .script import Script
from .surroundings import START, TIME

MINUTES: Final = 10  # virtual, for each answer
A_SECOND: Final = 16  # calls of one method: six pairs that begin together, on two lines in turn
# What people say in ten minutes is carried by three pairs; what one cannot send for a reason of the
# message is tried three times, which makes 117. Pauses grow to a minute, which makes 14 tries.
IN_ALL: Final = 150
LONGEST: Final = 60.0  # virtual seconds between two tries to come online, here

METHODS: Final = (
    "channels.deleteMessages",
    "channels.getChannels",
    "channels.getMessages",
    "contacts.resolveUsername",
    "messages.deleteMessages",
    "messages.editMessage",
    "messages.forwardMessages",
    "messages.getChats",
    "messages.getDialogs",
    "messages.getHistory",
    "messages.getMessages",
    "messages.getPeerDialogs",
    "messages.sendMessage",
    "ping",
    "updates.getChannelDifference",
    "updates.getDifference",
    "updates.getState",
)
# What makes the product ask by a method that it comes to only after another has failed.
BEFORE: Final = {
    "messages.getPeerDialogs": ("updates.getChannelDifference", "PERSISTENT_TIMESTAMP_INVALID")
}
# One answer for each row of the table that errors are sorted by, as far as Telegram says it.
ERRORS: Final = (
    "API_ID_INVALID",
    "AUTH_KEY_DUPLICATED",
    "AUTH_KEY_PERM_EMPTY",
    "AUTH_KEY_UNREGISTERED",
    "CHANNELS_TOO_MUCH",
    "CHANNEL_PRIVATE",
    "CHAT_FORWARDS_RESTRICTED",
    "CHAT_ID_INVALID",
    "CHAT_WRITE_FORBIDDEN",
    "FILE_REFERENCE_EXPIRED",
    "FLOOD_PREMIUM_WAIT_3",
    "FLOOD_WAIT_3",
    "FROZEN_METHOD_INVALID",
    "INPUT_REQUEST_TOO_LONG",
    "MEDIA_EMPTY",
    "MESSAGE_ID_INVALID",
    "MSG_WAIT_FAILED",
    "NEVER_HEARD_OF",
    "PEER_FLOOD",
    "PEER_ID_INVALID",
    "PERSISTENT_TIMESTAMP_OUTDATED",
    "PHONE_NUMBER_FLOOD",
    "PREMIUM_ACCOUNT_REQUIRED",
    "RANDOM_ID_DUPLICATE",
    "RPC_CALL_FAIL",
    "SESSION_PASSWORD_NEEDED",
    "SESSION_REVOKED",
    "SLOWMODE_WAIT_3",
    "TAKEOUT_INIT_DELAY_3",
    "TOPIC_DELETED",
    "USERNAME_NOT_OCCUPIED",
    "USER_BANNED_IN_CHANNEL",
    "USER_DEACTIVATED",
    "USER_DEACTIVATED_BAN",
    "USER_IS_BLOCKED",
    "USER_RESTRICTED",
)


# What Telegram may answer by its own rules, again and again, without getting on


def _nothing(request: Any) -> Any:
    if hasattr(request, "channel"):
        return types.updates.ChannelDifferenceEmpty(pts=request.pts, final=True)
    return types.updates.DifferenceEmpty(date=request.date, seq=0)


def _more(request: Any) -> Any:
    if hasattr(request, "channel"):
        return types.updates.ChannelDifference(request.pts, [], [], [], [])
    state = types.updates.State(request.pts, request.qts, request.date, 0, 0)
    return types.updates.DifferenceSlice([], [], [], [], [], state)


def _too_long(request: Any) -> Any:
    if not hasattr(request, "channel"):
        return types.updates.DifferenceTooLong(request.pts)
    peer = types.PeerChannel(request.channel.channel_id)
    settings = types.PeerNotifySettings()
    dialog = types.Dialog(peer, *(0,) * 7, settings, pts=request.pts)
    return types.updates.ChannelDifferenceTooLong(dialog, [], [], [], final=True)


def _no_messages(_: Any) -> Any:
    return types.messages.MessagesSlice(1_000, [], [], [], [])


def _same_dialogs(request: Any) -> Any:
    """A part of many, of which the end is always the same."""
    user = types.User(id=7, access_hash=7, first_name="Somebody")
    top = types.Message(id=1, peer_id=types.PeerUser(7), date=None, message="hello")
    settings = types.PeerNotifySettings()
    dialog = types.Dialog(types.PeerUser(7), 1, *(0,) * 6, settings)
    return types.messages.DialogsSlice(500, [dialog], [top], [], [user])


STANDING_STILL: Final = {
    "updates.getDifference": {"nothing": _nothing, "more": _more, "too long": _too_long},
    "updates.getChannelDifference": {"nothing": _nothing, "more": _more, "too long": _too_long},
    "messages.getHistory": {"no messages": _no_messages},
    "messages.getMessages": {"no messages": _no_messages},
    "channels.getMessages": {"no messages": _no_messages},
    "messages.getDialogs": {"the same dialogs": _same_dialogs},
}


def trials() -> Iterator[tuple[str, str, Any]]:
    """Every method with every answer."""
    for method in METHODS:
        yield method, "silence", Silence()
        yield method, "a cut line", CutConnection()
        for name, make in STANDING_STILL.get(method, {}).items():
            yield method, name, Answer(make)
        for text in ERRORS:
            yield method, text, RpcError(text)


def script(seed: str) -> Script:
    """Four pairs of one account, in channels and basic groups; two are added later.

    Their sources are channels that the account is not in, one given by its name.
    """
    kinds = {"a": "broadcast", "b": "megagroup", "c": "group", "d": "group"}
    kinds |= {"named": "broadcast", "unknown": "broadcast"}
    chats = [
        {"name": name, "kind": kind, "owner": "press", "members": ["s0"]}
        for name, kind in kinds.items()
    ]
    chats[-1]["members"] = chats[-2]["members"] = []
    ways = [("a", "b", "copy"), ("b", "c", "copy"), ("c", "d", "copy"), ("a", "d", "forward")]
    pairs = [
        {"id": number, "session": "s0", "source": source, "target": target, "mode": mode}
        for number, (source, target, mode) in enumerate(ways, start=1)
    ]
    settings = {
        "health": {"recheck_initial": 60.0, "recheck_max": 600.0},
        "recovery": {"backoff_initial": 0.5, "backoff_max": LONGEST},
    }
    return Script(seed=seed, sessions=["s0"], chats=chats, pairs=pairs, settings=settings)


def _wall() -> float:
    return TIME.now + START - BEGIN


class _Circle(Run):
    def __init__(self, method: str, name: str, action: Any) -> None:
        super().__init__(script(f"{method} {name}"), keep_trace=False)
        self.method, self.action = method, action
        self.calls: list[int] = []
        self._adding: list[asyncio.Future[None]] = []

    async def _play(self) -> None:
        async with LoopbackTelegram(clock=_wall, wall=_wall) as telegram:
            self.telegram, self.scene = telegram, Scene(telegram, self.script)
            for name in ("a", "named"):
                self.scene.chats[name].record.username = f"channel_{name}"
            self.process = Process(
                self.scheduler,
                self.network,
                name="warden",
                base=self.folder,
                tables=self.tables(),
                server=self.scene.server,
                hear=lambda _: None,
                trouble=self.wrong,
                strings=lambda name: telegram.mint(self.scene.accounts[name]),
            )
            await self._begin()
            await asyncio.sleep(1.0)
            telegram.faults.add(Fault(method=self.method, action=self.action))
            if self.method in BEFORE:
                before_it, text = BEFORE[self.method]
                telegram.faults.add(Fault(method=before_it, action=RpcError(text)))
            before = telegram.stats.calls[self.method]
            for second in range(MINUTES * 60):
                self._stir(second)
                await asyncio.sleep(1.0)
                now = telegram.stats.calls[self.method]
                self.calls.append(now - before)
                before = now
                if self.calls[-1] > A_SECOND:
                    break
            telegram.faults.clear()
            await asyncio.gather(*self._adding)
            await self.stop()

    def pair_table(self, pair: dict[str, Any]) -> dict[str, Any]:
        """One source is given by its name, so that names are looked up, too."""
        table = super().pair_table(pair)
        return table | {"source": "@channel_a"} if pair["source"] == "a" else table

    def _stir(self, second: int) -> None:
        """What people, the network and an operator do."""
        account, number = self.scene.accounts["s0"], second // 30
        if second == 100:
            unknown = self.scene.chats["unknown"].peer_id
            for pair, source in ((5, "@channel_named"), (6, unknown)):
                self._adding.append(asyncio.ensure_future(self._add(pair, source)))
        if second == 200:
            for connection in self.telegram.connections(account):
                connection._transport.cut()
        if second % 30:
            return
        if number % 3 == 1:
            self.telegram.pushes.lose(account)
        for chat in ("a", "c"):
            self.scene.say(chat, f"{chat}{number}", f"{chat}{number} v1")
        if number > 2:
            self.scene.edit(f"a{number - 2}", f"a{number - 2} v2")
            self.scene.delete([f"a{number - 3}", f"c{number - 3}"])

    async def _add(self, pair: int, source: int | str) -> None:
        warden, target = self.process.warden, self.scene.chats["d"].peer_id
        with contextlib.suppress(TelewardenError):  # refused for a while, in some trials
            await self.process.call(
                lambda: warden.pairs.add(pair, session="s0", source=source, target=target)
            )


def main() -> int:
    """Play the trials that were asked for; 1 when something goes in a circle."""
    given = _parser().parse_args()
    os.environ["SIMULATION_API_HASH"] = "simulated"
    process.install()
    order.install()
    disk.install()
    gc.collect()
    gc.freeze()
    part, parts = map(int, given.share.split("/"))
    wanted = [
        trial
        for number, trial in enumerate(trials())
        if number % parts == part % parts
        and fnmatch.fnmatch(trial[0], given.method)
        and fnmatch.fnmatch(trial[1], given.answer)
    ]
    worst: Counter[str] = Counter()
    circles = 0
    for method, name, action in wanted:
        run = _Circle(method, name, action)
        run.play()
        most, total = max(run.calls, default=0), sum(run.calls)
        worst[method] = max(worst[method], total)
        if given.each:
            print(f"{method} answered {name}: {total} calls, {most} in one second", flush=True)
        broken = [what for what in run.outcome.violations if what.startswith("run broke")]
        if most > A_SECOND or total > IN_ALL or broken or not run.calls:
            circles += 1
            print(
                f"circle: {method} answered {name}: {total} calls, {most} in one second",
                *broken,
                flush=True,
            )
    for method, total in sorted(worst.items()):
        print(f"{method:<32} {total:>4} calls at most in {MINUTES} minutes" + " (!)" * (not total))
    print(f"trials {len(wanted)}  circles {circles}")
    return int(circles > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation.circles", description=__doc__)
    parser.add_argument("--share", default="0/1", help="which part of all trials, as 3/8")
    parser.add_argument("--method", default="*", help="a pattern, as updates.*")
    parser.add_argument("--answer", default="*", help="a pattern, as *_INVALID")
    parser.add_argument("--each", action="store_true", help="print the calls of each trial")
    return parser


if __name__ == "__main__":
    sys.exit(main())
