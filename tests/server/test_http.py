import asyncio
import base64
import hashlib
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest
from tests.server.wire_peer import NoTime, masked, request, serving, until
from uvicorn.protocols.http.h11_impl import H11Protocol

from causerie.server.census import Census
from causerie.server.http import Health, http_app
from causerie.server.loop_share import LoopShare
from causerie.server.pauses import Longest
from causerie.server.upgrade import read_upgrade
from causerie.server.web import WebClient
from causerie.testing.framing import upgrade_request
from causerie.version import __version__


@dataclass
class Response:
    """What the application answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    target: str = "/",
    *,
    method: str = "GET",
    health: Health = "ok",
    headers: Any = None,
    web: WebClient | None = None,
    pauses: Callable[[], Longest] | None = None,
    census: Callable[[], Census] | None = None,
) -> Response:
    """Asks the application as uvicorn does."""
    path, _, query = target.partition("?")
    sent = {"Host": "localhost:8080", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
    }
    response = Response()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = {n.decode(): v.decode() for n, v in message["headers"]}
        else:
            response.body += message["body"]

    await http_app(lambda: health, web, pauses, census)(scope, receive, send)
    return response


async def test_a_browser_gets_a_page_that_says_what_listens_here_and_how_to_reach_it() -> None:
    response = await ask("/")
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "causerie chat Alice --url ws://localhost:8080" in response.text
    assert "websocat ws://localhost:8080" in response.text
    assert __version__ in response.text
    assert "$" not in response.text


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("de", "en"),
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("de, fr;q=0.5", "fr"),
        ("fr;q=0.5, en;q=0.8", "en"),
        ("en;q=0.5, fr;q=0.8", "fr"),
        ("fr; q=0.8, en; q=0.5", "fr"),
        ("en ;q=0.5, FR-ca;\tQ=0.8", "fr"),
        ("en, fr", "en"),
        ("fr;q=0", "en"),
        ("fr;q=much", "en"),
    ],
)
async def test_the_page_speaks_the_language_that_the_browser_prefers(
    wanted: str, language: str
) -> None:
    response = await ask(headers={"Accept-Language": wanted})
    assert response.headers["content-language"] == language
    assert f'<html lang="{language}">' in response.text
    assert "Accept-Language" in response.headers["vary"]


async def test_the_page_can_be_asked_for_in_the_other_language() -> None:
    assert (await ask("/?lang=fr")).headers["content-language"] == "fr"
    french = {"Accept-Language": "fr"}
    assert (await ask("/?lang=en", headers=french)).headers["content-language"] == "en"
    assert (await ask("/?lang=xx")).headers["content-language"] == "en"


async def test_the_page_allows_itself_nothing_but_its_own_style() -> None:
    response = await ask("/")
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in response.headers["content-security-policy"].split(";")
    )
    style = re.search("<style>(.*?)</style>", response.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert "<script" not in response.text
    assert " style=" not in response.text
    # Nothing is loaded from anywhere.
    assert not re.findall(r"(?:src|href)=\"(?!/|data:)", response.text)


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Host": "chat.example"}, "ws://chat.example"),
        ({"Host": "[::1]:8080"}, "ws://[::1]:8080"),
        ({"Host": "chat.example", "X-Forwarded-Proto": "https"}, "wss://chat.example"),
        ({"Host": 'x"><script>alert(1)</script>'}, "ws://localhost:8080"),
        ({"Host": ""}, "ws://localhost:8080"),
    ],
)
async def test_the_page_tells_the_address_under_which_it_was_asked_for(
    headers: dict[str, str], url: str
) -> None:
    text = (await ask(headers=headers)).text
    assert f"websocat {url}\n" in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("health", "alive", "ready"),
    [
        ("ok", 200, 200),
        ("degraded", 200, 200),
        ("away", 200, 503),
        ("stopping", 503, 503),
        ("failed", 503, 503),
    ],
)
async def test_healthz_tells_whether_the_server_is_well_and_readyz_whether_it_can_serve(
    health: Health, alive: int, ready: int
) -> None:
    response = await ask("/healthz", health=health)
    assert response.status == alive
    assert response.json == {"status": health, "version": __version__}
    assert response.headers["cache-control"] == "no-store"
    response = await ask("/readyz", health=health)
    assert response.status == ready
    assert response.json == {"status": health}
    assert response.headers["cache-control"] == "no-store"


async def test_healthz_tells_how_long_the_loop_was_held_where_that_is_watched() -> None:
    response = await ask("/healthz", pauses=lambda: Longest(held=0.0123456, collected=0.002))
    assert response.json == {
        "status": "ok",
        "version": __version__,
        "loopHeldMs": 12.346,
        "collectedMs": 2.0,
    }


async def test_healthz_tells_how_many_there_are_of_what_comes_and_goes_where_that_is_watched() -> (
    None
):
    response = await ask("/healthz", census=lambda: Census(4, 3, 2, 1))
    counted = {"connections": 4, "sessions": 3, "rooms": 2, "tasks": 1}
    assert response.json == {"status": "ok", "version": __version__, **counted}


async def test_the_protocol_s_description_is_served() -> None:
    response = await ask("/asyncapi.json")
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json["asyncapi"].startswith("3.")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/elsewhere", 404),
        ("POST", "/", 405),
        ("GET", "/ws", 426),
        ("GET", "/chat", 426),
    ],
)
async def test_an_error_is_told_to_a_program_in_json_and_to_a_person_in_html(
    method: str, path: str, status: int
) -> None:
    response = await ask(path, method=method)
    assert response.status == status
    assert response.json["status"] == status
    response = await ask(path, method=method, headers={"Accept": "text/html,*/*"})
    assert response.status == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert str(status) in response.text
    if status == 426:
        assert response.headers["upgrade"] == "websocket"
    if status == 405:
        assert "GET" in response.headers["allow"]


# The connection that carries it.


async def test_one_connection_carries_several_requests() -> None:
    async with serving() as server:
        peer = await server.connect()
        get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for _ in range(3):
            peer.send(get)
            answer = await peer.answer()
            assert answer.status == 200
            assert json.loads(answer.body)["status"] == "ok"
        peer.send(get + get)
        assert [(await peer.answer()).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: ",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nslow",
    ],
)
async def test_who_does_not_send_a_whole_request_in_time_is_cut(start: bytes) -> None:
    async with serving(request_timeout=0.1) as server:
        peer = await server.connect()
        peer.send(start)
        await until(lambda: server.connections)
        await until(lambda: not server.connections)


async def test_a_request_that_comes_in_time_and_a_websocket_are_not_cut() -> None:
    async with serving(request_timeout=0.05) as server:
        peer, ear = await server.open()
        slow = await server.connect()
        await until(lambda: server.connections == 2)
        # Whoever sends nothing is cut, and by then the WebSocket would have been as well.
        await until(lambda: server.connections == 1)
        peer.send(masked(1, b"hello"))
        assert await peer.frame() == (1, b"hello")
        assert not ear.is_closed
        await slow.eof()


@pytest.mark.parametrize(
    ("headers", "is_plain"),
    [
        ({}, True),
        ({"Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade"}, True),
        ({"Origin": "https://example.org", "Cookie": "a=b; c=d"}, True),
        ({"Host": None}, False),
        ({"Upgrade": None}, False),
        ({"Upgrade": "h2c"}, False),
        ({"Connection": "close"}, False),
        ({"Connection": "close, TE, Upgrade"}, False),
        ({"Content_Length": "3"}, False),
        ({"Transfer_Encoding": "chunked"}, False),
        ({"X_Name": "Zoë"}, False),
        ({"X Y": "a header's name has no space"}, False),
        ({"X_Long": "x" * 9_000}, False),
    ],
)
async def test_a_handshake_that_is_handed_on_as_it_is_is_answered_as_by_the_long_way(
    headers: dict[str, str | None], *, is_plain: bool
) -> None:
    head = upgrade_request("/ws", {name.replace("_", "-"): headers[name] for name in headers})
    assert (read_upgrade(head) is not None) is is_plain
    async with serving() as server:
        at_once, in_parts = await server.connect(), await server.connect()
        at_once.send(head)
        in_parts.send(head[:10])
        await until(lambda: server.connections == 2)
        in_parts.send(head[10:])
        one, other = await at_once.answer(), await in_parts.answer()
    one.headers.pop("date", None)
    other.headers.pop("date", None)
    assert one == other


async def test_what_comes_when_there_is_no_time_for_it_is_read_in_a_later_turn() -> None:
    async with serving(share=NoTime()) as server:
        peer, _ = await server.open()
        peer.send(masked(1, b"hello"))
        assert await peer.frame() == (1, b"hello")
        other = await server.connect()
        head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for number in range(len(head)):
            other.send(head[number : number + 1])
            await asyncio.sleep(0)
        assert (await other.answer()).status == 200


async def test_who_goes_before_there_is_time_leaves_nothing() -> None:
    async with serving(share=NoTime()) as server:
        peer = await server.connect()
        peer.send(request())
        await until(lambda: server.connections)
        peer.writer.transport.abort()
        await until(lambda: not server.connections)
        assert server.ears == [] or server.ears[0].is_closed


class Waiting(LoopShare):
    """Has everything wait until the test wants it to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[Callable[[], None]] = []

    def is_spent(self) -> bool:
        return True

    def later(self, read: Callable[[], None]) -> None:
        self.reads.append(read)


async def test_who_sends_much_before_it_is_its_turn_is_not_read_meanwhile() -> None:
    share = Waiting()
    async with serving(share=share) as server:
        peer = await server.connect()
        size = 10_000_000
        peer.send(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
        await until(lambda: share.reads)
        share.reads.pop()()
        assert (await peer.answer()).status == 413
        (http,) = server.uvicorn.server_state.connections
        assert isinstance(http, H11Protocol)
        peer.send(b"x" * size)
        await until(lambda: http.flow.read_paused)
        (read,) = share.reads
        assert len(cast("Any", http)._kept) < 1_000_000
        read()
        assert not http.flow.read_paused
        peer.writer.transport.abort()


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_body_that_is_no_http_ends_the_connection_and_is_no_fault_of_ours(
    caplog: pytest.LogCaptureFixture, *, at_once: bool
) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    bad = b"no number\r\n"
    async with serving() as server:
        peer = await server.connect()
        peer.send(head + bad if at_once else head)
        assert (await peer.answer()).status == (400 if at_once else 200)
        if not at_once:
            peer.send(bad)
        assert (b"Invalid HTTP" in await peer.reader.read()) is at_once
        await until(lambda: not server.uvicorn.server_state.connections)
        await until(lambda: not server.uvicorn.server_state.tasks)
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_handshake_after_another_request_on_the_same_connection_opens() -> None:
    async with serving() as server:
        peer = await server.connect()
        peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await peer.answer()).status == 200
        (http,) = server.uvicorn.server_state.connections
        assert isinstance(http, H11Protocol)
        assert http.timeout_keep_alive_task is not None
        peer.send(request())
        assert (await peer.answer()).status == 101
        assert http.timeout_keep_alive_task is None, "or it would end the WebSocket"


async def test_what_looks_like_a_handshake_behind_the_beginning_of_a_request_is_part_of_it() -> (
    None
):
    async with serving() as server:
        peer = await server.connect()
        peer.send(b"GET /elsewhere HTTP/1.1\r\nX: ")
        await until(lambda: server.uvicorn.server_state.connections)
        (http,) = server.uvicorn.server_state.connections
        assert isinstance(http, H11Protocol)
        await until(lambda: http.conn.trailing_data[0])
        peer.send(request("/ws"))
        assert (await peer.answer()).status == 404


@pytest.mark.slow
@pytest.mark.parametrize("is_plain", [True, False])
async def test_who_has_not_read_an_earlier_answer_is_known_for_it_as_a_websocket(
    *, is_plain: bool
) -> None:
    async with serving() as server:
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", server.port))
            await until(lambda: server.connections)
            (http,) = server.uvicorn.server_state.connections
            assert isinstance(http, H11Protocol)

            def is_answered(requests: int) -> bool:
                return server.uvicorn.server_state.total_requests == requests

            get, asked = b"GET /asyncapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", 0
            while not http.flow.write_paused:
                await loop.sock_sendall(sock, get)
                asked += 1
                await until(partial(is_answered, asked))
            head = request()
            if not is_plain:
                await loop.sock_sendall(sock, head[:10])
                await until(lambda: http.conn.trailing_data[0])
                head = head[10:]
            await loop.sock_sendall(sock, head)
            await until(lambda: server.ears)
            (ear,) = server.ears
            assert ear.events == ["paused"]
            while "resumed" not in ear.events:
                await loop.sock_recv(sock, 2**20)
            await loop.sock_sendall(sock, masked(1, b"hello"))
            await until(lambda: ear.told)


async def test_a_client_that_goes_away_in_the_middle_of_a_request_leaves_nothing() -> None:
    async with serving() as server:
        peer = await server.connect()
        peer.send(request()[:40])
        await until(lambda: server.connections)
        peer.reset()
        await until(lambda: not server.connections)
