"""The key exchange: three unencrypted requests, after which a client has an auth key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Final

from telethon.helpers import generate_key_data_from_nonce as _key_data

from .._tl import AES, AuthKey, functions, read_object, types
from ..rsakey import DH_PRIME, G, RsaKey, dh_public

_generate_key_data: Final[Any] = _key_data
_PQ: Final = 2 * 1_000_000_007  # even, so that a client has factored it at once
_A: Final = int.from_bytes(sha1(b"telewarden loopback", usedforsecurity=False).digest() * 2, "big")


class HandshakeError(Exception):
    """A step that does not follow from those before it."""


@dataclass(slots=True)
class Handshake:
    """One connection's way to an auth key.

    Args:
        rsa: the key that the client trusts.
        entropy: gives random bytes.
        now: the date that the client is told.
    """

    rsa: RsaKey
    entropy: Callable[[int], bytes]
    now: Callable[[], float]
    key: bytes | None = field(default=None, repr=False)
    _server_nonce: int = field(default=0, repr=False)
    _new_nonce: int = field(default=0, repr=False)
    _aes: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)

    def answer(self, request: Any) -> Any:
        """The answer to one step; ``key`` is set when the last one has been taken.

        Raises ``HandshakeError`` for anything else.
        """
        steps = {
            functions.ReqPqMultiRequest: self._begin,
            functions.ReqPqRequest: self._begin,
            functions.ReqDHParamsRequest: self._offer,
            functions.SetClientDHParamsRequest: self._finish,
        }
        step = steps.get(type(request))
        if step is None:
            raise HandshakeError(type(request).__name__)
        return step(request)

    def _begin(self, request: Any) -> Any:
        self._server_nonce = int.from_bytes(self.entropy(16), "big", signed=True)
        return types.ResPQ(
            nonce=request.nonce,
            server_nonce=self._server_nonce,
            pq=_PQ.to_bytes(8, "big").lstrip(b"\0"),
            server_public_key_fingerprints=[self.rsa.fingerprint],
        )

    def _offer(self, request: Any) -> Any:
        plain = self.rsa.decrypt(request.encrypted_data)
        inner = read_object(plain[20:])
        body = bytes(inner)
        if sha1(body, usedforsecurity=False).digest() != plain[:20]:
            raise HandshakeError("the inner data's hash is wrong")
        self._new_nonce = inner.new_nonce
        self._aes = _generate_key_data(self._server_nonce, self._new_nonce)
        offer = bytes(
            types.ServerDHInnerData(
                nonce=request.nonce,
                server_nonce=self._server_nonce,
                g=G,
                dh_prime=DH_PRIME.to_bytes(256, "big"),
                g_a=dh_public(_A).to_bytes(256, "big"),
                server_time=int(self.now()),
            )
        )
        sealed = AES.encrypt_ige(sha1(offer, usedforsecurity=False).digest() + offer, *self._aes)
        return types.ServerDHParamsOk(request.nonce, self._server_nonce, sealed)

    def _finish(self, request: Any) -> Any:
        if not self._new_nonce:
            raise HandshakeError("set_client_DH_params came first")
        plain: bytes = AES.decrypt_ige(request.encrypted_data, *self._aes)
        inner = read_object(plain[20:])
        shared = pow(int.from_bytes(inner.g_b, "big"), _A, DH_PRIME)
        # 256 bytes also when it begins with zeros: a string session packs so many. Telethon
        # strips them, so that 1 exchange in 256 fails on its side and is repeated.
        self.key = shared.to_bytes(256, "big")
        return types.DhGenOk(
            request.nonce,
            self._server_nonce,
            AuthKey(self.key).calc_new_nonce_hash(self._new_nonce, 1),
        )
