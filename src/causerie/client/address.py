"""Where a server is: what people write, as the URL of its WebSocket."""

from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

DEFAULT_URL: Final = "ws://localhost:8080"
"""Where `causerie serve` listens unless told otherwise."""

DEFAULT_PORT: Final = 8080
"""Of a host that is given alone, without a scheme."""

DEFAULT_PATH: Final = "/ws"

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_PORTS: Final = {"ws": 80, "wss": 443}

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""This computer, by any name."""


def websocket_url(address: str) -> str:
    """Completes an address: a URL (`ws`, `wss`, `http` or `https`), `host:port` or a host.

    Raises:
        ValueError: it is none of these.
    """
    text = address.strip()
    if "://" not in text:
        parts = urlsplit(f"ws://{text}")
        if _port(parts, address) is None:
            parts = parts._replace(netloc=f"{parts.netloc}:{DEFAULT_PORT}")
    else:
        parts = urlsplit(text)
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None or not parts.hostname:
        raise ValueError(f"not the address of a server: {address!r}")
    _port(parts, address)
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise ValueError(f"not the address of a server: {address!r}") from None
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
    return f"{parts.scheme}://{shown}:{parts.port or _PORTS[parts.scheme]}"


def _port(parts: SplitResult, address: str) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError(f"not the address of a server: {address!r}") from None
