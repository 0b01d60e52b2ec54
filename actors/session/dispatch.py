"""Dispatch of a session's messages to its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ...supervision import Down
from ..forwarding.messages import PairOrder
from ..messages import (
    Begin,
    CallTelegram,
    CheckAccess,
    Deliver,
    GroupReady,
    History,
    Locate,
    LookInto,
    Probe,
    Recover,
    Report,
    Serve,
    StartLogin,
    StateAsked,
    SubmitCode,
    SubmitPassword,
    Unlimited,
    Withdraw,
)
from .internal import (
    CareWent,
    Climbed,
    ClimbFailed,
    Flush,
    GroupEnded,
    GroupsSeen,
    GroupStarted,
    Heard,
    KeyEnded,
    LoginWanted,
    LoginWent,
    LookAtGroups,
    PassOn,
    ProbeAnswered,
    ProbeFailed,
    Replied,
    RightsUnknown,
    Switch,
    settle,
)
from .login import CancelLogin, Renew, ResendCode, StartQr, WaitQr
from .maintenance import GiveOut, LogOut, RestoreBackup, TakeBackup, TakeIn
from .online_waits import AwaitOnline, WaitedEnough
from .sender import FloodOver, Send, SendFailed, Sent, tell

if TYPE_CHECKING:
    from .actor import SessionActor

__all__ = ["HANDLERS"]

Handler = Callable[["SessionActor", Any], object]

HANDLERS: Final[Mapping[type, Handler]] = {
    Begin: lambda session, _: session.begin(),
    Recover: lambda session, message: session.recover(message),
    Climbed: lambda session, message: session.climbed(message),
    ClimbFailed: lambda session, message: session.climb_failed(message),
    Switch: lambda session, message: session.switch(message.cause),
    Heard: lambda session, message: session.heard(message),
    Flush: lambda session, _: session.line.flush(),
    Probe: lambda session, _: session.prober.probe(),
    ProbeAnswered: lambda session, message: session.prober.answered(message),
    ProbeFailed: lambda session, message: session.prober.failed(message),
    Report: lambda session, _: session.introduce(),
    StateAsked: lambda session, _: session.report(),
    # Groups and their pairs
    Serve: lambda session, message: session.serve(message),
    GroupReady: lambda session, message: session.group_ready(message),
    GroupEnded: lambda session, message: session.groups.ended(message),
    GroupStarted: lambda session, message: session.groups.started(message),
    Down: lambda session, _: session.groups.failed(),
    LookAtGroups: lambda session, _: session.groups.look(),
    GroupsSeen: lambda session, message: session.groups_seen(message),
    PairOrder: lambda session, message: session.groups.order(message),
    Unlimited: lambda session, message: session.groups.tell(message),
    # Sending
    Deliver: lambda session, message: session.outbound.offer(message),
    Withdraw: lambda session, message: session.outbound.withdraw(message),
    Send: lambda session, message: session.outbound.turn(message.job),
    Sent: lambda session, message: session.outbound.sent(message),
    SendFailed: lambda session, message: session.send_failed(message),
    FloodOver: lambda session, message: session.outbound.flood_over(message.key),
    # Reading and calling
    History: lambda session, message: session.reader.history(message),
    Locate: lambda session, message: session.reader.locate(message),
    CheckAccess: lambda session, message: session.reader.check_access(message),
    LookInto: lambda session, message: session.reader.look_into(message),
    CallTelegram: lambda session, message: session.reader.call(message),
    AwaitOnline: lambda session, message: session.online_waits.take(message),
    WaitedEnough: lambda session, message: session.online_waits.enough(message),
    PassOn: lambda _, message: tell(message.to, message.answer),
    Replied: lambda _, message: settle(message),
    RightsUnknown: lambda *_: None,
    # Logins
    **dict.fromkeys(
        (
            StartLogin,
            SubmitCode,
            SubmitPassword,
            Renew,
            StartQr,
            WaitQr,
            ResendCode,
            CancelLogin,
        ),
        lambda session, message: session.logins.take(message),
    ),
    LoginWanted: lambda session, message: session.logins.wanted(message),
    LoginWent: lambda session, message: session.logins.went(message),
    KeyEnded: lambda session, message: session.logins.key_ended(message),
    **dict.fromkeys(
        (TakeBackup, RestoreBackup, TakeIn, GiveOut, LogOut),
        lambda session, message: session.care.take(message),
    ),
    CareWent: lambda session, message: session.care.went(message),
}
