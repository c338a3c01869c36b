"""The NATS client, as the link uses it: this file alone imports it.

LinkError      NATS does not answer as it should
├── Unanswered no answer came in time
└── Lost       there is no connection, or it was lost before the answer
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from causerie.wire.errors import CauserieError

CONNECT_WITHIN: Final = 2
"""Seconds (whole ones, the client wants it so) for each step of connecting to one server."""
END_WITHIN: Final = 1.0
"""Seconds for a connection to end by itself."""

STATUS: Final = "Status"
"""The header of a message that is not content: `204` ends an answer in many parts, `404` and `408`
are one that has none, `503` says that nobody is there to answer."""

_logger = structlog.get_logger("causerie.nats")

Headers = Mapping[str, str]


class LinkError(CauserieError):
    """NATS does not answer as it should."""


class Unanswered(LinkError):
    """No answer came in time."""


class Lost(LinkError):
    """There is no connection, or it was lost before the answer came."""


class Message(NamedTuple):
    """What came."""

    subject: str
    payload: bytes
    headers: Headers
    reply: str = ""
    """Where an answer is expected, or empty."""

    @property
    def status(self) -> str:
        """The status, or empty where it is content."""
        return self.headers.get(STATUS, "")


Told = Callable[[Message], None]
"""Takes a message, at once, in the loop's thread. It must not raise."""


class Access(NamedTuple):
    """How a node shows who it is; all empty where NATS asks nobody, or a server's URL says it."""

    user: str | None = None
    password: str | None = None
    token: str | None = None
    credentials: str | None = None
    """The path of a file with a JWT and its seed."""
    tls: ssl.SSLContext | None = None


class Interest:
    """A subscription that lasts from `subscribe` to `unsubscribe`, over all connections.

    The client takes it for the future of a single answer: so each message is handed over as it is
    read, and a room that is watched costs no task of its own.
    """

    __slots__ = ("_told", "subject", "subscription")

    def __init__(self, subject: str, told: Told) -> None:
        self.subject = subject
        self.subscription: Subscription | None = None
        self._told = told

    def cancelled(self) -> bool:
        """Asked by the client before each message."""
        return False

    def set_result(self, message: Msg) -> None:
        """Called by the client with each message."""
        try:
            self._told(Message(message.subject, message.data, message.headers or {}, message.reply))
        except Exception:
            # Out of here it would end the client's reading.
            _logger.exception("a message could not be taken", subject=message.subject)


class NatsClient(Client):
    """A client for one connection."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Reads headers in a third of the time: every entry comes with seven."""
        headers = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            if name:
                headers[name] = value.strip()
        return headers

    async def begin(
        self, servers: Sequence[str], *, name: str, access: Access, stirred: Callable[[], None]
    ) -> None:
        """Connects to one of the servers, tried in a random order.

        `stirred` is called when something has happened to the connection, which may be its end.

        Raises:
            Exception: none of them takes us; which one is the client's affair.
        """

        async def note_error(error: Exception) -> None:
            _logger.debug("NATS says", error=f"{type(error).__name__}: {error}")
            stirred()

        async def note_end() -> None:
            stirred()

        await self.connect(
            list(servers),
            name=name,
            error_cb=note_error,
            closed_cb=note_end,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=CONNECT_WITHIN,
            reconnect_time_wait=0,
            ping_interval=24 * 60 * 60,  # whoever uses it asks oftener
            no_echo=True,
            user=access.user,
            password=access.password,
            token=access.token,
            user_credentials=access.credentials,
            tls=access.tls,
        )

    async def hear(self, interest: Interest) -> None:
        """Subscribes."""
        seeming: Any = interest
        subscription = await self.subscribe(interest.subject, future=seeming)
        # Where messages would wait for a task: of no use here, and larger than all the rest.
        del subscription._pending_queue  # noqa: SLF001
        interest.subscription = subscription

    async def settle(self, within: int) -> None:
        """Waits until the server has taken all that was written, for so many seconds at most.

        Raises:
            nats.errors.Error: it has not, or the connection is lost.
        """
        # The client's own question goes out ahead of what it has not handed over yet; when it is
        # answered, it has handed that over.
        await self.flush(within)
        await self.flush(within)

    async def is_alive(self, within: int) -> bool:
        """Asks the server whether it is there, and waits so many seconds for its answer."""
        try:
            await self.rtt(within)
        except (nats.errors.Error, OSError, RuntimeError):  # the last from uvloop, after a loss
            return False
        return True

    async def end(self) -> None:
        """Ends at once: a server that has stopped takes nothing, and would be waited for."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
        with suppress(Exception):
            await asyncio.wait_for(self.close(), END_WITHIN)
