"""Sealing: what opens, what does not, and what is told of it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telewarden.errors import SealDamagedError, WrongMasterKeyError
from telewarden.storage import MasterKey, Vault

pytestmark = pytest.mark.storage

TEXT = MasterKey.generate()
VAULT = Vault(MasterKey.from_text(TEXT))
BLOB = VAULT.seal("user_sessions/alice", b"secret")


@given(st.text(), st.binary(max_size=500))
def test_what_was_sealed_for_a_row_opens_there(row: str, plaintext: bytes) -> None:
    assert VAULT.open(row, VAULT.seal(row, plaintext)) == plaintext


def test_the_same_value_never_looks_the_same_twice() -> None:
    assert VAULT.seal("row", b"secret") != VAULT.seal("row", b"secret")
    assert b"secret" not in BLOB


def test_a_value_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(SealDamagedError, match="another row"):
        VAULT.open("user_sessions/bob", BLOB)


@pytest.mark.parametrize("position", range(len(BLOB)))
def test_a_flipped_bit_anywhere_is_noticed(position: int) -> None:
    damaged = bytearray(BLOB)
    damaged[position] ^= 1

    with pytest.raises(SealDamagedError, match="user_sessions/alice"):
        VAULT.open("user_sessions/alice", bytes(damaged))


@pytest.mark.parametrize("length", range(len(BLOB)))
def test_a_cut_value_is_noticed(length: int) -> None:
    with pytest.raises(SealDamagedError):
        VAULT.open("user_sessions/alice", BLOB[:length])


def test_the_slots_and_the_master_key_open_everything_again() -> None:
    later = Vault(MasterKey.from_text(TEXT), VAULT.slots)

    assert later.open("user_sessions/alice", BLOB) == b"secret"


def test_another_master_key_is_refused_by_name() -> None:
    other = MasterKey.from_env("OTHER", environ={"OTHER": MasterKey.generate()})

    with pytest.raises(WrongMasterKeyError, match="environment variable OTHER"):
        Vault(other, VAULT.slots)


def test_a_passphrase_does_not_open_what_a_key_sealed() -> None:
    with pytest.raises(WrongMasterKeyError):
        Vault(MasterKey.from_passphrase("correct horse battery"), VAULT.slots)


def test_a_passphrase_seals_and_opens() -> None:
    vault = Vault(MasterKey.from_passphrase("correct horse battery"))
    blob = vault.seal("row", b"secret")

    later = Vault(MasterKey.from_passphrase("correct horse battery"), vault.slots)

    assert later.open("row", blob) == b"secret"
    with pytest.raises(WrongMasterKeyError):
        Vault(MasterKey.from_passphrase("incorrect horse battery"), vault.slots)


@settings(deadline=None)
@given(st.integers(0, 59))
def test_a_damaged_slot_is_damage_and_not_a_wrong_key(position: int) -> None:
    wrapped = bytearray(VAULT.slot.wrapped)
    wrapped[position] ^= 1
    slot = dataclasses.replace(VAULT.slot, wrapped=bytes(wrapped))

    with pytest.raises(SealDamagedError, match="slot was altered"):
        Vault(MasterKey.from_text(TEXT), [slot])


def test_a_slot_cut_to_nothing_is_damage() -> None:
    with pytest.raises(SealDamagedError):
        Vault(MasterKey.from_text(TEXT), [dataclasses.replace(VAULT.slot, wrapped=b"")])


def test_a_value_of_another_vault_names_the_missing_data_key() -> None:
    stranger = Vault(MasterKey.from_text(TEXT))

    with pytest.raises(SealDamagedError, match=r"data key .* is not in this vault"):
        VAULT.open("row", stranger.seal("row", b"secret"))


def test_a_lent_data_key_opens_and_does_not_seal() -> None:
    own, other = (Vault(MasterKey.from_text(TEXT)) for _ in range(2))
    current = own.slot

    own.adopt_for_opening(other.slot)

    assert own.open("row", other.seal("row", b"secret")) == b"secret"
    assert own.slot == current


def test_a_new_master_key_opens_old_values_and_the_old_one_does_not_open_the_new_slots() -> None:
    new = MasterKey.from_text(MasterKey.generate())

    rewrapped = VAULT.rewrapped(new)

    assert rewrapped.open("user_sessions/alice", BLOB) == b"secret"
    assert Vault(new, rewrapped.slots).open("user_sessions/alice", BLOB) == b"secret"
    with pytest.raises(WrongMasterKeyError):
        Vault(MasterKey.from_text(TEXT), rewrapped.slots)


def test_a_new_data_key_seals_from_now_on_and_the_old_one_still_opens() -> None:
    fresh = VAULT.with_new_data_key()
    blob = fresh.seal("row", b"new")

    assert fresh.open("user_sessions/alice", BLOB) == b"secret"
    assert Vault(MasterKey.from_text(TEXT), fresh.slots).open("row", blob) == b"new"
    with pytest.raises(SealDamagedError):
        VAULT.open("row", blob)


def test_no_secret_is_in_a_repr() -> None:
    shown = f"{VAULT!r} {VAULT.slot!r}"

    for secret in (TEXT, VAULT.slot.wrapped.hex(), repr(VAULT.slot.wrapped), "secret"):
        assert secret not in shown
