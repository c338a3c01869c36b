"""Which web pages may open a socket here, and what counts as a client's address.

A browser lets any page open a WebSocket to any server, and says in `Origin` which page it is
(RFC 6455, section 10.2; RFC 6454): the server alone can refuse. Programs that are no browser send
no `Origin`, or may send any: this guards a browser's user, not the server.
"""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

ANY_ORIGIN = "*"

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def normalise_origin(origin: str) -> str:
    """Writes an origin in the one way in which it is compared: `scheme://host[:port]`, in lower
    case, without the port that the scheme implies.

    Raises:
        ValueError: it is no origin. A path, a query or a user name is not part of one.
    """
    try:
        parts = urlsplit(origin.strip())
        port = parts.port
    except ValueError as error:
        reason = str(error)
        raise ValueError(f"{origin!r} is no origin: {reason[:1].lower()}{reason[1:]}") from None
    if not parts.scheme or not parts.hostname:
        raise ValueError(f"{origin!r} is no origin: it looks like https://example.org")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{origin!r} is no origin: nothing may follow the host and port")
    return f"{parts.scheme}://{_join(parts.hostname, port, _DEFAULT_PORTS.get(parts.scheme))}"


def refuse_origin(
    origin: str, host: str, *, allowed: Collection[str], loopback_only: bool
) -> str | None:
    """Tells why a page may not open a socket here, in a sentence for whoever runs the server;
    None if it may.

    `origin` and `host` are the headers of the handshake. A page may if its origin is in `allowed`
    (normalised origins, or `*`), or is the very host that was asked for. The schemes are not
    compared, since TLS may end at a proxy.

    A server that listens on the loopback alone also wants the page's host to *be* the loopback:
    otherwise a site whose name is made to resolve to 127.0.0.1 would pass for the same host (DNS
    rebinding).
    """
    if ANY_ORIGIN in allowed:
        return None
    try:
        normal = normalise_origin(origin)
    except ValueError:
        return f"The origin {origin[:200]!r} may not open a socket here.\n"
    if normal in allowed:
        return None
    parts = urlsplit(normal)
    assert parts.hostname is not None
    if _same_host(parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme), host) and (
        not loopback_only or is_loopback(parts.hostname)
    ):
        return None
    return (
        f"Pages from {normal} may not open a socket here. If they should, start the server with "
        f"--allow-origin {normal}\n"
    )


# Of a thousand who come back at once most come from a few addresses, or through one proxy.
@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Tells whether a host name or address, without brackets, is this very machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(_unmapped(host)).is_loopback
    except ValueError:
        return False


def client_address(peer: str, forwarded_for: str | None) -> str:
    """Works out where a client is: an IP address, or empty for this very machine.

    `forwarded_for` is the header `X-Forwarded-For`; it counts only where the peer is this machine,
    that is, a proxy that its owner runs. Its last element is what that proxy saw itself.
    """
    if not is_loopback(peer):
        return _unmapped(peer)
    if not forwarded_for:
        return ""
    last = forwarded_for.rsplit(",", 1)[-1].strip().removeprefix("[").partition("]")[0]
    if last.count(":") == 1:
        # An IPv4 address and a port, which is another with every connection.
        last = last.partition(":")[0]
    # Whatever else it may be goes into the log, where nothing may steer a terminal.
    last = "".join(filter(str.isprintable, last))[:64]
    return "" if is_loopback(last) else _unmapped(last)


def network_of(address: str) -> str:
    """Whom an address stands for where people are counted.

    An IPv6 address stands for its /64: whoever has one of them has them all (RFC 6177).
    """
    try:
        return str(IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def _same_host(name: str, port: int | None, host: str) -> bool:
    """Compares a page's host with the header `Host`, whose missing port is that of the page."""
    try:
        asked = urlsplit(f"//{host}")
        return asked.hostname == name and (asked.port or port) == port
    except ValueError:
        return False


def _join(host: str, port: int | None, default: int | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port in {None, default} else f"{bracketed}:{port}"


@lru_cache(maxsize=1024)
def _unmapped(address: str) -> str:
    """An IPv4 address that came through an IPv6 socket, as IPv4 (RFC 4291, section 2.5.5.2)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)
