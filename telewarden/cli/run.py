"""``telewarden run``: one warden from start to signal, with one line for each event."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import ipaddress
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ..config import Config
from ..errors import ConfigError, TelewardenError, TooManyAbandonedError
from ..errors.root import counted
from ..metrics import sentence
from ..service.gc_pause import set_aside
from ..service.open_files import allow_all
from ..service.reload import ConfigReloaded
from ..service.service_manager import ServiceManager
from ..supervision import EXIT_ABANDONED, Event, Exit, LineLimit, StopReport, leave_process
from ..warden import Warden
from .event_lines import as_json as event_as_json
from .event_lines import line

logger = logging.getLogger(__name__)

ENDED_WELL: Final = 0
GAVE_UP: Final = 1
STANDARD: Final = (0, 1, 2)  # input, output, error
NOBODY_READS: Final = {errno.EPIPE, errno.EIO}  # the pipe's reader or the terminal is gone
START_ENDS_WITHIN: Final = 5.0  # seconds; container hosts kill after ten


async def run_warden(config: Path, *, as_json: bool, verbose: bool) -> int:
    """Run until a signal comes or the tree gives up; returns the exit code.

    SIGHUP has it read its configuration again. With incarnations abandoned it does not return: the
    process ends at once, exit code 70.

    Raises:
        TelewardenError: it could not be started; nothing is left running.
    """
    log, manager = _Log(verbose=verbose), ServiceManager()
    allow_all()
    stop, reload = asyncio.Event(), asyncio.Event()
    with _signals(stop.set, reload.set):
        warden = Warden(config)
        log.level(warden.config.log.level)
        teller = _Teller(as_json=as_json)
        warden.events.subscribe(teller)
        warden.events.subscribe(lambda _: log.level(warden.config.log.level), (ConfigReloaded,))
        beside: list[asyncio.Task[None]] = []
        try:
            await _started(warden, stop)
            teller.started()
            set_aside()
            _announce(warden, as_json=as_json)
            manager.started()
            beside.append(asyncio.create_task(_keep_reloading(warden, reload, manager)))
            beside.append(asyncio.create_task(manager.keep_telling(warden)))
            exit_ = await _waited(warden, stop)
            manager.stopping()
            report = await warden.stop()
        finally:
            for task in beside:
                task.cancel()
            await warden.stop()
    code = _outcome(exit_, report)
    _tell_the_end(code, as_json=as_json)
    if code == EXIT_ABANDONED:
        leave_process(code)  # whatever did not stop would hold the interpreter's own end up, too
    return code


async def _keep_reloading(warden: Warden, asked: asyncio.Event, manager: ServiceManager) -> None:
    """Reload whenever it is asked for; what is asked meanwhile is done once, afterwards."""
    while True:
        await asked.wait()
        asked.clear()
        manager.reloading()
        manager.reloaded(await _reload(warden))


async def _reload(warden: Warden) -> str:
    """Reload once; returns how it went, in a few words."""
    try:
        await warden.reload(who="signal")
    except ConfigError as error:
        for problem in error.problems:
            _complain(f"not reloaded, nothing has changed: {error.source}: {problem}")
    except TelewardenError as error:
        _complain(f"not reloaded: {error}")
    except Exception:  # whatever it is, the next one is to be heard
        logger.exception("not reloaded")
    else:
        return "reloaded"
    return "not reloaded, nothing has changed; the log says why"


async def _started(warden: Warden, asked: asyncio.Event) -> None:
    """Start it. Who asks for a stop meanwhile is not kept waiting by a start that hangs: then the
    process ends as by a kill, which nothing that is stored minds.
    """
    starting, asking = asyncio.ensure_future(warden.start()), asyncio.ensure_future(asked.wait())
    await asyncio.wait({starting, asking}, return_when=asyncio.FIRST_COMPLETED)
    asking.cancel()
    await asyncio.wait({starting}, timeout=START_ENDS_WITHIN)
    if not starting.done():
        _complain(f"the start did not end within {START_ENDS_WITHIN:g} s of the signal")
        leave_process(EXIT_ABANDONED)
    await starting


async def _waited(warden: Warden, asked: asyncio.Event) -> Exit | None:
    """Wait for a signal, or for the warden to end by itself, and how that was."""
    if asked.is_set():
        return None
    asking = asyncio.ensure_future(asked.wait())

    def stop(done: asyncio.Future[Any]) -> None:
        if not done.cancelled():
            warden.shutdown(who="signal")

    asking.add_done_callback(stop)
    try:
        return await warden.wait()
    finally:
        asking.cancel()


class _Log:
    """What is written to the standard error: each kind of line so many times a minute.

    With ``verbose`` everything, without a limit.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        handler = logging.StreamHandler(sys.stderr)
        if not verbose:
            handler.addFilter(_is_news)
            handler.addFilter(LineLimit())
        logging.basicConfig(
            level=logging.DEBUG if verbose else logging.WARNING,
            format="%(asctime)s %(levelname)s %(name)s %(message)s",
            handlers=[handler],
        )

    def level(self, name: str) -> None:
        """Write lines of this level and above from now on."""
        if not self._verbose:
            logging.getLogger().setLevel(name.upper())


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line says what no event does: those are told as they come."""
    return record.levelno >= logging.ERROR or not record.name.startswith("telewarden.supervision")


def _announce(warden: Warden, *, as_json: bool) -> None:
    if as_json:
        return
    stand_in = warden.standin
    if stand_in is not None and stand_in.telegram is not None:
        _say(f"loopback data centre on 127.0.0.1:{stand_in.telegram.port}")
    if warden.url is not None:
        _say(f"page and metrics on {warden.url} and {warden.url}metrics; {way_in(warden.config)}")
    sessions = counted(len(warden.config.sessions), "session")
    _say(f"{sessions}, {counted(len(warden.config.pairs), 'pair')}; Ctrl-C ends")


def way_in(config: Config) -> str:
    """How one gets into the page."""
    console = config.console
    if console is None or console.tokens:
        names = () if console is None else tuple(one.name for one in console.tokens)
        return f"log in there with a token of [[console.tokens]]: {', '.join(names)}"
    if not is_this_machine(console.host):
        return "the page shows nothing before there is a token: telewarden token"
    if console.open:
        return "who is on this machine needs no token"
    return "who is on this machine may look; to steer there, too: telewarden token"


def is_this_machine(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tell_the_end(code: int, *, as_json: bool) -> None:
    words = "all stopped" if code == ENDED_WELL else f"ended badly, exit code {code}"
    if as_json:
        _print(line("Ended", words, code=code))
    else:
        _say(words)


class _Teller:
    """Tells what happens, a line each.

    What happens during the start is told once that is done: of one that fails its error tells.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._held: list[str] | None = []

    def __call__(self, event: Event) -> None:
        for said in self._lines(event):
            if self._held is None:
                _print(said)
            else:
                self._held.append(said)

    def started(self) -> None:
        """Tell what was held back, and from now on at once."""
        held, self._held = self._held, None
        for said in held or ():
            _print(said)

    def _lines(self, event: Event) -> Iterator[str]:
        if self._as_json:
            yield event_as_json(event)
        elif isinstance(event, ConfigReloaded):
            for said in str(event.report).splitlines():
                yield _dated(f"reloaded: {said}")
        elif (words := sentence(event)) is not None:
            yield _dated(words)


def _say(words: str) -> None:
    _print(_dated(words))


def _dated(words: str) -> str:
    now = dt.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{now} {words}"


def _print(line: str) -> None:
    try:
        print(line, flush=True)  # noqa: T201 - the command's output
    except OSError as error:  # work goes on
        if error.errno in NOBODY_READS:  # what waits to be written would fail the process's end
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextlib.contextmanager
def _signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT ask for a stop, and a second one ends it at once; SIGHUP for a reload.

    SIGHUP is also what a terminal says that closes, sometimes twice: then it asks for a stop. Who
    started this with nohup has it ignored, and so it stays.
    """
    loop = asyncio.get_running_loop()
    heard: list[int] = []
    terminal = tuple(filter(os.isatty, STANDARD))

    def hear(number: int) -> None:
        if number == signal.SIGHUP:
            closed = terminal and not any(map(os.isatty, terminal))
            return stop() if closed else reload()
        if heard:
            os._exit(128 + number)
        heard.append(number)
        return stop()

    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        numbers.remove(signal.SIGHUP)
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
        return EXIT_ABANDONED
    if exit_ is not None:
        why = exit_.error if isinstance(exit_.error, TelewardenError) else exit_.reason
        _complain(f"the tree gave up: {why}")
        return EXIT_ABANDONED if isinstance(exit_.error, TooManyAbandonedError) else GAVE_UP
    return ENDED_WELL


def _complain(words: str) -> None:
    with contextlib.suppress(OSError):
        print(words, file=sys.stderr, flush=True)  # noqa: T201 - the command's output
