"""``telewarden migrate``: other forwarders' configurations, written as ours.

The files beside this are made up, in the formats that these programs have in public: tgcf 1.1
(aahnik/tgcf, plugin_models.py at c7a108c; its login and forwards as a fork of 1.1 has them),
telemirror (khoben/telemirror, .env-example at be71153 and 0153830, mirror.config.yml-example at
16f07f5), TelegramForwarder (Heavrnl/TelegramForwarder, models/models.py at bc53fe1).
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.config import Config, PairConfig, parse_config
from telewarden.config.text import tables_in
from telewarden.errors import BadCommandError
from telewarden.migration.detection import read
from telewarden.migration.draft import Draft, PairDraft
from telewarden.migration.writing import write

pytestmark = pytest.mark.console

FILES = Path(__file__).with_name("files")
SECRETS = (
    "0123456789abcdef0123456789abcdef",
    "InventedInvented",
    "invented_invented",
    "invented-password",
    "invented_push_secret",
    "sk-invented",
)


@pytest.fixture
def forward_db(tmp_path: Path) -> Path:
    """A database of TelegramForwarder's."""
    path = tmp_path / "forward.db"
    with sqlite3.connect(path) as db:
        db.executescript((FILES / "telegram_forwarder.sql").read_text(encoding="utf-8"))
    db.close()
    return path


def told(path: Path, env: Path | None = None) -> str:
    return write(read(path, env), source=path.name).text


def config_of(text: str) -> Config:
    return parse_config(tables_in(text, source="telewarden.toml"), text=text)


def pairs_of(text: str) -> dict[int, PairConfig]:
    return {one.id: one for one in config_of(text).pairs}


def words_of(text: str) -> str:
    """The comments as one line, however they were broken."""
    lines = (line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    return " ".join(lines)


# tgcf


def test_tgcfs_forwards_become_pairs_with_filters_replacements_and_captions() -> None:
    pairs = pairs_of(told(FILES / "tgcf.config.json"))

    assert [(one.source, one.target) for one in pairs.values()] == [
        ("@crypto_news", -1001111111111),
        ("@crypto_news", "@my_mirror"),
        ("https://t.me/+AbCdEfGhIj123456", "me"),
    ]
    first = pairs[1]
    assert (first.mode, first.deletes, first.enabled) == ("copy", True, True)
    assert first.deny.patterns == (r"(?i)C\+\+\ \(advert\)",)
    assert first.deny.senders == (777000,)
    assert set(first.deny.kinds) == {"sticker", "animation"}
    assert [one.find for one in first.replace] == ["EUR"]
    assert first.footer == 'via "us"'
    assert not pairs[3].enabled


def test_what_tgcf_has_and_we_do_not_is_said_where_it_stood() -> None:
    text = told(FILES / "tgcf.config.json")
    said = words_of(text)

    for words in (
        "plugin fmt",
        "plugin sender",
        "live.delete_on_edit",
        "bot_messages",
        "admins (1 of them)",
        "pairs backfill PAIR",
        "'bold' is a style in tgcf",
        "senders are numbers; names were left out",
        "it is named by an invitation, which is followed with join = true alone",
        "left out: source is '+4915112345678'",
        "left out: pairs 1 and 5 make a ring",
    ):
        assert words in said, words
    assert "plugin mark" not in said
    assert "# source = -1001111111111" in text


def test_a_forward_of_tgcfs_that_shows_its_source_has_no_text_changed(tmp_path: Path) -> None:
    config = json.loads((FILES / "tgcf.config.json").read_text(encoding="utf-8"))
    config["show_forwarded_from"] = True
    path = tmp_path / "tgcf.config.json"
    path.write_text(json.dumps(config), encoding="utf-8")

    text = told(path)

    assert pairs_of(text)[1].mode == "forward"
    assert "replace, footer: a forward shows the message as it is" in words_of(text)


# telemirror


def test_telemirrors_mapping_becomes_a_pair_for_each_source_and_target() -> None:
    text = told(FILES / "telemirror.env")
    pairs = pairs_of(text)

    assert [(one.source, one.allow.topics, one.target, one.topic) for one in pairs.values()] == [
        (-1001111111111, (), -1003333333333, None),
        (-1002222222222, (7,), -1003333333333, None),
        (-1004444444444, (), -1005555555555, 9),
        (-1004444444444, (), -1006666666666, None),
    ]
    assert all(one.edits and not one.deletes and one.mode == "copy" for one in pairs.values())
    assert "UrlMessageFilter.whitelist has no counterpart" in words_of(text)
    assert config_of(text).telegram.api_id == 1234567


def test_telemirrors_directions_keep_their_own_filters_modes_and_switches() -> None:
    text = told(FILES / "mirror.config.yml")
    pairs = pairs_of(text)

    assert [pairs[one].edits for one in (1, 2, 3, 4)] == [True, True, True, False]
    assert [pairs[one].deletes for one in (1, 2, 3, 4)] == [False, False, True, False]
    assert (pairs[3].allow.topics, pairs[3].topic) == ((3,), 4)
    assert pairs[3].deny.words == ("stopword",)
    assert pairs[3].replace[0].words == "bing.com"
    assert (pairs[4].mode, pairs[4].header) == ("forward", "")
    assert pairs[4].deny.patterns == ("(?i)casino|bet",)
    for words in (
        "{channel_name} and {message_link} have no counterpart",
        "filter MyOwnFilter has no counterpart",
        "content that is protected is not copied",
        "header: a forward shows the message as it is",
        "api_id was not in it",
    ):
        assert words in words_of(text), words


def test_telemirrors_yaml_is_read_from_its_env_too_and_has_the_api_id_of_the_env_beside_it(
    tmp_path: Path,
) -> None:
    yaml = (FILES / "mirror.config.yml").read_text(encoding="utf-8")
    env = tmp_path / ".env"
    env.write_text("API_ID=7654321\nYAML_CONFIG_ENV=" + yaml.replace("\n", "\\n"), encoding="utf-8")

    inside, beside = told(env), told(FILES / "mirror.config.yml", FILES / "telemirror.env")

    assert pairs_of(inside) == pairs_of(beside)
    assert config_of(inside).telegram.api_id == 7654321
    assert config_of(beside).telegram.api_id == 1234567


# TelegramForwarder


def test_telegram_forwarders_rules_become_pairs_with_their_keywords(forward_db: Path) -> None:
    text = told(forward_db, FILES / "telegram_forwarder.env")
    pairs, config = pairs_of(text), config_of(text)

    assert sorted(pairs) == [1, 2, 3]
    assert (pairs[1].source, pairs[1].target, pairs[1].mode) == (1111111111, 2222222222, "copy")
    assert pairs[1].deny.patterns == ("(?i)advert", r"\bcasino\b")
    assert pairs[1].deny.kinds == ("video", "voice")
    assert [(one.find, one.words) for one in pairs[1].replace] == [
        (r"@(\w+)_old", r"@\1_new"),
        ("remove me", ""),
    ]
    assert (pairs[2].mode, pairs[2].allow.patterns) == ("forward", ("(?i)goal",))
    assert pairs[2].deny.patterns == ("(?i)rumour",)
    assert not pairs[3].enabled
    assert (config.telegram.api_id, config.sessions[0].phone) == (1234567, "+8613812345678")


def test_what_telegram_forwarder_has_and_we_do_not_is_said(forward_db: Path) -> None:
    said = words_of(told(forward_db))

    for words in (
        "a limit on the size of media",
        "rewriting by an AI",
        "push addresses have no counterpart",
        "a blacklist turned round (a second whitelist)",
        "left out: it edited messages where they stood",
        "left out: deny.patterns: '(unclosed' is no regular expression",
        "rule 1, News -> Mirror",
    ):
        assert words in said, words


# All of them


@pytest.mark.parametrize(
    "name", ["tgcf.config.json", "telemirror.env", "mirror.config.yml", "forward.db"]
)
def test_no_secret_is_written_and_each_is_given_its_place(name: str, forward_db: Path) -> None:
    path = forward_db if name == "forward.db" else FILES / name
    env = FILES / "telegram_forwarder.env" if name == "forward.db" else FILES / "telemirror.env"

    text = told(path, env)

    assert not [one for one in SECRETS if one in text]
    assert 'api_hash = { env = "TELEGRAM_API_HASH" }' in text
    if name == "forward.db":
        assert 'token = { env = "TELEWARDEN_BOT_TOKEN" }' in words_of(text)
    else:
        assert "telewarden import account --string -" in words_of(text)


@given(st.text(), st.text(), st.text())
def test_whatever_stands_in_a_configuration_the_text_can_be_read(
    title: str, words: str, find: str
) -> None:
    pair = PairDraft(title=title, fields={"source": "@news_in", "target": "@news_out"})
    pair.fields |= {"mode": "copy", "footer": words}
    pair.replace(find, words)
    pair.check(words)

    made = write(Draft(program="any", pairs=[pair], notes=[title]), source="any")

    config = config_of(made.text)
    assert len(config.pairs) == made.pairs


def test_pairs_beyond_what_a_session_takes_stand_there_as_comments() -> None:
    pairs = [
        PairDraft(title="one", fields={"source": -1000000000000 - number, "target": "@news_out"})
        for number in range(1, 53)
    ]

    made = write(Draft(program="any", pairs=pairs), source="any")

    assert (made.pairs, made.left_out) == (50, 2)
    assert config_of(made.text).sessions[0].max_pairs == 50


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b'{"forwards": [', "is no whole JSON (line 1); copy it again"),
        ("a.json", b'{"theme": "light"}', "has neither forwards nor directions"),
        ("a.json", b'{"forwards": []}', "it has no forwards"),
        ("a.json", b'{"forwards": [5]}', "forwards[1] is no table"),
        ("a.yml", b"directions: [", "is not what a program writes (line 1)"),
        ("a.yml", b"directions: []", "it has no directions"),
        ("a.yml", b"!!python/object:os.system {}", "is not what a program writes"),
        (".env", b"CHAT_MAPPING=", "CHAT_MAPPING maps no chats"),
        (".env", b"CHAT_MAPPING=[a:b]", "it is written [-1001,-1002:-1003]"),
        (".env", b"API_ID=1\nBOT_TOKEN=x", "is a .env without pairs"),
        ("a.toml", b'[[sessions]]\nname = "alice"', "is a configuration of Telewarden"),
        ("a.bin", b"\xff\xfe\x00", "is no text and no SQLite database"),
        ("a.db", b"SQLite format 3\x00" + bytes(100), "the database cannot be read"),
        ("", b"", "is a folder; give tgcf.config.json"),
        ("missing", None, "No such file or directory; give tgcf.config.json"),
    ],
)
def test_what_is_not_such_a_configuration_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if name and content is not None:
        path.write_bytes(content)

    with pytest.raises(BadCommandError) as refused:
        read(path)

    assert said in str(refused.value)


def test_a_database_of_another_program_or_one_that_is_in_use_is_refused(
    tmp_path: Path, forward_db: Path
) -> None:
    other = tmp_path / "alice.session"
    with sqlite3.connect(other) as db:
        db.execute("create table sessions (dc_id integer)")
    db.close()
    forward_db.with_name("forward.db-wal").write_bytes(b"changes")

    with pytest.raises(BadCommandError, match="without the table chats"):
        read(other)
    with pytest.raises(BadCommandError, match="stop TelegramForwarder"):
        read(forward_db)


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "telewarden", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize(
    "name", ["tgcf.config.json", "telemirror.env", "mirror.config.yml", "forward.db"]
)
def test_what_is_written_passes_check(name: str, forward_db: Path) -> None:
    path, folder = forward_db if name == "forward.db" else FILES / name, forward_db.parent
    before = path.read_bytes()

    made = run(folder, "migrate", str(path), "--output", "telewarden.toml")
    checked = run(folder, "check", "telewarden.toml", TELEGRAM_API_HASH="0" * 32)

    assert made.returncode == 0, made
    assert "to look at (CHECK)" in made.stdout
    assert checked.returncode == 0, checked
    assert ": fine; 1 session" in checked.stdout
    assert path.read_bytes() == before


def test_a_file_that_is_there_is_replaced_by_force_alone(tmp_path: Path) -> None:
    output = tmp_path / "telewarden.toml"
    output.write_text("mine", encoding="utf-8")
    words = ("migrate", str(FILES / "telemirror.env"), "--output", str(output))

    refused = run(tmp_path, *words)
    kept = output.read_text(encoding="utf-8")
    forced = run(tmp_path, *words, "--force")

    assert refused.returncode == 2
    assert "is there already; name another one, or say --force" in refused.stderr
    assert kept == "mine"
    assert forced.returncode == 0
    assert len(pairs_of(output.read_text(encoding="utf-8"))) == 4


def test_the_text_goes_to_the_standard_output_and_what_is_said_of_it_beside(tmp_path: Path) -> None:
    made = run(tmp_path, "migrate", str(FILES / "telemirror.env"))
    as_json = run(tmp_path, "migrate", str(FILES / "telemirror.env"), "--json")

    facts: dict[str, Any] = json.loads(as_json.stdout)
    assert len(pairs_of(made.stdout)) == 4
    assert "4 pairs; " in made.stderr
    assert (facts["pairs"], facts["left_out"], facts["toml"]) == (4, 0, made.stdout)
