"""What sessions, worker groups and the monitor say to each other; no secret is in a repr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pykka

from ..storage.records import Mode
from ..telegram import GroupReport, Incoming, SessionReport, Verdict

__all__ = [
    "Begin",
    "CallTelegram",
    "CatchUp",
    "Deliver",
    "Delivered",
    "Forget",
    "GroupReady",
    "History",
    "HistoryRead",
    "Introduce",
    "Locate",
    "Located",
    "OverviewAsked",
    "PairPlan",
    "Probe",
    "Recover",
    "Report",
    "Reported",
    "Roster",
    "SessionDown",
    "SessionIntroduced",
    "SessionRefAsked",
    "SessionUp",
    "StartLogin",
    "SubmitCode",
    "SubmitPassword",
    "Undelivered",
]

Ref = pykka.ActorRef[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlan:
    """One pair as planned; a chat is a marked peer id, or a ``@username`` not looked up yet."""

    id: int
    session: str
    source: int | str
    target: int | str
    mode: Mode = "forward"
    enabled: bool = True


# To a session


@dataclass(frozen=True, slots=True)
class Begin:
    """A session's first message to itself: come online. No answer."""


@dataclass(frozen=True, slots=True)
class Recover:
    """Leave a wait, a hold or a quarantine and climb the recovery ladder now. No answer."""

    cause: str = "asked by the operator"


@dataclass(frozen=True, slots=True)
class Probe:
    """Make sure that Telegram answers. Answered by a ``SessionReport`` to the monitor."""


@dataclass(frozen=True, slots=True)
class Report:
    """How are you? Answered at once with a ``SessionReport`` or ``GroupReport``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReady:
    """A worker group wants the session's messages. Answered by ``SessionUp`` when online."""

    group: str
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """Make sure that ``chats`` can be addressed. Answered by ``Located`` to ``reply_to``."""

    chats: tuple[int | str, ...]
    reply_to: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Read ``chat`` after message ``after``, oldest first. Answered by ``HistoryRead``.

    With ``ids`` just these messages; the deleted ones are missing from the answer.
    """

    pair: int
    chat: int
    after: int = 0
    ids: tuple[int, ...] = ()
    newest_only: bool = False
    reply_to: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Send one message through one pair. Answered by ``Delivered`` or ``Undelivered``."""

    pair: int
    mode: Mode
    target: int
    message: Incoming
    random_id: int
    reply_to: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTelegram:
    """Make one request in the app's name. Answered with its result, or the error is raised."""

    request: Any = field(repr=False)
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class StartLogin:
    """Ask Telegram for a login code. Answered with the new phase."""


@dataclass(frozen=True, slots=True)
class SubmitCode:
    """The code that the user has read. Answered with the new phase."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubmitPassword:
    """The account's cloud password. Answered with the new phase."""

    password: str = field(repr=False)


# To a worker group


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUp:
    """The session is online; ``epoch`` rises with every connection. Work in hand is sent anew."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SessionDown:
    """The session is not online; work waits."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Marked peer ids by chat as it was asked for; for a chat that was not found, why."""

    ids: Mapping[int | str, int]
    problems: Mapping[int | str, Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRead:
    """What ``History`` found, oldest first; ``more`` says that there is more after it."""

    pair: int
    request: History
    messages: tuple[Incoming, ...]
    more: bool = False
    newest: int = 0
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """It is at its target; ``repeated`` if Telegram already had it from an earlier try."""

    pair: int
    source_id: int
    target_id: int | None
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """It is not at its target, and why; what follows is the group's to decide."""

    pair: int
    source_id: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Introduce:
    """Tell the session and the monitor that you are there. No answer."""


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Read the sources' history again, in case updates were missed. No answer."""


# To the monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Somebody tells how it is; ``ref`` is where to ask it again."""

    report: SessionReport | GroupReport
    ref: Ref


@dataclass(frozen=True, slots=True)
class OverviewAsked:
    """How is everybody? Answered with an ``Overview``."""


@dataclass(frozen=True, slots=True)
class Forget:
    """A session has been deleted; show it no more. No answer."""

    session: str


# To the registry


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionIntroduced:
    """A session's actor has started; its reference stays good."""

    session: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is there? Answered with the references of all sessions."""


@dataclass(frozen=True, slots=True)
class SessionRefAsked:
    """Where is this session? Answered with its reference, once its actor has started."""

    session: str
