"""The warden: one process's supervised sessions, from configuration to clean stop.

Owns how the tree is put together and how it is entered: ``async with`` in an app's own loop,
plain ``with`` from code that has none. What runs in the tree is the rooms' business.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import pykka
from prometheus_client import CollectorRegistry

from .actors import (
    Board,
    HandlerFactory,
    Handlers,
    Journal,
    OverviewAsked,
    SessionRefAsked,
    SettingsChanged,
    WaitLedger,
    check_who,
    with_waits,
)
from .api.alerts import Alerts
from .api.blocking import Blocking
from .api.checks import a_text, seconds
from .api.operations import Operations
from .api.pairs import Pairs
from .api.pairs_client import PairsClient
from .api.reassign import Reassigning
from .api.registry import Registry
from .api.registry_client import RegistryClient
from .api.session import LoginStep, SessionHandle
from .api.sessions import Sessions
from .commands.running import carry_out
from .config import Config, ConsoleConfig
from .console import Access, ConsoleActor, Role, Token, bind_tcp, bind_unix
from .console.results.base import Result
from .diagnostics import Diagnosis, diagnose, live_findings
from .errors import (
    AlreadyRunningError,
    ChildNotFoundError,
    ChildRestartingError,
    ChildRunningError,
    ChildStartError,
    InvalidRecordError,
    NotRunningError,
    TelewardenError,
    UnknownSessionError,
)
from .metrics import Exporter
from .service.assembly import Assembly
from .service.crash_record import CrashRecord, past_crashes
from .service.database_backups import DatabaseBackups
from .service.folder_lease import WARDEN, take_folder
from .service.gc_pause import GcPause
from .service.health_orders import MonitorOrders
from .service.key_rotation import MasterKeys
from .service.loopback_server import StandIn, sign_in, standin
from .service.open_files import make_room
from .service.paths import StoragePaths, config_of
from .service.reload import ConfigReloaded, Reloaded, Reloader, ReloadReport
from .service.responsiveness import PartWatch, stuck_parts
from .service.retention import Retention
from .service.stored_figures import StoredLook
from .service.traces import Traces, process_provider
from .service.wait_log import WaitLog
from .storage import Epoch, Operation, Store
from .supervision import (
    Ask,
    ChildSpec,
    Drill,
    EventStream,
    Exit,
    LoopThread,
    LoopWatch,
    RestartChild,
    Snapshot,
    StopReport,
    Tree,
    ask_async,
    run_in_loop,
)
from .telegram import Overview, Phase, ServerAddress, server_time_request

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

logger = logging.getLogger(__name__)

T = TypeVar("T")

ASK_WITHIN: Final = 10.0  # seconds; the actors answer in microseconds unless something is wrong
STOP_WITHIN: Final = 60.0  # seconds; sessions take 25 at most, the journal 30
OBSERVE_EVERY: Final = 5.0  # seconds between two looks that keep the metrics' gauges fresh


class Warden:
    """Keeps the sessions of one configuration alive.

    In an asyncio app, in its own loop::

        async with Warden("forwarding.toml") as warden:
            await warden.session("alice").call(request)

    From plain code, in a thread of its own::

        with Warden("forwarding.toml") as warden:
            warden.blocking.session("alice").call(request)

    Args:
        config: a configuration, its tables, or the path of its file. With a ``[loopback]`` table
            the data centre that it describes is started with the warden, and Telegram left alone.
        server: a data centre to use instead of Telegram's, and of the one in ``[loopback]``.
        registry: where the metrics go; by default one of the warden's own.
        events: where facts are published; by default a stream of the warden's own.
        handlers: your own ways to deliver, by the name that pairs use; installed packages offer
            more in the entry-point group ``telewarden.handlers``.
        tracer_provider: OpenTelemetry's, for spans of what happens; by default the process's when
            it starts, if it has one. See docs/traces.md.

    Raises:
        ConfigError: the configuration cannot be used.
        UnknownHandlerError: a pair names a handler that nobody offers.
    """

    def __init__(
        self,
        config: Config | Mapping[str, Any] | Path | str,
        *,
        server: ServerAddress | None = None,
        registry: CollectorRegistry | None = None,
        events: EventStream | None = None,
        handlers: Mapping[str, HandlerFactory] | None = None,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        self.config = config_of(config)
        self._handlers = Handlers(handlers or {})
        for pair in self.config.pairs:
            self._handlers.check(pair.handler)
        self.events = events or EventStream()
        self._tracer_provider = tracer_provider
        self._epoch = Epoch()
        self.exporter = Exporter(
            registry, per_session=self.config.metrics.per_session, wall=self._epoch.now
        )
        self._stored_look = StoredLook(self.config, self.exporter, wall=self._epoch.now)
        self._board = Board()
        self._waiting = WaitLedger(wall=self._epoch.now)
        self._wait_log = WaitLog(wall=self._epoch.now)
        client = RegistryClient(
            lambda: self._ref("registry"), self._board, self.events, wall=self._epoch.now
        )
        self.registry = Registry(client)
        pairs_client = PairsClient(client, self._session_ref, self._journal)
        self._auditor = pairs_client.auditor
        moves = Reassigning(pairs_client, self.sessions, self.operations)
        self.pairs = Pairs(pairs_client, self.sessions, moves, self._handlers.check)
        file = config if isinstance(config, str | Path) else None
        self._reloader = Reloader(
            file, lambda: self.config, self._take_over, self.sessions, pairs_client, self._handlers
        )
        self.blocking = Blocking(client, self.pairs, self._running_loop, self.session)
        self.under_way: set[asyncio.Future[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: LoopThread | None = None
        self._server, self._standin = server, None if server is None else StandIn(server=server)
        self._signing: asyncio.Task[None] | None = None
        self._tree: Tree | None = None
        self._parts: Assembly | None = None
        self._starting = False
        self._ending: asyncio.Task[StopReport] | None = None
        self._observer: asyncio.Task[None] | None = None
        self._housekeeping: tuple[asyncio.Task[None], ...] = ()
        self.backups = DatabaseBackups(
            self.config, self.operations, master=lambda: self.keys.present
        )
        self.keys = MasterKeys(self.config, self._stored, self.backups.take, self._auditor.noted)
        self.retention = Retention(
            self.config,
            self.operations,
            self._stored,
            self.events.publish,
            wall=self._epoch.now,
            ahead=lambda: self._epoch.ahead,
        )
        self._listening: tuple[str, int] | None = None
        self._reported: frozenset[str] = frozenset()
        self._places: Snapshot | None = None
        self._all_told = False
        self._stopping = asyncio.Event()
        self._cleanup = contextlib.AsyncExitStack()

    # Starting and stopping

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        thread = LoopThread("telewarden")
        thread.start(self.start)
        self._thread = thread
        return self

    def __exit__(self, *_: object) -> None:
        thread, self._thread = self._thread, None  # from now on nobody begins anything there
        assert thread is not None  # noqa: S101 - __enter__ made it
        thread.stop(self.stop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one of its coroutines from plain code and return its result.

        Raises:
            NotRunningError: it was not entered with a plain ``with``, or was left meanwhile.
            BlockingAskError: called in its own loop, as in a subscriber; await it there.

        Example::

            with Warden("forwarding.toml") as warden:
                overview = warden.run(warden.overview())
        """
        if self._thread is None:
            work.close()
            raise NotRunningError("this warden", "enter it with a plain 'with' first")
        return run_in_loop(self._thread.loop, work, "the warden")

    async def start(self) -> None:
        """Start the tree; returns when every part of it runs. Sessions come online after that.

        Raises:
            AlreadyRunningError: it runs; it goes on as it is.
            TelewardenError: what stood in the way, in one sentence; nothing is left running.
        """
        if self._starting or self._tree is not None:
            raise AlreadyRunningError("this warden")
        self._starting = True
        try:
            if self._ending is not None:  # of a stop that nobody waited for to the end
                await asyncio.shield(self._ending)
            await self._start()
        finally:
            self._starting = False

    async def _start(self) -> None:
        self._stopping.clear()
        self._loop = asyncio.get_running_loop()
        self._board.plans = None  # those of an earlier start are not this one's
        self._places, self._all_told = None, False
        make_room(len(self.config.sessions))
        async with contextlib.AsyncExitStack() as undo:
            undo.enter_context(await take_folder(self.config, WARDEN))
            if self._server is None:
                self._standin = await undo.enter_async_context(standin(self.config))
            self.exporter.watch(self.events)
            undo.callback(self.exporter.close)
            rest = GcPause(self.events, len(self.config.sessions))
            undo.callback(rest.end)
            rest.begin()
            tree = await self._plant(undo)
            try:
                await tree.start()
            except ChildStartError as exc:
                raise exc.cause if isinstance(exc.cause, TelewardenError) else exc from exc
            self._tree = tree
            self._forget_old_crashes()
            self._observer = asyncio.create_task(self._observe())
            self._housekeeping = (
                asyncio.create_task(self.backups.keep_taking()),
                asyncio.create_task(self.retention.keep_pruning()),
                asyncio.create_task(self._stored_look.keep_looking()),
                asyncio.create_task(PartWatch(self, self.events).keep_looking()),
            )
            self._signing = asyncio.create_task(self._sign_in())
            self._cleanup = undo.pop_all()

    async def _sign_in(self, *, only: Collection[str] | None = None) -> None:
        """Log the sessions in on a data centre of our own, as their owners would."""
        if self._server is not None or self._standin is None or self._standin.telegram is None:
            return
        try:
            await sign_in(self, self._standin, only=only)
        except (TelewardenError, pykka.ActorDeadError):  # a person can log the accounts in
            logger.exception("sign-in on the loopback data centre failed")

    async def stop(self, *, deadline: float = STOP_WITHIN) -> StopReport | None:
        """Stop everything in order: sessions finish what is under way, then the journal ends.

        It is stopped also when whoever waits for it is cancelled. Who stops what is stopping
        already waits for the same end.

        Args:
            deadline: seconds for all of it; what has not stopped by then is abandoned.

        Returns how it went and what did not stop in time; ``None`` if the warden did not run.

        Raises:
            InvalidRecordError: the deadline is no number; nothing has changed.
        """
        if isinstance(deadline, bool) or not isinstance(deadline, int | float):
            raise InvalidRecordError("deadline", deadline, "seconds, as a number")
        tree, self._tree = self._tree, None
        if tree is not None:
            if self._signing is not None:
                self._signing.cancel()
            self._ending = asyncio.create_task(self._stop(tree, deadline))
        if self._ending is None or self._ending.done():
            return None
        return await asyncio.shield(self._ending)

    async def _stop(self, tree: Tree, deadline: float) -> StopReport:
        for work in tuple(self.under_way):
            work.cancel()  # a move: nothing has moved
        beside = [
            task
            for task in (self._signing, self._observer, *self._housekeeping)
            if task is not None
        ]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        async with self._cleanup:
            return await tree.stop(deadline)

    async def wait(self) -> Exit | None:
        """Wait until somebody asks for a stop, or the tree gives up; returns how it gave up."""
        ended = asyncio.ensure_future(_awaited(self._running().terminated))
        asked = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else None
        finally:
            ended.cancel()
            asked.cancel()

    def shutdown(self, *, who: str = "app") -> None:
        """Ask for a stop: ``wait`` returns, and whoever waits there stops the warden."""
        check_who(who)
        if self._tree is not None:
            self._auditor.note(who, "shutdown", "warden")
        self._stopping.set()

    # What an app or a page asks

    def snapshot(self) -> Snapshot:
        """The supervisor tree as it is now."""
        return self._running().snapshot()

    async def overview(self) -> Overview:
        """How every session, worker group and pair is, and what waits for what.

        Times are epoch seconds. Sessions are asked at this moment; groups say what they last told.

        Raises:
            NotRunningError: the warden does not run.

        Example::

            for report in (await warden.overview()).sessions:
                print(report.session, report.phase, report.health, report.reason)
        """
        found = await self._ask("health", OverviewAsked())
        self._reported = frozenset(report.session for report in found.sessions)
        tree = self._running()
        self._places = places = tree.snapshot()
        known = self._board.current
        overview = self._judged(found, places)
        self._wait_log.see(overview.waits)
        await self.exporter.observe_async(
            overview,
            places,
            loop_lag=tree.loop_lag,
            registry=self.registry.statistics(),
            registered=known.sessions if known.revision else None,
        )
        return overview

    async def known(self) -> Overview:
        """The same as ``overview`` as everybody has told it last, seconds old at most.

        Nobody but the health monitor is asked: it costs next to nothing for thousands of sessions.

        Raises:
            NotRunningError: the warden does not run.
        """
        found = await self._ask("health", OverviewAsked(fresh=False))
        return self._judged(found, self._places)

    def _judged(self, found: Overview, places: Snapshot | None) -> Overview:
        """With everything that waits, and the health monitor's verdicts."""
        found = replace(found, verdicts=self._board.verdicts_by_subject)
        return with_waits(found, places, self._waiting.now(), now=self._epoch.now())

    def running_operations(self) -> tuple[Operation, ...]:
        """What takes a while, and what did lately, oldest first."""
        return self.operations.list()

    def session(self, name: str) -> SessionHandle:
        """A handle on one session; it stays good through restarts.

        Raises:
            UnknownSessionError: there is none of that name.
        """
        a_text("session", name, "a session's name")
        names = {session.name for session in self.config.sessions}
        if name not in names and name not in self._board.current.sessions:
            raise UnknownSessionError(
                name, tuple(sorted(names.union(self._board.current.sessions)))
            )
        return SessionHandle(
            name,
            find=self._session_ref,
            release=self._release,
            read=self._stored,
            call_deadline=self.config.telegram.call_deadline,
            patience=self.config.telegram.online_deadline,
            signing=self._signing,
            operations=self.operations,
            auditor=self._auditor,
        )

    @property
    def sessions(self) -> Sessions:
        """The registered sessions: register, change, look up, delete."""
        return self.registry.sessions

    @property
    def alerts(self) -> Alerts:
        """Alerts and messages out: what is firing, silences, tests, events that were refused."""
        return Alerts(
            lambda message, timeout: self._ask("notify", message, timeout=timeout), self._auditor
        )

    @property
    def operations(self) -> Operations:
        """What takes a while, and how far it is."""
        return self.registry.operations

    async def diagnose(self) -> Diagnosis:
        """Look at everything, from outside and from inside; safe to paste into an issue.

        Example::

            for finding in (await warden.diagnose()).problems:
                print(finding.area, finding.what, *finding.steps)
        """
        outside = await asyncio.to_thread(diagnose, self.config, server=self._address)
        overview = await self.overview()
        inside = live_findings(overview, skew=await self._skew(overview))
        return Diagnosis(findings=(*outside.findings, *inside))

    async def _skew(self, overview: Overview) -> float | None:
        """Seconds that this clock is ahead of Telegram's, told by any session that is online."""
        for report in overview.sessions:
            if report.phase is Phase.ONLINE:
                with contextlib.suppress(Exception):  # then another one tells, or none
                    sent = time.time()
                    told = await self.session(report.session).call(server_time_request())
                    return (sent + time.time()) / 2 - float(told.date.timestamp())
        return None

    async def recover(self, session: str, *, who: str = "app") -> None:
        """Let a session climb the recovery ladder now."""
        await self.session(session).recover(who=who)

    async def recover_all(self, *, who: str = "app") -> tuple[str, ...]:
        """Let every session climb the recovery ladder now, whatever it waits for.

        Returns their names. How many connect in a second is limited as at a start; what is online
        is looked at and stays so, and a login under way goes on.

        Example::

            names = await warden.recover_all()
        """
        names = tuple(entry.name for entry in self.sessions.list())
        for name in names:
            await self.session(name).recover(who=who)
        return names

    async def login(
        self, session: str, step: LoginStep, secret: str | None = None, *, who: str = "app"
    ) -> str:
        """Take one step of a login: ``start``, ``code``, ``email`` or ``password``.

        Returns the new phase.
        """
        return str(await self.session(session).login(step, secret, who=who))

    async def command(self, name: str, given: Mapping[str, Any], *, who: str = "app") -> Result:
        """Carry out one of the operator's commands, as the command line and others offer it.

        Args:
            name: its words, as ``pairs pause``; docs/commands.md has all of them.
            given: its parameters, from JSON's values or from texts.
            who: noted in the audit trail.

        Raises:
            BadCommandError: there is no such command, or a parameter cannot be used.
            TelewardenError: whatever its work raises.
        """
        check_who(who)
        a_text("name", name, "a command's words, as 'pairs pause'")
        return await carry_out(self, name, given, who=who)

    def noted(self, who: str, what: str, subject: str) -> None:
        """Put into the audit trail what somebody has done beside the commands."""
        check_who(who)
        a_text("what", what, "what was done")
        a_text("subject", subject, "what it was done to")
        self._auditor.note(who, what, subject)

    def refused(self, who: str, what: str, subject: str, *, why: str) -> None:
        """Put into the audit trail what somebody wanted to do and may not."""
        check_who(who)
        a_text("what", what, "what was asked for")
        a_text("subject", subject, "what it was asked for")
        a_text("why", why, "the reason, in a few words")
        self._auditor.note_refusal(who, what, subject, why)

    async def drill(self, path: str, *, who: str = "app") -> None:
        """Crash the child at ``path`` on purpose, to see it come back."""
        a_text("path", path, "a child's path, as the tree shows it")
        async with self._auditor.noted(who, "drill", path):
            self._ref(path).tell(Drill(reason="asked for"))

    async def reload(
        self, config: Config | Mapping[str, Any] | Path | str | None = None, *, who: str = "app"
    ) -> ReloadReport:
        """Go by another configuration: all of it that a running warden can take over, or nothing.

        Who is not concerned works on. What was changed while running stands as long as the
        configuration says what it said then.

        Args:
            config: the configuration; by default the file that this one was made from, read again.
            who: noted in the audit trail.

        Returns what has changed, and what only a restart takes over.

        Raises:
            ConfigError: it cannot be applied, with a sentence for each problem; nothing changed.
        """
        self._running()
        task = asyncio.ensure_future(self._reloader.reload(config, who=who))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return await asyncio.shield(task)

    def _take_over(self, done: Reloaded) -> None:
        assert self._parts is not None  # noqa: S101 - it runs
        known = {session.name for session in self.config.sessions}
        self.config = done.config
        self._sign_in_later({session.name for session in done.config.sessions} - known)
        self.exporter.per_session = done.config.metrics.per_session
        self.backups.change(done.config)
        self.retention.change(done.config)
        self._parts.change(done.config, done.proxies)
        self._ref("registry").tell(SettingsChanged(rerouted=done.rerouted))
        told = ConfigReloaded(at=self._epoch.now(), who=done.who, report=done.report)
        self.events.publish(told)

    def _sign_in_later(self, new: Collection[str]) -> None:
        """Log in those that have come by a reload; who was logged out by hand stays so."""
        if new:
            task = asyncio.ensure_future(self._sign_in(only=new))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)

    def ready(self) -> tuple[bool, str]:
        """Whether all sessions that should be online are, as last reported; and if not, why."""
        all_there, sentence = self._all_reported()
        return self.exporter.ready() if all_there else (False, sentence)

    def started(self) -> tuple[bool, str]:
        """Whether every session has reported since the start, and a sentence; it stays so."""
        if not self._all_told:
            self._all_told, sentence = self._all_reported()
            if not self._all_told:
                return False, sentence
        return True, "started"

    @property
    def ready_share(self) -> float:
        """The share of sessions that has to be online for ``/readyz``, from 0 to 1."""
        return self.config.health.ready_share

    def _all_reported(self) -> tuple[bool, str]:
        reported = len(self._reported)
        now = self._board.current
        expected = len(now.sessions if now.revision else self.config.sessions)
        return reported >= expected, f"{reported} of {expected} sessions have reported"

    async def stuck_parts(self, *, within: float = ASK_WITHIN) -> tuple[str, ...]:
        """The parts of the tree that do not answer, or that it has given up; empty if all is well.

        Asked are the journal's thread, the registry and the monitor; a full disk is an answer.

        Args:
            within: seconds that each may take.

        Raises:
            NotRunningError: the warden does not run.
        """
        within = seconds("stuck_parts.within", within, default=ASK_WITHIN)
        return await stuck_parts(self._running(), within=within)

    @property
    def port(self) -> int | None:
        """The TCP port of the pages, once started; ``None`` without a console."""
        return None if self._listening is None else self._listening[1]

    @property
    def url(self) -> str | None:
        """Where the pages are, by the address that was bound; ``None`` without a console."""
        if self._listening is None:
            return None
        host, port = self._listening
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    @property
    def standin(self) -> StandIn | None:
        """The data centre in Telegram's place, once started; ``None`` for the real Telegram."""
        return self._standin

    # Inside

    @property
    def _address(self) -> ServerAddress | None:
        return None if self._standin is None else self._standin.server

    def _running(self) -> Tree:
        if self._tree is None:
            raise NotRunningError("this warden", "start it first")
        return self._tree

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._tree is None:
            raise NotRunningError("this warden", "start it first")
        return self._loop

    def _ref(self, path: str) -> pykka.ActorRef[Any]:
        tree = self._running()
        try:
            return tree.ref(path)
        except ChildNotFoundError:
            if not tree.terminated.done:
                raise
            why = "its tree has given up, see the log; stop it and start it again"
            raise NotRunningError("this warden", why) from None

    async def _ask(self, path: str, message: Ask[T], *, timeout: float = ASK_WITHIN) -> T:
        return await ask_async(self._ref(path), message, timeout=timeout)

    async def _stored(self, work: Callable[[Store], T]) -> T:
        return await self._journal().do(work, wait_for_disk=False)

    def _journal(self) -> Journal:
        return Journal(self._ref("journal"))

    async def _session_ref(self, name: str) -> pykka.ActorRef[Any]:
        return await self._ask("registry", SessionRefAsked(name))

    async def _release(self, name: str) -> None:
        """End the quarantine of a session, if it is in one."""
        with contextlib.suppress(ChildRunningError, ChildRestartingError, ChildNotFoundError):
            await self._ask("sessions", RestartChild(f"session:{name}"))

    async def _observe(self) -> None:
        while True:
            with contextlib.suppress(TelewardenError, pykka.ActorDeadError):
                await self.overview()
            await asyncio.sleep(OBSERVE_EVERY)

    async def _plant(self, undo: contextlib.AsyncExitStack) -> Tree:
        """The tree, not started yet, with what earlier processes left on record."""
        await self.keys.read_again()
        await asyncio.to_thread(StoragePaths(self.config).tidy, now=time.time())
        provider = self._tracer_provider or process_provider()
        traces = None if provider is None else Traces(provider)
        if traces is not None:
            traces.watch(self.events)
            undo.callback(traces.close)
        self._parts = parts = Assembly(
            self.config,
            server=self._address,
            master=self.keys,
            handlers=self._handlers,
            board=self._board,
            events=self.events,
            exporter=self.exporter,
            epoch=self._epoch,
            waiting=self._waiting,
            orders=MonitorOrders(self.session, lambda: self.pairs),
            traces=traces,
        )
        console, rules = self.config.console, self.config.supervision
        more = () if console is None else (self._console(console, undo),)
        bot = parts.bot(self)
        more = more if bot is None else (*more, bot)
        more = (*more, parts.notifier(has_bot=bot is not None))
        past = await asyncio.to_thread(
            past_crashes, parts.places.database, self.keys.present, since=self._crashes_since()
        )
        tree = Tree(
            parts.spec(*more),
            name="warden",
            events=self.events,
            history=CrashRecord(past, lambda: tree.ref("journal")),
            loop_watch=LoopWatch(lag_limit=rules.stall_after, fatal_after=rules.stall_fatal_after),
            abandoned_limit=rules.abandoned_limit,
        )
        return tree

    def _crashes_since(self) -> float:
        return time.time() - self.config.supervision.crashes_kept

    def _forget_old_crashes(self) -> None:
        # Not left to the retention alone: a process that crashes in a loop never gets that far.
        before = self._crashes_since()
        self._journal().post(lambda store: store.prune_crashes(before))

    def _console(self, console: ConsoleConfig, undo: contextlib.AsyncExitStack) -> ChildSpec:
        tcp = undo.enter_context(contextlib.closing(bind_tcp(console.host, console.port)))
        host, port = tcp.getsockname()[:2]
        self._listening = host, port
        unix = undo.enter_context(contextlib.closing(bind_unix(self.config.control_socket)))
        return ChildSpec(
            id="console",
            actor=ConsoleActor,
            kwargs={
                "panel": self,
                "tcp": tcp,
                "unix": unix,
                "names": console.names,
                "access": self._access_to(host),
            },
        )

    def _access_to(self, address: str) -> Access:
        """Who may do what at the console that listens there."""
        tokens = (
            Token(name=one.name, role=Role(one.role), digest=digest)
            for one, digest in self.config.console_tokens()
        )
        console = self.config.console
        return Access(
            tokens,
            local=ipaddress.ip_address(address).is_loopback,
            opened=console is not None and console.open,
            wall=self._epoch.now,
        )


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
