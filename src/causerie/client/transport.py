"""One WebSocket to a server. The only file of the client that knows the `websockets` library."""

import asyncio
import ssl
from typing import Final
from urllib.parse import urljoin

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)
from websockets.proxy import get_proxy
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from causerie.client.address import LOCAL_HOSTS, websocket_url
from causerie.client.dialing import open_socket
from causerie.version import __version__
from causerie.wire.codes import CloseCode
from causerie.wire.profiles import SUBPROTOCOL

PROFILE: Final = Subprotocol(SUBPROTOCOL)

LARGEST_MESSAGE: Final = 1024 * 1024
"""Bytes. The server's replies stop at a quarter of that."""

QUEUED_MESSAGES: Final = 64
"""What may wait between the socket and the reader; beyond that the socket is not read."""

GOODBYE_TIMEOUT: Final = 2.0
"""Seconds that the server has to answer our close frame."""

REDIRECTS: Final = 5
"""How many are followed, one after the other."""

_TRY_AGAIN: Final = {408, 425, 429}
_SERVER_ERRORS: Final = 500


class Lost(Exception):
    """The connection could not be opened, or is no more; it does not leave the library.

    `code` is the close frame's, or says what it would have said.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Transport:
    """One open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def receive(self) -> bytes:
        """Waits for the next message. Cancelling it loses nothing.

        Raises:
            Lost: there will be none.
        """
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed:
            raise self._lost() from None

    async def send(self, message: bytes, *, text: bool = True) -> None:
        """Sends a message, as text (then it is UTF-8) or binary; waits while the socket takes no
        more.

        Raises:
            Lost: it cannot.
        """
        try:
            await self._connection.send(message, text=text)
        except ConnectionClosed:
            raise self._lost() from None

    async def close(self, code: int = CloseCode.NORMAL) -> None:
        """Says goodbye, and waits a short while for the server's."""
        await self._connection.close(code)

    def abort(self) -> None:
        """Drops the connection at once."""
        self._connection.transport.abort()

    def pause_reading(self) -> None:
        """Leaves what comes in the socket: no ping is answered."""
        self._connection.transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads on."""
        self._connection.transport.resume_reading()

    def _lost(self) -> Lost:
        code = self._connection.close_code
        return Lost(
            CloseCode.ABNORMAL if code is None else code, self._connection.close_reason or ""
        )


async def open_transport(
    url: str, *, within: float, subprotocol: Subprotocol | None = PROFILE
) -> Transport:
    """Opens a WebSocket to a URL as `causerie.client.address` makes it, within so many seconds.

    All of the host's addresses are tried, IPv6 and IPv4. Without a subprotocol the profile is the
    plain one.

    Raises:
        Lost: it could not; with a code that says whether trying again may help.
    """
    try:
        async with asyncio.timeout(within):
            connection = await _follow(url, subprotocol)
    except InvalidStatus as error:
        raise _refused(error) from None
    except (ssl.SSLCertVerificationError, InvalidURI, InvalidProxy, NegotiationError) as error:
        raise Lost(CloseCode.POLICY_VIOLATION, str(error)) from None
    except TimeoutError:
        raise Lost(CloseCode.ABNORMAL, f"no answer within {within:g} s") from None
    except (OSError, InvalidHandshake) as error:
        raise Lost(CloseCode.ABNORMAL, str(error) or type(error).__name__) from None
    if connection.subprotocol != subprotocol:
        await connection.close()
        raise Lost(CloseCode.POLICY_VIOLATION, f"the server does not speak {subprotocol}")
    return Transport(connection)


async def _follow(url: str, subprotocol: Subprotocol | None) -> ClientConnection:
    """Opens a WebSocket, wherever the server sends one to; but never from TLS to none."""
    for _ in range(REDIRECTS):
        try:
            return await _connect(url, subprotocol)
        except (ValueError, InvalidURI) as error:
            # The library does not follow with a socket that it was given, or to http and https.
            status = error.__context__
            if not isinstance(status, InvalidStatus):
                raise
            location = urljoin(url, status.response.headers["Location"])
        if url.startswith("wss:") and not location.startswith(("https:", "wss:")):
            raise Lost(CloseCode.POLICY_VIOLATION, f"redirected to {location}, without TLS")
        url = websocket_url(location)
    raise Lost(CloseCode.POLICY_VIOLATION, f"more than {REDIRECTS} redirects")


async def _connect(url: str, subprotocol: Subprotocol | None) -> ClientConnection:
    uri = parse_uri(url)
    sock = None
    if uri.host in LOCAL_HOSTS or get_proxy(uri) is None:
        sock = await open_socket(uri.host, uri.port)
    return await connect(
        url,
        sock=sock,
        subprotocols=None if subprotocol is None else [subprotocol],
        compression=None,
        max_size=LARGEST_MESSAGE,
        max_queue=QUEUED_MESSAGES,
        open_timeout=None,
        # The machine sends pings of its own, whose answers it sees.
        ping_interval=None,
        close_timeout=GOODBYE_TIMEOUT,
        user_agent_header=f"causerie/{__version__}",
    )


def _refused(error: InvalidStatus) -> Lost:
    status = error.response.status_code
    reason = f"HTTP {status}"
    if status not in _TRY_AGAIN and status < _SERVER_ERRORS:
        return Lost(CloseCode.POLICY_VIOLATION, reason)
    wish = error.response.headers.get("Retry-After", "")
    if wish.isdecimal():
        reason = f"{reason}, retry-after={int(wish) * 1000}"
    return Lost(CloseCode.TRY_AGAIN_LATER, reason)
