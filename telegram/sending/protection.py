"""Protection of private chats, by either of the two; asked for once a connection."""

from __future__ import annotations

from .._tl import functions
from ..client import Client


async def person_protects(client: Client, person: int, *, deadline: float = 30.0) -> bool:
    """Tell whether one of the two protects the private chat with ``person``.

    That it is not protected is asked for once a connection: a change is told, as a message there.
    """
    if person == client.user_id:
        return False
    if client.protected_people.get(person) is not False:
        request = functions.users.GetFullUserRequest(client.peer(person))
        full = (await client.call(request, deadline=deadline)).full_user
        protected = bool(full.noforwards_my_enabled or full.noforwards_peer_enabled)
        client.protected_people[person] = protected
    return client.protected_people[person]
