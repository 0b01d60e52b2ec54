"""Redaction of secrets in error messages.

A secret ends up where its name belongs, or in the wrong field; the message that says so ends up
in a log or an issue. What cannot be anything else is taken out of every message. What only may be
a secret, such as a password in place of a variable's name, is not repeated where a place is named.
"""

from __future__ import annotations

import os
import re
from typing import Final

WITHHELD: Final = "(withheld: it looks like a secret)"
VARIED: Final = 12  # different characters; a key in base64 has more, a filling fewer
LOOKS: Final = (
    re.compile(r"twk1_[A-Za-z0-9_-]{16,}"),  # a master key, or most of one
    re.compile(r"(?<![0-9A-Za-z:])[0-9]{6,12}:[A-Za-z0-9_-]{30,}"),  # a bot's token
    re.compile(r"[A-Za-z0-9+_=-]{100,}"),  # a session string, of Telethon or others
    re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32}(?![0-9A-Za-z])"),  # an api_hash
    re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{128,}"),  # a key in hex
)
IN_ADDRESS: Final = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")  # user and password of a URL
VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")  # as variables are named by convention
FILE: Final = re.compile(r"\.?[\w-]*(\.[A-Za-z]{1,8})+")  # a name with an ending
WORDS: Final = re.compile(r"[A-Za-z]+([_-][A-Za-z]+)+|[a-z-]*(key|hash|pass|secret|token)[a-z-]*")


def redacted(text: str) -> str:
    """A text without what cannot be anything but a secret."""
    for looks in LOOKS:
        text = looks.sub(_withheld, text)
    return IN_ADDRESS.sub("***", text)


def looks_secret(text: str) -> bool:
    """Whether a text holds what cannot be anything but a secret."""
    return redacted(text) != text


def variable_shown(name: str) -> str:
    """An environment variable as a message names it, unless the name may be the secret itself."""
    plain = VARIABLE.fullmatch(name) and not looks_secret(name)
    return f"environment variable {name}" if plain else f"environment variable {WITHHELD}"


def path_shown(path: object) -> str:
    """A secret's file as a message names it, unless the name may be the secret itself."""
    text = str(path)
    folder, name = os.path.split(text)
    if looks_secret(text):
        return f"file {WITHHELD}"
    if FILE.fullmatch(name) or WORDS.fullmatch(name) or _is_there(text):
        return f"file {text}"
    return f"file in {folder or '.'} {WITHHELD}"


def _is_there(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except (OSError, ValueError):
        return False


def _withheld(found: re.Match[str]) -> str:
    text = found[0]
    dull = len(text) >= 100 and len(set(text)) < VARIED
    return text if dull else WITHHELD
