"""Events to programs over HTTP: signed, in order, until they are taken, or put aside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest

from telewarden import Warden, parse_config
from telewarden.errors import (
    ConfigError,
    DrillError,
    InvalidSpecError,
    UnknownAlertError,
    UnknownEventError,
)
from telewarden.notify import outbound, queues
from telewarden.notify.queues import MOST_DEAD, WebhookQueue
from telewarden.notify.settings import WebhookRules
from telewarden.notify.webhooks import Answer, Taken, answer_of, headers_of, key_of
from telewarden.storage import WebhookRow
from telewarden.supervision import CausePaused, ChildFailed, ChildStarted, Event, frozen

from .conftest import Post, Receiver, until, warden_of, write_secret

KEY = "a key of at least four and twenty bytes"
PATH = "hooks_and_nothing_else"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not taken is tried again soon."""
    monkeypatch.setattr(outbound, "FIRST_PAUSE", 0.02)


@pytest.fixture
def hook(tables: dict[str, Any], folder: Path, receiver: Receiver, leaks: Any) -> dict[str, Any]:
    """A configuration with one webhook and nothing else that talks."""
    leaks.keep("a webhook's address", PATH)
    leaks.keep("a webhook's key", KEY)
    write_secret(folder / "hook.url", f"http://127.0.0.1:{receiver.port}/{PATH}")
    write_secret(folder / "hook.key", KEY)
    tables["sessions"], tables["loopback"] = [], {"accounts": []}
    tables["notify"]["channels"] = {}
    tables["notify"]["webhooks"] = {
        "app": {
            "url": {"file": "hook.url"},
            "secret": {"file": "hook.key"},
            "events": ["CausePaused"],
            "refusals": 2,
        }
    }
    return tables


def happens(warden: Warden, *causes: str) -> None:
    for cause in causes:
        warden.events.publish(CausePaused(at=0.0, child="", cause=cause, seconds=1.0))


def cause_in(post: Post) -> str:
    return str(post.data["data"]["cause"])


def is_signed(post: Post) -> bool:
    signed = b".".join(
        (post.headers["webhook-id"].encode(), post.headers["webhook-timestamp"].encode(), post.body)
    )
    digest = hmac.digest(KEY.encode(), signed, hashlib.sha256)
    return post.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


@pytest.mark.session
async def test_an_event_is_sent_signed_and_once_in_order(
    hook: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    async with warden_of(hook, folder) as warden:
        happens(warden, "a", "b", "c")
        posts = [await receiver.takes() for _ in range(3)]

        async def is_empty() -> bool:
            return not (await warden.alerts.standing()).webhooks[0].waiting

        await until(is_empty)

    assert [cause_in(post) for post in posts] == ["a", "b", "c"]
    assert all(is_signed(post) for post in posts)
    assert {post.path for post in posts} == {f"/{PATH}"}
    assert posts[0].data["type"] == "CausePaused"
    assert len({post.headers["webhook-id"] for post in posts}) == 3
    assert receiver.rest() == []


@pytest.mark.session
async def test_what_is_not_taken_now_is_tried_again_under_the_same_id_also_by_the_next_process(
    hook: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    receiver.always = 503
    async with warden_of(hook, folder) as warden:
        happens(warden, "a", "b")
        first = await receiver.takes()
        second = await receiver.takes()
    receiver.rest()
    receiver.always = 200

    async with warden_of(hook, folder):
        later = [await receiver.takes(), await receiver.takes()]

    assert {cause_in(one) for one in (first, second, later[0])} == {"a"}
    assert len({one.headers["webhook-id"] for one in (first, second, later[0])}) == 1
    assert cause_in(later[1]) == "b"


@pytest.mark.session
async def test_what_is_refused_is_put_aside_listed_sent_again_and_dropped(
    hook: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    receiver.answers = [400, 422, 200, 400, 400]
    async with warden_of(hook, folder) as warden:
        happens(warden, "a", "b", "c")
        taken = [await receiver.takes() for _ in range(5)]

        async def are_dead() -> bool:
            return len(await warden.alerts.dead_events("app")) == 2

        await until(are_dead)
        rows = await warden.alerts.dead_events()
        again = await warden.command("webhooks retry", {"webhook": "app", "event": rows[0].id})
        retried = await receiver.takes()
        dropped = await warden.command("webhooks drop", {})
        left = await warden.alerts.dead_events()
        with pytest.raises(UnknownAlertError, match="there are: app"):
            await warden.alerts.dead_events("ap")

    assert [cause_in(post) for post in taken] == ["a", "a", "b", "c", "c"]
    assert [(row.event, row.reason) for row in rows] == [
        ("CausePaused", "the receiver answered 422"),
        ("CausePaused", "the receiver answered 400"),
    ]
    assert (cause_in(retried), retried.headers["webhook-id"]) == ("a", rows[0].id)
    assert again.model_dump() == dropped.model_dump() == {"count": 1}
    assert left == ()


@pytest.mark.session
async def test_a_webhook_whose_secrets_are_missing_says_so_and_keeps_what_it_owes(
    hook: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    (folder / "hook.key").write_text("short", encoding="utf-8")
    async with warden_of(hook, folder) as warden:
        happens(warden, "a")

        async def has_said_so() -> bool:
            return bool((await warden.alerts.standing()).webhooks[0].problem)

        await until(has_said_so)
        (state,) = (await warden.alerts.standing()).webhooks
        write_secret(folder / "hook.key", KEY)
        post = await receiver.takes()

    assert state.problem == "its secret cannot be used: it has 5 bytes; give 24 or more"
    assert state.waiting == 1
    assert is_signed(post)


@pytest.mark.session
async def test_a_full_queue_drops_and_counts(
    hook: dict[str, Any], folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MOST_EVENTS", 2)
    receiver.hold.clear()
    async with warden_of(hook, folder) as warden:
        happens(warden, "a", "b", "c", "d")
        await receiver.takes()
        receiver.hold.set()
        await receiver.takes()
        text, _ = warden.exporter.render()

    assert b'notifications_total{channel="webhook:app",state="dropped"} 2.0' in text
    assert receiver.rest() == []


# Purely

RULES = WebhookRules(name="app", url=str, secret=str, events=frozenset(), refusals=3, give_up=100.0)


def row(number: str, *, at: float = 0.0) -> WebhookRow:
    return WebhookRow(id=number, webhook="app", event="Forwarded", body="{}", at=at)


class Halfway:
    """Chance that always takes the middle."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        (200, Taken.YES),
        (204, Taken.YES),
        (301, Taken.REFUSED),
        (400, Taken.REFUSED),
        (410, Taken.REFUSED),
        (408, Taken.LATER),
        (429, Taken.LATER),
        (500, Taken.LATER),
    ],
)
def test_an_answer_takes_refuses_or_means_later(status: int, taken: Taken) -> None:
    assert answer_of(status).taken is taken


def test_a_pause_that_is_asked_for_is_kept_within_reason() -> None:
    asked = [answer_of(429, text).pause for text in ("7", "99999", "soon", "")]

    assert asked == [7.0, 3600.0, None, None]


def test_what_never_arrives_is_put_aside_in_the_end_and_the_next_one_is_tried() -> None:
    queue = WebhookQueue(RULES, [row("a"), row("b", at=90.0)])
    nobody = Answer(Taken.LATER, "no connection (ConnectError)")

    keeps = [queue.answered(nobody, now=now, rng=Halfway()) for now in (1.0, 50.0, 100.0)]  # type: ignore[arg-type]  # all that is asked of it

    assert [[one.dead for one in rows] for rows, _ in keeps] == [[False], [False], [True]]
    assert [one.id for one in queue.rows] == ["b"]
    assert queue.retry.failures == 3


def test_of_what_was_put_aside_the_oldest_goes_first() -> None:
    queue = WebhookQueue(RULES, [row("new")], [row(str(number)) for number in range(MOST_DEAD)])
    refused = Answer(Taken.REFUSED, "the receiver answered 400")

    for _ in range(RULES.refusals - 1):
        queue.answered(refused, now=1.0, rng=Halfway())  # type: ignore[arg-type]  # all that is asked of it
    kept, gone = queue.answered(refused, now=1.0, rng=Halfway())  # type: ignore[arg-type]  # all that is asked of it

    assert ([one.id for one in kept], gone) == (["new"], ["0"])
    assert queue.retry.failures == 0


def test_a_secret_is_a_text_or_base64_behind_its_mark() -> None:
    raw = bytes(range(32))

    assert key_of("whsec_" + base64.b64encode(raw).decode()) == raw
    for wrong in ("whsec_???", "whsec_AAAA", "too short"):
        with pytest.raises(ValueError, match=r"base64|24 or more"):
            key_of(wrong)


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, its libraries' tests."""
    headers = headers_of(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        '{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        at=1614265330.0,
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert json.loads(json.dumps(dict(headers)))["webhook-timestamp"] == "1614265330"


@frozen
class OrderPlaced(Event):
    """An app's own."""

    order: int
    card: str = field(default="", repr=False)


@pytest.mark.session
async def test_an_apps_own_event_is_sent_signed_under_its_name_without_what_is_private(
    hook: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    hook["notify"]["webhooks"]["app"]["events"] = ["app.OrderPlaced"]
    config = parse_config(hook, base=folder)
    async with Warden(config, webhook_events=[OrderPlaced]) as warden:
        happens(warden, "of nobody's interest")
        warden.events.publish(OrderPlaced(at=0.0, child="", order=7, card="4111"))
        post = await receiver.takes()

    assert is_signed(post)
    assert post.data["type"] == "app.OrderPlaced"
    assert post.data["data"]["order"] == 7
    assert "4111" not in post.body.decode()


def test_an_event_that_nobody_offers_is_refused_before_anything_starts(
    hook: dict[str, Any], folder: Path
) -> None:
    hook["notify"]["webhooks"]["app"]["events"] = ["app.OrderPlaced"]

    with pytest.raises(UnknownEventError, match=r"Warden\(webhook_events="):
        warden_of(hook, folder)


@pytest.mark.session
async def test_a_reload_refuses_an_event_that_nobody_offers(
    hook: dict[str, Any], folder: Path
) -> None:
    async with warden_of(hook, folder) as warden:
        hook["notify"]["webhooks"]["app"]["events"] = ["app.OrderPlaced"]

        with pytest.raises(ConfigError, match=r"there is no event 'app\.OrderPlaced'"):
            await warden.reload(parse_config(hook, base=folder))


@pytest.mark.parametrize("own", [[int], ["OrderPlaced"], [OrderPlaced, OrderPlaced]])
def test_what_is_no_class_of_an_event_is_refused(
    hook: dict[str, Any], folder: Path, own: list[Any]
) -> None:
    with pytest.raises(InvalidSpecError, match="webhook_events"):
        Warden(parse_config(hook, base=folder), webhook_events=own)


@pytest.mark.session
@pytest.mark.crashes("notify", DrillError)
async def test_what_happens_while_the_notifier_is_restarted_is_sent(
    hook: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    async with warden_of(hook, folder) as warden:

        def restart(event: ChildStarted) -> None:
            if event.child == "notify":
                happens(warden, "the moment it starts")

        def fail(event: ChildFailed) -> None:
            happens(warden, "while there is none")

        warden.events.subscribe(fail, [ChildFailed])
        warden.events.subscribe(restart, [ChildStarted])
        await warden.drill("notify")
        causes = [cause_in(await receiver.takes()) for _ in range(2)]

    assert causes == ["while there is none", "the moment it starts"]
