import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.client.scripted_server import Peer, scripted_server
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from causerie.client import transport as transport_module
from causerie.client.transport import Lost, open_transport
from causerie.language import Words
from causerie.wire.codec import encode
from causerie.wire.commands import Ping

ENGLISH, FRENCH = Words("en"), Words("fr")

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def fails_to_open(url: str, *, within: float = 10.0, words: Words = ENGLISH) -> Lost:
    with pytest.raises(Lost) as caught:
        await open_transport(url, within=within, words=words)
    return caught.value


@asynccontextmanager
async def tcp_server(handler: Handler) -> AsyncIterator[str]:
    """Something that listens, and is no WebSocket server."""
    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


async def test_messages_go_both_ways() -> None:
    async with scripted_server() as server:
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        peer = await server.accept()
        await transport.send(encode(Ping(id="é")))
        assert await peer.read() == {"type": "ping", "id": "é"}
        await peer.send(Ping(id="back"))
        assert await transport.receive() == b'{"type":"ping","id":"back"}'
        await transport.close()


async def test_a_message_as_large_as_the_servers_largest_reply_is_received() -> None:
    async with scripted_server() as server:
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        peer = await server.accept()
        await peer.connection.send("x" * 300_000)
        assert len(await transport.receive()) == 300_000
        await transport.close()


async def test_the_handshake_asks_for_the_profile_and_no_compression() -> None:
    async with scripted_server() as server:
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        peer = await server.accept()
        request = peer.connection.request
        assert request is not None
        assert request.headers["Sec-WebSocket-Protocol"] == "causerie.v1"
        assert "Sec-WebSocket-Extensions" not in request.headers
        assert request.headers["User-Agent"].startswith("causerie/")
        await transport.close()


async def test_a_goodbye_is_a_close_with_1000() -> None:
    async with scripted_server() as server:
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        peer = await server.accept()
        await transport.close()
        assert await peer.closed() == 1000
        with pytest.raises(Lost):
            await transport.send(b"{}")


async def ended(end: Callable[[Peer], Coroutine[Any, Any, None]]) -> Lost:
    """What is told of a connection that the server ends so."""
    async with scripted_server() as server:
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        await end(await server.accept())
        with pytest.raises(Lost) as caught:
            await transport.receive()
        return caught.value


async def test_a_close_is_told_with_its_code_and_reason() -> None:
    lost = await ended(lambda peer: peer.close(1012, "retry-after=5"))
    assert (lost.code, lost.reason) == (1012, "retry-after=5")


async def test_a_cut_is_told_as_1006() -> None:
    async def cut(peer: Peer) -> None:
        peer.cut()

    lost = await ended(cut)
    assert (lost.code, lost.reason) == (1006, "")


async def test_what_came_before_the_close_can_still_be_received() -> None:
    async with scripted_server() as server:
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        peer = await server.accept()
        await peer.send(Ping(id="last"))
        await peer.close(1001)
        assert b"last" in await transport.receive()
        with pytest.raises(Lost):
            await transport.receive()


async def test_an_abort_ends_the_connection_without_a_word() -> None:
    async with scripted_server() as server:
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        peer = await server.accept()
        transport.abort()
        with pytest.raises(Lost):
            await transport.receive()
        assert await peer.closed() == 1006


async def test_where_nobody_listens_trying_again_may_help() -> None:
    async with scripted_server() as server:
        url = server.url
    lost = await fails_to_open(url)
    assert lost.code == 1006
    assert lost.reason.startswith("nobody listens on 127.0.0.1:")
    assert "“causerie serve”" in lost.reason


async def test_the_reason_is_given_in_the_words_of_whoever_asks() -> None:
    async with scripted_server() as server:
        server.refuse += [(HTTPStatus.FORBIDDEN, {}), (HTTPStatus.FOUND, {"Location": "ftp://x/"})]
        refused = await fails_to_open(server.url, words=FRENCH)
        led_astray = await fails_to_open(server.url, words=FRENCH)
    gone = await fails_to_open(server.url, words=FRENCH)
    assert "ne laisse pas entrer ce programme (HTTP 403" in refused.reason
    assert "renvoie à ftp://x/, qui n’est pas l’adresse d’un chat" in led_astray.reason
    assert gone.reason.startswith("personne n’écoute sur 127.0.0.1:")


async def test_a_host_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(transport_module, "open_socket", unknown)
    lost = await fails_to_open("ws://no-such-host.invalid/ws")
    assert lost.code == 1006
    assert lost.reason == "there is no host no-such-host.invalid (is it spelt right?)"


async def test_a_server_without_tls_is_not_spoken_to_with_tls() -> None:
    async with scripted_server() as server:
        lost = await fails_to_open(server.url.replace("ws:", "wss:"))
    assert lost.code == 1006
    assert "write ws://" in lost.reason
    assert "_ssl" not in lost.reason


async def test_a_certificate_that_nobody_vouches_for_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def connect(*_: object) -> None:
        error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1)")
        error.verify_code = 10
        raise error

    monkeypatch.setattr(transport_module, "_connect", connect)
    lost = await fails_to_open("wss://chat.example.org/ws")
    assert lost.code == 1008
    assert lost.reason.startswith("the certificate of chat.example.org cannot be trusted: it has ")


async def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    released = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await released.wait()
        writer.close()

    async with tcp_server(silent) as url:
        lost = await fails_to_open(url, within=0.05)
        released.set()
    assert lost.code == 1006
    assert lost.reason.endswith(" does not answer within 0.05 s (is the address right?)")


async def test_what_is_no_web_server_at_all_is_lost() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example.org ESMTP\r\n\r\n")
        writer.close()

    async with tcp_server(rude) as url:
        lost = await fails_to_open(url)
    assert lost.code == 1006
    assert "is no web server (is the port right?)" in lost.reason


async def test_what_closes_without_an_answer_may_want_tls() -> None:
    async def curt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with tcp_server(curt) as url:
        lost = await fails_to_open(url)
    assert lost.code == 1006
    assert lost.reason.endswith(
        " closed the connection without an answer (with TLS, write wss:// or https://)"
    )


async def test_a_web_server_that_upgrades_to_nothing_known_is_no_chat() -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\n\r\n")
        writer.close()

    async with tcp_server(odd) as url:
        lost = await fails_to_open(url)
    assert lost.code == 1006
    assert "answers as no chat does" in lost.reason


@pytest.mark.parametrize(
    ("status", "headers", "code", "reason"),
    [
        (HTTPStatus.FORBIDDEN, {}, 1008, "(HTTP 403; ask whoever runs it)"),
        (HTTPStatus.NOT_FOUND, {}, 1008, "(HTTP 404; is the address right?)"),
        (HTTPStatus.OK, {}, 1008, "(HTTP 200; is the address right?)"),
        (HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "2"}, 1013, "(HTTP 429); retry-after=2000"),
        (HTTPStatus.BAD_GATEWAY, {}, 1013, "(HTTP 502)"),
        (HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "soon"}, 1013, "(HTTP 503)"),
    ],
)
async def test_a_refusal_over_http_says_whether_to_come_back(
    status: HTTPStatus, headers: dict[str, str], code: int, reason: str
) -> None:
    async with scripted_server() as server:
        server.refuse.append((status, headers))
        lost = await fails_to_open(server.url)
    assert lost.code == code
    assert lost.reason.endswith(reason)


async def test_a_redirection_is_followed() -> None:
    async with scripted_server() as server, scripted_server() as other:
        target = other.url.replace("ws:", "http:")
        server.refuse.append((HTTPStatus.TEMPORARY_REDIRECT, {"Location": target}))
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        await other.accept()
        await transport.close()


async def test_a_redirection_within_the_server_is_followed() -> None:
    async with scripted_server() as server:
        server.refuse.append((HTTPStatus.MOVED_PERMANENTLY, {"Location": "/chat"}))
        transport = await open_transport(server.url, within=10, words=ENGLISH)
        peer = await server.accept()
        assert peer.connection.request is not None
        assert peer.connection.request.path == "/chat"
        await transport.close()


async def test_redirections_end() -> None:
    async with scripted_server() as server:
        server.refuse += [(HTTPStatus.FOUND, {"Location": "/ws"})] * 100
        lost = await fails_to_open(server.url)
    assert lost.code == 1008
    assert lost.reason.endswith(" sends one on and on (more than 5 redirects)")


async def test_a_redirection_to_nowhere_is_a_refusal() -> None:
    async with scripted_server() as server:
        server.refuse.append((HTTPStatus.FOUND, {}))
        lost = await fails_to_open(server.url)
    assert lost.code == 1008
    assert "(HTTP 302; is the address right?)" in lost.reason


@pytest.mark.parametrize("location", ["ftp://chat.example.org/", "http://[x/", "http://"])
async def test_a_redirection_to_what_is_no_address_is_a_refusal(location: str) -> None:
    async with scripted_server() as server:
        server.refuse.append((HTTPStatus.FOUND, {"Location": location}))
        lost = await fails_to_open(server.url)
    assert lost.code == 1008
    assert f"sends one on to {location}, which is not the address of a chat" in lost.reason


async def test_nobody_is_led_out_of_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: object) -> None:
        headers = Headers(Location="http://chat.example.org/")
        try:
            raise InvalidStatus(Response(302, "Found", headers, b""))
        except InvalidStatus:
            raise ValueError("cannot follow") from None

    monkeypatch.setattr(transport_module, "_connect", connect)
    lost = await fails_to_open("wss://chat.example.org/ws")
    assert (lost.code, lost.reason) == (
        1008,
        "chat.example.org:443 sends one on to http://chat.example.org/, without TLS",
    )


async def test_what_is_no_url_is_not_tried_again() -> None:
    lost = await fails_to_open("ftp://127.0.0.1/")
    assert (lost.code, lost.reason) == (1008, "ftp://127.0.0.1/ is not the address of a chat")


async def test_a_fault_of_ours_is_not_taken_for_a_redirection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fault(*_: object) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(transport_module, "open_socket", fault)
    with pytest.raises(ValueError, match="a fault of ours"):
        await open_transport("ws://127.0.0.1:1/", within=10, words=ENGLISH)


@pytest.mark.parametrize("profile", [None, "other.v9"])
async def test_a_server_of_another_protocol_is_none_of_ours(profile: str | None) -> None:
    async with scripted_server(profile) as server:
        lost = await fails_to_open(server.url)
    assert lost.code == 1008
    assert ("does not speak causerie.v1" in lost.reason) is (profile is None)
    assert lost.reason.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("proxy", "code", "why"),
    [
        ("nonsense", 1008, "is none (is HTTPS_PROXY right?)"),
        ("socks5h://127.0.0.1:1", 1008, "speaks SOCKS, for which Python needs"),
        ("http://127.0.0.1:{closed}", 1006, "is not there (is HTTPS_PROXY"),
        ("http://127.0.0.1:{rude}", 1006, "does not let the connection through"),
    ],
)
async def test_a_proxy_that_stands_in_the_way_is_told_of(
    proxy: str, code: int, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        writer.close()

    async with scripted_server() as gone:
        pass
    async with tcp_server(rude) as url:
        closed, busy = urlsplit(gone.url).port, urlsplit(url).port
        for name in ("https_proxy", "http_proxy", "wss_proxy", "ws_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv("https_proxy", proxy.format(closed=closed, rude=busy))
        lost = await fails_to_open("wss://chat.example.org/ws")
    assert lost.code == code
    assert lost.reason.startswith(f"the proxy that the environment names {why}")


async def test_every_address_of_a_host_is_tried() -> None:
    async with scripted_server() as server:
        # It listens on 127.0.0.1 alone; localhost may be ::1 first.
        transport = await open_transport(
            server.url.replace("127.0.0.1", "localhost"), within=10, words=ENGLISH
        )
        await server.accept()
        await transport.close()


def test_it_runs_on_uvloop_too() -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_messages_go_both_ways())
