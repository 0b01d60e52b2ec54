"""Uploaded files: parts first, then photos and documents to send and download."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..rpc import RpcError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A photo or document with its bytes; ``reference`` must be quoted to use it."""

    id: int
    access_hash: int = field(repr=False)
    reference: bytes = field(repr=False)
    data: bytes = field(repr=False)
    photo: bool
    name: str = ""
    mime_type: str = "application/octet-stream"
    attributes: tuple[bytes, ...] = field(default=(), repr=False)  # TL objects of a document


@dataclass(slots=True, kw_only=True)
class FileShelf:
    """Parts under upload, per account, and finished files by id."""

    entropy: Callable[[int], bytes] = os.urandom
    parts: dict[tuple[int, int], dict[int, bytes]] = field(default_factory=dict, repr=False)
    stored: dict[int, StoredFile] = field(default_factory=dict, repr=False)

    def save_part(self, account_id: int, file_id: int, part: int, data: bytes) -> None:
        """Keep one part of an upload."""
        self.parts.setdefault((account_id, file_id), {})[part] = data

    def finish(self, account_id: int, file_id: int, count: int) -> bytes:
        """Join the parts of an upload; raises FILE_PARTS_INVALID when some are missing."""
        parts = self.parts.pop((account_id, file_id), {})
        if sorted(parts) != list(range(count)):
            raise RpcError("FILE_PARTS_INVALID")
        return b"".join(parts[number] for number in range(count))

    def store(
        self,
        data: bytes,
        *,
        photo: bool,
        name: str,
        mime_type: str,
        attributes: tuple[bytes, ...] = (),
    ) -> StoredFile:
        """Keep a finished file under a new id."""
        stored = StoredFile(
            id=int.from_bytes(self.entropy(7), "little") or 1,
            access_hash=int.from_bytes(self.entropy(8), "little", signed=True),
            reference=self.entropy(16),
            data=data,
            photo=photo,
            name=name,
            mime_type=mime_type,
            attributes=attributes,
        )
        self.stored[stored.id] = stored
        return stored

    def find(self, file_id: int, access_hash: int, reference: bytes, *, photo: bool) -> StoredFile:
        """The file a client names; raises when it is not there or the reference is old."""
        stored = self.stored.get(file_id)
        if stored is None or stored.access_hash != access_hash or stored.photo is not photo:
            raise RpcError("MEDIA_INVALID")
        if stored.reference != reference:
            raise RpcError("FILE_REFERENCE_EXPIRED")
        return stored

    def expire_references(self) -> None:
        """Give every file a new reference: those that clients hold are refused from now on."""
        for file_id, old in list(self.stored.items()):
            self.stored[file_id] = replace(old, reference=self.entropy(16))
