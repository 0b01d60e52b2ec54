"""Maintenance of a session's login: backup, restore, import, export, renewal, logout.

Kept, put back, brought in, taken away, renewed, ended. Each does its work inside the running
warden, under the session's lease, and takes a backup before it changes anything.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from .. import actors
from ..errors import (
    InvalidRecordError,
    SessionOfflineError,
    TelethonFileDamagedError,
    TelethonFileInUseError,
)
from ..storage import BackupRecord, Store, file_users
from ..supervision import Ask
from ..telegram import (
    CodeInfo,
    FileDamage,
    LoginFormat,
    Phase,
    QrToken,
    StoredSession,
    parse_string,
    path_in,
    read_login,
    read_text,
    rescue_file,
    write_file,
    write_text,
)
from .audit import Auditor
from .checks import a_number, a_path, a_text, seconds
from .operations import Operations, noted

R = TypeVar("R")

CARE_WITHIN: Final = 90.0  # seconds; another data centre may have to be asked
PROVEN_WITHIN: Final = 30.0  # seconds that a lost line gets to come back
LOOK_EVERY: Final = 0.1  # seconds
QR_LIVES: Final = 30.0  # seconds, as Telegram has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import brought: the key's id, and what was wrong with the file, if anything.

    ``format`` says whose it was, as ``LoginFormat`` has it. ``unseen`` processes are other users'
    and could not be asked whether they have the file open.
    """

    key_id: int
    format: LoginFormat = LoginFormat.TELETHON_STRING
    entities: int = 0
    damage: str | None = field(default=None)
    unseen: int = 0


class SessionMaintenance(abc.ABC):
    """The part of a session's handle that looks after its login."""

    name: str
    _operations: Operations
    _auditor: Auditor

    # Backups

    async def backup(self, reason: str = "by hand", *, who: str = "app") -> BackupRecord | None:
        """Keep a copy of the login, opened after writing; None if there is no login.

        The five newest of a session stay. It is an operation of the kind ``backup``.

        Example::

            record = await warden.session("alice").backup("before the move")
        """
        said = f"copying the login: {a_text('reason', reason, 'why, in a few words')}"
        details = {"session": self.name, "description": said, "who": who}
        async with noted(self._operations, "backup", **details) as tracked:
            record = await self._ask(actors.TakeBackup(reason))
            if tracked is not None:
                kept = "there is no login yet" if record is None else f"backup {record.id}, opens"
                await tracked.part(1, kept)
            return record

    async def backups(self) -> list[BackupRecord]:
        """The copies that are kept, newest first."""
        return await self._read(lambda store: store.backups(self.name))

    async def restore(self, backup_id: int, *, who: str = "app") -> Phase:
        """Make a backup the login again and come online by it; what it replaces is kept, too.

        Raises:
            UnknownRecordError: this session has no such backup.
            KeyLatchedError: its key is dead; log in again.
            LoginTakenError: its login is another session's by now.
            CredentialDamagedError: it does not open.

        Example::

            newest, *_ = await warden.session("alice").backups()
            await warden.session("alice").restore(newest.id)
        """
        a_number("backup_id", backup_id)
        async with self._noted(who, "restore") as after:
            after["backup"] = backup_id
            return await self._ask(actors.RestoreBackup(backup_id), timeout=CARE_WITHIN)

    # In and out

    async def import_string(self, text: str, *, who: str = "app") -> Imported:
        """Use a login that another program made, once Telegram has confirmed it.

        Stop that program first: two connections on one key end the key.

        Raises:
            SessionStringDamagedError: it is no session string.
            KeyLatchedError, LeaseHeldError: nothing has changed.
            LoginTakenError, OtherAccountError: nothing has changed.
            TelegramError: Telegram does not take it; nothing has changed.
        """
        a_text("text", text, "a session string")
        async with self._noted(who, "import"):
            return await self._take_in(StoredSession(version=0, parts=parse_string(text)))

    async def import_file(self, path: Path | str, *, who: str = "app") -> Imported:
        """Use a Telethon ``.session`` file, or what a damaged one still holds; it is not changed.

        Raises:
            TelethonFileInUseError: some process, be it this one, has it open, and which; no packet
                was sent.
            TelethonFileDamagedError: nothing in it can be used, and why.
            Exception: as ``import_string``.
        """
        a_path(path)
        async with self._noted(who, "import"):
            return await self._import_file(path)

    async def import_any(
        self,
        source: Path | str,
        *,
        passcode: str | None = None,
        account: int | None = None,
        who: str = "app",
    ) -> Imported:
        """Use a login of whichever program: its file, its folder, or its string; none is changed.

        Telethon, Pyrogram and its family, GramJS, mtcute, gotd, Telegram Desktop. Stop that program
        first: two connections on one key end the key.

        Args:
            source: a path, or the text of a session string.
            passcode: Telegram Desktop's local passcode.
            account: which of Telegram Desktop's accounts, counted from 1.

        Raises:
            LoginFormatError: it is none that can be used, with what it is and the way out.
            TelethonFileInUseError: some process has it open, and which; no packet was sent.
            OtherAccountError, OtherServersError: by what it says itself; no packet was sent.
            Exception: as ``import_string``.

        Example::

            await warden.session("alice").import_any("~/tdata", passcode="open sesame")
        """
        path = _path_of(source, passcode, account)
        async with self._noted(who, "import"):
            if path is None:
                found = read_text(str(source))
                return replace(await self._take_in(found.stored), format=found.format)
            unseen = await asyncio.to_thread(_refuse_used, path)
            try:
                found = await asyncio.to_thread(
                    read_login, path, passcode=passcode, account=account
                )
            except TelethonFileDamagedError:
                return await self._import_file(path)  # much may be left of it
            if found.format is LoginFormat.TELETHON_FILE:
                return await self._import_file(path)
            taken = await self._take_in(found.stored)
            return replace(taken, format=found.format, unseen=unseen)

    async def _import_file(self, path: Path | str) -> Imported:
        unseen = await asyncio.to_thread(_refuse_used, path)
        known = await self._read(lambda store: store.known_strings(self.name))
        key_ids = frozenset(key_id for key_id, _, _ in known)
        try:
            stored, damage = await asyncio.to_thread(rescue_file, path, key_ids=key_ids)
        except TelethonFileDamagedError as error:
            if error.damage != FileDamage.OTHER_KEY:
                raise
            # A newer login of the same account: Telegram tells whose it is.
            stored, damage = await asyncio.to_thread(rescue_file, path)
        taken = await self._take_in(stored, None if damage is None else damage.what)
        return replace(taken, format=LoginFormat.TELETHON_FILE, unseen=unseen)

    async def export_string(
        self, *, login_format: LoginFormat = LoginFormat.TELETHON_STRING, who: str = "app"
    ) -> str:
        """The session string: whoever has it has the account. Stop this session before it is used.

        Args:
            login_format: for which library; Telethon's where none is named.
            who: for the audit trail.

        Raises:
            NoCredentialError: there is no login.
            LoginFormatError: that format is not written, or needs what is not known yet.
        """
        async with self._noted(who, "export"):
            return write_text(await self._given_out(), a_format(login_format))

    async def export_file(
        self,
        path: Path | str,
        *,
        login_format: LoginFormat = LoginFormat.TELETHON_STRING,
        who: str = "app",
    ) -> None:
        """Write a Telethon ``.session`` file (0600) with the chats it knows; see ``export_string``.

        Of another format the file holds its text.

        Raises:
            FileExistsError: there is a file of that name; it is not touched.
        """
        a_path(path)
        async with self._noted(who, "export"):
            stored = await self._given_out()
            if a_format(login_format) is LoginFormat.TELETHON_STRING:
                await asyncio.to_thread(
                    write_file, path, stored.parts, entities=stored.entities, states=stored.states
                )
            else:
                await asyncio.to_thread(
                    _write_new, path, write_text(stored, a_format(login_format))
                )

    # Logging in and out

    async def login_qr(self, *, who: str = "app") -> QrToken | Phase:
        """Begin a login by QR code: show the token's ``url``, then call ``wait_qr``."""
        async with self._noted(who, "login") as after:
            after["step"] = "qr"
            return await self._ask(actors.StartQr(), timeout=CARE_WITHIN)

    async def wait_qr(self, *, deadline: float | None = None, who: str = "app") -> QrToken | Phase:
        """Wait for the scan; a token that comes back is the one to show from now on.

        The phase afterwards is ``awaiting_password`` for an account with a cloud password:
        go on with ``login("password", ...)``.
        """
        timeout = CARE_WITHIN + seconds("deadline", deadline, default=QR_LIVES)
        async with self._noted(who, "login") as after:
            after["step"] = "wait for qr"
            return await self._ask(actors.WaitQr(deadline), timeout=timeout)

    async def resend_code(self, *, who: str = "app") -> CodeInfo | Phase:
        """Let Telegram send the code in its next way; counts as a code of the day.

        Raises:
            TelegramRateLimitError: it is too early; nothing was sent or counted, ``wait`` is the
                seconds left.
            TelegramAuthError: Telegram has no further way; nothing was sent or counted.
            LoginBudgetError: enough codes were asked for today.
            NoLoginError: no login is under way.
        """
        async with self._noted(who, "login") as after:
            after["step"] = "resend"
            return await self._ask(actors.ResendCode(), timeout=CARE_WITHIN)

    async def login_under_way(self) -> actors.LoginWait | None:
        """What a login that was begun waits for; None if none is under way.

        A renewal is one beside the session, whose own phase tells nothing of it.
        """
        return await self._ask(actors.LoginUnderWay())

    async def cancel_login(self, *, who: str = "app") -> Phase:
        """End a login that is under way.

        Raises:
            NoLoginError: there is none.
        """
        async with self._noted(who, "login") as after:
            after["step"] = "cancel"
            return await self._ask(actors.CancelLogin())

    async def renew(self, *, qr: bool = False, who: str = "app") -> QrToken | Phase:
        """Begin a new login beside this one, which works on; go on as with any login.

        When it succeeds the session switches over, and then ends the old login at Telegram.
        """
        async with self._noted(who, "renew"):
            return await self._ask(actors.Renew(qr=qr), timeout=CARE_WITHIN)

    async def logout(self, *, who: str = "app") -> Phase:
        """End the login at Telegram, for good: work in hand is finished, a backup taken, the key
        latched, and what was stored of it cleared. Pairs and their queues stay.

        Raises:
            TelegramError: the session is not online, or Telegram refused; nothing has changed.
        """
        async with self._noted(who, "logout"):
            return await self._ask(actors.LogOut(), timeout=CARE_WITHIN)

    # Inside

    async def _take_in(self, stored: StoredSession, damage: str | None = None) -> Imported:
        key_id = await self._proven(stored)
        return Imported(key_id=key_id, entities=len(stored.entities), damage=damage)

    async def _proven(self, stored: StoredSession) -> int:
        """The key's id, once Telegram has confirmed it; of the session's own, once it is back."""
        end = time.monotonic() + PROVEN_WITHIN
        while True:
            try:
                return await self._ask(actors.ImportLogin(stored), timeout=CARE_WITHIN)
            except SessionOfflineError as error:
                if not error.coming or time.monotonic() >= end:
                    raise
            await asyncio.sleep(LOOK_EVERY)

    async def _given_out(self) -> StoredSession:
        return await self._ask(actors.ExportLogin())

    def _noted(self, who: str, what: str) -> contextlib.AbstractAsyncContextManager[dict[str, Any]]:
        return self._auditor.noted(who, what, self.name)

    @abc.abstractmethod
    async def _ask(self, message: Ask[R], *, timeout: float = 10.0) -> R:
        """Ask the session's actor."""

    @abc.abstractmethod
    async def _read(self, work: Callable[[Store], R]) -> R:
        """Do some reading in the warden's database."""


def a_format(value: object) -> LoginFormat:
    """A format of logins, or its name.

    Raises:
        InvalidRecordError: there is none of that name.
    """
    try:
        return LoginFormat(value)  # type: ignore[arg-type]  # whatever an app hands in
    except ValueError:
        known = ", ".join(LoginFormat)
        raise InvalidRecordError("login_format", value, f"one of {known}") from None


def _write_new(path: Path | str, text: str) -> None:
    """Write a secret to a file that is new."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")


def _path_of(source: Path | str, passcode: str | None, account: int | None) -> Path | None:
    """The path that is given; ``None`` where it is a text. Refuses what is neither."""
    if isinstance(source, os.PathLike):
        a_path(source)
    else:
        a_text("source", source, "a path, or a session string")
    if passcode is not None:
        a_text("passcode", passcode, "a text")
    if account is not None:
        a_number("account", account)
    return path_in(source)


def _refuse_used(path: Path | str) -> int:
    """Refuse a file that some process has open; returns how many could not be looked into."""
    found = file_users(path)
    if found.users:
        pids = tuple(one.pid for one in found.users)
        raise TelethonFileInUseError(path, str(found), pids=pids, unseen=found.unseen)
    return found.unseen
