"""The one connection of a node to NATS, shared by its log, its directory and its bus.

This file alone imports the NATS client. It is told to connect once and no more, and a new one is
made for each connection: then what was written before a loss is never sent after it, and whoever
waits for an answer hears of the loss at once.

LinkError      NATS does not answer as it should
├── Unanswered no answer came in time
└── Lost       there is no connection, or it was lost before the answer
"""

import asyncio
import itertools
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from causerie.adapters.jetstream_health import Health, HealthWatch
from causerie.wire.errors import CauserieError

CONNECT_WITHIN: Final = 2
"""Seconds (whole ones, the client wants it so) for each step of connecting to one server."""
TRY_AGAIN_AFTER: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between two rounds of the servers; the last for all further ones."""
PROBE_EVERY: Final = 1.0
"""Seconds between two looks at whether the connection lives."""
PROBE_WITHIN: Final = 3
"""Seconds after which a connection on which nothing is answered is given up."""
END_WITHIN: Final = 1.0
"""Seconds for what was written last to go out at the end."""

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


class _Client(Client):
    """The client, which reads headers in a third of the time: every entry comes with seven."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        headers = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            if name:
                headers[name] = value.strip()
        return headers


class Link:
    """The connection. All of it belongs to the thread of the event loop.

    `publish` and `subscribe` return at once; what they ask for is written in their order. Without
    a connection a published message is dropped, as one that is lost on its way would be.
    """

    def __init__(self, servers: Sequence[str], *, name: str, access: Access | None = None) -> None:
        """Does not connect yet. `name` is what NATS shows to its operators. Made in the loop."""
        self._servers = list(servers)
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._access = access or Access()
        self._client: Client | None = None
        self._was_up = False
        self._keeper: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._is_up = asyncio.Event()
        self._interests: dict[Interest, None] = {}
        self._outgoing: deque[Callable[[Client], Awaitable[object]]] = deque()
        self._written = asyncio.Event()
        self._inboxes: dict[str, Told] = {}
        self._asked: dict[str, asyncio.Future[object]] = {}
        self._inbox = ""
        self._numbers = itertools.count(1)
        self._reconnected: list[Callable[[], None]] = []
        self._was_lost: list[Callable[[], None]] = []
        self._told_health: list[Callable[[Health], None]] = []
        self._health = HealthWatch()
        self._judged: Health = "ok"
        self._health_timer: asyncio.TimerHandle | None = None

    # Being connected.

    async def open(self, within: float | None = None) -> None:
        """Connects, and from then on again and again whenever the connection is lost.

        Raises:
            Lost: no server could be reached within so many seconds. It goes on trying until
                `close`.
        """
        self._keeper = self._loop.create_task(self._keep(), name="nats-keeper")
        await self.up(within)

    async def up(self, within: float | None = None) -> None:
        """Waits for a connection.

        Raises:
            Lost: there is none within so many seconds.
        """
        try:
            await asyncio.wait_for(self._is_up.wait(), within)
        except TimeoutError:
            raise Lost(f"no NATS server answers ({', '.join(self._servers)})") from None

    @property
    def is_up(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._is_up.is_set()

    @property
    def max_payload(self) -> int:
        """Bytes that a message may have, headers included; of the connection that was last."""
        return self._client.max_payload if self._client is not None else 1_048_576

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Has a function called whenever there is a connection again: what was published meanwhile
        never came. All subscriptions have been asked for again by then.
        """
        self._reconnected.append(call)

    def on_loss(self, call: Callable[[], None]) -> None:
        """Has a function called whenever the connection is lost, after all who waited for an answer
        have been told.
        """
        self._was_lost.append(call)

    def on_health(self, call: Callable[[Health], None]) -> None:
        """Has a function called whenever the health is another; it begins as `ok`."""
        self._told_health.append(call)

    @property
    def health(self) -> Health:
        """How well NATS is reached."""
        return self._judged

    def waits(self, since: float | None) -> None:
        """Says since when (of the loop's clock) the oldest append waits; None if none does."""
        self._health.waits(since)
        self._judge()

    async def close(self) -> None:
        """Writes what is to be written, if that can be done soon, and ends the connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        client = self._client
        if client is not None and self._is_up.is_set():
            with suppress(Exception):
                await asyncio.wait_for(self._drain(client), END_WITHIN)
        await self._let_go()
        if self._health_timer is not None:
            self._health_timer.cancel()

    async def _drain(self, client: Client) -> None:
        while self._outgoing:
            await self._outgoing.popleft()(client)
        await client.flush(PROBE_WITHIN)

    # Saying and hearing.

    def publish(
        self, subject: str, payload: bytes = b"", *, reply: str = "", headers: Headers | None = None
    ) -> None:
        """Sends a message."""
        if self._is_up.is_set():
            named = dict(headers) if headers else None
            self._write(lambda client: client.publish(subject, payload, reply, named))

    def subscribe(self, subject: str, told: Told) -> Interest:
        """Begins to hear what is published on a subject, of whichever connection."""
        interest = Interest(subject, told)
        self._interests[interest] = None
        if self._is_up.is_set():
            self._write(lambda client: self._subscribe(client, interest))
        return interest

    def unsubscribe(self, interest: Interest) -> None:
        """Ends that. What is on its way may come yet."""
        self._interests.pop(interest, None)
        if self._is_up.is_set():
            self._write(lambda _client: self._unsubscribe(interest))

    # Asking.

    def open_inbox(self, told: Told) -> str:
        """Makes a subject to be answered on, until `close_inbox`, or until the connection is lost:
        then nothing more comes, and the inbox is closed.
        """
        reply = f"{self._inbox}.{next(self._numbers)}"
        self._inboxes[reply] = told
        return reply

    def close_inbox(self, reply: str) -> None:
        """Takes no more answers there."""
        self._inboxes.pop(reply, None)

    async def request(
        self, subject: str, payload: bytes = b"", *, within: float, headers: Headers | None = None
    ) -> Message:
        """Asks, and waits for one answer, which may be one with a `status`.

        Raises:
            Unanswered: none came within so many seconds, or nobody is there to answer.
            Lost: there is no connection, or it was lost.
        """
        (answer,) = await self.gather(
            subject, payload, within=within, headers=headers, until=lambda _message: True
        )
        return answer

    async def gather(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        within: float,
        headers: Headers | None = None,
        until: Callable[[Message], bool] = lambda message: bool(message.status),
    ) -> list[Message]:
        """Asks, and waits for answers up to and with the first that is the last (`until`): one with
        a status, if nothing else is said.

        Raises:
            Unanswered: that one did not come within so many seconds, or nobody is there to answer.
            Lost: there is no connection, or it was lost.
        """
        return await self.exchange(
            lambda reply: self.publish(subject, payload, reply=reply, headers=headers),
            within=within,
            until=until,
        )

    async def exchange(
        self,
        send: Callable[[str], None],
        *,
        within: float,
        until: Callable[[Message], bool],
    ) -> list[Message]:
        """Has `send` publish what asks, with the subject to be answered on, and waits as `gather`
        does.

        Raises:
            Unanswered: the last answer did not come within so many seconds, or nobody is there to
                answer.
            Lost: there is no connection, or it was lost.
        """
        if not self._is_up.is_set():
            raise Lost("there is no connection to NATS")
        came: list[Message] = []
        whole: asyncio.Future[object] = self._loop.create_future()

        def take(message: Message) -> None:
            came.append(message)
            if not whole.done() and (message.status == "503" or until(message)):
                whole.set_result(None)

        reply = self.open_inbox(take)
        self._asked[reply] = whole
        send(reply)
        try:
            await asyncio.wait_for(whole, within)
        except TimeoutError:
            raise Unanswered(f"NATS has not answered within {within:g} s") from None
        finally:
            self.close_inbox(reply)
            self._asked.pop(reply, None)
        if came[-1].status == "503":
            raise Unanswered("nobody is there to answer")
        return came

    def _answered(self, message: Message) -> None:
        told = self._inboxes.get(message.subject)
        if told is not None:
            told(message)

    # Writing.

    def _write(self, act: Callable[[Client], Awaitable[object]]) -> None:
        self._outgoing.append(act)
        self._written.set()

    async def _write_all(self, client: Client) -> None:
        """Writes, in order, as fast as the connection takes it."""
        while True:
            while self._outgoing:
                act = self._outgoing.popleft()
                try:
                    await act(client)
                except nats.errors.ConnectionClosedError:
                    self._look.set()
                    return
                except Exception:
                    _logger.exception("a message could not be sent")
            self._written.clear()
            await self._written.wait()

    async def _subscribe(self, client: Client, interest: Interest) -> None:
        if interest in self._interests:
            seeming: Any = interest
            subscription = await client.subscribe(interest.subject, future=seeming)
            # Where messages would wait for a task: of no use here, and larger than all the rest.
            del subscription._pending_queue  # noqa: SLF001
            interest.subscription = subscription

    @staticmethod
    async def _unsubscribe(interest: Interest) -> None:
        if interest.subscription is not None:
            await interest.subscription.unsubscribe()
            interest.subscription = None

    # Keeping the connection.

    async def _keep(self) -> None:
        rounds = 0
        while True:
            client = await self._connect()
            if client is None:
                await asyncio.sleep(TRY_AGAIN_AFTER[min(rounds, len(TRY_AGAIN_AFTER) - 1)])
                rounds += 1
                continue
            rounds = 0
            await self._until_lost(client)
            await self._let_go()
            self._health.lost(self._loop.time())
            self._judge()
            _logger.warning("the connection to NATS is lost")
            for call in self._was_lost:
                call()

    async def _connect(self) -> Client | None:
        """Tries the servers in turn, in a random order; the first that takes us is ours."""
        client = _Client()
        try:
            await asyncio.wait_for(
                self._begin(client), (CONNECT_WITHIN + 0.5) * max(1, len(self._servers))
            )
        except Exception as error:  # noqa: BLE001 whatever is wrong with a server
            _logger.debug("NATS cannot be reached", error=f"{type(error).__name__}: {error}")
            await _end(client)
            return None
        except asyncio.CancelledError:
            await _end(client)
            raise
        return client

    async def _begin(self, client: Client) -> None:
        access = self._access
        await client.connect(
            list(self._servers),
            name=self._name,
            error_cb=self._note_error,
            closed_cb=self._note_end,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=CONNECT_WITHIN,
            reconnect_time_wait=0,
            ping_interval=24 * 60 * 60,  # ours tell sooner
            no_echo=True,
            user=access.user,
            password=access.password,
            token=access.token,
            user_credentials=access.credentials,
            tls=access.tls,
        )
        self._client = client
        self._look.clear()
        self._outgoing.clear()
        self._inbox = client.new_inbox()
        every: Any = Interest(f"{self._inbox}.*", self._answered)
        await client.subscribe(every.subject, future=every)
        for interest in list(self._interests):
            await self._subscribe(client, interest)
        await client.flush(PROBE_WITHIN)
        self._learn(client)
        self._is_up.set()
        self._writer = self._loop.create_task(self._write_all(client), name="nats-writer")
        self._health.connected()
        self._judge()
        again, self._was_up = self._was_up, True
        _logger.info("connected to NATS", again=again)
        if again:
            for call in self._reconnected:
                call()

    def _learn(self, client: Client) -> None:
        """Takes in the servers that this one knows, for when it is gone."""
        for server in client.discovered_servers:
            url = server.geturl()
            if url not in self._servers:
                self._servers.append(url)

    async def _until_lost(self, client: Client) -> None:
        while client.is_connected:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), PROBE_EVERY)
            self._look.clear()
            try:
                await client.rtt(PROBE_WITHIN)
            except (nats.errors.Error, OSError):
                return

    async def _let_go(self) -> None:
        """Lets go of the connection, and tells those who wait for an answer."""
        self._is_up.clear()
        self._outgoing.clear()
        self._inboxes.clear()
        for whole in list(self._asked.values()):
            if not whole.done():
                whole.set_exception(Lost("the connection to NATS was lost"))
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])
            self._writer = None
        if self._client is not None:
            await _end(self._client)

    async def _note_error(self, error: Exception) -> None:
        _logger.debug("NATS says", error=f"{type(error).__name__}: {error}")
        self._look.set()

    async def _note_end(self) -> None:
        self._look.set()

    # Health.

    def _judge(self) -> None:
        loop = self._loop
        judged = self._health.judge(loop.time())
        if self._health_timer is not None:
            self._health_timer.cancel()
            self._health_timer = None
        deadline = self._health.deadline(loop.time())
        if deadline is not None:
            self._health_timer = loop.call_at(deadline, self._judge)
        if judged != self._judged:
            self._judged = judged
            for call in self._told_health:
                call(judged)


async def _end(client: Client) -> None:
    """Ends a client at once: a server that has stopped takes nothing, and would be waited for."""
    writer = getattr(client._transport, "_io_writer", None)  # noqa: SLF001 it has no other way
    if writer is not None:
        writer.transport.abort()
    with suppress(Exception):
        await asyncio.wait_for(client.close(), END_WITHIN)
