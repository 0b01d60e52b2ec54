"""A session's login is kept, put back, brought in, renewed and ended through its handle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, functions
from telethon.sessions import SQLiteSession, StringSession

from telewarden.console.commands.catalogue import find
from telewarden.errors import (
    ChildNotFoundError,
    DrillError,
    KeyLatchedError,
    LoginTakenError,
    NoLoginError,
    OtherAccountError,
    SessionOfflineError,
    SessionStringDamagedError,
    TelegramAuthError,
    TelegramError,
    TelegramRateLimitError,
    TelethonFileDamagedError,
    TelethonFileInUseError,
    UnknownRecordError,
)
from telewarden.loopback import CutConnection, Fault, FloodWait, Limits, Refuse, RpcError
from telewarden.storage import Free, Held, Lease, LeaseHolder
from telewarden.telegram import (
    FloodBegan,
    Phase,
    PhaseChanged,
    QrToken,
    SessionRecovered,
    parse_string,
)
from telewarden.terminal import plain

from .conftest import ALICE, BOB, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def keys_of(newsroom: Newsroom, phone: str) -> set[int]:
    """The keys that the data centre takes for an account."""
    account = newsroom.account(phone)
    return {one.key_id for one in newsroom.telegram.authorizations(account) if not one.void}


async def scan(newsroom: Newsroom, phone: str, token: QrToken) -> None:
    """What the owner's phone does with a QR code: a logged-in device accepts its token."""
    import base64

    raw = token.url.partition("token=")[2]
    string = newsroom.telegram.mint(newsroom.account(phone))
    async with TelegramClient(StringSession(string), 1, "hash") as device:
        padded = raw + "=" * (-len(raw) % 4)
        await device(functions.auth.AcceptLoginTokenRequest(base64.urlsafe_b64decode(padded)))


async def test_a_backup_by_hand_can_be_put_back(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice = warden.session("alice")
    (first,) = keys_of(newsroom, ALICE)

    kept = await alice.backup()
    since = newsroom.mark()
    assert kept is not None
    await alice.restore(kept.id)
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="another login")

    assert (kept.reason, kept.key_id) == ("by hand", first)
    reasons = [one.reason for one in await alice.backups()]
    assert reasons[0] == "before restore"
    assert "after import" in reasons


async def test_who_did_what_with_a_login_is_in_the_audit_trail(newsroom: Newsroom) -> None:
    warden = await newsroom.start(by_code=True)
    alice = warden.session("alice")

    secret = await alice.export_string(who="ann")
    with pytest.raises(UnknownRecordError):
        await alice.restore(999, who="bob")
    with pytest.raises(SessionStringDamagedError):
        await alice.import_string("nonsense")
    await alice.recover(who="bob")
    await alice.logout(who="ann")

    rows = [row for row in await warden.registry.audit(subject="alice") if row.who != "warden"]
    told = [(row.who, row.what, row.outcome[:8]) for row in rows[::-1]]
    assert told[-5:] == [
        ("ann", "export", "done"),
        ("bob", "restore", "refused:"),
        ("app", "import", "refused:"),
        ("bob", "recover", "done"),
        ("ann", "logout", "done"),
    ]
    assert ("app", "login", "done") in told
    assert secret not in repr(rows)
    assert "nonsense" not in repr(rows)


async def test_each_step_of_a_login_and_who_took_it_is_in_the_audit_trail(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start(signed_in=False)
    alice = warden.session("alice")
    await newsroom.settled("alice")

    await alice.login_qr(who="ann")
    await alice.cancel_login(who="ann")
    await warden.login("alice", "start", who="bob")
    with pytest.raises(TelegramError):
        await alice.resend_code(who="bob")

    rows = [row for row in await warden.registry.audit(subject="alice") if row.what == "login"]
    assert [(row.who, row.after, row.outcome[:8]) for row in rows[::-1]] == [
        ("ann", {"step": "qr"}, "done"),
        ("ann", {"step": "cancel"}, "done"),
        ("bob", {"step": "start"}, "done"),
        ("bob", {"step": "resend"}, "refused:"),
    ]


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_who_recovers_and_strikes_is_in_the_audit_trail(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    path = "sessions/session:alice/session"

    await warden.recover("alice", who="ann")
    await warden.drill(path, who="bob")
    with pytest.raises(ChildNotFoundError):
        await warden.drill("nobody", who="bob")

    rows = await warden.registry.audit(who="bob")
    assert [(row.what, row.subject, row.outcome[:8]) for row in rows[::-1]] == [
        ("drill", path, "done"),
        ("drill", "nobody", "refused:"),
    ]
    assert [row.what for row in await warden.registry.audit(who="ann")] == ["recover"]


async def test_another_sessions_backup_is_not_put_back(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    bobs = (await warden.session("bob").backups())[0]

    with pytest.raises(UnknownRecordError):
        await warden.session("alice").restore(bobs.id)


async def test_a_string_of_another_program_is_taken_in_once_telegram_confirms_it(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start(signed_in=False)
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    since = newsroom.mark()

    taken = await warden.session("alice").import_string(string)
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="another login")

    assert taken.key_id == parse_string(string).key_id
    assert newsroom.telegram.stats.calls["auth.sendCode"] == 0
    assert newsroom.telegram.stats.duplicate_keys == 0


async def test_what_is_imported_must_be_the_same_account_and_alive(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice, before = warden.session("alice"), keys_of(newsroom, ALICE)
    foreign = newsroom.telegram.mint(newsroom.account(PRESS))
    dead = newsroom.telegram.mint(newsroom.account(PRESS))
    newsroom.telegram.revoke(newsroom.account(PRESS))
    foreign = newsroom.telegram.mint(newsroom.account(PRESS))

    with pytest.raises(OtherAccountError):
        await alice.import_string(foreign)
    with pytest.raises(TelegramError, match="SESSION_REVOKED"):
        await alice.import_string(dead)
    with pytest.raises(SessionStringDamagedError):
        await alice.import_string(dead[:-5])

    assert (await alice.report()).phase is Phase.ONLINE
    assert keys_of(newsroom, ALICE) == before


async def test_the_sessions_own_login_is_proven_again_before_an_import_of_it_counts(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    alice = warden.session("alice")
    own = await alice.export_string()

    taken, since = await alice.import_string(own), newsroom.mark()
    newsroom.telegram.revoke(newsroom.account(ALICE))
    with pytest.raises((TelegramAuthError, KeyLatchedError, SessionOfflineError)):
        await alice.import_string(own)
    await alice.recover()
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    with pytest.raises(KeyLatchedError):
        await alice.import_string(own)

    assert taken.key_id == parse_string(own).key_id
    assert not [one for one in newsroom.heard[since:] if isinstance(one, SessionRecovered)]


async def test_a_login_that_another_session_uses_is_not_taken_from_it(newsroom: Newsroom) -> None:
    await newsroom.start()
    alice, bob = newsroom.warden.session("alice"), newsroom.warden.session("bob")
    string = await alice.export_string()
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()

    with pytest.raises(LoginTakenError, match="session alice"):
        await bob.import_string(string)

    held = Lease(newsroom.config.folder / "leases").inspect(parse_string(string).key_id)
    assert isinstance(held, Held)
    assert newsroom.telegram.stats.connects == connects
    assert not [one for one in newsroom.heard[since:] if isinstance(one, PhaseChanged)]


async def test_a_damaged_file_of_telethon_is_taken_in_with_what_it_still_holds(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    warden = await newsroom.start(signed_in=False)
    parts = parse_string(newsroom.telegram.mint(newsroom.account(ALICE)))
    session = SQLiteSession(str(tmp_path / "old"))
    session.set_dc(parts.dc_id, parts.host, parts.port)
    session.auth_key = StringSession(newsroom.telegram.mint(newsroom.account(ALICE))).auth_key
    session.save()
    session.close()
    path = tmp_path / "old.session"
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    before, since = path.read_bytes(), newsroom.mark()

    taken = await warden.session("alice").import_file(path)
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert taken.damage
    assert path.read_bytes() == before


def telethon_file(newsroom: Newsroom, path: Path) -> Path:
    """A session file of Telethon's with a login of alice's."""
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    parts = parse_string(string)
    session = SQLiteSession(str(path.with_suffix("")))
    session.set_dc(parts.dc_id, parts.host, parts.port)
    session.auth_key = StringSession(string).auth_key
    session.save()
    session.close()
    return path


@contextlib.asynccontextmanager
async def opened_by_another(path: Path) -> AsyncIterator[int]:
    """A process that has a file open; its number."""
    code = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.parametrize(
    "opened", ["old.session", "alias", "old.session-journal", "old.session-wal"]
)
async def test_a_file_that_another_process_has_open_is_refused_before_any_packet(
    newsroom: Newsroom, tmp_path: Path, opened: str
) -> None:
    warden = await newsroom.start(signed_in=False)
    path = telethon_file(newsroom, tmp_path / "old.session")
    other = tmp_path / opened
    if opened == "alias":
        other.hardlink_to(path)
    other.touch()
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()

    async with opened_by_another(other) as pid:
        with pytest.raises(
            TelethonFileInUseError, match=rf"process {pid} on .* since .* stop that program"
        ) as caught:
            await warden.session("alice").import_file(path)
        assert newsroom.telegram.stats.connects == connects
    taken = await warden.session("alice").import_file(path)
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert caught.value.pids == (pid,)
    assert taken.unseen == caught.value.unseen
    assert newsroom.telegram.stats.duplicate_keys == 0


async def test_a_file_that_a_client_of_this_process_has_open_is_refused_until_it_is_closed(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    warden = await newsroom.start(signed_in=False)
    path = telethon_file(newsroom, tmp_path / "old.session")
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()

    client = TelegramClient(SQLiteSession(str(path)), 1, "hash")
    with pytest.raises(TelethonFileInUseError, match="this same process") as caught:
        await warden.session("alice").import_file(path)
    assert newsroom.telegram.stats.connects == connects
    client.session.close()
    await warden.session("alice").import_file(path)
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert caught.value.pids == (os.getpid(),)


async def test_repair_passes_over_a_file_that_another_process_has_open(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    folder = newsroom.config.folder / "sessions"
    folder.mkdir(parents=True, mode=0o700)
    path = telethon_file(newsroom, folder / "alice.session")
    connects = newsroom.telegram.stats.connects

    async with opened_by_another(path) as pid:
        warden = await newsroom.start(signed_in=False)
        await newsroom.hears(PhaseChanged, session="alice", after=Phase.NEEDS_LOGIN)
        reason = (await warden.session("alice").report()).reason
        assert newsroom.telegram.stats.connects == connects
    since = newsroom.mark()
    await warden.session("alice").recover()
    await newsroom.hears(SessionRecovered, since=since, session="alice", rung="repair")

    assert f"alice.session is in use by process {pid}" in reason
    assert (
        f"Telethon file passed over session=alice why=alice.session is in use by process {pid}"
        in (caplog.text)
    )
    assert newsroom.telegram.stats.duplicate_keys == 0


async def test_a_file_that_holds_nothing_is_refused_with_its_kind_of_damage(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    warden = await newsroom.start(signed_in=False)
    (tmp_path / "x.session").write_bytes(b"")

    with pytest.raises(TelethonFileDamagedError) as caught:
        await warden.session("alice").import_file(tmp_path / "x.session")

    assert caught.value.damage == "empty"


async def test_a_login_that_is_another_sessions_is_not_taken(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    alice, bob = warden.session("alice"), warden.session("bob")
    first, second = (newsroom.telegram.mint(newsroom.account(ALICE)) for _ in range(2))
    await alice.import_string(first)
    kept = await alice.backup()
    assert kept is not None
    await newsroom.hears(SessionRecovered, session="alice", cause="another login")
    connects = newsroom.telegram.stats.connects

    with pytest.raises(LoginTakenError, match="is session alice's already; log bob in by itself"):
        await bob.import_string(first)
    undisturbed = newsroom.telegram.stats.connects - connects
    leases = Lease(newsroom.config.folder / "leases")
    owned = leases.inspect(parse_string(first).key_id)
    since = newsroom.mark()
    await alice.import_string(second)
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="another login")
    await bob.import_string(first)
    with pytest.raises(LoginTakenError, match="bob's already"):
        await alice.restore(kept.id)

    assert undisturbed == 0
    assert isinstance(owned, Held)
    assert await bob.export_string() == first
    assert await alice.export_string() == second


async def test_a_key_that_died_while_an_import_waited_for_it_is_not_tried(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    warden = await newsroom.start()
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    key_id = parse_string(string).key_id
    lease, connects = Lease(newsroom.config.folder / "leases"), newsroom.telegram.stats.connects

    waiting, acquire = asyncio.Event(), Lease.acquire_async

    def waited_for(self: Lease, key_id: int, **more: Any) -> Any:
        waiting.set()
        return acquire(self, key_id, **more)

    with lease.acquire(key_id, owner=LeaseHolder.current("a test")):
        monkeypatch.setattr(Lease, "acquire_async", waited_for)
        bringing = asyncio.create_task(warden.session("alice").import_string(string))
        await waiting.wait()
        await warden._access.journal().do(
            lambda store: store.latch_key(key_id, "SESSION_REVOKED", 1.0)
        )
    with pytest.raises(KeyLatchedError):
        await bringing

    assert newsroom.telegram.stats.connects == connects
    assert lease.inspect(key_id) == Free()


async def test_a_session_is_handed_out_as_telethon_has_it(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    warden = await newsroom.start()
    alice, path = warden.session("alice"), tmp_path / "alice.session"

    string = await alice.export_string()
    await alice.export_file(path)
    await newsroom.stop()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert StringSession(string).auth_key.key_id in keys_of(newsroom, ALICE)
    async with TelegramClient(SQLiteSession(str(path)), 1, "hash") as client:
        assert (await client.get_me()).phone == ALICE.removeprefix("+")
    with sqlite3.connect(path) as database:
        assert database.execute("select count(*) from entities").fetchone()[0] > 0
    database.close()


async def test_who_has_logged_out_is_not_logged_in_by_an_earlier_login(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    alice, (first,) = warden.session("alice"), keys_of(newsroom, ALICE)
    since = newsroom.mark()
    await alice.import_string(newsroom.telegram.mint(newsroom.account(ALICE)))
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await alice.logout()
    await newsroom.stop()

    warden = await newsroom.start(signed_in=False)
    phase = await newsroom.settled("alice")
    backups = await warden.session("alice").backups()
    since = newsroom.mark()
    await warden.session("alice").restore(next(b.id for b in backups if b.key_id == first))
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert phase is Phase.NEEDS_LOGIN
    assert keys_of(newsroom, ALICE) == {first}


async def test_a_name_that_is_given_again_is_not_logged_in_as_whom_it_was_before(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await warden.sessions.register("dave", phone=ALICE)
    assert await newsroom.settled("dave") is Phase.NEEDS_LOGIN
    since = newsroom.mark()
    await warden.session("dave").import_string(newsroom.telegram.mint(newsroom.account(ALICE)))
    await newsroom.hears(SessionRecovered, since=since, session="dave")
    await warden.backups.take()
    await warden.sessions.delete("dave")

    await warden.sessions.register("dave", phone=PRESS)
    phase = await newsroom.settled("dave")
    kept = await warden.session("dave").backups()

    assert phase is Phase.NEEDS_LOGIN
    assert kept != []
    assert len(list((newsroom.config.folder / "sessions" / "quarantine").glob("dave*"))) == 1


async def test_a_renewal_switches_over_and_only_then_ends_the_old_login(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    alice, (old,) = warden.session("alice"), keys_of(newsroom, ALICE)
    since = newsroom.mark()

    assert await alice.renew() is Phase.AWAITING_CODE
    told = await warden.command("status", {"session": "alice"})
    (wait,) = told.waits
    assert told.sessions[0].phase == "online"
    assert (wait.kind, wait.what) == (
        "login",
        "a new login, awaiting_code; go on with: telewarden auth alice",
    )
    newsroom.say("news_in", "meanwhile")
    await newsroom.arrives("news_out", "meanwhile")
    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="renewal")
    await newsroom.until(lambda: old not in keys_of(newsroom, ALICE))
    newsroom.say("news_in", "afterwards")

    await newsroom.arrives("news_out", "meanwhile", "afterwards")
    assert len(keys_of(newsroom, ALICE)) == 1
    assert (await warden.command("status", {"session": "alice"})).waits == ()
    backups = await alice.backups()
    assert "before renewal" in [one.reason for one in backups]
    with pytest.raises(KeyLatchedError):
        await alice.restore(next(one.id for one in backups if one.key_id == old))


async def test_a_backup_is_taken_before_each_step_that_changes_a_login(newsroom: Newsroom) -> None:
    await newsroom.start()
    bob = newsroom.warden.session("bob")

    await bob.renew()
    await bob.login("code", newsroom.telegram.sent_code(BOB))
    await bob.login("password", "correct horse")

    taken = [backup.reason for backup in await bob.backups()]
    assert taken[:3] == ["after login", "before 2FA", "before renewal"]


async def test_what_is_under_way_is_in_the_status(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    begun = await warden.operations.begin("backfill", session="alice", steps=7)
    await warden.operations.begin("stocktaking", session="bob")

    told = await warden.command("status", {"session": "alice"})

    assert [(one.id, one.kind, one.steps) for one in told.operations] == [(begun.id, "backfill", 7)]
    show = find("status").show
    assert show is not None
    table = "\n".join(plain(show(told.model_dump(mode="json"))))
    assert "backfill  alice    0/7" in table


async def test_a_renewal_that_fails_leaves_the_session_as_it_was(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice, before = warden.session("alice"), keys_of(newsroom, ALICE)

    await alice.renew()
    with pytest.raises(TelegramError, match="PHONE_CODE_INVALID"):
        await alice.login("code", "00000")
    await alice.cancel_login()

    assert (await alice.report()).phase is Phase.ONLINE
    assert keys_of(newsroom, ALICE) == before
    with pytest.raises(NoLoginError):
        await alice.cancel_login()


async def test_the_login_before_a_renewal_is_not_ended_once_it_is_restored(
    newsroom: Newsroom,
) -> None:
    alice, (old,) = (await newsroom.start()).session("alice"), keys_of(newsroom, ALICE)
    await alice.renew()
    newsroom.telegram.faults.add(
        Fault(method="updates.getState", action=RpcError("SESSION_REVOKED", 401), after=1, times=1)
    )
    since = newsroom.mark()
    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.hears(
        PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN, before=Phase.RECOVERING
    )

    since = newsroom.mark()
    await alice.restore(next(one.id for one in await alice.backups() if one.key_id == old))
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await alice.call(functions.updates.GetStateRequest())  # it is not being ended
    await newsroom.warden.session("bob").backup()

    assert (await alice.report()).phase is Phase.ONLINE
    assert old in keys_of(newsroom, ALICE)
    assert newsroom.telegram.stats.calls["auth.logOut"] == 0


@pytest.mark.parametrize(
    "trouble", [RpcError("RPC_CALL_FAIL", 500), CutConnection()], ids=["500", "cut"]
)
async def test_a_login_that_telegram_has_granted_is_not_lost_for_the_next_answer(
    newsroom: Newsroom, trouble: RpcError | CutConnection
) -> None:
    alice = (await newsroom.start(signed_in=False)).session("alice")
    await newsroom.settled("alice")
    await alice.login("start")
    newsroom.telegram.faults.add(Fault(method="updates.getState", action=trouble, times=1))
    since = newsroom.mark()

    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="login")

    assert len(keys_of(newsroom, ALICE)) == 1


async def test_a_flood_of_what_follows_a_login_is_waited_for_under_its_own_name(
    newsroom: Newsroom,
) -> None:
    alice = (await newsroom.start(signed_in=False)).session("alice")
    await newsroom.settled("alice")
    await alice.login("start")
    newsroom.telegram.faults.add(Fault(method="updates.getState", times=1, action=FloodWait(1)))
    since = newsroom.mark()

    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    told = await newsroom.hears(FloodBegan, since=since, session="alice")
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert told.method == "updates.getState"
    assert newsroom.telegram.stats.early == 0
    assert len(keys_of(newsroom, ALICE)) == 1


async def test_no_login_is_proven_while_that_has_to_wait(newsroom: Newsroom) -> None:
    alice = (await newsroom.start()).session("alice")
    newsroom.telegram.faults.add(
        Fault(method="updates.getState", account=newsroom.account(ALICE), action=FloodWait(300))
    )
    since = newsroom.mark()
    newsroom.telegram.cut(newsroom.account(ALICE))
    await newsroom.hears(FloodBegan, since=since, session="alice", method="updates.getState")

    with pytest.raises(TelegramRateLimitError, match="no packet"):
        await alice.import_string(newsroom.telegram.mint(newsroom.account(ALICE)))
    await alice.login("start")
    await alice.login("code", newsroom.telegram.sent_code(ALICE))

    assert newsroom.telegram.stats.early == 0


@pytest.mark.parametrize("newsroom", [Limits(code_timeout=0)], indirect=True)
async def test_a_login_goes_on_by_another_line_when_its_own_is_lost(newsroom: Newsroom) -> None:
    alice = (await newsroom.start(signed_in=False)).session("alice")
    await newsroom.settled("alice")
    await alice.login("start")
    for _ in range(2):
        newsroom.telegram.cut()
        await newsroom.until(lambda: not newsroom.telegram.connections())
        with pytest.raises(TelegramError):  # by whichever line, the code is wrong
            await alice.login("code", "00000")
    since = newsroom.mark()
    await alice.resend_code()
    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert newsroom.telegram.stats.calls["auth.sendCode"] == 1
    await newsroom.stop()
    with newsroom.store() as store:
        assert len(store.login_codes(ALICE, 0.0)) == 2


async def test_the_key_of_a_login_is_owned_before_it_is_worth_anything(
    newsroom: Newsroom,
) -> None:
    bob = (await newsroom.start(signed_in=False)).session("bob")
    lease = Lease(newsroom.config.folder / "leases")

    def owned() -> int:
        return sum(isinstance(lease.inspect(key_id), Held) for key_id in lease.key_ids())

    await newsroom.settled("bob")
    await bob.login("start")
    assert await bob.login("code", newsroom.telegram.sent_code(BOB)) is Phase.AWAITING_PASSWORD
    during = owned()
    await bob.cancel_login()

    assert (during, owned()) == (1, 0)


@pytest.mark.parametrize("newsroom", [Limits(code_timeout=0)], indirect=True)
async def test_a_code_that_cannot_be_sent_again_for_want_of_a_line_is_not_counted(
    newsroom: Newsroom,
) -> None:
    alice = (await newsroom.start(signed_in=False)).session("alice")
    await newsroom.settled("alice")
    await alice.login("start")
    newsroom.telegram.faults.add(Fault(method="connect", action=Refuse()))
    newsroom.telegram.cut()
    await newsroom.until(lambda: not newsroom.telegram.connections())

    for _ in range(4):
        with pytest.raises(TelegramError):
            await alice.resend_code()

    await newsroom.stop()
    with newsroom.store() as store:
        assert len(store.login_codes(ALICE, 0.0)) == 1


async def test_a_login_by_qr_code_asks_for_the_cloud_password(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    bob = warden.session("bob")
    assert await newsroom.settled("bob") is Phase.NEEDS_LOGIN
    since = newsroom.mark()

    token = await bob.login_qr()
    assert isinstance(token, QrToken)
    assert (await bob.report()).phase is Phase.AWAITING_QR
    waiting = asyncio.ensure_future(bob.wait_qr())
    await scan(newsroom, BOB, token)
    assert await waiting is Phase.AWAITING_PASSWORD
    await bob.login("password", "correct horse")
    await newsroom.hears(SessionRecovered, since=since, session="bob", cause="login")

    assert newsroom.telegram.stats.calls["auth.sendCode"] == 0
    rows = [row for row in await warden.registry.audit(subject="bob") if row.what == "login"]
    assert [row.after for row in rows[::-1]] == [
        {"step": step} for step in ("qr", "wait for qr", "password")
    ]


async def test_a_qr_code_scanned_by_another_account_changes_nothing(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice, before = warden.session("alice"), keys_of(newsroom, ALICE)
    token: Any = await alice.renew(qr=True)
    waiting = asyncio.ensure_future(alice.wait_qr())
    await scan(newsroom, PRESS, token)

    with pytest.raises(OtherAccountError):
        await waiting

    assert keys_of(newsroom, ALICE) == before
    assert (await alice.report()).phase is Phase.ONLINE
    assert len(keys_of(newsroom, PRESS)) == 1  # the scanning device; what it let in was ended


@pytest.mark.parametrize("newsroom", [Limits(code_timeout=0)], indirect=True)
async def test_a_code_can_be_sent_again_and_counts(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    alice = warden.session("alice")
    await newsroom.settled("alice")
    await alice.login("start")

    again = await alice.resend_code()
    await alice.login("code", newsroom.telegram.sent_code(ALICE))

    assert not isinstance(again, Phase)
    assert newsroom.telegram.stats.calls["auth.resendCode"] == 1
    await newsroom.stop()
    with newsroom.store() as store:
        assert len(store.login_codes(ALICE, 0.0)) == 2


async def test_a_logout_ends_the_login_latches_the_key_and_clears_what_was_stored(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    alice, since = warden.session("alice"), newsroom.mark()

    phase = await alice.logout()

    assert phase is Phase.NEEDS_LOGIN
    assert keys_of(newsroom, ALICE) == set()
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    await newsroom.stop()
    assert not (newsroom.config.folder / "sessions" / "alice.twsession").exists()
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()
    with newsroom.store() as store:
        assert store.credential("alice") is None
        assert store.entities("alice") == []
        assert store.backups("alice")[0].reason == "before logout"
        assert store.latches()[0].reason == "logged out"
    await newsroom.start(signed_in=False)
    await newsroom.hears(SessionRecovered, since=since, session="bob")
    assert newsroom.telegram.stats.connects == connects + 1  # bob's


async def test_pairs_go_on_after_a_logout_and_a_new_login(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice = warden.session("alice")
    await alice.logout()
    newsroom.say("news_in", "meanwhile")

    await alice.login("start")
    await alice.login("code", newsroom.telegram.sent_code(ALICE))

    await newsroom.arrives("news_out", "meanwhile")
