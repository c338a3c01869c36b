import contextlib
import math
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bench.tiny_chat import TinyChat

from causerie.bench import health, target
from causerie.bench.generator import LoadFailed
from causerie.bench.target import NOT_OURS, OwnServer, Target, at_url, listener_of, own_server

HERE = ("127.0.0.1", 1)

SIGINT_BLOCKED = re.compile(r"^SigBlk:\s*[0-9a-f]*[2367abef]$", re.MULTILINE)


def answers(server: OwnServer) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(server.address) == 0


@contextlib.contextmanager
def child(code: str) -> Iterator[tuple[int, str]]:
    """A process that runs some code and then waits: its id, and what it wrote."""
    command = [sys.executable, "-c", f"{code}; input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, process.stdout.readline().decode()
        process.communicate(b"\n")


def test_what_a_server_has_used_is_what_its_process_has() -> None:
    code = "import time; x = b'x' * 50_000_000; sum(x); print(time.process_time(), flush=True)"
    with child(code) as (pid, said):
        used = Target("here", HERE, pid).use()
        assert used.cpu == pytest.approx(float(said), abs=0.01)
        assert used.at == pytest.approx(time.monotonic(), abs=1.0)
        assert 50e6 < used.rss < 100e6


def test_what_its_children_use_is_the_server_s_too() -> None:
    with child("x = b'x' * 50_000_000; print(flush=True)"):
        with child("print(flush=True)") as (small, _):
            alone = Target("here", HERE, small).use()
        assert Target("here", HERE, os.getpid()).use().rss > alone.rss + 50e6


def test_a_process_that_has_ended_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    used = Target("gone", HERE, child.pid).use()
    assert (used.cpu, used.rss) == (0, 0)


def test_what_a_server_elsewhere_uses_is_not_known() -> None:
    used = Target("elsewhere", HERE, None).use()
    assert math.isnan(used.cpu)
    assert math.isnan(used.rss)


def test_a_server_that_is_not_ours_is_not_killed() -> None:
    elsewhere = Target("elsewhere", HERE, 1)
    with pytest.raises(LoadFailed, match=re.escape(NOT_OURS)):
        elsewhere.restart()
    assert elsewhere.last_words() == "see its log"


def test_the_longest_pause_is_told_whatever_was_asked_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [3.0, 9.0, 5.0, 1.0]
    monkeypatch.setattr(health, "ask", lambda _: health.Health(loop_held_ms=told.pop(0)))
    watched = Target("here", HERE, None)
    assert watched.take_held() == 3.0
    assert watched.census() is None
    assert watched.take_held() == 9.0
    assert watched.take_held() == 1.0


def test_who_listens_on_a_port_is_found(chat: TinyChat) -> None:
    assert listener_of(chat.address[1]) == os.getpid()
    assert at_url(chat.url, None).pid == os.getpid()
    chat.die()
    assert listener_of(chat.address[1]) is None


def test_where_the_system_does_not_tell_nobody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "Path", lambda _: Path("/nowhere/at/all"))
    assert listener_of(8080) is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://127.0.0.1:81/ws", ("127.0.0.1", 81)),
        ("http://127.0.0.1", ("127.0.0.1", 80)),
        ("127.0.0.1", ("127.0.0.1", 8080)),
        ("localhost:81", ("127.0.0.1", 81)),
    ],
)
def test_a_server_is_found_by_its_address(url: str, address: tuple[str, int]) -> None:
    found = at_url(url, None)
    assert (found.name, found.address) == (url, address)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("wss://127.0.0.1", "only ws:// can be measured"),
        ("ftp://127.0.0.1", "is not the address of a server"),
        ("ws://127.0.0.1/other", "not spoken on /other, but on /, /ws and /chat"),
        (
            "ws://no.such.host.invalid",
            r"no.such.host.invalid has no IPv4 address \(.+\): see that --url names",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(url: str, said: str) -> None:
    with pytest.raises(LoadFailed, match=said):
        at_url(url, None)


def test_a_process_that_is_not_there_is_refused() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    with pytest.raises(LoadFailed, match=f"there is no process {child.pid}"):
        at_url("ws://127.0.0.1", child.pid)


def test_a_process_is_measured_that_listens_there_or_has_started_who_does(chat: TinyChat) -> None:
    assert at_url(chat.url, os.getpid()).pid == os.getpid()
    listen = "import socket; s = socket.create_server(('127.0.0.1', 0))"
    with child(f"{listen}; print(s.getsockname()[1], flush=True)") as (_, port):
        assert at_url(f"ws://127.0.0.1:{int(port)}", os.getpid()).pid == os.getpid()


def test_a_process_that_does_not_listen_there_is_refused(chat: TinyChat) -> None:
    port = chat.address[1]
    with child("print(flush=True)") as (idle, _):
        said = f"process {idle} does not listen on port {port}; process {os.getpid()} does: give"
        with pytest.raises(LoadFailed, match=said):
            at_url(chat.url, idle)
        chat.die()
        with pytest.raises(LoadFailed, match=f"on port {port}; leave --pid out"):
            at_url(chat.url, idle)


@pytest.mark.parametrize("hidden", ["fd", "ns/net"])
def test_a_process_that_cannot_be_looked_into_is_believed(
    chat: TinyChat, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    def see(path: str) -> Path:
        return Path("/nowhere" if path.endswith(hidden) and "self" not in path else path)

    monkeypatch.setattr(target, "Path", see)
    with child("print(flush=True)") as (idle, _):
        assert at_url(chat.url, idle).pid == idle


def test_a_process_in_a_network_of_its_own_is_believed(
    chat: TinyChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(path: str) -> Path:
        return Path("/proc/self/ns/pid" if path.endswith("ns/net") and "self" not in path else path)

    monkeypatch.setattr(target, "Path", elsewhere)
    with child("print(flush=True)") as (idle, _):
        assert at_url(chat.url, idle).pid == idle


@pytest.mark.real
@pytest.mark.slow
def test_a_server_of_our_own_comes_back_on_its_port_and_is_gone_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What whoever runs it has configured is not what is measured.
    monkeypatch.setenv("CAUSERIE_PORT", "none")
    with own_server() as server:
        address, pid = server.address, server.pid
        assert answers(server)
        assert server.last_words() == "its log says nothing"
        # Ctrl+C in a terminal goes to all of its programs, but the server is ended by its owner.
        assert SIGINT_BLOCKED.search(Path(f"/proc/{pid}/status").read_text())
        assert time.monotonic() - server.restart() < 1.0
        assert 0.05 < server.started_in < 30
        assert (server.address, server.pid != pid) == (address, True)
        assert answers(server)
    assert not answers(server)
    assert not Path(f"/proc/{server.pid}").exists()


@pytest.mark.real
def test_a_server_that_cannot_start_tells_why(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("a file")
    with pytest.raises(LoadFailed, match=r"did not start: the last that its log says .* a file"):
        OwnServer(data, ())


@pytest.mark.real
def test_a_server_that_does_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(target, "ENDS_WITHIN", 0.0)
    with own_server(tmp_path) as server:
        pass
    assert not Path(f"/proc/{server.pid}").exists()
