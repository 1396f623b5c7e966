from __future__ import annotations

import socket
from typing import Any

import pytest

from helpers.live import answer_of
from music_emotion.errors import ServerError
from music_emotion.web.app import create_app
from music_emotion.web.hosts import Authority, Names, networks
from music_emotion.web.settings import ServerSettings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", ("localhost", None)),
        ("LocalHost:8000", ("localhost", 8000)),
        ("music.example.org.", ("music.example.org", None)),
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]", ("::1", None)),
        ("[2001:DB8::1]:8443", ("2001:db8::1", 8443)),
    ],
)
def test_a_host_is_read(text: str, expected: tuple[str, int | None]) -> None:
    assert Authority.of(text) == Authority(*expected)


@pytest.mark.parametrize(
    "text", ["", "::1", "[::1", "[x]", "a b", "a/b", "user@a", "a:b", "a:", "ä", "a:1\n", "[1:2]"]
)
def test_what_is_no_host_is_not(text: str) -> None:
    assert Authority.of(text) is None


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("a:8000", "http://a:8000", True),
        ("a:8000", "https://a:8000", True),  # TLS ends at the proxy
        ("a", "https://a", True),
        ("a:443", "https://a", True),
        ("a", "https://A:443", True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("a:8000", "http://a:8001", False),
        ("a:443", "http://a", False),
        ("a:8000", "http://a", False),
        ("a", "http://b", False),
        ("a", "http://a.b", False),
        ("a", "http://b/a", False),
        ("a", "null", False),
        ("a", "", False),
        ("a", "chrome-extension://a", False),
        ("localhost:8000", "http://127.0.0.1:8000", False),
    ],
)
def test_an_origin_is_the_host_or_is_not(host: str, origin: str, expected: bool) -> None:
    found = Authority.of(host)
    assert found is not None
    assert found.is_origin(origin) is expected


def test_the_names_on_loopback() -> None:
    names = Names(ServerSettings(allow_hosts=("Music.example.org.",)))
    for name in ("localhost", "127.0.0.1", "::1", "music.example.org"):
        assert name in names
    for name in ("192.168.1.2", "example.org", "localhost.example.org", socket.gethostname() + "x"):
        assert name not in names


def test_the_names_elsewhere() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "my-machine"):
        names = Names(ServerSettings(host=host, allow_hosts=("music.example.org",)))
        own = socket.gethostname().lower()
        for name in ("localhost", "192.168.7.7", "2001:db8::1", own, "music.example.org"):
            assert name in names
        assert f"{own.partition('.')[0]}.local" in names
        assert "evil.example.org" not in names
    assert "my-machine" in names


def asked(settings: ServerSettings, **headers: str) -> tuple[int, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = answer_of(create_app(settings), "/api/health", headers=sent)
    return answer.status_code, answer.json().get("code", "")


OK = (200, "")
MISDIRECTED, CROSS_SITE = (421, "misdirected"), (403, "cross_site")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "localhost:8000"}, OK),
        ({"host": "[::1]:8000"}, OK),
        ({"host": "evil.example.org"}, MISDIRECTED),
        ({"host": "192.168.1.2"}, MISDIRECTED),
        ({"host": "evil.example.org", "origin": "http://evil.example.org"}, MISDIRECTED),
        ({"host": "evil.example.org", "x_forwarded_host": "localhost"}, MISDIRECTED),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, OK),
        ({"host": "localhost:8000", "origin": "http://127.0.0.1:8000"}, CROSS_SITE),
        ({"host": "localhost", "origin": "null"}, CROSS_SITE),
    ],
)
def test_requests_for_others_and_from_others_are_refused(
    plain_settings: ServerSettings, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    assert asked(plain_settings, **headers) == expected


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (("127.0.0.1",), "music.example.org", OK),  # the client of these tests
        (("127.0.0.0/8",), "internal, music.example.org", OK),
        (("*",), "music.example.org", OK),
        (("10.0.0.2",), "music.example.org", CROSS_SITE),
        ((), "music.example.org", CROSS_SITE),
        (("127.0.0.1",), "other.example.org", CROSS_SITE),
        (("127.0.0.1",), "", CROSS_SITE),
    ],
)
def test_a_proxy_that_is_named_may_say_what_it_was_asked(
    model_folders: tuple[str, ...],
    proxies: tuple[str, ...],
    forwarded: str,
    expected: tuple[int, str],
) -> None:
    settings = ServerSettings(models=model_folders[:1], forwarded_allow_ips=proxies)
    headers = {"origin": "https://music.example.org", "x_forwarded_host": forwarded}
    assert asked(settings, host="127.0.0.1:8000", **headers) == expected


def test_the_message_names_the_option(plain_settings: ServerSettings) -> None:
    app = create_app(plain_settings)
    answer = answer_of(app, "/", headers={"host": "nas.local:8000"})
    assert answer.json()["message"].endswith("--allow-host nas.local")
    nameless = answer_of(app, "/", headers={"host": "<script>"})
    assert nameless.status_code == 421
    assert "script" not in nameless.text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("allow_hosts", "http://music.example.org", "is none; give one such as example.org"),
        ("allow_hosts", "music.example.org:8000", "is none"),
        ("allow_hosts", "", "is none"),
        ("forwarded_allow_ips", "proxy", "no address of a proxy"),
        ("forwarded_allow_ips", "10.0.0.0/33", "no address of a proxy"),
    ],
)
def test_settings_that_name_nothing(field: str, value: str, message: str) -> None:
    settings: Any = {field: (value,)}
    with pytest.raises(ServerError, match=message):
        ServerSettings(**settings).checked()


def test_networks() -> None:
    assert [str(network) for network in networks(["10.0.0.2", "10.1.2.3/8"])] == [
        "10.0.0.2/32",
        "10.0.0.0/8",
    ]
    assert len(networks(["*"])) == 2
