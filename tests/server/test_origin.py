import pytest

from causerie.server.origin import (
    client_address,
    is_loopback,
    network_of,
    normalise_origin,
    refuse_origin,
)


def may(origin: str, host: str, *allowed: str, loopback_only: bool = False) -> bool:
    return refuse_origin(origin, host, allowed=allowed, loopback_only=loopback_only) is None


@pytest.mark.parametrize(
    ("origin", "normal"),
    [
        ("https://Example.ORG", "https://example.org"),
        ("https://example.org/", "https://example.org"),
        (" HTTPS://example.org:443", "https://example.org"),
        ("http://example.org:443", "http://example.org:443"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("tauri://localhost", "tauri://localhost"),
    ],
)
def test_an_origin_is_written_in_one_way(origin: str, normal: str) -> None:
    assert normalise_origin(origin) == normal


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "example.org",
        "https://",
        "https://example.org/chat",
        "https://example.org?x",
        "https://example.org#x",
        "https://me@example.org",
        "https://example.org:port",
        "https://[::1",
    ],
)
def test_what_is_no_origin_is_none(origin: str) -> None:
    with pytest.raises(ValueError):
        normalise_origin(origin)
    assert not may(origin, "example.org", "https://example.org")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.org:8080", "example.org:8080"),
        ("http://example.org", "example.org"),
        ("http://example.org", "example.org:80"),
        ("http://example.org:80", "EXAMPLE.org"),
        ("https://example.org", "example.org:443"),
        # TLS ends at a proxy, which says nothing of it.
        ("https://example.org", "example.org"),
        ("https://example.org:8443", "example.org:8443"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_a_page_of_the_very_host_may_open_a_socket(origin: str, host: str) -> None:
    assert may(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "example.org"),
        ("http://example.org:8081", "example.org:8080"),
        ("http://example.org", "example.org:8080"),
        ("http://example.org.evil.example", "example.org"),
        ("http://example.org", ""),
        ("http://example.org", "example.org:port"),
        ("http://127.0.0.1:8080", "localhost:8080"),
        ("null", "null"),
    ],
)
def test_a_page_of_another_host_may_not(origin: str, host: str) -> None:
    assert not may(origin, host)


def test_a_page_that_is_allowed_may_and_a_star_allows_all() -> None:
    assert may("https://Friend.example/", "example.org", "https://friend.example")
    assert not may("http://friend.example", "example.org", "https://friend.example")
    assert may("null", "example.org", "*")
    assert may("https://evil.example", "example.org", "https://friend.example", "*")


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "127.9.9.9:80", "[::1]:80"])
def test_on_the_loopback_the_pages_of_the_loopback_may(host: str) -> None:
    assert may(f"http://{host}", host, loopback_only=True)


def test_on_the_loopback_a_name_that_was_made_to_point_here_may_not() -> None:
    assert may("http://rebound.example:8080", "rebound.example:8080")
    assert not may("http://rebound.example:8080", "rebound.example:8080", loopback_only=True)
    assert may("https://chat.example", "chat.example", "https://chat.example", loopback_only=True)


def test_the_refusal_says_what_to_do() -> None:
    refusal = refuse_origin(
        "https://Friend.example:443/", "example.org", allowed=(), loopback_only=False
    )
    assert refusal is not None
    assert "--allow-origin https://friend.example\n" in refusal


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("128.0.0.1", False),
        ("::2", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_the_loopback_is_known(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("2001:DB8::1", None, "2001:db8::1"),
        # Anyone can send the header; only a proxy of this machine is believed.
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ("127.0.0.1", None, ""),
        ("::1", "", ""),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("::1", "2001:DB8::7", "2001:db8::7"),
        ("::1", "[2001:db8::7]", "2001:db8::7"),
        ("127.0.0.1", "203.0.113.9, 127.0.0.1", ""),
        ("127.0.0.1", "198.51.100.7:49152", "198.51.100.7"),
        ("::1", "[2001:db8::7]:49152", "2001:db8::7"),
        ("127.0.0.1", "127.0.0.1:49152", ""),
        ("127.0.0.1", "unknown", "unknown"),
        ("127.0.0.1", "\x9b31m\x1b[2Junknown", "31m[2Junknown"),
        ("127.0.0.1", "x" * 1000, "x" * 64),
    ],
)
def test_the_address_is_the_peer_s_or_what_a_proxy_here_has_seen(
    peer: str, forwarded: str | None, address: str
) -> None:
    assert client_address(peer, forwarded) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("", ""),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("what: a proxy said", "what: a proxy said"),
    ],
)
def test_an_ipv6_address_is_counted_with_all_that_its_holder_has(
    address: str, network: str
) -> None:
    assert network_of(address) == network
