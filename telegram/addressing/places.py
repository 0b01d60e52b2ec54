"""Resolution of chats: by number or name, from the cache, the dialogs or a lookup.

Numbers are kept: a chat that is known stays the one it was, whoever has its name now. What cannot
be addressed is looked for once among the dialogs, then by its name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...errors import NameMovedError, PeerUnknownError
from .._tl import functions, types, utils
from ..client import Client
from ..errors.classification import classify
from ..errors.verdict import ErrorClass
from ..session import CHANNEL_MARK
from ..session_files.session_file import EntityRow
from .invitations import follow, join_public
from .names import ME, is_invitation, numbers_meant


async def locate(
    client: Client,
    chats: Sequence[int | str],
    *,
    names: Mapping[int, str] | None = None,
    anew: Collection[int | str] = (),
    join: Collection[int | str] = (),
    deadline: float = 30.0,
) -> dict[int | str, int | Exception]:
    """Find where chats are, so that they can be addressed: marked ids, or why not.

    A chat is a ``@username``, the link of an invitation, ``me`` or a number, as Telegram's clients
    show it or without what marks it as a channel. What the session remembers is not asked for
    again; a name is asked for once, and for ids that are not known the dialogs are read once.
    Telegram limits both sharply.

    Args:
        names: what known chats were found by; one whose name means another chat now is a
            ``NameMovedError``.
        anew: chats of which what is remembered is no good.
        join: those that may be joined, where the account is not in them. Without that the link of
            an invitation is a ``NotJoinedError``.
    """
    found: dict[int | str, int | Exception] = {}
    names, learnt = names or {}, bool(anew)
    if anew:
        try:
            await _look_anew(client, anew, names, deadline)
        except Exception as exc:  # noqa: BLE001 - it is asked for again
            return dict.fromkeys(chats, exc)
    for chat in chats:
        try:
            if not learnt and isinstance(chat, int):
                learnt = _remembered(client, chat) is None
                if learnt:
                    await client.learn_chats(deadline=deadline)
            name = names.get(chat) if isinstance(chat, int) else None
            if isinstance(chat, str) and is_invitation(chat):
                found[chat] = await follow(client, chat, join=chat in join, deadline=deadline)
                continue
            found[chat] = place = await _locate_one(client, chat, name, deadline)
            if chat in join:
                await join_public(client, place, deadline=deadline)
        except Exception as exc:  # noqa: BLE001 - each chat has its own answer
            found[chat] = exc
    return found


async def _look_anew(
    client: Client, chats: Collection[int | str], names: Mapping[int, str], deadline: float
) -> None:
    """Read the dialogs, without what is remembered of these chats.

    What the dialogs do not tell, and what has no name to be found by, stays as it was: it may be
    another chat of the pair that Telegram does not take.
    """
    places = [place for chat in chats if (place := _remembered(client, chat)) is not None]
    rows = [row for place in places if (row := client.session.entity(place)) is not None]
    for place in places:
        client.forget_peer(place)
    try:
        await client.learn_chats(deadline=deadline)
    finally:
        for row in rows:
            if client.session.entity(row.id) is None and row.id not in names:
                client.session.remember(row)


async def _locate_one(client: Client, chat: int | str, name: str | None, deadline: float) -> int:
    if chat == ME and client.user_id is not None:
        return client.user_id
    place = _remembered(client, chat)
    if isinstance(chat, str):
        return place or await _resolved(client, chat, deadline)
    if place is None and name is not None:
        place = await _resolved(client, name, deadline)
    elif name is not None and (holder := _remembered(client, name)) is not None:
        place = place if holder == place else holder
    if place is None:
        raise PeerUnknownError(chat)
    if name is not None and place != chat:
        raise NameMovedError(name, known=chat, now=place)
    return place


def _remembered(client: Client, chat: int | str) -> int | None:
    """The marked id of a chat that can be addressed; ``None`` for one that cannot."""
    if isinstance(chat, str):
        row = client.session.get_entity_rows_by_username(chat.removeprefix("@"))
        return None if row is None else int(row[0])
    for number in numbers_meant(chat):
        with contextlib.suppress(PeerUnknownError):
            return _marked(client, client.peer(number))
    return None


def _marked(client: Client, peer: Any) -> int:
    if isinstance(peer, types.InputPeerSelf) and client.user_id is not None:
        return client.user_id
    return int(utils.get_peer_id(peer))


async def _resolved(client: Client, name: str, deadline: float) -> int:
    bare = name.removeprefix("@")
    answer = await client.call(functions.contacts.ResolveUsernameRequest(bare), deadline=deadline)
    return int(utils.get_peer_id(answer.peer))


async def upgrades(
    client: Client, chats: Collection[int], *, deadline: float = 30.0
) -> dict[int, int]:
    """Which of these basic groups are supergroups by now, and which ones; they are known then."""
    groups = [chat for chat in chats if -CHANNEL_MARK < chat < 0]
    found: dict[int, int] = {}
    for home in await _groups(client, groups, deadline):
        moved = upgraded_to(home)
        if moved is not None:
            _remember(client, home.migrated_to)
            found[-home.id] = moved
    return found


async def _groups(client: Client, groups: Sequence[int], deadline: float) -> list[Any]:
    if not groups:
        return []
    request = functions.messages.GetChatsRequest([-chat for chat in groups])
    try:
        answer = await client.call(request, deadline=deadline)
    except Exception as error:
        if classify(error).kind is not ErrorClass.PAIR:
            raise
        if len(groups) == 1:
            return []
        return [home for one in groups for home in await _groups(client, [one], deadline)]
    return list(answer.chats)


def upgraded_to(home: Any) -> int | None:
    """The marked id of the supergroup that a basic group was upgraded to."""
    moved: Any = getattr(home, "migrated_to", None)
    return -(CHANNEL_MARK + moved.channel_id) if isinstance(moved, types.InputChannel) else None


def _remember(client: Client, channel: Any) -> None:
    marked = -(CHANNEL_MARK + channel.channel_id)
    if client.session.entity(marked) is None:
        client.session.remember(EntityRow(marked, channel.access_hash))
