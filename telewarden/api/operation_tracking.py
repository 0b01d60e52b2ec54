"""A context manager that records a block of work as an operation.

The block's work is what matters: what it raises is what its caller sees, whether or not the end
of the operation could still be written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pykka

from ..errors import TelewardenError, UnknownFieldError

if TYPE_CHECKING:
    from .operations import BlockingOperations, Operations

__all__ = ["Tracked", "TrackedBlocking", "noted", "tracked", "tracked_blocking"]

logger = logging.getLogger(__name__)


class Tracked:
    """The operation of an ``async with`` block; ``id`` is its number."""

    def __init__(self, id_: int, operations: Operations) -> None:
        self.id, self._operations = id_, operations

    async def step(self, step: int, description: str | None = None) -> None:
        """``step`` steps are done; and what it is doing now."""
        await self._operations.advance(self.id, step=step, description=description)

    async def describe(self, description: str, *, steps: int | None = None) -> None:
        """What it is doing now; and how many steps it has, if that has become known."""
        await self._operations.advance(self.id, steps=steps, description=description)

    async def part(self, number: int, text: str) -> None:
        """Add part ``number``, or replace it."""
        await self._operations.put_part(self.id, number, text)

    async def parts(self, texts: Sequence[str]) -> None:
        """Replace all parts; they are numbered from 1."""
        await self._operations.set_parts(self.id, texts)


class TrackedBlocking:
    """The operation of a ``with`` block; ``id`` is its number."""

    def __init__(self, id_: int, operations: BlockingOperations) -> None:
        self.id, self._operations = id_, operations

    def step(self, step: int, description: str | None = None) -> None:
        """``step`` steps are done; and what it is doing now."""
        self._operations.advance(self.id, step=step, description=description)

    def describe(self, description: str, *, steps: int | None = None) -> None:
        """What it is doing now; and how many steps it has, if that has become known."""
        self._operations.advance(self.id, steps=steps, description=description)

    def part(self, number: int, text: str) -> None:
        """Add part ``number``, or replace it."""
        self._operations.put_part(self.id, number, text)

    def parts(self, texts: Sequence[str]) -> None:
        """Replace all parts; they are numbered from 1."""
        self._operations.set_parts(self.id, texts)


@contextlib.asynccontextmanager
async def tracked(
    operations: Operations, kind: str, *, who: str, details: dict[str, Any]
) -> AsyncIterator[Tracked]:
    """``Operations.track``."""
    id_ = await _begun(operations, kind, who, details)
    try:
        yield Tracked(id_, operations)
    except Exception as error:
        with _said(id_):
            await operations.fail(id_, _words(error), who=who)
        raise
    except GeneratorExit:  # closed by force, where nothing may be waited for any more
        with _said(id_):
            operations.cancel_later(id_, who=who)
        raise
    except BaseException:  # cancelled, Ctrl-C, an exit: given up, not failed
        with _said(id_):
            await asyncio.shield(operations.cancel(id_, who=who))
        raise
    with _said(id_):
        await operations.finish(id_, who=who)


def _refuse_unknown(details: dict[str, Any]) -> None:
    known = ("description", "parts", "session", "steps")
    if unknown := tuple(sorted(set(details).difference(known))):
        raise UnknownFieldError(unknown, known)


async def _begun(operations: Operations, kind: str, who: str, details: dict[str, Any]) -> int:
    """Begin one; if that is given up on its way, it does not stay behind."""
    _refuse_unknown(details)
    beginning = asyncio.ensure_future(operations.begin(kind, who=who, **details))
    try:
        return (await asyncio.shield(beginning)).id
    except asyncio.CancelledError:
        with contextlib.suppress(TelewardenError, pykka.ActorDeadError):  # not begun
            operations.cancel_later((await beginning).id, who=who)
        raise


@contextlib.asynccontextmanager
async def noted(operations: Operations, kind: str, **details: Any) -> AsyncIterator[Tracked | None]:
    """As ``Operations.track``, for work that is done even where no operation can be begun.

    The block gets ``None`` then: the registry is full of running ones, or not there.
    """
    async with contextlib.AsyncExitStack() as stack:
        tracked: Tracked | None = None
        try:
            tracked = await stack.enter_async_context(operations.track(kind, **details))
        except (TelewardenError, pykka.ActorDeadError) as error:
            logger.warning("operation not noted kind=%s why=%s", kind, error)
        yield tracked


@contextlib.contextmanager
def tracked_blocking(
    operations: BlockingOperations, kind: str, *, who: str, details: dict[str, Any]
) -> Iterator[TrackedBlocking]:
    """``BlockingOperations.track``."""
    _refuse_unknown(details)
    id_ = operations.begin(kind, who=who, **details).id
    try:
        yield TrackedBlocking(id_, operations)
    except Exception as error:
        with _said(id_):
            operations.fail(id_, _words(error), who=who)
        raise
    except BaseException:  # Ctrl-C, a cancelled task: given up, not failed
        with _said(id_):
            operations.cancel(id_, who=who)
        raise
    with _said(id_):
        operations.finish(id_, who=who)


@contextlib.contextmanager
def _said(id_: int) -> Iterator[None]:
    """Where an end cannot be written down, the log says so: the disk refuses, all stops."""
    try:
        yield
    except (TelewardenError, pykka.ActorDeadError) as error:
        logger.warning("operation's end not noted operation=%d why=%s", id_, error)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
