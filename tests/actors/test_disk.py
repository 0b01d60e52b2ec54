"""A disk that takes nothing pauses the work and says so; when it takes again, the work goes on."""

from __future__ import annotations

import pytest

from telewarden import Warden
from telewarden.errors import DrillError, StorageFullError, StorageNotWritableError, TelewardenError
from telewarden.telegram import CopyRepaired, SessionRecovered

from .conftest import ALICE, Newsroom
from .test_recovery import damage_string

pytestmark = [pytest.mark.actors, pytest.mark.session]

SESSION = "sessions/session:alice/session"


async def fill(warden: Warden, how: str) -> None:
    """Let SQLite itself refuse every write: the file may not grow, or not be written at all."""
    statements = {
        "full": ("pragma max_page_count = 1",),
        "read-only": ("pragma query_only = on",),
        "room": ("pragma max_page_count = 1073741823", "pragma query_only = off"),
    }[how]

    def work(store: object) -> None:
        for statement in statements:
            store.db.execute(statement)  # type: ignore[attr-defined]  # a Store

    await warden._access.stored(work)


@pytest.mark.parametrize("how", ["full", "read-only"])
async def test_messages_wait_for_the_disk_and_none_is_lost_or_doubled(
    newsroom: Newsroom, how: str
) -> None:
    warden = await newsroom.start()
    said = [f"news {n} " + "x" * 3_000 for n in range(30)]
    newsroom.say("news_in", "before")
    await newsroom.arrives("news_out", "before")

    await fill(warden, how)
    newsroom.say("news_in", *said)
    refused = StorageFullError if how == "full" else StorageNotWritableError
    with pytest.raises(refused):
        await warden._access.stored(
            lambda store: [store.record_crash("x" * 4_000, "y", 1.0) for _ in range(50)]
        )
    report = await warden.session("alice").report()
    await fill(warden, "room")

    await newsroom.arrives("news_out", "before", *said)
    assert report.phase == "online"


@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_session_comes_back_while_the_disk_takes_nothing(
    newsroom: Newsroom, how: str
) -> None:
    warden = await newsroom.start()
    await fill(warden, how)
    since = newsroom.mark()

    newsroom.telegram.cut(newsroom.account(ALICE))
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    since = newsroom.mark()
    await warden.drill(SESSION)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await fill(warden, "room")
    newsroom.say("news_in", "afterwards")

    await newsroom.arrives("news_out", "afterwards")


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_copy_that_the_disk_does_not_let_mend_costs_no_recovery_and_is_mended_by_the_next(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    warden = await newsroom.start()
    damage_string(newsroom)
    await fill(warden, "read-only")
    since = newsroom.mark()

    await warden.drill(SESSION)
    first = await newsroom.hears(SessionRecovered, since=since, session="alice")
    await fill(warden, "room")
    since = newsroom.mark()
    await warden.drill(SESSION)
    mended = await newsroom.hears(CopyRepaired, since=since, session="alice")

    assert first.rung == "file"
    assert caplog.text.count("copies not mended session=alice why=") == 1
    assert mended.copy == "string"
    recovered = [one for one in newsroom.heard if isinstance(one, SessionRecovered)]
    assert len([one for one in recovered if one.cause == "crash"]) == 2


async def test_what_cannot_be_kept_is_refused_by_name(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    await fill(warden, "read-only")

    with pytest.raises(TelewardenError, match="not writable"):
        await warden.session("alice").backup()

    await fill(warden, "room")
    assert await warden.session("alice").backup() is not None
