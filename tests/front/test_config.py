"""A configuration is read whole or refused with the place of every mistake."""

from __future__ import annotations

import re
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from telewarden import Config, ConfigError, load_config, parse_config
from telewarden.config.mapping import proxies_of
from telewarden.errors import SecretMissingError

pytestmark = pytest.mark.console

GOOD = """\
[telegram]
api_id = 1
api_hash = { env = "API_HASH" }

[storage]
folder = "store"
master_key = { file = "master.key", create = true }

[[sessions]]
name = "alice"
phone = "+9996620001"

[[sessions]]
name = "bob"
phone = "+9996620002"
priority = 7

[[pairs]]
id = 1
session = "alice"
source = "@news_in"
target = -1001234567890
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "telewarden.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        load_config(written(folder, text))
    return refused.value.problems


def test_a_good_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD))

    assert [session.name for session in config.sessions] == ["alice", "bob"]
    assert (config.sessions[0].priority, config.sessions[0].max_pairs) == (5, 30)
    assert config.pairs[0].mode == "forward"
    assert config.folder == (tmp_path / "store").resolve()


MISTAKES = [
    ("priority = 7", "priority = 11", ("line 16: sessions[2].priority is 11",)),
    ("priority = 7", "prio = 7", ("line 16: sessions[2].prio is an unknown key",)),
    ("api_id = 1", 'api_id = "x"', ("line 2: telegram.api_id is 'x'",)),
    ('phone = "+9996620002"', 'phone = "0123"', ("line 15: sessions[2].phone is '0123'",)),
    ('name = "bob"', 'name = "b ob"', ("line 14: sessions[2].name is 'b ob'",)),
    ('name = "bob"', 'name = "alice"', ("sessions: name 'alice' is given 2 times",)),
    ('session = "alice"', 'session = "carol"', ("pair 1 names session 'carol'", "alice, bob")),
    (
        'source = "@news_in"',
        'source = "news in"',
        ("line 18", "source is 'news in'", "4 to 32 letters"),
    ),
    ('source = "@news_in"', f'source = "@{5000 * "x"}"', ("source is '@xxx", "xxx...; give a")),
    ("target = -1001234567890", "", ("line 18: pairs[1]", "give a target, or a handler")),
    ("target = -1001234567890", 'target = "@out"\nfooter = "bye"', ('say mode = "copy"',)),
    ("target = -1001234567890", 'target = "@out"\nallow.kinds = ["gif"]', ("'gif' is no kind",)),
    ("target = -1001234567890", 'target = "@news_in"', ("are the same chat",)),
    ('{ file = "master.key", create = true }', "{}", ("exactly one of env, file and keyring",)),
    ('api_hash = { env = "API_HASH" }', "", ("telegram.api_hash is missing",)),
    ("[telegram]", "[telegram", ("is not TOML", "line 1")),
    ("[[pairs]]", "[[pairz]]", ("line 18: pairz is an unknown key",)),
]


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES)
def test_a_mistake_is_named_with_its_place_value_and_what_is_allowed(
    tmp_path: Path, right: str, wrong: str, said: tuple[str, ...]
) -> None:
    found = " ".join(problems(tmp_path, GOOD.replace(right, wrong, 1)))

    assert all(words in found for words in said), found


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("priority = 7", "priority = 0\nmax_pairs = 99")

    assert len(problems(tmp_path, text)) == 2


def test_a_secret_written_into_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = GOOD.replace('api_hash = { env = "API_HASH" }', 'api_hash = "0123456789abcdef"')

    found = " ".join(problems(tmp_path, text))

    assert "telegram.api_hash must be a table" in found
    assert "0123456789abcdef" not in found


PROXY = 'proxy = { kind = "socks5", host = "proxy.example", port = 1080 }'
PASSWORD = "0pen-sesame"

BAD_PROXIES = [
    ('"socks5"', '"mtproto"', "give host, port and secret, or link"),
    ('"socks5"', f'"mtproto", secret = "{PASSWORD}"', "proxy.secret must be a table"),
    ('"socks5"', '"mtproto", link = { env = "L" }', "the link says all of it; remove host, port"),
    ('"socks5"', '"mtproto", username = "me"', "asks for a secret alone; remove username"),
    ('"socks5"', '"socks5", secret = { env = "S" }', "secret: for kind mtproto only"),
    ('"socks5"', '"ftp"', "proxy.kind cannot be that; input should be 'socks5', 'socks4', 'http'"),
    ('"socks5"', '"direct"', "direct goes through no proxy; remove host, port"),
    (", port = 1080", "", "give host and port"),
    ("port = 1080", "port = 0", "proxy.port cannot be that; input should be greater than or"),
    ("port = 1080", f'port = "1080:{PASSWORD}"', "proxy.port cannot be that"),
    ("proxy.example", f"me:{PASSWORD}@proxy.example", "give a name or an address alone"),
    ("port = 1080", 'port = 1, username = "me"', "give username and password, or neither"),
    ("port = 1080", 'port = 1, password = { env = "P" }', "give username and password, or"),
    ("port = 1080", f'port = 1, username = "me", password = "{PASSWORD}"', "must be a table of"),
    (
        "port = 1080",
        'port = 1, username = "me", password = { file = "p", create = true }',
        "create and passphrase are for master keys",
    ),
    (
        '"socks5", host = "proxy.example", port = 1080',
        '"socks4", host = "h", port = 1, username = "me", password = { env = "P" }',
        "socks4 knows no password",
    ),
    (
        '"socks5", host = "proxy.example", port = 1080',
        '"http", host = "h", port = 1, username = "a:b", password = { env = "P" }',
        "no username with a colon",
    ),
    (PROXY.removeprefix("proxy = "), f'"socks5://me:{PASSWORD}@h:1"', "must be a table of keys"),
]


@pytest.mark.parametrize("place", ["api_id = 1", "priority = 7"], ids=["all", "one"])
@pytest.mark.parametrize(("right", "wrong", "said"), BAD_PROXIES)
def test_a_proxy_that_cannot_be_is_refused_and_no_secret_repeated(
    tmp_path: Path, place: str, right: str, wrong: str, said: str
) -> None:
    found = " ".join(
        problems(tmp_path, GOOD.replace(place, f"{place}\n{PROXY.replace(right, wrong)}"))
    )

    assert said in found
    assert ("telegram.proxy" if place == "api_id = 1" else "sessions[2].proxy") in found
    assert PASSWORD not in found
    assert "dd0123456789abcdef" not in found


class Drawer:
    """A keyring that holds one secret."""

    def get_password(self, service: str, name: str) -> str | None:
        return f"{PASSWORD}\n" if (service, name) == ("telewarden", "proxy") else None


@pytest.mark.parametrize(
    "place",
    ['{ env = "PROXY_PASSWORD" }', '{ file = "secret" }', '{ keyring = "telewarden/proxy" }'],
    ids=["env", "file", "keyring"],
)
def test_a_proxys_password_is_read_where_the_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", PASSWORD)
    monkeypatch.setitem(sys.modules, "keyring", Drawer())  # type: ignore[arg-type]  # all that is asked of it
    (tmp_path / "secret").write_text(f"{PASSWORD}\n", encoding="utf-8")
    proxy = PROXY.replace(" }", f', username = "me", password = {place} }}')
    config = load_config(written(tmp_path, GOOD.replace("api_id = 1", f"api_id = 1\n{proxy}")))

    found = proxies_of(config).of("alice")

    assert found is not None
    assert (found.username, found.password) == ("me", PASSWORD)
    assert str(found) == "socks5 proxy proxy.example:1080"
    assert PASSWORD not in repr(config) + repr(found)


def test_a_proxys_password_that_is_in_no_keyring_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Drawer())  # type: ignore[arg-type]  # as above
    proxy = PROXY.replace(" }", ', username = "me", password = { keyring = "other/proxy" } }')
    config = load_config(written(tmp_path, GOOD.replace("priority = 7", proxy)))

    with pytest.raises(
        SecretMissingError, match=r"session bob\.password: keyring other/proxy is not there"
    ):
        proxies_of(config)


def test_a_session_has_its_own_proxy_or_none(tmp_path: Path) -> None:
    text = GOOD.replace("api_id = 1", f"api_id = 1\n{PROXY}").replace(
        "priority = 7", 'proxy = { kind = "direct" }'
    )

    proxies = proxies_of(load_config(written(tmp_path, text)))

    assert str(proxies.of("alice")) == str(proxies.of("registered_later"))
    assert proxies.of("bob") is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"nowhere\.toml: cannot be read: No such file.*telewarden init"
    ):
        load_config(tmp_path / "nowhere.toml")


def test_a_missing_secret_says_which_key_and_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_HASH", raising=False)
    config = load_config(written(tmp_path, GOOD))

    with pytest.raises(SecretMissingError, match="api_hash: environment variable API_HASH"):
        config.api_hash()


def test_no_secret_is_in_the_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_HASH", "0123456789abcdef")
    config = load_config(written(tmp_path, GOOD))

    assert "0123456789abcdef" not in repr(config) + repr(config.api_hash())


def test_a_session_takes_no_more_pairs_than_it_may() -> None:
    tables: dict[str, Any] = {
        "telegram": {"api_id": 1},
        "loopback": {},
        "storage": {"folder": "s", "master_key": {"env": "K"}},
        "sessions": [{"name": "alice", "phone": "+9996620001", "max_pairs": 1}],
        "pairs": [{"id": n, "session": "alice", "source": -n, "target": -n - 100} for n in (1, 2)],
    }

    with pytest.raises(ConfigError, match="has 2 pairs and takes 1"):
        parse_config(tables)


def test_a_configuration_can_be_built_in_code() -> None:
    config = parse_config(
        {
            "telegram": {"api_id": 1},
            "loopback": {},
            "storage": {"folder": "s", "master_key": {"env": "K"}},
        }
    )

    assert isinstance(config, Config)
    assert config.api_hash().get_secret_value() == "loopback"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "true"),
        ("id", '"1"'),
        ("id", "1.0"),
        ("id", "0"),
        ("id", "-5"),
        ("max_stars", "-1"),
        ("max_stars", "1.5"),
        ("max_stars", "true"),
        ("max_stars", "20000"),
        ("source", "true"),
        ("enabled", '"yes"'),
        ("edits", "1"),
        ("topic", '"3"'),
        ("topics", "{ 5 = 12.0 }"),
        ("allow", '{ senders = ["7"] }'),
        ("deny", "{ words = [1] }"),
        ("replace", '[{ find = "a", with = "b", regex = "no" }]'),
        ("ring", '"true"'),
        ("unwanted", "true"),
        ("send_as", "true"),
        ("silent", '"yes"'),
    ],
)
def test_a_pairs_value_of_another_type_or_out_of_range_is_refused_and_not_bent(
    tmp_path: Path, key: str, value: str
) -> None:
    text = re.sub(rf"(\[\[pairs\]\][^[]*?)^{key} = .*$", r"\1", GOOD, flags=re.MULTILINE)

    found = problems(tmp_path, f"{text}\n{key} = {value}\n")

    assert found
    assert all(f"pairs[1].{key}" in problem for problem in found)


def test_three_thousand_wrong_pairs_are_refused_at_once_each_with_its_line() -> None:
    pairs = "\n".join(
        f'[[pairs]]\nid = {n}\nsession = "alice"\nsource = "@a"\ntarget = -100{n}'
        for n in range(1, 3001)
    )
    text = GOOD.split("[[pairs]]", maxsplit=1)[0] + pairs
    began = time.thread_time()

    with pytest.raises(ConfigError) as refused:
        parse_config(tomllib.loads(text), text=text)

    assert len(refused.value.problems) == 3000
    assert refused.value.problems[2999].startswith(f"line {text.count(chr(10)) - 3}: pairs[3000]:")
    assert time.thread_time() - began < 10
