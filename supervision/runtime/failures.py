"""What both hosts do with an error that left a handler: is it a crash, and what shall follow."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from ...errors import DrillError
from ..observe.events import ChildResumed
from ..policy.directive import Directive, Verdict
from ..policy.exit_reason import Exit, ExitKind
from .child_slot import Place, answer
from .control import Ignore
from .mailbox import OwnEnvelope

if TYPE_CHECKING:
    from ..spec.child_spec import ChildSpec

RESTART: Final = Verdict.RESTART
RESUME: Final = Verdict.RESUME
ERROR: Final = ExitKind.ERROR

__all__ = ["directive_for", "is_crash", "start_exit", "stop_itself", "take_failure"]

logger = logging.getLogger(__name__)


def is_crash(spec: ChildSpec, envelope: Envelope[Any], error: BaseException) -> bool:
    """Whether an error ends the incarnation (S3): in a tell always, in an ask when it must.

    An ordinary exception in an ask belongs to the asker, as in Pykka.
    """
    if envelope.reply_to is None or not isinstance(error, Exception):
        return True
    return isinstance(error, (DrillError, *spec.ask_failures))


def take_failure(place: Place, envelope: Envelope[Any], error: BaseException) -> Exit | None:
    """Answer and record a message that failed; ``None`` when its actor goes on, else its end."""
    answer(envelope, error=error)
    if not is_crash(place.spec, envelope, error):
        return None
    place.realm.drop(place.path, envelope.message, "crashed")
    directive = directive_for(place, error)
    if directive is not RESUME:
        return Exit(ERROR, error, directive=directive)
    place.realm.events.publish(
        ChildResumed(
            at=place.realm.clock.now(),
            child=place.path,
            incarnation=place.incarnation,
            error=error,
        )
    )
    return None


def directive_for(place: Place, error: BaseException) -> Directive:
    """Ask the spec what shall follow; an error in its answer means the default."""
    if place.spec.directive is None:
        return RESTART
    try:
        return place.spec.directive(error)
    except BaseException:  # S4: user's code in the loop; SystemExit would end it for everybody
        logger.exception("directive failed child=%s", place.path)
        return Verdict.RESTART


def start_exit(place: Place, error: BaseException) -> Exit:
    """How an incarnation ended that raised while it was built or started."""
    if isinstance(error, Ignore):
        return Exit(ExitKind.IGNORED)
    return Exit(ExitKind.START_FAILED, error, directive=directive_for(place, error))


def stop_itself(place: Place, incarnation: int) -> None:
    """Have that incarnation stop in its turn; the next one does not inherit it."""
    place.mailbox.put(OwnEnvelope(_ActorStop(), incarnation))


def run_failure_hook(place: Place, actor: pykka.Actor, error: BaseException) -> Any:
    """Call ``on_failure`` and return what it returns; an error in it is logged and forgotten."""
    try:
        return actor.on_failure(type(error), error, error.__traceback__)
    except BaseException:  # S4: the end has been decided, and nothing may hide it
        logger.warning("hook failed child=%s hook=on_failure", place.path, exc_info=True)
        return None


def run_stop_hook(place: Place, actor: pykka.Actor) -> Any:
    """Call ``on_stop`` and return what it returns; an error in it is logged and forgotten."""
    try:
        return actor.on_stop()
    except BaseException:  # as above
        logger.warning("hook failed child=%s hook=on_stop", place.path, exc_info=True)
        return None
