"""Handlers of Telegram's methods, one family a module.

Owns the meaning of Telegram's methods; leaves records to ``world``, telling people
to ``delivery``, and the wire to the modules above.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from . import (
    auth,
    channels,
    devices,
    dialogs,
    differences,
    editing,
    groups,
    help,  # noqa: A004 - Telegram's name for the family
    history,
    invites,
    login_email,
    media,
    members,
    password,
    people,
    qr,
    sending,
    topics,
)
from .base import Handler, Handlers
from .bots import callbacks, callers, commands

__all__ = ["ALL_HANDLERS", "Handler", "Handlers"]

_FAMILIES: Final = (
    auth,
    callbacks,
    channels,
    commands,
    devices,
    dialogs,
    differences,
    editing,
    groups,
    help,
    history,
    invites,
    login_email,
    media,
    members,
    password,
    people,
    qr,
    sending,
    topics,
)

ALL_HANDLERS: Final[Handlers] = MappingProxyType(
    callers.checked(
        {request: handler for family in _FAMILIES for request, handler in family.HANDLERS.items()}
    )
)
"""Every request that is answered, and by what."""
