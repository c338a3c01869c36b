"""One WebSocket to a server. The only file of the client that knows the `websockets` library."""

import asyncio
import ssl
from typing import Final
from urllib.parse import urljoin

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
    ProxyError,
)
from websockets.proxy import get_proxy
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from causerie.client.address import LOCAL_HOSTS, websocket_url
from causerie.client.dialing import open_socket
from causerie.client.unreachable import place_of, why_closed, why_no_chat, why_not_connected
from causerie.language import Words
from causerie.version import __version__
from causerie.wire.codes import CloseCode
from causerie.wire.profiles import SUBPROTOCOL, close_reason

PROFILE: Final = Subprotocol(SUBPROTOCOL)

LARGEST_MESSAGE: Final = 1024 * 1024
"""Bytes. A server's replies stop far below that: where, its welcome tells."""

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
    url: str, *, within: float, words: Words, subprotocol: Subprotocol | None = PROFILE
) -> Transport:
    """Opens a WebSocket to a URL as `causerie.client.address` makes it, within so many seconds.

    All of the host's addresses are tried, IPv6 and IPv4. Without a subprotocol the profile is the
    plain one. `words` are those of the reason, if it fails.

    Raises:
        Lost: it could not; with a code that says whether trying again may help.
    """
    try:
        async with asyncio.timeout(within):
            connection = await _follow(words, url, subprotocol)
    except TimeoutError:
        reason = words("unreachable-mute-within", place=place_of(url), seconds=f"{within:g}")
        raise Lost(CloseCode.ABNORMAL, reason) from None
    except InvalidURI:
        raise Lost(CloseCode.POLICY_VIOLATION, words("unreachable-url", url=url)) from None
    if connection.subprotocol != subprotocol:
        await connection.close()
        raise _stranger(words, url, subprotocol)
    return Transport(connection)


async def _follow(words: Words, url: str, subprotocol: Subprotocol | None) -> ClientConnection:
    """Opens a WebSocket, wherever the server sends one to; but never from TLS to none."""
    for _ in range(REDIRECTS):
        try:
            return await _connect(url, subprotocol)
        except (OSError, InvalidHandshake, InvalidProxy, ImportError) as error:
            raise _explained(words, error, url, subprotocol) from None
        except (ValueError, InvalidURI) as error:
            # The library does not follow with a socket that it was given, or to http and https.
            status = error.__context__
            if not isinstance(status, InvalidStatus):
                raise
            location = status.response.headers["Location"]
        url = _next(words, url, location)
    reason = words("unreachable-redirects", place=place_of(url), most=REDIRECTS)
    raise Lost(CloseCode.POLICY_VIOLATION, reason)


def _next(words: Words, url: str, location: str) -> str:
    """Works out where a server sends one to."""
    place = place_of(url)
    try:
        target = urljoin(url, location)
        if url.startswith("wss:") and not target.startswith(("https:", "wss:")):
            reason = words("unreachable-redirect-plain", place=place, location=location)
            raise Lost(CloseCode.POLICY_VIOLATION, reason)
        return websocket_url(target)
    except ValueError:
        reason = words("unreachable-redirect-odd", place=place, location=location)
        raise Lost(CloseCode.POLICY_VIOLATION, reason) from None


async def _connect(url: str, subprotocol: Subprotocol | None) -> ClientConnection:
    sock = None
    if _proxy(url) is None:
        uri = parse_uri(url)
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


def _proxy(url: str) -> str | None:
    """The proxy that the environment wants to be used for a URL."""
    uri = parse_uri(url)
    return None if uri.host in LOCAL_HOSTS else get_proxy(uri)


def _explained(words: Words, error: Exception, url: str, subprotocol: Subprotocol | None) -> Lost:
    """Says why a connection could not be opened, and whether another attempt may do better."""
    match error:
        case InvalidStatus():
            return _refused(words, error, url)
        case NegotiationError():
            return _stranger(words, url, subprotocol)
        case InvalidProxy():
            return Lost(CloseCode.POLICY_VIOLATION, words("unreachable-proxy-odd"))
        case ImportError():
            return Lost(CloseCode.POLICY_VIOLATION, words("unreachable-proxy-socks"))
        case ProxyError():
            return Lost(CloseCode.ABNORMAL, words("unreachable-proxy-denies"))
        case ssl.SSLCertVerificationError():
            return Lost(CloseCode.POLICY_VIOLATION, why_not_connected(words, error, url))
        case OSError():
            # TLS is spoken with the server itself, through the proxy.
            proxied = _proxy(url) is not None and not isinstance(error, ssl.SSLError)
            reason = why_not_connected(words, error, url, proxied=proxied)
            return Lost(CloseCode.ABNORMAL, reason)
        case InvalidMessage() if isinstance(error.__cause__, EOFError):
            return Lost(CloseCode.ABNORMAL, why_closed(words, url))
        case InvalidMessage():
            return Lost(CloseCode.ABNORMAL, words("unreachable-port", place=place_of(url)))
        case _:
            return Lost(CloseCode.ABNORMAL, words("unreachable-odd", place=place_of(url)))


def _stranger(words: Words, url: str, subprotocol: Subprotocol | None) -> Lost:
    profile = subprotocol or words("profile-plain")
    reason = words("unreachable-stranger", place=place_of(url), profile=profile)
    return Lost(CloseCode.POLICY_VIOLATION, reason)


def _refused(words: Words, error: InvalidStatus, url: str) -> Lost:
    status = error.response.status_code
    reason = why_no_chat(words, status, url)
    if status not in _TRY_AGAIN and status < _SERVER_ERRORS:
        return Lost(CloseCode.POLICY_VIOLATION, reason)
    wish = error.response.headers.get("Retry-After", "")
    if wish.isdecimal():
        reason = close_reason(reason, retry_after=int(wish) * 1000)
    return Lost(CloseCode.TRY_AGAIN_LATER, reason)
