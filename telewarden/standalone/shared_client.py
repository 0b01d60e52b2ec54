"""A Telethon client on a session that a running warden owns: for programs beside it.

It opens no key and no database: it finds the warden's socket, and the warden does the rest.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..api.checks import a_text, seconds
from ..config import Config
from ..errors import ConfigError, InvalidRecordError
from ..service.paths import config_of

if TYPE_CHECKING:
    from telethon import TelegramClient

PATIENCE: Final = 60.0  # seconds; a restart of a warden with its sessions takes a few
CONFIG, SOCKET, PROGRAM = "TELEWARDEN_CONFIG", "TELEWARDEN_SHARE", "TELEWARDEN_PROGRAM"
HERE: Final = "telewarden.toml"
NAMELESS: Final = "default"


def shared_client(
    session: str,
    *,
    program: str | None = None,
    config: Config | Path | str | None = None,
    socket: Path | str | None = None,
    patience: float = PATIENCE,
    **options: Any,
) -> TelegramClient:
    """Telethon's client on a session that a running warden owns; use it as any other.

    Args:
        session: its name.
        program: its name in the warden's ``[share]`` table; ``TELEWARDEN_PROGRAM``, or ``default``.
        config: the warden's configuration; ``TELEWARDEN_CONFIG``, or ``telewarden.toml`` here.
        socket: the warden's socket for programs instead; or ``TELEWARDEN_SHARE``.
        patience: seconds that a pause of the warden or the session may take.
        options: of ``TelegramClient``, as ``sequential_updates`` or ``flood_sleep_threshold``;
            what concerns a connection has no effect.

    Nothing is connected yet. When it connects and later:

    Raises:
        ConfigError: no configuration is found, or it shares nothing.
        ShareRefusedError: the warden does not let the program do that.
        SharedSessionOfflineError: warden or session did not come in time; nothing was sent.
        OutcomeUnknownError: a request left, and its answer was lost.
        PlaceLostError: the program took its updates too slowly.

    Example::

        async with shared_client("alice", program="greeter") as client:
            await client.send_message("me", "hello")
    """
    a_text("session", session, "a session's name")
    name = program or os.environ.get(PROGRAM) or NAMELESS
    a_text("program", name, "the program's name in [share]")
    _check_options(options)
    waits = seconds("patience", patience, default=PATIENCE)
    place, owner = _socket(config, socket)
    from ..telegram.sharing.line import Door
    from ..telegram.sharing.shared_client import SharedClient

    door = Door(socket=place, session=session, program=name, patience=waits, owner=owner)
    made: TelegramClient = SharedClient(door, **options)
    return made


def _socket(
    config: Config | Path | str | None, given: Path | str | None
) -> tuple[Path, int | None]:
    """The warden's socket, and who besides this user may listen there."""
    told = given or (None if config is not None else os.environ.get(SOCKET))
    if told is not None:
        return Path(told).expanduser().absolute(), None
    found = config_of(config if config is not None else os.environ.get(CONFIG) or HERE)
    if found.share is None:
        why = "nothing is shared: add a [share] table with this program, and restart the warden"
        raise ConfigError("config" if isinstance(config, Config) else str(config or HERE), (why,))
    return found.share_socket, _owner_of(found.folder)


def _owner_of(folder: Path) -> int | None:
    """Whose warden root may come to, too: that of the user whom the storage folder belongs to."""
    if os.geteuid() != 0:
        return None
    try:
        return folder.stat().st_uid
    except OSError:
        return None


def _check_options(options: dict[str, Any]) -> None:
    for name in ("session", "api_id", "api_hash", "connection"):
        if name in options:
            raise InvalidRecordError(name, "...", "nothing: the session is its owner's")
