"""The database schema, as migrations from an empty file to today's version.

Owns what a table looks like. A step is never edited once released: a change is a new step at the
end, and a file's ``user_version`` says how many of them it has taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlite_utils import Database
from sqlite_utils.db import ForeignKey

APPLICATION_ID: Final = 0x54574457  # "TWDW" in the file's header: this database is ours


def _sessions(db: Database) -> None:
    """Keys, sessions, their backups, and the keys that are dead."""
    db.table("vault").create(
        {"position": int, "key_name": bytes, "kdf": str, "salt": bytes, "checked": bytes}
        | {"wrapped": bytes},
        pk="position",
        not_null={"key_name", "kdf", "salt", "checked", "wrapped"},
        strict=True,
    )
    db.table("user_sessions").create(
        {"name": str, "phone": str, "priority": int, "max_pairs": int, "metadata": str}
        | {"user_id": int, "created": float, "updated": float}
        | {"key_id": int, "dc_id": int, "digest": str, "sealed": bytes},
        pk="name",
        not_null={"name", "priority", "max_pairs", "metadata", "created", "updated"},
        strict=True,
    )
    db.table("session_backups").create(
        {"id": int, "name": str, "reason": str, "at": float}
        | {"key_id": int, "dc_id": int, "digest": str, "sealed": bytes},
        pk="id",
        not_null={"name", "reason", "at", "key_id", "dc_id", "digest", "sealed"},
        strict=True,
    ).create_index(["name", "id"])
    db.table("latched_keys").create(
        {"key_id": int, "reason": str, "at": float},
        pk="key_id",
        not_null={"reason", "at"},
        strict=True,
    )


def _forwarding(db: Database) -> None:
    """Pairs, messages on their way, and how far each pair has come."""
    db.table("pairs").create(
        {"id": int, "session": str, "source": int, "target": int, "mode": str}
        | {"enabled": int, "paused_reason": str, "filters": str, "group_id": int},
        pk="id",
        not_null={"session", "source", "target", "mode", "enabled", "filters"},
        foreign_keys=[ForeignKey("pairs", "session", "user_sessions", "name", on_update="CASCADE")],
        strict=True,
    ).create_index(["session"])
    outbox = db.table("outbox").create(
        {"pair_id": int, "source_id": int, "source_chat": int, "random_id": int}
        | {"enqueued_at": float, "payload": bytes, "state": str, "attempts": int}
        | {"reason": str, "target_id": int, "ended_at": float},
        pk=("pair_id", "source_id"),
        not_null={"source_chat", "random_id", "enqueued_at", "state", "attempts"},
        strict=True,
    )
    # Done rows are nearly all of the table, and no reader of the others should pay for them.
    for state in ("pending", "dead"):
        outbox.db.execute(
            f"create index outbox_{state} on outbox (pair_id, source_id) where state = '{state}'"
        )
    outbox.db.execute("create index outbox_ended on outbox (ended_at) where state = 'done'")
    db.table("marks").create(
        {"pair_id": int, "chat": int, "message_id": int},
        pk=("pair_id", "chat"),
        not_null={"message_id"},
        strict=True,
    )


def _telegram(db: Database) -> None:
    """What a session knows of Telegram and what Telegram has told it to wait for."""
    db.table("entities").create(
        {"session": str, "id": int, "access_hash": int, "username": str, "seen": float},
        pk=("session", "id"),
        not_null={"access_hash", "seen"},
        strict=True,
    ).create_index(["session", "seen"])
    db.table("update_states").create(
        {"session": str, "entity_id": int, "pts": int, "qts": int, "date": float, "seq": int},
        pk=("session", "entity_id"),
        not_null={"pts", "qts", "date", "seq"},
        strict=True,
    )
    # Chat 0 is no chat of Telegram's and stands for "any": a key column cannot be null.
    db.table("floods").create(
        {"account": str, "method": str, "chat": int, "until": float, "seconds": float},
        pk=("account", "method", "chat"),
        not_null={"until", "seconds"},
        strict=True,
    )
    db.table("login_codes").create(
        {"id": int, "phone": str, "at": float}, pk="id", not_null={"phone", "at"}, strict=True
    ).create_index(["phone", "at"])


def _history(db: Database) -> None:
    """What failed and who changed what."""
    db.table("crashes").create(
        {"id": int, "path": str, "reason": str, "at": float},
        pk="id",
        not_null={"path", "reason", "at"},
        strict=True,
    ).create_index(["path", "at"])
    db.table("audit").create(
        {"id": int, "who": str, "what": str, "subject": str, "before": str, "after": str}
        | {"outcome": str, "at": float},
        pk="id",
        not_null={"who", "what", "subject", "outcome", "at"},
        strict=True,
    )


def _operations(db: Database) -> None:
    """Operations in progress and just over, and the sessions that no configuration declares."""
    # By hand, since only "autoincrement" remembers ids that are no longer stored.
    db.execute(
        "create table operations (id integer primary key autoincrement, kind text not null,"
        " session text, state text not null, step integer not null, steps integer not null,"
        " description text not null, parts text not null, error text not null,"
        " who text not null, started real not null, updated real not null, ended real) strict"
    )
    db.table("registrations").create({"name": str}, pk="name", not_null={"name"}, strict=True)
    db.table("audit").create_index(["subject", "id"])


def _changes(db: Database) -> None:
    """What becomes of sent messages, pairs that were moved, and backfills."""
    db.table("outbox").add_column("version", int)
    db.table("outbox").add_column("change", str)
    db.execute(
        "create index outbox_change on outbox (pair_id, source_id)"
        " where change in ('edit', 'delete')"
    )
    db.table("pairs").add_column("moved_from", str)
    db.table("backfills").create(
        {"pair_id": int, "after": int, "until": int, "found": int},
        pk="pair_id",
        not_null={"after", "until", "found"},
        strict=True,
    )


def _audit_unindexed(db: Database) -> None:
    """The audit trail is only appended to: its index cost each change a page, and no question used
    it, since one that may leave the subject open reads the newest rows first."""
    db.execute("drop index if exists idx_audit_subject_id")


def _plans(db: Database) -> None:
    """What was decided about pairs at run time; ``pairs.moved_from`` is not read any more."""
    columns = {"id": int, "sealed": bytes, "declared": str}
    db.table("pair_plans").create(columns, pk="id", strict=True)
    db.table("backfills").add_column("since", float)


def _pruning(db: Database) -> None:
    """What stays known of forgotten messages; deadlines that are over are found at once."""
    stretch = {"pair_id": int, "oldest": int, "newest": int}
    db.table("pruned").create(stretch, pk="pair_id", not_null=set(stretch), strict=True)
    newest = {"pair_id": int, "message_id": int}
    db.table("last_targets").create(newest, pk="pair_id", not_null=set(newest), strict=True)
    db.execute(
        "insert into last_targets select pair_id, max(target_id) from outbox"
        " where target_id is not null group by pair_id"
    )
    db.table("floods").create_index(["until"])


def _accounts(db: Database) -> None:
    """Which account each session is, sealed: what stands beside it in the clear may be altered."""
    columns = {"session": str, "sealed": bytes}
    db.table("accounts").create(columns, pk="session", not_null={"sealed"}, strict=True)


def _clock(db: Database) -> None:
    """The count of time that deadlines are kept by, and Telegram's beside it."""
    db.table("clock").create(
        {"id": int, "boot": str, "base": float, "ahead": float},
        pk="id",
        not_null={"boot", "base"},
        strict=True,
    )


def _versions(db: Database) -> None:
    """What else copies may say that were sent without an answer, beside ``outbox.version``."""
    db.execute(
        "create table sent_versions (pair_id integer not null, source_id integer not null,"
        " version integer not null, primary key (pair_id, source_id, version))"
        " strict, without rowid"
    )


def _rings(db: Database) -> None:
    """What pairs in a ring have carried from where to where, so that nothing goes round twice."""
    db.table("ring_messages").create(
        {"pair_id": int, "source_chat": int, "source_id": int, "target_chat": int}
        | {"target_id": int, "at": float},
        pk=("pair_id", "source_chat", "source_id"),
        not_null={"target_chat", "at"},
        strict=True,
    ).create_index(["target_chat", "target_id"]).create_index(["source_chat", "source_id"])
    db.table("ring_messages").create_index(["at"])


def _named(db: Database) -> None:
    """By which name or number a pair's chats were found: whoever has it now, they stay."""
    for column in ("source_name", "target_name"):
        db.table("pairs").add_column(column, str)


def _old_keys(db: Database) -> None:
    """Master keys that are not in charge any more, sealed: older copies open with them alone."""
    db.table("old_keys").create(
        {"id": int, "sealed": bytes}, pk="id", not_null={"sealed"}, strict=True
    )


def _future_tokens(db: Database) -> None:
    """What lets an account log in without a code, sealed."""
    columns = {"id": int, "session": str, "sealed": bytes, "at": float}
    db.table("future_tokens").create(
        columns, pk="id", not_null={"session", "sealed", "at"}, strict=True
    ).create_index(["session", "id"])


def _account_facts(db: Database) -> None:
    """What is known of each session's account, as JSON; nothing of it is secret."""
    db.table("account_facts").create(
        {"session": str, "facts": str}, pk="session", not_null={"facts"}, strict=True
    )


def _notifications(db: Database) -> None:
    """Alerts that have fired, what is owed to whom, and who wants to be told nothing."""
    db.table("alerts").create(
        {"name": str, "subject": str, "severity": str, "detail": str, "since": float}
        | {"fired": float, "owed": float, "told": str},
        pk=("name", "subject"),
        not_null={"severity", "detail", "since", "told"},
        strict=True,
    )
    db.table("alert_news").create(
        {"id": str, "channel": str, "name": str, "subject": str, "what": str, "severity": str}
        | {"detail": str, "since": float, "at": float, "batch": str},
        pk="id",
        not_null={"channel", "name", "subject", "what", "severity", "detail", "since", "at"},
        strict=True,
    )
    db.table("alert_silences").create(
        {"name": str, "until": float}, pk="name", not_null={"until"}, strict=True
    )
    db.table("webhook_events").create(
        {"id": str, "webhook": str, "event": str, "body": str, "at": float, "refused": int}
        | {"reason": str, "dead": int},
        pk="id",
        not_null={"webhook", "event", "body", "at", "refused", "reason", "dead"},
        strict=True,
    ).create_index(["dead"])


def _verdicts(db: Database) -> None:
    """How the health monitor found sessions and worker groups, and what it did about it."""
    db.table("health_verdicts").create(
        {"session": str, "worker_group": str, "health": str, "reason": str, "why": str}
        | {"since": float, "steps": str},
        pk=("session", "worker_group"),
        not_null={"health", "reason", "why", "since", "steps"},
        strict=True,
    )


MIGRATIONS: Final[tuple[Callable[[Database], None], ...]] = (
    _sessions,
    _forwarding,
    _telegram,
    _history,
    _operations,
    _changes,
    _audit_unindexed,
    _plans,
    _pruning,
    _accounts,
    _clock,
    _versions,
    _rings,
    _named,
    _old_keys,
    _future_tokens,
    _account_facts,
    _notifications,
    _verdicts,
)
SCHEMA_VERSION: Final = len(MIGRATIONS)
ACCOUNTS_FROM: Final = 10  # the schema from which on a session's account is sealed
