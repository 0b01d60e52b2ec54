"""Where a master key comes from and what is refused."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.errors import MasterKeyError, MasterKeyMalformedError, MasterKeyMissingError
from telewarden.storage import MasterKey

pytestmark = pytest.mark.storage

TEXT = MasterKey.generate()


def test_a_generated_key_is_new_each_time_and_reads_back() -> None:
    first, second = MasterKey.generate(), MasterKey.generate()

    assert first != second
    assert MasterKey.from_text(first).derive(b"s") == MasterKey.from_text(f" {first}\n").derive(
        b"s"
    )
    assert MasterKey.from_text(first).derive(b"s") != MasterKey.from_text(second).derive(b"s")


def test_a_key_is_read_from_the_environment() -> None:
    key = MasterKey.from_env("TW_KEY", environ={"TW_KEY": TEXT})

    assert key.derive(b"s") == MasterKey.from_text(TEXT).derive(b"s")
    assert key.origin == "environment variable TW_KEY"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TW_KEY", TEXT)

    assert MasterKey.from_env("TW_KEY").derive(b"s") == MasterKey.from_text(TEXT).derive(b"s")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MasterKeyMissingError, match=r"TW_KEY is not set; .*telewarden keygen"):
        MasterKey.from_env("TW_KEY", environ={})


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_variable_is_named(text: str) -> None:
    with pytest.raises(MasterKeyMissingError, match="environment variable TW_KEY is empty"):
        MasterKey.from_env("TW_KEY", environ={"TW_KEY": text})


def test_a_key_is_read_from_a_private_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key"
    path.write_text(TEXT + "\n")
    path.chmod(0o600)

    assert MasterKey.from_file(path).derive(b"s") == MasterKey.from_text(TEXT).derive(b"s")
    assert not caplog.records


def test_a_file_open_to_others_is_used_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key"
    path.write_text(TEXT)
    path.chmod(0o644)

    with caplog.at_level(logging.WARNING):
        MasterKey.from_file(path)

    assert "open to others" in caplog.text
    assert "mode=0644" in caplog.text
    assert TEXT not in caplog.text


@pytest.mark.parametrize("make", [Path.mkdir, str, lambda path: path.write_text("")])
def test_a_file_without_a_key_is_named(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "key"
    make(path)

    with pytest.raises(MasterKeyMissingError, match=r"file .*/key"):
        MasterKey.from_file(path)


def test_a_binary_file_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(range(128, 256)))

    with pytest.raises(MasterKeyMalformedError, match="is not text"):
        MasterKey.from_file(path)


@given(st.integers(5, len(TEXT) - 1), st.sampled_from("ABCxyz019_-"))
def test_any_mistyped_character_is_noticed(position: int, letter: str) -> None:
    typed = TEXT[:position] + letter + TEXT[position + 1 :]
    if typed == TEXT:
        return

    with pytest.raises(MasterKeyMalformedError):
        MasterKey.from_text(typed)


@given(st.text(max_size=80))
def test_any_other_text_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(MasterKeyError) as caught:
        MasterKey.from_text(text, origin="a test")

    if len(text) > 20:
        assert text not in str(caught.value)


@pytest.mark.parametrize(
    "cut",
    [TEXT[:-1], TEXT + "A", TEXT[5:], "twk2_" + TEXT[5:]],
    ids=["shorter", "longer", "no prefix", "another version"],
)
def test_a_cut_key_is_malformed_not_wrong(cut: str) -> None:
    with pytest.raises(MasterKeyMalformedError):
        MasterKey.from_text(cut)


def test_a_passphrase_is_stretched_and_must_not_be_short() -> None:
    key = MasterKey.from_passphrase("correct horse battery")

    assert key.kdf == "scrypt"
    assert key.derive(b"salt") == MasterKey.from_passphrase("correct horse battery").derive(b"salt")
    assert key.derive(b"salt") != key.derive(b"pepper")
    with pytest.raises(MasterKeyMalformedError, match="under 12"):
        MasterKey.from_passphrase("short")
    with pytest.raises(MasterKeyMissingError):
        MasterKey.from_passphrase("")


def test_a_key_shows_its_origin_and_never_itself() -> None:
    key = MasterKey.from_env("TW_KEY", environ={"TW_KEY": TEXT})

    assert repr(key) == "<MasterKey from environment variable TW_KEY>"
    assert TEXT not in f"{key} {key!r} {key.__class__.__slots__}"


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy])
def test_a_key_does_not_leave_its_process(leave: Callable[[MasterKey], object]) -> None:
    with pytest.raises(TypeError, match="does not leave its process"):
        leave(MasterKey.from_text(TEXT))


class Drawer:
    """A keyring that holds one secret."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def get_password(self, service: str, name: str, /) -> str | None:
        return self.text if (service, name) == ("telewarden", "main") else None


class LockedDrawer(Drawer):
    """A keyring whose owner is not logged in."""

    def get_password(self, service: str, name: str, /) -> str | None:
        raise RuntimeError(f"locked; secret {self.text}")


def test_a_key_is_read_from_the_systems_keyring() -> None:
    text = MasterKey.generate()

    key = MasterKey.from_keyring("telewarden", "main", keyring=Drawer(text))

    assert key.derive(b"salt") == MasterKey.from_text(text).derive(b"salt")
    assert key.origin == "keyring telewarden/main"


@pytest.mark.parametrize("keyring", [Drawer(None), LockedDrawer("twk1_secret")])
def test_a_keyring_without_the_key_says_so_and_no_more(keyring: Drawer) -> None:
    with pytest.raises(MasterKeyMissingError) as caught:
        MasterKey.from_keyring("telewarden", "main", keyring=keyring)

    assert "twk1" not in str(caught.value)
