"""Plays conversations with a server over real WebSockets, in real time."""

import asyncio
import contextlib
import time
from typing import Final

from causerie.client.transport import PROFILE, Lost, Transport, open_transport
from causerie.language import LANGUAGES, Words
from causerie.testing.conversations import Ability, Action, Profile
from causerie.testing.playing import Closed, Link, Unreachable
from causerie.wire.codes import CloseCode

CONNECT_WITHIN: Final = 10.0
"""Seconds."""

NOTICED_AFTER: Final = 0.1
"""Seconds until a server has noticed a connection that ended without a word."""


class WebSocketDriver:
    """The clients' part against the server at a URL. Is a `causerie.testing.playing.Driver`."""

    def __init__(self, url: str) -> None:
        """`url` is as `causerie.client.address` makes it."""
        self._url = url

    @property
    def abilities(self) -> frozenset[Ability]:
        """Its WebSockets are real; the server is somebody else's."""
        return frozenset({"socket"})

    def now(self) -> int:
        """This machine's clock."""
        return time.time_ns() // 1000

    def elapsed(self) -> float:
        """Milliseconds."""
        return time.monotonic() * 1000

    async def connect(self, profile: Profile) -> Link:
        """Opens a WebSocket."""
        subprotocol = PROFILE if profile == "v1" else None
        try:
            transport = await open_transport(
                self._url,
                within=CONNECT_WITHIN,
                words=Words(LANGUAGES[0]),
                subprotocol=subprotocol,
            )
        except Lost as lost:
            refused = lost.code == CloseCode.POLICY_VIOLATION
            raise Unreachable(lost.reason, is_refused=refused) from None
        return _WebSocketLink(transport)

    async def wait(self, milliseconds: float) -> None:
        """Sleeps."""
        await asyncio.sleep(milliseconds / 1000)

    async def control(self, action: Action) -> None:
        """Is not to be called: this driver does not have `control`."""
        raise AssertionError(f"the server is not ours: it {action}")


class _WebSocketLink:
    """The client's end of a WebSocket. Is a `causerie.testing.playing.Link`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._is_silent = False

    async def send(self, text: str) -> None:
        """Sends a text message."""
        with contextlib.suppress(Lost):
            await self._transport.send(text.encode())

    async def send_binary(self, data: bytes) -> None:
        """Sends a binary message."""
        with contextlib.suppress(Lost):
            await self._transport.send(data, text=False)

    async def receive(self, within: int) -> bytes | Closed | None:
        """The next message, or the end."""
        if self._is_silent:
            self._is_silent = False
            self._transport.resume_reading()
        try:
            async with asyncio.timeout(within / 1000):
                return await self._transport.receive()
        except TimeoutError:
            return None
        except Lost as lost:
            return Closed(lost.code, lost.reason)

    async def close(self, code: int) -> None:
        """Ends the connection; the server has answered, so it knows."""
        await self._transport.close(code)

    async def cut(self) -> None:
        """Ends TCP."""
        self._transport.abort()
        await asyncio.sleep(NOTICED_AFTER)

    async def fall_silent(self) -> None:
        """Leaves what comes unread."""
        self._is_silent = True
        self._transport.pause_reading()
