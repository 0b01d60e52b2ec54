"""A lost session comes back by the copies that are kept, and a dead key is never tried again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from telethon import functions

from telewarden.console.commands.catalogue import find
from telewarden.errors import DrillError, TelegramAuthError
from telewarden.loopback import AcceptAndClose, Delay, Fault, RpcError, TransportError
from telewarden.service.database_backups import restore_database
from telewarden.storage import Lease, LeaseHolder
from telewarden.storage.tables.connection import signed
from telewarden.telegram import (
    CopyRepaired,
    Health,
    Phase,
    PhaseChanged,
    Probed,
    RecoveryTried,
    SessionRecovered,
    parse_string,
)

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

SESSION = "sessions/session:alice/session"


def session_file(newsroom: Newsroom) -> Path:
    return newsroom.config.folder / "sessions" / "alice.twsession"


def damage_file(newsroom: Newsroom) -> None:
    session_file(newsroom).write_bytes(b"\xff" * 400)


def damage_string(newsroom: Newsroom) -> None:
    with newsroom.store() as store:
        store.db.execute("update user_sessions set sealed = zeroblob(64) where name = 'alice'")
        store.db.conn.commit()


async def test_a_session_is_restored_at_start_without_a_login(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    asked = newsroom.telegram.stats.calls["auth.sendCode"]

    await newsroom.start(signed_in=False)
    back = await newsroom.hears(SessionRecovered, since=newsroom.mark() - 1, session="alice")

    assert back.rung == "string"
    assert 0.0 < back.seconds < 30.0
    assert newsroom.telegram.stats.calls["auth.sendCode"] == asked


async def test_a_damaged_string_is_recovered_from_the_file_and_written_anew(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    damage_string(newsroom)
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    back = await newsroom.hears(SessionRecovered, since=since, session="alice")
    mended = await newsroom.hears(CopyRepaired, since=since, session="alice")
    await newsroom.stop()

    assert (back.rung, mended.copy) == ("file", "string")
    with newsroom.store() as store:
        assert store.credential("alice") is not None


async def test_both_copies_damaged_are_repaired_from_the_newest_backup(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    damage_string(newsroom)
    damage_file(newsroom)
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    back = await newsroom.hears(SessionRecovered, since=since, session="alice")
    mended = {
        (await newsroom.hears(CopyRepaired, since=since, copy=copy)).copy
        for copy in ("string", "file")
    }

    assert back.rung == "repair"
    assert mended == {"string", "file"}


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_damaged_file_is_set_aside_and_never_deleted(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    damage_file(newsroom)

    await warden.drill(SESSION)
    mended = await newsroom.hears(CopyRepaired, session="alice", copy="file")
    kept = session_file(newsroom).parent / "quarantine" / mended.kept

    assert kept.read_bytes() == b"\xff" * 400
    assert session_file(newsroom).read_bytes() != b"\xff" * 400


async def test_a_session_without_any_copy_asks_for_a_login(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)

    held = await newsroom.hears(PhaseChanged, session="alice", after=Phase.NEEDS_LOGIN)

    assert "no stored login" in held.reason
    assert newsroom.telegram.stats.connects == 0


async def test_a_revoked_session_is_held_and_its_key_never_tried_again(newsroom: Newsroom) -> None:
    await newsroom.start()
    since = newsroom.mark()
    newsroom.telegram.revoke(newsroom.account(ALICE))
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    await newsroom.stop()
    connects = newsroom.telegram.stats.connects
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    held = await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    await newsroom.hears(SessionRecovered, since=since, session="bob")

    assert "dead" in held.reason or "latched" in held.reason
    assert newsroom.telegram.stats.connects == connects + 1  # bob's
    report = await newsroom.warden.session("alice").report()
    assert report.health in {Health.EXPIRED, Health.UNAUTHORIZED}


async def test_only_the_key_that_was_refused_is_latched_and_not_the_one_that_is_stored(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    alice, account = newsroom.warden.session("alice"), newsroom.account(ALICE)
    stored = await alice.export_string()
    old = newsroom.telegram.mint(account)
    await newsroom.stop()
    file = session_file(newsroom).read_bytes()
    with newsroom.store() as store:  # a backup of an old login, which was ended elsewhere
        at = parse_string(old)
        now = parse_string(stored)
        store.put_credential("alice", old, at.key_id, at.dc_id, at=1.0)
        store.add_backup("alice", "by hand", 1.0)
        store.put_credential("alice", stored, now.key_id, now.dc_id, at=2.0)
        store.db.execute("delete from session_backups where reason != 'by hand'")
        store.db.conn.commit()
    (doomed,) = (
        one for one in newsroom.telegram.authorizations(account) if one.key_id == at.key_id
    )
    doomed.void = "AUTH_KEY_UNREGISTERED"
    damage_string(newsroom)
    damage_file(newsroom)
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    await newsroom.stop()
    with newsroom.store() as store:
        assert [latch.key_id for latch in store.latches()] == [at.key_id]
    session_file(newsroom).write_bytes(file)  # the good copy is found again
    since = newsroom.mark()
    await newsroom.start(signed_in=False)

    back = await newsroom.hears(SessionRecovered, since=since, session="alice")
    assert back.rung == "file"


async def test_a_key_that_the_server_forgets_for_a_moment_is_tried_again(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    since = newsroom.mark()
    newsroom.telegram.faults.add(
        Fault(method="*", account=newsroom.account(ALICE), times=3, action=TransportError(-404))
    )

    with pytest.raises(TelegramAuthError, match="AUTH_KEY_NOT_FOUND"):
        await warden.session("alice").call(functions.help.GetConfigRequest())
    back = await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert back.seconds >= 1.0  # a pause at least; others of its requests may meet the fault, too
    held = [one for one in newsroom.heard[since:] if isinstance(one, PhaseChanged)]
    assert Phase.NEEDS_LOGIN not in {one.after for one in held}


async def test_what_one_fresh_client_does_not_put_right_holds_the_session(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    rule = newsroom.telegram.faults.add(
        Fault(
            method="updates.getState",
            account=newsroom.account(ALICE),
            action=RpcError("AUTH_KEY_PERM_EMPTY", 401),
        )
    )
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()
    newsroom.telegram.cut(newsroom.account(ALICE))

    held = await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.QUARANTINED)
    assert "AUTH_KEY_PERM_EMPTY" in held.reason
    assert newsroom.telegram.stats.connects == connects + 2
    newsroom.telegram.faults.remove(rule)
    await newsroom.warden.session("alice").recover()

    await newsroom.hears(SessionRecovered, since=since, session="alice")


async def test_of_a_session_whose_login_is_dead_nobody_says_that_it_works_or_has_a_date(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    since = newsroom.mark()
    newsroom.telegram.revoke(newsroom.account(ALICE))
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)

    renewing = await warden.command("renew", {"session": "alice"})
    status = (await warden.command("status", {"session": "alice"})).model_dump()
    ((one,), ends) = status["sessions"], time.time() + 86_400.0
    one["account"] = {"facts": [], "login_ends": ends, "account_ends": None}

    show_renewal, show_status = find("renew").show, find("status").show
    assert show_renewal is not None
    assert show_status is not None
    (shown,) = show_renewal(renewing.model_dump())
    assert shown == "alice: awaiting_code; go on with: telewarden auth alice"
    assert not any("dies if unused" in str(block) for block in show_status(status))


async def test_a_login_brings_a_revoked_session_back_and_its_pairs_go_on(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    since = newsroom.mark()
    newsroom.telegram.revoke(newsroom.account(ALICE))
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    newsroom.say("news_in", "meanwhile")
    since = newsroom.mark()

    alice = warden.session("alice")
    await alice.login("start")
    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="login")

    await newsroom.arrives("news_out", "meanwhile")


async def test_a_wrong_code_may_be_given_again(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    await newsroom.hears(PhaseChanged, session="alice", after=Phase.NEEDS_LOGIN)
    alice = warden.session("alice")
    await alice.login("start")

    with pytest.raises(Exception, match="PHONE_CODE_INVALID"):
        await alice.login("code", "00000")
    phase = await alice.login("code", newsroom.telegram.sent_code(ALICE))

    assert phase in {Phase.CONNECTING, Phase.RECOVERING}


async def test_a_login_asked_for_while_the_copies_are_tried_waits_for_the_outcome(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    asked = newsroom.telegram.stats.calls["auth.sendCode"]

    warden = await newsroom.start(signed_in=False)
    phase = await warden.session("alice").login("start")

    assert phase is Phase.ONLINE
    assert newsroom.telegram.stats.calls["auth.sendCode"] == asked


async def test_codes_are_rationed_by_day_across_restarts(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)
    for _ in range(3):
        assert await newsroom.settled("alice") is Phase.NEEDS_LOGIN
        await newsroom.warden.session("alice").login("start")
        await newsroom.stop()
        await newsroom.start(signed_in=False)
    await newsroom.settled("alice")

    with pytest.raises(Exception, match="3 login codes within a day"):
        await newsroom.warden.session("alice").login("start")
    assert newsroom.telegram.stats.calls["auth.sendCode"] == 3


async def test_an_unreachable_data_centre_is_waited_for_with_growing_pauses(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    rule = newsroom.telegram.faults.add(Fault(method="connect", action=AcceptAndClose()))
    newsroom.telegram.cut()
    await newsroom.hears(PhaseChanged, session="alice", after=Phase.WAITING)
    tried = newsroom.telegram.stats.connects
    newsroom.telegram.faults.remove(rule)
    since = newsroom.mark()
    newsroom.say("news_in", "meanwhile")

    await newsroom.hears(SessionRecovered, since=since, session="alice")

    await newsroom.arrives("news_out", "meanwhile")
    assert tried < 30


async def test_trouble_at_telegram_does_not_blame_the_copy(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    newsroom.telegram.faults.add(
        Fault(method="updates.getState", times=2, action=RpcError("RPC_CALL_FAIL"))
    )
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await newsroom.hears(SessionRecovered, since=since, session="bob")

    tries = [e for e in newsroom.heard[since:] if isinstance(e, RecoveryTried)]
    assert {one.rung for one in tries} == {"string"}
    assert not [e for e in newsroom.heard[since:] if isinstance(e, CopyRepaired)]


async def test_a_second_warden_on_the_same_session_is_refused_and_told_who_holds_it(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    await newsroom.start()
    await newsroom.stop()
    shutil.copytree(newsroom.config.folder, newsroom.folder / "copy")
    await newsroom.start()
    tables["storage"] |= {"lease_timeout": 0.0, "folder": "copy"}
    other = Newsroom(newsroom.telegram, newsroom.folder, tables)
    connects = newsroom.telegram.stats.connects

    await other.warden.start()
    held = await other.hears(PhaseChanged, session="alice", after=Phase.WAITING)
    await other.warden.stop()

    assert newsroom.telegram.stats.connects == connects
    assert "LEASE_HELD" in held.reason


async def test_a_killed_process_leaves_a_session_that_comes_back(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    await newsroom.start()
    await newsroom.stop()
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HOLDER,
        str(newsroom.config.folder),
        str(newsroom.folder / "master.key"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    os.kill(holder.pid, signal.SIGKILL)
    await holder.wait()
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    back = await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert back.seconds < 5.0


_HOLDER = """
import sys
from telewarden.storage import Lease, LeaseHolder, MasterKey, Store
folder, key = sys.argv[1:]
with Store.open_reader(folder + "/telewarden.db", MasterKey.from_file(key)) as store:
    grant = Lease(folder + "/leases").acquire(
        store.session("alice").key_id, owner=LeaseHolder.current("a test")
    )
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("damage", [lambda _: None, damage_string], ids=["string", "file"])
async def test_a_login_brought_in_while_a_climb_waits_for_the_old_key_stays(
    newsroom: Newsroom, damage: Callable[[Newsroom], None]
) -> None:
    await newsroom.start()
    await newsroom.stop()
    damage(newsroom)
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    with newsroom.store() as store:
        old = store.session("alice").key_id
    new = parse_string(string).key_id
    leases = Lease(newsroom.config.folder / "leases")
    (record,) = newsroom.telegram.authorizations(newsroom.account(ALICE))[:1]
    record.void = "SESSION_REVOKED"  # whoever uses the old key is told
    since = newsroom.mark()

    with leases.acquire(old, owner=LeaseHolder.current("a test")):
        warden = await newsroom.start(signed_in=False)
        await warden.session("alice").import_string(string)
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="another login")

    assert await newsroom.settled("alice") is Phase.ONLINE
    assert newsroom.telegram.stats.errors["SESSION_REVOKED"] == 0
    assert parse_string(await warden.session("alice").export_string()).key_id == new


async def test_a_login_brought_in_while_a_climb_connects_is_not_written_over(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    damage_string(newsroom)
    string, since = newsroom.telegram.mint(newsroom.account(ALICE)), newsroom.mark()
    newsroom.telegram.faults.add(
        Fault(
            action=Delay(1.0), method="updates.getState", account=newsroom.account(ALICE), times=1
        )
    )

    warden = await newsroom.start(signed_in=False)
    await newsroom.until(lambda: len(newsroom.telegram.connections(newsroom.account(ALICE))) == 1)
    await warden.session("alice").import_string(string)
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="another login")

    assert await warden.session("alice").export_string() == string
    assert not [one for one in newsroom.heard[since:] if isinstance(one, CopyRepaired)]


async def test_a_key_that_died_while_a_climb_waited_for_it_is_not_tried(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    with newsroom.store() as store:
        key_id = store.session("alice").key_id
    since, connects = newsroom.mark(), newsroom.telegram.stats.connects
    leases = Lease(newsroom.config.folder / "leases")

    with leases.acquire(key_id, owner=LeaseHolder.current("a test")):
        warden = await newsroom.start(signed_in=False)
        await newsroom.hears(SessionRecovered, since=since, session="bob")
        bobs = newsroom.telegram.stats.connects
        await warden._access.journal().do(
            lambda store: store.latch_key(key_id, "SESSION_REVOKED", 1.0)
        )
    phase = await newsroom.settled("alice")

    tried = [one for one in newsroom.heard[since:] if isinstance(one, RecoveryTried)]
    assert {one.attempt for one in tried if one.session == "alice"} == {1}  # once for each rung
    assert phase is Phase.NEEDS_LOGIN
    assert bobs == connects + 1
    assert newsroom.telegram.stats.connects == bobs


async def test_a_backup_whose_login_is_another_sessions_by_now_is_not_tried(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start(signed_in=False)
    first, second = (newsroom.telegram.mint(newsroom.account(ALICE)) for _ in range(2))
    for name, string in (("alice", first), ("alice", second), ("bob", first)):
        since = newsroom.mark()
        await warden.session(name).import_string(string)
        await newsroom.hears(SessionRecovered, since=since, session=name, cause="another login")
    await newsroom.stop()
    damage_file(newsroom)
    with newsroom.store() as store:
        store.clear_credential("alice")
        store.db.execute(
            "delete from session_backups where name = 'alice' and key_id = ?",
            (signed(parse_string(second).key_id),),
        )
        store.db.conn.commit()
        kept = [one.key_id for one in store.backups("alice")]

    await newsroom.start(signed_in=False)

    assert set(kept) == {parse_string(first).key_id}
    assert await newsroom.settled("alice") is Phase.NEEDS_LOGIN
    assert await newsroom.settled("bob") is Phase.ONLINE


async def test_a_database_put_back_from_before_a_renewal_gives_way_to_the_newer_file(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    alice, snapshot = warden.session("alice"), await warden.backups.take()
    old = (await alice.backups())[0].key_id
    since = newsroom.mark()
    await alice.renew()
    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="renewal")
    await newsroom.until(lambda: newsroom.telegram.stats.calls["auth.logOut"] == 1)
    await newsroom.stop()
    restore_database(newsroom.config, snapshot.path)

    since = newsroom.mark()
    await newsroom.start(signed_in=False)
    back = await newsroom.hears(SessionRecovered, since=since, session="alice")
    await newsroom.stop()

    with newsroom.store() as store:
        assert store.latched(old) is not None
        assert store.key_id_of("alice") not in (None, old)
    assert back.rung == "file"
    assert newsroom.telegram.stats.duplicate_keys == 0


async def test_all_sessions_are_asked_to_recover_at_once(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    since = newsroom.mark()

    asked = await warden.recover_all(who="ann")

    for name in ("alice", "bob"):
        await newsroom.hears(Probed, since=since, session=name)
    rows = await warden.registry.audit(what="recover")
    assert asked == ("alice", "bob")
    assert [(row.who, row.subject) for row in rows[::-1]] == [("ann", "alice"), ("ann", "bob")]
