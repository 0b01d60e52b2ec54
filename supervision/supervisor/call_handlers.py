"""The commands that both supervisors answer (S9, S13, S27, S29)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pykka

from ...errors import (
    ChildNotFoundError,
    ChildPresentError,
    ChildRestartingError,
    ChildRunningError,
    InvalidSpecError,
)
from ..observe.events import ChildReleased, ChildStartFailed
from ..policy.exit_reason import Exit, ExitKind, Restart
from ..policy.restart_intensity import RestartBudget
from ..runtime.child_slot import Place
from ..runtime.future import Answer
from ..runtime.states import Phase
from ..spec.child_spec import AutoShutdown, ChildSpec
from ..spec.supervisor_spec import check_siblings
from .child import Child
from .messages import (
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChild,
    WhichChildren,
)
from .restarts import Overseer, start_error

__all__ = ["LEFT_BEHIND", "Commanded"]


class Commanded(Overseer):
    """A supervisor that can be asked things.

    Questions are answered at any time. Changes to one child are made one after the other, in the
    order in which they came; a change to another child need not wait for them.
    """

    def __init__(self, budget: RestartBudget, auto_shutdown: AutoShutdown) -> None:
        super().__init__(budget, auto_shutdown)
        self._changing: set[str] = set()
        """Ids of the children to whom a change is being made."""
        self._changes: list[tuple[str, Any, Answer]] = []
        """Whom the changes that are still to be made concern, what they are, who waits for them."""
        self._stops = 0
        """How many children are being stopped by command."""

    def on_receive(self, message: object) -> Any:
        """Carry out a command; see ``commands``."""
        command = COMMANDS.get(type(message))
        if command is None:
            return super().on_receive(message)
        return self._change(message) if type(message) in CHANGES else command(self, message)

    # whose turn it is

    def _change(self, message: Any) -> Any:
        id_ = _whom(message)
        others = self._changes
        if not any(one[0] == id_ for one in others) and self._is_time_for(id_, message):
            return self._make(id_, message)
        answer = self._owe()
        others.append((id_, message, answer))
        return answer

    def _make(self, id_: str, message: Any) -> Any:
        result = COMMANDS[type(message)](self, message)
        if isinstance(result, Answer) and not result.done:
            self._changing.add(id_)
            result.when_done(partial(self._made, id_))
        return result

    def _made(self, id_: str) -> None:
        self._changing.discard(id_)
        self._telewarden_place.realm.host.post(self._go_on)

    def _is_time_for(self, id_: str, message: object) -> bool:
        """Whether a change can be made now; one to a child that starts waits for how that goes."""
        if id_ in self._changing or self._is_occupied():
            return False
        child = self._children.get(id_)
        return child is None or child.place.phase is not Phase.STARTING or _calls_off(message)

    def _is_occupied(self) -> bool:
        """Whether no change at all can be made now."""
        return False

    def _go_on(self) -> None:
        """Make the changes whose time has come, each child's in their order."""
        if self._over or not self._changes:
            return
        changes, self._changes = self._changes, []
        held: set[str] = set()
        for one in changes:
            id_, message, answer = one
            if id_ in held or not self._is_time_for(id_, message):
                held.add(id_)
                self._changes.append(one)
            else:
                self._make_late(id_, message, answer)

    def _make_late(self, id_: str, message: object, answer: Answer) -> None:
        try:
            result = self._make(id_, message)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            answer.fail(error)
            return
        if isinstance(result, Answer):
            result.pass_on(answer)
        else:
            answer.set(result)

    def started(self, place: Place, incarnation: int) -> None:
        """A start that had been left open succeeded: see ``Keeper``."""
        super().started(place, incarnation)
        self._go_on()

    def ended(self, place: Place, incarnation: int, exit_: Exit) -> None:
        """An incarnation ended: see ``Keeper``."""
        super().ended(place, incarnation, exit_)
        self._go_on()

    # changes

    def _start_child(self, command: StartChild) -> Answer:
        spec = command.spec
        self._check(spec)
        known = self._children.get(spec.id)
        if known is not None:
            if known.place.alive:
                raise ChildRunningError(known.place.path, known.place.ref)
            raise ChildPresentError(known.place.path)
        self._check_room()
        child = self._adopt(spec)
        child.place.added = True
        return self._start_and_answer(child, keep=False)

    def _check(self, spec: ChildSpec) -> None:
        """Refuse a description that does not fit here."""
        if not isinstance(spec, ChildSpec):
            raise InvalidSpecError("StartChild.spec", spec, "a ChildSpec")
        check_siblings(spec, {*self._children, spec.id})

    def _check_room(self) -> None:
        """Refuse one child more than there may be."""

    def _start_and_answer(self, child: Child, *, keep: bool) -> Answer:
        answer = self._owe()
        outcome = self._launch(child)
        if outcome is None:
            child.waiters.append(lambda exit_: self._start_ended(child, answer, exit_, keep=keep))
        else:
            exit_ = None if outcome is True else outcome
            self._start_ended(child, answer, exit_, keep=keep)
        return answer

    def _start_ended(self, child: Child, answer: Answer, exit_: Exit | None, *, keep: bool) -> None:
        place = child.place
        if answer.done:
            return
        stopped = exit_ is not None and exit_.kind is ExitKind.SHUTDOWN and child.was_asked
        if exit_ is None or (stopped and not self._over):
            # a group that is being restarted takes it along: its reference is good all the same
            answer.set(place.ref)
        elif exit_.kind is ExitKind.IGNORED:
            self._ignored(child)
            answer.set(None)
        else:
            self._publish(
                ChildStartFailed, child=place.path, incarnation=place.incarnation, exit=exit_
            )
            self._start_refused(child, exit_, keep=keep)
            answer.fail(start_error(place, exit_))

    def _start_refused(self, child: Child, exit_: Exit, *, keep: bool) -> None:
        if not keep:
            self._forget(child)
        elif exit_.kind is ExitKind.ABANDONED:
            self._isolate(child, "it did not come to an end and was left behind")
        else:
            child.place.enter(Phase.STOPPED, why=exit_.reason)

    def _terminate_child(self, command: TerminateChild) -> Answer:
        child, answer = self._get(command.id), self._owe()
        self._stop_by_command(child, partial(self._terminated, child, answer))
        return answer

    def _stop_by_command(self, child: Child, then: Callable[[Exit], object]) -> None:
        def stopped(exit_: Exit) -> None:
            self._stops -= 1
            then(exit_)
            self._see_to_fallen()

        self._stops += 1
        exit_ = self._take_down(child, stopped)
        if exit_ is not None:
            stopped(exit_)

    def _see_to_fallen(self) -> None:
        """Decide about those that ended when it was no time to."""

    def _terminated(self, child: Child, answer: Answer, exit_: Exit) -> None:
        if exit_.kind is ExitKind.ABANDONED and child.spec.restart is not Restart.TEMPORARY:
            self._isolate(child, LEFT_BEHIND)
        else:
            self._put_away(child)
        if not answer.done:
            answer.set(exit_)

    def _restart_child(self, command: RestartChild) -> Answer:
        child = self._get(command.id)
        if not command.force:
            self._refuse_active(child)
        if not child.place.alive:
            return self._start_again(child)
        answer = self._owe()
        self._stop_by_command(child, partial(self._start_stopped, child, answer))
        return answer

    def _start_stopped(self, child: Child, answer: Answer, exit_: Exit) -> None:
        if exit_.kind is ExitKind.ABANDONED:
            self._isolate(child, LEFT_BEHIND)
            answer.fail(exit_.error or RuntimeError(exit_.reason))
        elif not self._over:
            self._start_again(child).pass_on(answer)

    def _start_again(self, child: Child) -> Answer:
        child.disarm()
        child.absolve()
        if child.place.phase is Phase.QUARANTINED:
            self._publish(ChildReleased, child=child.place.path)
        return self._start_and_answer(child, keep=True)

    def _delete_child(self, command: DeleteChild) -> None:
        child = self._get(command.id)
        self._refuse_active(child)
        self._forget(child)

    def _refuse_active(self, child: Child) -> None:
        if child.place.alive:
            raise ChildRunningError(child.place.path, child.place.ref)
        if child.place.phase in WAITING and not child.waits_for_sibling:
            raise ChildRestartingError(child.place.path)

    # questions

    def _which_children(self, _: WhichChildren) -> tuple[ChildInfo, ...]:
        return tuple(_info(child) for child in self._children.values())

    def _which_child(self, command: WhichChild) -> ChildInfo:
        return _info(self._get(command.id))

    def _count_children(self, _: CountChildren) -> ChildCounts:
        children = self._children.values()
        supervisors = sum(child.spec.supervises for child in children)
        return ChildCounts(
            specs=len(children),
            active=sum(child.place.phase in UP for child in children),
            supervisors=supervisors,
            workers=len(children) - supervisors,
        )

    def _get_child_spec(self, command: GetChildSpec) -> ChildSpec:
        return self._get(command.id).spec

    def _get(self, id_: str) -> Child:
        try:
            return self._children[id_]
        except (KeyError, TypeError):  # whatever an id is compared with
            raise ChildNotFoundError(f"{self.place}/{id_}") from None


def _whom(message: Any) -> str:
    """The id of the child that a change concerns."""
    return str(getattr(message.spec, "id", None) if type(message) is StartChild else message.id)


def _calls_off(message: Any) -> bool:
    """Whether a change need not know how a start goes: it is broken off."""
    return type(message) is TerminateChild or (type(message) is RestartChild and message.force)


def _info(child: Child) -> ChildInfo:
    place: Any = child.place
    ref: pykka.ActorRef[Any] = place.ref
    return ChildInfo(
        id=child.id,
        ref=ref,
        phase=place.phase,
        restart=child.spec.restart,
        supervises=child.spec.supervises,
        incarnation=place.incarnation,
    )


COMMANDS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    StartChild: Commanded._start_child,  # noqa: SLF001 - the table of the class above
    TerminateChild: Commanded._terminate_child,  # noqa: SLF001
    RestartChild: Commanded._restart_child,  # noqa: SLF001
    DeleteChild: Commanded._delete_child,  # noqa: SLF001
    WhichChildren: Commanded._which_children,  # noqa: SLF001
    WhichChild: Commanded._which_child,  # noqa: SLF001
    CountChildren: Commanded._count_children,  # noqa: SLF001
    GetChildSpec: Commanded._get_child_spec,  # noqa: SLF001
}

CHANGES: Final = frozenset({StartChild, TerminateChild, RestartChild, DeleteChild})
"""Commands that wait for those before them, and while a group of children is being restarted."""
UP: Final = frozenset({Phase.RUNNING, Phase.STOPPING})
WAITING: Final = frozenset({Phase.RESTARTING, Phase.IDLE})
LEFT_BEHIND: Final = "it did not stop and was left behind"
