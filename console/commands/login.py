"""Commands about a session's login: log in, renew, log out, in and out of files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import CARE_WITHIN, Command, Danger, Given, Surface
from .parameters import Kind, argument, flag, option
from .sessions import SESSION
from .shown import Block, ago, grid, when

GROUP: Final = "Logins"
LOGIN_STEPS: Final = (
    "look",
    "start",
    "code",
    "email",
    "password",
    "qr",
    "scan",
    "resend",
    "cancel",
)


def _phase(result: Given) -> Iterator[Block]:
    yield f"{result['session']}: {result['phase']}"
    if result["says"]:
        yield result["says"]


def _renewing(result: Given) -> Iterator[Block]:
    name, phase = result["session"], result["phase"]
    if phase.startswith("awaiting"):
        works = ", and works on meanwhile" if result["renewing"] else ""
        yield f"{name}: {phase}{works}; go on with: telewarden auth {name}"
    else:
        yield f"{name}: {phase}"


def _logged_out(result: Given) -> Iterator[Block]:
    yield f"{result['session']} is logged out; its pairs and what waits in them stay"


def _authorisations(result: Given) -> Iterator[Block]:
    rows = [
        (
            "its own" if one["current"] else one["hash"],
            one["device"],
            one["app"],
            one["place"],
            when(one["created"]),
            ago(one["active"]),
            "not confirmed" if one["unconfirmed"] else "",
        )
        for one in result["authorisations"]
    ]
    columns = ("number", "device", "app", "place", "since", "used", "")
    yield grid(f"logins of {result['session']}'s account", columns, rows, wide=1)


def _ended(result: Given) -> Iterator[Block]:
    ended = result["authorisation"]
    yield f"{result['session']}: the login of {ended['device']} ({ended['place']}) has ended"


def _recovering(result: Given) -> Iterator[Block]:
    names = result["sessions"]
    asked = names[0] if len(names) == 1 else f"all {len(names)} sessions"
    yield f"{asked}: asked to recover; watch with: telewarden status"


COMMANDS: Final = (
    Command(
        name="login",
        help="Take one step of a login; `auth` asks for each in turn.",
        more="`qr` begins a login by QR code, whose address is in `url`; `scan` waits until it is"
        " scanned or has expired, and returns the next one. `look` tells what a login waits for,"
        " a renewal beside the session too. What is typed into a Telegram chat is void, so no bot"
        " offers this.",
        group=GROUP,
        parameters=(
            SESSION,
            argument("step", "Which one.", Kind.CHOICE, choices=LOGIN_STEPS, metavar="STEP"),
            option("secret", "The code, the e-mail address or the cloud password.", Kind.SECRET),
        ),
        danger=Danger.CHANGES,
        surfaces=frozenset({Surface.API}),
        result="sessions.Phase",
        show=_phase,
        within=CARE_WITHIN,
    ),
    Command(
        name="auth",
        help="Log a session of the running warden in: code, then cloud password if there is one.",
        more="The code goes in here, never into a Telegram chat: Telegram voids codes that it sees"
        " there. Who breaks off comes back to the same login: a code that was sent costs no other."
        " With --qr a QR code is drawn and no login code spent: scan it with Telegram on a phone"
        " that is logged in (Settings, Devices, Link Desktop Device). It changes when it expires;"
        " Ctrl-C, or ten codes that nobody scans, end it and cost nothing.",
        group=GROUP,
        parameters=(
            SESSION,
            flag("qr", "By a QR code, which costs no login code."),
            flag("new_code", "Ask for another code, also if one is waited for."),
            option("code", "The code that was sent, instead of being asked for it.", Kind.SECRET),
        ),
        danger=Danger.CHANGES,
        surfaces=frozenset({Surface.LINE}),
    ),
    Command(
        name="renew",
        help="Begin a new login beside the present one, which works on.",
        more="Go on with `auth`. When it succeeds the session switches over, and then ends the old"
        " login at Telegram.",
        group=GROUP,
        parameters=(SESSION, flag("qr", "By a QR code, which costs no login code.")),
        danger=Danger.CHANGES,
        result="sessions.Phase",
        show=_renewing,
        within=CARE_WITHIN,
    ),
    Command(
        name="logout",
        help="End a login at Telegram, for good, after a backup.",
        more="Work in hand is finished, the key is latched, what was stored of it is cleared."
        " Pairs and what waits in them stay.",
        group=GROUP,
        parameters=(SESSION,),
        danger=Danger.HARMS,
        question="End the login of {session} at Telegram, for good?",
        result="sessions.Phase",
        show=_logged_out,
        within=CARE_WITHIN,
    ),
    Command(
        name="authorisations list",
        help="List the logins of a session's account: devices, places, when they were used.",
        more="The session's own comes first. One that is unconfirmed was made elsewhere, and"
        " Telegram asks whether that was the account's owner; nothing is confirmed by itself.",
        group=GROUP,
        parameters=(SESSION,),
        danger=Danger.LOOKS,
        result="login.Authorisations",
        show=_authorisations,
        within=CARE_WITHIN,
    ),
    Command(
        name="authorisations end",
        help="End another login of a session's account, for good.",
        more="Telegram lets a login of the last day end no other.",
        group=GROUP,
        parameters=(
            SESSION,
            option(
                "number",
                "Its number, as `authorisations list` tells it.",
                Kind.INTEGER,
                required=True,
            ),
        ),
        danger=Danger.HARMS,
        question="End the login {number} of {session}'s account, for good?",
        result="login.AuthorisationEnded",
        show=_ended,
        within=CARE_WITHIN,
    ),
    Command(
        name="recover",
        help="Let a session, or all, climb the recovery ladder now.",
        more="How many connect in a second is limited as at a start.",
        group=GROUP,
        parameters=(
            option("session", "Which one.", Kind.NAME, option=False),
            flag("all", "Recover all sessions."),
        ),
        danger=Danger.CHANGES,
        result="login.Recovering",
        show=_recovering,
    ),
)
