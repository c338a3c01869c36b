"""The opening handshake: who is let in, who is refused and told why, and what is left behind it."""

import logging
from typing import Any

import pytest
from tests.server.wire_peer import TEXT, masked, request

from causerie.server.handshake import Declined, Handshake, Opened

LOGGER = logging.getLogger(__name__)


def handshake(peer: str = "127.0.0.1", **allowed: Any) -> Handshake:
    settings = {
        "allow_origin": frozenset(),
        "loopback_only": True,
        "compression": False,
        **allowed,
    }
    return Handshake(peer, logger=LOGGER, **settings)


def opened(answer: Opened | Declined | None) -> Opened:
    assert isinstance(answer, Opened), answer
    return answer


def refused(answer: Opened | Declined | None) -> Declined:
    assert isinstance(answer, Declined), answer
    return answer


def header(answer: bytes, name: str) -> str | None:
    for line in answer.decode().split("\r\n"):
        if line.lower().startswith(f"{name.lower()}: "):
            return line.partition(": ")[2]
    return None


@pytest.mark.parametrize("path", ["/", "/ws", "/chat", "/ws?from=here"])
def test_a_websocket_opens_on_its_paths(path: str) -> None:
    answer = opened(handshake().feed(request(path))).answer
    assert answer.startswith(b"HTTP/1.1 101 ")
    # RFC 6455, section 1.3, has this pair as its example.
    assert header(answer, "Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


# Compression: what RFC 7692, section 7.1, has of it.

NEVER_TAKEN_OVER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def agreed(offer: str | None, *, compression: bool = True) -> str | None:
    """What of an offer is agreed on, as the answer says it."""
    asked = request(Sec_WebSocket_Extensions=offer)
    answer = opened(handshake(compression=compression).feed(asked))
    said = header(answer.answer, "Sec-WebSocket-Extensions")
    assert answer.compression == (said is not None)
    return said


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",  # browsers
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits",
        "permessage-deflate; made_up, permessage-deflate",
    ],
)
def test_compression_is_agreed_on_where_it_is_offered_and_never_takes_context_over(
    offer: str,
) -> None:
    assert agreed(offer) == NEVER_TAKEN_OVER


@pytest.mark.parametrize(
    "limit", ["server_max_window_bits=15", "client_max_window_bits=9", 'client_max_window_bits="8"']
)
def test_a_limit_that_we_can_keep_to_is_agreed_on(limit: str) -> None:
    assert agreed(f"permessage-deflate; {limit}") == f"{NEVER_TAKEN_OVER}; " + limit.replace(
        '"', ""
    )


@pytest.mark.parametrize(
    "offer",
    [
        None,
        "permessage-bzip2",
        # What is sent to all refers back farther than that.
        *(f"permessage-deflate; server_max_window_bits={bits}" for bits in range(8, 15)),
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=015",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover=true",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; made_up",
    ],
)
def test_what_is_no_offer_of_it_or_a_malformed_one_is_declined(offer: str | None) -> None:
    assert agreed(offer) is None


def test_of_several_offers_the_first_that_we_can_keep_to_is_agreed_on_and_once() -> None:
    short, long = (f"permessage-deflate; server_max_window_bits={bits}" for bits in (10, 15))
    said = agreed(f"{short}, {long}, permessage-deflate, permessage-deflate")
    assert said == f"{NEVER_TAKEN_OVER}; server_max_window_bits=15"


def test_no_extension_is_agreed_on_where_compression_is_off() -> None:
    assert agreed("permessage-deflate", compression=False) is None


def test_a_header_that_is_no_list_of_extensions_is_refused() -> None:
    asked = request(Sec_WebSocket_Extensions="permessage-deflate; =, ;")
    # RFC 6455, section 9.1: it is not even a list.
    assert refused(handshake(compression=True).feed(asked)).status == 400


def test_there_is_no_websocket_elsewhere() -> None:
    refusal = refused(handshake().feed(request("/elsewhere")))
    assert refusal.status == 404
    assert "/ws" in refusal.why
    assert refusal.answer.endswith(refusal.why.encode() + b"\n")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://\x9b31mred\u202e.example"},
        {"Origin": f"http://{'x' * 7_000}.example"},
        {"Sec_WebSocket_Key": "\x9b31mred"},
    ],
)
def test_what_a_client_wrote_steers_no_terminal_in_the_log_and_does_not_fill_it(
    headers: dict[str, str],
) -> None:
    refusal = refused(handshake().feed(request(**headers)))
    assert refusal.why.isprintable()
    assert 20 < len(refusal.why) <= 300


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, None),
        ("causerie.v1", "causerie.v1"),
        ("soap, causerie.v1", "causerie.v1"),
        ("causerie.v0, soap", None),
    ],
)
def test_the_subprotocol_is_ours_if_it_is_offered_and_none_otherwise(
    offered: str | None, chosen: str | None
) -> None:
    answer = opened(handshake().feed(request(Sec_WebSocket_Protocol=offered)))
    assert answer.subprotocol == chosen
    assert header(answer.answer, "Sec-WebSocket-Protocol") == chosen


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Version": "12"}, 400),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Upgrade": None}, 426),
    ],
)
def test_a_wrong_handshake_is_refused(headers: dict[str, Any], status: int) -> None:
    refusal = refused(handshake().feed(request(**headers)))
    assert refusal.status == status
    assert refusal.answer.startswith(b"HTTP/1.1 %d " % status)
    assert refusal.why


@pytest.mark.parametrize(
    "headers", [{"X_Long": "x" * 100_000}, {f"X_{i}": "x" * 700 for i in range(140)}]
)
def test_too_many_headers_are_refused(headers: dict[str, str]) -> None:
    refusal = refused(handshake().feed(request(**headers)))
    assert refusal.status == 431
    assert refusal.why


def test_a_page_from_elsewhere_may_not_open_a_socket_and_is_told_who_could_allow_it() -> None:
    refusal = refused(handshake().feed(request(Origin="https://evil.example")))
    assert refusal.status == 403
    assert "--allow-origin https://evil.example" in refusal.why


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://friend.example"])
def test_a_page_from_here_and_a_page_that_is_allowed_may_open_a_socket(origin: str) -> None:
    allowed = frozenset({"https://friend.example"})
    opened(handshake(allow_origin=allowed).feed(request(Origin=origin)))


def test_a_page_of_a_name_for_the_loopback_may_open_one_if_the_server_is_for_others_too() -> None:
    page = request(Origin="http://chat.example:8080", Host="chat.example:8080")
    refused(handshake().feed(page))
    opened(handshake(loopback_only=False).feed(page))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", None, ""),
        ("localhost", None, ""),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.1", "198.51.100.7", "203.0.113.1"),
    ],
)
def test_the_address_is_the_one_that_a_proxy_on_this_machine_tells(
    peer: str, forwarded: str | None, address: str
) -> None:
    asked = request(X_Forwarded_For=forwarded)
    assert opened(handshake(peer).feed(asked)).address == address
    elsewhere = request("/elsewhere", X_Forwarded_For=forwarded)
    assert refused(handshake(peer).feed(elsewhere)).address == address


def test_a_handshake_may_come_byte_by_byte() -> None:
    one = handshake()
    *all_but_one, last = (bytes((byte,)) for byte in request())
    assert [one.feed(byte) for byte in all_but_one] == [None] * len(all_but_one)
    assert opened(one.feed(last)).early == b""


def test_what_came_behind_the_handshake_is_not_lost() -> None:
    one = handshake()
    frames = masked(TEXT, b"one\n") + masked(TEXT, b"two")[:3]
    assert one.feed(request()[:20]) is None
    assert opened(one.feed(request()[20:] + frames)).early == frames


@pytest.mark.parametrize(
    "asked",
    [
        request(Content_Length="3") + b"abc",
        request(Transfer_Encoding="chunked") + b"0\r\n\r\n",
        b"GET /ws\r\n\r\n",
        b"\x16\x03\x01 hello\r\n\r\n",
    ],
)
def test_a_request_with_a_body_and_what_is_no_request_are_told_so(asked: bytes) -> None:
    refusal = refused(handshake("203.0.113.1").feed(asked))
    assert (refusal.status, refusal.address) == (400, "203.0.113.1")
    assert "with a body" in refusal.why
    assert refusal.answer.endswith(b"\r\n\r\n" + refusal.why.encode() + b"\n")


def test_a_request_that_says_it_has_no_body_is_one() -> None:
    opened(handshake().feed(request(Content_Length="0")))


def test_a_request_that_has_been_read_already_is_answered() -> None:
    asked = {
        "host": "localhost:8080",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
    }
    assert opened(handshake().take("/ws", asked)).early == b""
    assert refused(handshake().take("/elsewhere", asked)).status == 404
    assert refused(handshake().take("/ws", {**asked, "sec-websocket-version": "8"})).status == 400
