"""Errors of forwarding and of changes to pairs."""

from __future__ import annotations

from typing import Final

from .root import TelewardenError, counted


class IllegalPairStepError(TelewardenError):
    """A pair in this state cannot take that event; its states stay as they were."""

    def __init__(self, state: str, event: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"a pair that is {state} takes no {event} but {', '.join(allowed) or 'nothing'}: a"
            " fault of Telewarden's; its worker group restarts and goes on from the outbox"
        )
        self.state, self.event, self.allowed = state, event, allowed


class PeerUnknownError(TelewardenError):
    """This account never saw that chat, so that it cannot be addressed; nothing was sent."""

    def __init__(self, chat: int) -> None:
        super().__init__(
            f"chat {chat} is unknown to this account; open or join it once, then try again"
        )
        self.chat = chat


HOW_TO_JOIN: Final = {
    "": "say join = true in the pair (telewarden pairs change PAIR join=true), or join in Telegram",
    "approval": "its admins let people in: to ask them say join = true in the pair (telewarden"
    " pairs change PAIR join=true), or ask in Telegram",
    "paid": "coming in is paid for by the month, which is never done here; join in Telegram",
    "page": "it asks newcomers something on a page of its own; join in Telegram",
}


class NotJoinedError(TelewardenError):
    """An account is not in a chat that was named by an invitation; nothing was joined.

    ``needs`` says what coming in takes besides: ``approval``, ``paid`` or ``page``.
    """

    def __init__(self, link: str, title: str, *, needs: str = "") -> None:
        super().__init__(
            f"the account is not in {title!r}, where {link} leads to; {HOW_TO_JOIN[needs]}"
        )
        self.link, self.title, self.needs = link, title, needs


class JoinRequestedError(TelewardenError):
    """An account has asked to be let into a chat; its admins have yet to answer."""

    def __init__(self, link: str, title: str) -> None:
        super().__init__(
            f"the account has asked to join {title!r} ({link}); once its admins have let it in the"
            " pair goes on by itself, and resuming the pair asks them again"
        )
        self.link, self.title = link, title


class ChatNotFoundError(TelewardenError):
    """A pair's chat is not there for the account that would serve it; nothing has changed."""

    def __init__(self, side: str, chat: str, session: str, why: str) -> None:
        super().__init__(f"{side} {chat} was not found by session {session}: {why}")
        self.side, self.chat, self.session, self.why = side, chat, session, why


class NameMovedError(TelewardenError):
    """A name means another chat than the one that is known by it; nothing was read or sent."""

    def __init__(self, name: str, *, known: int, now: int) -> None:
        super().__init__(
            f"{name} means the chat {now} now, and was {known}; confirm which one is meant"
        )
        self.name, self.known, self.now = name, known, now


class ProtectedContentError(TelewardenError):
    """The source protects its content, so that it is not copied; nothing was sent."""

    def __init__(self, chat: int) -> None:
        super().__init__(f"chat {chat} protects its content; it is not copied, remove the pair")
        self.chat = chat


class MessageNotCopyableError(TelewardenError):
    """A message cannot be sent again, whole, under another name; nothing was sent."""

    def __init__(self, chat: int, message: int, why: str = "") -> None:
        reason = why or "not all that it holds can be sent under another name"
        super().__init__(f"message {message} of chat {chat} is not copied: {reason}")
        self.chat, self.message, self.why = chat, message, why


class PatternTooSlowError(TelewardenError):
    """A pair's pattern was not through with a message in time; the message was not judged."""

    def __init__(self, pattern: str, *, within: float) -> None:
        super().__init__(
            f"{pattern!r} was not through with a message in {within:g} s; write it so that no"
            r" repeat stands inside another, as in (\w+\s?)*"
        )
        self.pattern, self.within = pattern, within


class UnknownHandlerError(TelewardenError, LookupError):
    """A pair names a handler that nobody offers; nothing has been started."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"there is no handler {name!r}; handlers are: {', '.join(('telegram', *known))}"
        )
        self.name, self.known = name, known


class HandlerRefusedError(TelewardenError):
    """A pair's handler will never take this message: it becomes a dead letter."""


class HandlerBusyError(TelewardenError):
    """A pair's handler takes nothing for ``seconds``: the pair waits, which counts as no try."""

    def __init__(self, who: str, seconds: float) -> None:
        super().__init__(f"{who} takes nothing for {seconds:.0f} s")
        self.who, self.seconds = who, seconds


class HandlerClosedError(TelewardenError):
    """A pair's handler takes nothing from this pair any more: it pauses, until somebody looks."""


class HandlerOptionsError(HandlerClosedError):
    """A handler cannot use a pair's ``options``, or what they need is not there."""

    def __init__(self, handler: str, option: str, what: str) -> None:
        super().__init__(f"handler {handler}: option {option} {what}")
        self.handler, self.option = handler, option


class BackfillRunningError(TelewardenError):
    """A pair reads its source's past already; that goes on."""

    def __init__(self, pair: int, until: int) -> None:
        super().__init__(f"pair {pair} reads its past up to message {until} already; let it finish")
        self.pair, self.until = pair, until


class PairBusyError(TelewardenError):
    """A pair has something on its way whose end is not known; it goes on where it is.

    Only the account that sent a message is told whether it has arrived.
    """

    def __init__(self, pair: int) -> None:
        super().__init__(f"pair {pair} has a message on its way; try again later")
        self.pair = pair


class PairInDoubtError(PairBusyError):
    """Messages of a pair may have arrived, and their account cannot be asked; it stays as it is.

    What is not known is for a person to decide: with ``accept_doubt`` the pair is let go.
    """

    def __init__(self, pair: int, session: str, messages: int) -> None:
        TelewardenError.__init__(self, in_doubt(pair, session, messages))
        self.pair, self.session, self.messages = pair, session, messages


def in_doubt(pair: int, session: str, messages: int) -> str:
    """What cannot be known of a pair, in words."""
    many = counted(messages, "message")
    return (
        f"pair {pair}: {many} may have arrived unseen, and {session} cannot be asked as it is not"
        " online; bring it back, or go on without knowing: --accept-doubt, accept_doubt=True"
    )


class PairsNotMovedError(TelewardenError):
    """Pairs stay where they are, all of them; ``reasons`` has one sentence for each obstacle.

    ``unfit`` tells which session may not serve which pair, where that is the obstacle.
    """

    def __init__(
        self, reasons: tuple[str, ...], *, unfit: frozenset[tuple[int, str]] = frozenset()
    ) -> None:
        super().__init__("no pair was moved: " + "; ".join(reasons))
        self.reasons, self.unfit = reasons, unfit
