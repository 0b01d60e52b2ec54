"""The worker group actor: up to thirty pairs of one session, from arrival to delivery.

Owns the pairs' progress. A message is written to the outbox before it is sent, sent with a
random_id that is a function of pair and message, and ticked off when Telegram has it; a repeat is
refused by Telegram and counted as delivered. After any gap (restart, lost connection, a session's
crash) the source's history is read from the group's own mark, not from Telethon's.

This module is the mailbox; the work is in its parts: ``group_pairs``, ``chats``, ``history``,
``reconcile``, ``outbox``, ``delivery``, ``changes``, ``commands``, ``pausing``. What one pair
knows, and its table of states, is in ``pair``. Leaves to the session: the client, floods, pacing,
and which pairs these are. To the journal: the disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, ClassVar, Final

import pykka

from ...errors import JournalUnavailableError
from ...supervision import LoopActor, TimerHandle
from ...telegram import Action, Arrived, Deleted, Edited, Upgraded
from ..context import Services
from ..messages import (
    AccessChecked,
    CatchUp,
    Delivered,
    DisablePairs,
    HistoryRead,
    Introduce,
    Located,
    Missed,
    Report,
    Returned,
    Serve,
    SessionDown,
    SessionUp,
    SettingsChanged,
    Undelivered,
    Unlimited,
)
from .changes import CopyChanges
from .chats import ChatResolver
from .commands import Commands
from .context import GroupContext
from .delivery import Delivery
from .group_pairs import GroupPairs, close_handlers
from .history import HistoryReader
from .intake import Intake
from .messages import PairCommand, ReadAgain
from .outbox import OutboxWriter
from .pair.state import PairState
from .pausing import PairPausing
from .reconcile import Reconciler

CHANNELS: Final = -1_000_000_000_000  # marked ids from here down are channels'

Early = tuple[Edited | Deleted, frozenset[int]]
"""What was told before all pairs were there, and which pairs it was told to."""


class WorkerGroupActor(LoopActor):
    """Forwards messages for its pairs; which those are it is told by its session.

    Args:
        name: the group's id under its session, ``"group-1"``.
        session: the session's name.
        session_ref: the session actor; its mailbox outlives its restarts.
        services: what all actors of a warden share.
    """

    context_type: ClassVar[type[GroupContext]] = GroupContext
    outbox_type: ClassVar[type[OutboxWriter]] = OutboxWriter

    def __init__(
        self, *, name: str, session: str, session_ref: pykka.ActorRef[Any], services: Services
    ) -> None:
        super().__init__()
        self._context = self.context_type(
            name=name, session=session, services=services, actor=self, ref=session_ref
        )
        self._pausing = PairPausing(self._context, lambda state: self._chats.locate([state]))
        self._outbox = self.outbox_type(self._context, lambda *at: self._delivery.stored(*at))
        self._changes = CopyChanges(
            self._context,
            self._outbox,
            lambda state: self._delivery.send_next(state),
            lambda state: self._history.go_on(state),
        )
        self._delivery = Delivery(self._context, self._outbox, self._pausing, self._changes)
        self._reconciler = Reconciler(
            self._context,
            self._outbox,
            self._delivery,
            self._changes,
            lambda state: self._history.go_on(state),
        )
        self._chats = ChatResolver(
            self._context,
            self._outbox,
            self._delivery,
            self._pausing,
            lambda states: self._history.catch_up(states),
        )
        self._intake = Intake(self._context, self._outbox, self._pausing)
        self._history = HistoryReader(
            self._context,
            self._outbox,
            self._intake,
            self._delivery,
            self._pausing,
            self._changes,
            self._reconciler,
            self._chats,
        )
        self._group_pairs = GroupPairs(
            self._context, self._outbox, self._delivery, self._pausing, self._begin
        )
        self._commands = Commands(
            self._context, self._group_pairs, self._history, self._pausing, self._chats
        )
        self._early: list[Early] = []
        self._catching_up: TimerHandle | None = None

    def on_start(self) -> None:
        self._group_pairs.introduce()
        self._catch_up_from_now_on()

    def _catch_up_from_now_on(self) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()
        every = self._context.services.settings.groups_every
        self._catching_up = self.every(every, CatchUp(routine=True))

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        self._outbox.close()
        await close_handlers(self._group_pairs.handlers())

    async def on_failure(self, *_exc_info: object) -> None:  # type: ignore[override]  # as above
        with contextlib.suppress(JournalUnavailableError):
            self._outbox.close(failed=True)
        await close_handlers(self._group_pairs.handlers())

    def on_receive(self, message: object) -> object:
        match message:
            case Arrived():
                self._history.looks.heard(message.message)
                self._intake.came_in(message.message)
            case Edited() | Deleted():
                self._changed(message)
            case Delivered():
                self._delivery.delivered(message)
                self._context.with_pair(message.pair, self._history.go_on)
            case Returned():
                self._delivery.returned(message)
            case Undelivered():
                self._undelivered(message)
            case HistoryRead():
                self._history.history_read(message)
            case Located():
                self._chats.located(message)
            case Upgraded():
                self._chats.upgraded(message.chat, message.to)
            case AccessChecked():
                self._chats.rights_told(message.rights)
                self._pausing.rights_told(message.rights, asked_for=message.asked_for)
            case Missed():
                self._reconciler.missed(message)
            case CatchUp():
                self._catch_up(routine=message.routine)
            case ReadAgain():
                self._context.with_pair(message.pair, self._history.read_again)
            case SessionUp() | SessionDown():
                self._session_changed(online=isinstance(message, SessionUp))
            case SettingsChanged():
                self._catch_up_from_now_on()
            case DisablePairs():
                self._pausing.disable()
            case Unlimited():
                self._pausing.unlimited()
            case Serve():
                self._group_pairs.serve(message.plans)
                self._catch_up_on_changes()
            case PairCommand():
                return self._commands.carry_out(message)
            case Introduce():
                self._group_pairs.introduce()
            case Report():
                return self._group_pairs.report()
            case _:
                return super().on_receive(message)
        return None

    def _undelivered(self, message: Undelivered) -> None:
        self._delivery.undelivered(message)
        if message.verdict.action is Action.RESOLVE_PEER:
            self._context.with_pair(message.pair, self._seek)
        self._context.with_pair(message.pair, self._history.go_on)

    def _begin(self, states: Iterable[PairState]) -> None:
        """Pairs have been taken in, or changed."""
        self._chats.locate(states)
        self._catch_up_on_changes()

    def _catch_up(self, *, routine: bool) -> None:
        """Look whether anything was missed, whether pairs may still write, and how they are."""
        if routine:
            self._history.looks.begin(self._context.services.settings.groups_every)
        else:
            self._history.catch_up(self._context.pairs.values())
        self._pausing.sweep()
        self._group_pairs.report()

    def _seek(self, state: PairState) -> None:
        if state.paused is None:
            self._chats.seek(state)

    # The session's coming and going

    def _session_changed(self, *, online: bool) -> None:
        self._context.online = online
        for state in self._context.pairs.values():
            waiting = state.interrupt(self._context.late_until())
            self._delivery.bring_up_to_date(state, waiting)
        if online:
            self._context.short = False
            self._chats.locate()
            self._pausing.enable()

    # Edits and deletions

    def _changed(self, message: Edited | Deleted) -> None:
        """It concerns the pairs that are here, and those that are still read from the disk."""
        if not self._group_pairs.settled:
            self._early.append((message, frozenset(self._context.pairs)))
        self._tell_change(message, frozenset())

    def _catch_up_on_changes(self) -> None:
        if self._group_pairs.settled:
            early, self._early = self._early, []
            for message, served in early:
                self._tell_change(message, served)

    def _tell_change(self, message: Edited | Deleted, served: frozenset[int]) -> None:
        for state in self._context.pairs.values():
            if state.plan.id in served:
                continue
            if isinstance(message, Edited):
                if state.source == message.message.chat:
                    self._delivery.edited(state, message.message)
            elif _concerns(message, state):
                self._delivery.deleted(state, message.ids)


def _concerns(message: Deleted, state: PairState) -> bool:
    """Outside of channels Telegram does not say where; ids are the account's own there."""
    if message.chat is None:
        return state.source is not None and state.source > CHANNELS
    return state.source == message.chat
