"""``telewarden run``: one warden from start to signal, telling what happens line by line."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from .collector import set_aside
from .config import load_config
from .errors import TelewardenError, TooManyAbandonedError
from .narrator import as_json as event_as_json
from .narrator import sentence
from .supervision import LEFT_BEHIND, Event, Exit, StopReport, leave_process
from .warden import Warden

__all__ = ["run_warden"]

logger = logging.getLogger(__name__)

ENDED_WELL: Final = 0
GAVE_UP: Final = 1


async def run_warden(config: Path, *, as_json: bool, verbose: bool) -> int:
    """Run until a signal comes or the tree gives up; returns the exit code.

    With incarnations left behind it does not return: the process ends at once, exit code 70.

    Raises:
        TelewardenError: it could not be started; nothing is left running.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.ERROR,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    _open_more_files()
    warden = Warden(load_config(config))
    warden.events.subscribe(_teller(as_json=as_json))
    await warden.start()
    set_aside()
    try:
        _announce(warden, as_json=as_json)
        with _signals(warden.shutdown):
            exit_ = await warden.wait()
            report = await warden.stop()
    finally:
        await warden.stop()
    code = _outcome(exit_, report)
    if code == LEFT_BEHIND:
        leave_process(code)  # whatever did not stop would hold the interpreter's own end up, too
    return code


def _open_more_files() -> None:
    """Allow as many open files as may be allowed: each session has a line, a lease and a claim."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # what is allowed stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _announce(warden: Warden, *, as_json: bool) -> None:
    if as_json:
        return
    stand_in = warden.standin
    if stand_in is not None and stand_in.telegram is not None:
        _say(f"loopback data centre on 127.0.0.1:{stand_in.telegram.port}")
    if warden.port is not None:
        _say(f"page and metrics on http://127.0.0.1:{warden.port}/ and /metrics")
    _say(f"{len(warden.config.sessions)} sessions, {len(warden.config.pairs)} pairs; Ctrl-C ends")


def _teller(*, as_json: bool) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        if as_json:
            print(event_as_json(event), flush=True)  # noqa: T201 - the command's output
        elif (words := sentence(event)) is not None:
            _say(words)

    return tell


def _say(words: str) -> None:
    now = dt.datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    print(f"{now} {words}", flush=True)  # noqa: T201 - the command's output


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGTERM or SIGINT asks for a stop, the second ends the process at once."""
    loop = asyncio.get_running_loop()
    heard: list[int] = []

    def hear(number: int) -> None:
        if heard:
            os._exit(128 + number)
        heard.append(number)
        stop()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _outcome(exit_: Exit | None, report: StopReport | None) -> int:
    if report is not None and not report.is_clean:
        _complain(report.as_text())
        return LEFT_BEHIND
    if exit_ is not None:
        why = exit_.error if isinstance(exit_.error, TelewardenError) else exit_.reason
        _complain(f"the tree gave up: {why}")
        return LEFT_BEHIND if isinstance(exit_.error, TooManyAbandonedError) else GAVE_UP
    return ENDED_WELL


def _complain(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201 - the command's output
