"""Nodes on one log in JetStream: each with a connection, a log and an observer of its own."""

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.nats import nats_server

from causerie.adapters.jetstream_link import Link, Message
from causerie.adapters.jetstream_log import WINDOW, JetStreamLog
from causerie.adapters.jetstream_partitions import serve_streams
from causerie.adapters.jetstream_stream import Found
from causerie.adapters.jetstream_streams import open_streams
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Draft, Entry
from causerie.ports import Failed, Head, Outcome
from causerie.testing.contracts import Recorder

__all__ = [
    "Node",
    "link",
    "nats_server",
    "new_prefix",
    "node",
    "old_leader",
    "own_server",
    "two",
    "until",
    "wall",
]

WITHIN: Final = 20.0
"""Seconds in which what must come has come."""

_numbers = itertools.count(1)


def new_prefix() -> str:
    """Names a stream that no other test has."""
    return f"n{next(_numbers)}-{secrets.token_hex(4)}"


def wall() -> int:
    """The time in microseconds."""
    return time.time_ns() // 1_000


async def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for what must come.

    Raises:
        TimeoutError: it has not come.
    """
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} has not come within {WITHIN:g} seconds")
        await asyncio.sleep(0.002)


async def until_answered(ask: Callable[[], Awaitable[bool]], what: str) -> None:
    """Waits for what has to be asked for.

    Raises:
        TimeoutError: it has not come.
    """
    deadline = time.monotonic() + WITHIN
    while not await ask():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} has not come within {WITHIN:g} seconds")
        await asyncio.sleep(0.02)


def hold_up(owner: object, name: str, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Has no call of an object's coroutine function begin before this is set."""
    function = getattr(owner, name)
    may_begin = asyncio.Event()

    async def held_up(*arguments: Any, **keywords: Any) -> Any:
        await may_begin.wait()
        return await function(*arguments, **keywords)

    monkeypatch.setattr(owner, name, held_up)
    return may_begin


class HeldBack:
    """What the calls of a function have come to, of which nobody learns before they may."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.may_come = asyncio.Event()


def hold_back(owner: object, name: str, monkeypatch: pytest.MonkeyPatch) -> HeldBack:
    """Has no call of an object's coroutine function return before it may."""
    function = getattr(owner, name)
    held = HeldBack()

    async def held_back(*arguments: Any, **keywords: Any) -> Any:
        answer = await function(*arguments, **keywords)
        held.answers.append(answer)
        await held.may_come.wait()
        return answer

    monkeypatch.setattr(owner, name, held_back)
    return held


class Observer(Recorder):
    """Records, besides, the entries that somebody here is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Entry] = []

    def addressed(self, entry: Entry) -> None:
        """Records one."""
        self.told.append(entry)


class Node:
    """One node."""

    def __init__(self, link: Link, log: JetStreamLog) -> None:
        self.link = link
        self.log = log
        self.observer = Observer()
        self.heard = 0
        """Messages that have reached its connection."""
        log.observe(self.observer)
        self._count_messages()

    def _count_messages(self) -> None:
        client = self.link._client
        assert client is not None
        process = client._process_msg

        async def counted(*message: Any) -> None:
            self.heard += 1
            await process(*message)

        client._process_msg = counted  # type: ignore[method-assign, assignment]

    def hand_over(self, *drafts: Draft) -> None:
        """Appends drafts and does not wait."""
        for draft in drafts:
            self.observer.waiting.append(draft)
            self.log.append(draft)

    async def append(self, *drafts: Draft) -> list[Outcome]:
        """Appends drafts and waits for their outcomes."""
        before = len(self.observer.outcomes)
        self.hand_over(*drafts)
        await self.settle()
        return self.observer.outcomes[before:]

    async def settle(self) -> None:
        """Waits until every draft has its outcome."""
        await until(lambda: not self.observer.waiting, "the outcome of a draft")

    async def watch(self, room: str, *, also: Callable[[Head], None] = lambda _: None) -> Head:
        """Watches a room, and lets the recorder check what follows. `also` is told with it."""

        def told(head: Head | Failed) -> None:
            if isinstance(head, Head):
                self.observer.at[room] = head.seq
                also(head)

        head = await self.ask(self.log.watch, room, also=told)
        assert isinstance(head, Head)
        return head

    async def ask(
        self,
        call: Callable[..., None],
        *args: Any,
        also: Callable[[Any], None] | None = None,
        **keywords: Any,
    ) -> Any:
        """Calls something that has a `done`, and waits for the answer, which is not `Failed`."""
        answers: list[Any] = []

        def done(answer: Any) -> None:
            if also is not None:
                also(answer)
            answers.append(answer)

        call(*args, done=done, **keywords)
        await until(lambda: bool(answers), "an answer")
        assert not isinstance(answers[0], Failed), answers[0]
        return answers[0]

    async def read(self, room: str = "room") -> list[Entry]:
        """Reads a room from the stream."""
        return list(await self.ask(self.log.read, room, after=0, upto=2**53, limit=2**53))

    def lose(self, which: Callable[[Message], bool]) -> None:
        """From now on, loses messages on their way to the watcher."""
        live = self.log._watcher._live

        def lossy(watch: Any, message: Message) -> None:
            if not which(message):
                live(watch, message)

        for watch in self.log._watcher._watches.values():
            assert watch.interest is not None
            watch.interest._told = lambda message, watch=watch: lossy(watch, message)  # type: ignore[misc]


def old_leader(here: Node, monkeypatch: pytest.MonkeyPatch, *, answers: int) -> None:
    """Has the next answers be those of a server that led the others and knows nothing yet."""
    stream = here.log._stream
    last_of = stream.last_of
    left = answers

    async def answer(subject: str) -> Found | None:
        nonlocal left
        left -= 1
        return None if left >= 0 else await last_of(subject)

    monkeypatch.setattr(stream, "last_of", answer)


@asynccontextmanager
async def node(
    url: str | Sequence[str],
    prefix: str,
    *,
    replicas: int = 1,
    window: float = WINDOW,
    clock: Callable[[], int] = wall,
    compare_every: float = 600.0,
) -> AsyncIterator[Node]:
    """Begins a node, and ends it. It compares heads seldom, unless the test is about that."""
    link = Link([url] if isinstance(url, str) else url, name="causerie-tests")
    await link.open(WITHIN)
    try:
        streams = await open_streams(link, prefix, count=0, replicas=replicas, window=window)
        log = serve_streams(link, streams, clock=clock, window=window, compare_every=compare_every)
        assert isinstance(log, JetStreamLog)
        try:
            yield Node(link, log)
        finally:
            log.stop()
    finally:
        await link.close()


@pytest.fixture
async def link(nats_server: NatsServer) -> AsyncIterator[Link]:
    """A connection to the server that tests share."""
    link = Link([nats_server.url], name="causerie-tests")
    await link.open(WITHIN)
    yield link
    await link.close()


@pytest.fixture
async def two(nats_server: NatsServer) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes on one log."""
    prefix = new_prefix()
    async with node(nats_server.url, prefix) as one, node(nats_server.url, prefix) as other:
        yield one, other


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that the test may hurt."""
    server = NatsServer(tmp_path)
    with server:
        yield server
