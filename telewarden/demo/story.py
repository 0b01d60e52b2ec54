"""The demo from beginning to end: log in, forward, strike, come back, count.

Owns the order and the pace. Exit code 0 only when nothing was lost or doubled, every fault was
recovered from and every session is healthy at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

from ..errors import DemoError, TelewardenError
from .script import PAIRS, SESSIONS
from .show import Show, Summary, show_for
from .stage import Heard, Stage, log_in, stage
from .strikes import STRIKES, Strike
from .tally import Publisher, count, settle

PUBLISH_EVERY: Final = 0.1  # seconds between two messages, over all four sources
REDRAW_EVERY: Final = 0.4  # seconds
AFTERMATH: Final = 4.0  # seconds kept for the end: the last messages, the count, the stop
HEALTHY_WITHIN: Final = 5.0  # seconds
READY_WITHIN: Final = 20.0  # seconds that the pairs get to find their chats


async def run_demo(*, seconds: float, as_json: bool, port: int, keep: Path | None) -> int:
    """Run it for about ``seconds`` and return the exit code.

    Raises:
        TelewardenError: it could not be set up.
    """
    with _folder(keep) as folder, show_for(as_json=as_json) as show:
        async with stage(folder, port=port) as it:
            summary = await _play(it, show, until=time.monotonic() + seconds)
        show.end(summary)
    return 0 if summary.good else 1


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="telewarden-demo-") as name:
            yield Path(name)
        return
    try:
        keep.mkdir(parents=True, mode=0o700, exist_ok=False)
    except OSError as exc:
        raise DemoError(
            f"folder {keep} cannot be made", f"{exc.strerror}; give --keep another"
        ) from exc
    yield keep.resolve()


async def _play(it: Stage, show: Show, *, until: float) -> Summary:
    publisher = Publisher(it, every=PUBLISH_EVERY)
    faults: list[dict[str, Any]] = []
    problem = ""
    await _open(it, show)
    try:
        publisher.start()
        async with _redrawn(it, show, publisher):
            show.say(f"a message every {PUBLISH_EVERY:g} s, over four pairs", style="bold")
            await _strike_all(it, show, faults, until=until - AFTERMATH)
            await publisher.stop()
            await settle(it, publisher)
    except TelewardenError as exc:
        problem = str(exc)
        with contextlib.suppress(TelewardenError):
            await publisher.stop()
    return await _sum_up(it, publisher, faults, problem)


async def _open(it: Stage, show: Show) -> None:
    show.say(f"loopback data centre on 127.0.0.1:{it.telegram.port}")
    await it.start_warden()
    show.say(f"warden started; page http://127.0.0.1:{it.port}/ and /metrics", style="bold")
    it.listener = _narrating(show)
    for session in SESSIONS:
        phase = await log_in(it, session)
        show.say(f"{session} is logged in ({phase})", style="green")
    await _until_ready(it)


def _narrating(show: Show) -> Any:
    quiet = {"Forwarded", "Probed"}

    def tell(heard: Heard) -> None:
        if heard.event.get("event") not in quiet and heard.event.get("says"):
            show.say(f"  {heard.event['says']}", style="dim")

    return tell


async def _until_ready(it: Stage) -> None:
    """Wait until every pair knows its chats and where it stands in them."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        state = await it.ask(it.client.state)
        pairs = [pair for group in state["groups"] for pair in group["pairs"]]
        if len(pairs) == len(PAIRS) and all(pair["ready"] for pair in pairs):
            return
        await asyncio.sleep(0.1)
    raise DemoError("the pairs did not become ready", "")


async def _strike_all(it: Stage, show: Show, faults: list[dict[str, Any]], *, until: float) -> None:
    for number, strike in enumerate(STRIKES):
        left = until - time.monotonic()
        await asyncio.sleep(max(1.0, left / (len(STRIKES) - number + 1)))
        show.say(f"strike: {strike.tells}", style="bold red")
        faults.append(await _one(it, strike))
        said = faults[-1]["recovered_by"]
        seconds = faults[-1]["seconds"]
        if said:
            show.say(f"back after {seconds:.3f} s: {said}", style="bold green")
        else:
            show.say("not recovered", style="bold red")
    await asyncio.sleep(max(0.0, until - time.monotonic()))


async def _one(it: Stage, strike: Strike) -> dict[str, Any]:
    try:
        outcome = await strike.deed(it)
    except TelewardenError as exc:
        return {"fault": strike.fault, "recovered_by": "", "seconds": None, "problem": str(exc)}
    return {
        "fault": strike.fault,
        "recovered_by": outcome.recovered_by,
        "seconds": round(outcome.seconds, 4),
    }


@contextlib.asynccontextmanager
async def _redrawn(it: Stage, show: Show, publisher: Publisher) -> AsyncIterator[None]:
    task = asyncio.create_task(_redraw(it, show, publisher))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _redraw(it: Stage, show: Show, publisher: Publisher) -> None:
    state: dict[str, Any] = {}
    while True:
        with contextlib.suppress(TelewardenError, OSError):  # it may be dead just now
            state = await it.ask(it.client.state)
        show.update(state, count(it, publisher))
        await asyncio.sleep(REDRAW_EVERY)


async def _sum_up(
    it: Stage, publisher: Publisher, faults: list[dict[str, Any]], problem: str
) -> Summary:
    sessions, repeated = await _last_look(it)
    it.listener = None
    code = await it.stop_warden()
    if code and not problem:
        problem = f"the warden ended with exit code {code}"
    tally = count(it, publisher)
    return Summary(
        sent=tally.sent,
        forwarded=tally.forwarded,
        lost=tally.lost,
        doubled=tally.doubled,
        faults=tuple(faults),
        sessions=sessions,
        repeated=repeated,
        problem=problem,
    )


async def _last_look(it: Stage) -> tuple[dict[str, str], int]:
    """How the sessions are, and how many repeats Telegram refused; the page's look may lag."""
    sessions, repeated = dict.fromkeys(SESSIONS, "unknown"), 0
    deadline = time.monotonic() + HEALTHY_WITHIN
    while time.monotonic() < deadline:
        with contextlib.suppress(TelewardenError, OSError):
            state = await it.ask(it.client.state)
            sessions |= {one["session"]: one["health"] for one in state["sessions"]}
            repeated = sum(pair["repeated"] for group in state["groups"] for pair in group["pairs"])
        if set(sessions.values()) == {"healthy"}:
            break
        await asyncio.sleep(0.2)
    return sessions, repeated
