"""The warden: one process's supervised sessions, from configuration to clean stop.

Owns how the tree is put together and how it is entered: ``async with`` in an app's own loop,
plain ``with`` from code that has none. What runs in the tree is the rooms' business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from prometheus_client import CollectorRegistry

from .actors import (
    Board,
    HandlerFactory,
    Handlers,
    SettingsChanged,
    WaitLedger,
    check_who,
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
from .api.tree_access import ASK_WITHIN, TreeAccess
from .commands.running import carry_out
from .config import Config
from .config.offered import Offered
from .console.results.base import Result
from .diagnostics import Diagnosis, diagnose, live_findings
from .errors import (
    AlreadyRunningError,
    ChildStartError,
    InvalidRecordError,
    NotRunningError,
    TelewardenError,
    UnknownSessionError,
)
from .metrics import Exporter
from .notify import EventKinds
from .service.assembly import Assembly
from .service.console_sockets import ConsoleSockets
from .service.crash_record import forget_old_crashes
from .service.database_backups import DatabaseBackups
from .service.folder_lease import WARDEN, take_folder
from .service.gc_pause import GcPause
from .service.health_orders import MonitorOrders
from .service.key_rotation import MasterKeys
from .service.loopback_server import DataCentre, StandIn
from .service.observation import Observation, clock_skew
from .service.open_files import make_room
from .service.paths import StoragePaths, config_of
from .service.reload import ConfigReloaded, Reloaded, Reloader, ReloadReport
from .service.responsiveness import PartWatch, stuck_parts
from .service.retention import Retention
from .service.stored_figures import StoredLook
from .service.traces import Traces, process_provider
from .storage import Epoch, Operation
from .supervision import (
    Drill,
    Event,
    EventStream,
    Exit,
    LoopThread,
    Snapshot,
    StopReport,
    Tree,
    run_in_loop,
)
from .telegram import Overview, ServerAddress

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

logger = logging.getLogger(__name__)

T = TypeVar("T")

STOP_WITHIN: Final = 60.0  # seconds; sessions take 25 at most, the journal 30


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
        webhook_events: your own classes of events, for webhooks. See docs/alerts.md.

    Raises:
        ConfigError: the configuration cannot be used.
        UnknownHandlerError, UnknownEventError: a pair or a webhook names what nobody offers.
    """

    # of one start
    _thread: LoopThread | None = None
    _parts: Assembly | None = None
    _starting = False
    _ending: asyncio.Task[StopReport] | None = None
    _signing: asyncio.Task[None] | None = None
    _housekeeping: tuple[asyncio.Task[None], ...] = ()

    def __init__(
        self,
        config: Config | Mapping[str, Any] | Path | str,
        *,
        server: ServerAddress | None = None,
        registry: CollectorRegistry | None = None,
        events: EventStream | None = None,
        handlers: Mapping[str, HandlerFactory] | None = None,
        tracer_provider: TracerProvider | None = None,
        webhook_events: Iterable[type[Event]] = (),
    ) -> None:
        self.config = config_of(config)
        self._handlers = Handlers(handlers or {})
        self._offered = Offered(self._handlers, EventKinds(webhook_events))
        self._offered.check(self.config)
        self.events, self._tracer_provider = events or EventStream(), tracer_provider
        self._epoch, self._access = Epoch(), TreeAccess()
        self.exporter = Exporter(
            registry, per_session=self.config.metrics.per_session, wall=self._epoch.now
        )
        self._stored_look = StoredLook(self.config, self.exporter, wall=self._epoch.now)
        self._board, self._waiting = Board(), WaitLedger(wall=self._epoch.now)
        self._make_handles(config if isinstance(config, str | Path) else None)
        self._observation = Observation(
            config=lambda: self.config,
            board=self._board,
            registry=self.registry,
            exporter=self.exporter,
            waiting=self._waiting,
            access=self._access,
            epoch=self._epoch,
        )
        self.under_way: set[asyncio.Future[Any]] = set()
        self._data_centre, self._console = DataCentre(server), ConsoleSockets()
        self._stopping = asyncio.Event()
        self._cleanup = contextlib.AsyncExitStack()

    def _make_handles(self, file: Path | str | None) -> None:
        """What an app and the commands work with; it is good before the start and after a stop."""
        client = RegistryClient(
            lambda: self._access.ref("registry"), self._board, self.events, wall=self._epoch.now
        )
        self.registry = Registry(client)
        pairs_client = PairsClient(client, self._access.session_ref, self._access.journal)
        self._auditor = pairs_client.auditor
        moves = Reassigning(pairs_client, self.sessions, self.operations)
        self.pairs = Pairs(pairs_client, self.sessions, moves, self._handlers.check)
        self._reloader = Reloader(
            file, lambda: self.config, self._take_over, self.sessions, pairs_client, self._offered
        )
        self.blocking = Blocking(client, self.pairs, self._access.loop, self.session)
        self.backups = DatabaseBackups(
            self.config, self.operations, master=lambda: self.keys.present
        )
        self.keys = MasterKeys(
            self.config, self._access.stored, self.backups.take, self._auditor.noted
        )
        self.retention = Retention(
            self.config,
            self.operations,
            self._access.stored,
            self.events.publish,
            wall=self._epoch.now,
            ahead=lambda: self._epoch.ahead,
        )

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
        if self._starting or self._access.tree is not None:
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
        self._board.plans = None  # those of an earlier start are not this one's
        self._observation.begin()
        make_room(len(self.config.sessions))
        async with contextlib.AsyncExitStack() as undo:
            undo.enter_context(await take_folder(self.config, WARDEN))
            await undo.enter_async_context(self._data_centre.run(self.config))
            self.exporter.watch(self.events)
            undo.callback(self.exporter.close)
            rest = GcPause(self.events, len(self.config.sessions))
            undo.callback(rest.end)
            rest.begin()
            tree = await self._make_tree(undo)
            try:
                await tree.start()
            except ChildStartError as exc:
                raise exc.cause if isinstance(exc.cause, TelewardenError) else exc from exc
            self._access.open(tree)
            forget_old_crashes(self._access.journal(), self.config)
            self._housekeeping = (
                asyncio.create_task(self._observation.keep_looking()),
                asyncio.create_task(self.backups.keep_taking()),
                asyncio.create_task(self.retention.keep_pruning()),
                asyncio.create_task(self._stored_look.keep_looking()),
                asyncio.create_task(PartWatch(self, self.events).keep_looking()),
            )
            self._signing = asyncio.create_task(self._data_centre.sign_in(self))
            self._cleanup = undo.pop_all()

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
        tree = self._access.close()
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
        beside = [task for task in (self._signing, *self._housekeeping) if task is not None]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        async with self._cleanup:
            return await tree.stop(deadline)

    async def wait(self) -> Exit | None:
        """Wait until somebody asks for a stop, or the tree gives up; returns how it gave up."""
        ended = asyncio.ensure_future(self._access.running().terminated)
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
        if self._access.tree is not None:
            self._auditor.note(who, "shutdown", "warden")
        self._stopping.set()

    # What an app or a page asks

    def snapshot(self) -> Snapshot:
        """The supervisor tree as it is now."""
        return self._access.running().snapshot()

    async def overview(self) -> Overview:
        """How every session, worker group and pair is, and what waits for what.

        Times are epoch seconds. Sessions are asked at this moment; groups say what they last told.

        Raises:
            NotRunningError: the warden does not run.

        Example::

            for report in (await warden.overview()).sessions:
                print(report.session, report.phase, report.health, report.reason)
        """
        return await self._observation.overview()

    async def known(self) -> Overview:
        """The same as ``overview`` as everybody has told it last, seconds old at most.

        Nobody but the health monitor is asked: it costs next to nothing for thousands of sessions.

        Raises:
            NotRunningError: the warden does not run.
        """
        return await self._observation.known()

    def running_operations(self) -> tuple[Operation, ...]:
        """What takes a while, and what did lately, oldest first."""
        return self.operations.list()

    def session(self, name: str) -> SessionHandle:
        """A handle on one session; it stays good through restarts.

        Raises:
            UnknownSessionError: there is none of that name.
        """
        a_text("session", name, "a session's name")
        names = {one.name for one in self.config.sessions}.union(self._board.current.sessions)
        if name not in names:
            raise UnknownSessionError(name, tuple(sorted(names)))
        return SessionHandle(
            name,
            find=self._access.session_ref,
            release=self._access.release,
            read=self._access.stored,
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
            lambda message, timeout: self._access.ask("notify", message, timeout=timeout),
            self._auditor,
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
        outside = await asyncio.to_thread(diagnose, self.config, server=self._data_centre.address)
        overview = await self.overview()
        inside = live_findings(overview, skew=await clock_skew(overview, self.session))
        return Diagnosis(findings=(*outside.findings, *inside))

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
            self._access.ref(path).tell(Drill(reason="asked for"))

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
        self._access.running()
        return await asyncio.shield(self._begin(self._reloader.reload(config, who=who)))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Begin something that a stop cancels."""
        task = asyncio.ensure_future(work)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return task

    def _take_over(self, done: Reloaded) -> None:
        assert self._parts is not None  # noqa: S101 - it runs
        known = {session.name for session in self.config.sessions}
        self.config = done.config
        new = {session.name for session in done.config.sessions} - known
        if new:  # who was logged out by hand stays so
            self._begin(self._data_centre.sign_in(self, only=new))
        self.exporter.per_session = done.config.metrics.per_session
        self.backups.change(done.config)
        self.retention.change(done.config)
        self._parts.change(done.config, done.proxies)
        self._access.ref("registry").tell(SettingsChanged(rerouted=done.rerouted))
        told = ConfigReloaded(at=self._epoch.now(), who=done.who, report=done.report)
        self.events.publish(told)

    def ready(self) -> tuple[bool, str]:
        """Whether all sessions that should be online are, as last reported; and if not, why."""
        return self._observation.ready()

    def started(self) -> tuple[bool, str]:
        """Whether every session has reported since the start, and a sentence; it stays so."""
        return self._observation.started()

    @property
    def ready_share(self) -> float:
        """The share of sessions that has to be online for ``/readyz``, from 0 to 1."""
        return self.config.health.ready_share

    async def stuck_parts(self, *, within: float = ASK_WITHIN) -> tuple[str, ...]:
        """The parts of the tree that do not answer, or that it has given up; empty if all is well.

        Asked are the journal's thread, the registry and the monitor; a full disk is an answer.

        Args:
            within: seconds that each may take.

        Raises:
            NotRunningError: the warden does not run.
        """
        within = seconds("stuck_parts.within", within, default=ASK_WITHIN)
        return await stuck_parts(self._access.running(), within=within)

    @property
    def port(self) -> int | None:
        """The TCP port of the pages, once started; ``None`` without a console."""
        return self._console.port

    @property
    def url(self) -> str | None:
        """Where the pages are, by the address that was bound; ``None`` without a console."""
        return self._console.url

    @property
    def standin(self) -> StandIn | None:
        """The data centre in Telegram's place, once started; ``None`` for the real Telegram."""
        return self._data_centre.standin

    # Inside

    async def _make_tree(self, undo: contextlib.AsyncExitStack) -> Tree:
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
            server=self._data_centre.address,
            master=self.keys,
            handlers=self._handlers,
            board=self._board,
            events=self.events,
            exporter=self.exporter,
            epoch=self._epoch,
            waiting=self._waiting,
            orders=MonitorOrders(self.session, lambda: self.pairs),
            kinds=self._offered.kinds,
            traces=traces,
        )
        undo.callback(parts.close)
        doors = self._console.bind(self.config, self, undo, self._epoch.now, parts.shared)
        return await parts.tree(self, *doors, journal=lambda: self._access.ref("journal"))
