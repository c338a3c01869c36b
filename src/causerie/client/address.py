"""Where a server is: what people write, as the URL of its WebSocket."""

from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

DEFAULT_URL: Final = "ws://localhost:8080"
"""Where `causerie serve` listens unless told otherwise."""

DEFAULT_PORT: Final = 8080
"""Of a host that is given alone, without a scheme."""

DEFAULT_PATH: Final = "/ws"

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
PORTS: Final = {"ws": 80, "wss": 443}
"""Of a URL without a port, by its scheme."""

_FORBIDDEN: Final = frozenset('<>^|"`{}\\')

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""This computer, by any name."""


def websocket_url(address: str) -> str:
    """Completes an address: a URL (`ws`, `wss`, `http` or `https`), `host:port` or a host.

    Raises:
        ValueError: it is none of these; the message says what is wrong, and what a right one
            looks like.
    """
    text = address.strip()
    if not text:
        raise _no_address(address, "it is empty")
    if not text.isprintable() or " " in text:
        raise _no_address(address, "there is a blank in it")
    has_scheme = "://" in text
    try:
        parts = urlsplit(text if has_scheme else f"ws://{text}")
    except ValueError:
        raise _no_address(address, "an IPv6 address stands in [ and ]") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        known = "ws, wss, http or https"
        raise _no_address(address, f"it begins with {parts.scheme or 'no scheme'}, not {known}")
    if not _is_host(parts.hostname):
        raise _no_address(address, "there is no host in it")
    if not has_scheme and _port(parts, address) is None:
        parts = parts._replace(netloc=f"{parts.netloc.rstrip(':')}:{DEFAULT_PORT}")
    _port(parts, address)
    path = DEFAULT_PATH if parts.path in {"", "/"} else parts.path
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def origin(address: str) -> str:
    """What tells one server from another: `scheme://host:port`, however its address was written.

    Raises:
        ValueError: it is no address.
    """
    parts = urlsplit(websocket_url(address))
    host = parts.hostname or ""
    host = "localhost" if host in LOCAL_HOSTS else host
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{parts.port or PORTS[parts.scheme]}"


def _port(parts: SplitResult, address: str) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise _no_address(address, "its port is no number from 1 to 65535")
    return port


def _is_host(host: str | None) -> bool:
    """Tells whether it may be looked up: a name, or an address without its brackets."""
    # https://url.spec.whatwg.org/#forbidden-host-code-point
    if not host or _FORBIDDEN.intersection(host):
        return False
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _no_address(address: str, why: str) -> ValueError:
    return ValueError(
        f"{address!r} is not the address of a server: {why}; a right one is {DEFAULT_URL}, "
        "or https://chat.example.org"
    )
