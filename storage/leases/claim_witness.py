"""Challenge and response that prove a claim's holder has the auth key.

A name among the abstract sockets can be taken by any user of the machine. So who claims a key
listens there, and answers a random number with what only an owner of the key can make of it. It
is answered in a thread of its own: an event loop may be held up, and silence means a stranger.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import selectors
import socket
import threading
import time
from typing import Final

from ...peer_credentials import Peer, is_trusted, peer_of
from .process_info import user_of, who_listens

logger = logging.getLogger(__name__)

PURPOSE: Final = b"telewarden claim v1"
NONCE: Final = 32  # bytes
ANSWER: Final = 32  # bytes
ANSWER_WITHIN: Final = 0.5  # seconds; it takes a few milliseconds, more on a machine that is busy
BACKLOG: Final = 64
ASKERS: Final = 64  # that are listened to at once; the longest silent one makes room
TRIES: Final = 3  # connects to a name that is taken and not listened on (yet)
BETWEEN: Final = 0.002  # seconds; who binds listens a moment later

strangers: dict[Peer, float] = {}
"""Who has failed to prove it, and when (monotonic): he is not asked again for a while."""
STRANGE_FOR: Final = 60.0  # seconds


class WitnessAnswer:
    """What came of asking at a name: nobody is there, an owner of the key, or a stranger."""

    NOBODY: Final = "nobody"
    OWNER: Final = "owner"
    STRANGER: Final = "stranger"


def proof_of(key: bytes) -> bytes:
    """What an owner of an auth key proves that with; the key cannot be found from it."""
    return hmac.digest(key, PURPOSE, hashlib.sha256)


def ask(name: str, proof: bytes | None, *, taken: bool = False) -> str:
    """Find out who is at a name.

    A process of this user, or root's, is an owner. Of another user one has to prove it; who cannot,
    or says nothing, is a stranger. Without a proof of our own to compare with he is an owner.

    Args:
        name: the socket's.
        proof: what an owner has.
        taken: whether somebody is there for sure.
    """
    refused, late = 0, time.monotonic() + ANSWER_WITHIN
    while refused < TRIES and time.monotonic() < late:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(ANSWER_WITHIN)
            try:
                probe.connect(name)
            except ConnectionRefusedError:
                if not taken:
                    return WitnessAnswer.NOBODY
                refused += 1
            except BlockingIOError:
                pass  # others ask, too
            except OSError:  # it is no such socket
                break
            else:
                return _judge(probe, proof)
        time.sleep(BETWEEN)
    if proof is None or _is_ours(name):
        return WitnessAnswer.OWNER
    return WitnessAnswer.STRANGER


def _is_ours(name: str) -> bool:
    """Whether who cannot be asked is a process of this user, or root's, as far as can be seen."""
    pid = who_listens(name.removeprefix("\0"))
    uid = user_of(pid) if pid else None
    return uid is not None and is_trusted(uid)


def _judge(probe: socket.socket, proof: bytes | None) -> str:
    peer = peer_of(probe)
    if peer is None or is_trusted(peer.uid) or proof is None:
        return WitnessAnswer.OWNER
    now = time.monotonic()
    if now - strangers.get(peer, -STRANGE_FOR) < STRANGE_FOR:
        return WitnessAnswer.STRANGER
    if _proves(probe, proof):
        return WitnessAnswer.OWNER
    strangers[peer] = now
    logger.warning("a key's name is taken by a stranger: %s; another is used", peer)
    return WitnessAnswer.STRANGER


def _proves(probe: socket.socket, proof: bytes) -> bool:
    nonce = secrets.token_bytes(NONCE)
    with contextlib.suppress(OSError):
        probe.sendall(nonce)
        answer = probe.recv(ANSWER)
        return hmac.compare_digest(answer, _answer(proof, nonce))
    return False


def _answer(proof: bytes, nonce: bytes) -> bytes:
    return hmac.digest(proof, nonce, hashlib.sha256)


class Witness:
    """Answers for all claims of this process, in a thread that lives as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._round: _Round | None = None

    def answer_at(self, listening: socket.socket, proof: bytes | None) -> None:
        """Prove it to whoever connects, until ``leave``; without a proof only hear them out."""
        listening.setblocking(False)
        with self._lock:
            if self._round is None:
                self._round = _Round()
            self._round.add(listening, proof or b"")

    def leave(self, listening: socket.socket) -> None:
        """Answer no more at a socket, which is about to be closed."""
        with self._lock:
            if self._round is not None and self._round.remove(listening):
                self._round = None


class _Round:
    """One thread and what it listens to."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._stop, self._stopping = os.pipe2(os.O_CLOEXEC)
        self._selector.register(self._stop, selectors.EVENT_READ)
        self._listening: set[socket.socket] = set()
        self._askers: dict[socket.socket, bytes] = {}
        threading.Thread(target=self._serve, name="claims", daemon=True).start()

    def add(self, listening: socket.socket, proof: bytes) -> None:
        self._listening.add(listening)
        self._selector.register(listening, selectors.EVENT_READ, proof)

    def remove(self, listening: socket.socket) -> bool:
        """Tell whether that was the last one; the thread ends then."""
        if listening not in self._listening:
            return False
        self._listening.discard(listening)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(listening)
        if not self._listening:
            os.write(self._stopping, b"x")
        return not self._listening

    def _serve(self) -> None:
        """Look at what is ready; an epoll tells of what another thread adds by itself."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == self._stop:
                    self._end()
                    return
                try:
                    self._look(key)
                except (KeyError, ValueError):
                    continue  # it was taken away just now
                except OSError:
                    time.sleep(BETWEEN)  # no descriptor is left, say: it stays ready

    def _look(self, key: selectors.SelectorKey) -> None:
        ready: socket.socket = key.fileobj  # type: ignore[assignment]  # what was registered
        if ready in self._askers:
            self._reply(ready, self._askers.pop(ready))
            return
        asker, _ = ready.accept()
        if not key.data:
            asker.close()
            return
        asker.setblocking(False)
        if len(self._askers) >= ASKERS:
            silent = next(iter(self._askers))
            del self._askers[silent]
            self._drop(silent)
        self._askers[asker] = key.data
        self._selector.register(asker, selectors.EVENT_READ, key.data)

    def _reply(self, asker: socket.socket, proof: bytes) -> None:
        try:
            nonce = asker.recv(NONCE)
            if len(nonce) == NONCE:
                asker.send(_answer(proof, nonce))
        finally:
            self._drop(asker)

    def _drop(self, asker: socket.socket) -> None:
        self._selector.unregister(asker)
        asker.close()

    def _end(self) -> None:
        for asker in self._askers:
            asker.close()
        self._selector.close()
        os.close(self._stop)
        os.close(self._stopping)
