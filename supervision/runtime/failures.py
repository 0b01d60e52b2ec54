"""What both hosts do with an error that left a handler: is it a crash, and what shall follow.

Two signals mean the same on either host: a drill is a crash, ``Ignore`` is no failure.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from ...errors import DrillError
from ..observe.events import ChildResumed
from ..policy.directive import AnyDirective, Directive
from ..policy.exit_reason import Exit, ExitKind
from .mailbox import OwnEnvelope, answer
from .tree_context import Slot

if TYPE_CHECKING:
    from ..spec.child_spec import ChildSpec

RESTART: Final = Directive.RESTART
RESUME: Final = Directive.RESUME
ERROR: Final = ExitKind.ERROR

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drill:
    """A message that makes any supervised actor raise ``DrillError`` in its handler: a real crash.

    Also when it is asked: the asker gets the error, and the actor crashes all the same.
    """

    reason: str = "drill"


class Ignore(Exception):  # noqa: N818 - an answer, not an error
    """Raised in ``__init__`` or ``on_start`` by a child that has nothing to do: no failure.

    Its supervisor keeps the description (a temporary or dynamic child is forgotten) and goes on.
    """


def is_crash(spec: ChildSpec, envelope: Envelope[Any], error: BaseException) -> bool:
    """Whether an error ends the incarnation (S3): in a tell always, in an ask when it must.

    An ordinary exception in an ask belongs to the asker, as in Pykka.
    """
    if envelope.reply_to is None or not isinstance(error, Exception):
        return True
    return isinstance(error, (DrillError, *spec.ask_failures))


def take_failure(slot: Slot, envelope: Envelope[Any], error: BaseException) -> Exit | None:
    """Answer and record a message that failed; ``None`` when its actor goes on, else its end."""
    answer(envelope, error=error)
    if not is_crash(slot.spec, envelope, error):
        return None
    slot.context.drop(slot.path, envelope.message, "crashed")
    directive = directive_for(slot, error)
    if directive is not RESUME:
        return Exit(ERROR, error, directive=directive)
    slot.context.events.publish(
        ChildResumed(
            at=slot.context.clock.now(),
            child=slot.path,
            incarnation=slot.incarnation,
            error=error,
        )
    )
    return None


def directive_for(slot: Slot, error: BaseException) -> AnyDirective:
    """The directive that the spec gives for an error; the default if the spec itself raises."""
    if slot.spec.directive is None:
        return RESTART
    try:
        return slot.spec.directive(error)
    except BaseException:  # S4: user's code in the loop; SystemExit would end it for everybody
        logger.exception("directive failed child=%s", slot.path)
        return Directive.RESTART


def start_exit(slot: Slot, error: BaseException) -> Exit:
    """How an incarnation ended that raised while it was built or started."""
    if isinstance(error, Ignore):
        return Exit(ExitKind.IGNORED)
    return Exit(ExitKind.START_FAILED, error, directive=directive_for(slot, error))


def stop_itself(slot: Slot, incarnation: int) -> None:
    """Have that incarnation stop in its turn; the next one does not inherit it."""
    slot.mailbox.put(OwnEnvelope(_ActorStop(), incarnation))


def run_failure_hook(slot: Slot, actor: pykka.Actor, error: BaseException) -> Any:
    """Call ``on_failure`` and return what it returns; an error in it is logged and forgotten."""
    try:
        return actor.on_failure(type(error), error, error.__traceback__)
    except BaseException:  # S4: the end has been decided, and nothing may hide it
        logger.warning("hook failed child=%s hook=on_failure", slot.path, exc_info=True)
        return None


def run_stop_hook(slot: Slot, actor: pykka.Actor) -> Any:
    """Call ``on_stop`` and return what it returns; an error in it is logged and forgotten."""
    try:
        return actor.on_stop()
    except BaseException:  # as above
        logger.warning("hook failed child=%s hook=on_stop", slot.path, exc_info=True)
        return None
