import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from causerie.server import listening
from causerie.server.listening import ListenError, is_loopback_only, listen, reserve


@contextmanager
def listening_on(host: str, port: int = 0) -> Iterator[list[socket.socket]]:
    sockets = listen(host, port)
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


def reaches(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def test_localhost_is_both_loopbacks_on_one_port() -> None:
    with listening_on("localhost") as sockets:
        ports = {sock.getsockname()[1] for sock in sockets}
        assert len(ports) == 1
        (port,) = ports
        assert reaches("127.0.0.1", port)
        assert reaches("::1", port)
        assert is_loopback_only(sockets)


def test_one_address_is_that_address_alone() -> None:
    with listening_on("127.0.0.1") as sockets:
        (sock,) = sockets
        assert sock.getsockname()[0] == "127.0.0.1"
        assert not reaches("::1", sock.getsockname()[1])
        assert is_loopback_only(sockets)


@pytest.mark.parametrize(("host", "families"), [("0.0.0.0", 1), ("::", 2)])
def test_every_interface_is_not_the_loopback_only(host: str, families: int) -> None:
    with listening_on(host) as sockets:
        port = sockets[0].getsockname()[1]
        assert reaches("127.0.0.1", port)
        assert reaches("::1", port) is (families == 2)
        assert not is_loopback_only(sockets)


def test_processes_that_share_a_port_each_have_a_part_of_what_comes() -> None:
    with ExitStack() as stack:
        kept = reserve("127.0.0.1", 0)
        for sock in kept:
            stack.callback(sock.close)
        port = kept[0].getsockname()[1]
        # Nobody listens there yet, and nobody else may.
        assert not reaches("127.0.0.1", port)
        sharing = [listen("127.0.0.1", port, shared=True)[0] for _ in range(2)]
        for sock in sharing:
            stack.callback(sock.close)
        with pytest.raises(ListenError, match=rf"Port {port} is in use"):
            reserve("127.0.0.1", port)
        with pytest.raises(ListenError, match=rf"Port {port} is in use"):
            listen("127.0.0.1", port)
        for _ in range(64):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        accepted = [0, 0]
        for number, sock in enumerate(sharing):
            while True:
                try:
                    sock.accept()[0].close()
                except BlockingIOError:
                    break
                accepted[number] += 1
        assert sum(accepted) == 64
        assert all(accepted), "all were given to one: one in 2^63 times"


def test_a_port_in_use_is_an_error_that_says_what_to_do() -> None:
    with listening_on("localhost") as sockets:
        port = sockets[0].getsockname()[1]
        with pytest.raises(ListenError, match=rf"Port {port} is in use: .* --port\.$"):
            listen("localhost", port)


def test_a_port_in_use_on_one_of_two_addresses_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bind = listening._bind
    bound: list[socket.socket] = []

    def noted(*arguments: Any, **named: Any) -> socket.socket:
        bound.append(bind(*arguments, **named))
        return bound[-1]

    with listening_on("::1") as sockets:
        monkeypatch.setattr(listening, "_bind", noted)
        # Whoever tests something else now may have the port on the other address.
        with pytest.raises(ListenError, match="in use"):
            listen("localhost", sockets[0].getsockname()[1])
    assert [sock.fileno() for sock in bound] in ([-1], [])


def test_a_free_port_is_one_that_is_free_on_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listening._bind
    ports: list[int] = []

    def taken_once(
        family: socket.AddressFamily, address: str, port: int, *, shared: bool
    ) -> socket.socket:
        if family == socket.AF_INET6:
            ports.append(port)
            if len(ports) == 1:
                raise OSError(errno.EADDRINUSE, "in use")
        return bind(family, address, port, shared=shared)

    monkeypatch.setattr(listening, "_bind", taken_once)
    with listening_on("localhost") as sockets:
        assert len(sockets) == 2
        assert len(ports) == 2


def failing(number: int, family: socket.AddressFamily) -> Callable[..., socket.socket]:
    bind = listening._bind

    def fail(
        wanted: socket.AddressFamily, address: str, port: int, *, shared: bool
    ) -> socket.socket:
        if wanted == family:
            raise OSError(number, "no")
        return bind(wanted, address, port, shared=shared)

    return fail


def test_no_port_that_is_free_on_all_addresses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_bind", failing(errno.EADDRINUSE, socket.AF_INET6))
    with pytest.raises(ListenError, match="No port is free"):
        listen("localhost", 0)


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_a_machine_without_ipv6_listens_on_ipv4(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(listening, "_bind", failing(number, socket.AF_INET6))
    with listening_on("localhost") as sockets:
        assert [sock.family for sock in sockets] == [socket.AF_INET]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("no..host", "There is no host"),
        ("203.0.113.1", "no address of this machine"),
    ],
)
def test_a_host_that_is_not_this_machine_is_an_error(host: str, said: str) -> None:
    with pytest.raises(ListenError, match=said):
        listen(host, 0)


def test_a_host_that_nobody_knows_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ListenError, match="There is no host 'elsewhere': use localhost"):
        listen("elsewhere", 0)


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EACCES, "may not be used by this user"), (errno.EIO, "cannot listen")],
)
def test_other_faults_are_told(monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    monkeypatch.setattr(listening, "_bind", failing(number, socket.AF_INET))
    with pytest.raises(ListenError, match=said):
        listen("127.0.0.1", 80)


def test_what_is_accepted_inherits_what_connections_need() -> None:
    with listening_on("127.0.0.1") as (listener,):
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            # Linux doubles it.
            size = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert size in {listening.SEND_BUFFER, 2 * listening.SEND_BUFFER}
            if hasattr(socket, "TCP_KEEPIDLE"):
                idle = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
                assert idle == listening.KEEPALIVE_IDLE
                every = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
                assert every == listening.KEEPALIVE_IDLE // 4
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 4
