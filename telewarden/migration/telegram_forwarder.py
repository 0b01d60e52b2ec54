"""TelegramForwarder's database (``db/forward.db``): rules with their keywords and replacements.

The file is read into memory and left as it is. Of the tables with passwords and keys none is read.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .draft import Draft, PairDraft, anywhere, api_id_of, chat_of, refused

PROGRAM: Final = "TelegramForwarder (Heavrnl/TelegramForwarder, db/forward.db)"
MAGIC: Final = b"SQLite format 3\x00"
NEEDED: Final = ("chats", "forward_rules")
SECRETS: Final = ("API_HASH", "BOT_TOKEN")
BLOCKED: Final = ("photo", "document", "video", "audio", "voice")
WITHOUT: Final[Mapping[str, str]] = {
    "enable_media_size_filter": "a limit on the size of media has no counterpart",
    "enable_extension_filter": "a filter on file extensions has no counterpart",
    "media_allow_text": "text without its blocked medium is not sent: the whole message stays out",
    "enable_comment_button": "a button to the comments has no counterpart",
    "enable_delay": "a delay before sending has no counterpart",
    "is_original_link": 'a link to the original has no counterpart; mode = "forward" names it',
    "is_original_sender": "the sender's name in the text has no counterpart",
    "is_original_time": "the time in the text has no counterpart",
    "is_filter_user_info": "keywords are looked for in the message, not in its sender's name",
    "is_delete_original": "the original is never deleted here",
    "is_ai": "rewriting by an AI has no counterpart; a handler of your own can",
    "is_summary": "summaries by an AI have no counterpart",
    "only_rss": "RSS has no counterpart; it was not forwarded to a chat",
    "enable_only_push": "it went to push addresses alone; a handler of your own, or none",
    "enable_push": "push addresses have no counterpart (they may hold keys, and are not shown)",
    "is_ufb": "the forum blocker's server has no counterpart",
    "enable_sync": "rules that follow another rule have no counterpart; change each pair",
}
NOT_FORWARDED: Final = ("only_rss", "enable_only_push")
Row = Mapping[str, Any]


def read(data: bytes, env: Mapping[str, str]) -> Draft:
    """What a database of TelegramForwarder says, with the ``.env`` beside it where that is known.

    Raises:
        BadCommandError: it is not TelegramForwarder's, or is damaged.
    """
    try:
        with contextlib.closing(_opened(data)) as db:
            return _read(db, env)
    except sqlite3.Error as exc:
        raise refused(
            f"the database cannot be read: {exc}; give a copy made while it was off"
        ) from exc


def _opened(data: bytes) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    db.deserialize(
        data[:18] + b"\x01\x01" + data[20:]
    )  # what a log beside it held is not asked for
    return db


def _read(db: sqlite3.Connection, env: Mapping[str, str]) -> Draft:
    tables = {row[0] for row in db.execute("select name from sqlite_master where type = 'table'")}
    missing = [one for one in NEEDED if one not in tables]
    if missing:
        raise refused(
            f"it is an SQLite database without the table {missing[0]}, so not TelegramForwarder's;"
            " telewarden identify FILE says what a login file is"
        )
    draft = Draft(
        program=PROGRAM,
        api_id=api_id_of(env.get("API_ID")),
        phone=env.get("PHONE_NUMBER") or None,
        secrets=tuple(name for name in SECRETS if env.get(name)),
    )
    chats = {row["id"]: row for row in _rows(db, tables, "chats")}
    more = {
        name: _by_rule(db, tables, name) for name in ("keywords", "replace_rules", "media_types")
    }
    for rule in _rows(db, tables, "forward_rules"):
        draft.pairs.append(_pair(rule, chats, {name: of[rule["id"]] for name, of in more.items()}))
    if not draft.pairs:
        raise refused("it has no forward rules; there is nothing to forward")
    return draft


def _rows(db: sqlite3.Connection, tables: set[str], name: str) -> Iterator[Row]:
    if name in tables:
        for row in db.execute(f'select * from "{name}" order by id'):  # noqa: S608 - names of ours
            yield dict(row)


def _by_rule(db: sqlite3.Connection, tables: set[str], name: str) -> Mapping[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in _rows(db, tables, name):
        found[row.get("rule_id")].append(row)
    return found


def _pair(rule: Row, chats: Mapping[Any, Row], more: Mapping[str, list[Row]]) -> PairDraft:
    source, target = (chats.get(rule.get(f"{side}_chat_id"), {}) for side in ("source", "target"))
    names = " -> ".join(str(one.get("name") or "?") for one in (source, target))
    pair = PairDraft(title=f"rule {rule['id']}, {names}", fields={})
    for side, chat in (("source", source), ("target", target)):
        pair.fields[side] = chat_of(chat.get("telegram_chat_id") or "")
    if rule.get("enable_rule") == 0:
        pair.fields["enabled"] = False
    pair.fields["mode"] = "copy" if _on(rule, "use_bot", usual=True) else "forward"
    if pair.fields["mode"] == "copy":
        pair.check(
            "its bot sent the messages; here the account does, which needs the right to write"
        )
    if str(rule.get("handle_mode") or "").upper() == "EDIT":
        pair.leave_out = "it edited messages where they stood, which has no counterpart"
    for column, note in WITHOUT.items():
        if _on(rule, column):
            pair.check(note)
    if any(_on(rule, one) for one in NOT_FORWARDED):
        pair.fields["enabled"] = False
    _keywords(pair, rule, more["keywords"])
    _replacements(pair, rule, more["replace_rules"])
    if _on(rule, "enable_media_type_filter"):
        for row in more["media_types"][:1]:
            pair.add("deny", "kinds", [kind for kind in BLOCKED if row.get(kind)])
    pair.settle()
    return pair


def _on(rule: Row, column: str, *, usual: bool = False) -> bool:
    value = rule.get(column)
    return usual if value is None else bool(value)


def _keywords(pair: PairDraft, rule: Row, keywords: list[Row]) -> None:
    """A blacklist keeps out, a whitelist is needed; either may be turned round into the other."""
    mode = str(rule.get("forward_mode") or "BLACKLIST").upper()
    lists: dict[bool, list[str]] = {True: [], False: []}
    for one in keywords:
        if one.get("keyword"):
            lists[bool(one.get("is_blacklist"))].append(_pattern(one))
    black, white = lists[True], lists[False]
    second = mode.startswith("WHITELIST") and _on(rule, "enable_reverse_blacklist")
    keeps_out = mode.startswith("BLACKLIST") and _on(rule, "enable_reverse_whitelist")
    if second:
        _second_list(pair, black)
    elif mode != "WHITELIST":
        pair.add("deny", "patterns", black)
    if keeps_out:
        pair.add("deny", "patterns", white)
    elif mode != "BLACKLIST":
        pair.add("allow", "patterns", white)
        if not white:
            pair.fields["enabled"] = False
            pair.check("it is off: it lets through what is on its whitelist, and that is empty")


def _second_list(pair: PairDraft, black: list[str]) -> None:
    if black:
        pair.fields["enabled"] = False
        pair.check(
            "it is off: a blacklist turned round (a second whitelist) has no"
            f" counterpart; {len(black)} keywords were left out"
        )


def _pattern(keyword: Row) -> str:
    text = str(keyword["keyword"])
    return text if keyword.get("is_regex") else anywhere(text)


def _replacements(pair: PairDraft, rule: Row, rows: list[Row]) -> None:
    if not _on(rule, "is_replace"):
        return
    for row in rows:
        find, words = str(row.get("pattern") or ""), str(row.get("content") or "")
        if find == ".*":
            pair.replace(r"(?s)\A.+\Z", words.replace("\\", r"\\"), regex=True)
            pair.check("one replacement takes the place of the whole text; look at a few messages")
            return
        pair.replace(find, words, regex=True)
