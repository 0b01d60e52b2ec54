"""The session actor: one Telegram session's phase, connection, and mailbox.

Requests to Telegram are started beside the mailbox and their results come back as messages, so
that a stop, a probe or a crash drill is heard while a request is under way. The parts work in the
mailbox's turn: ``client_slot`` owns the client, ``state`` the phase, ``reconnect`` when to try
again, ``online_waits`` who waits for that, ``liveness`` probes, ``sender`` sends, ``reader`` reads,
``sharing`` calls for programs, ``login_handler`` logs in, ``maintenance_handler`` keeps the
login's copies, ``worker_groups`` has the pairs. ``HANDLERS``, at the end, says who serves which
message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

import pykka

from ... import telegram
from ...errors import KeyLatchedError, LeaseHeldError, NoCredentialError, TelewardenError
from ...supervision import Answer, Down, LoopActor
from .. import messages
from ..context import Services
from ..forwarding.messages import PairOrder, ReleasePair
from ..waits import session_wait
from . import internal
from .account_watch import AccountWatch
from .client_slot import ClientSlot
from .flood_waits import OPENING, persist_connect_flood
from .liveness import Prober
from .login.steps import CancelLogin, LoginUnderWay, Renew, ResendCode, StartQr, WaitQr
from .login_handler import LOGGING_IN, LoginHandler
from .maintenance import ExportLogin, ImportLogin, LogOut, RestoreBackup, TakeBackup
from .maintenance_handler import MaintenanceHandler
from .notices import Notices
from .online_waits import AwaitOnline, OnlineWaits, WaitedEnough
from .reader import Reader
from .reconnect import ReconnectPolicy
from .recovery import Recovery, RecoveryResult
from .sender import FloodOver, Send, Sender, SendFailed, tell
from .sharing.calls import SharedCalls
from .state import SessionState
from .worker_groups import WorkerGroups

logger = logging.getLogger(__name__)

LOGIN_ENDED = {telegram.Phase.NEEDS_LOGIN, telegram.Phase.QUARANTINED}
NO_RECOVERY = {telegram.Phase.ONLINE, telegram.Phase.STOPPING, telegram.Phase.STOPPED, *LOGGING_IN}
CRASH_CLOSE = 1.0  # seconds that a crashed session's client gets before its line is cut
TOLD = {*telegram.ProxyTrouble, telegram.NO_DESCRIPTORS}  # their advice tells what is to be known
CALM_WITHIN = 120.0  # seconds; past it a session looks for itself, whatever is said
CLOCKS_AGREE = 2.0  # seconds; Telegram tells whole ones, and a message takes its time
PROBE_AFTER_TROUBLE = 0.1  # seconds; several calls that fail together ask for one probe


class SessionActor(LoopActor):
    """Keeps one account's session online and works for its groups.

    Args:
        name: the session's name.
        phone: in E.164; asked for by a login only.
        groups: the supervisor of its worker groups.
        registry: who is told where this session is.
        services: what all actors of a warden share.
    """

    def __init__(
        self,
        *,
        name: str,
        phone: str,
        groups: pykka.ActorRef[Any],
        registry: pykka.ActorRef[Any],
        services: Services,
    ) -> None:
        super().__init__()
        self._name, self._services, self._registry = name, services, registry
        self.groups: WorkerGroups = WorkerGroups(
            session=name, services=services, actor=self, supervisor=groups
        )
        self.slot: ClientSlot = ClientSlot(name, services, self)
        self._state = SessionState(name, services)
        self.online_waits: OnlineWaits = OnlineWaits(self, self._state)
        self._reconnect = ReconnectPolicy(
            initial=services.settings.backoff_initial, longest=services.settings.backoff_max
        )
        self.prober: Prober = Prober(name, services, self, self.slot, self.groups)
        self.sender: Sender = Sender(name, services, self)
        self.reader: Reader = Reader(name, services, self, self.slot, self._state)
        self.shared: SharedCalls = SharedCalls(
            name, services, self, slot=self.slot, state=self._state, sender=self.sender
        )
        self.logins: LoginHandler = LoginHandler(name, phone, services, self)
        self.maintenance: MaintenanceHandler = MaintenanceHandler(
            name, services, self, self.slot, self.sender, self._state
        )
        self.notices: Notices = Notices(name, services)
        self.account: AccountWatch = AccountWatch(
            name, services, self, self.slot, self.tell_monitor
        )
        self.recovering = False
        self._switch_after = ""
        self._heard_by: int | None = None  # the key by which it was last online

    def on_start(self) -> None:
        self._registry.tell(messages.SessionIntroduced(session=self._name, ref=self.actor_ref))
        self._reconnect.cause = "start" if self.incarnation == 1 else "crash"
        self.actor_ref.tell(messages.Begin())
        self.account.load()

    def on_receive(self, message: object) -> object:
        handler = HANDLERS.get(type(message))
        return super().on_receive(message) if handler is None else handler(self, message)

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        self.enter(telegram.StopAsked(), "asked to stop")
        await self.sender.drain(within=self._services.settings.drain)
        await self.logins.abandon()
        await self.slot.close()
        self.enter(telegram.Stopped(), "stopped")

    async def on_failure(  # type: ignore[override]  # a LoopActor's hooks may be async
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002 - Pykka's signature
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Prove the client off before the next incarnation opens another on the same key."""
        self.sender.abandon()
        self.slot.flush()
        await self.logins.abandon()
        await self._services.gateway.close(self._name, deadline=CRASH_CLOSE)

    # Phases

    @property
    def phase(self) -> telegram.Phase:
        """Where the session stands."""
        return self._state.phase

    def enter(self, event: telegram.Event, reason: str, *, until: float | None = None) -> None:
        """Move along the table of phases, and let everybody concerned know."""
        if self._state.move(event, reason, until=until) is telegram.Phase.ONLINE:
            self.sender.suspend()
            self.pause_groups(reason)
        self.online_waits.settle()
        self.tell_monitor()

    def pause_groups(self, reason: str) -> None:
        """Tell the worker groups that nothing can be sent or read for now."""
        self.groups.tell(messages.SessionDown(reason))

    # Coming online

    def begin(self, *, cause: str | None = None) -> None:
        """Begin a recovery, unless the session is online, at it, logging in or stopping."""
        self._reconnect.cause = cause or self._reconnect.cause
        if self.recovering or self.phase in NO_RECOVERY:
            return
        self.recovering = True
        self._reconnect.on_attempt(self.clock.now())
        self.enter(telegram.RecoveryStarted(), self._reconnect.cause)
        recovery = Recovery(self._name, self._services, self.slot.listen(), self.reader.floods)
        self.pipe(
            recovery.run(),
            then=self._recovered,
            otherwise=lambda error: self._recovery_failed(error, recovery.tried),
        )

    def recover(self, message: messages.Recover) -> None:
        self._reconnect.on_request(message.cause)
        self.groups.release()
        self._services.gateway.api.allow_probe(self._name)
        if self.phase is telegram.Phase.ONLINE:
            self.prober.probe()
            self.account.look()
        else:
            self.begin()

    def _recovered(self, result: RecoveryResult) -> None:
        self._recovery_over()
        self.sender.resume(result.client, result.floods)
        self.prober.start_afresh()
        self.slot.attach(result.client)
        seconds = self._reconnect.on_online(self.clock.now(), rung=result.rung)
        self._note_time(result.client.told_time)
        self.enter(telegram.Recovered(), f"by {result.rung}")
        self._tell_recovered(result, seconds)
        if result.client.disconnected.done():  # lost again while the copies were mended
            self.lose(result.client.disconnected.result())
            return
        self.groups.tell(messages.SessionUp(generation=self.slot.generation))
        if self._heard_by not in {None, result.client.key_id}:
            self.groups.tell(messages.Missed(None))  # another login is told what came behind it
        self._heard_by = result.client.key_id
        for heard in self.slot.drain():
            self.heard(heard)
        if not self.logins.end_replaced(result.client.key_id):
            self._services.keys.keep_only(result.client.key_id, session=self._name)
        self.account.online(self._reconnect.cause)

    def _note_time(self, server_time: float | None) -> None:
        """Keep how far Telegram's time is from ours, for a start with another clock."""
        epoch = self._services.epoch
        if (
            server_time is None
            or abs(server_time - epoch.base - (epoch.ahead or -server_time)) < CLOCKS_AGREE
        ):
            return
        epoch.ahead = ahead = server_time - epoch.base
        self._services.journal.post(lambda store: store.record_server_time(ahead))

    def _tell_recovered(self, result: RecoveryResult, seconds: float) -> None:
        self._services.publish(
            telegram.SessionRecovered(
                session=self._name,
                at=self._services.now(),
                rung=result.rung,
                seconds=seconds,
                cause=self._reconnect.cause,
            )
        )

    def _recovery_failed(self, error: BaseException, tried: int | None) -> None:
        self._recovery_over()
        if isinstance(error, NoCredentialError | KeyLatchedError):
            self._reconnect.on_give_up()
            self._services.keys.keep_only(None, session=self._name)  # no client is open, none comes
            why = getattr(error, "reason", "")
            said = f"{why}: {error}" if telegram.ends_login(why) else str(error)
            self.enter(telegram.Rejected(), said)
            return
        if self._dropped_early():
            return
        verdict = telegram.classify(error, moment=telegram.Moment.OPENING)
        persist_connect_flood(self._services, self._name, error)
        if verdict.action is telegram.Action.PARK_METHOD and not isinstance(error, TelewardenError):
            self.reader.floods.flooded(OPENING, verdict)
        if not self._hold(verdict, tried):
            self._come_back_later(verdict, error)

    def _dropped_early(self) -> bool:
        """Hold a session whose key was told to end before it came online."""
        for heard in self.slot.drain():
            if isinstance(heard.event, telegram.KeyDropped):
                self.notices.hear(heard.event)
                return self._hold(telegram.verdict_of(heard.event), heard.event.key_id)
        return False

    def _recovery_over(self) -> None:
        self.recovering = False
        self.logins.recovery_over()
        if self._switch_after:
            cause, self._switch_after = self._switch_after, ""
            self.actor_ref.tell(internal.Switch(cause))

    def _come_back_later(
        self, verdict: telegram.Verdict, error: BaseException | None = None
    ) -> None:
        if verdict.name == telegram.SHARED_OUTAGE:
            self._wait_for_calm(verdict)
            return
        delay = max(verdict.wait or 0.0, self._reconnect.next_delay())
        until = self._services.now() + delay
        name = verdict.name
        said = f"{name}: {verdict.advice} Next" if name in TOLD else f"{name}; next"
        if isinstance(error, LeaseHeldError):
            said = f"{name}: in use by {error.holder}; next"
        self.enter(telegram.Delayed(until), f"{said} try in {delay:.1f} s", until=until)
        self.after(delay, messages.Begin())

    def _wait_for_calm(self, verdict: telegram.Verdict) -> None:
        """Others fail at the same address: one of them looks, this one comes when it works."""
        until = self._services.now() + CALM_WITHIN
        self.enter(telegram.Delayed(until), f"{verdict.name}: {verdict.advice}", until=until)
        self.pipe(self._calm(), done=lambda _: messages.Begin())

    async def _calm(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CALM_WITHIN):
                await self._services.gateway.wait_outage_over(self._name)

    def settings_changed(self, message: messages.SettingsChanged) -> None:
        """Go by the settings as they are now; who is connected stays so on the same way."""
        settings = self._services.settings
        self._reconnect.change(initial=settings.backoff_initial, longest=settings.backoff_max)
        self.sender.change_pace(settings.pace)
        self.reader.change_pace(settings.pace)
        self.groups.tell_settings()
        if self._name in message.rerouted and self.phase in telegram.COMING:
            self.switch("another proxy")

    def switch(self, cause: str) -> None:
        """Come online by the login that is stored now; the client of the other is closed first."""
        if self.recovering:
            self._switch_after = cause
            return
        self.slot.detach()
        self._reconnect.on_request(cause)
        self.logins.give_up(cause)
        if self.phase is telegram.Phase.ONLINE:
            self.enter(telegram.Dropped(), cause)
        self.begin()

    def order(self, message: PairOrder[Any]) -> Answer:
        """Hand an order to the group that has the pair."""
        if isinstance(message.order, ReleasePair) and self.phase in LOGIN_ENDED:
            message = replace(message, order=replace(message.order, ended=True))
        return self.groups.forward(message)

    # Losing

    def heard(self, message: internal.Heard) -> None:
        if isinstance(message.event, telegram.Edited | telegram.Deleted):
            # Told once, and true whichever client has heard it and wherever the session stands.
            self.groups.tell_change(message.event)
        if message.generation == self.slot.generation:
            if isinstance(
                message.event,
                telegram.Popup | telegram.NewAuthorization | telegram.NewBotConnection,
            ):
                self.notices.hear(message.event)
                self.tell_monitor()
            elif isinstance(message.event, telegram.Unreadable):
                self._drifted(message.event.constructor)
            elif self.phase is not telegram.Phase.ONLINE:
                # A group that knows of no gap would read past it. A change goes once more behind
                # the message that it is of, which may be kept, too.
                self.slot.buffer(message)
            else:
                self._tell_groups(message.event)

    def _drifted(self, constructor: int) -> None:
        """Something could not be read: one cause for all sessions, and no trouble of this one."""
        services = self._services
        services.publish(services.drift.note(constructor, session=self._name, at=services.now()))

    def _tell_groups(self, event: telegram.ClientEvent) -> None:
        match event:
            case telegram.Arrived() as arrived:
                self.groups.tell(arrived)
            case telegram.Upgraded() as upgraded:
                self.groups.tell(upgraded)
            case telegram.Gap(chat):
                self.groups.tell(messages.Missed(chat))
                self.groups.tell(messages.CatchUp())
            case telegram.KeyDropped() as dropped:
                self.notices.hear(dropped)
                self.retire(telegram.verdict_of(dropped))
            case telegram.Lost(reason):
                self.lose(reason)
            case _:
                pass  # the groups have been told of changes

    def lose(self, reason: BaseException | None, *, cause: str = "connection lost") -> None:
        """The line is gone or no good: come back, at once if it was a good one."""
        client = self.slot.detach()
        at_once = self._reconnect.on_lost(self.clock.now(), cause)
        verdict = telegram.classify(reason := reason or ConnectionError("connection closed"))
        persist_connect_flood(self._services, self._name, reason)
        # A server may forget a key for a while: recovery tries it again before it gives up.
        forgotten = verdict.action is telegram.Action.TRY_OTHER_COPY
        if not forgotten and self._hold(verdict, None if client is None else client.key_id):
            return
        self.enter(telegram.Dropped(), verdict.name)
        if at_once:
            self.begin()
        else:
            self._come_back_later(verdict)

    def reconnect(self, message: messages.Reconnect) -> None:
        """Take a fresh client, as the health monitor asks; who is not online is at it already."""
        if self.phase is telegram.Phase.ONLINE:
            self.lose(ConnectionError("a fresh line is asked for"), cause=f"{message.reason}")

    def disable_pairs(self, message: messages.DisablePairs) -> None:
        """Have the pairs wait for a login, unless somebody is at it by now."""
        health = telegram.health_of(self.phase, reason=self._state.reason.partition(":")[0])
        if health is telegram.Health.EXPIRED:
            self.groups.tell(message)

    def retire(self, verdict: telegram.Verdict) -> None:
        """Telegram ended this session under way: hold it and close the client."""
        if self.phase is telegram.Phase.ONLINE:
            client = self.slot.detach()
            self._hold(verdict, None if client is None else client.key_id)
            self.pipe(self._services.gateway.close(self._name), done=lambda _: internal.Flush())

    def logged_out(self) -> None:
        """The login was ended as asked."""
        self._reconnect.on_give_up()
        self.enter(telegram.Rejected(), "logged out")

    def _hold(self, verdict: telegram.Verdict, key_id: int | None) -> bool:
        """Stop trying ``key_id`` where trying again would do harm; tells whether it did."""
        if verdict.latches_key or verdict.action in {
            telegram.Action.TRY_OTHER_COPY,
            telegram.Action.NEW_LOGIN,
        }:
            self._reconnect.on_give_up()
            self._latch(verdict, key_id)
            second = verdict.action is telegram.Action.LATCH
            self.enter(
                telegram.Rejected(), f"{verdict.name}: {verdict.advice}" if second else verdict.name
            )
        elif verdict.terminal or self._rebuilt_in_vain(verdict):
            self.enter(telegram.GaveUp(), f"{verdict.name}: {verdict.advice}")
            if verdict.action is telegram.Action.HOLD_API:
                self._wait_for_api(verdict)
        else:
            return False
        return True

    def _wait_for_api(self, verdict: telegram.Verdict) -> None:
        """The app is refused, and all sessions with it; this one comes when it is not."""
        gateway = self._services.gateway
        if not gateway.api.held:
            gateway.hold_api(verdict)
        self.pipe(
            gateway.api.wait_released(self._name),
            done=lambda over: messages.Begin() if over else internal.Flush(),
        )

    def _rebuilt_in_vain(self, verdict: telegram.Verdict) -> bool:
        return verdict.action is telegram.Action.REBUILD_ONCE and not self._reconnect.may_rebuild()

    def _latch(self, verdict: telegram.Verdict, key_id: int | None) -> None:
        """Latch the key that was refused, which need not be the one that is stored."""
        if verdict.latches_key and key_id is not None:
            buried = self.slot.latch_key(key_id, verdict.name)
            self.pipe(buried, done=lambda _: internal.Flush(), failed=lambda _: internal.Flush())

    # Working for the groups

    def serve(self, message: messages.Serve) -> None:
        self.groups.serve(message)
        self.logins.declared(message.phone)
        self.introduce()  # the registry may have come back, and the monitor behind it

    def group_ready(self, message: messages.GroupReady) -> None:
        if self.groups.ready(message):
            self.sender.forget(message.ref)
            if self.phase is telegram.Phase.ONLINE:
                tell(message.ref, messages.SessionUp(generation=self.slot.generation))

    def groups_seen(self, message: internal.GroupsSeen) -> None:
        """Some worker groups are kept down, or are no more."""
        if message.down != self.groups.down:
            self.groups.down = message.down
            if message.down:
                logger.warning(
                    "groups kept down session=%s groups=%s; release: telewarden recover",
                    self._name,
                    ",".join(sorted(message.down)),
                )
            self.tell_monitor()

    def send_failed(self, message: SendFailed) -> None:
        until = self.sender.until
        verdict = self.sender.failed(message)
        self.account.hinted(verdict)
        if self.sender.until != until:  # whoever looks for a session for a pair should know
            self.tell_monitor()
        if verdict.terminal:
            self.retire(verdict)
        elif verdict.kind is telegram.ErrorClass.NET and self.slot.client is not None:
            self.after(PROBE_AFTER_TROUBLE, messages.Probe())

    # Reporting

    def tell_monitor(self) -> telegram.SessionReport:
        """Tell the health monitor how the session is."""
        report = self.report()
        tell(self._services.monitor, messages.Reported(report=report, ref=self.actor_ref))
        return report

    def introduce(self) -> telegram.SessionReport:
        """Tell the monitor about this session and its groups, as after the monitor's restart."""
        self.groups.tell(messages.Report())
        return self.tell_monitor()

    def report(self) -> telegram.SessionReport:
        """How the session is."""
        state, client = self._state, self.slot.client
        trouble = self.groups.kept_down_reason if state.phase is telegram.Phase.ONLINE else ""
        reason, age = trouble or state.reason, self.slot.update_age
        return telegram.SessionReport(
            session=self._name,
            phase=state.phase,
            health=telegram.health_of(state.phase, reason=reason.partition(":")[0]),
            reason=reason,
            since=state.since,
            until=state.until or self.sender.until,
            limited_until=self.sender.limited_until,
            rung=self._reconnect.rung,
            recoveries=self._reconnect.recoveries,
            parked=self.sender.parked,
            probe_seconds=self.prober.seconds,
            last_update=None if age is None else self._services.now() - age,
            user_id=client.user_id if client else None,
            groups=len(self.groups),
            waits=self._waits(),
            notice=self.notices.last,
            account=self.account.facts,
        )

    def _waits(self) -> tuple[telegram.Wait, ...]:
        state = self._state
        by_phase = session_wait(
            self._name,
            phase=state.phase,
            reason=state.reason,
            since=state.since,
            until=state.until,
        )
        floods = {(one.who, one.what): one for one in self.sender.waits()}
        floods |= {(one.who, one.what): one for one in self.reader.floods.waits()}
        phased = () if by_phase is None else (by_phase,)
        return (*phased, *self.logins.waits(), *floods.values())


# What each message means: which of the session's parts serves it.
HANDLERS: Final[Mapping[type, Callable[[SessionActor, Any], object]]] = {
    messages.Begin: lambda session, _: session.begin(),
    messages.Recover: lambda session, message: session.recover(message),
    internal.Switch: lambda session, message: session.switch(message.cause),
    internal.Heard: lambda session, message: session.heard(message),
    internal.Flush: lambda session, _: session.slot.flush(),
    internal.LookAtAccount: lambda session, _: session.account.look(),
    internal.Hinted: lambda session, message: session.account.hinted(message.verdict),
    messages.Probe: lambda session, _: session.prober.probe(),
    messages.Reconnect: lambda session, message: session.reconnect(message),
    messages.DisablePairs: lambda session, message: session.disable_pairs(message),
    messages.SettingsChanged: lambda session, message: session.settings_changed(message),
    messages.Report: lambda session, _: session.introduce(),
    messages.StateAsked: lambda session, _: session.report(),
    # Groups and their pairs
    messages.Serve: lambda session, message: session.serve(message),
    messages.GroupReady: lambda session, message: session.group_ready(message),
    Down: lambda session, _: session.groups.failed(),
    internal.LookAtGroups: lambda session, _: session.groups.look(),
    internal.GroupsSeen: lambda session, message: session.groups_seen(message),
    PairOrder: lambda session, message: session.order(message),
    messages.Unlimited: lambda session, message: session.groups.tell(message),
    # Sending
    messages.Deliver: lambda session, message: session.sender.offer(message),
    messages.Withdraw: lambda session, message: session.sender.withdraw(message),
    Send: lambda session, message: session.sender.turn(message.job),
    SendFailed: lambda session, message: session.send_failed(message),
    FloodOver: lambda session, message: session.sender.flood_over(message.key),
    # Reading and calling
    messages.History: lambda session, message: session.reader.history(message),
    messages.Locate: lambda session, message: session.reader.locate(message),
    messages.CheckAccess: lambda session, message: session.reader.check_access(message),
    messages.FindChats: lambda session, message: session.reader.find(message),
    messages.LookInto: lambda session, message: session.reader.look_into(message),
    messages.CallTelegram: lambda session, message: session.reader.call(message),
    messages.CallShared: lambda session, message: session.shared.call(message),
    messages.SharedCallFailed: lambda session, message: session.shared.failed(message.error),
    messages.AskSharedFacts: lambda session, _: session.shared.facts(),
    AwaitOnline: lambda session, message: session.online_waits.take(message),
    WaitedEnough: lambda session, message: session.online_waits.enough(message),
    # Logins
    **dict.fromkeys(
        (
            messages.StartLogin,
            messages.SubmitCode,
            messages.SubmitEmail,
            messages.SubmitPassword,
            Renew,
            StartQr,
            WaitQr,
            ResendCode,
            CancelLogin,
        ),
        lambda session, message: session.logins.take(message),
    ),
    LoginUnderWay: lambda session, _: session.logins.under_way,
    internal.LoginRequested: lambda session, message: session.logins.wanted(message),
    **dict.fromkeys(
        (TakeBackup, RestoreBackup, ImportLogin, ExportLogin, LogOut),
        lambda session, message: session.maintenance.take(message),
    ),
}
