"""One Telegram session: its client, its phase, its way back, its sending.

Owns the client and the phase; only ``_enter`` assigns the phase. Requests to Telegram are started
here and their results come back as messages, so that a stop, a probe or a crash drill is heard
while a request is under way. Leaves pairs and outbox to the worker groups, the copies and the
climb to ``recovery``, what may be sent when to ``outgoing``, logins to ``logins``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import pykka
from tenacity import RetryCallState, wait_random_exponential

from ..errors import KeyLatchedError, NoCredentialError, TelewardenError
from ..supervision import Answer, LoopActor
from ..telegram import (
    SHARED_OUTAGE,
    Action,
    Arrived,
    Client,
    CodeSent,
    Delayed,
    Deleted,
    Dropped,
    Edited,
    ErrorClass,
    Event,
    Gap,
    GaveUp,
    LoginFailed,
    Lost,
    Moment,
    PasswordAsked,
    Phase,
    PhaseChanged,
    Probed,
    Recovered,
    RecoveryStarted,
    Rejected,
    SessionRecovered,
    SessionReport,
    SignedIn,
    StopAsked,
    Stopped,
    Told,
    Verdict,
    classify,
    health_of,
    step,
    to_telewarden,
)
from .authorisations import end_authorisation
from .call_floods import CallFloods
from .care import (
    Care,
    CareStep,
    Done,
    Follow,
    GiveOut,
    LogOut,
    RestoreBackup,
    TakeBackup,
    TakeIn,
)
from .kit import Kit
from .logins import CancelLogin, Login, LoginStep, Renew, ResendCode, StartQr, WaitQr
from .messages import (
    Begin,
    CallTelegram,
    CatchUp,
    CheckAccess,
    Deliver,
    GroupReady,
    History,
    Locate,
    LookInto,
    PairOrder,
    Probe,
    Recover,
    Report,
    Reported,
    Serve,
    SessionDown,
    SessionIntroduced,
    SessionUp,
    StartLogin,
    SubmitCode,
    SubmitPassword,
    Unlimited,
)
from .reading import known_rights, look_up, read, rights_in, unread
from .recovery import Climb, Recovery, keep_changes
from .sender import OFFLINE, FloodOver, Send, Sender, SendFailed, Sent, tell
from .session_notes import (
    CallFailed,
    CareWent,
    Climbed,
    ClimbFailed,
    Flush,
    GroupEnded,
    GroupStarted,
    Heard,
    KeyEnded,
    LoginWanted,
    LoginWent,
    PassOn,
    ProbeAnswered,
    ProbeFailed,
    Replied,
    RightsUnknown,
    Switch,
    settle,
)
from .workgroups import WorkerGroups

__all__ = ["SessionActor"]

logger = logging.getLogger(__name__)

CRASH_CLOSE = 1.0  # seconds that a crashed session's client gets before its line is cut
FLUSH_AFTER = 1.0  # seconds that a learnt update state may be newer than the database
CALM_WITHIN = 120.0  # seconds; past it a session looks for itself, whatever is said
LONG_LIFE = 10.0  # seconds online after which a loss is a fresh one
SHORT_LIVES = 3  # losses soon after coming online that are made good at once
LISTEN_AGAIN = 2.0  # seconds in which an update that is on its way arrives
PROBE_AFTER_TROUBLE = 0.1  # seconds; several calls that fail together ask for one probe
AT_WORK = frozenset({Phase.CONNECTING, Phase.ONLINE, Phase.WAITING, Phase.RECOVERING})
BESIDE: Mapping[type[Event], Phase] = {
    CodeSent: Phase.AWAITING_CODE,
    PasswordAsked: Phase.AWAITING_PASSWORD,
}
LOGGING_IN = frozenset({Phase.AWAITING_CODE, Phase.AWAITING_PASSWORD, Phase.AWAITING_QR})


class SessionActor(LoopActor):
    """Keeps one account's session online and works for its groups.

    Args:
        name: the session's name.
        phone: in E.164; asked for by a login only.
        groups: the supervisor of its worker groups.
        registry: who is told where this session is.
        kit: what all actors of a warden share.
    """

    def __init__(
        self,
        *,
        name: str,
        phone: str,
        groups: pykka.ActorRef[Any],
        registry: pykka.ActorRef[Any],
        kit: Kit,
    ) -> None:
        super().__init__()
        self._name, self._kit = name, kit
        self._groups = WorkerGroups(session=name, kit=kit, actor=self, supervisor=groups)
        self._registry = registry
        self._login = Login(name, phone, kit)
        self._phase, self._reason, self._since = Phase.REGISTERED, "", kit.now()
        self._until: float | None = None
        self._client: Client | None = None
        self._epoch = 0
        self._outbound = Sender(name, kit, self)
        self._failures = 0
        self._lost_at: float | None = None
        self._cause = "start"
        self._rung, self._recoveries = "", 0
        self._probe_seconds: float | None = None
        self._probing = False
        self._climbing = False
        self._logins_waiting: list[Answer] = []
        self._care = Care(name, kit)
        self._switch_after = ""
        self._calls = CallFloods(name, kit)
        self._online_at, self._short_lives, self._deaf_probes = 0.0, 0, 0

    def on_start(self) -> None:
        self._registry.tell(SessionIntroduced(session=self._name, ref=self.actor_ref))
        self._cause = "start" if self.incarnation == 1 else "crash"
        self.actor_ref.tell(Begin())

    def on_receive(self, message: object) -> object:
        match message:
            case Heard():
                self._heard(message)
            case Deliver():
                self._outbound.offer(message)
            case Send():
                self._outbound.send(message.job)
            case Sent():
                self._outbound.sent(message)
            case SendFailed():
                self._send_failed(message)
            case FloodOver():
                self._outbound.flood_over(message.key)
            case History():
                self._read_history(message)
            case Locate():
                self._locate(message)
            case CheckAccess():
                self._check_access(message)
            case LookInto():
                return self._look_into(message)
            case PairOrder():
                return self._groups.order(message)
            case Unlimited():
                self._groups.tell(message)
            case RightsUnknown():
                pass
            case Serve():
                self._groups.serve(message)
                self._introduce()  # the registry may have come back, and the monitor behind it
            case GroupReady():
                self._group_ready(message)
            case GroupEnded():
                self._groups.ended(message)
            case Begin():
                self._begin()
            case GroupStarted():
                logger.debug("group started session=%s group=%s", self._name, message.group)
            case Climbed():
                self._climbed(message.climb)
            case ClimbFailed():
                self._climb_failed(message.error)
            case Recover():
                self._recover(message.cause)
            case Probe():
                self._probe()
            case ProbeAnswered():
                self._probed(message.seconds)
            case ProbeFailed():
                self._probe_failed(message.error)
            case Report():
                return self._introduce()
            case Flush():
                self._flush()
            case CallTelegram():
                return self._call(message)
            case PassOn():
                tell(message.to, message.answer)
            case Replied():
                settle(message)
            case CallFailed():
                self._calls.failed(message.request, message.error)
                message.answer.fail(message.error)
            case LoginWanted():
                self._login_wanted(message.answer)
            case LoginWent():
                self._login_went(message)
            case CareWent():
                self._care_went(message)
            case KeyEnded():
                self._key_ended(message)
            case Switch(cause):
                self._switch(cause)
            case TakeBackup() | RestoreBackup() | TakeIn() | GiveOut() | LogOut():
                return self._care_for(message)
            case StartLogin() | SubmitCode() | SubmitPassword():
                return self._log_in(message)
            case Renew() | StartQr() | WaitQr() | ResendCode() | CancelLogin():
                return self._log_in(message)
            case _:
                return super().on_receive(message)
        return None

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        self._enter(StopAsked(), "asked to stop")
        await self._outbound.drain(within=self._kit.settings.drain)
        await self._login.abandon()
        await self._let_go()
        self._enter(Stopped(), "stopped")

    async def on_failure(  # type: ignore[override]  # a LoopActor's hooks may be async
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002 - Pykka's signature
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Prove the client off before the next incarnation opens another on the same key."""
        self._outbound.abandon()
        self._flush()
        await self._login.abandon()
        await self._kit.gateway.close(self._name, deadline=CRASH_CLOSE)

    # Phases

    def _enter(self, event: Event, reason: str, *, until: float | None = None) -> None:
        before, after = self._phase, step(self._phase, event)
        self._phase, self._reason, self._until = after, reason, until
        self._since = now = self._kit.now()
        if before is not after:
            self._kit.publish(
                PhaseChanged(session=self._name, at=now, before=before, after=after, reason=reason)
            )
        if before is Phase.ONLINE:
            self._outbound.suspend()
            self._groups.tell(SessionDown(reason))
        self._tell_monitor()

    # Coming online

    def _begin(self) -> None:
        if self._climbing or self._phase in {Phase.ONLINE, Phase.STOPPING, Phase.STOPPED}:
            return
        self._climbing = True
        self._lost_at = self._lost_at or self.clock.now()
        self._enter(RecoveryStarted(), self._cause)
        self._epoch += 1
        epoch = self._epoch

        def hear(told: Told) -> None:
            if epoch == self._epoch:  # a client that is being closed has nothing to say any more
                self.actor_ref.tell(Heard(epoch, told))

        recovery = Recovery(self._name, self._kit, hear)
        self.pipe(recovery.climb(), done=Climbed, failed=ClimbFailed)

    def _recover(self, cause: str) -> None:
        self._cause, self._failures = cause, 0
        if self._phase is Phase.ONLINE:
            self._probe()
        else:
            self._begin()

    def _climbed(self, climb: Climb) -> None:
        self._climb_over()
        self._client, self._rung = climb.client, climb.rung
        self._online_at, self._deaf_probes = self.clock.now(), 0
        self._failures, self._reason = 0, ""
        self._outbound.resume(climb.client, climb.floods)
        self._calls.remember(climb.floods)
        climb.client.session.on_change = self._flush_soon
        self._flush()
        self._recoveries += self._cause != "start"
        self._enter(Recovered(), f"by {climb.rung}")
        seconds = self.clock.now() - (self._lost_at or self.clock.now())
        self._lost_at = None
        self._kit.publish(
            SessionRecovered(
                session=self._name,
                at=self._kit.now(),
                rung=climb.rung,
                seconds=seconds,
                cause=self._cause,
            )
        )
        if climb.client.disconnected.done():  # lost again while the copies were mended
            self._lost(climb.client.disconnected.result())
            return
        self._groups.tell(SessionUp(epoch=self._epoch))
        self._end_replaced()

    def _climb_failed(self, error: BaseException) -> None:
        self._climb_over()
        if isinstance(error, NoCredentialError | KeyLatchedError):
            self._lost_at = None
            self._enter(Rejected(), str(error))
            return
        verdict = classify(error, moment=Moment.OPENING)
        if not self._hold(verdict):
            self._come_back_later(verdict)

    def _hold(self, verdict: Verdict) -> bool:
        """Stop trying where trying again would do harm; tells whether it did."""
        if verdict.latches_key or verdict.action in {Action.TRY_OTHER_COPY, Action.NEW_LOGIN}:
            self._lost_at = None
            self._latch(verdict)
            self._enter(Rejected(), verdict.name)
        elif verdict.terminal:
            self._enter(GaveUp(), f"{verdict.name}: {verdict.advice}")
        else:
            return False
        return True

    def _latch(self, verdict: Verdict) -> None:
        if not verdict.latches_key:
            return
        reason, name, now = verdict.name, self._name, self._kit.now()

        def work(store: Any) -> None:
            record = store.session(name)
            if record is not None and record.key_id is not None:
                store.latch_key(record.key_id, reason, now)

        self._kit.journal.post(work)

    def _come_back_later(self, verdict: Verdict) -> None:
        if verdict.name == SHARED_OUTAGE:
            self._wait_for_calm(verdict)
            return
        self._failures += 1
        settings = self._kit.settings
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # only counts
        state.attempt_number = self._failures
        backoff = wait_random_exponential(settings.backoff_initial, settings.backoff_max)
        delay = max(verdict.wait or 0.0, backoff(state))
        until = self._kit.now() + delay
        self._enter(Delayed(until), f"{verdict.name}; next try in {delay:.1f} s", until=until)
        self.after(delay, Begin())

    def _wait_for_calm(self, verdict: Verdict) -> None:
        """Others fail at the same address: one of them looks, this one comes when it works."""
        until = self._kit.now() + CALM_WITHIN
        self._enter(Delayed(until), f"{verdict.name}: {verdict.advice}", until=until)
        self.pipe(self._calm(), done=lambda _: Begin())

    async def _calm(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CALM_WITHIN):
                await self._kit.gateway.calm(self._name)

    # What the client tells

    def _heard(self, message: Heard) -> None:
        if message.epoch != self._epoch:
            return
        match message.told:
            case Arrived() as arrived:
                self._groups.tell(arrived)
            case Edited() | Deleted() as change:
                self._groups.tell_change(change)
            case Gap():
                self._groups.tell(CatchUp())
            case Lost(reason):
                if self._phase is Phase.ONLINE:
                    self._lost(reason)

    def _lost(self, reason: BaseException | None, *, cause: str = "connection lost") -> None:
        self._flush()  # what this client has learnt is what the next one starts with
        short = self.clock.now() - self._online_at < LONG_LIFE
        self._short_lives = self._short_lives + 1 if short else 0
        self._client, self._lost_at = None, self.clock.now()
        self._cause = cause
        verdict = classify(reason or ConnectionError("connection closed"))
        if self._hold(verdict):
            return
        self._enter(Dropped(), verdict.name)
        if self._short_lives > SHORT_LIVES:
            # Taken and dropped again and again: at once would be a storm.
            self._failures = max(self._failures, self._short_lives - SHORT_LIVES)
            self._come_back_later(verdict)
        else:
            self._begin()

    def _flush_soon(self) -> None:
        self.after(FLUSH_AFTER, Flush())

    def _flush(self) -> None:
        if self._client is None:
            return
        changes = self._client.session.take_changes()
        if changes is not None:
            name, kit = self._name, self._kit
            kit.journal.post(lambda store: keep_changes(store, name, changes, kit))

    # Sending

    def _group_ready(self, message: GroupReady) -> None:
        if self._groups.ready(message) and self._phase is Phase.ONLINE:
            tell(message.ref, SessionUp(epoch=self._epoch))

    def _send_failed(self, message: SendFailed) -> None:
        verdict = self._outbound.failed(message)
        if verdict.terminal:
            self._retire(verdict)
        elif verdict.kind is ErrorClass.NET and self._client is not None:
            self.after(PROBE_AFTER_TROUBLE, Probe())

    def _retire(self, verdict: Verdict) -> None:
        """Telegram ended this session under way: hold it and close the client."""
        if self._phase is Phase.ONLINE:
            self._flush()
            self._client = None
            self._hold(verdict)
            self.pipe(self._kit.gateway.close(self._name), done=lambda _: Flush())

    # Reading

    def _read_history(self, message: History) -> None:
        client, deadline = self._client, self._kit.settings.call_deadline
        if client is None:
            tell(message.reply_to, unread(message, OFFLINE))
            return
        self.pipe(
            read(client, message, deadline),
            done=lambda answer: PassOn(message.reply_to, answer),
            failed=lambda error: PassOn(message.reply_to, unread(message, error)),
        )

    def _locate(self, message: Locate) -> None:
        client, deadline = self._client, self._kit.settings.call_deadline
        if client is not None:
            self.pipe(
                look_up(client, message.chats, deadline),
                done=lambda answer: PassOn(message.reply_to, answer),
            )

    def _check_access(self, message: CheckAccess) -> None:
        client, deadline = self._client, self._kit.settings.call_deadline
        if client is not None:
            self.pipe(
                rights_in(client, message.chats, deadline),
                done=lambda answer: PassOn(message.reply_to, answer),
                failed=_not_looked,
            )

    def _look_into(self, message: LookInto) -> Answer:
        answer, client = Answer(), self._client
        if client is None:
            answer.fail(OFFLINE)
            return answer
        self.pipe(
            known_rights(client, message.chats, self._kit.settings.call_deadline),
            done=lambda rights: Replied(answer, rights, None),
            failed=lambda error: Replied(answer, None, error),
        )
        return answer

    def _call(self, message: CallTelegram) -> Answer:
        answer = Answer()
        if self._client is None:
            answer.fail(OFFLINE)
            return answer
        refusal = self._calls.refusal(message.request)
        if refusal is not None:
            answer.fail(refusal)
            return answer
        deadline = message.deadline or self._kit.settings.call_deadline
        self.pipe(
            self._client.call(message.request, deadline=deadline),
            done=lambda result: Replied(answer, result, None),
            failed=lambda error: CallFailed(answer, message.request, error),
        )
        return answer

    # Logging in

    def _log_in(self, message: LoginStep) -> Answer:
        answer = Answer()
        if isinstance(message, StartLogin) and self._climbing:
            self._logins_waiting.append(answer)  # the copies may do
        elif isinstance(message, StartLogin) and self._phase is Phase.ONLINE:
            answer.set(self._phase)
        else:
            self._take_login_step(message, answer)
        return answer

    def _take_login_step(self, message: LoginStep, answer: Answer) -> None:
        self.pipe(
            self._login.take(message),
            done=lambda step: LoginWent(answer, step, None),
            failed=lambda error: LoginWent(answer, None, error),
        )

    def _climb_over(self) -> None:
        """A climb has ended, well or not: whoever waited to log in is served now."""
        self._climbing = False
        waiting, self._logins_waiting = self._logins_waiting, []
        for answer in waiting:
            self.actor_ref.tell(LoginWanted(answer))
        if self._switch_after:
            cause, self._switch_after = self._switch_after, ""
            self.actor_ref.tell(Switch(cause))

    def _login_wanted(self, answer: Answer) -> None:
        if self._phase is Phase.ONLINE:
            answer.set(self._phase)
        else:
            self._take_login_step(StartLogin(), answer)

    def _login_went(self, message: LoginWent) -> None:
        if message.step is None:
            error = message.error or RuntimeError("the login ended without a word")
            if not self._login.under_way and self._phase in LOGGING_IN:
                self._enter(LoginFailed(), type(error).__name__)
            message.answer.fail(error)
            return
        event, told = message.step.event, message.step.told
        if event is None:
            message.answer.set(told or self._phase)
            return
        if self._phase in AT_WORK:  # a renewal: the session works on beside it
            if isinstance(event, SignedIn):
                self._switch("renewal")
            message.answer.set(told or BESIDE.get(type(event), self._phase))
            return
        if isinstance(event, SignedIn) and self._phase not in LOGGING_IN:
            self._enter(CodeSent(), "logged in without a code")
        if event is not None:
            self._enter(event, "logging in")
        if isinstance(event, SignedIn):
            self._cause = "login"
            self._begin()
        message.answer.set(told or self._phase)

    # Another login in place of this one

    def _care_for(self, message: CareStep) -> Answer:
        answer, logging_out = Answer(), isinstance(message, LogOut)
        client = self._client
        self._flush()
        if logging_out and client is not None:
            # Its end is asked for: it is no loss to come back from.
            self._client, self._epoch = None, self._epoch + 1
            self._groups.tell(SessionDown("logging out"))
        self.pipe(
            self._taken_care(message, client),
            done=lambda done: CareWent(answer, done, None),
            failed=lambda error: CareWent(answer, None, error, logging_out),
        )
        return answer

    async def _taken_care(self, message: CareStep, client: Client | None) -> Done:
        if isinstance(message, LogOut):
            await self._outbound.drain(within=self._kit.settings.drain)
        return await self._care.take(message, client)

    def _care_went(self, message: CareWent) -> None:
        if message.done is None:
            message.answer.fail(self._said(message.error))
            if message.logging_out:
                self._switch("logout failed")
            return
        match message.done.follow:
            case Follow.SWITCH:
                self._switch("another login")
            case Follow.LOGGED_OUT:
                self._lost_at = None
                self._enter(Rejected(), "logged out")
            case Follow.NOTHING:
                message.answer.set(message.done.told)
                return
        message.answer.set(message.done.told or self._phase)

    def _said(self, error: BaseException | None) -> BaseException:
        """An error as an app catches it: ours as it is, Telegram's with advice."""
        if isinstance(error, Exception) and not isinstance(error, TelewardenError):
            told = to_telewarden(error, session=self._name)
            told.__cause__ = error
            return told
        return error or RuntimeError("it ended without a word")

    def _switch(self, cause: str) -> None:
        """Come online by the login that is stored now; the client of the other is closed first."""
        if self._climbing:
            self._switch_after = cause
            return
        self._flush()
        self._client, self._cause, self._failures = None, cause, 0
        if self._phase is Phase.ONLINE:
            self._enter(Dropped(), cause)
        self._begin()

    def _end_replaced(self) -> None:
        """The new login works: end the one that it replaces."""
        replaced, self._login.replaced = self._login.replaced, None
        if replaced is not None:
            self.pipe(
                end_authorisation(self._kit, self._name, replaced.session_string, reason="renewed"),
                done=lambda _: KeyEnded(),
                failed=KeyEnded,
            )

    def _key_ended(self, message: KeyEnded) -> None:
        if message.error is None:
            logger.info("replaced login ended session=%s", self._name)
        else:
            logger.warning(
                "replaced login not ended session=%s why=%s; end it in Telegram's list of devices",
                self._name,
                classify(message.error).name,
            )

    # Probing and reporting

    def _probe(self) -> None:
        if self._client is None or self._probing:
            self._tell_monitor()
            return
        self._probing = True
        self.pipe(self._client.probe(), done=ProbeAnswered, failed=ProbeFailed)

    def _probed(self, seconds: float) -> None:
        self._probing, self._probe_seconds = False, seconds
        self._kit.publish(
            Probed(
                session=self._name,
                at=self._kit.now(),
                seconds=seconds,
                update_age=self._update_age(),
            )
        )
        self._tell_monitor()
        self._listen_closely()

    def _listen_closely(self) -> None:
        """Connected and answering, and yet deaf? Then a fresh client hears."""
        client = self._client
        if client is None:
            return
        self._deaf_probes = self._deaf_probes + 1 if client.behind else 0
        if self._deaf_probes > 1:  # once may be an update that is on its way
            logger.warning("deaf session=%s behind=%d", self._name, client.behind)
            self._lost(ConnectionError("connected but deaf"), cause="deaf")
        elif self._deaf_probes:
            self.after(LISTEN_AGAIN, Probe())
        elif (self._update_age() or 0.0) > self._kit.settings.deaf_after:
            self._groups.tell(CatchUp())  # a channel may be silent, or not told of

    def _probe_failed(self, error: BaseException) -> None:
        self._probing = False
        if self._phase is not Phase.ONLINE:
            return
        verdict = classify(error)
        if verdict.terminal:
            self._retire(verdict)
        elif verdict.kind is not ErrorClass.FLOOD:
            self.pipe(self._kit.gateway.close(self._name), done=lambda _: Flush())

    def _update_age(self) -> float | None:
        if self._client is None:
            return None
        return max(0.0, self.clock.now() - self._client.last_update)

    def _tell_monitor(self) -> SessionReport:
        report = self._report()
        tell(self._kit.monitor, Reported(report=report, ref=self.actor_ref))
        return report

    def _introduce(self) -> SessionReport:
        """Tell the monitor about this session and its groups, as after the monitor's restart."""
        self._groups.tell(Report())
        return self._tell_monitor()

    def _report(self) -> SessionReport:
        return SessionReport(
            session=self._name,
            phase=self._phase,
            health=health_of(self._phase, reason=self._reason.partition(":")[0]),
            reason=self._reason,
            since=self._since,
            until=self._until or self._outbound.until,
            limited_until=self._outbound.limited_until,
            rung=self._rung,
            recoveries=self._recoveries,
            parked=self._outbound.parked,
            probe_seconds=self._probe_seconds,
            update_age=self._update_age(),
            user_id=self._client.user_id if self._client else None,
            groups=len(self._groups),
        )

    # Stopping

    async def _let_go(self) -> None:
        """Write down what was learnt, prove the client off, then let the key go."""
        client, self._client = self._client, None
        self._epoch += 1
        if client is None:
            return
        client.save_states()
        key_id, changes = client.key_id, client.session.take_changes()
        if changes is not None:
            # Posted, not waited for: after a crash of the journal this stop comes before its start.
            name, kit = self._name, self._kit
            kit.journal.post(lambda store: keep_changes(store, name, changes, kit))
        await self._kit.gateway.close(self._name, deadline=self._kit.settings.close_deadline)
        if key_id is not None:
            self._kit.keys.release(key_id)


def _not_looked(error: BaseException) -> object:
    """A look at rights that failed says nothing about them; the next one comes by itself."""
    logger.info("rights not looked at error=%s", type(error).__name__)
    return RightsUnknown()
