"""Which parts of a tree still answer: the look behind a service manager's watchdog.

A loop that turns proves nothing about the journal's thread, and neither about a tree that has given
up, so each is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

import pykka

from ..actors import Journal, OverviewAsked, PairPlansAsked
from ..actors.journal import DISK_REFUSES
from ..errors import TelewardenError, UnknownSessionError
from ..supervision import Tree, ask_async

NO_SESSION: Final = PairPlansAsked(session="")  # any question will do; this one is quickly refused
AT_WORK: Final = (*DISK_REFUSES, UnknownSessionError)  # another process would have the same disk


async def stuck_parts(tree: Tree, *, within: float) -> tuple[str, ...]:
    """The parts that do not answer within so many seconds, or the tree once it has given up."""
    if tree.terminated.done:
        return ("the tree",)
    questions: dict[str, Awaitable[object]] = {
        "journal": _write_nothing(tree, within),
        "registry": _ask(tree, "registry", NO_SESSION, within),
        "health": _ask(tree, "health", OverviewAsked(), within),
    }
    answered = await asyncio.gather(*(_answers(one, within) for one in questions.values()))
    return tuple(part for part, well in zip(questions, answered, strict=True) if not well)


async def _write_nothing(tree: Tree, within: float) -> None:
    journal = Journal(tree.ref("journal"), timeout=within)
    await journal.do(lambda _: None, wait_for_disk=False)


async def _ask(tree: Tree, part: str, question: object, within: float) -> object:
    return await ask_async(tree.ref(part), question, timeout=within)


async def _answers(question: Awaitable[object], within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            await question
    except AT_WORK:
        return True
    except (TelewardenError, pykka.ActorDeadError, TimeoutError):
        return False
    return True
