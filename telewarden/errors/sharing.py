"""Errors of programs that use a session through its owner, a running warden."""

from __future__ import annotations

from .root import TelewardenError


class SharingError(TelewardenError):
    """Something about a shared session; the session itself, and others' use of it, go on.

    Args:
        message: one sentence: the program, what happened, the way out.
        session: the shared session's name.
        program: what the program calls itself.
    """

    def __init__(self, message: str, *, session: str, program: str) -> None:
        super().__init__(message)
        self.session, self.program = session, program


class ShareRefusedError(SharingError):
    """The owner of the session does not let this program do that; nothing was sent to Telegram."""

    def __init__(self, what: str, why: str, *, session: str, program: str) -> None:
        super().__init__(
            f"program {program} at session {session}: {what} is refused: {why};"
            " nothing was sent to Telegram",
            session=session,
            program=program,
        )
        self.what, self.why = what, why


class SharedSessionOfflineError(SharingError, ConnectionError):
    """The owner, or its session, did not come in time; what was asked for was not sent."""

    def __init__(self, why: str, *, session: str, program: str) -> None:
        super().__init__(
            f"program {program}: session {session} cannot be used now: {why};"
            " what was asked for was not sent to Telegram",
            session=session,
            program=program,
        )
        self.why = why


class OutcomeUnknownError(SharingError, ConnectionError):
    """A request left, and its answer was lost: whether it was done is not known.

    It was not repeated, as twice may be once too often. ``done`` is ``True`` where Telegram has
    said that it was, and only the answer is lost.
    """

    def __init__(
        self, method: str, why: str, *, session: str, program: str, done: bool = False
    ) -> None:
        known = "it was done, its answer is lost" if done else "whether it was done is not known"
        super().__init__(
            f"program {program} at session {session}: {method}: {known} ({why}); look before you"
            " repeat it",
            session=session,
            program=program,
        )
        self.method, self.why, self.done = method, why, done


class PlaceLostError(SharingError, ConnectionError):
    """A program read its updates too slowly and has lost its place; nobody else has lost any.

    Its requests and handlers end; ``connect()`` and ``catch_up()`` read what it has missed.
    """

    def __init__(self, behind: int, *, session: str, program: str) -> None:
        super().__init__(
            f"program {program} has not taken {behind} updates of session {session}, and no more"
            " are kept for it: connect() again, then catch_up() for those that were missed",
            session=session,
            program=program,
        )
        self.behind = behind
