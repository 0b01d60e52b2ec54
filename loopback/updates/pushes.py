"""Pushed updates: numbered, and on request lost, late, out of order or doubled.

``seq`` is the number of containers that a login has been sent unasked, as Telegram counts them.
Answers to requests carry none (0). What happened in a channel has the channel's own ``pts`` and
comes as a rule without one, too; ``number_channels`` has it numbered like all else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final, Literal

from .._tl import types
from ..stats import Stats
from ..threads import LoopGate, in_loop
from ..world.records import Account, Authorization
from .connections import Connections, Speaker

Order = Literal["told", "reversed"]

_OF_CHANNELS: Final = (
    types.UpdateNewChannelMessage,
    types.UpdateEditChannelMessage,
    types.UpdateDeleteChannelMessages,
)


class Pushes:
    """What is sent unasked.

    ``echo`` says whether the connection that asked for a change is told of it as well, behind
    its answer; ``number_channels`` whether containers of a channel's events count for ``seq``;
    ``name_channels`` whether an account's difference names the channels that have news, too.
    """

    def __init__(self, connections: Connections, stats: Stats, gate: LoopGate) -> None:
        self._connections, self._stats, self._gate = connections, stats, gate
        self.echo = self.number_channels = False
        self.name_channels = True
        self._to_lose: Counter[int] = Counter()
        self._held: dict[int, list[tuple[Speaker, Any]]] = {}

    @property
    def gate(self) -> LoopGate:
        """The way into the loop that owns the data centre."""
        return self._gate

    # Misfortunes

    @in_loop
    def lose(self, account: Account, count: int = 1) -> None:
        """Let the next ``count`` containers for an account be numbered and never arrive."""
        self._to_lose[account.id] += count

    @in_loop
    def hold(self, account: Account) -> None:
        """Keep what an account is to be told back until ``release``."""
        self._held.setdefault(account.id, [])

    @in_loop
    def release(self, account: Account, *, order: Order = "told", combined: bool = False) -> int:
        """Send what was held, and hold nothing more; how many containers there were.

        With ``combined`` as one ``updatesCombined`` for each connection, otherwise in ``order``.
        """
        held = self._held.pop(account.id, [])
        if combined:
            for conversation in dict.fromkeys(one for one, _ in held):
                parts = [updates for one, updates in held if one is conversation]
                self._give(conversation, _combined(parts))
        else:
            for conversation, updates in held if order == "told" else held[::-1]:
                self._give(conversation, updates)
        return len(held)

    # Sending

    def listeners(self, account: Account, origin: Speaker | None) -> list[Speaker]:
        """The connections on which an account is told of what ``origin`` asked for."""
        return [
            link.conversation
            for link in self._connections.of_account(account)
            if link.conversation.wants_updates and (self.echo or link.conversation is not origin)
        ]

    def send(
        self,
        account: Account,
        updates: Any,
        to: list[Speaker],
        *,
        origin: Speaker | None,
    ) -> None:
        """Send a container; the connection that asked hears of it behind its answer."""
        for conversation in to:
            if conversation is origin:
                loop = asyncio.get_running_loop()
                loop.call_soon(self._number_and_send, account, updates, conversation)
            else:
                self._number_and_send(account, updates, conversation)

    def _number_and_send(self, account: Account, updates: Any, conversation: Speaker) -> None:
        authorization = conversation.authorization
        if authorization is None or not conversation.connection.is_connected:
            return
        numbered = self._numbered(updates, authorization)
        if self._to_lose[account.id]:
            self._to_lose[account.id] -= 1
        elif account.id in self._held:
            self._held[account.id].append((conversation, numbered))
        else:
            self._give(conversation, numbered)

    def _numbered(self, updates: Any, authorization: Authorization) -> Any:
        seq = 0
        if self.number_channels or not all(
            isinstance(one, _OF_CHANNELS) for one in updates.updates
        ):
            authorization.seq = seq = authorization.seq + 1
        return types.Updates(updates.updates, updates.users, updates.chats, updates.date, seq)

    def _give(self, conversation: Speaker, updates: Any) -> None:
        conversation.send_body(bytes(updates), reply=False)
        self._stats.pushes += 1


def _combined(parts: list[Any]) -> Any:
    counted = [part.seq for part in parts if part.seq]
    return types.UpdatesCombined(
        updates=[update for part in parts for update in part.updates],
        users=list({user.id: user for part in parts for user in part.users}.values()),
        chats=list({chat.id: chat for part in parts for chat in part.chats}.values()),
        date=parts[-1].date,
        seq_start=min(counted, default=0),
        seq=max(counted, default=0),
    )
