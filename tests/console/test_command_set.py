"""The commands' descriptions, and that each surface offers what it should."""

from __future__ import annotations

import inspect
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest
from typer.testing import CliRunner

from telewarden.cli import app
from telewarden.commands.running import HANDLERS
from telewarden.console.commands.catalogue import (
    FIRST_WORDS,
    beginning,
    every,
    find,
    headings,
    offered,
)
from telewarden.console.commands.document import document
from telewarden.console.commands.model import Command, Danger, Surface
from telewarden.console.commands.parameters import Kind
from telewarden.console.commands.sessions import groups_grid, sessions_grid
from telewarden.console.results.base import Result
from telewarden.console.results.sessions import PairStatus, SessionStatus
from telewarden.console.results.sessions import Wait as WaitShown
from telewarden.errors import BadCommandError
from telewarden.telegram.reports import PairReport, SessionReport, Wait

pytestmark = pytest.mark.console

ALL = every()
GROUPS = headings()
NAMES = [one.name for one in ALL]
REMOTE = [one for one in ALL if one.result]


def ids(command: Command) -> str:
    return command.slug


def test_each_command_has_a_name_of_its_own_a_heading_and_one_line_of_help() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {one.group for one in ALL} == set(GROUPS)
    for one in ALL:
        assert one.help.endswith("."), one.name
        assert "\n" not in one.help, one.name
        assert all(parameter.help for parameter in one.parameters), one.name


def test_each_command_is_found_by_its_first_word_alone() -> None:
    words = {one.words[0] for one in ALL}

    assert {word for listed in FIRST_WORDS.values() for word in listed.split()} == words
    assert all(beginning(word) == tuple(o for o in ALL if o.words[0] == word) for word in words)


def test_what_harms_asks_first_and_only_that() -> None:
    for one in ALL:
        assert bool(one.question) is (one.danger is Danger.HARMS), one.name


def test_no_chat_is_asked_for_a_secret_but_a_phone_number() -> None:
    """Telegram voids codes that are typed into chats, and chats keep what is said."""
    for one in offered(Surface.BOT):
        secrets = {each.name for each in one.parameters if each.kind is Kind.SECRET}
        assert secrets <= {"phone"}, one.name


@pytest.mark.parametrize("command", REMOTE, ids=ids)
def test_a_command_of_a_warden_has_a_handler_of_the_described_shape(command: Command) -> None:
    handler = HANDLERS[command.name]
    _engine, _who, *taken = inspect.signature(handler).parameters.values()

    names = {one.name for one in command.parameters}
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken):
        assert {one.name for one in taken} == names
    assert get_type_hints(handler)["return"] is command.result_model()
    assert command.show is not None


def test_no_handler_is_without_a_command() -> None:
    assert {one.name for one in REMOTE} == set(HANDLERS)


async def test_the_http_api_describes_exactly_its_commands(owner: httpx.AsyncClient) -> None:
    told = (await owner.get("/api/openapi.json")).json()

    assert set(told["paths"]) == {f"/api/commands/{one.slug}" for one in offered(Surface.API)}
    for one in offered(Surface.API):
        operation = told["paths"][f"/api/commands/{one.slug}"]["post"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert set(body["properties"]) == {each.name for each in one.parameters}
        shape = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert shape["$ref"].rpartition("/")[2] in told["components"]["schemas"]


class Anchors(HTMLParser):
    """What a page has, what it links to, and what it would load or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.foreign: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += filter(None, [given.get("id")])
        self.links |= {given["href"] or ""} if tag == "a" and "href" in given else set()
        if tag in {"script", "link", "img", "iframe"} or "src" in given:
            self.foreign.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


async def test_the_http_api_is_described_to_people_on_a_page_of_its_own(
    owner: httpx.AsyncClient,
) -> None:
    answer = await owner.get("/api/")
    page, text = Anchors(answer.text), " ".join(Anchors(answer.text).texts)

    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert page.foreign == []
    assert page.links - {"openapi.json"} <= {f"#{one}" for one in page.ids}
    assert len(page.ids) == len(set(page.ids))
    for one in offered(Surface.API):
        assert one.slug in page.ids
        assert all(said in text for said in (one.help, *(each.help for each in one.parameters)))
        assert one.result_model().__name__ in page.ids
    fields = {field for one in REMOTE for field in one.result_model().model_fields}
    assert fields <= set(page.texts)
    headings = [one for one in page.texts if one in GROUPS]
    assert len(headings) == len(set(headings))


def test_the_command_line_takes_exactly_its_commands() -> None:
    run = CliRunner()
    for one in ALL:
        done = run.invoke(app, [*one.words, "--help"])
        assert (done.exit_code == 0) is (Surface.LINE in one.surfaces), one.name
        if done.exit_code == 0:
            said = " ".join(done.stdout.split())
            assert one.help in said
            for each in (*one.parameters, *one.line_options):
                assert each.help in said, (one.name, each.name)


def test_every_command_is_listed_in_the_help_under_its_heading() -> None:
    said = CliRunner().invoke(app, ["--help"]).stdout

    for one in offered(Surface.LINE):
        assert (f"\n  {one.words[0]} " in said) is not one.hidden, one.name
    assert "changesession" not in said


def test_help_loses_no_word_to_brackets() -> None:
    said = CliRunner().invoke(app, ["run", "--help"]).stdout

    assert "With a [loopback] table" in said


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        (("sesions",), "sessions"),
        (("statis",), "status"),
        (("pairs", "puase"), "pairs pause"),
        (("rotate",), "keys rotate"),
    ],
)
def test_an_unknown_command_is_answered_with_the_nearest(typed: tuple[str, ...], near: str) -> None:
    done = CliRunner().invoke(app, list(typed))

    assert done.exit_code == 2
    assert f"Did you mean {near}" in done.stderr
    with pytest.raises(BadCommandError, match=near):
        find(" ".join(typed))


@pytest.mark.checkout
def test_the_page_of_commands_is_what_the_descriptions_print() -> None:
    """python -m telewarden.console.commands.document > docs/commands.md"""
    page = Path(__file__).parents[2] / "docs" / "commands.md"

    assert page.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize(
    ("report", "result"),
    [(SessionReport, SessionStatus), (PairReport, PairStatus), (Wait, WaitShown)],
)
def test_a_result_says_all_that_a_report_does(report: Any, result: type[Result]) -> None:
    assert {one.name for one in fields(report)} <= set(result.model_fields)


@pytest.mark.parametrize("command", ALL, ids=ids)
def test_a_default_that_is_handed_on_is_read_as_it_is(command: Command) -> None:
    for one in command.parameters:
        if not one.required and one.default is not None:
            assert one.read(one.default, command=command.name) == one.default, one.name


@pytest.mark.parametrize(
    "wrong", ["yesterday", "-1", -1, float("nan"), float("inf"), True, "9" * 400]
)
def test_a_time_that_is_none_is_refused_by_the_option_that_was_typed(wrong: object) -> None:
    with pytest.raises(BadCommandError, match=r"seconds \(--for\) is .*; give seconds, or a time"):
        find("pairs pause").read({"pair": 1, "seconds": wrong})


def test_a_view_looks_once_a_second_at_most() -> None:
    every = find("top").parameter("every")

    assert every.read("1s", command="top") == 1.0
    with pytest.raises(BadCommandError, match="1 s or more"):
        every.read(0.2, command="top")


def test_a_status_begins_with_what_is_wrong_and_counts_what_is_well() -> None:
    pair = {"source": "@a", "target": "@b", "mode": "copy", "waiting": 0, "delivered": 1}
    pair |= {"repeated": 0, "dead": 0, "paused": None}
    pairs = [{"id": number, **pair} for number in range(1, 301)]
    pairs[298]["paused"] = "by hand"
    session = {"phase": "online", "since": 0, "recoveries": 0, "last_update": 0, "until": None}
    state = {
        "sessions": [
            {"session": "alice", "health": "healthy", "reason": "", **session},
            {"session": "bob", "health": "expired", "reason": "SESSION_REVOKED", **session},
        ],
        "groups": [{"session": "alice", "group": "group-1", "pairs": pairs}],
    }

    sessions, shown = sessions_grid(state).rows, groups_grid(state).rows

    assert [row[0] for row in sessions] == ["bob", "alice"]
    assert [row[0] for row in shown[:2]] == ["299", "1"]
    assert (len(shown), shown[-1][2]) == (
        51,
        "and 250 more that are well; name a session to see its",
    )
