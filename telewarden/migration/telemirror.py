"""telemirror's configuration: its ``.env``, and ``mirror.config.yml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from .draft import Draft, PairDraft, api_id_of, chat_of, list_of, refused, table_of

PROGRAM: Final = "telemirror (khoben/telemirror, .env and mirror.config.yml)"
PLACE: Final = re.compile(r"-?[0-9]{1,19}(#[0-9]{1,10})?")
AN_URL: Final = r"(?i)\b(?:https?://|www\.|t\.me/)\S+"
A_MENTION: Final = r"(?<!\w)@[A-Za-z]\w{3,31}"
SECRETS: Final = ("API_HASH", "SESSION_STRING", "DATABASE_URL", "DB_PASS")
TRUE: Final = ("1", "true", "yes", "on", "y", "t")


def read_env(given: Mapping[str, str]) -> Draft:
    """What a ``.env`` of telemirror says, without the YAML that it may hold.

    Raises:
        BadCommandError: it maps no chats.
    """
    draft = _draft(given)
    ways = list(_ways(given.get("CHAT_MAPPING", "")))
    if not ways:
        raise refused("CHAT_MAPPING maps no chats; it is written [-1001,-1002:-1003];[...]")
    edits, deletes, urls = (
        given.get(name, "").lower() in TRUE
        for name in ("DISABLE_EDIT", "DISABLE_DELETE", "REMOVE_URLS")
    )
    options: dict[str, Any] = {
        "blacklist": _csv(given.get("REMOVE_URLS_LIST", "")),
        "whitelist": _csv(given.get("REMOVE_URLS_WL", "")),
    }
    filters = [{"UrlMessageFilter": options}] if urls else []
    settings = {"disable_edit": edits, "disable_delete": deletes, "filters": filters}
    for number, (sources, targets) in enumerate(ways, start=1):
        title = f"CHAT_MAPPING, part {number}"
        draft.pairs += _direction(title, sources, targets, settings)
    if given.get("PAST_MODE"):
        draft.notes.append(_PAST)
    return draft


def read_yaml(config: Mapping[str, Any], env: Mapping[str, str]) -> Draft:
    """What a ``mirror.config.yml`` says, with the ``.env`` beside it where that is known.

    Raises:
        BadCommandError: it is not as telemirror reads it.
    """
    draft = _draft(env)
    targets = (table_of(one, "targets") for one in list_of(config.get("targets"), "targets"))
    named = {str(one.get("id")): one for one in targets}
    for number, one in enumerate(list_of(config.get("directions"), "directions"), start=1):
        direction = table_of(one, f"directions[{number}]")
        sources = list_of(direction.get("from"), f"directions[{number}].from")
        for target in list_of(direction.get("to"), f"directions[{number}].to"):
            settings = {**config, **named.get(str(target), {}), **direction}
            draft.pairs += _direction(f"direction {number}", sources, [target], settings)
        if direction.get("past_mode"):
            draft.notes.append(_PAST)
    for key in ("broadcast_channel", "broadcast_targets", "tech_channel"):
        if config.get(key):
            draft.notes.append(f"{key} has no counterpart; write a pair for each, or [notify]")
    if not draft.pairs:
        raise refused("it has no directions with from and to; there is nothing to forward")
    return draft


_EARLIER: Final = (
    "which message became which lies in telemirror's database, and is not taken over: edits and"
    " deletions of what it has sent are not followed"
)
_PAST: Final = (
    "past mode: pairs begin with what is said from now on; telewarden pairs backfill PAIR forwards"
    " what was before"
)


def _draft(env: Mapping[str, str]) -> Draft:
    return Draft(
        program=PROGRAM,
        api_id=api_id_of(env.get("API_ID")),
        secrets=tuple(name for name in SECRETS if env.get(name)),
        notes=[_EARLIER],
    )


def _ways(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """The sources and targets of a mapping.

    Raises:
        BadCommandError: it holds something else than numbers.
    """
    for part in re.split(r"[;\n]", text):
        way = part.strip().removeprefix("[").removesuffix("]")
        sources, colon, targets = way.partition(":")
        if not way:
            continue
        sides = _csv(sources), _csv(targets)
        if not colon or not all(PLACE.fullmatch(one) for side in sides for one in side):
            raise refused(
                f"CHAT_MAPPING has {part.strip()[:60]!r}; it is written [-1001,-1002:-1003]"
            )
        yield sides


def _csv(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _direction(
    title: str, sources: Iterable[object], targets: Iterable[object], settings: Mapping[str, Any]
) -> Iterator[PairDraft]:
    for source in sources:
        for target in targets:
            came, topic = _with_topic(source)
            goes, into = _with_topic(target)
            pair = PairDraft(title=title, fields={"source": came, "target": goes})
            mode = settings.get("mode") or "copy"
            pair.fields["mode"] = mode if mode in ("copy", "forward") else "copy"
            for key, ours in (("disable_edit", "edits"), ("disable_delete", "deletes")):
                if settings.get(key):
                    pair.fields[ours] = False
            if topic is not None:
                pair.add("allow", "topics", [topic])
            if into is not None:
                pair.fields["topic"] = into
            for one in list_of(settings.get("filters"), "filters"):
                _filter(pair, one)
            pair.settle()
            yield pair


def _with_topic(value: object) -> tuple[int | str, int | None]:
    """A chat, and the topic behind a ``#``."""
    chat, _, topic = str(value).strip().partition("#")
    return chat_of(chat), int(topic) if topic.isdigit() else None


def _filter(pair: PairDraft, value: object) -> None:
    name, options = (
        next(iter(value.items()), ("", {})) if isinstance(value, Mapping) else (value, {})
    )
    given = table_of(options, str(name))
    match name:
        case "EmptyMessageFilter":
            pass
        case "SkipAllFilter":
            pair.fields["enabled"] = False
        case "SkipUrlFilter":
            pair.add("deny", "patterns", [AN_URL])
            if given.get("skip_mention", True):
                pair.add("deny", "patterns", [A_MENTION])
            pair.check("SkipUrlFilter: links and mentions are known by how they are written here")
        case "SkipWithKeywordsFilter":
            words = [str(one) for one in list_of(given.get("keywords"), "keywords")]
            if given.get("regex"):
                pair.add("deny", "patterns", [f"(?i){one}" for one in words])
            else:
                pair.add("deny", "words", words)
        case "KeywordReplaceFilter":
            _keywords(pair, given)
        case "UrlMessageFilter":
            _urls(pair, given)
        case "ForwardFormatFilter" | "MappedNameForwardFormat":
            _format(pair, str(name), str(given.get("format") or "{channel_name}"))
        case "RestrictSavingContentBypassFilter":
            pair.check("RestrictSavingContentBypassFilter: content that is protected is not copied")
        case _:
            pair.check(f"filter {name} has no counterpart; a handler of your own can do it")


def _keywords(pair: PairDraft, given: Mapping[str, Any]) -> None:
    for find, words in table_of(given.get("keywords"), "keywords").items():
        pattern = str(find) if given.get("regex") else rf"(?<!\w){re.escape(str(find))}(?!\w)"
        pair.replace(f"(?i){pattern}", str(words).replace("\\", r"\\"), regex=True)


def _urls(pair: PairDraft, given: Mapping[str, Any]) -> None:
    instead = str(given.get("placeholder", "***")).replace("\\", r"\\")
    for host in list_of(given.get("blacklist"), "blacklist"):
        site = re.escape(str(host))
        pair.replace(rf"(?i)\b(?:https?://)?(?:[\w-]+\.)*{site}(?:/\S*)?", instead, regex=True)
    if not given.get("blacklist"):
        pair.replace(AN_URL, instead, regex=True)
    if given.get("whitelist"):
        pair.check("UrlMessageFilter.whitelist has no counterpart: these addresses go, too")
    if given.get("filter_mention") or given.get("filter_by_id_mention"):
        pair.replace(A_MENTION, instead, regex=True)
        pair.check("UrlMessageFilter.filter_mention: every @name goes; mentions by number stay")
    pair.check("UrlMessageFilter: links are known by how they are written; look at a few messages")


def _format(pair: PairDraft, name: str, text: str) -> None:
    before, _, behind = text.partition("{message_text}")
    if "{" in before + behind:
        pair.check(
            f"{name}: {{channel_name}} and {{message_link}} have no counterpart; write a header or"
            ' footer by hand, or use mode = "forward", which names the source'
        )
        return
    for key, words in (("header", before.strip()), ("footer", behind.strip())):
        if words:
            pair.fields[key] = words
