"""The addresses on which the server listens for connections."""

import errno
import socket
import sys
from collections.abc import Iterable

from causerie.server.origin import is_loopback
from causerie.wire.errors import CauserieError

BACKLOG = 4096
"""Connections that wait to be accepted: as many as come back at once after a restart."""

SEND_BUFFER = 64 * 1024
"""SO_SNDBUF in bytes: how much the system holds for a peer that reads slowly, before the first byte
waits here and pauses the connection. Linux doubles it to have room for its own bookkeeping, so that
two writes of 32 KiB, the most of one turn each, fit beside one another."""

KEEPALIVE_IDLE = 60
"""After so many seconds without a packet the system asks whether the peer still lives."""

_TRIES = 20


class ListenError(CauserieError):
    """The server cannot listen there. The message is one sentence and says what to do."""


def listen(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Binds and listens, on all the addresses of a host; with port 0 on one free port for all.

    `localhost` is 127.0.0.1 and, where there is IPv6, ::1. `::` is every interface, of IPv4 too.
    A `shared` port is one that several processes listen on: the system gives each a part of the
    connections.

    Raises:
        ListenError: the host is unknown, the port in use or forbidden.
    """
    return _open(host, port, shared=shared, listens=True)


def reserve(host: str, port: int) -> list[socket.socket]:
    """Binds, and does not listen, on a port that processes of ours are going to share: nobody
    else has it while these sockets are open.

    Raises:
        ListenError: as `listen` does.
    """
    # Two who share would not be in one another's way, and be taken for one.
    alone = listen(host, port)
    port = alone[0].getsockname()[1]
    for sock in alone:
        sock.close()
    return _open(host, port, shared=True, listens=False)


def _open(host: str, port: int, *, shared: bool, listens: bool) -> list[socket.socket]:
    addresses = _resolve(host)
    for _ in range(_TRIES):
        try:
            return _open_all(addresses, port, shared=shared, listens=listens)
        except OSError as error:
            # A port that was free for the first address may be taken for the second.
            if error.errno == errno.EADDRINUSE and port == 0:
                continue
            raise _explain(error, host, port) from None
    raise ListenError(f"No port is free on all addresses of {host}: name one with --port.")


def is_loopback_only(sockets: Iterable[socket.socket]) -> bool:
    """Tells whether this machine alone can reach the sockets."""
    return all(is_loopback(sock.getsockname()[0]) for sock in sockets)


def _resolve(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host == "localhost":
        # Whatever the system's resolver thinks of the name.
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ListenError(
            f"There is no host {host!r}: use localhost, an address of this machine, or 0.0.0.0 "
            "for every interface."
        ) from None
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _open_all(
    addresses: list[tuple[socket.AddressFamily, str]], port: int, *, shared: bool, listens: bool
) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in addresses:
            try:
                sockets.append(_bind(family, address, port, shared=shared))
            except OSError as error:
                # A machine may have no IPv6, or have it turned off.
                if not (sockets and family == socket.AF_INET6 and _is_absent(error)):
                    raise
            port = sockets[-1].getsockname()[1]
        if listens:
            for sock in sockets:
                sock.listen(BACKLOG)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bind(family: socket.AddressFamily, address: str, port: int, *, shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if sys.platform == "win32":
            # There SO_REUSEADDR means that two servers may have one port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _tune(sock)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket) -> None:
    """Sets what each connection inherits that is accepted: to set it on each takes 20 µs."""
    options = [
        (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ]
    if hasattr(socket, "TCP_KEEPIDLE"):
        options += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_IDLE // 4),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
        ]
    for option in options:
        sock.setsockopt(*option)


def _is_absent(error: OSError) -> bool:
    return error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def _explain(error: OSError, host: str, port: int) -> ListenError:
    match error.errno:
        case errno.EADDRINUSE:
            return ListenError(
                f"Port {port} is in use: stop the server that listens there, or choose another "
                "port with --port."
            )
        case errno.EACCES:
            return ListenError(
                f"Port {port} may not be used by this user: choose one above 1023 with --port."
            )
        case errno.EADDRNOTAVAIL:
            return ListenError(
                f"{host} is no address of this machine: use localhost, or 0.0.0.0 for every "
                "interface."
            )
        case _:
            return ListenError(
                f"The server cannot listen on {host}, port {port}: {error.strerror}."
            )
