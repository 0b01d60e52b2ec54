"""Sealed session files: written whole, checked to the last byte, never deleted when damaged."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telewarden.errors import (
    InvalidRecordError,
    SessionFileDamagedError,
    StorageFullError,
    StorageNotWritableError,
    WrongMasterKeyError,
)
from telewarden.storage import MasterKey, SessionFiles, Store, Vault
from telewarden.storage.files.session_files import BODY, HEADER

pytestmark = pytest.mark.storage

STRING = "1" + "A" * 352
KEY = 0xDEAD_BEEF_0000_0001
TEXT = MasterKey.generate()


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    return SessionFiles(tmp_path / "sessions", Vault(MasterKey.from_text(TEXT)))


@pytest.fixture
def written(files: SessionFiles) -> SessionFiles:
    files.write("alice", STRING, key_id=KEY, dc_id=2)
    return files


def test_a_string_comes_back_and_is_not_in_the_file(files: SessionFiles) -> None:
    path = files.write("alice", STRING, key_id=KEY, dc_id=2)

    assert files.read("alice") == STRING
    assert files.read("alice", key_id=KEY) == STRING
    assert b"A" * 20 not in path.read_bytes()
    assert files.names() == ["alice"]
    assert files.exists("alice")
    assert not files.exists("bob")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=1000), key_id=st.integers(0, 2**64 - 1), dc_id=st.integers(0, 65535))
def test_any_string_comes_back_exactly(
    files: SessionFiles, text: str, key_id: int, dc_id: int
) -> None:
    files.write("alice", text, key_id=key_id, dc_id=dc_id)

    facts = files.info("alice")

    assert files.read("alice", key_id=key_id) == text
    assert (facts.key_id, facts.dc_id) == (key_id, dc_id)


def test_files_and_folder_are_private(written: SessionFiles) -> None:
    path = written.path("alice")

    assert path.name == "alice.twsession"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_master_key_alone_opens_a_file_when_the_database_is_lost(
    tmp_path: Path, master: MasterKey
) -> None:
    with Store.open(tmp_path / "one" / "warden.db", master) as store:
        SessionFiles(tmp_path / "sessions", store.vault).write("alice", STRING)

    with Store.open(tmp_path / "two" / "warden.db", master) as fresh:
        files = SessionFiles(tmp_path / "sessions", fresh.vault)
        own = fresh.vault.slot

        assert files.read("alice") == STRING
        assert fresh.vault.slot == own


def test_another_master_key_is_a_wrong_key_and_not_damage(written: SessionFiles) -> None:
    other = SessionFiles(
        written.path("alice").parent, Vault(MasterKey.from_text(MasterKey.generate()))
    )

    with pytest.raises(WrongMasterKeyError, match=r"alice\.twsession"):
        other.read("alice")


def test_a_file_written_again_is_replaced_whole(written: SessionFiles) -> None:
    written.write("alice", "newer", key_id=7, dc_id=4)

    assert written.read("alice") == "newer"
    assert [path.name for path in written.path("alice").parent.iterdir()] == ["alice.twsession"]


def test_a_missing_file_is_said_to_be_missing(files: SessionFiles) -> None:
    with pytest.raises(SessionFileDamagedError, match="there is no such file"):
        files.read("alice")
    with pytest.raises(SessionFileDamagedError, match="there is no such file"):
        files.quarantine("alice", "damaged")


def test_a_file_cut_at_any_byte_is_damaged_and_stays(written: SessionFiles) -> None:
    path = written.path("alice")
    content = path.read_bytes()

    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(SessionFileDamagedError) as caught:
            written.read("alice")
        assert caught.value.offset <= length
        assert path.read_bytes() == content[:length]


@pytest.mark.parametrize("bit", [0, 7])
def test_a_file_with_any_bit_flipped_is_damaged(written: SessionFiles, bit: int) -> None:
    path = written.path("alice")
    content = path.read_bytes()

    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises(SessionFileDamagedError) as caught:
            written.read("alice")
        assert "A" * 20 not in str(caught.value)


def test_a_damaged_header_is_never_taken_for_a_wrong_master_key(written: SessionFiles) -> None:
    path = written.path("alice")
    content = path.read_bytes()
    stranger = SessionFiles(path.parent, Vault(MasterKey.from_text(TEXT)))

    for position in range(BODY):
        damaged = bytearray(content)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        for read in (stranger.read, written.info):
            with pytest.raises(SessionFileDamagedError):
                read("alice")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2000))
def test_any_other_content_is_damaged(files: SessionFiles, content: bytes) -> None:
    path = files.write("alice", STRING)
    path.write_bytes(content)

    with pytest.raises(SessionFileDamagedError):
        files.read("alice")


@pytest.mark.parametrize("more", [b"\0", b"x" * 100, b"y" * 100_000])
def test_a_file_with_more_at_its_end_is_damaged(written: SessionFiles, more: bytes) -> None:
    path = written.path("alice")
    path.write_bytes(path.read_bytes() + more)

    with pytest.raises(SessionFileDamagedError):
        written.read("alice")


def test_a_telethon_file_is_not_taken_for_a_sealed_one(files: SessionFiles) -> None:
    path = files.write("alice", STRING)
    path.write_bytes(b"SQLite format 3\0" + b"\0" * 8000)

    with pytest.raises(SessionFileDamagedError, match="no sealed session file"):
        files.read("alice")


def forged(content: bytes, **changes: object) -> bytes:
    """A header with a right checksum and wrong facts, as a writer with a fault would make it."""
    names = ("magic", "version", "length", "key_id", "dc_id", "digest")
    fields = list(HEADER.unpack(content[: HEADER.size]))
    for name, value in changes.items():
        fields[names.index(name)] = value
    header = HEADER.pack(*fields)
    return header + struct.pack(">I", zlib.crc32(header)) + content[BODY:]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"key_id": 7}, "altered or belongs to another row"),
        ({"dc_id": 9}, "altered or belongs to another row"),
        ({"digest": b"\1" * 32}, "altered or belongs to another row"),
        ({"version": 2}, "version 2 is not known"),
        ({"length": 9}, "is not known"),
    ],
)
def test_a_header_with_a_right_checksum_and_wrong_facts_is_damaged(
    written: SessionFiles, changes: dict[str, object], what: str
) -> None:
    path = written.path("alice")
    path.write_bytes(forged(path.read_bytes(), **changes))

    with pytest.raises(SessionFileDamagedError, match=what):
        written.read("alice")


def test_the_header_and_the_body_of_two_files_do_not_fit(written: SessionFiles) -> None:
    first = written.path("alice").read_bytes()
    second = written.write("bob", "another", key_id=7, dc_id=4).read_bytes()

    written.path("alice").write_bytes(second[:BODY] + first[BODY:])

    with pytest.raises(SessionFileDamagedError, match="altered or belongs to another row"):
        written.read("alice")


def test_a_file_renamed_to_another_session_is_damaged(written: SessionFiles) -> None:
    written.path("alice").rename(written.path("bob"))

    with pytest.raises(SessionFileDamagedError, match="another row"):
        written.read("bob")


def test_a_file_with_another_key_than_asked_for_is_refused(written: SessionFiles) -> None:
    with pytest.raises(SessionFileDamagedError, match="not 0000000000000007"):
        written.read("alice", key_id=7)


def test_the_header_is_read_when_the_body_is_damaged(written: SessionFiles) -> None:
    path = written.path("alice")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    facts = written.info("alice")

    assert (facts.key_id, facts.dc_id, facts.size) == (KEY, 2, len(content))


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "loop"])
def test_what_is_no_file_is_damaged_and_nothing_hangs(files: SessionFiles, kind: str) -> None:
    path = files.path("alice")
    path.parent.mkdir(mode=0o700)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(files.write("alice", STRING).rename(path.parent / "elsewhere"))
        case _:
            path.symlink_to(path)

    assert files.exists("alice")
    with pytest.raises(SessionFileDamagedError):
        files.read("alice")


def test_a_damaged_file_is_set_aside_and_never_overwritten(written: SessionFiles) -> None:
    moved = []
    for number in range(3):
        written.path("alice").write_bytes(b"damage %d" % number)
        moved.append(written.quarantine("alice", "digest/does not: match!"))

    assert [path.read_bytes() for path in moved] == [b"damage 0", b"damage 1", b"damage 2"]
    assert [path.name for path in moved] == [
        f"alice.{number}.digest-does-not-match.twsession" for number in (1, 2, 3)
    ]
    assert written.quarantined() == moved
    assert not written.exists("alice")
    assert written.names() == []


def test_a_quarantine_without_a_speakable_reason_still_works(written: SessionFiles) -> None:
    assert written.quarantine("alice", "…").name == "alice.1.damaged.twsession"


def test_a_file_of_a_logged_out_session_is_removed(written: SessionFiles) -> None:
    assert written.delete("alice")
    assert not written.delete("alice")
    assert not written.exists("alice")


@pytest.mark.parametrize("name", ["../alice", "a/b", "", "."])
def test_a_name_cannot_leave_the_folder(files: SessionFiles, name: str) -> None:
    with pytest.raises(InvalidRecordError):
        files.write(name, STRING)


def test_an_unwritable_folder_is_said_and_the_old_file_stays(unprivileged: Path) -> None:
    files = SessionFiles(unprivileged, Vault(MasterKey.from_text(TEXT)))
    files.write("alice", STRING)
    unprivileged.chmod(0o500)

    with pytest.raises(StorageNotWritableError):
        files.write("alice", "newer")
    with pytest.raises(StorageNotWritableError):
        files.quarantine("alice", "damaged")
    with pytest.raises(StorageNotWritableError):
        files.delete("alice")

    assert files.read("alice") == STRING
    unprivileged.chmod(0o700)


def test_an_unreadable_file_is_damaged_as_far_as_we_can_tell(unprivileged: Path) -> None:
    files = SessionFiles(unprivileged, Vault(MasterKey.from_text(TEXT)))
    files.write("alice", STRING).chmod(0o000)

    with pytest.raises(SessionFileDamagedError, match="permission denied"):
        files.read("alice")


def test_a_full_disk_leaves_the_old_file(small_disk: Path) -> None:
    files = SessionFiles(small_disk / "sessions", Vault(MasterKey.from_text(TEXT)))
    files.write("alice", STRING)
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):  # noqa: PT012 - fills up
        while True:
            filler.write(b"x" * 4096)

    with pytest.raises(StorageFullError, match="no space is left"):
        files.write("alice", "x" * 50_000)

    assert files.read("alice") == STRING
    assert sorted(path.name for path in files.path("alice").parent.iterdir()) == ["alice.twsession"]


def test_no_secret_is_in_a_repr(written: SessionFiles) -> None:
    assert "A" * 20 not in f"{written!r} {written.info('alice')!r}"
