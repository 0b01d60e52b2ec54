"""Each trouble that there is an alert for, made in a running warden: its alert fires.

One warden and one Prometheus for all. Of the shipped rules only ``for`` is taken out; ages of hours
and days are those of a clock that is put forward.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from telewarden import Warden, parse_config
from telewarden.errors import DrillError
from telewarden.loopback import AcceptAndClose, Account, Fault, FloodWait
from telewarden.storage import Store
from telewarden.supervision import ChildState
from telewarden.telegram import Arrived, Phase

from .conftest import (
    PRESS,
    RULES,
    TABLES,
    Watched,
    needs_prometheus,
    prometheus_of,
    quick_looks,
    until,
)

pytestmark = [pytest.mark.metrics, pytest.mark.checkout, needs_prometheus]

DAY = 86_400.0
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "judy", "ken")
PHONES = {name: f"+99966300{number:02}" for number, name in enumerate(NAMES)}
PAIRS = {"alice": 1, "bob": 2, "judy": 3, "carol": 4}


def tables() -> dict[str, Any]:
    """Ten sessions, of which four have a pair each."""
    chats = [
        [
            {"username": f"{name}_in", "title": name, "owner": "press", "members": [name]},
            {"username": f"{name}_out", "title": f"{name} out", "owner": name},
        ]
        for name in PAIRS
    ]
    return TABLES | {
        "storage": TABLES["storage"] | {"backup_every": 0.0},
        "recovery": TABLES["recovery"] | {"restarts": 7, "handler_tries": 1},
        "health": {"sessions_every": 1.0, "groups_every": 0.2},
        "sessions": [{"name": name, "phone": phone} for name, phone in PHONES.items()],
        "pairs": [
            {
                "id": number,
                "session": name,
                "source": f"@{name}_in",
                "target": f"@{name}_out",
                "mode": "copy",
            }
            for name, number in PAIRS.items()
        ],
        "loopback": {
            "accounts": [
                {"name": name, "phone": phone}
                for name, phone in (PHONES | {"press": PRESS}).items()
            ],
            "chats": [one for both in chats for one in both],
        },
    }


class Troubled(Watched):
    """A warden whose sessions get into trouble, each into its own."""

    def __init__(self, warden: Warden, url: str) -> None:
        super().__init__(warden, url)
        self.ahead = 0.0  # seconds by which the clock of ages is put forward
        self.over = threading.Event()  # what hung goes on

    def fired(self) -> set[tuple[str, str]]:
        """Which alerts fire, of which session."""
        found = self.query('ALERTS{alertstate="firing"}')
        return {(one["metric"]["alertname"], one["metric"].get("session", "")) for one in found}

    def account(self, name: str) -> Account:
        account = self.telegram.account(PHONES[name])
        assert account is not None
        return account

    def say(self, name: str, text: str, *, protected: bool = False, **further: Any) -> None:
        """Write into the source of a session's pair."""
        chat = next(one for one in self.telegram.chats if one.title == name)
        self.telegram.post(chat, text, noforwards=protected, further=further)

    def deafen(self, name: str) -> None:
        """It is connected and pushed nothing more, and there is something to be told."""
        for connection in self.telegram.connections(self.account(name)):
            connection.conversation.wants_updates = False
        press = self.telegram.account(PRESS)
        assert press is not None
        self.telegram.post(self.account(name), "hello", author=press)
        self.warden.run(self.warden.recover(name))  # online as it is, it is probed

    def fail(self, path: str) -> None:
        """Let a part fail over a message, and wait until it runs again."""
        before = self.incarnation(path)
        self.warden._access.ref(path).tell(Arrived(message=None))  # type: ignore[arg-type]
        until(lambda: self.incarnation(path) > before, f"{path} runs again")

    def state(self, path: str) -> ChildState | None:
        place = self.warden.snapshot().find(path)
        return None if place is None else place.state

    def incarnation(self, path: str) -> int:
        place = self.warden.snapshot().find(path)
        running = place is not None and place.state is ChildState.RUNNING
        return place.incarnation if place is not None and running else 0

    def stored(self, work: Callable[[Store], object]) -> None:
        self.warden.run(self.warden._access.stored(work))


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Troubled]:
    with troubled_in(tmp_path) as troubled:
        yield troubled


@contextlib.contextmanager
def troubled_in(folder: Path) -> Iterator[Troubled]:
    """A warden that is well until now; everything that takes a while goes quickly."""
    with quick_looks() as patch:
        patch.setattr("telewarden.service.responsiveness.LONG", 1.0)
        patch.setattr("telewarden.actors.session.liveness.LISTEN_AGAIN", 0.01)
        patch.setattr("telewarden.actors.forwarding.source_looks.HEARD_WITHIN", -5.0)
        with Warden(parse_config(tables(), base=folder)) as warden:
            for name in PHONES:
                warden.run(warden.session(name).wait_online())
            with prometheus_of(folder, warden) as url:
                troubled = Troubled(warden, url)
                wall = warden._epoch.now
                patch.setattr(warden.exporter, "_wall", lambda: wall() + troubled.ahead)
                until(lambda: troubled.query('telewarden_sessions{state="online"} == 10'))
                yield troubled


# What happens, and which alerts it fires: of a session, or of all ("")

Fires = set[tuple[str, str]]


def of(session: str, *alerts: str) -> Fires:
    return {(f"Telewarden{one}", session) for one in alerts}


def nobody_can_log_in_any_more(troubled: Troubled) -> Fires:
    """The login is revoked, its pair disabled, and the codes of a day are spent on new ones."""
    troubled.telegram.revoke(troubled.account("carol"))
    until(lambda: troubled.phase("carol") is Phase.NEEDS_LOGIN, "carol needs a login")
    carol = troubled.warden.session("carol")
    for _ in range(2):  # one has been spent at the start
        troubled.warden.run(carol.login("start"))
        troubled.warden.run(carol.cancel_login())
    return of("carol", "SessionNeedsLogin", "KeyLatched", "LoginBudgetSpent") | of("", "HealthStep")


def an_account_is_frozen(troubled: Troubled) -> Fires:
    troubled.telegram.freeze(troubled.account("dave"))
    troubled.warden.run(troubled.warden.recover("dave"))  # online as it is, it asks
    return of("dave", "AccountFrozen")


def somebody_else_logs_in(troubled: Troubled) -> Fires:
    """And from now on what is not used for six days dies."""
    account = troubled.account("erin")
    account.authorization_ttl_days = 6
    troubled.telegram.login_elsewhere(account, device="Pixel", place="Nowhere")
    troubled.warden.run(troubled.warden.recover("erin"))
    return of("erin", "ForeignLogin", "DiesUnused")


def two_sessions_are_deaf(troubled: Troubled) -> Fires:
    troubled.deafen("frank")
    troubled.deafen("grace")
    return of("", "SessionDeaf")


def a_source_is_not_told_of(troubled: Troubled) -> Fires:
    troubled.telegram.pushes.lose(troubled.account("alice"))
    troubled.say("alice", "unheard")
    return of("alice", "SourceDeaf")


def messages_come_late_and_one_may_not_be_copied(troubled: Troubled) -> Fires:
    for number in range(5):
        troubled.say("judy", f"late {number}", date=int(time.time()) - 120)
    troubled.say("judy", "not for others", protected=True)
    return of("", "ForwardLag", "DeadLetters")


def a_flood_is_long(troubled: Troubled) -> Fires:
    flood = FloodWait(7200)
    account = troubled.account("bob")
    troubled.telegram.faults.add(
        Fault(method="messages.sendMessage", account=account, action=flood)
    )
    troubled.say("bob", "held up")
    return of("bob", "LongFlood")


def a_group_fails_again_and_again(troubled: Troubled) -> Fires:
    for _ in range(6):
        troubled.fail("sessions/session:judy/groups/group-1")
    return of("", "RestartStorm")


def a_session_fails_too_often(troubled: Troubled) -> Fires:
    session = "sessions/session:heidi"
    while troubled.state(session) is not ChildState.QUARANTINED:
        if troubled.state(f"{session}/session") is ChildState.RUNNING:
            troubled.warden.run(troubled.warden.drill(f"{session}/session"))
    return of("heidi", "SessionQuarantined") | of("", "PartQuarantined")


def a_lease_is_lost(troubled: Troubled) -> Fires:
    """Nobody has it any more, as when a server of files has forgotten its locks."""
    for grant, session in troubled.warden._parts._keys._grants.values():
        if session == "ken":
            grant.release()
    return of("ken", "LeaseLost")


def telegram_says_what_nobody_can_read(troubled: Troubled) -> Fires:
    troubled.telegram.send_unknown(troubled.account("ken"))
    return of("", "LayerDrift")


TOGETHER: Final = (
    messages_come_late_and_one_may_not_be_copied,
    nobody_can_log_in_any_more,
    an_account_is_frozen,
    somebody_else_logs_in,
    two_sessions_are_deaf,
    a_source_is_not_told_of,
    a_flood_is_long,
    a_session_fails_too_often,
    a_group_fails_again_and_again,
    telegram_says_what_nobody_can_read,
    a_lease_is_lost,
)


def three_days_pass(troubled: Troubled) -> Fires:
    troubled.warden.run(troubled.warden.backups.take())
    until(lambda: troubled.query("telewarden_database_backup_age_seconds"), "it is seen")
    troubled.ahead = 3 * DAY
    return of("bob", "OutboxOld") | of("ken", "SessionSilent") | of("", "BackupOld")


def nobody_tells_how_sessions_are(troubled: Troubled) -> Fires:
    troubled.ahead = -DAY
    return of("", "MonitorSilent")


def the_disk_takes_nothing(troubled: Troubled) -> Fires:
    troubled.ahead = 0.0
    troubled.stored(lambda store: store.db.execute("pragma query_only = on"))
    troubled.say("alice", "held back")
    return of("", "DiskRefuses")


def the_disk_hangs(troubled: Troubled) -> Fires:
    troubled.stored(lambda store: store.db.execute("pragma query_only = off"))
    threading.Thread(target=troubled.stored, args=(lambda _: troubled.over.wait(9),)).start()
    return of("", "ActorStuck")


def telegram_hangs_up_on_all(troubled: Troubled) -> Fires:
    """And what was before is over."""
    troubled.over.set()
    before = of("", "BackupOld", "MonitorSilent", "DiskRefuses") | of("ken", "SessionSilent")
    until(lambda: not before & troubled.fired(), "what is over is told no more")
    troubled.telegram.faults.add(Fault(action=AcceptAndClose()))
    for name in NAMES:
        troubled.telegram.cut(troubled.account(name))
    return of("", "Outage") | of("ken", "SessionDown")


def no_session_is_shown_by_itself(troubled: Troubled) -> Fires:
    troubled.warden.exporter.per_session = False
    return of("", "SessionsDown")


def the_warden_is_gone(troubled: Troubled) -> Fires:
    troubled.warden.run(troubled.warden.stop())
    return of("", "Gone")


BY_TURNS: Final = (
    three_days_pass,
    nobody_tells_how_sessions_are,
    the_disk_takes_nothing,
    the_disk_hangs,
    telegram_hangs_up_on_all,
    no_session_is_shown_by_itself,
    the_warden_is_gone,
)
NOT_HERE: Final = {
    "TelewardenLeaseElsewhere",  # needs a second machine, or a second process without the claim
    "TelewardenActorAbandoned",  # nothing in a warden refuses to stop
    "TelewardenLoopStalled",  # would hold the test up for the 5 s that it is about
    "TelewardenDiskNearlyFull",  # needs a disk of its own
}


@pytest.mark.crashes("*:heidi/session", DrillError)
@pytest.mark.crashes("*:judy/groups/group-1", AttributeError)
@pytest.mark.crashes("*", dropped="*", possible=True)
@pytest.mark.crashes(logged="loop stalled", possible=True)
@pytest.mark.crashes(
    logged="supervisor gives up|child quarantined|child stuck|layer drift|disk takes nothing"
)
def test_each_alert_is_fired_by_its_trouble_in_a_scraped_warden(troubled: Troubled) -> None:
    before, fired, missing = troubled.fired(), Fires(), Fires()

    def is_told(wanted: Fires) -> bool:
        missing.clear()
        missing.update(wanted - troubled.fired())
        return not missing

    wanted = {alert for trouble in TOGETHER for alert in trouble(troubled)}
    for trouble in BY_TURNS:
        until(partial(is_told, wanted), missing)
        fired |= wanted
        wanted = trouble(troubled)
    until(partial(is_told, wanted), missing)

    shipped = set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8")))
    assert before == set()
    assert {alert for alert, _ in fired | wanted} == shipped - NOT_HERE
