"""The seam between a WebSocket and what it carries.

`Socket` is what the hub needs of a connection's transport, `Receiver` what the transport tells the
hub's side of it. The asyncio protocol of `causerie.server.websocket` and the in-memory link of
`causerie.testing` are both sockets; a connection of the hub and the echo of the conformance suite
are both receivers.
"""

from typing import Protocol


class Socket(Protocol):
    """The server's end of one WebSocket, open from `Acceptor` to `Receiver.closed`.

    No call blocks. Calls after the end do nothing.
    """

    def write(self, frames: bytes) -> None:
        """Hands whole WebSocket frames, framed already, to the transport in one write. If some of
        it could not be sent at once, `Receiver.paused` is called before this returns, or before
        anything else of this connection is.
        """

    def unsent(self) -> int:
        """Bytes that were written and that the system has not taken yet."""

    def ping(self) -> None:
        """Sends a ping frame. The pong counts as life, like any traffic."""

    def trace(self, *, on: bool) -> None:
        """Begins to tell the peer of its frames, by `traced` of the v1 profile, or ends it. A peer
        that does not read is told nothing, and nothing is kept for it.
        """

    def pause_reading(self) -> None:
        """Stops reading: at most what was received already is still told."""

    def resume_reading(self) -> None:
        """Reads on."""

    def close(self, code: int, reason: str = "") -> None:
        """Sends a close frame after what was written, and ends; cuts if the peer does not answer
        within a few seconds. The reason is cut to 123 bytes (RFC 6455, section 5.5).
        """

    def abort(self) -> None:
        """Cuts at once, without a close frame: clients take it for a lost connection."""


class Receiver(Protocol):
    """Whom a socket tells what comes of it."""

    def heard(self) -> None:
        """Some bytes came, of whatever kind. Called once for each read."""

    def receive(self, text: bytes) -> None:
        """A whole text message came; it is UTF-8."""

    def paused(self) -> None:
        """Bytes are waiting to be sent: nothing more should be written."""

    def resumed(self) -> None:
        """All that was written has been taken by the system."""

    def closed(self, code: int | None) -> None:
        """The connection has ended. `code` is that of the peer's close frame (1005 if it named
        none), None if there was no close frame. Called exactly once.
        """


class Acceptor(Protocol):
    """Makes the receiver of a connection whose handshake is done."""

    def __call__(
        self, socket: Socket, *, subprotocol: str | None, compression: bool, address: str
    ) -> Receiver:
        """`subprotocol` is the one agreed on (None: the plain profile); with `compression` the peer
        takes messages that `causerie.server.deflate` has compressed; `address` is the peer's, empty
        where it is this very machine.
        """
