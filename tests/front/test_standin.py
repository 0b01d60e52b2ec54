"""``[loopback]`` in a configuration: its data centre stands in for Telegram, whoever reads it."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest
from telethon import functions

from telewarden import ConfigError, Warden, parse_config, safe_session
from telewarden.config.mapping import refuse_invented
from telewarden.diagnostics import NOT_STANDING_IN, Level, diagnose
from telewarden.service.loopback_server import standin
from telewarden.supervision import EventStream
from telewarden.telegram import Phase, SessionRecovered
from telewarden.testing import EventLog

pytestmark = pytest.mark.session

PHONE = "+9996620001"
NEAREST = functions.help.GetNearestDcRequest()


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)  # so that the control socket's path is short
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
        "console": {"port": 0, "socket": "c.sock"},
        "sessions": [{"name": "alice", "phone": PHONE}],
        "loopback": {"accounts": [{"name": "alice", "phone": PHONE, "password": "sesame"}]},
    }


async def run_once(tables: dict[str, Any]) -> Warden:
    """A warden that came online by its own data centre, and has stopped."""
    events = EventStream()
    log = EventLog(events)
    async with Warden(tables, events=events) as warden:
        await log.hears(SessionRecovered)
    return warden


async def test_a_warden_starts_the_data_centre_of_its_configuration_and_logs_in_there(
    tables: dict[str, Any],
) -> None:
    warden = await run_once(tables)

    assert warden.standin is not None
    assert warden.standin.server.host == "127.0.0.1"


async def test_a_session_that_comes_by_a_reload_is_logged_in_and_no_other(
    tables: dict[str, Any],
) -> None:
    tables["loopback"]["accounts"].append({"name": "bob", "phone": "+9996620002"})
    later = copy.deepcopy(tables)
    later["sessions"].append({"name": "bob", "phone": "+9996620002"})
    events = EventStream()
    log = EventLog(events)
    async with Warden(tables, events=events) as warden:
        await log.hears(SessionRecovered, session="alice")
        await warden.session("alice").logout()

        await warden.reload(later)

        await log.hears(SessionRecovered, session="bob")
        assert (await warden.session("alice").report()).phase is Phase.NEEDS_LOGIN


async def test_a_script_without_a_warden_runs_the_data_centre_for_its_block(
    tables: dict[str, Any],
) -> None:
    await run_once(tables)

    async with safe_session(tables, "alice") as alice:
        answer = await alice.call(NEAREST)

    assert answer.this_dc == 2


async def test_a_script_beside_a_running_data_centre_goes_to_that_one(
    tables: dict[str, Any],
) -> None:
    await run_once(tables)

    async with standin(parse_config(tables)) as here:
        assert here is not None
        assert here.telegram is not None
        before = here.telegram.stats.calls["help.getNearestDc"]
        async with safe_session(tables, "alice") as alice:
            await alice.call(NEAREST)
        calls = here.telegram.stats.calls["help.getNearestDc"]

    assert calls == before + 1


async def test_a_data_centre_whose_process_was_killed_is_not_taken_for_a_running_one(
    tables: dict[str, Any],
) -> None:
    await run_once(tables)
    left_behind = '{"dc_id": 2, "host": "127.0.0.1", "port": 1, "pem": null}'
    Path("s", "loopback.here").write_text(left_behind, encoding="ascii")  # noqa: ASYNC240

    async with safe_session(tables, "alice") as alice:
        assert (await alice.call(NEAREST)).this_dc == 2


async def test_a_diagnosis_looks_at_the_data_centre_of_the_configuration(
    tables: dict[str, Any],
) -> None:
    def network() -> tuple[Level, str]:
        found = next(one for one in diagnose(tables).findings if one.area == "network")
        return found.level, found.what

    before = await asyncio.to_thread(network)
    await run_once(tables)
    after = await asyncio.to_thread(network)
    async with standin(parse_config(tables)):
        meanwhile = await asyncio.to_thread(network)

    assert before == after == (Level.NOTE, NOT_STANDING_IN)
    assert meanwhile[0] is Level.OK


def test_the_real_telegram_is_never_dialled_with_what_was_made_up(tables: dict[str, Any]) -> None:
    real = {"telegram": {"api_id": 1, "api_hash": {"env": "HASH"}}}
    own = parse_config({**tables, **real, "loopback": None})

    with pytest.raises(ConfigError, match="no data centre stands in"):
        refuse_invented(parse_config(tables), None)

    refuse_invented(own, None)
