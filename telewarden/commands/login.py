"""Logins: steps, renewal, end, recovery."""

from __future__ import annotations

from typing import Final

from ..api.session import SessionHandle
from ..console.results.login import (
    Authorisation,
    AuthorisationEnded,
    Authorisations,
    Recovering,
)
from ..console.results.sessions import Phase, QrCode
from ..errors import BadCommandError
from ..telegram import CodeInfo, QrToken
from ..telegram import Phase as Standing
from .engine import Engine, Handlers

SECRETS: Final = ("code", "email", "password")


async def login(engine: Engine, who: str, *, session: str, step: str, secret: str | None) -> Phase:
    """Take one step of a login; the secret is kept nowhere."""
    handle = engine.session(session)
    if step in SECRETS and not secret:
        raise BadCommandError("login", f"step {step} needs a secret; give the {step}")
    match step:
        case "look":
            led = (await handle.report()).phase
        case "start":
            led = await handle.login("start", who=who)
        case "code":
            led = await handle.login("code", secret, who=who)
        case "email":
            led = await handle.login("email", secret, who=who)
        case "password":
            led = await handle.login("password", secret, who=who)
        case "qr":
            led = _phase(await handle.login_qr(who=who))
        case "scan":
            led = _phase(await handle.wait_qr(who=who))
        case "cancel":
            led = await handle.cancel_login(who=who)
        case _:
            led = _phase(await handle.resend_code(who=who))
    return await _standing(handle, led)


def _phase(told: Standing | CodeInfo | QrToken) -> Standing:
    match told:
        case CodeInfo():
            return Standing.AWAITING_CODE
        case QrToken():
            return Standing.AWAITING_QR
        case _:
            return told


async def _standing(handle: SessionHandle, phase: Standing) -> Phase:
    """Where a session stands, or the login under way, which may be one beside it."""
    wait = await handle.login_under_way()
    if wait is None:
        return Phase(session=handle.name, phase=phase)
    return Phase(
        session=handle.name,
        phase=wait.phase,
        says=wait.says,
        qr=None if wait.qr is None else _drawn(wait.qr),
        renewing=(await handle.report()).phase is not wait.phase,
    )


def _drawn(token: QrToken) -> QrCode:
    import segno  # not before it is needed: few logins are by QR code

    rows = segno.make(token.url, error="l", micro=False).matrix
    return QrCode(
        url=token.url,
        expires=token.expires.timestamp(),
        rows=tuple("".join(str(int(module)) for module in row) for row in rows),
    )


async def renew(engine: Engine, who: str, *, session: str, qr: bool) -> Phase:
    """Begin a new login beside the present one."""
    handle = engine.session(session)
    return await _standing(handle, _phase(await handle.renew(qr=qr, who=who)))


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
