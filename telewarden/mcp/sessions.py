"""The shared sessions that a server uses: connected when first wanted, again after a loss."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

from ..config import Config
from ..errors import BadCommandError, ConfigError
from ..standalone.shared_client import shared_client

PATIENCE: Final = 5.0  # seconds; who waits is a model, which can be told to come again
REMEMBERED: Final = 100  # chats that a fresh client asks for, to know them by number
NUMBER: Final = re.compile(r"-?[0-9]{1,20}")


class NotUsableError(Exception):
    """What a tool was given cannot be used; nothing was done. The message is for who gave it."""


class SharedSessions:
    """Telethon's clients on the sessions that a program may use.

    Args:
        config: the warden's configuration.
        program: its name in ``[share]``.
        only: the one session to offer; ``None``: all that the program may use.

    Raises:
        ConfigError: nothing is shared.
        BadCommandError: the program is not there, or may not use that session.
    """

    def __init__(self, config: Config, *, program: str, only: str | None = None) -> None:
        self.program, self._config = program, config
        if config.share is None:
            why = "nothing is shared: add a [share] table with a program, and restart the warden"
            raise ConfigError("config", (why,))
        tables = {one.name: one for one in config.share.programs}
        if program not in tables:
            known = ", ".join(tables) or "none"
            raise BadCommandError(
                "mcp",
                f"[share] has no program {program!r}; add it, or name one with --program: {known}",
            )
        self.read_only = tables[program].read_only
        self.names = _names(config, tables[program].sessions)
        if only is not None and only not in self.names:
            may = ", ".join(self.names) or "none"
            raise BadCommandError(
                "mcp", f"program {program} may not use session {only!r}; it may use: {may}"
            )
        if only is not None:
            self.names = (only,)
        self._clients: dict[str, Any] = {}
        self._coming = {name: asyncio.Lock() for name in self.names}

    def name(self, given: str | None) -> str:
        """The session that is meant; it need not be said where there is one.

        Raises:
            NotUsableError: it is none of these, or there are several.
        """
        may = ", ".join(self.names)
        if given is None and len(self.names) == 1:
            return self.names[0]
        if given is None:
            raise NotUsableError(f"say which session: {may}")
        if given not in self.names:
            raise NotUsableError(f"there is no session {given!r} here; there is: {may}")
        return given

    async def client(self, name: str) -> Any:
        """A session's client, connected.

        Raises:
            SharingError: its owner does not let the program in, or is not there.
        """
        async with self._coming[name]:
            client = self._clients.get(name)
            if client is None:
                client = self._clients[name] = shared_client(
                    name,
                    program=self.program,
                    config=self._config,
                    patience=PATIENCE,
                    receive_updates=False,
                    flood_sleep_threshold=0,
                )
            if not client.is_connected():
                await client.connect()
        return client

    async def close(self) -> None:
        """Leave all of them."""
        for client in self._clients.values():
            await client.disconnect()


def _names(config: Config, allowed: Sequence[str]) -> tuple[str, ...]:
    every = [one.name for one in config.sessions]
    return tuple(one for one in every if one in allowed or "*" in allowed)


async def peer_of_chat(client: Any, chat: str) -> Any:
    """Who is meant by a chat's number, ``@name``, link, or ``me``, as Telethon wants it.

    Raises:
        NotUsableError: there is none.
    """
    chat = chat.strip()
    number = NUMBER.fullmatch(chat)
    wanted = int(chat) if number else chat
    try:
        return await client.get_input_entity(wanted)
    except (TypeError, ValueError) as error:
        if not number:
            raise _unknown(chat) from error
    await client.get_dialogs(limit=REMEMBERED)
    try:
        return await client.get_input_entity(wanted)
    except (TypeError, ValueError) as error:
        raise _unknown(chat) from error


def _unknown(chat: str) -> NotUsableError:
    return NotUsableError(
        f"this account knows no chat {chat[:80]!r}; give an id or @name as list_chats has it"
    )
