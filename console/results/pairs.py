"""Results about pairs."""

from __future__ import annotations

from pydantic import Field

from .base import Result
from .sessions import Wait


class Pair(Result):
    """A pair as it is planned; a handler's options, which may be secret, are left out."""

    id: int
    session: str
    source: int | str
    target: int | str
    mode: str
    enabled: bool
    handler: str


class AddedPair(Pair):
    """A pair that was added; ``located`` says that its chats were looked for and found."""

    located: bool


class PairList(Result):
    """The pairs, by number."""

    pairs: tuple[Pair, ...]


class Why(Result):
    """Why a pair waits, or that it does not."""

    id: int
    session: str
    health: str
    paused: str | None
    waiting: int
    dead: int
    verdict: str
    advice: str
    waits: tuple[Wait, ...]


class DeadLetter(Result):
    """A message that could not be delivered, and why."""

    pair: int
    source_chat: int
    source_id: int
    reason: str
    attempts: int
    at: float


class DeadList(Result):
    """The messages that could not be delivered; ``total`` counts all that match."""

    dead: tuple[DeadLetter, ...]
    total: int


class DeadContent(Result):
    """What a dead letter holds, as it is at Telegram now; ``link`` opens it there."""

    pair: int
    source_id: int
    reason: str
    gone: bool
    kind: str
    text: str = Field(repr=False)
    cut: bool
    at: float | None
    edited: float | None
    link: str


class Retried(Result):
    """So many dead letters are on their way again."""

    pair: int
    retried: int


class Dropped(Result):
    """So many dead letters are forgotten."""

    pair: int
    dropped: int


class Move(Result):
    """Pairs move to a session, with those that they are taken from.

    ``operation`` is where the move is followed. While it is under way ``pairs`` is empty.
    """

    pairs: dict[int, str]
    to: str
    operation: int | None
    dry_run: bool


class Chat(Result):
    """A chat of an account; ``id`` is as pairs take it."""

    id: int
    username: str | None
    title: str
    kind: str


class ChatList(Result):
    """The chats of a session's account, newest first."""

    session: str
    chats: tuple[Chat, ...]
