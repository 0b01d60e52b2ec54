"""Session strings: what Telethon writes is read, what is damaged is named."""

from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.crypto import AuthKey
from telethon.sessions import StringSession

from telewarden.errors import SessionStringDamagedError
from telewarden.telegram import (
    SessionString,
    WardenSession,
    check_string,
    format_string,
    key_id_of,
    parse_string,
)

pytestmark = pytest.mark.telegram

KEY = bytes(range(256))
NOWHERE = "0.0.0.0"  # noqa: S104 - nothing listens, it is a damaged address


def written_by_telethon(host: str = "149.154.167.51") -> str:
    session = StringSession()
    session.set_dc(2, host, 443)
    session.auth_key = AuthKey(KEY)
    return str(session.save())


@pytest.mark.parametrize("host", ["149.154.167.51", "2001:67c:4e8:f002::a"])
def test_a_string_of_telethon_is_read_and_written_back(host: str) -> None:
    text = written_by_telethon(host)

    parts = parse_string(text)

    assert parts == SessionString(dc_id=2, host=host, port=443, key=KEY)
    assert format_string(parts) == text
    assert WardenSession.from_string(text).to_string() == text
    assert StringSession(format_string(parts)).auth_key.key == KEY


def test_an_error_of_a_damaged_string_brings_no_other_along_that_holds_it() -> None:
    text = written_by_telethon()
    for damaged in (f"{text[:200]}é{text[201:]}", f"{text[:200]}!{text[201:]}", text[:-1] + "-"):
        with pytest.raises(SessionStringDamagedError) as caught:
            parse_string(damaged)
        behind = caught.value.__cause__ or caught.value.__context__
        assert text[1:100] not in repr(behind) + repr(vars(behind) if behind else "")
        assert not isinstance(behind, UnicodeError)


def test_the_key_id_is_telethons() -> None:
    assert key_id_of(KEY) == AuthKey(KEY).key_id
    assert WardenSession.from_string(written_by_telethon()).key_id == AuthKey(KEY).key_id


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("2" + written_by_telethon()[1:], "starts with '2'"),
        (written_by_telethon()[:-1], "352 characters"),
        (written_by_telethon() + "A", "354 characters"),
        (written_by_telethon()[:40] + "!" + written_by_telethon()[41:], "characters"),
        (written_by_telethon()[:40] + "ä" + written_by_telethon()[41:], "characters"),
        ("B" * 351, "import_any"),
        ("hello", "import_any"),
        (format_string(SessionString(dc_id=2, host="1.2.3.4", port=443, key=bytes(256))), "no key"),
        (format_string(SessionString(dc_id=2, host=NOWHERE, port=443, key=KEY)), "no server"),
        (format_string(SessionString(dc_id=0, host="1.2.3.4", port=443, key=KEY)), "centre 0"),
        (format_string(SessionString(dc_id=2, host="1.2.3.4", port=0, key=KEY)), "port 0"),
    ],
)
def test_a_damaged_string_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(SessionStringDamagedError, match=why):
        parse_string(text)


@given(st.integers(1, 352), st.sampled_from("AQgw05-_"))
def test_an_altered_string_is_noticed_by_its_digest(at: int, letter: str) -> None:
    text = written_by_telethon()
    parts = parse_string(text)
    altered = text[:at] + letter + text[at + 1 :]
    if altered == text:
        return

    with pytest.raises(SessionStringDamagedError):
        check_string(altered, digest=parts.digest, key_id=parts.key_id)


def test_a_string_with_another_key_is_refused() -> None:
    with pytest.raises(SessionStringDamagedError, match="another key"):
        check_string(written_by_telethon(), key_id=1)


def test_no_repr_shows_the_key() -> None:
    parts = parse_string(written_by_telethon())

    assert str(KEY)[10:40] not in repr(parts)
    assert "key " in repr(WardenSession.from_parts(parts))
    assert format_string(parts)[20:60] not in repr(WardenSession.from_parts(parts))


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SessionStringDamagedError):
        parse_string(text)


def test_random_keys_round_trip() -> None:
    for _ in range(50):
        parts = SessionString(dc_id=5, host="127.0.0.1", port=65535, key=os.urandom(256))
        assert parse_string(format_string(parts)) == parts
