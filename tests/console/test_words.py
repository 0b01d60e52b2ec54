"""Explanations and advice in the operator's language: complete, negotiated, told by the warden."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib import resources

import httpx
import pytest

from telewarden import console
from telewarden.actors import PausePair
from telewarden.actors.forwarding import pausing
from telewarden.actors.forwarding.pausing import by_hand
from telewarden.actors.pair_graph import PAIR_FAULTS, Way, faults_of
from telewarden.actors.refusals import reason_of
from telewarden.actors.session.flood_waits import ADVICE, SLOW_ADVICE
from telewarden.console import LANGUAGES, Words, language_of
from telewarden.console.commands.catalogue import find
from telewarden.notify.alert_rules import RULES, TEST
from telewarden.notify.outbound import SAID
from telewarden.telegram import (
    DEAF_SOURCE,
    DRIFT,
    FACTS,
    HEALTHS,
    NOTICES,
    PHASES,
    Action,
    ErrorClass,
    Noticed,
    NoticeKind,
    Phase,
    Verdict,
)
from telewarden.telegram.errors import meanings
from telewarden.telegram.errors.proxy_trouble import ADVICE as PROXY_ADVICE
from telewarden.telegram.login.sent_codes import BY_QR, CODE_WAYS, RESET_PENDING, UNKNOWN_WAY

from .conftest import ALICE, BOB, FakePanel

pytestmark = pytest.mark.console

ROWS = [row for row in vars(meanings).values() if isinstance(row, meanings.Row)]
SENTENCES = {
    *(
        text
        for told in (*PHASES.values(), *HEALTHS.values(), *NOTICES.values(), *FACTS.values())
        for text in (told.explanation, told.advice)
    ),
    *(row.advice for row in ROWS),
    *(f"{way.text.explanation} {way.text.advice}" for way in (*CODE_WAYS.values(), UNKNOWN_WAY)),
    f"{CODE_WAYS['firebasesms'].text.explanation} {BY_QR}",
    *(DEAF_SOURCE.explanation, DEAF_SOURCE.advice),
    *(DRIFT.explanation, DRIFT.advice),
    RESET_PENDING,
    *PROXY_ADVICE.values(),
    *(ADVICE, SLOW_ADVICE),
    *(text for rule in (*RULES.values(), TEST) for text in (rule.what, rule.advice)),
    *SAID,
}


@pytest.fixture(params=[one for one in LANGUAGES if one != "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def table(language: str) -> dict[str, str]:
    file = resources.files(console) / f"words_{language}.json"
    return dict(json.loads(file.read_text("utf-8")))


def test_each_state_and_error_class_is_explained_in_each_language(language: str) -> None:
    assert SENTENCES - set(table(language)) == set()


def test_a_translation_names_what_its_sentence_names(language: str) -> None:
    for text, said in table(language).items():
        for kind in (r"\{\w+\}", r"\[\w+\]", r"@\w[\w.]*", r"telewarden \w+ \w+"):
            assert sorted(re.findall(kind, said)) == sorted(re.findall(kind, text)), text


def test_a_sentence_about_a_proxy_keeps_its_facts() -> None:
    said = Words("vi")(
        "socks5 10.0.0.1:1080 cannot be reached (refused); start it, or correct host and port."
    )

    assert "socks5 10.0.0.1:1080" in said
    assert "(refused)" in said
    assert "cannot" not in said


def test_what_has_no_translation_stays_as_it_is() -> None:
    assert Words("vi")("Something else {happened}.") == "Something else {happened}."


UNHEARD_OF = Verdict(kind=ErrorClass.BUG, action=Action.DEAD_LETTER, name="NEW_ERROR", advice="")
TO_ITSELF = Way(pair=1, source="@a", target="@a", shown=("@a", "@a"))
TWICE = [Way(pair=n, source="@a", target="@b", carries=1, shown=("@a", "@b")) for n in (1, 2)]
RING = [
    Way(pair=1, source="@a", target="@b", carries=1, shown=("@a", "@b")),
    Way(pair=2, source="@b", target="@a", carries=1, shown=("@b", "@a")),
]
DIVIDED = [
    Way(
        pair=n,
        source=source,
        target=target,
        ring=True,
        session=session,
        groups=frozenset({-7}),
        shown=(str(source), str(target)),
    )
    for n, session, source, target in ((1, "alice", -7, -8), (2, "bob", -8, -7))
]


def reasons() -> list[str]:
    """What pairs are paused for: by hand, by their rules, by Telegram, by each other."""
    faults = [fault for ways in ([TO_ITSELF], TWICE, RING, DIVIDED) for fault in faults_of(ways)]
    assert {fault.name for fault in faults} == set(PAIR_FAULTS)
    return [
        by_hand(PausePair(pair=1)),
        by_hand(PausePair(pair=1, until=1e9)),
        pausing.CONFIGURED,
        pausing.TOO_SLOW,
        f"PROTECTED: {pausing.SOURCE_PROTECTED}",
        f"CHANNEL_PRIVATE: {pausing.SOURCE_GONE}",
        f"CHANNEL_PRIVATE: {pausing.TARGET_GONE}",
        f"CHAT_WRITE_FORBIDDEN: {pausing.NO_RIGHT}",
        reason_of(UNHEARD_OF),
        *(f"@chat: SOME_ERROR: {row.advice}" for row in ROWS[:3]),
        *(fault.reason for fault in faults),
    ]


NAMES_AND_NUMBERS = r"[A-Z]+_[A-Z_]+: |\d\d:\d\d:\d\d UTC|@\w+|-\d|\b1, 2\b"


def test_what_a_pair_is_paused_for_is_told_in_each_language_with_telegrams_own_name(
    language: str,
) -> None:
    for reason in reasons():
        said = Words(language).reason(reason)
        assert said != reason
        assert re.findall(NAMES_AND_NUMBERS, said) == re.findall(NAMES_AND_NUMBERS, reason)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("en-GB,vi;q=0.9", "en"),
        ("fr,vi;q=0.4,en;q=0.3", "vi"),
        ("vi;q=0,en;q=0.1", "en"),
        ("fr-FR", "en"),
        ("vi_VN.UTF-8", "vi"),
        ("C.UTF-8", "en"),
        ("", "en"),
        (";;q=,", "en"),
    ],
)
def test_the_language_wanted_most_is_spoken(wanted: str, language: str) -> None:
    assert language_of(wanted) == language


async def test_the_warden_tells_a_state_in_the_language_of_who_asks(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    said = {}
    for language in LANGUAGES:
        answer = await http.get("/api/state", headers={"accept-language": language})
        assert answer.headers["content-language"] == language
        (session,) = answer.json()["sessions"]
        said[language] = session["explanation"]

    assert said["en"] == PHASES[panel.sessions[0].phase].explanation
    assert said["vi"] == Words("vi")(said["en"]) != said["en"]


async def test_advice_is_needed_where_there_is_something_to_do(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.sessions = (ALICE, BOB)

    told = (await http.get("/api/state", headers={"accept-language": "vi"})).json()["sessions"]

    assert [session["phase"] for session in told] == [Phase.ONLINE, Phase.NEEDS_LOGIN]
    assert [session["advice_needed"] for session in told] == [False, True]


async def test_a_notice_of_telegrams_is_told_with_its_facts_in_the_language_of_who_asks(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    meaning = NOTICES[NoticeKind.UNCONFIRMED_AUTHORIZATION]
    notice = Noticed(
        session="alice",
        at=1_000.0,
        kind=NoticeKind.UNCONFIRMED_AUTHORIZATION,
        explanation=meaning.explanation,
        advice=meaning.advice,
        hash=7,
        device="Pixel",
        place="Hanoi",
    )
    panel.sessions = (replace(ALICE, notice=notice),)

    answer = await http.get("/api/state", headers={"accept-language": "vi"})
    (told,) = answer.json()["sessions"]
    assert told["notice"] == (
        "Tài khoản đã được đăng nhập ở nơi khác, và Telegram hỏi có phải bạn không"
        f" (Pixel, Hanoi, number 7). {Words('vi')(meaning.advice)}"
    )
    assert f"alice: {told['notice']}" in list(find("status").show(answer.json()))
