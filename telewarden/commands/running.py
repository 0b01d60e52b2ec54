"""Carrying out of commands in a running warden."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ..console.commands.catalogue import find
from ..console.results.base import Result
from ..errors import BadCommandError
from . import alerts, backups, login, moving, operations, pairs, sessions, watching
from .engine import Engine, Handlers

HANDLERS: Final[Handlers] = MappingProxyType(
    {
        **sessions.HANDLERS,
        **login.HANDLERS,
        **moving.HANDLERS,
        **backups.HANDLERS,
        **pairs.HANDLERS,
        **operations.HANDLERS,
        **watching.HANDLERS,
        **alerts.HANDLERS,
    }
)


async def carry_out(engine: Engine, name: str, given: Mapping[str, Any], *, who: str) -> Result:
    """Do one command and return its result.

    Args:
        engine: the warden.
        name: the command's, with blanks or dashes between its words.
        given: its parameters, from JSON's values or from texts.
        who: noted in the audit trail.

    Raises:
        BadCommandError: there is no such command, or a parameter cannot be used.
        TelewardenError: whatever the work itself raises.
    """
    command = find(name)
    handler = HANDLERS.get(command.name)
    if handler is None:
        raise BadCommandError(command.name, "is not for a running warden; type it at its machine")
    return await handler(engine, who, **command.read(given))
