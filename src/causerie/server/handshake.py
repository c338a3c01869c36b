"""The opening handshake of a WebSocket, as the server sees it (RFC 6455, section 4.2).

A client asks over HTTP that the connection become a WebSocket, and may offer subprotocols, and to
compress messages (RFC 7692). It is answered 101, and from the next byte on both sides send frames;
or it is refused with the reason in the answer's body. `Handshake` is fed bytes and says what to
write; it does no I/O. What the library `websockets` does of it is the parsing, and the headers that
prove that a WebSocket was meant. What is plain enough is answered without it, by
`causerie.server.upgrade`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage, NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter, LoggerLike, Subprotocol
from websockets.utils import accept_key

from causerie.server.deflate import WINDOW_BITS
from causerie.server.origin import client_address, refuse_origin
from causerie.wire.profiles import SUBPROTOCOL

PATHS: Final = frozenset({"/", "/ws", "/chat"})
"""Where a WebSocket can be opened."""

NO_REQUEST: Final = (
    "This opens no WebSocket: it is no HTTP request, or one with a body (RFC 6455, section 4.1).\n"
)

_LOGGED: Final = 300
"""Characters of a refusal's reason that are kept for the log."""

_V1: Final = Subprotocol(SUBPROTOCOL)


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake is done: what comes from here on is frames."""

    answer: bytes
    subprotocol: str | None
    """The one agreed on; None for the plain profile."""
    compression: bool
    """Both sides may compress messages, each by itself."""
    address: str
    """The client's; empty where it is this very machine."""
    early: bytes
    """What had come already behind the handshake."""


@dataclass(frozen=True, slots=True)
class Declined:
    """No WebSocket is opened: the answer is the last that is said."""

    answer: bytes
    why: str
    """For the log: what the client wrote may be in it, and steers no terminal there."""
    address: str
    """The client's; empty where it is this very machine."""

    @property
    def status(self) -> int:
        """The answer's status code."""
        return int(self.answer.split(b" ", 2)[1])


class _Deflate(ServerPerMessageDeflateFactory):
    """Agrees to permessage-deflate, but to no *context takeover*: each message is compressed as if
    it were the first, so that all are sent the same bytes, and nothing is kept for a connection.
    """

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Accepts an offer, or declines it (RFC 7692, section 7).

        Raises:
            NegotiationError: it is malformed, the second one, or of a client that does not remember
                as much of a message as those that we compress for all refer back to.
        """
        answer, agreed = super().process_request_params(params, accepted_extensions)
        if agreed.local_max_window_bits < WINDOW_BITS:
            raise NegotiationError("unsupported server_max_window_bits")
        return answer, agreed


_DEFLATE: Final = _Deflate()


class Handshake(ServerProtocol):
    """One opening handshake. To be fed until it answers, and dropped then."""

    def __init__(
        self,
        peer: str,
        *,
        allow_origin: Collection[str],
        loopback_only: bool,
        compression: bool,
        logger: LoggerLike,
    ) -> None:
        """Makes a handshake with a client that TCP knows under the address `peer`.

        `allow_origin` and `loopback_only` decide which pages may open a socket: see
        `causerie.server.origin.refuse_origin`. `compression` agrees to it where it is offered.
        """
        super().__init__(logger=logger, extensions=[_DEFLATE] if compression else None)
        self._peer = peer
        self._allow_origin = allow_origin
        self._loopback_only = loopback_only

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Chooses ours if it is offered, otherwise none: the plain profile takes everybody."""
        return _V1 if _V1 in subprotocols else None

    def feed(self, data: bytes) -> Opened | Declined | None:
        """Takes bytes, and answers once they are enough to."""
        # Line by line, so that frames in the same segment are left for who reads them.
        at = 0
        requests: list[Request] = []
        while at < len(data) and not requests:
            end = data.find(b"\n", at) + 1 or len(data)
            self.receive_data(data[at:end])
            requests = [event for event in self.events_received() if isinstance(event, Request)]
            at = end
        if requests:
            return self._answer(requests[0], early=data[at:])
        # The library answers what is too long, and hangs up on what is no request.
        answer = self.data_to_send()
        if not answer:
            return None
        address = client_address(self._peer, None)
        if isinstance(self.handshake_exc, InvalidMessage):
            response = self.reject(HTTPStatus.BAD_REQUEST, NO_REQUEST)
            return Declined(response.serialize(), NO_REQUEST.strip(), address)
        return Declined(b"".join(answer), _for_log(str(self.handshake_exc)), address)

    def take(self, path: str, headers: Mapping[str, str]) -> Opened | Declined:
        """Answers a request that has been read already."""
        return self._answer(Request(path, Headers(headers)), early=b"")

    def drop(self) -> None:
        """Lets go of the request, the headers, and the generators that hold them in a cycle."""
        self.parser.close()

    def _answer(self, request: Request, *, early: bytes) -> Opened | Declined:
        forwarded = request.headers.get_all("X-Forwarded-For")
        address = client_address(self._peer, forwarded[-1] if forwarded else None)
        refusal = self._refuse(request)
        response = self.reject(*refusal) if refusal else self.accept(request)
        self.send_response(response)
        answer = b"".join(self.data_to_send())
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            return Opened(answer, self.subprotocol, bool(self.extensions), address, early)
        why = bytes(response.body).decode().strip()
        return Declined(answer, _for_log(why), address)

    def _refuse(self, request: Request) -> tuple[HTTPStatus, str] | None:
        path = request.path.partition("?")[0]
        if path not in PATHS:
            return HTTPStatus.NOT_FOUND, "Nothing listens here: open the WebSocket on /ws.\n"
        for origin in request.headers.get_all("Origin"):
            refusal = refuse_origin(
                origin,
                request.headers.get("Host", ""),
                allowed=self._allow_origin,
                loopback_only=self._loopback_only,
            )
            if refusal is not None:
                return HTTPStatus.FORBIDDEN, refusal
        return None


def proof_of(key: str) -> str:
    """What proves to a client that its key was read, and a WebSocket meant (RFC 6455, section
    4.2.2).
    """
    return accept_key(key)


def _for_log(reason: str) -> str:
    return "".join(filter(str.isprintable, " ".join(reason.split())))[:_LOGGED]
