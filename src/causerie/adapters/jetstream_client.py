"""The NATS client, as the link uses it: this file alone imports it.

LinkError      NATS does not answer as it should
├── Unanswered no answer came in time
└── Lost       there is no connection, or it was lost before the answer
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client

from causerie.adapters.jetstream_protocol import (
    Headers,
    Unfit,
    decode_headers,
    decode_status,
    encode_message,
    encode_subscribe,
    encode_unsubscribe,
    find_header,
)
from causerie.wire.errors import CauserieError

CONNECT_WITHIN: Final = 2
"""Seconds (whole ones, the client wants it so) for each step of connecting to one server."""
END_WITHIN: Final = 1.0
"""Seconds for a connection to end by itself."""

_logger = structlog.get_logger("causerie.nats")


class LinkError(CauserieError):
    """NATS does not answer as it should."""


class Unanswered(LinkError):
    """No answer came in time."""


class Lost(LinkError):
    """There is no connection, or it was lost before the answer came."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """What came."""

    subject: str
    payload: bytes
    head: bytes = b""
    """Its status and headers as they came: few are ever looked at."""
    reply: str = ""
    """Where an answer is expected, or empty."""

    @property
    def status(self) -> str:
        """The status, or empty where it is content: `204` ends an answer in many parts, `404` and
        `408` are one that has none, `503` says that nobody is there to answer.
        """
        return decode_status(self.head)

    @property
    def headers(self) -> Headers:
        """All headers."""
        return decode_headers(self.head)

    def header(self, name: str) -> str:
        """One of them, empty if it is not there; cheaper where there are many."""
        return find_header(self.head, name)


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
    """A subscription that lasts from `subscribe` to `unsubscribe`, over all connections."""

    __slots__ = ("_told", "number", "subject")

    def __init__(self, subject: str, told: Told) -> None:
        self.subject = subject
        self.number = 0
        """Under which it stands on the present connection."""
        self._told = told

    def take(self, subject: bytes, payload: bytes, head: bytes, reply: bytes) -> None:
        """Hands a message over."""
        try:
            self._told(Message(subject.decode(), payload, head, reply.decode()))
        except Exception:
            # Out of here it would end the client's reading.
            _logger.exception("a message could not be taken", subject=self.subject)


class NatsClient(Client):
    """A client for one connection.

    What is said and what is asked for goes out in its order, all that a turn of the loop brings in
    one piece. Each message is handed over as it is read: a room that is watched costs no task.
    """

    def __init__(self) -> None:
        super().__init__()
        self._heard: dict[int, Interest] = {}
        """Who is told, by number."""
        self._gathered: list[bytes] = []
        """What is to be written."""
        self._has_gathered = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

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
        self._writing = asyncio.create_task(self._write_all(stirred), name="nats-writer")

    # Saying and hearing.

    def send(self, subject: str, payload: bytes, reply: str, headers: Headers | None) -> None:
        """Publishes a message. One that NATS would not take is dropped, and the log says so."""
        try:
            message = encode_message(subject, payload, reply, headers, self.max_payload)
        except Unfit:
            _logger.exception("a message could not be sent", subject=subject)
        else:
            self._write(message)

    def hear(self, interest: Interest) -> None:
        """Subscribes."""
        self._sid += 1
        try:
            request = encode_subscribe(interest.subject, self._sid)
        except Unfit:
            _logger.exception("a subject cannot be heard", subject=interest.subject)
        else:
            interest.number = self._sid
            self._heard[self._sid] = interest
            self._write(request)

    def forget(self, interest: Interest) -> None:
        """Ends that: nothing more is told."""
        if self._heard.get(interest.number) is interest:
            del self._heard[interest.number]
            self._write(encode_unsubscribe(interest.number))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        """Is called with each message as it is read; `headers` is None if there are none."""
        interest = self._heard.get(sid)
        if interest is not None:
            interest.take(subject, data, headers or b"", reply)
        else:
            await super()._process_msg(sid, subject, reply, data, headers)

    # Writing.

    def _write(self, command: bytes) -> None:
        self._gathered.append(command)
        self._has_gathered.set()

    async def _write_all(self, stirred: Callable[[], None]) -> None:
        """Writes, as fast as the connection takes it, until it takes nothing more."""
        try:
            while True:
                await self._has_gathered.wait()
                self._has_gathered.clear()
                await self._hand_over()
        except Exception as error:  # noqa: BLE001 whatever is wrong with a connection
            _logger.debug("NATS cannot be written to", error=f"{type(error).__name__}: {error}")
            stirred()

    async def _hand_over(self) -> None:
        """Writes what has gathered; waits while too much of it is on its way."""
        assert self._transport is not None, "it is connected"
        gathered, self._gathered = self._gathered, []
        self._transport.writelines(gathered)
        await self._transport.drain()  # type: ignore[no-untyped-call]

    async def settle(self, within: int) -> None:
        """Waits until the server has taken all that was said, for so many seconds at most.

        Raises:
            Exception: it has not, or the connection is lost.
        """
        await self._hand_over()
        await self.flush(within)

    # Being connected.

    async def is_alive(self, within: int) -> bool:
        """Asks the server whether it is there, and waits so many seconds for its answer."""
        if self._writing is None or self._writing.done():
            return False
        try:
            await self.rtt(within)
        except (nats.errors.Error, OSError, RuntimeError):  # the last from uvloop, after a loss
            return False
        return True

    async def _process_pong(self) -> None:
        """Is called with each answer to a ping. Who has given up waiting for one is in the line
        still.
        """
        if self._pongs and self._pongs[0].done():
            del self._pongs[0]
        else:
            await super()._process_pong()

    async def end(self) -> None:
        """Ends at once: a server that has stopped takes nothing, and would be waited for."""
        if self._writing is not None:
            self._writing.cancel()
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
        with suppress(Exception):
            async with asyncio.timeout(END_WITHIN):
                await self.close()
