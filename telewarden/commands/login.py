"""Logins: steps, renewal, end, recovery."""

from __future__ import annotations

from typing import Final

from ..console.results.login import (
    Authorisation,
    AuthorisationEnded,
    Authorisations,
    Recovering,
)
from ..console.results.sessions import Phase
from ..errors import BadCommandError
from ..telegram import CodeInfo
from ..telegram import Phase as Standing
from .engine import Engine, Handlers

SECRETS: Final = ("code", "email", "password")


async def login(engine: Engine, who: str, *, session: str, step: str, secret: str | None) -> Phase:
    """Take one step of a login; the secret is kept nowhere."""
    handle = engine.session(session)
    if step in SECRETS and not secret:
        raise BadCommandError("login", f"step {step} needs a secret; give the {step}")
    phase: Standing
    match step:
        case "look":
            phase = (await handle.report()).phase
        case "start":
            phase = await handle.login("start", who=who)
        case "code":
            phase = await handle.login("code", secret, who=who)
        case "email":
            phase = await handle.login("email", secret, who=who)
        case "password":
            phase = await handle.login("password", secret, who=who)
        case "cancel":
            phase = await handle.cancel_login(who=who)
        case _:
            sent = await handle.resend_code(who=who)
            phase = Standing.AWAITING_CODE if isinstance(sent, CodeInfo) else sent
    says = (await handle.report()).reason if phase.value.startswith("awaiting") else ""
    return Phase(session=session, phase=phase, says=says)


async def renew(engine: Engine, who: str, *, session: str) -> Phase:
    """Begin a new login beside the present one."""
    phase = await engine.session(session).renew(who=who)
    return Phase(session=session, phase=str(phase))


async def logout(engine: Engine, who: str, *, session: str) -> Phase:
    """End the login at Telegram."""
    return Phase(session=session, phase=await engine.session(session).logout(who=who))


async def authorisations(engine: Engine, _who: str, *, session: str) -> Authorisations:
    """The logins of a session's account."""
    found = await engine.session(session).authorisations()
    return Authorisations(
        session=session,
        authorisations=tuple(Authorisation.model_validate(one) for one in found),
    )


async def end_authorisation(
    engine: Engine, who: str, *, session: str, number: int
) -> AuthorisationEnded:
    """End another login of a session's account."""
    ended = await engine.session(session).end_authorisation(number, who=who)
    return AuthorisationEnded(session=session, authorisation=Authorisation.model_validate(ended))


async def recover(
    engine: Engine,
    who: str,
    *,
    session: str | None,
    all: bool,  # noqa: A002 - its option's name
) -> Recovering:
    """Let one session, or all, climb the recovery ladder."""
    if (session is None) is not all:
        raise BadCommandError("recover", "name one session, or give --all")
    if session is None:
        return Recovering(sessions=await engine.recover_all(who=who))
    await engine.recover(session, who=who)
    return Recovering(sessions=(session,))


HANDLERS: Final[Handlers] = {
    "login": login,
    "renew": renew,
    "logout": logout,
    "authorisations list": authorisations,
    "authorisations end": end_authorisation,
    "recover": recover,
}
