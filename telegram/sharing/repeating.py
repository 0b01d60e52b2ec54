"""What may be asked twice, and what only looks. Pure; by the names of Telegram's methods.

A lost answer leaves open whether a request was done. Looking twice does no harm; neither does
what says the same a second time, nor what Telegram itself carries out once, by a random id.
"""

from __future__ import annotations

from typing import Final

LOOKS: Final = ("get", "search", "check", "resolve")
"""How the bare names of methods begin that only look."""

LOOKS_LIKE_IT: Final = frozenset(
    {
        "account.getTmpPassword",  # makes a password
        "messages.getBotCallbackAnswer",  # presses a bot's button
        "messages.getInlineBotResults",  # tells a bot what is typed
        "messages.getMessagesViews",  # counts a view
        "phone.getGroupCallStreamRtmpUrl",  # gives a key away
        "payments.getPaymentForm",  # begins a payment
        "stickers.checkShortName",  # is for who makes a set
        "account.checkUsername",  # the same
        "channels.checkUsername",
    }
)
"""Methods that are called so and do more, or are a step of something that does."""

SAME_TWICE: Final = frozenset(
    {
        "account.updateStatus",
        "channels.deleteMessages",
        "channels.readHistory",
        "messages.deleteMessages",
        "messages.markDialogUnread",
        "messages.readHistory",
        "messages.readMessageContents",
        "messages.saveDraft",
        "messages.setTyping",
        "messages.toggleDialogPin",
        "messages.uploadMedia",
        "upload.saveBigFilePart",
        "upload.saveFilePart",
    }
)
"""Methods that leave the same behind when they are carried out twice."""

ONCE_BY_ID: Final = frozenset(
    {
        "messages.forwardMessages",
        "messages.sendInlineBotResult",
        "messages.sendMedia",
        "messages.sendMessage",
        "messages.sendMultiMedia",
    }
)
"""Methods with a random id, which Telegram refuses the second time."""

DONE_ALREADY: Final = "RANDOM_ID_DUPLICATE"
"""What it says then."""


def only_looks(method: str) -> bool:
    """Whether a method changes nothing."""
    bare = method.rpartition(".")[2]
    return bare.startswith(LOOKS) and method not in LOOKS_LIKE_IT


def may_repeat(method: str) -> bool:
    """Whether a method may be called again where its answer was lost."""
    return only_looks(method) or method in SAME_TWICE or method in ONCE_BY_ID
