"""Who may look and who may steer over the network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from telewarden.cli import app
from telewarden.config import parse_config
from telewarden.config.changes import changes_between
from telewarden.console import Access, Role, Token
from telewarden.console.access.roles import may, over_the_network
from telewarden.console.access.tries import Tries
from telewarden.console.commands.catalogue import find, offered
from telewarden.console.commands.model import Danger, Surface
from telewarden.errors import ConfigError, DrillError, SecretMissingError
from telewarden.supervision import ChildState

from .conftest import LOOKER, OPERATOR

if TYPE_CHECKING:
    from .conftest import Hand, OpenPage, Page

pytestmark = pytest.mark.console

BEARER = {"authorization": f"Bearer {OPERATOR}"}


# Tokens and roles


async def test_who_shows_no_token_sees_the_page_and_the_probes_and_nothing_of_the_warden(
    page: Page,
) -> None:
    async with page.browser() as browser:
        me = (await browser.get("api/me")).json()
        open_to_all = [await browser.get(one) for one in ("/", "metrics", "healthz")]
        closed = [
            await browser.get(one) for one in ("api/state", "api/commands", "api/openapi.json")
        ]

    assert (me["role"], me["login"], me["why"]) == (None, True, "")
    assert {answer.status_code for answer in open_to_all} == {200}
    assert {answer.status_code for answer in closed} == {401}
    assert closed[0].json()["error"]["type"] == "LoginNeeded"
    assert "api/live" not in open_to_all[0].headers["link"]


async def test_a_token_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_gets(
    page: Page,
) -> None:
    async with page.browser() as browser:
        csrf = (await browser.get("api/me")).json()["csrf"]
        told = await browser.post("login", json={"token": OPERATOR}, headers={"x-csrf-token": csrf})
        state = await browser.get("api/state")

    cookie = told.headers["set-cookie"]
    assert cookie.startswith(f"telewarden-{page.warden.port}=")
    assert {"HttpOnly", "SameSite=strict", "Max-Age=43200", "Path=/"} <= set(cookie.split("; "))
    assert (told.json()["role"], told.json()["name"]) == ("operator", "ann")
    assert OPERATOR not in told.text + cookie
    assert state.json()["sessions"][0]["session"] == "alice"
    (row,) = await page.audit("page login")
    assert (row.who, row.outcome) == ("page: ann", "done")


async def test_an_operator_steers_and_the_audit_trail_names_him(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann:
        done = await ann.post("api/commands/recover", json={"session": "alice"})

    assert (done.status_code, done.json()) == (200, {"sessions": ["alice"]})
    (row,) = await page.audit("recover")
    assert (row.who, row.subject) == ("page: ann", "alice")


async def test_who_may_only_look_is_refused_with_a_sentence_and_a_row_in_the_audit_trail(
    page: Page,
) -> None:
    async with page.logged_in(LOOKER) as leo:
        looked = await leo.post("api/commands/floods", json={})
        refused = await leo.post("api/commands/pairs-pause", json={"pair": 3})

    assert looked.status_code == 200
    assert refused.status_code == 403
    assert refused.json()["error"] == {
        "type": "ReadOnly",
        "message": "pairs pause: this role only looks; an operator's token is needed",
    }
    (row,) = await page.audit("pairs pause")
    assert (row.who, row.subject, row.outcome) == ("page: leo", "pair 3", "refused: ReadOnly")


async def test_the_audit_trail_is_not_filled_by_somebody_who_is_refused_all_the_time(
    page: Page,
) -> None:
    async with page.logged_in(LOOKER) as leo:
        for _ in range(15):
            await leo.post("api/commands/stop", json={})
        await leo.post("api/commands/pairs-list", json={})

    assert len(await page.audit("stop")) == 10


async def test_a_program_comes_by_the_same_tokens(page: Page) -> None:
    async with page.browser() as program:
        read = await program.get("api/state", headers=BEARER)
        done = await program.post("api/commands/recover", json={"session": "alice"}, headers=BEARER)
        looks = {"authorization": f"Bearer {LOOKER}"}
        refused = await program.post("api/commands/stop", json={}, headers=looks)

    assert (read.status_code, done.status_code, refused.status_code) == (200, 200, 403)
    assert not program.cookies


async def test_a_logout_ends_the_login_on_the_server_too(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann:
        kept = dict(ann.cookies)
        left = await ann.post("logout")
        async with page.browser(cookies=kept) as thief:
            answer = await thief.get("api/state")

    assert (left.json()["role"], left.status_code) == (None, 200)
    assert not ann.cookies
    assert answer.status_code == 401


@pytest.mark.crashes("console", DrillError)
async def test_a_crash_of_the_console_ends_no_login(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann:
        await ann.post("api/commands/drill", json={"child": "console"})

        async def back() -> bool:
            found = page.warden.snapshot().find("console")
            return found is not None and (found.incarnation, found.state) == (2, ChildState.RUNNING)

        await page.until(back)
        answer = await ann.get("api/state")

    assert answer.status_code == 200


# What another site has a browser send


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"x-csrf-token": ""}, "BadCsrfToken"),
        ({"x-csrf-token": "guessed"}, "BadCsrfToken"),
        ({"origin": "https://elsewhere.example"}, "ForeignOrigin"),
        ({"origin": "null"}, "ForeignOrigin"),
        ({"origin": "http://127.0.0.1:1"}, "ForeignOrigin"),
        ({"sec-fetch-site": "cross-site"}, "ForeignOrigin"),
        ({"sec-fetch-site": "same-site"}, "ForeignOrigin"),
    ],
)
@pytest.mark.parametrize("target", ["api/commands/stop", "login", "logout"])
async def test_what_another_site_sends_is_refused(
    page: Page, headers: dict[str, str], kind: str, target: str
) -> None:
    async with page.logged_in(OPERATOR) as ann:
        answer = await ann.post(target, json={"token": OPERATOR}, headers=headers)

    assert (answer.status_code, answer.json()["error"]["type"]) == (403, kind)


async def test_a_page_of_our_own_is_known_by_its_origin(page: Page) -> None:
    assert page.warden.url is not None
    async with page.logged_in(OPERATOR) as ann:
        own = {"origin": page.warden.url.rstrip("/"), "sec-fetch-site": "same-origin"}
        answer = await ann.post("api/commands/floods", json={}, headers=own)

    assert answer.status_code == 200


async def test_behind_a_proxy_the_names_that_callers_use_are_ours_and_cookies_are_secure(
    page_of: OpenPage,
) -> None:
    digest = hashlib.sha256(OPERATOR.encode()).hexdigest()
    tokens = [{"name": "ann", "role": "operator", "hash": f"sha256:{digest}"}]
    async with (
        page_of(tokens=tokens, names=["warden.example"]) as page,
        page.browser() as browser,
    ):
        csrf = (await browser.get("api/me")).json()["csrf"]
        told = await browser.post(
            "login",
            json={"token": OPERATOR},
            headers={"x-csrf-token": csrf, "origin": "https://warden.example"},
        )

    assert told.status_code == 200
    assert "Secure" in told.headers["set-cookie"]


# Wrong tokens


async def test_wrong_tokens_are_refused_and_after_five_none_is_looked_at_for_a_while(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    async with page.browser() as browser:
        csrf = {"x-csrf-token": (await browser.get("api/me")).json()["csrf"]}
        answers = [
            await browser.post("login", json={"token": f"guess {number}"}, headers=csrf)
            for number in range(6)
        ]
        right = await browser.get("api/state", headers=BEARER)

    assert [one.status_code for one in answers] == [401] * 4 + [429] * 2
    assert answers[0].json()["error"]["type"] == "WrongToken"
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 60
    assert right.status_code == 429
    assert "guess" not in caplog.text


async def test_who_is_logged_in_works_on_while_wrong_tokens_come_from_the_same_address(
    page: Page,
) -> None:
    async with page.logged_in(OPERATOR) as ann:
        for number in range(6):
            wrong = {"authorization": f"Bearer wrong-{number}"}
            async with page.browser() as other:
                await other.get("api/state", headers=wrong)
        answer = await ann.get("api/state")

    assert answer.status_code == 200


def test_tries_are_counted_by_name_and_forgotten_with_time() -> None:
    tries = Tries(limit=2, within=10.0)

    covered = [tries.spend("a", now) for now in (0.0, 1.0, 2.0)]

    assert covered == [True, True, False]
    assert tries.spend("b", 2.0)
    assert (tries.wait("a", 2.0), tries.wait("a", 10.0)) == (8.0, 0.0)
    assert tries.spend("a", 10.0)


def test_the_names_that_are_counted_are_bounded() -> None:
    tries = Tries(limit=1, within=10.0)
    for number in range(2_000):
        tries.spend(str(number), 0.0)

    assert tries.wait("1999", 1.0) > 0
    assert tries.wait("0", 1.0) == 0.0
    assert len(tries._spent) == 1_000


# Without tokens


async def test_without_tokens_this_machine_looks_and_does_not_steer(page_of: OpenPage) -> None:
    async with page_of() as page, page.browser() as browser:
        me = (await browser.get("api/me")).json()
        state = await browser.get("api/state")
        csrf = {"x-csrf-token": me["csrf"]}
        refused = await browser.post("api/commands/recover", json={"all": True}, headers=csrf)

    assert (me["role"], me["how"], me["login"]) == ("read-only", "open", False)
    assert (state.status_code, refused.status_code) == (200, 403)


async def test_an_open_console_is_steered_without_a_token_but_not_by_another_site(
    page_of: OpenPage,
) -> None:
    async with page_of(open=True) as page, page.browser() as browser:
        csrf = {"x-csrf-token": (await browser.get("api/me")).json()["csrf"]}
        done = await browser.post("api/commands/recover", json={"all": True}, headers=csrf)
        foreign = await browser.post("api/commands/stop", json={})

    assert done.json() == {"sessions": ["alice"]}
    assert foreign.status_code == 403


async def test_a_console_that_others_reach_shows_nothing_without_tokens(
    page_of: OpenPage,
) -> None:
    async with page_of(host="0.0.0.0") as page, page.browser() as browser:  # noqa: S104 - the point
        url = f"http://127.0.0.1:{page.warden.port}/"
        me = (await browser.get(f"{url}api/me")).json()
        state = await browser.get(f"{url}api/state")
        metrics = await browser.get(f"{url}metrics")

    assert (me["role"], me["login"]) == (None, False)
    assert "[[console.tokens]]" in me["why"]
    assert (state.status_code, metrics.status_code) == (401, 200)


def tables(**console: Any) -> dict[str, Any]:
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "s", "master_key": {"env": "KEY"}},
        "console": console,
        "loopback": {},
    }


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ({"open": True, "host": "0.0.0.0"}, "give it tokens instead"),  # noqa: S104 - refused
        ({"tokens": [{"name": "ann"}]}, "give either token, the place of a token, or hash"),
        ({"tokens": [{"name": "ann", "hash": "s3cret-s3cret-s3cret"}]}, "cannot be that"),
        ({"tokens": [{"name": "ann", "token": "s3cret-s3cret-s3cret"}]}, "must be a table"),
        (
            {"tokens": [{"name": "ann", "token": {"file": "t", "create": True}}]},
            "create and passphrase are for master keys",
        ),
        ({"open": True, "tokens": [{"name": "ann", "token": {"env": "A"}}]}, "leave one of both"),
        (
            {"tokens": [{"name": "ann", "token": {"env": name}} for name in "AB"]},
            "'ann' is given twice",
        ),
    ],
)
def test_a_table_of_tokens_that_cannot_be_is_refused_without_repeating_a_secret(
    console: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(tables(**console))

    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_token_that_could_be_guessed_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHORT", "hunter2")
    config = parse_config(tables(tokens=[{"name": "ann", "token": {"env": "SHORT"}}]))

    with pytest.raises(SecretMissingError, match="it has 7 characters") as refused:
        config.console_tokens()

    assert "hunter2" not in str(refused.value)


def test_a_change_of_tokens_is_told_without_them_and_needs_a_restart() -> None:
    digest = f"sha256:{'ab' * 32}"
    new = parse_config(tables(tokens=[{"name": "ann", "hash": digest}]))

    (change,) = changes_between(parse_config(tables()), new)

    assert (change.key, change.needs_restart) == ("console.tokens", True)
    assert "abab" not in repr(change)


def test_the_command_line_makes_a_token_and_its_hash() -> None:
    said = CliRunner().invoke(app, ["token"]).stdout.split()
    config = parse_config(tables(tokens=[{"name": "ann", "hash": said[3]}]))

    ((ann, digest),) = config.console_tokens()
    caller = Access([Token(name="ann", role=Role.OPERATOR, digest=digest)]).by_token(
        said[1], address="here"
    )

    assert (ann.role, caller and caller.role) == ("read-only", Role.OPERATOR)


# Rights


def test_who_may_only_look_gets_no_command_that_changes_or_tells_of_the_accounts_owner() -> None:
    looks = {one.name for one in offered(Surface.API) if may(Role.READ_ONLY, one, {})}

    assert {"status", "audit", "history", "floods", "pairs dead", "operations list"} <= looks
    assert all(find(one).danger is Danger.LOOKS for one in looks)
    assert looks.isdisjoint(
        {"chats", "authorisations list", "diagnostics", "export", "pairs read", "stack"}
    )
    assert not may(Role.READ_ONLY, find("safety-check"), {"clear": True})


@pytest.mark.parametrize(
    ("name", "given", "allowed"),
    [
        ("export", {"session": "alice"}, False),
        ("keys rotate", {}, False),
        ("import", {"session": "alice", "file": "/etc/passwd"}, False),
        ("import", {"session": "alice", "string": "1A..."}, True),
        ("stop", {}, True),
    ],
)
def test_what_hands_out_a_login_or_names_a_file_is_for_the_socket_alone(
    name: str, given: dict[str, Any], allowed: bool
) -> None:
    assert over_the_network(find(name), given) is allowed


async def test_an_operator_is_sent_to_the_machine_for_what_hands_out_a_login(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann:
        answer = await ann.post("api/commands/export", json={"session": "alice"})

    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "SocketOnly")


async def test_the_audit_trail_is_read_page_by_page(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann:
        for kind in ("a", "b", "c"):
            await ann.post("api/commands/operations-begin", json={"kind": kind})
        asked = {"what": "begin", "who": "page: ann", "limit": 2}
        first = (await ann.post("api/commands/audit", json=asked)).json()["rows"]
        asked["before"] = first[-1]["at"]
        second = (await ann.post("api/commands/audit", json=asked)).json()["rows"]

    assert [len(first), len(second)] == [2, 1]
    assert first[-1]["at"] > second[0]["at"]


async def test_the_list_of_commands_says_what_the_caller_may_do_and_why_not(page: Page) -> None:
    async with page.logged_in(LOOKER) as leo:
        rows = {one["name"]: one for one in (await leo.get("api/commands")).json()["commands"]}

    assert set(rows) == {one.name for one in offered(Surface.API) if not one.hidden}
    assert rows["floods"]["allowed"]
    assert (rows["pairs remove"]["allowed"], rows["pairs remove"]["danger"]) == (False, "harms")
    assert "operator's token" in rows["pairs remove"]["why"]
    assert rows["pairs remove"]["question"] == "Remove pair {pair}, with what waits in it?"
    assert rows["pairs pause"]["parameters"][0]["name"] == "pair"


async def test_logins_end_after_half_a_day_and_are_bounded(hand: Hand) -> None:
    access = Access([Token(name="ann", role=Role.OPERATOR, digest=b"")], monotonic=hand)
    shown = access.anybody
    first, caller = access.log_in(shown)
    others = [access.log_in(shown)[0] for _ in range(999)]

    assert access.by_cookie(first) is caller
    last, _ = access.log_in(shown)
    assert access.by_cookie(first) is None
    hand.now = 12 * 3600.0
    assert access.by_cookie(last) is None
    assert not access.still(caller)
    assert len(others) == 999
