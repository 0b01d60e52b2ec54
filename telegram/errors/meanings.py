"""Meanings of errors, each once: class, action, words for the operator.

``table`` says which errors mean which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .verdict import Action, ErrorClass

DAY: Final = 86_400.0  # seconds; Telegram's 24 h rule for logins and fresh sessions
UNTOLD_FLOOD: Final = 60.0  # a bare FLOOD names no seconds; the caller doubles it


@dataclass(frozen=True, slots=True)
class Row:
    """What one class of errors means."""

    kind: ErrorClass
    action: Action
    advice: str
    wait: float | None = None
    terminal: bool = False


LINE = Row(
    ErrorClass.NET,
    Action.RECONNECT,
    "Check the network and the proxy; when all sessions show it at once the cause is shared.",
)
BROKEN_LINE = Row(
    ErrorClass.NET,
    Action.RECONNECT,
    "Something between here and Telegram alters data: check the proxy.",
)
NOT_CONNECTED = Row(
    ErrorClass.NET, Action.REQUEUE, "Nothing to do: the work waits until the session is back."
)
FRESH_CLIENT = Row(ErrorClass.NET, Action.REBUILD, "Nothing to do: the connection is built anew.")
SERVER = Row(ErrorClass.SRV, Action.RETRY, "Telegram has trouble of its own; wait.")
STATE = Row(
    ErrorClass.SRV,
    Action.RESET_UPDATES,
    "Nothing to do: missed messages are read from history; a long gap may need a backfill.",
)
UNKNOWN_KEY = Row(
    ErrorClass.LOGIN,
    Action.TRY_OTHER_COPY,
    "This data centre does not know the key: wrong data centre or address in the session, "
    "a damaged string, test and production mixed, or a device that was logged out long ago. "
    "Log in again if no other copy works.",
)
CROWDED = Row(
    ErrorClass.FLOOD,
    Action.COOL_ADDRESS,
    "Too many connections from this address; all connects slow down for some minutes.",
    300.0,
)
MIGRATE = Row(
    ErrorClass.INTERNAL,
    Action.SWITCH_DC,
    "Nothing to do: the login moves to the right data centre.",
)
WAIT = Row(
    ErrorClass.FLOOD,
    Action.PARK_METHOD,
    "Work resumes by itself at the deadline; fewer pairs or a lower rate avoid it.",
)
UNTOLD_WAIT = Row(ErrorClass.FLOOD, Action.PARK_METHOD, WAIT.advice, UNTOLD_FLOOD)
PREMIUM_WAIT = Row(
    ErrorClass.FLOOD, Action.PARK_METHOD, "Media transfer is throttled; Telegram Premium lifts it."
)
SLOW_CHAT = Row(
    ErrorClass.FLOOD, Action.PARK_CHAT, "The chat has slow mode; its messages wait their turn."
)
TOO_FRESH = Row(
    ErrorClass.FLOOD,
    Action.PARK_ACTION,
    "Telegram wants a day or more to pass first; try at the deadline.",
    DAY,
)
LOGIN_FLOOD = Row(
    ErrorClass.FLOOD,
    Action.PARK_LOGIN,
    "Too many login attempts for this phone; wait a day, or log in by QR code.",
    DAY,
)
LIMITED = Row(
    ErrorClass.LIMITED,
    Action.LIMIT,
    "Telegram limits this account; ask @SpamBot. Do not move its work to other accounts.",
)
REVOKED = Row(
    ErrorClass.REVOKED,
    Action.NEW_LOGIN,
    "This device was logged out, or it expired; log in again. Pairs and queue are kept.",
    None,
    terminal=True,
)
DUPLICATED = Row(
    ErrorClass.DUP,
    Action.LATCH,
    "Two connections used one key and Telegram ended it. Find the second process, host or VPN, "
    "then log in again; one authorisation for each place.",
    None,
    terminal=True,
)
KEY_DROPPED = Row(
    ErrorClass.DUP,
    Action.LATCH,
    "A second program uses this login. Find and stop it, then log in again; the old key is not"
    " tried any more, from no copy.",
    None,
    terminal=True,
)
TEMP_KEY = Row(
    ErrorClass.BUG,
    Action.REBUILD_ONCE,
    "The connection's temporary key was not bound; if it stays, report it.",
)
ACCOUNT_BANNED = Row(
    ErrorClass.BANNED,
    Action.FREEZE,
    "Telegram banned this account; appeal in the official app or to recover@telegram.org.",
    None,
    terminal=True,
)
ACCOUNT_DELETED = Row(
    ErrorClass.BANNED,
    Action.FREEZE,
    "The account was deleted; its pairs need another account.",
    None,
    terminal=True,
)
FROZEN = Row(
    ErrorClass.BANNED,
    Action.HOLD_WRITES,
    "Telegram froze this account; appeal inside the official app. Reading goes on.",
    DAY,
)
RESTRICTED = Row(
    ErrorClass.LIMITED, Action.STOP_ACTION, "Telegram restricts this account; ask @SpamBot."
)
NEED_PASSWORD = Row(
    ErrorClass.TWO_FA, Action.ASK_PASSWORD, "Enter the account's cloud password (2FA)."
)
WRONG_PASSWORD = Row(
    ErrorClass.TWO_FA, Action.ASK_PASSWORD, "Wrong cloud password; three tries, then a pause."
)
STALE_PASSWORD = Row(
    ErrorClass.TWO_FA,
    Action.REFETCH_PASSWORD,
    "The password was changed, or the page stayed open too long; enter it once more.",
)
WRONG_CODE = Row(
    ErrorClass.LOGIN,
    Action.ASK_CODE,
    "Enter the code again. A code that passed through a Telegram chat is void: type it here only.",
)
EXPIRED_CODE = Row(
    ErrorClass.LOGIN,
    Action.ASK_CODE,
    "The code is void: too old, replaced by a newer one, or seen in a Telegram chat. Ask for"
    " another one and type it here only.",
)
WRONG_MAIL = Row(
    ErrorClass.LOGIN,
    Action.ASK_CODE,
    "Telegram does not take this e-mail address; give another one that you can read.",
)
WRONG_MAIL_CODE = Row(
    ErrorClass.LOGIN, Action.ASK_CODE, "Enter the code of the newest e-mail once more."
)
OLD_MAIL_CODE = Row(
    ErrorClass.LOGIN,
    Action.ASK_CODE,
    "The code of that e-mail has expired; begin the login again for a new one.",
)
PASSKEY = Row(
    ErrorClass.LOGIN,
    Action.STOP_LOGIN,
    "Telegram takes passkeys from its own apps only; log in by code or QR code.",
)
WRONG_PHONE = Row(
    ErrorClass.LOGIN,
    Action.STOP_LOGIN,
    "Correct the phone number (+ and country code); accounts are made in the official app only.",
)
WRONG_TOKEN = Row(
    ErrorClass.LOGIN,
    Action.STOP_LOGIN,
    "Telegram does not take the bot's token: put the one that @BotFather shows to its place, which"
    " [bot] names.",
)
OUTDATED = Row(
    ErrorClass.CONFIG, Action.STOP_LOGIN, "Telegram wants a newer client library; upgrade Telethon."
)
QR_GONE = Row(
    ErrorClass.LOGIN, Action.NEW_QR, "The QR code is spent (it lives 30 s); scan the new one."
)
API = Row(
    ErrorClass.CONFIG,
    Action.HOLD_API,
    "Telegram refuses this api_id and holds for all its sessions: put your own api_id and api_hash"
    " from my.telegram.org into [telegram] and start again, or recover a session to try once more.",
    None,
    terminal=True,
)
MAIL = Row(
    ErrorClass.LOGIN,
    Action.HOLD,
    "Confirm the account's e-mail address, then go on.",
    None,
    terminal=True,
)
UNSURE = Row(
    ErrorClass.LOGIN,
    Action.HOLD,
    "Telegram refuses this session for a reason that is not known here; nothing was deleted. "
    "Look at it in the official app, then start it again or log in.",
    None,
    terminal=True,
)
LOCKED = Row(
    ErrorClass.CORRUPT,
    Action.FIND_OWNER,
    "A second process has the session file open; find and end it.",
)
BAD_FILE = Row(
    ErrorClass.CORRUPT,
    Action.QUARANTINE_FILE,
    "The session file is damaged and set aside; another copy takes its place. Check the disk.",
)
FOREIGN_FILE = Row(
    ErrorClass.CORRUPT,
    Action.CONVERT_FILE,
    "A session file of another program or version; convert it, or pin the version that wrote it.",
)
BAD_STRING = Row(
    ErrorClass.CORRUPT,
    Action.NEXT_COPY,
    "The session string is damaged; another copy takes its place.",
)
LOOP = Row(
    ErrorClass.BUG,
    Action.REBUILD,
    "A client was used from a second event loop: a code fault, report it.",
)
LOST_CHAT = Row(
    ErrorClass.PAIR,
    Action.DISABLE_PAIR,
    "The account cannot see this chat any more; join it again, then resume.",
)
NO_RIGHT = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The account may not write this there; grant the right, then resume.",
)
CHAT_BAN = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The account may not write in this chat; if several chats say so it is limited: ask @SpamBot.",
)
PROTECTED = Row(
    ErrorClass.PAIR,
    Action.DISABLE_PAIR,
    "The source protects its content; that is respected, not worked around.",
)
NEEDS_PREMIUM = Row(
    ErrorClass.PAIR,
    Action.DISABLE_PAIR,
    "The target wants Telegram Premium or a payment for messages.",
)
PAYMENT = Row(
    ErrorClass.PAIR,
    Action.PAY_ALLOWED,
    "The chat takes {price} for a message; nothing was paid. Ask its owner to let the account write"
    " for free, choose another target, or let the pair pay that much (max_stars).",
)
NO_STARS = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The account has too few Stars for what the chat takes; nothing was paid.",
)
BOOSTS = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The chat lets only those write who boost it; boost it in the official app, then resume.",
)
MONOFORUM = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "These are the direct messages of a channel, which nothing can be sent into like this; choose"
    " another target.",
)
NOT_ITS_NAME = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The account may not write in the target as what the pair names (send_as): name the group"
    " itself or a channel that the account owns, or leave it out (telewarden pairs change).",
)
HUMAN_CHECK = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "Telegram wants a person to prove something first: do it in the official app, then resume.",
)
BLOCKED = Row(
    ErrorClass.PAIR, Action.DISABLE_PAIR, "One side blocked the other, or the account is gone."
)
NO_PEER = Row(
    ErrorClass.PAIR,
    Action.RESOLVE_PEER,
    "This account never saw the chat; open or join it once, then resume.",
)
NO_NAME = Row(
    ErrorClass.PAIR,
    Action.RESOLVE_PEER,
    "Nobody has this name: it is mistyped, or was given up. Give the pair the chat's name of today"
    " or its number.",
)
NOT_JOINED = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The account is not in the chat that the invitation leads to; say join = true in the pair, or"
    " join it in Telegram.",
)
JOIN_REQUESTED = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The chat's admins have been asked to let the account in; then the pair goes on by itself.",
)
DEAD_INVITATION = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The invitation leads nowhere: it is mistyped, was revoked or has run out, or the account is"
    " banned there. Give the pair another link.",
)
OTHER_CHAT = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The name means another chat now; confirm which one is meant (telewarden pairs confirm).",
)
FULL = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "A limit is reached or a request waits for approval; then resume.",
)
NO_TOPIC = Row(
    ErrorClass.PAIR,
    Action.PAUSE_PAIR,
    "The target's topic is closed or gone: open it, or give the pair another one, then resume.",
)
NO_THREAD = Row(
    ErrorClass.MESSAGE,
    Action.SEND_PLAIN,
    "The answered message is gone, or does not hold what is quoted of it.",
)
STALE_JOB = Row(
    ErrorClass.MESSAGE, Action.DROP_MESSAGE, "Nothing to do: the message is gone or unchanged."
)
OTHERS_MESSAGE = Row(
    ErrorClass.MESSAGE,
    Action.LEAVE_MESSAGE,
    "Only the account that sent the message, or an administrator, may change it.",
)
BAD_CONTENT = Row(
    ErrorClass.MESSAGE,
    Action.REPAIR_MESSAGE,
    "Telegram refuses this content; it is split or set aside.",
)
REFUSED_CONTENT = Row(
    ErrorClass.MESSAGE,
    Action.DEAD_LETTER,
    "The target takes no content of this kind; it is set aside.",
)
EDIT_LATER = Row(
    ErrorClass.SRV,
    Action.PARK_ACTION,
    "Telegram lets nobody edit this for a while; it is tried again.",
)
STALE_FILE = Row(
    ErrorClass.MESSAGE, Action.REFETCH_MESSAGE, "Nothing to do: the message is read anew."
)
BAD_REQUEST = Row(
    ErrorClass.BUG,
    Action.DEAD_LETTER,
    "Telegram refuses this request; set aside with its reason, please report it.",
)
CODE_FAULT = Row(ErrorClass.BUG, Action.HOLD, "A code fault; please report it with the log.")
CLOCK = Row(
    ErrorClass.CONFIG,
    Action.CHECK_CLOCK,
    "Clock and Telegram's time differ: repair NTP on this host.",
)
SUSPICIOUS = Row(
    ErrorClass.NET,
    Action.REBUILD,
    "Untrusted data was ignored; when it repeats, look for a second user of this session.",
)
TOO_NEW = Row(
    ErrorClass.BUG,
    Action.REBUILD_ONCE,
    "Another program uses this key with another layer, or Telethon is too old for Telegram's.",
)
STOPPED = Row(ErrorClass.INTERNAL, Action.REQUEUE, "Nothing to do: the operation was cancelled.")
DELIVERED = Row(
    ErrorClass.DELIVERED, Action.ACCEPT, "Nothing to do: the message had arrived before."
)
