"""Commands about messages out: what is firing, who is told, events that webhooks refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import CARE_WITHIN, Command, Danger, Given
from .parameters import Kind, argument, option
from .shown import Block, ago, ahead, grid, when

GROUP: Final = "Messages out"
FOREVER: Final = 1e11  # epoch seconds; what is later has no end
WEBHOOK: Final = option("webhook", "Only of this one.", option=False)
EVENT: Final = option("event", "Only this one, by its id.")


def _until(at: float | None) -> str:
    if at is None:
        return ""
    return "switched on again" if at > FOREVER else ahead(at)


def _alerts(result: Given) -> Iterator[Block]:
    for one in result["alerts"]:
        subject = f": {one['subject']}" if one["subject"] else ""
        told = ", ".join(one["told"]) or "nobody yet"
        yield f"[{one['severity']}] {one['name']}{subject}, for {ago(one['since'])}; told: {told}"
        yield f"    {one['explanation']}" + (f" {one['detail']}" if one["detail"] else "")
        yield f"    {one['advice']}"
    if not result["alerts"]:
        yield "Nothing is firing."
    for one in result["silences"]:
        yield f"silenced: {one['name']}, until {_until(one['until'])}"
    shown = [one for one in result["channels"] if one["on"] or one["waiting"]]
    rows = [
        (
            one["name"],
            one["kind"],
            one["waiting"] or "",
            _until(one["muted_until"]),
            one["problem"],
            ahead(one["next_try"]),
        )
        for one in shown
    ]
    if rows:
        columns = ("channel", "by", "waiting", "muted until", "problem", "next try")
        yield grid("channels", columns, rows, wide=4)
    hooks = [
        (one["name"], one["waiting"] or "", one["dead"] or "", one["problem"])
        for one in result["webhooks"]
    ]
    if hooks:
        yield grid("webhooks", ("webhook", "waiting", "dead", "problem"), hooks, wide=3)


def _firing(result: Given) -> int:
    return 1 if result["alerts"] else 0


def _silenced(result: Given) -> Iterator[Block]:
    yield f"{result['name']}: nobody is told until {_until(result['until'])}"


def _resumed(result: Given) -> Iterator[Block]:
    yield f"told again: {', '.join(result['names'])}" if result["names"] else "nothing was silenced"


def _tested(result: Given) -> Iterator[Block]:
    for one in result["channels"]:
        yield f"{one['channel']}: {'sent' if one['sent'] else one['problem']}"
    if not result["channels"]:
        yield "there is no channel; add one under [notify.channels]"


def _all_sent(result: Given) -> int:
    sent = [one["sent"] for one in result["channels"]]
    return 0 if sent and all(sent) else 1


def _dead(result: Given) -> Iterator[Block]:
    rows = [
        (one["id"], one["webhook"], one["event"], when(one["at"]), one["reason"])
        for one in result["events"]
    ]
    columns = ("id", "webhook", "event", "at", "reason")
    yield grid("put aside", columns, rows, wide=4, empty="nothing was put aside")


def _settled(result: Given) -> Iterator[Block]:
    yield f"{result['count']} events"


COMMANDS: Final = (
    Command(
        name="alerts",
        help="Show what is firing, since when, what to do, and who has been told.",
        more="Exit code 1 if something is.",
        group=GROUP,
        result="alerts.Alerts",
        show=_alerts,
        exit_code=_firing,
    ),
    Command(
        name="alerts test",
        help="Send a test by one channel, or by all.",
        more="Exit code 1 if one did not go.",
        group=GROUP,
        parameters=(option("channel", "Only by this one.", option=False),),
        danger=Danger.CHANGES,
        result="alerts.TestedChannels",
        show=_tested,
        exit_code=_all_sent,
        within=CARE_WITHIN,
    ),
    Command(
        name="alerts silence",
        help="Tell nobody of an alert for a while, or of anything by one channel.",
        more="NAME is an alert (SessionDown), one of one subject (SessionDown:alice), * for all, or"
        " a channel. What is still true when the time is over is told then.",
        group=GROUP,
        parameters=(
            argument("name", "The alert, or the channel."),
            option("seconds", "How long, as 2h.", Kind.SPAN, default=3600.0, least=1, word="for"),
        ),
        danger=Danger.CHANGES,
        result="alerts.Silenced",
        show=_silenced,
    ),
    Command(
        name="alerts resume",
        help="Tell again of an alert, by a channel, or of everything that is silenced.",
        group=GROUP,
        parameters=(option("name", "The alert, or the channel; by default all.", option=False),),
        danger=Danger.CHANGES,
        result="alerts.Resumed",
        show=_resumed,
    ),
    Command(
        name="webhooks dead",
        help="List the events that a webhook has not taken, with the reason.",
        group=GROUP,
        parameters=(WEBHOOK,),
        result="alerts.DeadEvents",
        show=_dead,
    ),
    Command(
        name="webhooks retry",
        help="Send what a webhook has not taken once more.",
        group=GROUP,
        parameters=(WEBHOOK, EVENT),
        danger=Danger.CHANGES,
        result="alerts.SettledEvents",
        show=_settled,
    ),
    Command(
        name="webhooks drop",
        help="Forget what a webhook has not taken.",
        group=GROUP,
        parameters=(WEBHOOK, EVENT),
        danger=Danger.HARMS,
        question="Forget what was put aside of webhook {webhook} (event {event})?",
        result="alerts.SettledEvents",
        show=_settled,
    ),
)
