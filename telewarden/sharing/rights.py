"""What a program may call, by the names of Telegram's methods. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..config.share import ProgramConfig, ShareConfig
from ..telegram.sharing.repeating import only_looks

ALWAYS: Final = frozenset(
    {
        "help.getConfig",
        "updates.getChannelDifference",
        "updates.getDifference",
        "updates.getState",
        "users.getUsers",
    }
)
"""What every client asks to find out who it is and what it has missed."""

BY_NAME_ONLY: Final = frozenset(
    {
        "account.acceptAuthorization",
        "account.cancelPasswordEmail",
        "account.changeAuthorizationSettings",
        "account.changePhone",
        "account.confirmBotConnection",
        "account.confirmPasswordEmail",
        "account.confirmPhone",
        "account.declinePasswordReset",
        "account.deletePasskey",
        "account.getAllSecureValues",
        "account.getPasswordSettings",
        "account.getSecureValue",
        "account.getTmpPassword",
        "account.initPasskeyRegistration",
        "account.invalidateSignInCodes",
        "account.registerPasskey",
        "account.resendPasswordEmail",
        "account.resetAuthorization",
        "account.resetPassword",
        "account.resetWebAuthorization",
        "account.resetWebAuthorizations",
        "account.saveSecureValue",
        "account.sendChangePhoneCode",
        "account.sendConfirmPhoneCode",
        "account.sendVerifyEmailCode",
        "account.sendVerifyPhoneCode",
        "account.setAccountTTL",
        "account.setAuthorizationTTL",
        "account.updateConnectedBot",
        "account.updatePasswordSettings",
        "account.verifyEmail",
        "account.verifyPhone",
        "channels.editCreator",
    }
)
"""What gives an account away, or ends other logins of it: allowed only where it is listed whole."""

FAR: Final = ("stats.", "upload.")
"""Methods that another data centre than the session's own may be asked by."""

LOGINS: Final = "auth."


def program_of(config: ShareConfig, name: str) -> ProgramConfig | None:
    """The program of that name; ``None`` if there is none."""
    return next((one for one in config.programs if one.name == name), None)


def may_use(program: ProgramConfig, session: str) -> bool:
    """Whether a program may use a session at all."""
    return session in program.sessions or "*" in program.sessions


def refusal(program: ProgramConfig, method: str, *, dc_id: int = 0) -> str | None:
    """Why a program may not call a method; ``None`` if it may.

    Args:
        program: its table in the configuration.
        method: as ``messages.sendMessage``.
        dc_id: the data centre that is to be asked, 0 for the session's own.
    """
    if method.startswith(LOGINS):
        return "logins are made and ended by their owner: telewarden auth"
    if dc_id and not method.startswith(FAR):
        return "only files and statistics are asked for in another data centre"
    if method in ALWAYS:
        return None
    if method in BY_NAME_ONLY and method not in program.methods:
        return f"it concerns the account itself; list {method!r} in its methods to allow it"
    if program.methods and not _is_listed(method, program.methods):
        return "it is not among its methods"
    if program.read_only and not only_looks(method):
        return "it may only look; give it read_only = false"
    return None


def _is_listed(method: str, patterns: Sequence[str]) -> bool:
    space = f"{method.partition('.')[0]}.*"
    return method in patterns or space in patterns
