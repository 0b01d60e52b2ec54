"""What a pair does with a message: Telegram to Telegram ships, an app plugs in its own.

A handler is found by name, among those given to the warden and those that installed packages
offer in the entry-point group ``telewarden.handlers``. The outbox, order, retries, edits and
dead letters are the worker group's, so that a handler only has to deliver one thing at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Final, Literal, Protocol, runtime_checkable

from ..errors import UnknownHandlerError
from ..telegram import Incoming, RichText

__all__ = [
    "HANDLER_GROUP",
    "TELEGRAM",
    "Handed",
    "HandlerFactory",
    "PairHandler",
    "find_handlers",
]

HANDLER_GROUP: Final = "telewarden.handlers"
TELEGRAM: Final = "telegram"  # the handler that ships: the worker group itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a handler is to do.

    Args:
        deed: ``post`` something new, ``edit`` or ``delete`` what was posted.
        pair: the pair's id.
        key: the same for every try of the same deed; give it on, so that a repeat is known.
        messages: one message, or an album; at ``delete`` empty.
        texts: by message id, the text as the pair's rules have changed it.
        receipts: by message id, what ``deliver`` returned for it; for ``edit`` and ``delete``.
        answers: what ``deliver`` returned for the message that this one answers, if known.
    """

    deed: Literal["post", "edit", "delete"]
    pair: int
    key: str
    messages: tuple[Incoming, ...] = ()
    texts: Mapping[int, RichText] = field(default_factory=dict, repr=False)
    receipts: Mapping[int, int] = field(default_factory=dict)
    answers: int | None = None

    @property
    def text(self) -> str:
        """The first text there is, changed by the pair's rules."""
        spoken = (self.texts.get(one.id, RichText(one.text)).text for one in self.messages)
        return next((text for text in spoken if text), "")


@runtime_checkable
class PairHandler(Protocol):
    """Delivers a pair's messages somewhere. One is made for each pair, in the loop."""

    async def deliver(self, handed: Handed) -> int | None:
        """Do it, and return a number under which it can be edited, deleted or answered later.

        It may be called again with the same ``key`` after a crash or an error. Cancelled after
        the configuration's ``call_deadline``.

        Raises:
            HandlerRefusedError: it will never be taken: it becomes a dead letter.
            Exception: anything else: it is tried again, after ever longer pauses.
        """
        ...

    async def close(self) -> None:
        """Let go of what is open; the pair's group stops or has crashed."""
        ...


HandlerFactory = Callable[[Mapping[str, Any]], PairHandler]


def find_handlers(
    names: frozenset[str], given: Mapping[str, HandlerFactory]
) -> dict[str, HandlerFactory]:
    """Return the handlers of these names; what is given goes before what is installed.

    Raises:
        UnknownHandlerError: there is none of a name.
    """
    installed = {point.name: point for point in entry_points(group=HANDLER_GROUP)}
    found: dict[str, HandlerFactory] = {}
    for name in sorted(names - {TELEGRAM}):
        if name in given:
            found[name] = given[name]
        elif name in installed:
            found[name] = installed[name].load()
        else:
            raise UnknownHandlerError(name, tuple(sorted({*given, *installed})))
    return found
