"""Commands on pairs over the control socket: names, arguments, JSON answers.

Owns the shape of arguments and answers; what a command does is the handle's business. A move goes
on by itself once its operation has begun, whoever asked for it hangs up or not.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from ..actors import PairPlan
from ..api.checks import a_text
from ..api.operations import Operations
from ..api.pairs import Pairs
from ..console import WHO
from ..errors import BadCommandError

SHOWN: Final = ("id", "session", "source", "target", "mode", "enabled", "handler")

Given = Mapping[str, Any]
Answer = dict[str, Any]


class PairCommands:
    """The commands of one warden.

    Args:
        pairs: the handle that carries them out.
        operations: where a move is followed.
    """

    def __init__(self, pairs: Pairs, operations: Operations) -> None:
        self._pairs, self._operations = pairs, operations
        self._under_way: set[asyncio.Task[object]] = set()
        self._commands: dict[str, Callable[..., Awaitable[Answer]]] = {
            "add": self._add,
            "backfill": self._backfill,
            "change": self._change,
            "confirm": self._confirm,
            "dead": self._dead,
            "drop": self._drop,
            "list": self._list,
            "operation": self._operation,
            "pause": self._pause,
            "reassign": self._reassign,
            "remove": self._remove,
            "resume": self._resume,
            "retry": self._retry,
        }

    async def carry_out(self, command: str, given: Given) -> Answer:
        """Do it, and return what there is to say in JSON's types.

        Raises:
            BadCommandError: there is no such command, or the arguments are not its own.
            TelewardenError: whatever the handle raises.
        """
        a_text("command", command, "its name")
        work = self._commands.get(command)
        if work is None:
            raise BadCommandError(command, f"commands are: {', '.join(self._commands)}")
        try:
            inspect.signature(work).bind(**given)
        except TypeError as error:
            raise BadCommandError(command, str(error)) from None
        return await work(**given)

    def close(self) -> None:
        """The warden stops: moves that are under way are given up, and nothing has moved."""
        for task in self._under_way:
            task.cancel()

    async def _list(self, session: str | None = None) -> Answer:
        return {"pairs": [_shown(plan) for plan in await self._pairs.list(session)]}

    async def _add(
        self, fields: Given, pair: int | None = None, session: str | None = None
    ) -> Answer:
        return _shown(await self._pairs.add(pair, session=session, who=WHO, **fields))

    async def _change(self, pair: int, fields: Given) -> Answer:
        return _shown(await self._pairs.change(pair, who=WHO, **fields))

    async def _remove(self, pair: int, accept_doubt: bool = False) -> Answer:
        return _shown(await self._pairs.remove(pair, accept_doubt=accept_doubt, who=WHO))

    async def _pause(self, pair: int, reason: str = "") -> Answer:
        return asdict(await self._pairs.pause(pair, reason, who=WHO))

    async def _resume(self, pair: int) -> Answer:
        return asdict(await self._pairs.resume(pair, who=WHO))

    async def _confirm(self, pair: int, take: bool = False) -> Answer:
        return _shown(await self._pairs.confirm(pair, take=take, who=WHO))

    async def _backfill(self, pair: int, after: int = 0, since: str | None = None) -> Answer:
        return asdict(await self._pairs.backfill(pair, after=after, since=_moment(since), who=WHO))

    async def _dead(self, pair: int | None = None) -> Answer:
        return {"dead": [asdict(letter) for letter in await self._pairs.dead(pair)]}

    async def _retry(self, pair: int, messages: list[int] | None = None) -> Answer:
        return {"pair": pair, "retried": await self._pairs.retry(pair, messages or (), who=WHO)}

    async def _drop(self, pair: int, messages: list[int] | None = None) -> Answer:
        return {"pair": pair, "dropped": await self._pairs.drop(pair, messages or (), who=WHO)}

    async def _reassign(
        self, selection: str, to: str, dry_run: bool = False, accept_doubt: bool = False
    ) -> Answer:
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        moving = asyncio.ensure_future(
            self._pairs.reassign(
                selection,
                to,
                dry_run=dry_run,
                accept_doubt=accept_doubt,
                who=WHO,
                begun=_telling(begun),
            )
        )
        either: set[asyncio.Future[Any]] = {begun, moving}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not moving.done():
            self._under_way.add(moving)
            moving.add_done_callback(self._over)
            return {"operation": begun.result(), "to": to}
        move = moving.result()
        pairs = {str(pair): name for pair, name in move.pairs.items()}
        return {"pairs": pairs, "to": move.to, "operation": move.operation}

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # told by the operation

    async def _operation(self, id: int) -> Answer:  # noqa: A002 - its name everywhere else
        operation = self._operations.get(id)
        return {**asdict(operation), "progress": operation.progress, "active": operation.active}


def _telling(begun: asyncio.Future[int]) -> Callable[[int], None]:
    def tell(number: int) -> None:
        if not begun.done():
            begun.set_result(number)

    return tell


def _shown(plan: PairPlan) -> Answer:
    """A plan for others to read; a handler's options may hold its secrets."""
    return {name: getattr(plan, name) for name in SHOWN}


def _moment(text: str | None) -> datetime | None:
    """A date, in UTC unless it says otherwise.

    Raises:
        BadCommandError: it is none.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadCommandError("backfill", f"{text!r} is no date; give 2026-01-31") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
