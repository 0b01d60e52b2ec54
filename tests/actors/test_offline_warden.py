"""What can be done with a storage folder while no warden runs, and that the next one has it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from telethon.sessions import SQLiteSession

from telewarden.commands.offline import ON_STORE
from telewarden.errors import (
    BadCommandError,
    ConfigError,
    FolderHeldError,
    KeyLatchedError,
    LeaseHeldError,
    NotRunningError,
    PairFaultError,
    PairInDoubtError,
    PairsAssignedError,
    StorageBusyError,
    TelegramAuthError,
    UnknownRecordError,
    UnknownSessionError,
)
from telewarden.loopback import Fault, FloodWait
from telewarden.standalone.offline_warden import OfflineWarden
from telewarden.standalone.safe_session import safe_session
from telewarden.telegram import Health, Phase, parse_string

from .conftest import ALICE, BOB, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def offline(newsroom: Newsroom) -> OfflineWarden:
    return OfflineWarden(newsroom.config, server=newsroom.server, handlers=newsroom.handlers)


async def worked(newsroom: Newsroom) -> None:
    """Let a warden run once, with logins and pairs that work, and stop it."""
    await newsroom.start()
    await newsroom.stop()


# What there is


async def test_everything_is_shown_as_it_is_stored_and_nothing_connects(
    newsroom: Newsroom,
) -> None:
    await worked(newsroom)
    connects = newsroom.telegram.stats.connects

    async with offline(newsroom) as warden:
        overview = await warden.overview()
        alice = await warden.session("alice").report()

    shown = {one.session: (one.phase, one.health) for one in overview.sessions}
    assert shown == dict.fromkeys(("alice", "bob"), (Phase.STOPPED, Health.UNKNOWN))
    assert alice.user_id == newsroom.account(ALICE).id
    pairs = [pair for group in overview.groups for pair in group.pairs]
    assert [(pair.id, pair.waiting, pair.paused) for pair in pairs] == [(1, 0, None), (2, 0, None)]
    assert newsroom.telegram.stats.connects == connects


async def test_health_that_nobody_looks_at_is_told_with_how_to_have_it_looked_at(
    newsroom: Newsroom,
) -> None:
    await worked(newsroom)

    async with offline(newsroom) as warden:
        left = await ON_STORE["status"](warden, "me", session="alice")
        with pytest.raises(BadCommandError, match=r"telewarden run, or give --any-health"):
            await ON_STORE["optimal"](warden, "me", any_health=False)
        best = await ON_STORE["optimal"](warden, "me", any_health=True)

    advice = [one["health_advice"] for one in left.model_dump()["sessions"]]
    assert advice == ["Nobody looks while no warden runs; start it with telewarden run."]
    assert best.model_dump()["name"] in {"alice", "bob"}


async def test_a_folder_that_is_new_shows_what_the_configuration_declares(
    newsroom: Newsroom,
) -> None:
    async with offline(newsroom) as warden:
        overview = await warden.overview()

    shown = {one.session: (one.phase, one.health, one.reason) for one in overview.sessions}
    told = (Phase.NEEDS_LOGIN, Health.UNAUTHORIZED, "there is no login")
    assert shown == dict.fromkeys(("alice", "bob"), told)


async def test_a_flood_that_lasts_is_shown_with_its_deadline(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(300)))
    with pytest.raises(Exception, match="FLOOD_WAIT"):
        await warden.session("alice").call(_nearest())
    await newsroom.stop()

    async with offline(newsroom) as stored:
        report = await stored.session("alice").report()

    assert report.limited_until is not None
    assert [wait.until for wait in report.waits] == [report.limited_until]
    assert "help.getNearestDc" in report.waits[0].what


def _nearest() -> Any:
    from telethon import functions

    return functions.help.GetNearestDcRequest()


async def test_a_dead_login_is_shown_as_one(newsroom: Newsroom) -> None:
    await worked(newsroom)
    with newsroom.store() as store:
        store.latch_key(store.key_id_of("alice"), "SESSION_REVOKED", 1.0)

    async with offline(newsroom) as warden:
        report = await warden.session("alice").report()

    assert (report.phase, report.health) == (Phase.NEEDS_LOGIN, Health.EXPIRED)


# Sessions


async def test_a_session_is_registered_changed_and_found_by_the_next_warden(
    newsroom: Newsroom,
) -> None:
    await worked(newsroom)

    async with offline(newsroom) as warden:
        await warden.sessions.register("dave", phone="+9996620004", who="command line")
        await warden.sessions.change("dave", priority=2, who="command line")
    running = await newsroom.start(signed_in=False)

    assert running.sessions.get("dave").record.priority == 2
    rows = await running.registry.audit(subject="dave", who="command line")
    assert [row.what for row in rows] == ["change", "register"]


async def test_a_session_without_pairs_is_deleted_and_its_backup_stays(
    newsroom: Newsroom,
) -> None:
    async with offline(newsroom) as warden:
        await warden.sessions.register("dave", phone=BOB)
        string = newsroom.telegram.mint(newsroom.account(BOB))
        await warden.session("dave").import_string(string)

        await warden.sessions.delete("dave", who="command line")

        assert "dave" not in warden.sessions
        with pytest.raises(UnknownSessionError):
            warden.session("dave")
    files = newsroom.config.folder / "sessions"
    assert not (files / "dave.twsession").exists()
    assert [path.name for path in (files / "quarantine").iterdir()] != []
    with newsroom.store() as store:
        assert "before delete" in {one.reason for one in store.backups("dave")}


async def test_a_session_with_pairs_stays_as_only_a_running_warden_can_move_them(
    newsroom: Newsroom,
) -> None:
    async with offline(newsroom) as warden:
        with pytest.raises(PairsAssignedError):
            await warden.sessions.delete("alice")
        with pytest.raises(NotRunningError, match="telewarden run"):
            await warden.sessions.delete("alice", force=True, who="command line")

        assert "alice" in warden.sessions
        (refused,) = await warden.registry.audit(subject="alice", who="command line")
        assert refused.outcome.startswith("refused: the warden is not running")


# Pairs


async def test_pairs_are_added_changed_and_removed_for_the_next_warden(
    newsroom: Newsroom,
) -> None:
    await worked(newsroom)

    async with offline(newsroom) as warden:
        added = await warden.pairs.add(source="@news_in", target="@market_out", who="command line")
        await warden.pairs.change(added.id, mode="copy")
        await warden.pairs.remove(2)
        with pytest.raises(PairFaultError):
            await warden.pairs.add(session="alice", source="@news_out", target="@news_in")
        with pytest.raises(ConfigError):
            await warden.pairs.add(session="alice", source="news", target="@news_in")
    running = await newsroom.start(signed_in=False)

    plans = {plan.id: plan.mode for plan in await running.pairs.list()}
    assert plans == {1: "forward", added.id: "copy"}
    rows = await running.registry.audit(subject=f"pair {added.id}", who="command line")
    assert [row.what for row in rows] == ["add pair"]


async def test_a_pair_whose_messages_may_have_arrived_is_not_removed_unasked(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")
    await newsroom.stop()
    newsroom.lose_answers("pair_id = 2")

    async with offline(newsroom) as warden:
        with pytest.raises(PairInDoubtError, match="1 message may have arrived"):
            await warden.pairs.remove(2)
        assert [plan.id for plan in await warden.pairs.list()] == [1, 2]

        await warden.pairs.remove(2, accept_doubt=True)

        assert [plan.id for plan in await warden.pairs.list()] == [1]


async def test_a_pair_is_paused_and_stays_so_until_it_is_resumed(newsroom: Newsroom) -> None:
    await worked(newsroom)

    async with offline(newsroom) as warden:
        paused = await warden.pairs.pause(1, "the source moves", who="command line")
    await newsroom.start()
    reports = await newsroom.pairs()
    await newsroom.stop()
    async with offline(newsroom) as warden:
        resumed = await warden.pairs.resume(1)

    assert paused.paused == reports[1].paused == "paused by hand: the source moves"
    assert resumed.paused is None


async def test_a_pause_by_hand_keeps_what_only_the_plan_settles(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.warden.pairs.change(1, enabled=False)
    await newsroom.stop()

    async with offline(newsroom) as warden:
        paused = await warden.pairs.pause(1)
        resumed = await warden.pairs.resume(1)

    assert paused.paused == "paused by hand; besides: paused in the configuration"
    assert resumed.paused == "paused in the configuration"


async def test_dead_letters_are_read_and_put_back_on_their_way(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")
    await newsroom.stop()
    with newsroom.store() as store:
        store.db.execute("update outbox set state = 'dead', reason = 'a test' where pair_id = 2")

    async with offline(newsroom) as warden:
        (letter,) = await warden.pairs.dead()
        again = await warden.pairs.retry(2)
        left = await warden.pairs.dead()

    assert (letter.pair, letter.reason) == (2, "a test")
    assert (again, left) == (1, ())


@pytest.mark.parametrize(
    "order",
    [
        lambda warden: warden.pairs.backfill(1),
        lambda warden: warden.pairs.confirm(1),
        lambda warden: warden.pairs.reassign("1", "bob"),
        lambda warden: warden.session("alice").login_qr(),
        lambda warden: warden.session("alice").renew(),
        lambda warden: warden.session("alice").logout(),
    ],
    ids=["backfill", "confirm", "reassign", "login", "renew", "logout"],
)
async def test_what_needs_telegram_says_that_a_warden_is_to_be_started(
    newsroom: Newsroom, order: Any
) -> None:
    async with offline(newsroom) as warden:
        with pytest.raises(NotRunningError, match="telewarden run"):
            await order(warden)


# Logins


async def test_a_login_is_backed_up_and_put_back(newsroom: Newsroom) -> None:
    await worked(newsroom)
    with newsroom.store() as store:
        (first,) = [store.key_id_of("alice")]

    async with offline(newsroom) as warden:
        alice = warden.session("alice")
        kept = await alice.backup(who="command line")
        assert kept is not None
        other = newsroom.telegram.mint(newsroom.account(ALICE))
        await alice.import_string(other)
        phase = await alice.restore(kept.id, who="command line")
        with pytest.raises(UnknownRecordError):
            await alice.restore(99_999)
        backups = [one.reason for one in await alice.backups()]
        operation = warden.operations.list(kind="backup")[-1]

    assert phase is Phase.STOPPED
    assert "before restore" in backups
    assert operation.session == "alice"
    with newsroom.store() as store:
        assert store.key_id_of("alice") == first


async def test_an_import_is_confirmed_by_telegram_and_the_next_warden_comes_online_by_it(
    newsroom: Newsroom,
) -> None:
    string = newsroom.telegram.mint(newsroom.account(ALICE))

    async with offline(newsroom) as warden:
        imported = await warden.session("alice").import_string(string, who="command line")
        again = await warden.session("alice").import_string(string)
        (row, *_) = await warden.registry.audit(subject="alice", what="import", limit=1)
    running = await newsroom.start(signed_in=False)
    await running.session("alice").wait_online(30)

    assert imported.key_id == again.key_id == parse_string(string).key_id
    assert row.outcome == "done"
    assert newsroom.telegram.stats.duplicate_keys == 0


async def test_a_login_that_telegram_does_not_take_changes_nothing(newsroom: Newsroom) -> None:
    await worked(newsroom)
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    newsroom.telegram.void_key(newsroom.account(ALICE))
    with newsroom.store() as store:
        before = store.key_id_of("alice")

    async with offline(newsroom) as warden:
        with pytest.raises(TelegramAuthError):
            await warden.session("alice").import_string(string)

    with newsroom.store() as store:
        assert store.key_id_of("alice") == before


async def test_a_telethon_file_goes_out_and_comes_in(newsroom: Newsroom, tmp_path: Path) -> None:
    await worked(newsroom)
    path = tmp_path / "alice.session"

    async with offline(newsroom) as warden:
        await warden.session("alice").export_file(path, who="command line")
        string = await warden.session("alice").export_string()
        await warden.session("alice").import_file(path)

    assert path.stat().st_mode & 0o777 == 0o600
    file = SQLiteSession(str(path.with_suffix("")))
    try:
        assert file.auth_key.key == parse_string(string).key
    finally:
        file.close()


async def test_a_latched_key_is_not_put_back(newsroom: Newsroom) -> None:
    await worked(newsroom)

    async with offline(newsroom) as warden:
        kept = await warden.session("alice").backup()
        assert kept is not None
    with newsroom.store() as store:
        store.latch_key(kept.key_id, "AUTH_KEY_DUPLICATED", 1.0)
    async with offline(newsroom) as warden:
        with pytest.raises(KeyLatchedError):
            await warden.session("alice").restore(kept.id)


async def test_a_login_that_a_script_uses_is_left_alone(newsroom: Newsroom) -> None:
    await worked(newsroom)
    tables = newsroom.config.model_copy(
        update={"storage": newsroom.config.storage.model_copy(update={"lease_timeout": 0.0})}
    )

    async with (
        safe_session(newsroom.config, "alice", server=newsroom.server, connect=False),
        OfflineWarden(tables, server=newsroom.server) as warden,
    ):
        alice = warden.session("alice")
        for use in (
            alice.export_string(),
            alice.restore(1),
            alice.import_string(newsroom.telegram.mint(newsroom.account(ALICE))),
        ):
            with pytest.raises(LeaseHeldError, match=f"process {os.getpid()} "):
                await use
        assert await alice.backup() is not None


# Keys and copies


async def test_keys_are_changed_and_the_next_warden_opens_everything(newsroom: Newsroom) -> None:
    await worked(newsroom)
    before = (newsroom.folder / "master.key").read_text()

    async with offline(newsroom) as warden:
        turned = await warden.keys.rotate_master(who="command line")
        await warden.keys.rotate_data(who="command line")
        (row, *_) = await warden.registry.audit(what="rotate data key")
        copies = warden.backups.list()
    running = await newsroom.start(signed_in=False)
    await running.session("alice").wait_online(30)

    assert turned.damaged == ()
    assert (newsroom.folder / "master.key").read_text() != before
    assert (row.who, row.outcome) == ("command line", "done")
    assert len(copies) == 1


async def test_a_copy_of_the_database_is_taken_and_listed(newsroom: Newsroom) -> None:
    async with offline(newsroom) as warden:
        taken = await warden.backups.take(who="command line")

    assert offline(newsroom).backups.list() == [taken]


# One at a time


async def test_while_a_warden_runs_nothing_is_done_beside_it(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)

    with pytest.raises(FolderHeldError, match=rf"process {os.getpid()} .*warden\) since") as caught:
        await offline(newsroom).__aenter__()

    assert isinstance(caught.value, StorageBusyError)


async def test_a_warden_that_starts_meanwhile_waits_until_the_work_is_done(
    newsroom: Newsroom,
) -> None:
    async with offline(newsroom) as warden:
        starting = asyncio.create_task(newsroom.warden.start())
        await warden.sessions.register("dave", phone="+9996620004")
        assert not starting.done()
    await starting

    assert "dave" in newsroom.warden.sessions


async def test_a_warden_that_does_not_want_to_wait_is_told_who_has_the_folder(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["storage"]["lease_timeout"] = 0.0
    newsroom.reconfigure(tables)

    async with offline(newsroom):
        with pytest.raises(FolderHeldError, match=rf"process {os.getpid()} on .*: offline\) since"):
            await newsroom.warden.start()

    await newsroom.warden.start()


async def test_before_it_is_entered_there_is_nothing_to_work_on(newsroom: Newsroom) -> None:
    warden = offline(newsroom)

    with pytest.raises(NotRunningError, match="async with"):
        await warden.sessions.register("dave", phone="+9996620004")
    async with warden:
        pass
    with pytest.raises(NotRunningError, match="async with"):
        await warden.pairs.list()
