import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs
from tests.adapters.archives import message
from tests.server.wire_peer import CLOSE, DEADLINE, PONG, TEXT, Peer, masked, request, until

from causerie import app as module
from causerie.adapters import sqlite_writer
from causerie.adapters.nats_server import NatsServer
from causerie.adapters.sqlite import StorageError
from causerie.app import App, AppError
from causerie.backends import BackendError, open_archive, release_name
from causerie.server.config import Config
from causerie.server.listening import ListenError, listen

KEY = "0123456789abcdef0123456789abcdef"


class Running:
    """A server that runs in this process, and the clients that a test opens."""

    def __init__(self, config: Config) -> None:
        self.urls: list[str] = []
        self.app = App(config, announce=self.urls.append)
        self.task = asyncio.create_task(self.app.run())
        self.peers: list[Peer] = []

    @property
    def port(self) -> int:
        return int(self.urls[0].rsplit(":", 1)[1])

    async def connect(self, host: str = "127.0.0.1") -> Peer:
        self.peers.append(Peer(*await asyncio.open_connection(host, self.port)))
        return self.peers[-1]

    async def open(self, username: str | None = None, **hello: Any) -> Peer:
        """Opens a WebSocket of the v1 profile, and says hello if there is somebody to say it."""
        peer = await self.connect()
        peer.send(request(Host=f"localhost:{self.port}", Sec_WebSocket_Protocol="causerie.v1"))
        assert (await peer.answer()).status == 101
        if username:
            reply = await ask(peer, type="hello", username=username, **hello)
            assert reply["type"] == "welcome", reply
        return peer

    async def get(self, path: str) -> Any:
        peer = await self.connect()
        peer.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return json.loads((await peer.answer()).body)

    async def ended(self) -> None:
        """Waits for the end, and raises what ended it."""
        async with asyncio.timeout(DEADLINE):
            await self.task


async def ask(peer: Peer, **command: Any) -> Any:
    """Sends a command and reads up to its reply."""
    peer.send(masked(TEXT, json.dumps({"id": "c1", **command}).encode()))
    while True:
        opcode, payload = await peer.frame()
        frame = json.loads(payload) if opcode == TEXT else {}
        # One's own message comes too, with the same id.
        if frame.get("id") == command.get("id", "c1") and frame["type"] != "message":
            return frame


@asynccontextmanager
async def running(data: Path, **config: Any) -> AsyncIterator[Running]:
    server = Running(Config(**{"port": 0, "data": data, **config}))
    try:
        await until(lambda: server.urls or server.task.done())
        if server.task.done():
            server.task.result()
        yield server
    finally:
        for peer in server.peers:
            peer.writer.transport.abort()
        server.app.stop()
        await asyncio.wait([server.task], timeout=DEADLINE)


async def test_the_server_listens_on_both_loopbacks_and_is_well(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        assert server.urls == [f"http://localhost:{server.port}"]
        await server.connect("::1")
        assert (await server.get("/healthz"))["status"] == "ok"
        assert (tmp_path / "data").is_dir()


async def test_the_log_tells_where_the_rooms_are_and_no_secret_of_theirs(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with running(tmp_path):
            pass
        with NatsServer(tmp_path / "nats") as nats:
            async with running(tmp_path, nats=(nats.url.replace("//", "//ann:secret@"),)):
                pass
    told = [log["data"] for log in logs if log["event"] == "listening"]
    assert told == [str(tmp_path), nats.url.replace("//", "//…@")]


async def test_that_the_rooms_can_be_stored_again_is_no_warning(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        with capture_logs() as logs:
            server.app._note_health("degraded")
            server.app._note_health("ok")
    told = [(log["health"], log["log_level"]) for log in logs if "health" in log]
    assert told == [("degraded", "warning"), ("ok", "info")]


async def test_an_ipv6_address_is_told_in_brackets(tmp_path: Path) -> None:
    async with running(tmp_path, host="::1") as server:
        assert server.urls == [f"http://[::1]:{server.port}"]


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        alice = await server.open("Alice", key=KEY)
        await ask(alice, type="join", room="hall")
        ack = await ask(alice, type="message", room="hall", content="still here?", id="m1")
        assert ack["type"] == "ack"
    async with running(tmp_path) as server:
        bob = await server.open("Bob", key=KEY[::-1])
        reply = await ask(bob, type="history", room="hall", before=ack["seq"] + 1)
        assert [entry["content"] for entry in reply["entries"]] == ["still here?"]


async def test_stopping_answers_what_was_taken_and_closes_with_1001(tmp_path: Path) -> None:
    async with running(tmp_path, rate_limit=0) as server:
        alice = await server.open("Alice", key=KEY)
        await ask(alice, type="join", room="hall")
        idle = await server.open()
        for number in range(50):
            content = {"type": "message", "room": "hall", "content": "x", "id": f"m{number}"}
            alice.send(masked(TEXT, json.dumps(content).encode()))
        opcode, payload = await alice.frame()
        server.app.stop()
        assert await closed_with(idle) == 1001
        acks = set()
        while opcode == TEXT:
            frame = json.loads(payload)
            if frame["type"] == "ack":
                acks.add(frame["id"])
            opcode, payload = await alice.frame()
        assert opcode == CLOSE
        assert payload[:2] == b"\x03\xe9"
        alice.send(masked(CLOSE, payload))
        await server.ended()
    async with running(tmp_path) as server:
        bob = await server.open("Bob", key=KEY[::-1])
        reply = await ask(bob, type="history", room="hall", before=2**50)
        # Everything that is there was acknowledged.
        assert {entry["id"] for entry in reply["entries"]} == acks


async def closed_with(peer: Peer) -> int:
    """Reads up to the close frame, answers it, and tells its code."""
    while True:
        opcode, payload = await peer.frame()
        if opcode == CLOSE:
            peer.send(masked(CLOSE, payload))
            return int.from_bytes(payload[:2])


async def test_a_server_that_is_watched_tells_what_there_is(tmp_path: Path) -> None:
    async with running(tmp_path, watch_loop=True) as server:
        alice = await server.open("Alice", key=KEY)
        await ask(alice, type="join", room="hall")
        await server.open()
        told = await server.get("/healthz")
        assert [told[kind] for kind in ("connections", "sessions", "rooms")] == [2, 1, 1]
        assert told["tasks"] > 0
        assert told["loopHeldMs"] >= 0


async def test_an_idle_http_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.get("/healthz")
        silent = await server.connect()
        silent.send(b"GET / HTTP/1.1\r\n")
        await server.get("/healthz")
        before = asyncio.get_running_loop().time()
        server.app.stop()
        await server.ended()
        assert asyncio.get_running_loop().time() - before < 2


async def test_who_does_not_answer_is_cut_when_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.1)
    async with running(tmp_path) as server:
        rude = await server.open()
        server.app.stop()
        await server.ended()
        assert (await rude.frame())[0] == CLOSE


async def test_while_it_stops_the_server_says_so_and_takes_nobody_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as server:
        kept_alive = await server.connect()
        kept_alive.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await kept_alive.answer()
        finish: list[Any] = []
        stop = server.app._hub.stop
        monkeypatch.setattr(server.app._hub, "stop", finish.append)
        server.app.stop()
        await until(lambda: finish)
        kept_alive.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert json.loads((await kept_alive.answer()).body)["status"] == "stopping"
        with pytest.raises(OSError):
            await server.connect()
        stop(finish[0])
        await server.ended()


async def test_a_port_in_use_is_told_and_the_folder_left_alone(tmp_path: Path) -> None:
    (sock,) = listen("127.0.0.1", 0)
    with sock, pytest.raises(ListenError, match="in use"):
        async with running(tmp_path / "data", port=sock.getsockname()[1]):
            pass
    assert not (tmp_path / "data").exists()


async def test_a_second_server_on_a_folder_is_refused_and_lets_its_port_go(tmp_path: Path) -> None:
    async with running(tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with pytest.raises(StorageError, match="Another server"):
            async with running(tmp_path, port=port):
                pass
        listen("127.0.0.1", port)[0].close()


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(StorageError, match=r"cannot be used .* choose another with --data"):
        async with running(tmp_path / "data" / "in"):
            pass


async def test_a_file_where_a_folder_is_wanted_is_told_and_stays(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(AppError, match="data is a file: name a folder with --data"):
        async with running(tmp_path / "data"):
            pass
    assert (tmp_path / "data").read_text() == "no folder"


async def test_a_server_does_not_start_beside_rooms_that_were_kept_with_workers(
    tmp_path: Path,
) -> None:
    async with open_archive(str(tmp_path / "nats"), make=True) as archive:
        await archive.append([message(0)])
    with pytest.raises(BackendError, match=f"`causerie move {tmp_path}/nats {tmp_path}`"):
        async with running(tmp_path):
            pass


async def test_a_log_that_failed_ends_the_server_with_a_reason(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        peer = await server.open("Alice", key=KEY)
        # Only a broken disk would do it from outside.
        server.app._hub.log_failed("disk I/O error")
        assert server.app._health == "failed"
        assert await closed_with(peer) == 1011
        with pytest.raises(AppError, match="disk I/O error"):
            await server.ended()


async def test_a_log_that_fails_while_the_server_stops_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as server:
        peer = await server.open("Alice", key=KEY)
        await ask(peer, type="join", room="hall")
        hub = server.app._hub
        monkeypatch.setattr(hub.log, "append", lambda _draft: server.app.stop())
        peer.send(masked(TEXT, b'{"type":"message","room":"hall","content":"x","id":"m"}'))
        await until(lambda: server.app._health == "stopping")
        hub.log_failed("disk I/O error")
        assert await closed_with(peer) == 1011
        async with asyncio.timeout(module.COMMIT_TIMEOUT / 2):
            with pytest.raises(AppError, match="disk I/O error"):
                await server.ended()


async def test_nothing_is_acknowledged_once_the_data_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "CHECK_EVERY", 0.0)
    data = tmp_path / "data"
    async with running(data) as server:
        peer = await server.open("Alice", key=KEY)
        assert (await ask(peer, type="join", room="lobby"))["type"] == "joined"
        shutil.rmtree(data)
        peer.send(masked(TEXT, b'{"type":"message","room":"lobby","content":"hello","id":"m1"}'))
        told: list[bytes] = []
        while (came := await peer.frame())[0] != CLOSE:
            told.append(came[1])
        assert came[1][:2] == (1011).to_bytes(2)
        assert not any(b'"ack"' in frame or b"hello" in frame for frame in told)
        with pytest.raises(AppError, match=r"moved, deleted or replaced while the server ran\)"):
            await server.ended()


async def test_a_disk_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMIT_TIMEOUT", 0.05)
    async with running(tmp_path) as server:
        peer = await server.open("Alice", key=KEY)
        log, close = server.app._hub.log, server.app._hub.log.close

        def hang() -> None:
            raise AssertionError("it would hang here")

        monkeypatch.setattr(log, "close", hang)
        monkeypatch.setattr(server.app._hub, "stop", lambda _done: None)
        server.app.stop()
        assert await closed_with(peer) == 1001
        with pytest.raises(AppError, match="longer than 0"):
            await server.ended()
        close()


@pytest.mark.parametrize(("limit", "least", "most"), [(4.8, 0.1, 4.75), (0.0, 0.0, 0.0)])
async def test_the_disk_has_what_is_left_of_the_time_to_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float, least: float, most: float
) -> None:
    monkeypatch.setattr(module, "END_TIMEOUT", limit)
    given: list[float] = []
    async with running(tmp_path) as server:
        log = server.app._hub.log
        close = log.close

        def noted(within: float) -> None:
            given.append(within)
            close()

        monkeypatch.setattr(log, "close", noted)
        server.app.stop()
        await server.ended()
    assert least <= given[0] <= most


async def test_the_limit_of_connections_is_that_of_the_configuration(tmp_path: Path) -> None:
    async with running(tmp_path, max_connections=1) as server:
        await server.open()
        second = await server.open()
        assert await closed_with(second) == 1013


@pytest.mark.parametrize("order", [(0.03, 3600), (3600, 0.03), (0.05, 0.03, 3600)])
async def test_the_hub_is_called_at_the_nearest_of_the_times_that_it_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[float, ...]
) -> None:
    async with running(tmp_path) as server:
        called: list[float] = []
        monkeypatch.setattr(
            server.app._hub, "tick", lambda: called.append(server.app._clock.monotonic())
        )
        # The hub has asked for a time itself.
        assert server.app._timer is not None
        server.app._timer.cancel()
        server.app._timer = None
        now = server.app._clock.monotonic()
        for delay in order:
            server.app._arm(now + delay)
        await until(lambda: called)
        assert now + 0.025 <= called[0] < now + 1
        server.app._arm(now)
        await until(lambda: len(called) == 2)


@pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_what_came_while_the_server_was_held_up_is_read_before_what_is_due(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    monkeypatch.setattr(module, "LATE", 0.05)
    order: list[str] = []

    async def hold_up() -> None:
        async with running(tmp_path) as server:
            peer = await server.open("Alice", key=KEY)
            (connection,) = server.app._hub.connections
            monkeypatch.setattr(type(connection), "heard", lambda _: order.append("heard"))
            monkeypatch.setattr(server.app._hub, "tick", lambda: order.append("due"))
            now = time.monotonic()
            server.app._arm(now + 0.01)
            os.write(peer.writer.get_extra_info("socket").fileno(), masked(PONG, b""))
            while time.monotonic() < now + 0.1:
                """Nothing else is done, as if the process were stopped."""
            # What uvloop does when a process that was stopped (SIGSTOP) goes on: timers come first.
            assert server.app._timer is not None
            server.app._timer.cancel()
            server.app._tick()
            await until(lambda: "due" in order)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(hold_up())
    assert order[0] == "heard"


async def test_a_name_that_was_released_can_be_taken_by_another(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        alice = await server.open("Ålice", key=KEY)
        await ask(alice, type="join", room="hall")
        await ask(alice, type="message", room="hall", content="mine", id="m1")
    assert release_name("åLICE", tmp_path).endswith(" is free.")
    async with running(tmp_path) as server:
        await server.open("Ålice", key=KEY[::-1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_loop_that_knows_no_signals_as_on_windows_is_stopped_by_them_too(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls: list[str] = []
    monkeypatch.setattr(module, "announce", urls.append)

    def unknown(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", unknown)
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    serving = asyncio.create_task(module._serve(Config(port=0, data=tmp_path)))
    try:
        await until(lambda: urls)
        # Otherwise it would end the tests.
        assert signal.getsignal(number) not in {before[number], signal.SIG_DFL}
        signal.raise_signal(number)
        async with asyncio.timeout(DEADLINE):
            await serving
    finally:
        serving.cancel()
        await asyncio.wait([serving], timeout=DEADLINE)
        for one, handler in before.items():
            signal.signal(one, handler)


@pytest.mark.parametrize(
    ("soft", "hard", "granted", "reached"),
    [
        (1_024, 4_096, 4_096, 4_096),
        # macOS: the hard limit is none, and is refused.
        (256, resource.RLIM_INFINITY, 10_240, 10_240),
        (256, resource.RLIM_INFINITY, 245_760, 65_536),
        # What is there already is never lowered.
        (20_000, resource.RLIM_INFINITY, 10_240, 20_000),
        (4_096, 4_096, 4_096, 4_096),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_240, resource.RLIM_INFINITY),
    ],
)
def test_as_many_files_may_be_open_as_the_system_grants(
    soft: int, hard: int, granted: int, reached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = soft

    def grant(_kind: int, wanted: tuple[int, int]) -> None:
        nonlocal limit
        if not 0 <= wanted[0] <= granted or wanted[1] != hard:
            raise ValueError("not allowed to raise maximum limit")
        limit = wanted[0]

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", grant)
    module._raise_file_limit()
    assert limit == reached
