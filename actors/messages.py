"""Messages between sessions, worker groups and the monitor; no secret is in a repr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import pykka

from ..storage.records import Mode
from ..supervision import Ask
from ..telegram import (
    GroupReport,
    HealthReason,
    HealthVerdict,
    Incoming,
    Overview,
    Phase,
    Receipt,
    SessionReport,
    Shipment,
    Verdict,
)
from .pair_handlers import TELEGRAM

if TYPE_CHECKING:
    from ..telegram import Access  # with it comes Telethon

Ref = pykka.ActorRef[Any]
Unwanted = Literal["delete", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlan:
    """One pair as planned; a chat is a marked peer id, or a name not looked up yet.

    A name is a ``@username``, the link of an invitation, or ``me``; see ``read_chat``.

    Args:
        rules: filters and transforms, as ``Rules.of`` reads them.
        handler: who delivers; with another than Telegram ``target`` is 0.
        edits, deletes: whether the copies follow the source; only copies can be edited.
        replies: whether an answer becomes an answer to the copy.
        topic: the forum topic in the target for what ``topics`` does not name.
        topics: from the source's topics to the target's.
        ring: it may be part of a ring of pairs; what those put into its source stays there.
        unwanted: what becomes of a copy whose message an edit makes one that is not let through.
        max_stars: what it may pay for one message; 0 for nothing.
        send_as: the channel, or the group itself, in whose name it sends; ``None`` for the account.
        join: whether the account may join its chats, where it is not in them.
        silent: whether nobody hears a sound, whatever the source says.
        added_at: when it was added while the warden ran, in seconds that nobody sets; it carries
            what was said from then on, whenever its session is online.
    """

    id: int
    session: str
    source: int | str
    target: int | str
    mode: Mode = "forward"
    enabled: bool = True
    rules: Mapping[str, Any] = field(default_factory=dict)
    handler: str = TELEGRAM
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    edits: bool = True
    deletes: bool = True
    replies: bool = True
    topic: int | None = None
    topics: Mapping[int, int] = field(default_factory=dict)
    ring: bool = False
    unwanted: Unwanted = "delete"
    max_stars: int = 0
    send_as: int | str | None = None
    silent: bool = False
    join: bool = False
    added_at: float | None = field(default=None, compare=False)

    @property
    def copies(self) -> bool:
        """Whether messages go under another name, so that they can be changed later."""
        return self.mode == "copy" or self.handler != TELEGRAM


# To a session


@dataclass(frozen=True, slots=True)
class Begin:
    """A session's first message to itself: come online. No answer."""


BY_OPERATOR: Final = "asked by the operator"
BY_MONITOR: Final = "asked by the health monitor"


@dataclass(frozen=True, slots=True)
class Recover:
    """Leave a wait, a hold or a quarantine and climb the recovery ladder now. No answer."""

    cause: str = BY_OPERATOR


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Take a fresh client on a new line, if the session is online. No answer."""

    reason: HealthReason


@dataclass(frozen=True, slots=True)
class DisablePairs:
    """Pause all pairs until the session is online again, if its login has ended. No answer.

    Told to a session, and by it to its worker groups.
    """


@dataclass(frozen=True, slots=True)
class Probe:
    """Make sure that Telegram answers. Answered by a ``SessionReport`` to the monitor."""


@dataclass(frozen=True, slots=True)
class Report(Ask[SessionReport]):
    """How are you? Answered at once with a ``SessionReport`` or ``GroupReport``."""


@dataclass(frozen=True, slots=True)
class StateAsked(Ask[SessionReport]):
    """How are you now? Answered at once with a ``SessionReport``, and told to nobody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """These are your pairs from now on, all of them; told to a session or a worker group.

    Those ``in_transfer`` are about to be taken away: who still has them finishes, nobody takes them
    up. ``phone`` is what a session's next login asks a code for, in E.164. No answer.
    """

    plans: tuple[PairPlan, ...] = ()
    in_transfer: frozenset[int] = frozenset()
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReady:
    """A worker group is there. Answered by ``Serve``, and by ``SessionUp`` when online.

    ``pairs`` are those it has. With ``again`` only they have changed.
    """

    group: str
    ref: Ref
    pairs: tuple[int, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """Make sure that ``chats`` can be addressed. Answered by ``Located`` to ``reply_to``.

    Args:
        names: the names by which some of them are known.
        anew: those of which what is remembered is no good.
        join: those that the account may join, where it is not in them.
    """

    chats: tuple[int | str, ...]
    names: Mapping[int, str] = field(default_factory=dict)
    anew: frozenset[int | str] = frozenset()
    join: frozenset[int | str] = frozenset()
    reply_to: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class FindChats(Ask["Located"]):
    """Where are these chats? Nothing is joined. Raises when the session is not online."""

    chats: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Read ``chat`` after message ``after``, oldest first. Answered by ``HistoryRead``.

    With ``ids`` just these messages; the deleted ones are missing from the answer. With
    ``last_page`` the newest messages, as many as Telegram gives at once. With ``newest_only`` just
    the newest message's id, with ``before`` (epoch seconds) the newest before that time.
    ``purpose`` is the asker's own note.
    """

    pair: int
    chat: int
    after: int = 0
    ids: tuple[int, ...] = ()
    last_page: bool = False
    newest_only: bool = False
    before: float | None = None
    purpose: str = ""
    reply_to: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Do one shipment of one pair. Answered by ``Delivered`` or ``Undelivered``.

    ``ticket`` tells this try from an earlier one of the same.
    """

    pair: int
    ticket: int
    shipment: Shipment
    reply_to: Ref

    def first(self, count: int) -> Deliver:
        """The same for the first ``count`` messages, where they need not stay together."""
        if not self.shipment.divisible or count >= self.shipment.cost:
            return self
        return replace(self, shipment=self.shipment.part(0, count))

    def rest(self, receipt: Receipt) -> Deliver:
        """The same for the messages behind those that a receipt tells of."""
        confirmed = sum(1 for one in self.shipment.messages if receipt.tells(one.id))
        return replace(self, shipment=self.shipment.part(confirmed))


@dataclass(frozen=True, slots=True)
class Withdraw:
    """What a pair has handed over is not to go as it is.

    Answered by ``Returned`` with 0, if it waits for its turn or a flood's end; otherwise not at
    all.
    """

    pair: int
    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAccess:
    """What may this account do in ``chats``? Answered by ``AccessChecked`` to ``reply_to``.

    ``asked_for`` is the paused pair for which it is asked; 0 for all that work.
    """

    chats: tuple[int, ...]
    reply_to: Ref
    asked_for: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LookInto(Ask["Mapping[int, Access]"]):
    """Could this account serve pairs with these chats?

    Answered with its rights by chat; a chat that it cannot find is missing. Raises when the session
    is not online.
    """

    chats: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTelegram(Ask[Any]):
    """Make one request in the app's name. Answered with its result, or the error is raised.

    ``dc_id`` is the data centre that is asked, 0 for the session's own.
    """

    request: Any = field(repr=False)
    deadline: float | None = None
    dc_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallShared(Ask[Any]):
    """Carry out a program's request, at the account's pace where it posts.

    Answered with its result, or the error is raised. ``dc_id`` is the data centre that is asked, 0
    for the session's own.
    """

    request: Any = field(repr=False)
    deadline: float | None = None
    dc_id: int = 0


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """What a program is told of a session that it shares."""

    dc_id: int
    user_id: int | None


@dataclass(frozen=True, slots=True)
class SharedCallFailed:
    """A program's request that did not pass the mailbox has failed, with what it may mean."""

    error: Exception


@dataclass(frozen=True, slots=True)
class AskSharedFacts(Ask[SharedFacts]):
    """Where is the account? Answered with its facts; raises when the session is not online."""


@dataclass(frozen=True, slots=True)
class StartLogin(Ask[Phase]):
    """Ask Telegram for a login code. Answered with the new phase."""


@dataclass(frozen=True, slots=True)
class SubmitCode(Ask[Phase]):
    """The code that the user has read. Answered with the new phase."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubmitEmail(Ask[Phase]):
    """The login e-mail address that Telegram wants. Answered with the new phase."""

    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubmitPassword(Ask[Phase]):
    """The account's cloud password. Answered with the new phase."""

    password: str = field(repr=False)


# To a worker group


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUp:
    """The session is online; its work in hand is sent again.

    ``generation`` rises with every connection.
    """

    generation: int


@dataclass(frozen=True, slots=True)
class SessionDown:
    """The session is not online; work waits."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Marked peer ids by chat as it was asked for; for a chat that was not found, why.

    Args:
        said: what is wrong, in the words of the one who saw it, where they say more than that.
        moved: basic groups that are supergroups by now, and which.
    """

    ids: Mapping[int | str, int]
    problems: Mapping[int | str, Verdict]
    said: Mapping[int | str, str] = field(default_factory=dict)
    moved: Mapping[int, int] = field(default_factory=dict)


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
    """It is done, or as much of it as Telegram would have; see the receipt."""

    pair: int
    ticket: int
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Of what was handed over only the first ``count`` messages go now; the others wait again."""

    pair: int
    ticket: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """It is not at its target, and why; what follows is the group's to decide."""

    pair: int
    ticket: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChecked:
    """What the account may do, by chat; chats that could not be looked at are missing.

    ``asked_for`` is that of the question.
    """

    rights: Mapping[int, Access]
    asked_for: int = 0


@dataclass(frozen=True, slots=True)
class Unlimited:
    """The account may write again: pairs that were paused by its limit go on. No answer."""


# To a worker group, for all of its pairs


@dataclass(frozen=True, slots=True)
class Introduce:
    """Tell the session and the monitor that you are there. No answer."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Telegram will not tell what became of messages in ``chat``, or in any. No answer.

    Followed by a ``CatchUp``.
    """

    chat: int | None


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Read the sources' history again, in case updates were missed. No answer.

    With ``routine`` nothing is known to be missed: sources are looked at one after the other.
    """

    routine: bool = False


# To the monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Somebody tells how it is; ``ref`` is where to ask it again."""

    report: SessionReport | GroupReport
    ref: Ref


@dataclass(frozen=True, slots=True)
class OverviewAsked(Ask[Overview]):
    """How is everybody? Answered with an ``Overview``.

    Args:
        fresh: ask everybody; else it is what they have told last, at once.
    """

    fresh: bool = True


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The settings are others now: go by them. Those ``rerouted`` connect anew. No answer.

    Told by the registry to the sessions, and by each session to its worker groups.
    """

    rerouted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SweepEvery:
    """Look at every session this often from now on, in seconds. No answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Forget:
    """A session, or one ``group`` of it, is gone; show it no more. No answer."""

    session: str
    group: str | None = None


# To the registry


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictsTold:
    """The health monitor's verdicts that are new, and of whom there is none any more. No answer.

    Who is ``gone`` is told by session and group; the group of a session itself is empty.
    """

    put: tuple[HealthVerdict, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class VerdictsAsked(Ask[tuple[HealthVerdict, ...]]):
    """Which verdicts stand? Answered with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionIntroduced:
    """A session's actor has started; its reference stays good."""

    session: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is there? Answered with the references of all sessions."""


@dataclass(frozen=True, slots=True)
class SessionRefAsked(Ask[Ref]):
    """Where is this session? Answered with its reference, once its actor has started."""

    session: str
