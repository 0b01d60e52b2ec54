"""The request that a shipment makes, and its method's name."""

from __future__ import annotations

from typing import Any

from ..client import Client
from .requests import (
    copy_request,
    delete_request,
    edit_request,
    forward_request,
    refuse_gifts,
    refuse_protected,
)
from .shipments import Shipment


def method_of(shipment: Shipment) -> str:
    """Return the TL name of the method that ``deliver`` calls; floods are kept by it."""
    match shipment.action:
        case "forward":
            return "messages.forwardMessages"
        case "edit":
            return "messages.editMessage"
        case "delete":
            return "messages.deleteMessages"
        case "copy" if len(shipment.messages) > 1:
            return "messages.sendMultiMedia"
        case "copy" | "copies" if shipment.first.by_media:
            return "messages.sendMedia"
        case _:
            return "messages.sendMessage"


def request_of(client: Client, shipment: Shipment) -> Any:
    """Build the one request that does ``shipment``; ``copies`` take one for each message.

    Raises:
        PeerUnknownError, ProtectedContentError, MessageNotCopyableError: it cannot be sent.
    """
    request = _unpaid(client, shipment)
    if shipment.posts and shipment.silent:
        request.silent = True
    if shipment.posts and shipment.send_as is not None:
        request.send_as = client.peer(shipment.send_as)
    if shipment.price:
        request.allow_paid_stars = shipment.price * len(shipment.messages)
    return request


def _unpaid(client: Client, shipment: Shipment) -> Any:
    match shipment.action:
        case "forward":
            refuse_protected(shipment.messages)
            refuse_gifts(shipment.messages)
            return forward_request(
                client,
                shipment.messages[0].chat,
                shipment.target,
                [message.id for message in shipment.messages],
                shipment.random_ids,
                topic=shipment.topic,
                silent=any(message.silent for message in shipment.messages),
            )
        case "copy":
            return copy_request(
                client,
                shipment.target,
                shipment.messages,
                shipment.random_ids,
                texts=shipment.texts,
                reply_to=shipment.answers,
                quoted=shipment.quoted,
                topic=shipment.topic,
            )
        case "edit":
            message = shipment.messages[0]
            return edit_request(
                client,
                shipment.target,
                shipment.target_ids[0],
                message,
                text=shipment.texts.get(message.id),
            )
        case _:
            return delete_request(client, shipment.target, shipment.target_ids)
