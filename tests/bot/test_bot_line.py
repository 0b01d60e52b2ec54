"""The admin bot's line: its key, its way back, floods, alerts, its own crash."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from telewarden.config import mapping
from telewarden.console.bot import actor
from telewarden.console.bot.line import NAME
from telewarden.errors import DrillError
from telewarden.loopback import (
    CutConnection,
    Fault,
    FloodWait,
    LoopbackTelegram,
    RpcError,
    VoidKey,
)
from telewarden.notify import outbound
from telewarden.telegram import Phase, Wait, WaitKind

from .conftest import OLGA, RAY, TABLES, TOKEN, Office, Person

pytestmark = pytest.mark.session

SIGN_IN = "auth.importBotAuthorization"


async def waits_of_the_bot(office: Office) -> list[Wait]:
    return [one for one in (await office.warden.overview()).waits if one.who == NAME]


# The key


async def test_a_restart_goes_on_with_the_kept_key(office: Office, olga: Person) -> None:
    await office.start()
    await olga.asks("/health")

    await office.restart()

    assert "sessions:" in (await olga.asks("/health")).raw_text
    assert office.telegram.stats.calls[SIGN_IN] == 1
    assert len(office.telegram.authorizations(office.bot)) == 1


async def test_the_kept_key_is_sealed(office: Office, olga: Person) -> None:
    await office.start()
    (login,) = office.telegram.authorizations(office.bot)
    sealed = office.config.folder / "bot" / "bot.twsession"

    assert login.key not in sealed.read_bytes()
    assert sealed.stat().st_mode & 0o777 == 0o600


async def test_a_new_master_key_opens_the_kept_key_too(office: Office, olga: Person) -> None:
    await office.start()

    await office.warden.keys.rotate_master()
    await office.restart()

    assert "sessions:" in (await olga.asks("/health")).raw_text
    assert office.telegram.stats.calls[SIGN_IN] == 1


@pytest.mark.parametrize("harm", ["revoked", "damaged"])
async def test_a_kept_key_that_is_no_good_is_replaced_by_the_token(
    office: Office, olga: Person, harm: str
) -> None:
    await office.start()
    await office.warden.stop()
    if harm == "revoked":
        office.telegram.revoke(office.bot)
    else:
        (office.config.folder / "bot" / "bot.twsession").write_bytes(b"noise")

    office.warden = office._new_warden()
    await office.start()

    assert "sessions:" in (await olga.asks("/health")).raw_text
    assert office.telegram.stats.calls[SIGN_IN] == 2


async def test_a_login_that_is_ended_while_it_works_is_made_anew(
    office: Office, olga: Person
) -> None:
    await office.start()

    office.telegram.revoke(office.bot)
    await office.until(lambda: _signed_in_again(office))
    told = await olga.asks("/help pause")

    assert "/pause PAIR" in told.raw_text
    assert office.telegram.stats.calls[SIGN_IN] == 2


async def _signed_in_again(office: Office) -> bool:
    return office.telegram.stats.calls[SIGN_IN] == 2 and await office.bot_is_online()


async def test_a_dead_key_is_found_by_a_look_though_nothing_tells_of_it(
    office: Office, olga: Person, tables: dict[str, Any]
) -> None:
    tables["health"] = {"sessions_every": 0.5}
    office.configure(tables)
    await office.start()

    office.telegram.revoke(office.bot, notify=False)
    await office.until(lambda: _signed_in_again(office))

    assert "/pause PAIR" in (await olga.asks("/help pause")).raw_text


async def test_an_answer_that_a_dead_key_cannot_send_is_sent_by_the_next(
    office: Office, olga: Person
) -> None:
    await office.start()
    await olga.asks("/health")
    office.telegram.faults.add(
        Fault(
            method="messages.sendMessage",
            account=office.bot,
            times=1,
            action=VoidKey("SESSION_REVOKED"),
        )
    )

    assert "/pause PAIR" in (await olga.asks("/help pause")).raw_text
    assert office.telegram.stats.calls[SIGN_IN] == 2


async def test_a_token_that_telegram_does_not_take_is_waited_for_and_said(
    office: Office, olga: Person, monkeypatch: pytest.MonkeyPatch, tables: dict[str, Any]
) -> None:
    monkeypatch.setattr(actor, "PERSON_PAUSE", (0.05, 0.1))
    place = office.folder / "token"
    place.write_text(TOKEN[:-1] + "X")
    place.chmod(0o600)
    tables["bot"]["token"] = {"file": "token"}
    office.configure(tables)
    await office.warden.start()

    async def refused() -> bool:
        return bool(await waits_of_the_bot(office))

    await office.until(refused)
    (wait,) = await waits_of_the_bot(office)
    place.write_text(TOKEN)
    await office.until(office.bot_is_online)

    assert wait.kind is WaitKind.LOGIN
    assert "@BotFather" in wait.what
    assert "sessions:" in (await olga.asks("/health")).raw_text
    assert await waits_of_the_bot(office) == []


async def test_a_token_that_is_not_there_keeps_nothing_else_from_running(
    office: Office, tables: dict[str, Any]
) -> None:
    tables["bot"]["token"] = {"file": "nowhere"}
    office.configure(tables)

    await office.warden.start()

    async def told() -> bool:
        return any("bot.token: " in one.what for one in await waits_of_the_bot(office))

    await office.until(told)
    await office.settles("alice")


# The way back


async def test_what_is_said_while_the_line_is_down_is_answered_once_it_is_back(
    office: Office, olga: Person
) -> None:
    await office.start()
    await olga.asks("/health")
    office.telegram.pushes.lose(office.bot)
    await olga.says("/help pause")

    office.telegram.cut(office.bot)

    assert "/pause PAIR" in (await olga.hears()).raw_text


async def test_an_answer_whose_receipt_is_lost_is_not_sent_twice(
    office: Office, olga: Person
) -> None:
    await office.start()
    await olga.asks("/health")
    lost = office.telegram.faults.add(
        Fault(
            method="messages.sendMessage",
            account=office.bot,
            times=1,
            action=CutConnection(executed=True),
        )
    )

    await olga.asks("/help pause")
    await olga.asks("/help why")

    assert lost.struck == 1
    assert sum("/pause PAIR" in text for text in await olga.chat()) == 1


async def test_a_flood_is_waited_out_and_nothing_goes_early(office: Office, olga: Person) -> None:
    await office.start()
    await olga.asks("/health")
    office.telegram.faults.add(
        Fault(method="messages.sendMessage", account=office.bot, times=1, action=FloodWait(0.3))
    )

    answers = [await olga.asks(f"/help {name}") for name in ("pause", "why")]

    assert ["/pause PAIR" in answers[0].raw_text, "/why PAIR" in answers[1].raw_text] == [True] * 2
    assert office.telegram.stats.early == 0


async def test_a_flood_of_signing_in_is_kept_through_a_restart(
    office: Office, olga: Person
) -> None:
    office.telegram.faults.add(Fault(method=SIGN_IN, action=RpcError("FLOOD_WAIT_3600"), times=1))
    await office.warden.start()

    async def waits() -> bool:
        return any("FLOOD" in one.what or "waits" in one.what for one in await _waits(office))

    await office.until(waits)
    await office.warden.stop()
    office.warden = office._new_warden()
    await office.warden.start()
    await office.until(waits)

    assert office.telegram.stats.calls[SIGN_IN] == 1


async def _waits(office: Office) -> list[Wait]:
    return await waits_of_the_bot(office)


@pytest.mark.crashes("bot", DrillError)
async def test_a_crash_of_the_bot_concerns_nobody_else_and_it_comes_back(
    office: Office, olga: Person
) -> None:
    await office.start("alice")
    await olga.asks("/health")

    await office.warden.drill("bot")

    assert "/pause PAIR" in (await olga.asks("/help pause")).raw_text
    assert await office.phase("alice") is Phase.ONLINE
    assert office.telegram.stats.calls[SIGN_IN] == 1
    assert office.telegram.stats.duplicate_keys == 0


async def test_what_was_written_long_ago_is_not_done(tmp_path: Path) -> None:
    async with LoopbackTelegram(clock=lambda: time.time() - 600.0) as telegram:
        office = Office(telegram, tmp_path, TABLES)
        olga = await office.comes_in("Olga", OLGA)
        await office.start()

        answer = await olga.asks("/recover --all")
        await office.close()

    assert "written while the bot was away" in answer.raw_text


async def test_who_asks_for_too_much_at_once_is_told_to_wait(office: Office, olga: Person) -> None:
    await office.start()
    await olga.asks("/health")
    office.telegram.pushes.hold(office.bot)
    for _ in range(actor.AT_ONCE + 3):
        await olga.says("/help pause")

    office.telegram.pushes.release(office.bot)

    answers = [(await olga.hears()).raw_text for _ in range(actor.AT_ONCE + 1)]
    assert sum("/pause PAIR" in text for text in answers) == actor.AT_ONCE
    assert sum("are under way" in text for text in answers) == 1


# Alerts


@pytest.fixture
def prompt(tables: dict[str, Any], office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts come as soon as they may."""
    monkeypatch.setattr(outbound, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(mapping, "BOT_EVERY", 0.0)
    tables["notify"] = {
        "gather": 0.0,
        "settle": 0.0,
        "alerts": {"SessionNeedsLogin": {"after": 0.0}, "KeyLatched": {"enabled": False}},
    }
    office.configure(tables)


async def end_login(office: Office, phone: str) -> None:
    office.telegram.revoke(office.account(phone))


async def is_calm(office: Office, channel: str) -> bool:
    """Whether nothing fires nor is owed to a channel: at the start there was no login yet."""
    standing = await office.warden.alerts.standing()
    waiting = {one.name: one.waiting for one in standing.channels}
    return not standing.firing and not waiting[channel]


@pytest.mark.usefixtures("prompt")
async def test_who_has_alerts_is_told_of_trouble_and_of_its_end(
    office: Office, olga: Person, ray: Person
) -> None:
    await office.start("alice", "bob")
    await ray.says("/help pause")
    await ray.hears("/pause PAIR")
    await olga.asks("/health")
    await office.until(lambda: is_calm(office, f"bot:{RAY}"))
    ray.forgets()
    await end_login(office, "+9996620001")
    trouble = await ray.hears("[CRITICAL] SessionNeedsLogin: alice")
    string = office.telegram.mint(office.account("+9996620001"))

    await office.warden.session("alice").import_string(string)
    ended = await ray.hears("[RESOLVED] SessionNeedsLogin: alice")

    assert "telewarden auth alice" in trouble.raw_text
    assert "Session needs a login." in ended.raw_text
    assert not any("[CRITICAL] SessionNeedsLogin" in text for text in await olga.chat())


@pytest.mark.usefixtures("prompt")
async def test_alerts_come_after_a_restart_without_a_word_from_whom_they_are_for(
    office: Office, ray: Person
) -> None:
    await office.start("alice", "bob")
    await ray.says("/help pause")
    await ray.hears("/pause PAIR")
    await office.until(lambda: is_calm(office, f"bot:{RAY}"))
    ray.forgets()
    await office.warden.stop()
    office.telegram.revoke(office.account("+9996620001"))
    office.warden = office._new_warden()

    await office.start()

    assert await ray.hears("[CRITICAL] SessionNeedsLogin: alice")


@pytest.mark.usefixtures("prompt")
async def test_alerts_are_switched_on_and_off_by_whom_they_are_for_also_after_a_restart(
    office: Office, olga: Person, ray: Person
) -> None:
    await office.start("alice", "bob")
    await ray.says("/alerts off")
    off, on = await ray.hears("Alerts are"), await olga.asks("/alerts")
    await on.click(data=b"/alerts on")
    switched = await olga.hears("Alerts are")
    await office.until(lambda: is_calm(office, f"bot:{OLGA}"))
    await office.restart()

    await end_login(office, "+9996620001")
    told = await olga.hears("[CRITICAL] SessionNeedsLogin: alice")

    assert "Alerts are off here." in off.raw_text
    assert "Alerts are off here." in on.raw_text
    assert "Alerts are on here." in switched.raw_text
    assert "telewarden auth alice" in told.raw_text
    since = itertools.takewhile(lambda text: "Alerts are off" not in text, await ray.chat())
    assert not any("SessionNeedsLogin" in text for text in since)


@pytest.mark.crashes("notify", DrillError)
async def test_a_chat_that_is_a_channel_is_told_once_though_the_notifier_dies_over_it(
    office: Office, olga: Person, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "FIRST_PAUSE", 0.02)
    tables["notify"] = {
        "gather": 0.0,
        "settle": 0.0,
        "channels": {"ops": {"telegram": OLGA, "least": "critical", "every": 0.0}},
        "alerts": {"SessionNeedsLogin": {"after": 0.0}, "KeyLatched": {"enabled": False}},
    }
    office.configure(tables)
    await office.start("alice", "bob")
    await olga.says("/alerts_test ops")
    await olga.hears("[TEST]")
    await olga.hears("ops: sent")

    async def told() -> int:
        return sum("[CRITICAL] SessionNeedsLogin: alice" in text for text in await olga.chat())

    await office.until(lambda: is_calm(office, "ops"))
    before = await told()
    lost = office.telegram.faults.add(
        Fault(
            method="messages.sendMessage",
            account=office.bot,
            times=1,
            action=CutConnection(executed=True),
        )
    )

    await end_login(office, "+9996620001")

    async def is_told() -> bool:
        return await told() > before

    await office.until(is_told)
    await office.warden.drill("notify")

    async def is_settled() -> bool:
        (channel, *_) = (await office.warden.alerts.standing()).channels
        return not channel.waiting

    await office.until(is_settled)
    assert lost.struck == 1
    assert await told() - before == 1


@pytest.mark.usefixtures("prompt")
async def test_who_never_wrote_to_the_bot_gets_no_alert_and_it_goes_on(
    office: Office, olga: Person
) -> None:
    await office.start("alice")

    await end_login(office, "+9996620001")

    async def ray_is_refused() -> bool:
        channels = (await office.warden.alerts.standing()).channels
        return "has written to the bot" in {one.name: one.problem for one in channels}[f"bot:{RAY}"]

    await office.until(ray_is_refused)
    assert "/pause PAIR" in (await olga.asks("/help pause")).raw_text
    assert office.telegram.stats.errors["PEER_ID_INVALID"] == 0
    assert RAY not in office.telegram._engine.world.accounts


# Length


async def test_a_long_answer_comes_in_parts_and_says_what_is_left_out(
    office: Office, olga: Person, tables: dict[str, Any]
) -> None:
    tables["sessions"] += [
        {"name": f"{'spare' * 10}_{number}", "phone": f"+99966300{number:02}"}
        for number in range(60)
    ]
    office.configure(tables)
    await office.start()

    await olga.says("/sessions")
    parts = [(await olga.hears()).raw_text for _ in range(2)]

    lines = "\n".join(parts).splitlines()
    assert lines[0] == "sessions:"
    assert all(one.startswith("- ") for one in lines[1:])
    assert max(map(len, parts)) <= 4096
    while len(lines) < 63:
        lines += (await olga.hears()).raw_text.splitlines()
    assert len(lines) == 63


async def test_what_is_shown_of_a_press_waits_for_no_answer(office: Office, olga: Person) -> None:
    await office.start()
    greeting = await olga.asks("/start")

    async with asyncio.timeout(5):
        await asyncio.gather(greeting.click(data=b"/help"), greeting.click(data=b"/status"))
