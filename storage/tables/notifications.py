"""Data access for messages out: alerts that have fired, what is owed to channels and webhooks.

Owns ``alerts``, ``alert_news``, ``alert_silences`` and ``webhook_events``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..notify_records import AlertRow, NewsRow, WebhookRow
from .connection import TableAccess, from_json, to_json
from .row_mapping import RowMapping

ALERTS: Final = RowMapping(
    AlertRow,
    "alerts",
    encode={"told": to_json},
    decode={"told": lambda stored: tuple(from_json(stored))},
)
NEWS: Final = RowMapping(NewsRow, "alert_news")
TIMES: Final = (
    ("alerts", "since"),
    ("alerts", "fired"),
    ("alerts", "owed"),
    ("alert_news", "since"),
    ("alert_news", "at"),
    ("alert_silences", "until"),
    ("webhook_events", "at"),
)
"""Columns that are in seconds of the count."""
EVENTS: Final = RowMapping(WebhookRow, "webhook_events", decode={"dead": bool})


class NotificationRows(TableAccess):
    """Alerts, and what is owed."""

    def alerts(self) -> list[AlertRow]:
        """Every alert that has fired and is not over."""
        return [ALERTS.from_row(row) for row in self._all(ALERTS.select)]

    def keep_alerts(self, rows: Iterable[AlertRow], forget: Iterable[tuple[str, str]] = ()) -> None:
        """Keep some, and forget others."""
        with self.transaction():
            self._run_many(ALERTS.upsert("name", "subject"), [ALERTS.to_row(row) for row in rows])
            self._run_many("delete from alerts where name = ? and subject = ?", list(forget))

    def news(self) -> list[NewsRow]:
        """What is owed to channels, in the order in which it came."""
        return [NEWS.from_row(row) for row in self._all(NEWS.select + " order by rowid")]

    def owe_news(self, rows: Iterable[NewsRow]) -> None:
        """Owe something to channels; what is owed already keeps its turn."""
        self._run_many(NEWS.upsert("id"), [NEWS.to_row(row) for row in rows])

    def settle_news(self, ids: Sequence[str]) -> None:
        """Owe these no more."""
        self._run_many("delete from alert_news where id = ?", [(one,) for one in ids])

    def silences(self) -> dict[str, float]:
        """Until when which alert or channel is silent; 0 for a channel that is switched on."""
        return dict(self._all("select name, until from alert_silences"))

    def silence(self, name: str, until: float | None) -> None:
        """Silence something; ``None`` forgets what was said of it."""
        if until is None:
            self._run("delete from alert_silences where name = ?", (name,))
        else:
            self._run(
                "insert into alert_silences (name, until) values (?, ?)"
                " on conflict (name) do update set until = excluded.until",
                (name, until),
            )

    def webhook_events(self, *, dead: bool) -> list[WebhookRow]:
        """What is owed to webhooks, or what was put aside, in the order in which it came."""
        rows = self._all(EVENTS.select + " where dead = ? order by rowid", (dead,))
        return [EVENTS.from_row(row) for row in rows]

    def put_webhook_events(self, rows: Iterable[WebhookRow]) -> None:
        """Keep some; one that is there keeps its turn."""
        self._run_many(EVENTS.upsert("id"), [EVENTS.to_row(row) for row in rows])

    def settle_webhook_events(self, ids: Sequence[str]) -> None:
        """Forget these."""
        self._run_many("delete from webhook_events where id = ?", [(one,) for one in ids])

    def _shift_notifications(self, seconds: float) -> None:
        """Let silences last, and alerts have lasted, as long as before in another count."""
        for table, column in TIMES:
            self._run(f"update {table} set {column} = {column} + ?", (seconds,))  # noqa: S608 - ours
