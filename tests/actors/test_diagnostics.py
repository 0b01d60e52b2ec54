"""Diagnostics find what is wrong, say what to do in steps, and hold no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from telewarden.diagnostics import Diagnosis, Finding, Level, diagnose
from telewarden.errors import MasterKeyError, WrongMasterKeyError
from telewarden.standalone.safety_check import safety_check
from telewarden.storage import MasterKey, SessionRecord, Store

from .conftest import ALICE, BOB, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def of(diagnosis: Diagnosis, area: str) -> Finding:
    return next(one for one in diagnosis.findings if one.area == area)


async def test_a_healthy_warden_has_no_problems(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    diagnosis = await warden.diagnose()

    assert diagnosis.problems == ()
    assert diagnosis.healthy
    areas = {one.area for one in diagnosis.findings}
    assert {"folder", "disk", "network", "database", "clock", "session alice"} <= areas
    assert "copies of bob" in areas
    assert "MiB, 0.0 of it free for new rows" in of(diagnosis, "size of the database").what
    assert "in use by process" in of(diagnosis, "owner of alice").what


async def test_a_diagnosis_can_be_shown_to_anybody(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    secrets = [ALICE, BOB, ALICE[1:], await warden.session("alice").export_string()]
    secrets.append((newsroom.folder / "master.key").read_text().strip())

    diagnosis = await warden.diagnose()

    shown = str(diagnosis) + json.dumps(diagnosis.as_json())
    assert [secret for secret in secrets if secret in shown] == []


async def test_what_is_damaged_is_named_with_what_to_do(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    with newsroom.store() as store:
        store.db.execute("update user_sessions set sealed = zeroblob(9) where name = 'alice'")
        store.db.execute("delete from session_backups where name = 'bob'")
        store.put_flood("alice", "messages.sendMessage", None, 2_000_000_000.0, 30.0)
        store.latch_key(store.session("bob").key_id, "SESSION_REVOKED", 1.0)

    diagnosis = diagnose(newsroom.config, server=newsroom.server, now=1_999_999_990.0)

    assert of(diagnosis, "copies of alice").level is Level.NOTE
    assert of(diagnosis, "copies of bob").steps == ("log in again",)
    assert "10 s more" in of(diagnosis, "flood of alice").what
    assert not diagnosis.healthy


async def test_a_damaged_database_names_the_copy_to_put_back(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    snapshot = await warden.backups.take()
    await newsroom.stop()
    for path in newsroom.config.folder.glob("telewarden.db*"):
        path.write_bytes(b"garbage" * 1_000)

    diagnosis = diagnose(newsroom.config, server=newsroom.server)

    found = of(diagnosis, "database")
    assert found.level is Level.PROBLEM
    assert snapshot.path.name in found.steps[1]
    assert "1. stop the warden" in str(diagnosis)


async def test_an_unreachable_network_and_a_missing_key_are_problems(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    server: Any = newsroom.server
    await newsroom.telegram.stop()
    (newsroom.folder / "master.key").rename(newsroom.folder / "master.key.elsewhere")
    tables = newsroom.config.model_copy(
        update={
            "storage": newsroom.config.storage.model_copy(
                update={
                    "master_key": newsroom.config.storage.master_key.model_copy(
                        update={"create": False}
                    )
                }
            )
        }
    )

    diagnosis = diagnose(tables, server=server)

    assert {one.area for one in diagnosis.problems} == {"network", "master key"}


REFUSED = pytest.mark.crashes("journal", start=WrongMasterKeyError)


@pytest.mark.parametrize(
    "lost", [pytest.param(False, marks=REFUSED, id="another"), pytest.param(True, id="none")]
)
async def test_a_master_key_that_is_not_the_one_costs_no_database(
    newsroom: Newsroom, lost: bool
) -> None:
    await newsroom.start()
    await newsroom.stop()
    key = newsroom.folder / "master.key"
    if lost:  # and the configuration says that one may be made
        key.unlink()
    else:
        key.write_text(MasterKey.generate())

    diagnosis = diagnose(newsroom.config, server=newsroom.server)

    found = of(diagnosis, "master key")
    assert found.level is Level.PROBLEM
    assert "move it away" not in str(diagnosis)
    assert key.exists() is not lost
    with pytest.raises(MasterKeyError):
        await newsroom.warden.start()
    assert key.exists() is not lost


def test_before_the_first_start_nothing_is_made_by_looking(newsroom: Newsroom) -> None:
    diagnosis = diagnose(newsroom.config, server=newsroom.server)

    assert diagnosis.healthy
    assert list(newsroom.folder.iterdir()) == []


def test_a_user_who_may_not_look_into_the_folder_is_told_to_be_another(unprivileged: Path) -> None:
    folder = unprivileged / "store"
    folder.mkdir(mode=0o000)
    key = {"file": str(unprivileged / "master.key"), "create": True}
    storage = {"folder": str(folder), "master_key": key}

    (found,) = diagnose({"telegram": {"api_id": 1}, "storage": storage, "loopback": {}}).findings

    assert (found.area, found.level) == ("folder", Level.PROBLEM)
    assert "the user that runs the warden" in found.steps[0]


def test_a_read_only_copy_is_looked_at_like_any_other(unprivileged: Path) -> None:
    key = {"file": str(unprivileged / "master.key"), "create": True}
    tables = {
        "telegram": {"api_id": 1},
        "storage": {"folder": str(unprivileged / "copy"), "master_key": key},
        "loopback": {},
        "sessions": [{"name": "alice", "phone": ALICE}],
    }
    MasterKey.make_file(unprivileged / "master.key")
    master = MasterKey.from_file(unprivileged / "master.key")
    with Store.open(unprivileged / "copy" / "telewarden.db", master) as store:
        store.put_session(SessionRecord(name="alice"))
    for place in (*(unprivileged / "copy").iterdir(), unprivileged / "copy"):
        place.chmod(place.stat().st_mode & 0o555)

    reports = safety_check(tables)
    diagnosis = diagnose(tables)
    (unprivileged / "copy").chmod(0o700)

    assert [(one.session, one.explanation) for one in reports] == [("alice", "it has no login")]
    assert of(diagnosis, "database").what == "whole"
