"""Alerts of a running warden, by Apprise to servers on this machine: told, kept, and told later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telewarden import Phase, Warden
from telewarden.console.commands.catalogue import find
from telewarden.errors import DrillError, UnknownAlertError
from telewarden.loopback import LoopbackTelegram
from telewarden.notify import AlertFired, AlertResolved, outbound
from telewarden.supervision import EventProbe
from telewarden.terminal import plain

from .conftest import ALICE, BOB, TOPIC, Post, Receiver, until, warden_of, write_secret

pytestmark = pytest.mark.session
NAMES = {ALICE: "alice", BOB: "bob"}
FIRED = "[CRITICAL] SessionNeedsLogin: alice"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(outbound, "FIRST_PAUSE", 0.05)


def telegram_of(warden: Warden) -> LoopbackTelegram:
    assert warden.standin is not None
    assert warden.standin.telegram is not None
    return warden.standin.telegram


async def comes_to(warden: Warden, phase: Phase, name: str = "alice") -> None:
    async def is_there() -> bool:
        return (await warden.session(name).report()).phase is phase

    await until(is_there)


async def lose_login(warden: Warden, phone: str = ALICE) -> None:
    """End a login at Telegram, alice's, once its session is online."""
    await comes_to(warden, Phase.ONLINE, NAMES[phone])
    telegram = telegram_of(warden)
    account = telegram.account(phone)
    assert account is not None
    telegram.revoke(account)


async def log_in(warden: Warden, phone: str = ALICE) -> None:
    telegram = telegram_of(warden)
    account = telegram.account(phone)
    assert account is not None
    await warden.session(NAMES[phone]).import_string(telegram.mint(account))


async def are_firing(warden: Warden, *subjects: str) -> bool:
    """Whether it is these of which an alert has fired, and no others."""
    return [one.subject for one in (await warden.alerts.standing()).firing] == [*subjects]


async def are_told(warden: Warden, *subjects: str) -> bool:
    """Whether it is noted that the channel was told of these and no others, and nothing waits."""
    standing = await warden.alerts.standing()
    told = [one.subject for one in standing.firing if one.told == ("phone",)]
    return told == [*subjects] and standing.channels[0].waiting == 0


def says(title: str) -> Callable[[Post], bool]:
    return lambda post: post.data["title"].startswith(title)


async def test_a_session_that_dies_is_told_and_its_end_too(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    async with warden_of(tables, folder) as warden:
        probe = EventProbe(warden.events)
        await lose_login(warden)
        fired = await receiver.takes(says(FIRED))

        async def is_noted() -> bool:
            return "phone" in (await warden.alerts.standing()).firing[0].told

        await until(is_noted)
        standing = await warden.alerts.standing()
        listed = await warden.command("alerts", {})
        health = await warden.command("health", {})
        await log_in(warden)
        over = await receiver.takes(says("[RESOLVED] SessionNeedsLogin: alice"))
        events = (probe.seen(AlertFired)[-1].subject, probe.seen(AlertResolved)[-1].subject)

    assert fired.path == f"/{TOPIC}"
    assert "log in with telewarden auth alice" in fired.data["message"]
    assert "Log it in: `telewarden auth SESSION`" in fired.data["message"]  # bob has none either
    assert "Session needs a login." in over.data["message"]
    (alert,) = standing.firing
    assert (alert.name, alert.subject, alert.told) == ("SessionNeedsLogin", "alice", ("phone",))
    assert events == ("alice", "alice")
    assert "telewarden auth alice`" in listed.alerts[0].advice
    exit_code, show = find("health").exit_code, find("health").show
    assert exit_code is not None
    assert show is not None
    told = health.model_dump(mode="json")
    assert "[critical] SessionNeedsLogin: alice, for " in "\n".join(plain(show(told)))
    well = {"ready": True, "overall": "healthy", "troubled": [], "ill": []}
    assert exit_code(told | well) == 1
    assert exit_code(told | well | {"alerts": [{**told["alerts"][0], "severity": "warning"}]}) == 0


async def test_what_could_not_be_told_is_told_by_the_next_process(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    receiver.always = 503
    async with warden_of(tables, folder) as warden:
        await lose_login(warden)
        refused = await receiver.takes(says(FIRED))
        (channel,) = (await warden.alerts.standing()).channels
    receiver.rest()
    receiver.always = 200

    async with warden_of(tables, folder) as warden:
        told = await receiver.takes(says(FIRED))
        assert telegram_of(warden)

    assert channel.waiting >= 1
    assert told.data["message"].split("\n")[:2] == refused.data["message"].split("\n")[:2]


async def test_a_failure_is_named_without_the_address(
    tables: dict[str, Any],
    folder: Path,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.always = 403
    async with warden_of(tables, folder) as warden:
        refused = await warden.alerts.test("phone")
        receiver.always = 200
        taken = await warden.alerts.test()
        write_secret(folder / "phone.url", "what://is/this")
        no_address = await warden.alerts.test()
        (folder / "phone.url").unlink()
        missing = await warden.alerts.test()

    assert refused == {"phone": "the service answered 403"}
    assert taken == {"phone": ""}
    assert "no address that Apprise knows" in no_address["phone"]
    assert missing["phone"].startswith("notify.channels.phone.url: ")
    assert TOPIC not in caplog.text


async def test_an_alert_that_is_silenced_is_told_when_that_is_over(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    async with warden_of(tables, folder) as warden:
        await comes_to(warden, Phase.ONLINE)
        await warden.alerts.silence("SessionNeedsLogin:alice", 3600.0, who="olga")
        receiver.rest()
        await lose_login(warden)
        await comes_to(warden, Phase.NEEDS_LOGIN)

        async def is_firing() -> bool:
            return bool((await warden.alerts.standing()).firing)

        await until(is_firing)
        silent = [post for post in receiver.rest() if says(FIRED)(post)]
        resumed = await warden.alerts.resume()
        await receiver.takes(says(FIRED))
        with pytest.raises(UnknownAlertError, match="SessionDwon"):
            await warden.alerts.silence("SessionDwon", 60.0)
        rows = await warden.registry.audit(what="silence alerts")

    assert silent == []
    assert resumed == ("SessionNeedsLogin:alice",)
    assert [(row.who, row.subject, row.outcome[:7]) for row in rows] == [
        ("app", "SessionDwon", "refused"),
        ("olga", "SessionNeedsLogin:alice", "done"),
    ]


async def test_an_end_is_told_only_to_whom_the_beginning_was(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    channels = tables["notify"].pop("channels")
    async with warden_of(tables, folder) as warden:
        await lose_login(warden)
        await until(lambda: are_firing(warden, "alice"))
        tables["notify"]["channels"] = channels
        await warden.reload(warden_of(tables, folder).config)  # there was no channel to be told
        await log_in(warden)
        await until(lambda: are_firing(warden))
        await warden.alerts.silence("phone", 3600.0)
        await lose_login(warden)
        await until(lambda: are_firing(warden, "alice"))
        await warden.alerts.resume("phone")  # it was muted
        await log_in(warden)
        await until(lambda: are_firing(warden))
        await lose_login(warden, BOB)
        told = await receiver.takes()

    assert told.data["title"] == "[CRITICAL] SessionNeedsLogin: bob"


async def test_an_end_is_owed_for_what_was_told_and_for_what_waits_to_be(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    async with warden_of(tables, folder) as warden:
        await lose_login(warden)
        await receiver.takes(says(FIRED))
        await until(lambda: are_told(warden, "alice"))
        tables["notify"]["channels"]["phone"]["every"] = 3600.0
        await warden.reload(warden_of(tables, folder).config)

        waiting = []
        for turn, phone, firing in (
            (log_in, ALICE, []),
            (lose_login, ALICE, ["alice"]),
            (log_in, ALICE, []),
            (lose_login, BOB, ["bob"]),
            (log_in, BOB, []),
        ):
            await turn(warden, phone)
            await until(lambda firing=firing: are_firing(warden, *firing))
            waiting.append((await warden.alerts.standing()).channels[0].waiting)

    assert waiting == [1, 0, 1, 2, 3]


async def test_another_channel_is_taken_over_by_a_reload_and_nothing_secret_is_shown(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    tables["console"] = {"port": 0}
    async with warden_of(tables, folder) as warden:
        channels = {"mail": {"url": {"file": "phone.url"}, "every": 0.0}}
        other = {**tables, "notify": {**tables["notify"], "channels": channels}}

        report = await warden.reload(warden_of(other, folder).config)
        found = await warden.alerts.test()

    assert found == {"mail": ""}
    assert [one.key for one in report.applied] == ["notify.channels"]
    assert "phone" not in str(report)


@pytest.mark.crashes("notify", DrillError)
async def test_a_crash_of_the_notifier_concerns_no_session_and_loses_nothing(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    receiver.always = 503
    async with warden_of(tables, folder) as warden:
        await lose_login(warden)
        await receiver.takes(says(FIRED))
        await comes_to(warden, Phase.ONLINE, "bob")
        since = (await warden.session("bob").report()).since

        await warden.drill("notify")
        receiver.rest()
        receiver.always = 200
        await receiver.takes(says(FIRED))

        assert (await warden.session("bob").report()).since == since


async def test_a_channel_that_hangs_holds_up_nobody(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    tables["notify"]["channels"]["second"] = {"url": {"file": "phone.url"}, "every": 0.0}
    receiver.hold.clear()
    async with warden_of(tables, folder) as warden:
        await lose_login(warden)
        await asyncio.gather(receiver.takes(says(FIRED)), receiver.takes(says(FIRED)))

        async with asyncio.timeout(5.0):
            standing = await warden.alerts.standing()
        receiver.hold.set()

    assert [one.waiting >= 1 for one in standing.channels] == [True, True]
