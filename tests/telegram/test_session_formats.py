"""Logins of other programs: each is read as its own library wrote it, and none is changed.

What lies in ``formats/`` was written by the libraries themselves, of a key that nobody has:
Kurigram 2.2.26, Hydrogram 0.2.0, Pyrogram 2.0.106 and 1.4.16, telegram (GramJS) 2.26.22 of npm,
@mtcute/core and @mtcute/convert 0.29.7, the latter for ``tdata`` too. gotd's is as its source says.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import shutil
import sqlite3
import struct
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.crypto import AuthKey
from telethon.sessions import SQLiteSession, StringSession

from telewarden.errors import (
    LoginFormatError,
    SessionStringDamagedError,
    TelethonFileDamagedError,
    TelewardenError,
)
from telewarden.telegram import (
    ForeignLogin,
    LoginFormat,
    key_id_of,
    parse_string,
    read_login,
    read_text,
    write_text,
)

pytestmark = pytest.mark.telegram

HERE: Final = Path(__file__).parent / "formats"
STRINGS: Final[dict[str, str]] = json.loads((HERE / "strings.json").read_text())
KEY: Final = bytes((at * 7 + 3) % 256 for at in range(256))
SECOND: Final = bytes((at * 11 + 5) % 256 for at in range(256))
USER: Final = 5_000_000_007


def facts(found: ForeignLogin) -> tuple[str, int, str, int, int | None, bool]:
    parts = found.stored.parts
    return (
        found.format,
        parts.dc_id,
        parts.host,
        parts.port,
        found.stored.user_id,
        found.test,
    )


def bits_apart(key: bytes) -> int:
    """How far a key is from the right one."""
    return sum((one ^ two).bit_count() for one, two in zip(key, KEY, strict=True))


@pytest.fixture
def given_file(tmp_path: Path) -> Path:
    """Where a file is put that a program wrote."""
    return tmp_path / "some.session"


def unpacked(name: str, path: Path) -> Path:
    path.write_bytes(gzip.decompress((HERE / f"{name}.session.gz").read_bytes()))
    return path


# Strings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gramjs 149.154.175.53", ("gramjs-string", 1, "149.154.175.53", 443, None, False)),
        ("gramjs 149.154.167.51", ("gramjs-string", 2, "149.154.167.51", 443, None, False)),
        ("gramjs 149.154.175.100", ("gramjs-string", 3, "149.154.175.100", 443, None, False)),
        ("gramjs 91.108.56.130", ("gramjs-string", 5, "91.108.56.130", 443, None, False)),
        ("gramjs 1.2.3.4", ("gramjs-string", 7, "1.2.3.4", 80, None, False)),
        (
            "gramjs 2001:67c:4e8:f002::a",
            ("gramjs-string", 2, "2001:67c:4e8:f002::a", 443, None, False),
        ),
        (  # as browsers reach it: the data centre's own address takes its place
            "gramjs venus.web.telegram.org",
            ("gramjs-string", 4, "149.154.167.91", 443, None, False),
        ),
        ("mtcute full", ("mtcute-string", 4, "149.154.167.91", 443, USER, False)),
        ("mtcute bare", ("mtcute-string", 4, "149.154.167.91", 443, None, False)),
        ("mtcute ipv6", ("mtcute-string", 2, "2001:67c:4e8:f002::a", 443, USER, False)),
        ("mtcute test", ("mtcute-string", 2, "149.154.167.40", 443, USER, True)),
        ("kurigram", ("pyrogram-string", 4, "149.154.167.91", 443, USER, False)),
        ("kurigram test", ("pyrogram-string", 2, "149.154.167.40", 80, USER, True)),
        ("pyrogram big", ("pyrogram-string", 4, "149.154.167.91", 443, USER, False)),
        ("pyrogram small", ("pyrogram-string", 4, "149.154.167.91", 443, 500_000_007, False)),
    ],
)
def test_a_string_is_known_by_its_layout(
    name: str, expected: tuple[str, int, str, int, int | None, bool]
) -> None:
    found = read_text(f"  {STRINGS[name]}\n")

    assert facts(found) == expected
    assert found.stored.parts.key == KEY


def test_the_app_of_a_string_is_told_where_it_holds_it() -> None:
    assert read_text(STRINGS["kurigram"]).stored.api_id == 12345
    assert read_text(STRINGS["pyrogram big"]).stored.api_id is None


@pytest.mark.parametrize("host", ["149.154.167.51", "2001:67c:4e8:f002::a"])
def test_telethons_own_string_stays_telethons(host: str) -> None:
    session = StringSession()
    session.set_dc(2, host, 443)
    session.auth_key = AuthKey(KEY)

    assert facts(read_text(session.save())) == ("telethon-string", 2, host, 443, None, False)


def test_a_gramjs_string_in_the_other_alphabet_is_no_address_of_telethons() -> None:
    text = STRINGS["gramjs 149.154.175.53"].replace("+", "-").replace("/", "_")

    assert read_text(text).stored.parts.host == "149.154.175.53"
    with pytest.raises(SessionStringDamagedError, match="is GramJS's"):
        parse_string(text)


def gotd(**changes: object) -> str:
    data: dict[str, object] = {
        "Config": {"ThisDC": 2, "TestMode": False},
        "DC": 2,
        "Addr": "149.154.167.50:443",
        "AuthKey": base64.b64encode(KEY).decode(),
        "AuthKeyID": base64.b64encode(key_id_of(KEY).to_bytes(8, "little")).decode(),
        "Salt": -42,
    }
    return json.dumps({"Version": 1, "Data": data | changes})


def test_gotds_json_is_read() -> None:
    found = read_text(gotd())

    assert facts(found) == ("gotd-json", 2, "149.154.167.50", 443, None, False)
    assert found.stored.parts.key == KEY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("+49 171 1234567", "is a phone number"),
        ("7000000001:loopback_loopback_loopback_loopback", "is a bot's token"),
        ("x" * 400, "no session string that is known"),
        ("1" * 70_000, "has 70000 characters"),
        ("{", "is no JSON"),
        ('{"a": 1}', "JSON of another program"),
        (gotd(AuthKeyID=""), "a key that is not the one it names"),
        (gotd(AuthKey="AAAA"), "its key is not 256 bytes"),
        (gotd(Addr="nowhere:443"), "its address is none"),
        (gotd(Addr="149.154.167.50:0"), "names no data centre"),
        (gotd(DC="2"), "names no data centre"),
    ],
)
def test_a_text_that_is_none_says_what_it_is(text: str, said: str) -> None:
    with pytest.raises(LoginFormatError, match=said) as caught:
        read_text(text)
    assert text[:40] == "" or text not in str(caught.value)


@pytest.mark.parametrize("name", sorted(STRINGS))
def test_a_string_that_is_cut_or_has_one_more_is_refused(name: str) -> None:
    text = STRINGS[name].rstrip("=")
    for damaged in (text[:-1], text[:-8], f"{text}A", f"{text}AAAA", text[1:], text[4:]):
        with pytest.raises((LoginFormatError, SessionStringDamagedError)):
            read_text(damaged)


@settings(max_examples=300)
@given(data=st.data())
def test_a_string_with_another_character_gives_the_key_that_stands_there_or_none(
    data: st.DataObject,
) -> None:
    name = data.draw(st.sampled_from(sorted(STRINGS)))
    text = STRINGS[name]
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCz09-_+/=! "))
    damaged = text[:at] + other + text[at + 1 :]
    with contextlib.suppress(TelewardenError):
        # The bits of that character at most: never a key that was read from the wrong place.
        assert bits_apart(read_text(damaged).stored.parts.key) <= 6


@given(st.binary(min_size=200, max_size=400))
def test_bytes_that_no_program_wrote_are_refused(data: bytes) -> None:
    for text in (base64.urlsafe_b64encode(data).decode(), f"2{base64.b64encode(data).decode()}"):
        if struct.unpack_from(">B", data)[0] == 3 or len(data) in {263, 267, 271, 275}:
            continue  # may be one by chance: nothing in them proves what they are
        with pytest.raises((LoginFormatError, SessionStringDamagedError)):
            read_text(text)


# Written


@pytest.mark.parametrize(
    "name",
    [
        "gramjs 149.154.175.53",
        "gramjs 1.2.3.4",
        "gramjs 2001:67c:4e8:f002::a",
        "kurigram",
        "kurigram test",
    ],
)
def test_a_string_is_written_as_its_library_writes_it(name: str) -> None:
    found = read_text(STRINGS[name])

    assert write_text(found.stored, found.format) == STRINGS[name]


@pytest.mark.parametrize("name", ["mtcute full", "mtcute bare", "mtcute ipv6", "mtcute test"])
def test_a_string_of_mtcute_is_written_without_its_media_address(name: str) -> None:
    found = read_text(STRINGS[name])

    again = read_text(write_text(found.stored, found.format))

    assert facts(again) == facts(found)
    assert again.stored.parts == found.stored.parts


def test_gotds_json_is_written() -> None:
    found = read_text(gotd())

    assert read_text(write_text(found.stored, LoginFormat.GOTD_JSON)) == found


def test_a_login_without_an_account_is_not_written_for_pyrogram() -> None:
    found = read_text(STRINGS["mtcute bare"])

    with pytest.raises(LoginFormatError, match="has no account yet"):
        write_text(found.stored, LoginFormat.PYROGRAM_STRING)
    with pytest.raises(LoginFormatError, match="is not written as a tdata folder"):
        write_text(found.stored, LoginFormat.TDATA)


# Files and folders


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kurigram", ("pyrogram-file", 4, "149.154.167.91", 443, USER, False)),
        ("kurigram-test", ("pyrogram-file", 2, "149.154.167.40", 80, USER, True)),
        ("hydrogram", ("pyrogram-file", 4, "149.154.167.91", 443, USER, False)),
        ("pyrogram", ("pyrogram-file", 4, "149.154.167.91", 443, USER, False)),
        ("pyrogram1-big", ("pyrogram-file", 4, "149.154.167.91", 443, USER, False)),
    ],
)
def test_a_file_of_the_pyrogram_family_is_read_whatever_its_schema(
    given_file: Path, name: str, expected: tuple[str, int, str, int, int | None, bool]
) -> None:
    before = unpacked(name, given_file).read_bytes()

    found = read_login(given_file)

    assert facts(found) == expected
    assert found.stored.parts.key == KEY
    assert given_file.read_bytes() == before
    assert list(given_file.parent.iterdir()) == [given_file]


def test_chats_that_a_file_knows_come_along(given_file: Path) -> None:
    unpacked("kurigram", given_file)
    with contextlib.closing(sqlite3.connect(given_file)) as database, database:
        database.execute(
            "insert into peers (id, access_hash, type) values (7, 99, 'user'), (-8, 0, 'group')"
        )
        database.execute("insert into usernames values (7, 'bob')")

    (chat,) = read_login(given_file).stored.entities

    assert (chat.id, chat.access_hash, chat.username) == (7, 99, "bob")


def test_a_file_that_was_never_logged_in_says_so(given_file: Path) -> None:
    unpacked("pyrogram", given_file)
    with contextlib.closing(sqlite3.connect(given_file)) as database, database:
        database.execute("update sessions set auth_key = null")

    with pytest.raises(LoginFormatError, match="was never logged in"):
        read_login(given_file)


def test_a_data_centre_without_an_address_is_named(given_file: Path) -> None:
    unpacked("pyrogram", given_file)
    with contextlib.closing(sqlite3.connect(given_file)) as database, database:
        database.execute("update sessions set dc_id = 77")

    with pytest.raises(LoginFormatError, match="data centre 77"):
        read_login(given_file)


@pytest.mark.parametrize("name", ["kurigram", "hydrogram", "pyrogram"])
def test_a_damaged_file_never_gives_another_key(given_file: Path, name: str) -> None:
    whole = unpacked(name, given_file).read_bytes()
    for at in range(0, len(whole), 211):
        given_file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with contextlib.suppress(TelewardenError):
            assert bits_apart(read_login(given_file).stored.parts.key) <= 1
    given_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((LoginFormatError, TelethonFileDamagedError)):
        read_login(given_file)


def test_telethons_file_says_whose_account_it_is(given_file: Path) -> None:
    session = SQLiteSession(str(given_file))
    session.set_dc(2, "149.154.167.51", 443)
    session.auth_key = AuthKey(KEY)
    session.save()
    session.close()
    with contextlib.closing(sqlite3.connect(given_file)) as database, database:
        database.execute("insert into entities (id, hash) values (0, ?)", (USER,))

    found = read_login(given_file)

    assert found.format is LoginFormat.TELETHON_FILE
    assert found.stored.user_id == USER
    assert found.stored.entities == ()


def test_a_folder_of_gramjs_is_read() -> None:
    found = read_login(HERE / "gramjs-store")

    assert facts(found) == ("gramjs-store", 4, "149.154.167.91", 443, None, False)
    assert found.stored.parts.key == KEY


@pytest.mark.parametrize(
    ("gone", "text", "said"),
    [
        ("port", None, "has no port"),
        ("serverAddress", '"nowhere"', "its values are no login"),
        ("authKey", '{"type": "Buffer", "data": [1, 2]}', "its values are no login"),
        ("authKey", '{"type": "Buffer", "data": [1, 2, 300]}', "its values are no login"),
        ("dcId", "{", "is damaged"),
    ],
)
def test_a_folder_of_gramjs_that_is_not_whole_is_refused(
    tmp_path: Path, gone: str, text: str | None, said: str
) -> None:
    folder = shutil.copytree(HERE / "gramjs-store", tmp_path / "store")
    (path,) = folder.glob(f"*{gone}")
    if text is None:
        path.unlink()
    else:
        path.write_text(text)

    with pytest.raises(LoginFormatError, match=said):
        read_login(folder)


@pytest.mark.parametrize(
    ("name", "how", "expected", "key"),
    [
        ("tdata-one", {}, (4, USER, (1, 1)), KEY),
        ("tdata-one", {"account": 1}, (4, USER, (1, 1)), KEY),
        ("tdata-two", {"account": 1}, (4, USER, (1, 2)), KEY),
        ("tdata-two", {"account": 2}, (2, USER + 1, (2, 2)), SECOND),
        ("tdata-passcode", {"passcode": "opensesame"}, (4, USER, (1, 1)), KEY),
    ],
)
def test_telegram_desktops_folder_is_read(
    name: str, how: dict[str, object], expected: tuple[int, int, tuple[int, int]], key: bytes
) -> None:
    found = read_login(HERE / name, **how)  # type: ignore[arg-type]  # a table of keywords

    assert found.format is LoginFormat.TDATA
    assert (found.stored.parts.dc_id, found.stored.user_id, found.account) == expected
    assert found.stored.parts.key == key


def test_the_folder_around_tdata_will_do(tmp_path: Path) -> None:
    shutil.copytree(HERE / "tdata-one", tmp_path / "Telegram" / "tdata")

    assert read_login(tmp_path / "Telegram").stored.parts.key == KEY


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("tdata-two", {}, "holds 2 accounts; choose one of them: --account 1 to 2"),
        ("tdata-two", {"account": 3}, "has no account 3"),
        ("tdata-one", {"account": 0}, "has no account 0"),
        ("tdata-passcode", {}, "has a local passcode"),
        ("tdata-passcode", {"passcode": "open"}, "does not open by that passcode"),
    ],
)
def test_a_folder_of_telegram_desktop_says_what_it_needs(
    name: str, how: dict[str, object], said: str
) -> None:
    with pytest.raises(LoginFormatError, match=said):
        read_login(HERE / name, **how)  # type: ignore[arg-type]  # a table of keywords


@pytest.mark.parametrize("file", ["key_datas", "D877F783D5D3EF8Cs"])
def test_a_damaged_file_of_telegram_desktop_never_gives_another_key(
    tmp_path: Path, file: str
) -> None:
    folder = shutil.copytree(HERE / "tdata-one", tmp_path / "tdata")
    whole = (folder / file).read_bytes()
    for at in range(len(whole)):
        (folder / file).write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(LoginFormatError, match=str(folder)):
            read_login(folder)
    (folder / file).unlink()
    with pytest.raises(LoginFormatError):
        read_login(folder)


@pytest.mark.parametrize(
    ("file", "contents", "said"),
    [
        ("td.binlog", b"\x01\x02", "is TDLib's"),
        ("safe.php", b"<?php", "is MadelineProto's"),
        ("a.session", b"", "empty"),
        ("a.session", b"\x00\x01\x02", "no login of a program that is known"),
        ("a.txt", b"hello", "no session string that is known"),
    ],
)
def test_what_is_none_is_named_with_the_way_out(
    tmp_path: Path, file: str, contents: bytes, said: str
) -> None:
    (tmp_path / file).write_bytes(contents)

    with pytest.raises((LoginFormatError, TelethonFileDamagedError), match=said):
        read_login(tmp_path / file)


@pytest.mark.parametrize("schema", ["create table datacenter (id, addr, auth)"])
def test_telethon_2_is_named(given_file: Path, schema: str) -> None:
    with contextlib.closing(sqlite3.connect(given_file)) as database, database:
        database.execute(schema)

    with pytest.raises(LoginFormatError, match="Telethon 2"):
        read_login(given_file)


def test_a_file_that_holds_a_string_is_read(tmp_path: Path) -> None:
    path = tmp_path / "string.txt"
    path.write_text(f"{STRINGS['mtcute full']}\n", encoding="utf-8-sig")

    assert read_login(path).format is LoginFormat.MTCUTE_STRING


def test_a_folder_of_nobody_is_refused(tmp_path: Path) -> None:
    (tmp_path / "td.binlog").touch()
    with pytest.raises(LoginFormatError, match="TDLib"):
        read_login(tmp_path)
    (tmp_path / "td.binlog").unlink()

    with pytest.raises(LoginFormatError, match="no program that is known"):
        read_login(tmp_path)


def test_nothing_of_a_key_is_shown() -> None:
    found = read_login(HERE / "tdata-one")

    assert repr(KEY)[:40] not in repr(found)
    assert KEY.hex()[:20] not in repr(found)
