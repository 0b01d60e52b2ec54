"""Errors between a supervisor and its children, and of messages to actors."""

from __future__ import annotations

from .root import TelewardenError, shown


class SupervisionError(TelewardenError):
    """The root of what goes wrong between a supervisor and its children."""


class InvalidSpecError(SupervisionError, ValueError):
    """A description cannot be used; nothing has been started.

    Args:
        field: the class and field at fault, as ``RestartIntensity.limit``.
        value: what was given; shown as its type name when it may hold a secret.
        allowed: what would be accepted, as the end of "give ...".
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {shown(value)}; give {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class ChildStartError(SupervisionError):
    """A child did not start; whatever its supervisor had started for it is stopped again."""

    def __init__(self, child: str, cause: BaseException) -> None:
        super().__init__(f"{child} did not start: {type(cause).__name__}: {cause}")
        self.child, self.cause = child, cause


class ChildNotFoundError(SupervisionError, LookupError):
    """The supervisor knows no child of that id; nothing has changed."""

    def __init__(self, child: str) -> None:
        super().__init__(
            f"there is no child {child!r} here; a snapshot of the tree (telewarden tree) names all"
        )
        self.child = child


class ChildRunningError(SupervisionError):
    """The child is running, and the command needs one that is not; nothing has changed.

    ``ref`` is the running child's reference.
    """

    def __init__(self, child: str, ref: object = None) -> None:
        super().__init__(f"{child} is running already")
        self.child, self.ref = child, ref


class ChildPresentError(SupervisionError):
    """A child of that id is described already but not running; restart or delete that one."""

    def __init__(self, child: str) -> None:
        super().__init__(f"{child} is present but not running; restart it, or delete it first")
        self.child = child


class ChildRestartingError(SupervisionError):
    """The child is about to be restarted; terminate it first, or wait."""

    def __init__(self, child: str) -> None:
        super().__init__(f"{child} is being restarted; terminate it first, or wait")
        self.child = child


class TooManyChildrenError(SupervisionError):
    """The dynamic supervisor holds as many children as it may; nothing has been started."""

    def __init__(self, supervisor: str, limit: int) -> None:
        super().__init__(
            f"{supervisor} holds {limit} children, its limit; terminate one, or raise max_children"
        )
        self.supervisor, self.limit = supervisor, limit


class ChildUnavailableError(SupervisionError):
    """The child is not running now but may come back: the message was not handled, try later.

    One that is gone for good answers with Pykka's ``ActorDeadError`` instead.
    """

    def __init__(self, child: str, why: str) -> None:
        super().__init__(f"{child} is unavailable: {why}")
        self.child, self.why = child, why


class ChildAbandonedError(SupervisionError):
    """The child would not start or stop in time; it is fenced off, and nothing replaces it."""

    def __init__(self, child: str, seconds: float) -> None:
        super().__init__(f"{child} did not come to an end within {seconds:g} s")
        self.child, self.seconds = child, seconds


class HandlerStuckError(SupervisionError):
    """One message took longer than ``stuck_after``; its handler was cancelled, as after a crash."""

    def __init__(self, child: str, seconds: float) -> None:
        super().__init__(f"{child} has been at one message for {seconds:g} s")
        self.child, self.seconds = child, seconds


class FencedError(SupervisionError):
    """An incarnation that was abandoned wanted to send or write; nothing has been done.

    Another may have taken its place. End what you are doing.
    """

    def __init__(self, child: str, incarnation: int) -> None:
        super().__init__(f"{child}#{incarnation} was abandoned; it may not act any more")
        self.child, self.incarnation = child, incarnation


class TooManyAbandonedError(SupervisionError):
    """More incarnations than allowed would not end; the tree stopped. Start the process anew."""

    def __init__(self, abandoned: int, limit: int) -> None:
        super().__init__(f"{abandoned} were abandoned, {limit} are allowed; restart the process")
        self.abandoned, self.limit = abandoned, limit


class IntensityExceededError(SupervisionError):
    """A child outran the restart intensity; its siblings have been stopped, newest first."""

    def __init__(self, child: str, *, restarts: int, period: float) -> None:
        super().__init__(f"{child} failed {restarts} times in {period:g} s; supervisor stops")
        self.child, self.restarts, self.period = child, restarts, period


class SupervisorAskedError(SupervisionError):
    """A child that is still starting asked its own supervisor; waiting would never end."""

    def __init__(self, child: str, supervisor: str) -> None:
        super().__init__(f"{child} asked {supervisor}, its own supervisor, while starting")
        self.child, self.supervisor = child, supervisor


class BlockingAskError(SupervisionError):
    """A blocking ask inside the loop that would have to answer it; nothing has been sent.

    ``way`` is what to use there.
    """

    def __init__(
        self, child: str, *, way: str = "use `await ask_async(ref, message, timeout=...)`"
    ) -> None:
        super().__init__(
            f"a blocking ask to {child} from inside its own loop would never return; {way}"
        )
        self.child, self.way = child, way


class AskTimeoutError(SupervisionError, TimeoutError):
    """No answer came in time; the message may still be handled, its answer is dropped.

    ``why`` is what it waits for, where that is known.
    """

    def __init__(self, child: str, seconds: float, *, why: str = "") -> None:
        reason = f": {why}. What was asked may still be done" if why else ""
        super().__init__(f"{child} did not answer within {seconds:g} s{reason}")
        self.child, self.seconds, self.why = child, seconds, why


class DrillError(SupervisionError):
    """Somebody asked for this crash, to see the tree mend it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"drill: {reason}")
        self.reason = reason
