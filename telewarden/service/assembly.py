"""Assembly of a warden's supervisor tree: one method for each child, in start order.

Owns which actors there are, what they are given and how long they get. Entering and leaving the
tree is the warden's business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pykka
from tenacity import wait_exponential

from .. import actors
from ..actors.context import CurrentSettings
from ..config import Config
from ..config.mapping import notify_settings_of, plans_of, proxies_of, refuse_invented, settings_of
from ..console import Panel, Words
from ..console.bot.access import Allowed, Role
from ..metrics import Exporter
from ..notify import CurrentNotify, EventInbox, EventKinds, NotifyActor
from ..storage import Epoch, make_private_folder
from ..supervision import (
    CauseCleared,
    CausePaused,
    ChildSpec,
    DynamicSpec,
    DynamicSupervisor,
    EventStream,
    LoopWatch,
    RestartIntensity,
    Sibling,
    Strategy,
    SupervisorSpec,
    Tree,
)
from ..telegram import (
    ConnectLimit,
    Deadlines,
    Gateway,
    OutageLimit,
    Proxies,
    ServerAddress,
    WaitKind,
)
from .crash_record import CrashRecord, crashes_since, past_crashes
from .key_rotation import MasterKeys
from .paths import StoragePaths, counting
from .traces import Traces


class Assembly:
    """The parts of one start. Making it opens nothing; it fails where a user's word is wrong.

    Args:
        config: what to run.
        server: a data centre to use instead of Telegram's.
        master: the master key in charge.
        handlers: ways to deliver.
        board: where the registry shows its newest snapshot.
        events: where facts are published.
        exporter: counts what the journal does.
        epoch: the count of time that deadlines are kept by.
        orders: what the health monitor has the warden do.
        waiting: where whoever waits says so.
        traces: spans of what happens; by default none.
        kinds: the events that webhooks can be sent.

    Raises:
        TelewardenError: the master key, the api_hash or the folder cannot be used.
    """

    def __init__(
        self,
        config: Config,
        *,
        server: ServerAddress | None,
        master: MasterKeys,
        handlers: actors.Handlers,
        board: actors.Board,
        events: EventStream,
        exporter: Exporter,
        epoch: Epoch,
        waiting: actors.WaitLedger,
        orders: actors.HealthOrders,
        kinds: EventKinds,
        traces: Traces | None = None,
    ) -> None:
        refuse_invented(config, server)
        make_private_folder(config.folder)
        self._config, self._handlers, self._board = config, handlers, board
        self._allowed: tuple[Allowed, ...] = ()
        self._events, self._exporter, self._epoch = events, exporter, epoch
        self.master = master
        _ = master.present  # a key that is missing is said now
        self._settings = settings_of(config)
        self._current = CurrentSettings(self._settings)
        self._notify = CurrentNotify(notify_settings_of(config))
        self._inbox = EventInbox(events, epoch, kinds)
        self._inbox.want(self._notify.value)
        self.places, self.shared = StoragePaths(config), actors.SharedUpdates()
        self._waiting, self._traces, self._orders = waiting, traces, orders
        self._keys = actors.KeyLeases(
            self.places.lease(), timeout=self._settings.lease_timeout, waiting=waiting
        )
        self._gateway = Gateway(
            config.telegram.api_id,
            config.api_hash().get_secret_value(),
            server=server,
            connect_limit=_connect_limit(config),
            deadlines=_deadlines(config),
            on_outage=self._tell_outage,
            proxies=proxies_of(config),
        )

    def close(self) -> None:
        """Hear nothing more for webhooks."""
        self._inbox.close()

    def change(self, config: Config, proxies: Proxies) -> None:
        """Have everything that is started go by another configuration, as far as it can."""
        self._current.value = settings = settings_of(config)
        if self._config.bot is not None:  # of a bot that comes or goes, a restart takes notice
            self._allowed = allowed_of(config)
        self._notify.value = notify_settings_of(config)
        self._keys.timeout = settings.lease_timeout
        self._gateway.change(
            proxies=proxies, connect_limit=_connect_limit(config), deadlines=_deadlines(config)
        )

    def _tell_outage(self, cause: str, scout: str | None) -> None:
        """What fails for many is a shared cause like any other, to whoever listens."""
        now = time.monotonic()
        if scout is None:
            self._waiting.end(cause, WaitKind.OUTAGE)
            self._events.publish(CauseCleared(at=now, child="", cause=cause))
        else:
            what = f"it fails for many sessions; {scout} looks, the others wait"
            self._waiting.begin(cause, WaitKind.OUTAGE, what)
            seconds = OutageLimit().scout_for
            self._events.publish(CausePaused(at=now, child=scout, cause=cause, seconds=seconds))

    def bot(self, panel: Panel) -> ChildSpec | None:
        """The admin bot, which comes after all others and concerns none of them."""
        if self._config.bot is None:
            return None
        from ..console.bot.actor import BotActor
        from ..console.bot.line import LineMemory

        self._allowed = allowed_of(self._config)
        return ChildSpec(
            id="bot",
            actor=BotActor,
            kwargs={
                "panel": panel,
                "allowed": lambda: self._allowed,
                "token": self._config.bot_token,
                "files": self.places.bot_files,
                "memory": LineMemory(),
                "make_services": self._services,
                "journal": Sibling("journal"),
                "monitor": Sibling("health"),
            },
            intensity=RestartIntensity(limit=5, period=60.0),
            backoff=wait_exponential(multiplier=0.5, max=60.0),
            shutdown=self._settings.close_deadline + 5.0,
        )

    def notifier(self, *, has_bot: bool) -> ChildSpec:
        """Who tells people and programs; comes behind the bot, which writes for it."""
        return ChildSpec(
            id="notify",
            actor=NotifyActor,
            kwargs={
                "current": self._notify,
                "facts": self._exporter.look,
                "counter": self._exporter,
                "words": Words,
                "events": self._events,
                "epoch": self._epoch,
                "inbox": self._inbox,
                "journal": Sibling("journal"),
                **({"bot": Sibling("bot")} if has_bot else {}),
            },
            intensity=RestartIntensity(limit=5, period=60.0),
            backoff=wait_exponential(multiplier=0.5, max=60.0),
        )

    async def tree(
        self,
        panel: Panel,
        *doors: ChildSpec | None,
        journal: Callable[[], pykka.ActorRef[Any]],
    ) -> Tree:
        """The tree, not started yet, with the crashes that are on record.

        Args:
            panel: what console and bot steer.
            doors: who serves the pages and the programs; ``None`` where there is nobody.
            journal: the database's writer, once it runs.
        """
        bot = self.bot(panel)
        last = (*doors, bot, self.notifier(has_bot=bot is not None))
        since, rules = crashes_since(self._config), self._config.supervision
        database, key = self.places.database, self.master.present
        past = await asyncio.to_thread(past_crashes, database, key, since=since)
        return Tree(
            self.spec(*(one for one in last if one is not None)),
            name="warden",
            events=self._events,
            history=CrashRecord(past, journal),
            loop_watch=LoopWatch(lag_limit=rules.stall_after, fatal_after=rules.stall_fatal_after),
            abandoned_limit=rules.abandoned_limit,
        )

    def spec(self, *more: ChildSpec) -> SupervisorSpec:
        """The whole tree; ``more`` are children that start last."""
        parts = (
            self._journal_part(),
            self._gateway_part(),
            self._sessions_part(),
            self._registry_part(),
            self._health_part(),
        )
        return SupervisorSpec(
            strategy=Strategy.REST_FOR_ONE,
            children=(*parts, *more),
            intensity=RestartIntensity(limit=10, period=60.0),
        )

    def _journal_part(self) -> ChildSpec:
        database, master, epoch = self.places.database, self.master, self._epoch
        told, traces = self._exporter.journal, self._traces
        return ChildSpec(
            id="journal",
            actor=actors.JournalActor,
            args=(
                lambda: counting(database, master.present, epoch),
                told if traces is None else traces.committing(told),
                self._waiting,
            ),
            start_timeout=30.0,
            shutdown=30.0,
        )

    def _gateway_part(self) -> ChildSpec:
        deadline = self._settings.close_deadline
        return ChildSpec(
            id="gateway",
            actor=actors.GatewayActor,
            kwargs={"gateway": self._gateway, "keys": self._keys, "deadline": deadline},
            shutdown=deadline + 5.0,
        )

    def _sessions_part(self) -> ChildSpec:
        return ChildSpec(
            id="sessions",
            actor=DynamicSupervisor,
            args=(DynamicSpec(intensity=RestartIntensity(limit=10, period=60.0)),),
        )

    def _registry_part(self) -> ChildSpec:
        return ChildSpec(
            id="registry",
            actor=actors.RegistryActor,
            kwargs={
                "plans": plans_of(self._config),
                "sessions": Sibling("sessions"),
                "monitor": Sibling("health"),
                "journal": Sibling("journal"),
                "make_services": self._services,
                "board": self._board,
                "events": self._events,
                "wall": self._epoch.now,
                "limits": actors.RegistryLimits(
                    **self._config.registry.model_dump(),
                    sessions_every=self._config.health.sessions_every,
                ),
            },
        )

    def _health_part(self) -> ChildSpec:
        return ChildSpec(
            id="health",
            actor=actors.HealthMonitorActor,
            kwargs={
                "registry": Sibling("registry"),
                "current": self._current,
                "orders": self._orders,
                "publish": self._events.publish,
                "wall": self._epoch.now,
            },
            mailbox_limit=100_000,  # every session reports while it starts
        )

    def _services(
        self, *, journal: pykka.ActorRef[Any], monitor: pykka.ActorRef[Any]
    ) -> actors.Services:
        """What all sessions share; the registry asks, once it has the two references."""
        return actors.Services(
            journal=actors.Journal(journal),
            gateway=self._gateway,
            keys=self._keys,
            events=self._events,
            monitor=monitor,
            session_folder=self.places.session_folder,
            backup_folder=self.places.backup_folder,
            sleep=asyncio.sleep,
            current=self._current,
            handlers=self._handlers,
            epoch=self._epoch,
            waiting=self._waiting,
            shared=self.shared,
            traced=self._traces is not None,
        )


def _connect_limit(config: Config) -> ConnectLimit:
    telegram = config.telegram
    return ConnectLimit(rate=telegram.connects_per_second, burst=telegram.connect_burst)


def _deadlines(config: Config) -> Deadlines:
    return Deadlines(connect=config.telegram.connect_deadline)


def allowed_of(config: Config) -> tuple[Allowed, ...]:
    """The people whom the admin bot answers."""
    people = () if config.bot is None else config.bot.allow
    return tuple(
        Allowed(user=user.id, role=Role(user.role), alerts=user.alerts, language=user.language)
        for user in people
    )
