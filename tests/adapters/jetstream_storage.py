"""JetStream under the contract suites: a log in one stream, or in several."""

import asyncio
import itertools
import json
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from tests.support.nats import nats_server

from causerie.adapters.jetstream_link import Link, Message
from causerie.adapters.jetstream_log import WINDOW
from causerie.adapters.jetstream_partitions import NatsLog, serve_streams
from causerie.adapters.jetstream_stream import FORBIDDEN
from causerie.adapters.jetstream_streams import open_streams, partition, stream_names
from causerie.adapters.memory import MemoryDirectory, MemoryStore
from causerie.adapters.nats_server import NatsServer
from causerie.ports import Directory, Log
from causerie.testing.contracts import Storage

__all__ = ["JetStreamStorage", "OnNats", "nats_server"]

_Value = TypeVar("_Value")

WITHIN = 20.0
"""Seconds in which NATS has answered, or the test fails."""

BATCH = 500
"""Messages that are read, or written, at a time."""

_prefixes = itertools.count(1)


class JetStreamStorage(Storage):
    """Streams of its own on a server, and the event loop of whoever runs on it.

    The names are in memory: these suites are the log's.
    """

    def __init__(
        self,
        url: str,
        *,
        streams: int = 1,
        window: float = WINDOW,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._url = url
        self._streams = streams
        self._window = window
        self.prefix = f"t{next(_prefixes)}-{secrets.token_hex(4)}"
        self.loop = loop or asyncio.new_event_loop()
        self._owns_loop = loop is None
        self.link: Link
        self.log: NatsLog
        self._kept_names = MemoryStore()
        self._admin: Link | None = None

    @property
    def _names_of_streams(self) -> list[str]:
        return stream_names(self.prefix, self._streams)

    def shares_ids(self, room: str, other: str) -> bool:
        return partition(room, self._streams) == partition(other, self._streams)

    def run(self, work: Coroutine[Any, Any, _Value]) -> _Value:
        """Runs the loop until something is done."""
        return self.loop.run_until_complete(work)

    def open(self, clock: Callable[[], int], *, names_per_address: int) -> tuple[Log, Directory]:
        async def begin() -> None:
            self.link = Link([self._url], name="causerie-tests")
            await self.link.open(WITHIN)
            streams = await open_streams(
                self.link, self.prefix, count=self._streams, replicas=1, window=self._window
            )
            self.log = serve_streams(self.link, streams, clock=clock, window=self._window)

        self.run(begin())
        directory = MemoryDirectory(
            self._kept_names, self._schedule, names_per_address=names_per_address
        )
        return _Closing(self), directory

    def _schedule(self, call: Callable[[], None]) -> None:
        self.loop.call_soon(call)

    def step(self, timeout: float) -> None:
        async def turns() -> None:
            # A socket is looked at once a turn; what came is told in a later one.
            for _ in range(3):
                await asyncio.sleep(0)
            if timeout:
                await asyncio.sleep(min(timeout, 0.001))

        self.run(turns())

    def end(self) -> None:
        """Lets go of the connection."""
        self.run(self.link.close())

    def crash(self) -> None:
        self.log.stop()

        async def lose() -> None:
            # What was written is stored or not by the time that somebody looks.
            await self.link.request("$JS.API.INFO", within=WITHIN)
            for name in self._names_of_streams:
                await self.link.request(f"{name}.log.begin", headers=FORBIDDEN, within=WITHIN)
            await self.link.close()

        self.run(lose())

    def save(self) -> object:
        return self.run(self._each(self._save)), self._kept_names.copy()

    def restore(self, saved: object) -> None:
        assert isinstance(saved, tuple)
        backups, names = saved
        for name, backup in backups.items():
            self.run(self._restore(name, *backup))
        self._kept_names = names.copy()

    def lose(self) -> None:
        self.run(self._each(self._delete))
        self._kept_names = MemoryStore()

    def dispose(self) -> None:
        async def end() -> None:
            for answer in (await self._each(self._delete)).values():
                assert "error" not in answer or answer["error"]["code"] == 404
            if self._admin is not None:
                await self._admin.close()
            # The tasks that were cancelled end in these turns.
            for _ in range(3):
                await asyncio.sleep(0)

        async def end_others() -> None:
            # One whose request is answered in the turn in which it is cancelled goes on: so does
            # `wait_for`, up to Python 3.11.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(end())
        if self._owns_loop:
            self.run(end_others())
            self.loop.close()

    # What an operator's tools do.

    async def _link(self) -> Link:
        if self._admin is None:
            self._admin = Link([self._url], name="causerie-tests-admin")
            await self._admin.open(WITHIN)
        return self._admin

    async def _each(self, do: Callable[[str], Awaitable[_Value]]) -> dict[str, _Value]:
        return {name: await do(name) for name in self._names_of_streams}

    async def _delete(self, name: str) -> dict[str, Any]:
        return await self._ask("STREAM.DELETE", name)

    async def _ask(self, what: str, name: str, request: object = None) -> dict[str, Any]:
        link = await self._link()
        answer = await link.request(
            f"$JS.API.{what}.{name}",
            b"" if request is None else json.dumps(request).encode(),
            within=WITHIN,
        )
        told: dict[str, Any] = json.loads(answer.payload)
        return told

    async def _save(self, name: str) -> tuple[object, list[Message]]:
        """Copies the stream by reading it: a backup by NATS itself takes two seconds."""
        link = await self._link()
        config = (await self._ask("STREAM.INFO", name))["config"]
        messages: list[Message] = []
        while not messages or messages.pop().headers["Nats-Num-Pending"] != "0":
            last = _seq(messages[-1]) if messages else 0
            request = {"seq": last + 1, "batch": BATCH, "next_by_subj": ">"}
            messages += await link.gather(
                f"$JS.API.DIRECT.GET.{name}", json.dumps(request).encode(), within=WITHIN
            )
        return config, messages

    async def _restore(self, name: str, config: object, messages: list[Message]) -> None:
        link = await self._link()
        await self._delete(name)
        told = await self._ask("STREAM.CREATE", name, config)
        assert "error" not in told, told
        # In the place of what was removed comes something that is removed again.
        filler = f"{name}.log.i.filler.filler"
        there = {_seq(message): message for message in messages}
        last = max(there)
        for start in range(0, last, BATCH):
            some = [there.get(seq) for seq in range(start + 1, min(start + BATCH, last) + 1)]

            def send(reply: str, start: int = start, some: list[Message | None] = some) -> None:
                for number, message in enumerate(some, 1):
                    headers = {
                        "Nats-Batch-Id": f"restored-{start}",
                        "Nats-Batch-Sequence": str(number),
                    }
                    if message is not None and "Nats-Msg-Id" in message.headers:
                        headers["Nats-Msg-Id"] = message.headers["Nats-Msg-Id"]
                    if number == len(some):
                        headers["Nats-Batch-Commit"] = "1"
                    link.publish(
                        filler if message is None else message.headers["Nats-Subject"],
                        b"" if message is None else message.payload,
                        reply=reply if number == len(some) else "",
                        headers=headers,
                    )

            (answer,) = await link.exchange(send, within=WITHIN, until=lambda _message: True)
            assert json.loads(answer.payload)["seq"] == start + len(some)
        await self._ask("STREAM.PURGE", name, {"filter": filler})


def _seq(message: Message) -> int:
    return int(message.headers["Nats-Sequence"])


class _Closing:
    """The log, which takes its connection along when it is closed, as the app does."""

    def __init__(self, storage: JetStreamStorage) -> None:
        self._storage = storage
        self._log = storage.log
        self._link = storage.link
        self._is_closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def close(self, within: float = 4.0) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._log.close(within)
            self._storage.run(self._link.close())


class OnNats:
    """The base of the suites: each storage has its streams on the one server of the session."""

    url = ""
    streams = 1

    @pytest.fixture(autouse=True)
    def _server(self, nats_server: NatsServer) -> None:
        self.url = nats_server.url

    def storage(self) -> Storage:
        return JetStreamStorage(self.url, streams=self.streams)
