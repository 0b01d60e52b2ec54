"""Logins in and out, and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..console.results.moving import Exported, Identified, Imported, KeysRotated
from ..errors import BadCommandError
from ..telegram import LoginFormat, read_login, read_text
from .engine import Handlers, Handles


async def import_(
    engine: Handles,
    who: str,
    *,
    session: str,
    file: str | None,
    string: str | None,
    passcode: str | None,
    account: int | None,
) -> Imported:
    """Use a login that another program made."""
    handle = engine.session(session)
    if (file is None) is (string is None):
        raise BadCommandError("import", "give a file or folder, or --string")
    source = Path(file) if file is not None else string or ""
    taken = await handle.import_any(source, passcode=passcode, account=account, who=who)
    return Imported(
        session=session,
        format=taken.format,
        key_id=f"{taken.key_id:016x}",
        entities=taken.entities,
        damage=taken.damage,
        unseen=taken.unseen,
    )


def identified(
    *, file: str | None, string: str | None, passcode: str | None, account: int | None
) -> Identified:
    """What a login of another program is, as far as it says.

    Raises:
        LoginFormatError: it is none that can be used, with what it is.
    """
    if (file is None) is (string is None):
        raise BadCommandError("identify", "give a file or folder, or --string")
    found = (
        read_text(string or "")
        if file is None
        else read_login(Path(file), passcode=passcode, account=account)
    )
    parts = found.stored.parts
    chosen, accounts = found.account
    return Identified(
        format=found.format,
        title=found.title,
        key_id=f"{parts.key_id:016x}",
        dc_id=parts.dc_id,
        address=f"{parts.host}:{parts.port}",
        test=found.test,
        user_id=found.stored.user_id,
        api_id=found.stored.api_id,
        entities=len(found.stored.entities),
        account=chosen,
        accounts=accounts,
    )


async def export(
    engine: Handles, who: str, *, session: str, file: str | None, login_format: str
) -> Exported:
    """Give a login out."""
    handle, how = engine.session(session), EXPORTS[login_format]
    if file is None:
        string = await handle.export_string(login_format=how, who=who)
        return Exported(session=session, file=None, string=string)
    try:
        await handle.export_file(file, login_format=how, who=who)
    except FileExistsError:
        raise BadCommandError("export", f"{file} is there already; name another one") from None
    except OSError as error:
        why = f"{file} cannot be written: {error.strerror}"
        way_out = "name a file in a folder that is there and may be written to"
        raise BadCommandError("export", f"{why}; {way_out}") from None
    return Exported(session=session, file=file, string=None)


EXPORTS: Final = {
    "telethon": LoginFormat.TELETHON_STRING,
    "pyrogram": LoginFormat.PYROGRAM_STRING,
    "gramjs": LoginFormat.GRAMJS_STRING,
    "mtcute": LoginFormat.MTCUTE_STRING,
    "gotd": LoginFormat.GOTD_JSON,
}
"""What `export` calls the formats."""


async def rotate(engine: Handles, who: str, *, data: bool, key: str | None) -> KeysRotated:
    """Change the master key, or the data key."""
    if data and key is not None:
        raise BadCommandError("keys rotate", "the data key is made here; leave --key out")
    if data:
        turned = await engine.keys.rotate_data(who=who)
    else:
        turned = await engine.keys.rotate_master(key, who=who)
    return KeysRotated(
        key="data key" if data else "master key",
        damaged=turned.damaged,
        resealed=turned.resealed,
    )


HANDLERS: Final[Handlers] = {"import": import_, "export": export, "keys rotate": rotate}
