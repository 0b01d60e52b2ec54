"""Diagnosis with steps to take: storage, keys, locks, network, accounts.

``diagnose`` looks from outside, with or without a running warden, and changes nothing. Its
findings hold no phone number, key, text or chat: they can be pasted into an issue.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from .config import Config
from .config.mapping import proxies_of
from .errors import (
    MasterKeyError,
    SchemaTooNewError,
    SchemaTooOldError,
    StorageBusyError,
    StorageError,
    StorageFailedError,
    StorageNotFoundError,
    StorageNotWritableError,
    TelewardenError,
)
from .peer_credentials import is_trusted, user_name
from .service.loopback_server import standin_address
from .service.paths import StoragePaths, config_of, master_key_of
from .standalone.safety_check import Safety, safety_check
from .storage import Epoch, MasterKey, Store, database_exists
from .telegram import (
    PHASES,
    Overview,
    Phase,
    Proxy,
    ProxyTroubleError,
    ServerAddress,
    WaitKind,
    parse_string,
)

LITTLE_ROOM: Final = 100 << 20  # bytes; a backup of a large database takes tens of MB
MEBIBYTE: Final = 1 << 20  # bytes
DAY: Final = 86_400.0  # seconds
WORST: Final = 3  # children that a sentence names
CONNECT_WITHIN: Final = 5.0  # seconds
NOT_STANDING_IN: Final = "the data centre of [loopback] runs while the warden does; not now"
SKEW: Final = 5.0  # seconds; from 30 on Telegram refuses messages as too old or too new


# Where the database is whole, as far as can be told, and must stay where it is.
NOT_DAMAGED: Final[Mapping[type[StorageError], tuple[str, tuple[str, ...]]]] = {
    MasterKeyError: (
        "master key",
        (
            "leave the database and the session files where they are: they are whole",
            "put the key back that sealed them, from the copy that is kept elsewhere",
            "run diagnostics again",
        ),
    ),
    SchemaTooOldError: ("database", ("start the warden once", "run diagnostics again")),
    SchemaTooNewError: ("database", ("install the Telewarden that wrote it, or a later one",)),
    StorageBusyError: ("database", ("wait until the other process is done", "try again")),
    StorageNotWritableError: (
        "database",
        ("give the user that runs this the right to it", "run diagnostics again"),
    ),
    StorageFailedError: (
        "database",
        ("look at the system's log: the disk may be failing", "run diagnostics again"),
    ),
}


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, and what to do about it, in order."""

    area: str
    level: Level
    what: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All findings, in the order in which things depend on each other."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether no problem was found."""
        return all(one.level is not Level.PROBLEM for one in self.findings)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What needs a person."""
        return tuple(one for one in self.findings if one.level is Level.PROBLEM)

    def as_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        return {"healthy": self.healthy, "findings": [asdict(one) for one in self.findings]}

    def __str__(self) -> str:
        lines = []
        for one in self.findings:
            lines.append(f"[{one.level}] {one.area}: {one.what}")
            lines += [f"    {number}. {step}" for number, step in enumerate(one.steps, start=1)]
        return "\n".join(lines)


def diagnose(
    config: Config | Mapping[str, Any] | Path | str,
    *,
    server: ServerAddress | None = None,
    now: float | None = None,
) -> Diagnosis:
    """Look at everything that can be looked at from outside. Blocks for up to some seconds.

    Args:
        config: a configuration, its tables, or the path of its file.
        server: a data centre to use instead of Telegram's.
        now: epoch seconds.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    read, at = config_of(config), time.time() if now is None else now
    try:
        return _examined(read, server, at)
    except OSError as error:
        what = f"this user may not look into it: {error.strerror}"
        found = _problem("folder", what, "run diagnostics as the user that runs the warden")
        return Diagnosis(findings=(found,))


def _examined(read: Config, server: ServerAddress | None, at: float) -> Diagnosis:
    places = StoragePaths(read)
    findings = [*_folder(places), *_network(read, server)]
    try:
        master = master_key_of(read, make=False)
    except TelewardenError as error:
        if read.storage.master_key.create and _nothing_stored(places):
            findings.append(_note("master key", "there is none yet", "start the warden once"))
            return Diagnosis(findings=tuple(findings))
        steps = ("put the key back where the configuration names it", "run diagnostics again")
        findings.append(_problem("master key", str(error), *steps))
        return Diagnosis(findings=tuple(findings))
    try:
        with Store.open_reader(places.database, master) as store:
            findings += _stored(places, store, at)
    except StorageNotFoundError:
        findings.append(_note("database", "there is none yet", "start the warden once"))
    except StorageError as error:
        findings.append(_database(places, master, error))
    else:
        findings += _locks(read)
    return Diagnosis(findings=tuple(findings))


def live_findings(overview: Overview, *, skew: float | None = None) -> Iterator[Finding]:
    """What a running warden knows besides: how its sessions are, and how the clock goes."""
    for report in overview.sessions:
        if report.phase is Phase.ONLINE:
            took = report.probe_seconds
            answers = "" if took is None else f", answers in {took:.3f} s"
            yield _ok(f"session {report.session}", f"online{answers}")
        else:
            telling = PHASES[report.phase]
            level = Level.NOTE if report.phase in _PASSING else Level.PROBLEM
            yield Finding(
                area=f"session {report.session}",
                level=level,
                what=f"{report.phase}: {telling.explanation} ({report.reason})",
                steps=(telling.advice,),
            )
    for wait in overview.waits:
        if wait.alarming:
            yield _problem(f"wait of {wait.who}", f"{wait.kind}: {wait.what}", STEPS[wait.kind])
    if skew is not None and abs(skew) > SKEW:
        yield _problem(
            "clock",
            f"this machine's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}",
            "set up NTP (timedatectl set-ntp true)",
            "restart the warden",
        )
    elif skew is not None:
        yield _ok("clock", "right")


STEPS: Final = {
    WaitKind.DISK: "make room for the database, or mend its disk; the work goes on by itself",
    WaitKind.QUARANTINE: "look for 'child failed' in the log, then: telewarden recover",
}

_PASSING: Final = frozenset(
    {Phase.REGISTERED, Phase.RECOVERING, Phase.CONNECTING, Phase.WAITING, Phase.STOPPING}
)


def _folder(places: StoragePaths) -> Iterator[Finding]:
    folder = places.folder
    if not folder.exists():
        yield _note("folder", "it is not there yet", "start the warden once")
        return
    found = folder.stat()
    if not is_trusted(found.st_uid):
        owner = user_name(found.st_uid)
        yield _note("owner", f"the folder is user {owner}'s", "run the warden as that user")
    mode = found.st_mode & 0o777
    if mode & 0o077:
        yield _problem("folder", f"open to others (mode {mode:04o})", f"chmod 0700 {folder}")
    else:
        yield _ok("folder", "private")
    free = shutil.disk_usage(folder).free
    if free < LITTLE_ROOM:
        yield _problem(
            "disk",
            f"{free >> 20} MB are free",
            "make room on the file system of the storage folder",
            "nothing else: work that waits for the disk goes on by itself",
        )
    else:
        yield _ok("disk", f"{free >> 20} MB are free")


def _network(config: Config, server: ServerAddress | None) -> Iterator[Finding]:
    """The data centre, by each way that a session goes there."""
    ours = server is None and config.loopback is not None
    server = server or standin_address(config)
    if server is None and ours:
        yield _note("network", NOT_STANDING_IN, "start the warden")
        return
    host, port = ("149.154.167.51", 443) if server is None else (server.host, server.port)
    try:
        proxies = proxies_of(config)
    except TelewardenError as error:
        yield _problem("proxy", str(error), "then start the warden again")
        return
    ways = [proxies.of(one.name) for one in config.sessions] or [proxies.default]
    for proxy in dict.fromkeys(ways):
        if proxy is None:
            yield _directly(host, port, ours=ours)
        else:
            yield _through(proxy, host, port)


def _directly(host: str, port: int, *, ours: bool) -> Finding:
    began = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=CONNECT_WITHIN).close()
    except OSError as error:
        if ours:
            return _note("network", NOT_STANDING_IN, "start the warden")
        return _problem(
            "network",
            f"no connection to the data centre ({error.strerror or type(error).__name__})",
            "check the network and the firewall of this machine: TCP to port 443 must get out",
            "where Telegram is blocked, name a proxy (telegram.proxy in the configuration)",
        )
    return _ok("network", f"data centre reached in {time.monotonic() - began:.3f} s")


def _through(proxy: Proxy, host: str, port: int) -> Finding:
    async def connect() -> None:
        (await proxy.connect(host, port, timeout=CONNECT_WITHIN)).close()

    began = time.monotonic()
    try:
        # In a thread of its own: there may be a loop in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, connect()).result()
    except ProxyTroubleError as error:
        what, _, step = error.advice.partition("; ")
        after = "nothing else: sessions come back by themselves"
        return _problem("proxy", what, step.rstrip("."), after)
    # An MTProxy is told where to in a line's own first bytes.
    reached = "reached" if proxy.secret is not None else "data centre reached by"
    return _ok("proxy", f"{reached} {proxy} in {time.monotonic() - began:.3f} s")


def _database(places: StoragePaths, master: MasterKey, error: StorageError) -> Finding:
    for kind, (area, steps) in NOT_DAMAGED.items():
        if isinstance(error, kind):
            return _problem(area, str(error), *steps)
    usable = None
    with contextlib.suppress(StorageError):
        usable = places.backups().newest_usable(master)
    if usable is None:
        rescue = "no copy of it opens: move it away; sessions come back from their sealed files"
    else:
        name = usable.path.name
        rescue = f"put back the newest copy that opens: restore_database(config, '{name}')"
    return _problem("database", str(error), "stop the warden", rescue, "start the warden")


def _nothing_stored(places: StoragePaths) -> bool:
    where = places.database
    if isinstance(where, Path):
        return not where.exists()
    try:
        return not database_exists(where)
    except StorageError:
        return False  # who knows


def _stored(places: StoragePaths, store: Store, now: float) -> Iterator[Finding]:
    damage = store.damage()
    if damage is None:
        yield _ok("database", "whole")
    else:
        steps = ("stop the warden", "restore_database(config)", "start the warden")
        yield _problem("database", f"damaged: {damage}", *steps)
    yield _size(store)
    copies = places.backups().list()
    age = "none" if not copies else f"{(now - copies[0].at) / 3600:.1f} h old"
    yield Finding(
        area="backups",
        level=Level.OK if copies else Level.NOTE,
        what=f"copies of the database: {len(copies)}, the newest {age}",
        steps=() if copies else ("await warden.backups.take()",),
    )
    yield _crashes(store, now)
    epoch = Epoch()
    store.adopt_time_base(epoch)
    for record in store.sessions():
        yield from _copies(places, store, record.name)
        yield from _waits(store, record.name, record.phone, now, epoch)


def _size(store: Store) -> Finding:
    size, free = store.size()
    told = f"{size / MEBIBYTE:.1f} MiB"
    if free is not None:
        told = f"{told}, {free / MEBIBYTE:.1f} of it free for new rows"
    return _ok("size of the database", told)


def _crashes(store: Store, now: float) -> Finding:
    crashes = store.crashes(since=now - DAY)
    if not crashes:
        return _ok("crashes", "none within a day")
    often = Counter(one.path for one in crashes).most_common(WORST)
    worst = ", ".join(f"{path}: {count}" for path, count in often)
    last = crashes[-1]
    ago = (now - last.at) / 60
    return _note(
        "crashes",
        f"{len(crashes)} within a day, {worst}; the last {ago:.0f} min ago: "
        f"{last.path} ({last.reason})",
        "nothing to do for a few: they were restarted",
        "look for 'child failed' in the log; its traceback belongs in an issue",
    )


def _copies(places: StoragePaths, store: Store, name: str) -> Iterator[Finding]:
    area, damage = f"copies of {name}", []
    key_id: int | None = None
    try:
        found = store.credential(name)
        key_id = None if found is None else found.key_id
        damage += ["no string"] if found is None else []
    except TelewardenError as error:
        damage.append(f"string: {error}")
    files = places.files(store)
    try:
        key_id = parse_string(files.read(name)).key_id if files.exists(name) else key_id
        damage += [] if files.exists(name) else ["no file"]
    except TelewardenError as error:
        damage.append(f"file: {error}")
    backups = store.usable_backups(name)
    latch = None if key_id is None else store.latched(key_id)
    if latch is not None:
        yield _problem(area, f"the key is dead: {latch.reason}", "log in again")
    elif not damage:
        yield _ok(area, f"string and file are whole, {len(backups)} backups open")
    elif key_id is not None or backups:
        what = f"{'; '.join(damage)}; {len(backups)} backups open"
        yield _note(area, what, "nothing to do: the next recovery mends them")
    else:
        yield _problem(area, "; ".join(damage) + "; no backup opens", "log in")


def _waits(
    store: Store, name: str, phone: str | None, now: float, epoch: Epoch
) -> Iterator[Finding]:
    for flood in store.floods(name):
        if (shown := epoch.shown(flood.until)) > now:
            until = time.strftime("%H:%M:%S UTC", time.gmtime(shown))
            yield _note(
                f"flood of {name}",
                f"{flood.method} waits {shown - now:.0f} s more, until {until}",
                "nothing to do: it goes on by itself; forcing it makes it longer",
            )
    codes = len(store.login_codes(phone, now - 86_400.0)) if phone else 0
    if codes:
        yield _note(f"login codes of {name}", f"{codes} asked for within a day")


def _locks(config: Config) -> Iterator[Finding]:
    for report in safety_check(config):
        level = {Safety.SAFE: Level.OK, Safety.CAUTION: Level.NOTE}.get(report.verdict, Level.NOTE)
        steps = () if report.verdict is Safety.SAFE else (report.advice,)
        yield Finding(
            area=f"owner of {report.session}", level=level, what=report.explanation, steps=steps
        )


def _ok(area: str, what: str) -> Finding:
    return Finding(area=area, level=Level.OK, what=what)


def _note(area: str, what: str, *steps: str) -> Finding:
    return Finding(area=area, level=Level.NOTE, what=what, steps=steps)


def _problem(area: str, what: str, *steps: str) -> Finding:
    return Finding(area=area, level=Level.PROBLEM, what=what, steps=steps)
