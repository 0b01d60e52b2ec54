"""``telewarden auth``: one login, step by step, by what it waits for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

import typer

from ..console.client import ControlClient
from ..errors import BadCommandError, CommandFailedError
from .complaint import complain
from .qr_code import QrCode

ENDED_BADLY: Final = 1
MOST_CODES: Final = 10  # QR codes that nobody scans, five minutes: then nobody is there
ASKED: Final[Mapping[str, str]] = {
    "awaiting_code": "login code",
    "awaiting_email": "login e-mail address",
    "awaiting_password": "cloud password",
}
SCANNED: Final = "awaiting_qr"
ENDED: Final = frozenset({"needs_login", "quarantined", "stopped"})

Standing = dict[str, Any]


def log_in(
    client: ControlClient, session: str, *, qr: bool, new_code: bool, code: str | None
) -> None:
    """Ask for what a login waits for until it is done or has ended.

    Raises:
        BadCommandError: a code was given that nobody waits for, or a QR code as well.
        typer.Exit: the login has ended, or was left.
    """
    if qr and (new_code or code is not None):
        raise BadCommandError("auth", "a QR code needs no login code; give --qr alone")
    login = client.login(session, "look")
    phase = login["phase"]
    if code is not None and phase != "awaiting_code":
        raise BadCommandError(
            "auth",
            f"{session} waits for no code; it is {phase};"
            f" to have one sent: telewarden auth {session}",
        )
    if not qr and (new_code or phase not in {*ASKED, SCANNED}):
        login = client.login(session, "start")
    elif qr and phase not in {SCANNED, "awaiting_password", "online"}:
        login = client.login(session, "qr")
    elif phase in ASKED and code is None:
        typer.echo(f"{session}: a login is under way; --new-code begins another")
    if login["phase"] == "online":
        typer.echo(f"{session} is online already")
        return
    while login["phase"] in {*ASKED, SCANNED}:
        if login["phase"] == SCANNED:
            login = _scanned(client, login)
        else:
            login = _handed_in(client, login, code)
        code = None
    _tell(session, login["phase"])


def _tell(session: str, phase: str) -> None:
    if phase in ENDED:
        typer.echo(f"{session} is not logged in; the login has ended: {phase}", err=True)
        raise typer.Exit(ENDED_BADLY)
    typer.echo(f"{session} is logged in")


def _handed_in(client: ControlClient, login: Standing, code: str | None) -> Standing:
    """Hand in what the login waits for; returns what follows."""
    session, phase = login["session"], login["phase"]
    step = phase.removeprefix("awaiting_")
    if code is None and login["says"]:
        typer.echo(login["says"])
    secret = code or _answered(f"{session}: {ASKED[phase]}", unseen=step == "password")
    try:
        return client.login(session, step, secret)
    except CommandFailedError as exc:
        complain(exc)
        if code is not None:
            raise typer.Exit(ENDED_BADLY) from exc
        return client.login(session, "look")  # a login ends after three that are wrong


def _answered(question: str, *, unseen: bool) -> str:
    """Ask; without a terminal the answer is the next line that is piped in.

    Raises:
        typer.Abort: nothing more is typed.
    """
    if sys.stdin.isatty():
        return str(typer.prompt(question, hide_input=unseen))
    typer.echo(f"{question}:")
    line = sys.stdin.readline()
    if not line:
        raise typer.Abort
    return line.strip()


def _scanned(client: ControlClient, login: Standing) -> Standing:
    """Show QR codes until one is scanned; returns what follows. Ctrl-C ends the login.

    Raises:
        typer.Exit: the login was left, or nobody has scanned any.
    """
    session, code = login["session"], QrCode()
    typer.echo(
        f"{session}: scan it with Telegram on a phone that is logged in:"
        " Settings, Devices, Link Desktop Device"
    )
    try:
        for _ in range(MOST_CODES):
            code.show(login["qr"]["url"], login["qr"]["expires"])
            login = client.login(session, "scan")
            if login["phase"] != SCANNED:
                return login
    except KeyboardInterrupt:
        left = "\n"
    else:
        left = f"nobody has scanned {MOST_CODES} codes; "
    finally:
        code.clear()
    client.login(session, "cancel")
    typer.echo(f"{left}{session}: the login by QR code is left; no login code was spent", err=True)
    raise typer.Exit(ENDED_BADLY)
