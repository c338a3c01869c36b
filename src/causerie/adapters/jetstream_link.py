"""The one connection of a node to NATS, shared by its log, its directory and its bus.

The client is told to connect once and no more, and a new one is made for each connection: then what
was written before a loss is never sent after it, and whoever waits for an answer hears of the loss
at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from causerie.adapters.jetstream_client import (
    CONNECT_WITHIN,
    END_WITHIN,
    Access,
    Interest,
    LinkError,
    Lost,
    Message,
    NatsClient,
    Told,
    Unanswered,
)
from causerie.adapters.jetstream_health import Health, HealthWatch
from causerie.adapters.jetstream_inboxes import Inboxes
from causerie.adapters.jetstream_protocol import Headers

__all__ = [
    "Access",
    "Headers",
    "Interest",
    "Link",
    "LinkError",
    "Lost",
    "Message",
    "Told",
    "Unanswered",
]

TRY_AGAIN_AFTER: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between two rounds of the servers; the last for all further ones."""
PROBE_EVERY: Final = 1.0
"""Seconds between two looks at whether the connection lives."""
PROBE_WITHIN: Final = 3
"""Seconds after which a connection on which nothing is answered is given up."""

_logger = structlog.get_logger("causerie.nats")


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
        self._client: NatsClient | None = None
        self._was_up = False
        self._is_closing = False
        self._keeper: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._is_up = asyncio.Event()
        self._interests: dict[Interest, None] = {}
        self._inboxes = Inboxes()
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
            async with asyncio.timeout(within):
                await self._is_up.wait()
        except TimeoutError:
            raise Lost(f"no NATS server answers ({', '.join(self._servers)})") from None

    @property
    def is_up(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._is_up.is_set()

    @property
    def known(self) -> int:
        """How many servers are known: those named at first, and those that they have told of."""
        return len(self._servers)

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

    def waits(self, log: object, since: float | None) -> None:
        """Says since when (of the loop's clock) the oldest append to a log waits; None if none
        does.
        """
        self._health.waits(log, since, self._loop.time())
        self._judge()

    def leaseless(self, is_leaseless: bool) -> None:
        """Says whether this node is taken for gone, for NATS does not keep that it lives."""
        self._health.leaseless(is_leaseless=is_leaseless)
        self._judge()

    async def close(self) -> None:
        """Writes what is to be written, if that can be done soon, and ends the connection."""
        # An answer that comes as the keeper is cancelled may hide that from it.
        self._is_closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        if (client := self._present) is not None:
            with suppress(Exception):
                async with asyncio.timeout(END_WITHIN):
                    await client.settle(PROBE_WITHIN)
        await self._let_go()
        if self._health_timer is not None:
            self._health_timer.cancel()

    # Saying and hearing.

    @property
    def _present(self) -> NatsClient | None:
        """The client, while there is a connection."""
        return self._client if self._is_up.is_set() else None

    def publish(
        self, subject: str, payload: bytes = b"", *, reply: str = "", headers: Headers | None = None
    ) -> None:
        """Sends a message."""
        if (client := self._present) is not None:
            client.send(subject, payload, reply, headers)

    def subscribe(self, subject: str, told: Told) -> Interest:
        """Begins to hear what is published on a subject, of whichever connection."""
        interest = Interest(subject, told)
        self._interests[interest] = None
        if (client := self._present) is not None:
            client.hear(interest)
        return interest

    def unsubscribe(self, interest: Interest) -> None:
        """Ends that. What is on its way may come yet."""
        self._interests.pop(interest, None)
        if (client := self._present) is not None:
            client.forget(interest)

    # Asking.

    async def request(
        self, subject: str, payload: bytes = b"", *, within: float, headers: Headers | None = None
    ) -> Message:
        """Asks, and waits for the first answer, which may be one with a `status`.

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
        return await self._inboxes.exchange(send, within=within, until=until)

    # Keeping the connection.

    async def _keep(self) -> None:
        rounds = 0
        while not self._is_closing:
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
            _call(self._was_lost)

    async def _connect(self) -> NatsClient | None:
        """Tries the servers in turn, in a random order; the first that takes us is ours."""
        client = NatsClient()
        try:
            async with asyncio.timeout((CONNECT_WITHIN + 0.5) * max(1, len(self._servers))):
                await self._begin(client)
        except Exception as error:  # noqa: BLE001 whatever is wrong with a server
            _logger.debug("NATS cannot be reached", error=f"{type(error).__name__}: {error}")
            await client.end()
            return None
        except asyncio.CancelledError:
            await client.end()
            raise
        return client

    async def _begin(self, client: NatsClient) -> None:
        await client.begin(
            self._servers, name=self._name, access=self._access, stirred=self._look.set
        )
        self._client = client
        self._look.clear()
        inbox = client.new_inbox()
        client.hear(Interest(f"{inbox}.*", self._inboxes.answered))
        self._inboxes.begin(inbox)
        heard = dict(self._interests)
        for interest in heard:
            client.hear(interest)
        await client.settle(PROBE_WITHIN)
        self._learn(client)
        self._is_up.set()
        # Others have begun and ended meanwhile.
        for interest in self._interests.keys() - heard.keys():
            client.hear(interest)
        for interest in heard.keys() - self._interests.keys():
            client.forget(interest)
        self._health.connected()
        self._judge()
        again, self._was_up = self._was_up, True
        _logger.info("connected to NATS", again=again)
        if again:
            _call(self._reconnected)

    def _learn(self, client: NatsClient) -> None:
        """Takes in the servers that this one knows, for when it is gone."""
        for server in client.discovered_servers:
            url = server.geturl()
            if url not in self._servers:
                self._servers.append(url)

    async def _until_lost(self, client: NatsClient) -> None:
        while client.is_connected and not self._is_closing:
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY):
                    await self._look.wait()
            self._look.clear()
            if not await client.is_alive(PROBE_WITHIN):
                return

    async def _let_go(self) -> None:
        """Lets go of the connection, and tells those who wait for an answer."""
        self._is_up.clear()
        self._inboxes.lose()
        if self._client is not None:
            await self._client.end()

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
            _call([partial(call, judged) for call in self._told_health])


def _call(calls: Sequence[Callable[[], None]]) -> None:
    """Tells all who want to know. A fault in one is not to end the keeping of the connection."""
    for call in calls:
        try:
            call()
        except Exception:
            _logger.exception("what has become of the connection could not be taken in")
