"""The commands over HTTP: which there are for a caller, and carrying one out.

Who may not is refused before anything is done, and the refusal goes into the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import BadCommandError
from .access.roles import Role, may, over_the_network
from .access.tokens import Caller
from .access.tries import Tries
from .commands.catalogue import find, offered
from .commands.model import Command, Surface
from .commands.parameters import Kind
from .openapi import document
from .panel import WHO, Panel
from .problems import RefusedError
from .request_body import json_object
from .words import Words, language_of, translated

NOTED: Final = 10  # refusals of one caller in a minute that the audit trail gets
MINUTE: Final = 60.0
READ_ONLY: Final = "this role only looks; an operator's token is needed"
SOCKET_ONLY: Final = "is taken on the warden's machine alone: use the command line there"


class CommandsApi:
    """Lists the commands, and carries them out.

    Args:
        panel: the warden's handles.
        monotonic: reads a clock that never goes backwards, in seconds.
    """

    def __init__(self, panel: Panel, *, monotonic: Callable[[], float]) -> None:
        self._panel, self._monotonic = panel, monotonic
        self._noted = Tries(limit=NOTED, within=MINUTE)

    async def carry_out(self, request: Request) -> Response:
        """Do one and answer with its result."""
        given = await json_object(request)
        command = find(request.path_params["name"])
        if Surface.API not in command.surfaces:
            raise BadCommandError(command.name, "is for the command line alone")
        caller = _caller(request)
        self._check(command, given, caller)
        who = WHO if caller is None else caller.who
        result = await self._panel.command(command.name, given, who=who)
        words = Words(language_of(request.headers.get("accept-language", "")))
        return JSONResponse(
            translated(result.model_dump(mode="json"), words),
            headers={"content-language": words.language, "vary": "accept-language"},
        )

    async def offered(self, request: Request) -> Response:
        """What there is, and what of it the caller may do."""
        caller = _caller(request)
        rows = [
            _described(one, _why_not(one, {}, caller))
            for one in offered(Surface.API)
            if not one.hidden
        ]
        return JSONResponse({"commands": rows})

    async def openapi(self, _: Request) -> Response:
        """All of them as an OpenAPI document."""
        return JSONResponse(document())

    def _check(self, command: Command, given: Mapping[str, Any], caller: Caller | None) -> None:
        kind = _why_not(command, given, caller)
        if not kind or caller is None:
            return
        if self._noted.spend(caller.name, self._monotonic()):
            self._panel.refused(caller.who, command.name, subject_of(command, given), why=kind)
        if kind == "SocketOnly":
            raise RefusedError(403, kind, f"{command.name} {SOCKET_ONLY}")
        raise RefusedError(403, kind, f"{command.name}: {READ_ONLY}")


def subject_of(command: Command, given: Mapping[str, Any]) -> str:
    """What a command is about, as far as its parameters name it and may be written down."""
    known = {one.name for one in command.parameters if one.kind is not Kind.SECRET}
    session, pair = given.get("session"), given.get("pair")
    if "session" in known and isinstance(session, str) and session.isidentifier():
        return session[:64]
    if "pair" in known and isinstance(pair, int):
        return f"pair {pair}"
    return "warden"


def _caller(request: Request) -> Caller | None:
    """Who asks; ``None`` on the control socket."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller


def _why_not(command: Command, given: Mapping[str, Any], caller: Caller | None) -> str:
    """The kind of the refusal; empty for who may."""
    if caller is None:
        return ""
    if caller.role is None or not may(Role(caller.role), command, given):
        return "ReadOnly"
    return "" if over_the_network(command, given) else "SocketOnly"


def _described(command: Command, why_not: str) -> dict[str, Any]:
    return {
        "name": command.name,
        "slug": command.slug,
        "help": command.help,
        "more": command.more,
        "group": command.group,
        "danger": command.danger.name.lower(),
        "question": command.question,
        "allowed": not why_not,
        "why": {"": "", "ReadOnly": READ_ONLY, "SocketOnly": f"{command.name} {SOCKET_ONLY}"}[
            why_not
        ],
        "parameters": [
            {
                "name": one.name,
                "help": one.help,
                "kind": one.kind.value,
                "required": one.required,
                "default": one.default,
                "choices": list(one.choices),
            }
            for one in command.parameters
        ],
    }
