"""The handshake that is answered at a glance: never otherwise than by the libraries."""

import dataclasses
import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.server.wire_peer import TEXT, masked, request

from causerie.server.handshake import Declined, Handshake, Opened
from causerie.server.upgrade import Upgrade, answer_upgrade, read_upgrade
from causerie.testing.framing import upgrade_request

LOGGER = logging.getLogger(__name__)

SETTINGS: dict[str, Any] = {
    "allow_origin": frozenset({"https://friend.example"}),
    "loopback_only": True,
    "compression": True,
}


def read(data: bytes) -> Upgrade:
    upgrade = read_upgrade(data)
    assert upgrade is not None, data
    return upgrade


def at_a_glance(data: bytes, peer: str = "127.0.0.1") -> Opened | None:
    upgrade = read_upgrade(data)
    return None if upgrade is None else answer_upgrade(upgrade, peer, **SETTINGS)


def by_the_library(data: bytes, peer: str = "127.0.0.1") -> Opened | Declined:
    answer = Handshake(peer, logger=LOGGER, **SETTINGS).feed(data)
    assert answer is not None
    return answer


def without_date(answer: Opened | Declined) -> Opened | Declined:
    """Which an answer of 101 may be without (RFC 9110, section 6.6.1)."""
    lines = answer.answer.split(b"\r\n")
    answered = b"\r\n".join(line for line in lines if not line.startswith(b"Date: "))
    return dataclasses.replace(answer, answer=answered)


KEY = "dGhlIHNhbXBsZSBub25jZQ=="

NAMES = [
    "Host", "Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Upgrade", "Connection",
    "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "X-Forwarded-For", "Cookie",
    "Content-Length", "Transfer-Encoding",
]  # fmt: skip

VALUES = st.one_of(
    st.none(),
    st.sampled_from([
        "13", "8", "0", "", " ", "causerie.v1", "soap, causerie.v1", "permessage-deflate", "a b",
        "http://localhost:8080", "https://friend.example", "https://example.org", "203.0.113.7",
        "websocket", "WebSocket", "keep-alive, Upgrade", "upgrade ", KEY, "é", "a,,causerie.v1",
        "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ", "AAAA", "causerie.v1,soap",
    ]),
    st.text(st.characters(min_codepoint=9, max_codepoint=126), max_size=12),
)  # fmt: skip


@given(
    path=st.sampled_from(["/", "/ws", "/ws?a=b", "/elsewhere", "/%", "/a b"]),
    headers=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    peer=st.sampled_from(["127.0.0.1", "203.0.113.9"]),
)
@example("/ws", {"Sec-WebSocket-Protocol": "causerie.v1"}, "127.0.0.1")
@example("/ws", {"Sec-WebSocket-Protocol": "soap"}, "127.0.0.1")
@example("/ws", {"Sec-WebSocket-Extensions": "permessage-deflate"}, "127.0.0.1")
@example("/ws", {"X-Forwarded-For": "203.0.113.7"}, "127.0.0.1")
@example("/ws", {"Origin": "https://friend.example"}, "127.0.0.1")
@example("/ws", {"Origin": "https://example.org"}, "127.0.0.1")
def test_what_is_answered_at_a_glance_is_answered_as_by_the_library(
    path: str, headers: dict[str, str | None], peer: str
) -> None:
    data = upgrade_request(path, headers)
    opened = at_a_glance(data, peer)
    if opened is not None:
        assert opened == without_date(by_the_library(data, peer))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_WebSocket_Protocol": "causerie.v1"},
        {"Sec_WebSocket_Protocol": "soap, causerie.v1"},
        {"Origin": "http://localhost:8080", "Cookie": "a=b; c=d"},
        {"Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade"},
        {"X_Forwarded_For": "203.0.113.7"},
    ],
)
def test_the_handshakes_of_usual_clients_are_answered_at_a_glance(headers: dict[str, str]) -> None:
    assert at_a_glance(request(**headers)) is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Sec_WebSocket_Version": "8"},
        {"Sec_WebSocket_Version": None},
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": "AAAA"},
        {"Sec_WebSocket_Key": "é"},
        {"Sec_WebSocket_Protocol": "causerie.v1,,soap"},
        {"Sec_WebSocket_Protocol": ""},
        {"Sec_WebSocket_Extensions": "permessage-deflate"},
    ],
)
def test_what_is_refused_negotiated_or_odd_is_left_to_the_library(
    headers: dict[str, Any],
) -> None:
    assert at_a_glance(request(**headers)) is None


def test_there_is_no_websocket_elsewhere() -> None:
    assert answer_upgrade(read(request("/elsewhere")), "127.0.0.1", **SETTINGS) is None


def test_compression_is_no_matter_where_it_is_off() -> None:
    upgrade = read(request(Sec_WebSocket_Extensions="permessage-deflate; =, ;"))
    opened = answer_upgrade(upgrade, "127.0.0.1", **{**SETTINGS, "compression": False})
    assert opened is not None
    assert not opened.compression


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": None},
        {"Upgrade": None},
        {"Connection": "close"},
        {"Content_Length": "0"},
        {"Transfer_Encoding": "chunked"},
        {"Expect": "100-continue"},
    ],
)
def test_what_asks_for_no_websocket_or_may_have_a_body_is_not_read(
    headers: dict[str, Any],
) -> None:
    assert read_upgrade(request(**headers)) is None


def test_only_a_whole_handshake_and_nothing_behind_it_is_read() -> None:
    head = request()
    assert read(head).headers["host"] == "localhost:8080"
    assert not any(read_upgrade(head[:size]) for size in range(len(head)))
    assert read_upgrade(head + masked(TEXT, b"early")) is None
    assert read_upgrade(head.replace(b"GET", b"POST")) is None
    assert read_upgrade(head.replace(b"HTTP/1.1", b"HTTP/1.0")) is None
    assert read_upgrade(head.replace(b"\r\n", b"\r\n folded: line\r\n", 1)) is None
    assert read_upgrade(head.replace(b"\r\n", b"\r\nhost: another\r\n", 1)) is None
    assert read_upgrade(head.replace(b"\r\n", b"\r\nX: " + b"x" * 9_000 + b"\r\n", 1)) is None
