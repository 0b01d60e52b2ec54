"""A warden on a database in PostgreSQL: its messages, its copies, and a server that goes away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from telewarden.config import parse_config
from telewarden.diagnostics import diagnose
from telewarden.errors import ConfigError, SecretMissingError
from telewarden.service.database_backups import restore_database
from telewarden.service.paths import StoragePaths
from telewarden.standalone.safety_check import safety_check
from telewarden.storage import Store

from ..postgres_server import PostgresServer
from .conftest import Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

Served = Callable[[PostgresServer], Newsroom]


@pytest.fixture
def served(newsroom: Newsroom, tables: dict[str, Any]) -> Served:
    """The newsroom, with its database on a server."""

    def on(server: PostgresServer) -> Newsroom:
        tables["storage"]["url"] = server.fresh()
        newsroom.reconfigure(tables)
        return newsroom

    return on


async def test_a_warden_on_a_server_goes_on_after_a_restart(
    served: Served, postgres: PostgresServer
) -> None:
    newsroom = served(postgres)
    await newsroom.start()
    newsroom.say("news_in", *(f"news {n}" for n in range(20)))
    newsroom.say("market_in", "market")
    await newsroom.arrives("news_out", *(f"news {n}" for n in range(20)))
    await newsroom.arrives("market_out", "market")
    await newsroom.stop()

    newsroom.say("news_in", "meanwhile")
    await newsroom.start(signed_in=False)

    await newsroom.arrives("news_out", *(f"news {n}" for n in range(20)), "meanwhile")
    assert not list(newsroom.config.folder.glob("*.db*"))
    with Store.open_reader(StoragePaths(newsroom.config).database) as reader:
        counts = reader.outbox_counts()
    assert counts.done + counts.pending == 22


async def test_messages_wait_for_a_server_that_was_killed_and_none_is_lost_or_doubled(
    own_postgres: PostgresServer, served: Served
) -> None:
    newsroom = served(own_postgres)
    warden = await newsroom.start()
    newsroom.say("news_in", "before")
    await newsroom.arrives("news_out", "before")

    own_postgres.kill()
    newsroom.say("news_in", *(f"news {n}" for n in range(30)))
    report = await warden.session("alice").report()
    own_postgres.start()

    await newsroom.arrives("news_out", "before", *(f"news {n}" for n in range(30)))
    assert report.phase == "online"


async def test_cuts_of_the_connection_lose_and_double_nothing(
    served: Served, postgres: PostgresServer
) -> None:
    newsroom, said = served(postgres), [f"news {n}" for n in range(60)]
    await newsroom.start()

    for start in range(0, len(said), 5):
        newsroom.say("news_in", *said[start : start + 5])
        await newsroom.until(lambda start=start: len(newsroom.texts("news_out")) > start)
        postgres.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'telewarden'"
        )

    await newsroom.arrives("news_out", *said)


async def test_its_copies_are_files_and_are_put_back_to_the_server(
    served: Served, postgres: PostgresServer
) -> None:
    newsroom = served(postgres)
    warden = await newsroom.start()
    newsroom.say("news_in", "news")
    await newsroom.arrives("news_out", "news")
    taken = await warden.backups.take()
    newsroom.say("news_in", "more")
    await newsroom.arrives("news_out", "news", "more")
    await newsroom.stop()

    (kept,) = restore_database(newsroom.config, taken.path)

    assert kept.is_relative_to(newsroom.config.folder / "quarantine")
    with Store.open_reader(StoragePaths(newsroom.config).database) as reader:
        assert reader.outbox_counts().done <= 2
    await newsroom.start(signed_in=False)
    newsroom.say("news_in", "again")
    await newsroom.until(lambda: newsroom.texts("news_out")[-1:] == ["again"])
    assert newsroom.texts("news_out") == ["news", "more", "again"]  # a repeat is refused


async def test_it_is_examined_as_any_other(served: Served, postgres: PostgresServer) -> None:
    newsroom = served(postgres)
    await newsroom.start()
    await newsroom.stop()

    found = {one.area: one.what for one in diagnose(newsroom.config).findings}
    reports = safety_check(newsroom.config)

    assert found["database"] == "whole"
    assert found["size of the database"].endswith("MiB")
    assert [one.session for one in reports] == ["alice", "bob"]


# The configuration


def stored(tables: dict[str, Any], **more: Any) -> StoragePaths:
    return StoragePaths(parse_config({**tables, "storage": {**tables["storage"], **more}}))


def test_a_password_comes_from_its_place_and_is_not_shown(
    tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, place = "postgresql://warden@db.example/tele", {"env": "TELEWARDEN_TEST_DATABASE"}
    with pytest.raises(SecretMissingError, match=r"storage\.password"):
        _ = stored(tables, url=url, password=place).database

    monkeypatch.setenv(place["env"], "verysecret")
    found = stored(tables, url=url, password=place).database

    assert getattr(found, "password", None) == "verysecret"
    assert (str(found), "verysecret" in repr(found)) == ("postgresql://db.example/tele", False)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"url": "postgresql://warden:verysecret@db.example/tele"}, "it holds a password"),
        ({"url": "postgresql://db.example/tele?password=verysecret"}, "it holds a password"),
        ({"url": "mysql://db.example/tele"}, "postgresql://user@host:5432/database"),
        ({"password": {"env": "X"}}, "password goes with url"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    tables: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        stored(tables, **more)

    assert "verysecret" not in str(caught.value)
