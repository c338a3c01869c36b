import pytest

from causerie.client.address import DEFAULT_URL, origin, websocket_url


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (DEFAULT_URL, "ws://localhost:8080/ws"),
        ("localhost", "ws://localhost:8080/ws"),
        ("localhost:9000", "ws://localhost:9000/ws"),
        ("chat.example.org/sub", "ws://chat.example.org:8080/sub"),
        ("[::1]:9000", "ws://[::1]:9000/ws"),
        ("[::1]", "ws://[::1]:8080/ws"),
        (" http://localhost:8080/ ", "ws://localhost:8080/ws"),
        ("https://chat.example.org", "wss://chat.example.org/ws"),
        ("HTTPS://chat.example.org:444/chat?a=b#c", "wss://chat.example.org:444/chat?a=b"),
        ("wss://user:pass@chat.example.org", "wss://user:pass@chat.example.org/ws"),
        ("ws://münchen.example", "ws://münchen.example/ws"),
    ],
)
def test_what_people_write_becomes_the_url_of_a_websocket(address: str, url: str) -> None:
    assert websocket_url(address) == url


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (" ", "it is empty"),
        ("not a url", "there is a blank in it"),
        ("ws://localhost:8080/a\x1bb", "there is a blank in it"),
        ("ftp://x", "it begins with ftp, not ws, wss, http or https"),
        ("://x", "it begins with no scheme, not ws"),
        ("ws://", "there is no host in it"),
        ("ws://:8080", "there is no host in it"),
        (".a..b", "there is no host in it"),
        ("ws://<host>", "there is no host in it"),
        ("localhost:x", "its port is no number from 1 to 65535"),
        ("localhost:0", "its port is no number from 1 to 65535"),
        ("ws://host:99999", "its port is no number from 1 to 65535"),
        ("ws://[x", "an IPv6 address stands in [ and ]"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason_and_a_right_one(
    address: str, why: str
) -> None:
    with pytest.raises(ValueError) as error:
        websocket_url(address)
    text = str(error.value)
    assert text.startswith(f"{address!r} is not the address of a server: {why}")
    assert "ws://localhost:8080" in text
    assert "\x1b" not in text


def test_a_port_that_was_left_out_after_the_colon_is_the_usual_one() -> None:
    assert websocket_url("localhost:") == "ws://localhost:8080/ws"


@pytest.mark.parametrize(
    "address", ["localhost", "127.0.0.1", "ws://[::1]:8080/chat", "http://LOCALHOST:8080/?q=1"]
)
def test_one_server_has_one_origin_however_it_is_written(address: str) -> None:
    assert origin(address) == "ws://localhost:8080"


def test_other_servers_have_other_origins() -> None:
    assert origin("https://localhost:8080") == "wss://localhost:8080"
    assert origin("https://chat.example.org") == "wss://chat.example.org:443"
    assert origin("ws://chat.example.org") == "ws://chat.example.org:80"
    assert origin("ws://[2001:db8::1]:1") == "ws://[2001:db8::1]:1"
