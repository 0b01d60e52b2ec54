"""Errors of the registry; after each of them nothing has changed."""

from __future__ import annotations

from .root import TelewardenError, counted

NAMES_SHOWN = 10  # in a message; the error carries them all
NEAREST_SHOWN = 3


class RegistryError(TelewardenError):
    """The root of what the registry refuses; nothing has changed."""


class UnknownSessionError(RegistryError, LookupError):
    """There is no session of that name; nothing has changed."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        from difflib import get_close_matches  # not before it is needed

        shown = ", ".join(known[:NAMES_SHOWN]) or "none"
        more = f" and {len(known) - NAMES_SHOWN} more" if len(known) > NAMES_SHOWN else ""
        near = get_close_matches(str(name), known, n=NEAREST_SHOWN)
        meant = f"did you mean {', '.join(near)}? " if near else ""
        super().__init__(f"there is no session {name!r}; {meant}sessions are: {shown}{more}")
        self.name, self.known = name, known


class SessionExistsError(RegistryError):
    """There is a session of that name already; it is as it was."""

    def __init__(self, name: str) -> None:
        super().__init__(f"session {name} is registered already; change it or take another name")
        self.name = name


class SessionBusyError(RegistryError):
    """The session is in the middle of something that a change would break; try again after it."""

    def __init__(self, name: str, doing: str) -> None:
        super().__init__(f"session {name} is being {doing}; try again when that is over")
        self.name, self.doing = name, doing


class SessionFullError(RegistryError):
    """A session would have more pairs than it takes; nothing has changed."""

    def __init__(self, name: str, *, pairs: int, limit: int) -> None:
        super().__init__(
            f"session {name} would have {counted(pairs, 'pair')} and takes {limit};"
            " raise its max_pairs (50 at most) or move pairs to another session"
        )
        self.name, self.pairs, self.limit = name, pairs, limit


class PairExistsError(RegistryError):
    """There is a pair of that number already; it is as it was."""

    def __init__(self, pair: int) -> None:
        super().__init__(f"there is a pair {pair} already; change it or take another number")
        self.pair = pair


class PairFaultError(RegistryError):
    """A pair is fine by itself and not together with the others; nothing has changed.

    ``fault`` is ``PAIR_TO_ITSELF``, ``PAIR_TWICE``, ``PAIR_RING`` or ``RING_DIVIDED``; ``pairs``
    are concerned.
    """

    def __init__(self, sentence: str, *, fault: str, pairs: tuple[int, ...]) -> None:
        super().__init__(sentence)
        self.fault, self.pairs = fault, pairs


class PairChangedError(RegistryError):
    """Somebody else changed the pair meanwhile; this change was not made."""

    def __init__(self, pair: int) -> None:
        super().__init__(f"pair {pair} was changed by somebody else meanwhile; look and try again")
        self.pair = pair


class RegistryFullError(RegistryError):
    """The registry holds as many entries of that kind as it may, and none has expired.

    Args:
        what: ``"sessions"`` or ``"operations"``.
        limit: how many there may be.
    """

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(
            f"the registry takes no more {what}: its limit is {limit}, and all are in use;"
            f" end or delete some, or raise max_{what}"
        )
        self.what, self.limit = what, limit


class UnknownFieldError(RegistryError):
    """A change names fields that there are not, or that cannot be changed; nothing has changed."""

    def __init__(self, fields: tuple[str, ...], allowed: tuple[str, ...]) -> None:
        super().__init__(f"cannot change {', '.join(fields)}; give {', '.join(allowed)}")
        self.fields, self.allowed = fields, allowed


class UnknownOperationError(RegistryError, LookupError):
    """There is no operation of that number, or it has expired; nothing has changed."""

    def __init__(self, id_: int) -> None:
        super().__init__(
            f"there is no operation {id_}; it may have expired;"
            " see those there are with: telewarden operations list"
        )
        self.id = id_


class OperationEndedError(RegistryError):
    """The operation is over and makes no more progress; it is as it was."""

    def __init__(self, id_: int, state: str) -> None:
        super().__init__(f"operation {id_} is {state}; begin another one")
        self.id, self.state = id_, state


class OperationRunningError(RegistryError):
    """The operation is under way and cannot be removed; it is as it was."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"operation {id_} is running; end it before it is removed")
        self.id = id_


class OperationDroppedError(RegistryError):
    """The operation was forgotten, by age or by hand, before whoever watched it saw its end."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"operation {id_} was removed before it ended; begin another one")
        self.id = id_


class NoSessionFitsError(RegistryError):
    """No session can take another pair now; ``reasons`` says why for each."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        shown = "; ".join(reasons[:NAMES_SHOWN]) or "there are no sessions"
        super().__init__(f"no session can take another pair: {shown}; register one or free some")
        self.reasons = reasons
