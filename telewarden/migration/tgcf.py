"""tgcf's configuration: ``tgcf.config.json`` of 1.x, and the YAML of the versions before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .draft import Draft, PairDraft, anywhere, api_id_of, chat_of, list_of, refused, table_of

PROGRAM: Final = "tgcf (aahnik/tgcf 1.0 and 1.1)"
KINDS: Final[Mapping[str, str]] = {
    "audio": "audio",
    "gif": "animation",
    "video": "video",
    "video_note": "video_note",
    "sticker": "sticker",
    "contact": "contact",
    "photo": "photo",
    "document": "document",
    "nofile": "text",
}
STYLES: Final = ("bold", "italics", "code", "strike", "plain")
WITHOUT: Final[Mapping[str, str]] = {
    "fmt": "plugin fmt (all text in one style) has no counterpart; formats stay as they are",
    "mark": "plugin mark (a watermark on pictures) has no counterpart; a handler of your own can",
    "ocr": "plugin ocr (text read from pictures) has no counterpart; a handler of your own can",
    "sender": "plugin sender (another account sends) has no counterpart: one session reads and"
    " sends; give the pair to the session that should",
}
PAST: Final = (
    "it ran over the past (mode past, offset, end): pairs begin with what is said from now on;"
    " telewarden pairs backfill PAIR --after MESSAGE forwards what was before"
)
FILES: Final = (
    'files: a file type is a kind of message here, "nofile" is "text" alone; look whether voice'
    " messages and polls go where they should"
)


def read(config: Mapping[str, Any]) -> Draft:
    """What a configuration of tgcf says.

    Raises:
        BadCommandError: it is not as tgcf writes it.
    """
    login = table_of(config.get("login"), "login")
    held = ("API_HASH", "SESSION_STRING", "BOT_TOKEN")
    draft = Draft(
        program=PROGRAM,
        api_id=api_id_of(login.get("API_ID")),
        secrets=tuple(name for name in held if login.get(name)),
    )
    draft.notes += _of_all(config, login)
    for number, one in enumerate(list_of(config.get("forwards"), "forwards"), start=1):
        draft.pairs += _pairs(number, table_of(one, f"forwards[{number}]"), config)
    if not draft.pairs:
        raise refused("it has no forwards; fill them in with tgcf, or write [[pairs]] by hand")
    return draft


def _of_all(config: Mapping[str, Any], login: Mapping[str, Any]) -> Iterator[str]:
    live, past = (table_of(config.get(name), name) for name in ("live", "past"))
    if login.get("BOT_TOKEN") and not login.get("user_type"):
        yield "it ran as a bot; a session is a person's account, which must be in every chat"
    if config.get("mode") == 1:
        yield PAST
    if past.get("delay"):
        yield "past.delay has no counterpart; [pacing] keeps to Telegram's limits by itself"
    if live.get("delete_on_edit"):
        yield "live.delete_on_edit (a word that deletes) has no counterpart; delete at the source"
    if live.get("sequential_updates"):
        yield "live.sequential_updates: each pair keeps its order here without being told"
    if admins := list_of(config.get("admins"), "admins"):
        yield f"admins ({len(admins)} of them) steer its bot; here [bot] allow = [...] says who may"
    if table_of(config.get("bot_messages"), "bot_messages"):
        yield "bot_messages have no counterpart"


def _pairs(
    number: int, forward: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[PairDraft]:
    name = str(forward.get("con_name") or "")
    title = f"forward {number}{f', {name}' if name else ''}"
    targets = list_of(forward.get("dest"), f"forwards[{number}].dest")
    for target in targets:
        fields = {"source": chat_of(forward.get("source", "")), "target": chat_of(target)}
        pair = PairDraft(title=title, fields=fields)
        if forward.get("use_this") is False:
            fields["enabled"] = False
        fields["mode"] = "forward" if config.get("show_forwarded_from") else "copy"
        if not table_of(config.get("live"), "live").get("delete_sync"):
            fields["deletes"] = False
        if forward.get("offset") or forward.get("end"):
            pair.check(PAST)
        _plugins(pair, table_of(config.get("plugins"), "plugins"))
        pair.settle()
        yield pair


def _plugins(pair: PairDraft, plugins: Mapping[str, Any]) -> None:
    for name, value in plugins.items():
        plugin = table_of(value, f"plugins.{name}")
        if plugin.get("check") is False or not plugin:
            continue
        match name:
            case "filter":
                _filter(pair, plugin)
            case "replace":
                _replace(pair, plugin)
            case "caption":
                _caption(pair, plugin)
            case _:
                pair.check(WITHOUT.get(name, f"plugin {name} has no counterpart"))


def _filter(pair: PairDraft, plugin: Mapping[str, Any]) -> None:
    for table, key in (("deny", "blacklist"), ("allow", "whitelist")):
        text = table_of(plugin.get("text"), "filter.text")
        wanted = [str(one) for one in list_of(text.get(key), f"filter.text.{key}")]
        any_case = not text.get("case_sensitive")
        if text.get("regex"):
            pair.add(table, "patterns", [f"{'(?i)' if any_case else ''}{one}" for one in wanted])
        else:
            pair.add(table, "patterns", [anywhere(one, any_case=any_case) for one in wanted])
        files = list_of(table_of(plugin.get("files"), "filter.files").get(key), "filter.files")
        pair.add(table, "kinds", [KINDS[one] for one in files if one in KINDS])
        if files:
            pair.check(FILES)
        users = list_of(table_of(plugin.get("users"), "filter.users").get(key), "filter.users")
        numbers = [str(one) for one in users if str(one).lstrip("-").isdigit()]
        pair.add(table, "senders", map(int, numbers))
        if len(numbers) < len(users):
            pair.check(f"filter.users.{key}: senders are numbers; names were left out")
            if table == "allow" and not numbers:
                pair.fields["enabled"] = False
                pair.check(
                    "it is off, as nobody would be let through; give senders, then enable it"
                )


def _replace(pair: PairDraft, plugin: Mapping[str, Any]) -> None:
    for find, words in table_of(plugin.get("text"), "replace.text").items():
        if words in STYLES:
            pair.check(f"replace: {words!r} is a style in tgcf, and was left out; styles are kept")
            continue
        pair.replace(str(find), str(words), regex=bool(plugin.get("regex")))


def _caption(pair: PairDraft, plugin: Mapping[str, Any]) -> None:
    for key in ("header", "footer"):
        if words := str(plugin.get(key) or "").strip():
            pair.fields[key] = words
            pair.check("header and footer stand apart from the text by an empty line here")
