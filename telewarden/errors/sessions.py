"""Errors of Telegram, and of a session's login and its copies."""

from __future__ import annotations

from datetime import UTC, datetime

from .root import TelewardenError


class TelegramError(TelewardenError):
    """Telegram refused something or cannot be reached; what is stored has not been touched.

    Args:
        message: one sentence: the session, Telegram's word, the way out.
        session: the session's name, when one is concerned.
        kind: the error class, such as ``flood`` or ``revoked``.
        action: what the supervising side does about it.
        name: Telegram's own word, such as ``FLOOD_WAIT``.
        advice: what the operator can do.
        wait: seconds to wait, or None when none are dictated.
        deadline: when the wait is over, in seconds since the epoch.
        terminal: whether the session must not be started again by itself.
    """

    def __init__(
        self,
        message: str,
        *,
        session: str | None = None,
        kind: str,
        action: str,
        name: str,
        advice: str = "",
        wait: float | None = None,
        deadline: float | None = None,
        terminal: bool = False,
    ) -> None:
        super().__init__(message)
        self.session, self.kind, self.action, self.name = session, kind, action, name
        self.advice, self.wait, self.deadline, self.terminal = advice, wait, deadline, terminal


class TelegramRateLimitError(TelegramError):
    """Telegram wants a pause; nothing was done, and nothing may be repeated before ``deadline``."""


class TelegramAuthError(TelegramError):
    """The login or the key is the trouble; key and data are kept for the operator to decide."""


class TelegramSessionError(TelegramError):
    """The connection, the account or a chat is the trouble; the session itself is kept."""


class SessionOfflineError(TelegramSessionError):
    """Something needs a session online that is not; Telegram has not been asked.

    Args:
        session: its name.
        phase: where it stands.
        reason: why, as last told.
        advice: what the operator can do.
        until: when it tries again, epoch seconds.
        coming: whether it comes online by itself.
    """

    def __init__(
        self,
        session: str,
        *,
        phase: str,
        reason: str,
        advice: str,
        until: float | None = None,
        coming: bool = False,
    ) -> None:
        if reason.endswith("."):  # sentences, the way out among them
            why = f"{phase}. {reason}"
        else:
            why = f"{phase} ({reason}). {advice}" if reason else f"{phase}. {advice}"
        super().__init__(
            f"session {session} is not online: {why}",
            session=session,
            kind="net",
            action="requeue",
            name="NOT_ONLINE",
            advice=advice,
            deadline=until,
        )
        self.phase, self.reason, self.until, self.coming = phase, reason, until, coming


class SessionStringDamagedError(TelewardenError):
    """A text is no session string, or not the one it should be; it has not been used."""

    def __init__(
        self, why: str, *, way_out: str = "copy it again, whole, or use another copy"
    ) -> None:
        super().__init__(f"the session string {why}; {way_out}")
        self.why = why


class TelethonFileDamagedError(TelewardenError):
    """A file is no usable Telethon session; it has been left exactly as it is.

    Args:
        path: the file.
        damage: the kind of damage in one word, such as ``empty`` or ``foreign``.
        what: what was found, in a few words.
    """

    def __init__(self, path: object, damage: str, what: str) -> None:
        super().__init__(f"session file {path} cannot be used: {what}; use another copy of it")
        self.path, self.damage, self.what = path, damage, what


class LoginFormatError(TelewardenError):
    """What was given is no login that can be used here; it has been left exactly as it is.

    Args:
        source: the file or folder, or "this text".
        what: what it is instead, as a sentence goes on after its name.
        way_out: what can be done.
    """

    def __init__(self, source: object, what: str, way_out: str) -> None:
        super().__init__(f"{source} {what}; {way_out}")
        self.source, self.what, self.way_out = source, what, way_out


class OtherServersError(TelewardenError):
    """A login is of other servers than those that this warden talks to; no packet was sent.

    Args:
        login: where the login is.
        here: where this warden connects.
    """

    def __init__(self, login: str, here: str) -> None:
        super().__init__(
            f"this login is {login}, and here sessions connect to {here}; no packet was sent;"
            " use a login of the same servers"
        )
        self.login, self.here = login, here


class TelethonFileInUseError(TelewardenError):
    """Some program has a Telethon session file open; nothing has been sent and nothing changed.

    Args:
        path: the file.
        users: a sentence part that says which processes, what they run and since when.
        pids: their numbers.
        unseen: processes of other users, which could not be looked into.
    """

    def __init__(self, path: object, users: str, *, pids: tuple[int, ...], unseen: int = 0) -> None:
        more = f"; {unseen} processes of other users could not be looked into" if unseen else ""
        super().__init__(
            f"session file {path} is in use by {users}{more}: stop that program, or close the"
            " client there, and import again; two users of one login end it for both"
        )
        self.path, self.users, self.pids, self.unseen = path, users, pids, unseen


class IllegalStepError(TelewardenError):
    """A session in this phase cannot take that event; the phase stays as it was."""

    def __init__(self, phase: str, event: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"phase {phase} does not take {event}; it takes {', '.join(allowed) or 'nothing'}"
        )
        self.phase, self.event, self.allowed = phase, event, allowed


class LoginBudgetError(TelewardenError):
    """Enough login codes were asked for today; Telegram has not been asked for another."""

    def __init__(self, session: str, *, spent: int, again_at: float) -> None:
        when = datetime.fromtimestamp(again_at, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
        super().__init__(
            f"session {session}: {spent} login codes within a day; ask again after {when}, "
            f"or log in by QR code: telewarden auth {session} --qr"
        )
        self.session, self.spent, self.again_at = session, spent, again_at


class NoLoginError(TelewardenError):
    """A code or password was handed in, and no login is under way."""

    def __init__(self, session: str) -> None:
        super().__init__(f"session {session} has no login under way; start one first")
        self.session = session


class LoginCallError(TelewardenError):
    """What makes a login, or ends it, was to be called as any request; no packet was sent.

    Args:
        session: its name.
        method: what was to be called.
        why: what it does, and what to call instead.
    """

    def __init__(self, session: str, method: str, why: str) -> None:
        super().__init__(f"session {session}: {method} {why}. No packet was sent")
        self.session, self.method, self.why = session, method, why


class LoginTakenError(TelewardenError):
    """A login is another session's already: two users of one key end it. Nothing has changed."""

    def __init__(self, session: str, other: str) -> None:
        super().__init__(
            f"this login is session {other}'s already; log {session} in by itself,"
            f" or delete {other} first"
        )
        self.session, self.other = session, other


class OtherAccountError(TelewardenError):
    """A login turned out to be another account's; the session is as it was."""

    def __init__(self, session: str) -> None:
        super().__init__(
            f"this login is not session {session}'s account; use the right one,"
            " or register another session for it"
        )
        self.session = session


class NoCredentialError(TelewardenError):
    """A session has no stored copy to come back from; it needs a login.

    Args:
        session: its name.
        problems: what is wrong with the copies that are there, if any are.
    """

    def __init__(self, session: str, *, problems: tuple[str, ...] = ()) -> None:
        said = f" that can be used ({'; '.join(problems)})" if problems else ""
        super().__init__(
            f"session {session} has no stored login{said}; log in with telewarden auth {session}"
        )
        self.session, self.problems = session, problems
