"""What the admin bot makes of words, without a line: parsing, text, access, pace. Pure parts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden import ConfigError, parse_config
from telewarden.console.bot.access import NOTED_AGAIN, Allowed, AllowList, Role
from telewarden.console.bot.chat_commands import (
    CHAT_COMMANDS,
    MENU,
    OTHER_NAMES,
    given_in,
    read_line,
)
from telewarden.console.bot.chat_text import PART, PARTS, chat_text, parts_of
from telewarden.console.bot.confirmations import GOOD_FOR, OPEN_AT_ONCE, Confirmations
from telewarden.console.bot.live_message import EDITS, LiveMessage
from telewarden.console.bot.recovery_progress import RecoveryProgress
from telewarden.console.commands.catalogue import every, offered
from telewarden.console.commands.model import Danger, Surface
from telewarden.console.commands.shown import Grid
from telewarden.standalone.config_check import config_problems
from telewarden.telegram import Phase, PhaseChanged, RecoveryTried, SessionRecovered

COMMANDS = {one.name: one for one in every()}
pytestmark = pytest.mark.console

WANTED = [
    "start",
    "help",
    "registersession",
    "authenticate",
    "sessionstatus",
    "changesession",
    "sessionhealth",
    "deletesession",
    "optimalsession",
    "workerstatus",
    "recover",
    "status",
    "logout",
    "pause",
    "why",
    "alerts",
]


# Which commands there are


def test_the_bot_offers_what_it_should() -> None:
    assert set(WANTED) <= set(CHAT_COMMANDS)
    assert set(MENU) <= set(CHAT_COMMANDS)
    assert set(OTHER_NAMES.values()) <= set(COMMANDS)


def test_each_command_that_is_meant_for_the_bot_is_there_by_a_name_that_telegram_takes() -> None:
    found = {one.command.name for one in CHAT_COMMANDS.values() if one.command is not None}

    assert {one.name for one in offered(Surface.BOT) if not one.hidden} <= found
    assert [name for name in CHAT_COMMANDS if not name.replace("_", "").isalnum()] == []
    assert max(map(len, CHAT_COMMANDS)) <= 32


def test_no_command_of_the_bot_gives_out_or_takes_in_a_login_or_a_key() -> None:
    names = {one.command.name for one in CHAT_COMMANDS.values() if one.command is not None}

    assert names.isdisjoint({"login", "auth", "export", "import", "keys rotate", "drill", "stop"})


# Lines


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("/status", "status", ()),
        ("  /Status@ops_bot  alice ", "status", ("alice",)),
        ('/pause 1 "two words"', "pause", ("1", "two words")),
        ("/pause 1 it's", "pause", ("1", "it's")),
        ("/pause 1 \u201ctwo words\u201d", "pause", ("1", "two words")),
        ("/", "", ()),
    ],
)
def test_a_line_is_read_as_it_was_meant(text: str, name: str, words: tuple[str, ...]) -> None:
    line = read_line(text)

    assert line is not None
    assert (line.name, line.words) == (name, words)


@pytest.mark.parametrize("text", ["hello", "", "12345"])
def test_what_begins_with_no_slash_is_no_command(text: str) -> None:
    assert read_line(text) is None


@pytest.mark.parametrize(
    ("command", "words", "given"),
    [
        ("pairs pause", ["1"], {"pair": "1"}),
        ("pairs pause", ["1", "the", "source", "is", "down"], None),
        ("reassign", ["1-3", "bob", "--dry-run"], {"pairs": "1-3", "to": "bob", "dry_run": True}),
        ("sessions", ["--health", "expired"], {"health": "expired"}),
        ("sessions", ["health=expired"], {"health": "expired"}),
        (
            "pairs add",
            ["source=@a", "target=@b", "--session", "alice"],
            {"fields": ["source=@a", "target=@b"], "session": "alice"},
        ),
        ("pairs retry", ["1", "5", "6"], {"pair": "1", "messages": ["5", "6"]}),
    ],
)
def test_words_become_parameters_by_place_and_by_name(
    command: str, words: list[str], given: dict[str, Any] | None
) -> None:
    expected = given or {"pair": "1", "reason": "the source is down"}

    assert given_in(COMMANDS[command], words) == expected


# Text


def test_a_table_becomes_a_line_for_each_row() -> None:
    grid = Grid(
        title="sessions",
        columns=("session", "health", ""),
        rows=(("alice", "healthy", "off"), ("bob", "", "")),
    )

    assert chat_text([grid, "that is all"]) == (
        "sessions:\n- alice: health healthy, off\n- bob\nthat is all"
    )


def test_an_empty_table_says_so_and_nothing_is_never_sent() -> None:
    assert chat_text([Grid(title="x", columns=("a",), rows=(), empty="no pair")]) == "no pair"
    assert chat_text([]) == "nothing to show"


def test_a_long_text_is_cut_between_lines_and_counted_as_telegram_counts() -> None:
    lines = [f"{number} \U0001f600" * 30 for number in range(100)]

    parts = parts_of("\n".join(lines))

    assert "\n".join(parts).split("\n") == lines
    assert max(len(part.encode("utf-16-le")) // 2 for part in parts) <= PART


def test_what_is_too_long_for_an_answer_says_how_much_is_left_out() -> None:
    lines = [f"line {number:06}" for number in range(5000)]

    parts = parts_of("\n".join(lines))

    shown = "\n".join(parts).split("\n")
    assert len(parts) == PARTS
    assert (
        shown[-1]
        == f"... and {5000 - len(shown) + 1} lines more; the command line and the page show all"
    )
    assert shown[:-1] == lines[: len(shown) - 1]
    assert max(map(len, parts)) <= PART


def test_one_line_that_is_too_long_is_cut_all_the_same() -> None:
    parts = parts_of("\U0001f600" * 5000)

    assert "".join(parts) == "\U0001f600" * 5000
    assert max(len(part.encode("utf-16-le")) // 2 for part in parts) <= PART


# Access


def test_who_may_look_only_changes_nothing() -> None:
    reader = Allowed(user=1, role=Role.READ_ONLY)
    operator = Allowed(user=2, role=Role.OPERATOR)

    assert [danger for danger in Danger if reader.may(danger)] == [Danger.LOOKS]
    assert [danger for danger in Danger if operator.may(danger)] == list(Danger)


def test_a_stranger_is_noted_once_an_hour_and_many_take_no_room() -> None:
    known = AllowList(lambda: ())

    noted = [known.notes_stranger(7, now=at) for at in (0.0, NOTED_AGAIN - 1, NOTED_AGAIN)]
    for number in range(5000):
        known.notes_stranger(number + 100, now=NOTED_AGAIN)

    assert noted == [True, False, True]
    assert len(known._noted) == 1000


# Confirmations


@pytest.fixture
def questions() -> Confirmations:
    numbers = iter(range(10_000))
    return Confirmations(lambda: f"t{next(numbers)}")


def test_a_confirmation_is_good_once_for_whom_it_was_asked_and_for_a_while(
    questions: Confirmations,
) -> None:
    first = questions.ask(7, "logout", {"session": "bob"}, text="End it?", now=0.0)
    second = questions.ask(7, "delete", {}, text="Delete it?", now=0.0)

    assert questions.take(first, 8, now=1.0) is None
    taken = questions.take(first, 7, now=1.0)
    assert taken is not None
    assert (taken.command, taken.given, taken.text) == ("logout", {"session": "bob"}, "End it?")
    assert questions.take(first, 7, now=1.0) is None
    assert questions.take(second, 7, now=GOOD_FOR) is None


def test_of_too_many_questions_the_oldest_is_closed(questions: Confirmations) -> None:
    tokens = [questions.ask(7, "logout", {}, text="", now=0.0) for _ in range(OPEN_AT_ONCE + 1)]

    assert questions.take(tokens[0], 7, now=0.0) is None
    assert questions.take(tokens[1], 7, now=0.0) is not None


# Recovery


def changed(session: str, before: Phase, after: Phase, reason: str = "") -> PhaseChanged:
    return PhaseChanged(session=session, at=0.0, before=before, after=after, reason=reason)


def test_a_recovery_is_shown_with_each_try_and_how_it_ended() -> None:
    progress = RecoveryProgress()
    progress.hear(changed("alice", Phase.WAITING, Phase.RECOVERING, "asked"))
    progress.expect(["alice"])
    texts = [progress.text]

    progress.hear(
        RecoveryTried(session="alice", at=0.0, rung="string", attempt=1, problem="TIMEOUT")
    )
    progress.found("alice", Phase.WAITING)  # older than what was heard
    texts.append(progress.text)
    under_way = progress.done
    progress.hear(SessionRecovered(session="alice", at=0.0, rung="file", seconds=1.25, cause="x"))

    assert texts == ["alice: recovering; asked", "alice: recovering; string, try 1: TIMEOUT"]
    assert (under_way, progress.done) == (False, True)
    assert progress.text == "alice: online; by file, after 1.2 s"


def test_a_pause_between_two_tries_is_no_end() -> None:
    progress = RecoveryProgress()
    progress.expect(["alice"])
    progress.hear(changed("alice", Phase.RECOVERING, Phase.WAITING, "TIMEOUT"))

    assert not progress.done
    assert progress.text.startswith("alice: waiting; TIMEOUT; Nothing to do")


def test_a_recovery_that_needs_a_person_says_what_to_do() -> None:
    progress = RecoveryProgress()
    progress.expect(["bob"])
    progress.found("bob", Phase.NEEDS_LOGIN)

    assert (progress.done, progress.text) == (True, "bob: needs_login; Log in again.")


class Chat:
    """Takes what is sent, and counts the edits; an edit takes its time if it has a gate."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.edits: list[str] = []

    async def say(self, _chat: int, text: str) -> int:
        self.sent.append(text)
        return 1

    async def change(self, _chat: int, _message: int, text: str) -> None:
        self.edits.append(text)


async def test_of_what_changes_too_fast_the_newest_is_shown_and_the_last_word_always() -> None:
    chat: Any = Chat()
    pauses: list[asyncio.Future[None]] = []

    async def sleep(_seconds: float) -> None:
        pauses.append(asyncio.get_running_loop().create_future())
        await pauses[-1]

    live = LiveMessage(chat, 7, sleep=sleep)
    live.show("0")
    running = asyncio.ensure_future(live.run())
    while not chat.sent:
        await asyncio.sleep(0)
    for text in ("1", "2", "3"):
        live.show(text)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    while not pauses:
        await asyncio.sleep(0)
    shown_early = list(chat.edits)
    pauses[0].set_result(None)
    while not chat.edits:
        await asyncio.sleep(0)
    live.show("4")
    live.end("5")
    await running

    assert (chat.sent, shown_early, chat.edits) == (["0"], [], ["3", "5"])


async def test_past_the_most_edits_only_the_last_word_is_shown() -> None:
    chat: Any = Chat()

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    live = LiveMessage(chat, 7, sleep=sleep)
    live.show("begin")
    running = asyncio.ensure_future(live.run())
    for number in range(EDITS + 20):
        live.show(str(number))
        for _ in range(12):
            await asyncio.sleep(0)
    live.end("end")
    await running

    assert len(chat.edits) == EDITS + 1
    assert chat.edits[-1] == "end"


# Configuration


def tables(**bot: Any) -> dict[str, Any]:
    return {
        "telegram": {"api_id": 1, "api_hash": {"env": "TELEGRAM_API_HASH"}},
        "storage": {"folder": "s", "master_key": {"env": "TELEWARDEN_KEY"}},
        "bot": {"allow": [{"id": 7}], **bot},
    }


@pytest.mark.parametrize(
    ("bot", "problem"),
    [
        ({}, "bot.token is missing; name its place"),
        ({"token": {"env": "T"}, "allow": []}, "bot.allow"),
        ({"token": {"env": "T"}, "allow": [{"id": 7}, {"id": 7}]}, "id 7 is given 2 times"),
        ({"token": {"env": "T"}, "allow": [{"id": 7, "role": "admin"}]}, "role"),
        ({"token": {"env": "T"}, "allow": [{"id": "seven"}]}, "id"),
        ({"token": {"file": "t", "create": True}}, "are for master keys"),
        ({"token": {"env": "T"}, "owner": 7}, "unknown key"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_the_place(
    bot: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_config(tables(**bot))


def test_a_token_that_was_written_into_the_file_is_not_repeated() -> None:
    token = "7000000001:AAF-abcdefghijklmnopqrstuvwxyz_012345"

    with pytest.raises(ConfigError) as refused:
        parse_config(tables(token=token))

    assert token not in str(refused.value)


def test_a_token_that_is_not_there_is_told_by_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_API_HASH", "feedc0de" * 4)
    monkeypatch.delenv("OPS_BOT_TOKEN", raising=False)

    problems = config_problems(parse_config(tables(token={"env": "OPS_BOT_TOKEN"})))

    assert any("OPS_BOT_TOKEN is not set" in problem for problem in problems)
