"""A machine-wide claim on an auth key: an abstract Unix socket name.

Any user may take such a name. So who claims a key proves there that he has it (``claim_witness``);
a name that a stranger has taken keeps nobody out, as there are others that only an owner of the key
can think of. Each owner takes the first that is free, and looks at all of them.

The lease is a lock on a file in one folder. Where that folder is removed while it is in use, or
copied with all that is in it, there are two files and two locks for one key. So a key also has a
name among the abstract Unix sockets of Linux: the kernel takes it back, like the lock, the moment
its process dies. Elsewhere, and in another network namespace, the lock alone decides.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import logging
import socket
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from .claim_witness import Witness, WitnessAnswer, ask, proof_of
from .process_info import who_listens

logger = logging.getLogger(__name__)

NAME: Final = "telewarden/{:016x}"
NAMES: Final = 8  # of a key; who watches learns one with each owner that had to move on
WAITING: Final = 64  # who may wait to be answered
WITNESS: Final = Witness()
FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Claim(Protocol):
    """What is held while a key is claimed."""

    def close(self) -> None:
        """Give the claim up; a second time does nothing."""


class NoClaim:
    """Stands for a claim where there are none."""

    def close(self) -> None:
        """Nothing is held."""


class _Held:
    """A name that is held, at which the witness answers."""

    def __init__(self, holder: socket.socket) -> None:
        self._holder = holder

    def close(self) -> None:
        """Give the claim up; a second time does nothing."""
        if self._holder.fileno() >= 0:
            WITNESS.leave(self._holder)
            self._holder.close()


def claim(key_id: int, key: bytes | None = None) -> Claim | None:
    """Claim a key for this process; ``None`` if another holds it, or this one already.

    Args:
        key_id: the auth key's id.
        key: the auth key itself. With it strangers are told from owners; without, whoever has
            taken the name holds the key.

    Raises:
        OSError: the process has no room for one more socket.
    """
    if sys.platform != "linux":
        return NoClaim()
    proof = None if key is None else proof_of(key)
    try:
        return _claimed(_names(key_id, proof), proof)
    except OSError as exc:
        if exc.errno in FULL:
            raise
        logger.debug("key not claimed key=%016x why=%s", key_id, exc.strerror)  # a sandbox, say
        return NoClaim()


def _claimed(names: Sequence[str], proof: bytes | None) -> Claim | None:
    mine: socket.socket | None = None
    try:
        for name in names:
            taken = False
            if mine is None:
                mine = _bound(name)
                if mine is not None:
                    continue
                taken = True
            if ask(name, proof, taken=taken) == WitnessAnswer.OWNER:
                return None
        held, mine = mine, None
    finally:
        if mine is not None:
            mine.close()
    if held is None:
        logger.error("strangers have taken every name of a key; only its lock protects it now")
        return NoClaim()
    WITNESS.answer_at(held, proof)
    return _Held(held)


def _bound(name: str) -> socket.socket | None:
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(name)
        holder.listen(WAITING)
    except OSError as exc:
        holder.close()
        if exc.errno == errno.EADDRINUSE:
            return None
        raise
    return holder


def _names(key_id: int, proof: bytes | None) -> list[str]:
    """The names of a key, first the one that everybody can think of."""
    names = ["\0" + NAME.format(key_id)]
    if proof is not None:
        names += [
            "\0telewarden/" + hmac.digest(proof, bytes([number]), hashlib.sha256)[:16].hex()
            for number in range(1, NAMES)
        ]
    return names


def claimant(key_id: int) -> int | None:
    """Return the number of the process that has claimed a key; 0 if it cannot be told who.

    ``None`` where nobody has. Blocks: it looks through the processes of this machine.
    """
    return who_listens(NAME.format(key_id))
