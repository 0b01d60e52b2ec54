"""The safety check: whether a session may be used now, inspected without any change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ..api.checks import a_text
from ..config import Config
from ..errors import UnknownSessionError
from ..service.paths import StoragePaths, config_of
from ..storage import FileUsers, Free, Held, Lease, LeaseHolder, Stale, Store, file_users


class Safety(StrEnum):
    """The verdict."""

    SAFE = "SAFE"
    CAUTION = "CAUTION"
    UNSAFE = "UNSAFE"


EXIT_CODES: Final[Mapping[Safety, int]] = {Safety.SAFE: 0, Safety.CAUTION: 1, Safety.UNSAFE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyReport:
    """Whether one session may be used now; nothing in it is secret."""

    session: str
    verdict: Safety
    explanation: str
    advice: str
    owners: tuple[LeaseHolder, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 safe, 1 with caution, 2 not."""
        return EXIT_CODES[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {**asdict(self), "verdict": str(self.verdict), "exit_code": self.exit_code}


def safety_check(
    config: Config | Mapping[str, Any] | Path | str, session: str | None = None
) -> tuple[SafetyReport, ...]:
    """Tell who uses a session, or each of them: by lease, and by files that are open.

    Raises:
        UnknownSessionError: there is no such session.
        StorageError: the database cannot be read.

    Example::

        for report in safety_check("forwarding.toml"):
            print(report.session, report.verdict, report.explanation, report.advice)
    """
    places = StoragePaths(config_of(config))
    if session is not None:
        a_text("session", session, "a session's name")
    lease, reports = places.lease(), []
    with Store.open_reader(places.database) as store:
        known = store.sessions()
        dead: dict[int | None, str] = {one.key_id: one.reason for one in store.latches()}
        records = [one for one in known if session in (None, one.name)]
        if session is not None and not records:
            raise UnknownSessionError(session, tuple(one.name for one in known))
        for record in records:
            foreign = file_users(places.session_folder / f"{record.name}.session")
            if foreign.users:
                reports.append(_in_foreign_hands(record.name, foreign))
            elif (found := _found(store, lease, record.name)) is None:
                reports.append(_no_login(record.name))
            elif isinstance(found, Free) and (why := dead.get(_key_of(store, record.name))):
                reports.append(_dead_key(record.name, why))
            else:
                reports.append(_of_lease(record.name, found, unseen=foreign.unseen))
    return tuple(reports)


def _found(store: Store, lease: Lease, name: str) -> Free | Held | Stale | None:
    """Who has the key of the login that is stored; ``None`` without a login.

    A renewal may put another key in charge between the two looks, and the old one is then free.
    """
    key_id = _key_of(store, name)
    while key_id is not None:
        found = lease.inspect(key_id)
        looked, key_id = key_id, _key_of(store, name)
        if key_id == looked:
            return found
    return None


def _key_of(store: Store, name: str) -> int | None:
    record = store.session(name)
    return None if record is None else record.key_id


def _of_lease(name: str, found: Free | Held | Stale, *, unseen: int) -> SafetyReport:
    match found:
        case Held(holder) as held:
            return SafetyReport(
                session=name,
                verdict=Safety.UNSAFE,
                explanation=f"in use by {held}",
                advice="stop that process first; a second user ends the login for both",
                owners=() if holder is None else (holder,),
            )
        case Stale(holder):
            return SafetyReport(
                session=name,
                verdict=Safety.CAUTION,
                explanation=f"left behind by {holder}, which has ended; nobody holds it",
                advice="nothing to do: the next user takes it over; safety-check --clear tidies up",
                owners=(holder,),
            )
        case Free():
            more = (
                f"; {unseen} processes of other users, which may have its Telethon file open,"
                " could not be looked into"
            )
            return SafetyReport(
                session=name,
                verdict=Safety.SAFE,
                explanation="nobody uses it" + (more if unseen else ""),
                advice="go ahead",
            )


def clear_stale(config: Config | Mapping[str, Any] | Path | str, session: str) -> bool:
    """Remove what a dead owner left behind; tells whether there was anything.

    Raises:
        LeaseHeldError: somebody uses the session.
    """
    places = StoragePaths(config_of(config))
    a_text("session", session, "a session's name")
    with Store.open_reader(places.database) as store:
        record = store.session(session)
    if record is None or record.key_id is None:
        return False
    return places.lease().clear(record.key_id)


def _no_login(name: str) -> SafetyReport:
    return SafetyReport(
        session=name, verdict=Safety.SAFE, explanation="it has no login", advice="log in"
    )


def _dead_key(name: str, reason: str) -> SafetyReport:
    return SafetyReport(
        session=name,
        verdict=Safety.SAFE,
        explanation=f"nobody uses it, and its key is dead ({reason})",
        advice="log in again",
    )


def _in_foreign_hands(name: str, found: FileUsers) -> SafetyReport:
    return SafetyReport(
        session=name,
        verdict=Safety.UNSAFE,
        explanation=f"its Telethon file is open in {found}",
        advice="stop that process first: it does not know the lease",
        owners=found.users,
    )
