"""The commands that both supervisors answer (S9, S13, S27, S29)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pykka

from ..errors import (
    ChildNotFoundError,
    ChildPresentError,
    ChildRestartingError,
    ChildRunningError,
)
from .child import Child
from .commands import (
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
from .events import ChildReleased, ChildStartFailed
from .exits import Exit, ExitKind, Restart
from .groupspec import check_siblings
from .overseer import Overseer, start_error
from .phases import Phase
from .reply import Answer
from .spec import ChildSpec

__all__ = ["CHANGES", "Commanded"]


class Commanded(Overseer):
    """A supervisor that can be asked things."""

    def on_receive(self, message: object) -> Any:
        """Carry out a command; see ``commands``."""
        command = COMMANDS.get(type(message))
        return super().on_receive(message) if command is None else command(self, message)

    def _start_child(self, command: StartChild) -> Answer:
        spec = command.spec
        known = self._children.get(spec.id)
        if known is not None:
            if known.place.alive:
                raise ChildRunningError(known.place.path, known.place.ref)
            raise ChildPresentError(known.place.path)
        self._check(spec)
        return self._start_and_answer(self._adopt(spec), keep=False)

    def _check(self, spec: ChildSpec) -> None:
        """Refuse a description that does not fit here."""
        check_siblings(spec, {*self._children, spec.id})

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
        if exit_ is None:
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
        return self._work_on(self._terminate(self._get(command.id)))

    async def _terminate(self, child: Child) -> Exit:
        exit_ = await self._bring_down(child)
        if exit_.kind is ExitKind.ABANDONED and child.spec.restart is not Restart.TEMPORARY:
            self._isolate(child, "it did not stop and was left behind")
        else:
            self._put_away(child)
        return exit_

    def _restart_child(self, command: RestartChild) -> Answer:
        child = self._get(command.id)
        if not command.force:
            self._refuse_active(child)
            return self._start_again(child)
        answer = self._owe()
        self._do_beside(self._stop_and_start(child, answer))
        return answer

    async def _stop_and_start(self, child: Child, answer: Answer) -> None:
        exit_ = await self._bring_down(child)
        if exit_.kind is ExitKind.ABANDONED:
            self._isolate(child, "it did not stop and was left behind")
            answer.fail(exit_.error or RuntimeError(exit_.reason))
        else:
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
        if child.place.phase in {Phase.RESTARTING, Phase.IDLE}:
            raise ChildRestartingError(child.place.path)

    def _which_children(self, _: WhichChildren) -> tuple[ChildInfo, ...]:
        return tuple(_info(child) for child in self._children.values())

    def _which_child(self, command: WhichChild) -> ChildInfo:
        return _info(self._get(command.id))

    def _count_children(self, _: CountChildren) -> ChildCounts:
        children = self._children.values()
        supervisors = sum(child.spec.supervises for child in children)
        return ChildCounts(
            specs=len(children),
            active=sum(child.place.alive for child in children),
            supervisors=supervisors,
            workers=len(children) - supervisors,
        )

    def _get_child_spec(self, command: GetChildSpec) -> ChildSpec:
        return self._get(command.id).spec

    def _get(self, id_: str) -> Child:
        try:
            return self._children[id_]
        except KeyError:
            raise ChildNotFoundError(f"{self.place}/{id_}") from None


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
"""Commands that must wait while a group of children is being restarted."""
