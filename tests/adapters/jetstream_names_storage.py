"""The directory in JetStream under the contract suites, beside a log in memory."""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from causerie.adapters.jetstream_directory import JetStreamDirectory
from causerie.adapters.jetstream_lease import LEASE
from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_names import NAMES, NODES, Change, node_key
from causerie.adapters.jetstream_values import Values
from causerie.adapters.memory import MemoryLog, MemoryStore
from causerie.chat.entry import Draft
from causerie.ports import Directory, Log
from causerie.testing.contracts import Storage

_Result = TypeVar("_Result")


class _Saved(NamedTuple):
    store: MemoryStore
    names: dict[str, bytes]


class LogAfterNames(MemoryLog):
    """A log that appends only once all is kept that was to be kept before."""

    directory: JetStreamDirectory
    loop: asyncio.AbstractEventLoop

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._waiting: deque[Draft] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def append(self, draft: Draft) -> None:
        self._waiting.append(draft)
        task = self.loop.create_task(self._append_next())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self, within: float = 4.0) -> None:
        self.loop.run_until_complete(self._close())
        super().close(within)

    async def _append_next(self) -> None:
        await self.directory.kept()
        super().append(self._waiting.popleft())

    async def _close(self) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        await self.directory.close()


class NamesStorage(Storage):
    """Buckets of names on a NATS server, and one node after the other on them."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.prefix = f"test-{secrets.token_hex(8)}"
        self.url = url
        self.link: Link
        self.values: Values
        self.store = MemoryStore()
        self.steps: deque[Callable[[], None]] = deque()
        self.epochs = 1
        self.node = ""
        self.directory: JetStreamDirectory
        self.run(self._begin())

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self.loop.run_until_complete(work)

    def open(self, clock: Callable[[], int], *, names_per_address: int) -> tuple[Log, Directory]:
        self.node = secrets.token_hex(8)
        self.directory = self.run(self._open(names_per_address))
        log = LogAfterNames(self.store, clock, self.steps.append)
        log.directory, log.loop = self.directory, self.loop
        return log, self.directory

    def step(self, timeout: float) -> None:
        self.run(self._turn(timeout))
        if self.steps:
            self.steps.popleft()()

    def crash(self) -> None:
        """Ends what it does where it stands, and its lease as time would."""
        self.store.writers.clear()
        self.steps.clear()
        self.run(self._crash())

    def save(self) -> object:
        return _Saved(self.store.copy(), self.run(self._save()))

    def restore(self, saved: object) -> None:
        assert isinstance(saved, _Saved)
        self.store = saved.store.copy()
        self.run(self._restore(saved.names))

    def lose(self) -> None:
        self.epochs += 1
        self.store.begin_again(f"epoch-{self.epochs}")
        self.run(self._restore({}))

    def dispose(self) -> None:
        self.run(self._dispose())
        self.loop.close()

    async def _begin(self) -> None:
        self.link = Link([self.url], name=self.prefix)
        self.values = Values(self.link, self.prefix)
        await self.link.open(5)
        await self.values.create(NAMES, replicas=1)
        await self.values.create(NODES, replicas=1, max_age=LEASE)

    async def _open(self, names_per_address: int) -> JetStreamDirectory:
        return JetStreamDirectory(
            self.values, self.node, names_per_address=names_per_address, lost=_unexpected
        )

    async def _turn(self, within: float) -> None:
        """Lets an answer come, or a step become due."""
        await asyncio.sleep(0)
        waiting = set(self.directory._tasks)
        if waiting and not self.steps:
            await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)

    async def _crash(self) -> None:
        await end_at_once(self.directory)
        key = node_key(self.node)
        there = (await self.values.read([key]))[key]
        await self.values.write([Change(key, b"", there.revision)])

    async def _save(self) -> dict[str, bytes]:
        values = await self.values.read(await self.values.keys(f"{NAMES}."))
        return {key: value.data for key, value in values.items() if value.data}

    async def _restore(self, names: dict[str, bytes]) -> None:
        there = await self.values.read({*await self.values.keys(f"{NAMES}."), *names})
        changes = [
            Change(key, names.get(key, b""), value.revision)
            for key, value in there.items()
            if value.data or key in names
        ]
        if changes:
            assert await self.values.write(changes)

    async def _dispose(self) -> None:
        await self.directory.close(0)
        for bucket in (NAMES, NODES):
            await self.link.request(f"$JS.API.STREAM.DELETE.KV_{self.prefix}-{bucket}", within=5)
        await self.link.close()


async def end_at_once(directory: JetStreamDirectory) -> None:
    """Ends what a directory does where it stands, as the loss of its process does."""
    await directory._drop()
    await directory._lease.abandon()


def _unexpected(folded: str, identity: str) -> None:
    raise AssertionError(f"{identity} has lost {folded}")
