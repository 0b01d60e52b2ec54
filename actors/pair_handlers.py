"""Pair handlers by name: the built-in one, and those that an app or a package adds.

A handler is found by name, among those given to the warden and those that installed packages
offer in the entry-point group ``telewarden.handlers``. The outbox, order, retries, edits and
dead letters are the worker group's, so that a handler only has to deliver one thing at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal, Protocol, runtime_checkable

from ..errors import UnknownHandlerError
from ..telegram import Incoming, RichText

HANDLER_GROUP: Final = "telewarden.handlers"
TELEGRAM: Final = "telegram"  # the handler that ships: the worker group itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A message's photo or document; ``data`` is ``None`` where it has more bytes than were asked.

    ``size`` in bytes, 0 where Telegram does not say.
    """

    name: str = field(repr=False)
    mime: str
    size: int
    data: bytes | None = field(default=None, repr=False)


Fetch = Callable[[Incoming, int], Awaitable[Attachment | None]]


async def nothing_to_fetch(message: Incoming, most: int) -> Attachment | None:  # noqa: ARG001 - as a ``Fetch`` is
    """What a request that no session stands behind has of attachments."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerRequest:
    """What a handler is to do.

    Args:
        action: ``post`` something new, ``edit`` or ``delete`` what was posted.
        pair: the pair's id.
        key: the same for every try of the same action; give it on, so that a repeat is known.
        messages: one message, or an album; at ``delete`` empty.
        texts: by message id, the text as the pair's rules have changed it.
        receipts: by message id, what ``deliver`` returned for it; for ``edit`` and ``delete``.
        answers: what ``deliver`` returned for the message that this one answers, if known.
        fetch: ``await request.fetch(message, most)`` gives a message's photo or document, ``None``
            where it has none; of one with more than ``most`` bytes only what it is. Raises what the
            session's calls raise; the time it takes counts for ``deliver``.
    """

    action: Literal["post", "edit", "delete"]
    pair: int
    key: str
    messages: tuple[Incoming, ...] = ()
    texts: Mapping[int, RichText] = field(default_factory=dict, repr=False)
    receipts: Mapping[int, int] = field(default_factory=dict)
    answers: int | None = None
    fetch: Fetch = field(default=nothing_to_fetch, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The first text there is, changed by the pair's rules."""
        spoken = (self.texts.get(one.id, RichText(one.text)).text for one in self.messages)
        return next((text for text in spoken if text), "")

    def said(self, message: Incoming) -> RichText:
        """A message's text with its entities, changed by the pair's rules."""
        return self.texts.get(message.id) or RichText(message.text, message.marks)


@runtime_checkable
class PairHandler(Protocol):
    """Delivers a pair's messages somewhere. One is made for each pair, in the loop."""

    async def deliver(self, request: HandlerRequest) -> int | None:
        """Do it, and return a number under which it can be edited, deleted or answered later.

        It may be called again with the same ``key``, and the same messages, after a crash or an
        error. Cancelled after the configuration's ``call_deadline``.

        Raises:
            HandlerRefusedError: it will never be taken: it becomes a dead letter.
            Exception: anything else: it is tried again, after ever longer pauses.
        """
        ...

    async def close(self) -> None:
        """Let go of what is open; the pair's group stops or has crashed."""


HandlerFactory = Callable[[Mapping[str, Any]], PairHandler]


class Handlers:
    """The handlers that there are, by name; what is given goes before what is installed.

    Args:
        given: handlers of the app that runs the warden.
    """

    def __init__(self, given: Mapping[str, HandlerFactory] | None = None) -> None:
        self._given = dict(given or {})

    def check(self, name: str, options: Mapping[str, Any] | None = None) -> None:
        """Make sure that there is a handler of that name, and that it can use its options.

        The latter where it says so by itself: its class has a ``check_options(options)``.

        Raises:
            UnknownHandlerError
            HandlerOptionsError: its options are wrong, or what they need is not there.
        """
        if name == TELEGRAM:
            return
        if name not in self._given and name not in _installed():
            raise UnknownHandlerError(name, tuple(sorted({*self._given, *_installed()})))
        if options is not None:
            check = getattr(self._found(name), "check_options", None)
            if check is not None:
                check(options)

    def make(self, name: str, options: Mapping[str, Any]) -> PairHandler:
        """One pair's handler, made when it first delivers: what fails then is the pair's."""
        return _Late(lambda: self.factory(name)(options))

    def factory(self, name: str) -> HandlerFactory:
        """What makes the handlers of that name.

        Raises:
            UnknownHandlerError
        """
        self.check(name)
        return self._found(name)

    def _found(self, name: str) -> HandlerFactory:
        if name in self._given:
            return self._given[name]
        factory: HandlerFactory = _installed()[name].load()
        return factory


class _Late:
    """A handler that is made for its first delivery, and again after one that could not be."""

    def __init__(self, make: Callable[[], PairHandler]) -> None:
        self._make = make
        self._handler: PairHandler | None = None

    async def deliver(self, request: HandlerRequest) -> int | None:
        if self._handler is None:
            self._handler = self._make()
        return await self._handler.deliver(request)

    async def close(self) -> None:
        if self._handler is not None:
            await self._handler.close()


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=HANDLER_GROUP)}
