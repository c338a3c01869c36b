"""Nodes of a cluster that have a directory of names and nothing else.

`python -m tests.adapters.names_nodes URL PREFIX LEASE NAME…` is one as a process; see `main`.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.adapters.jetstream_nodes import wall

from causerie.adapters.jetstream_directory import ANSWER_WITHIN, JetStreamDirectory, Lost
from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_log import WINDOW
from causerie.adapters.jetstream_names import NAMES, NODES
from causerie.adapters.jetstream_partitions import serve_streams
from causerie.adapters.jetstream_streams import open_streams
from causerie.adapters.jetstream_values import Values
from causerie.chat.names import Name, parse_username
from causerie.ports import ClaimAnswer, Commit, Failed, Holder, Rejected
from causerie.testing.contracts import START, Recorder, draft

LEASE: Final = 1.0
"""Seconds."""
PROCESS: Final = "k:process"
"""The identity that the process claims names for."""


def claim(
    directory: JetStreamDirectory,
    name: Name,
    identity: str,
    done: Callable[[ClaimAnswer], None],
    **other: Any,
) -> None:
    """Claims a name as one who comes for the first time, but for what is said otherwise."""
    arguments: dict[str, Any] = {"address": "", "now": START, "replacing": None}
    arguments |= {"returning": False} | other
    directory.claim(name, identity, done=done, **arguments)


class Node:
    """A node, and whoever asks it."""

    def __init__(
        self,
        link: Link,
        values: Values,
        directory: JetStreamDirectory,
        lost: list[tuple[str, str]],
    ) -> None:
        self.link = link
        self.values = values
        self.directory = directory
        self.lost = lost
        """The names that it was told to have lost, and who used them."""

    @property
    def id(self) -> str:
        return self.directory._node

    def ask(self, name: Name, identity: str, **other: Any) -> "asyncio.Future[ClaimAnswer]":
        """Claims a name, and does not wait."""
        answer: asyncio.Future[ClaimAnswer] = asyncio.get_running_loop().create_future()
        claim(self.directory, name, identity, answer.set_result, **other)
        return answer

    async def claim(self, name: Name, identity: str, **other: Any) -> ClaimAnswer:
        return await self.ask(name, identity, **other)

    async def find(self, name: Name, *, now: int = START) -> Holder | Failed | None:
        answer: asyncio.Future[Holder | Failed | None] = asyncio.get_running_loop().create_future()
        self.directory.find(name.folded, now=now, done=answer.set_result)
        return await answer

    async def keep(self, name: Name, identity: str) -> None:
        self.directory.keep(name, identity, now=START)
        await self.directory.kept()

    async def release(self, name: Name, identity: str) -> None:
        self.directory.release(name.folded, identity, now=START)
        await self.settle()

    async def settle(self) -> None:
        """Waits until it has nothing to do."""
        while self.directory._tasks:
            await asyncio.wait(set(self.directory._tasks))

    async def die(self) -> None:
        """Does nothing any more, and tells nobody."""
        await self.directory._drop()
        await self.directory._lease.abandon()
        await self.link.close()


class Cluster:
    """Nodes on one NATS server."""

    def __init__(self, url: str, *, prefix: str = "", lease: float = LEASE) -> None:
        self.url = url
        self.prefix = prefix or f"test-{secrets.token_hex(8)}"
        self.lease = lease
        self.nodes: list[Node] = []

    async def node(
        self,
        *,
        link: type[Link] = Link,
        names_per_address: int = 0,
        answer_within: float = ANSWER_WITHIN,
        lost: Lost | None = None,
    ) -> Node:
        """Starts another node."""
        connection = link([self.url], name=self.prefix)
        await connection.open(5)
        values = Values(connection, self.prefix)
        await values.create(NAMES, replicas=1)
        await values.create(NODES, replicas=1, max_age=self.lease)
        told: list[tuple[str, str]] = []
        directory = JetStreamDirectory(
            values,
            secrets.token_hex(8),
            names_per_address=names_per_address,
            lease=self.lease,
            answer_within=answer_within,
            lost=lost or (lambda *lost: told.append(lost)),
        )
        node = Node(connection, values, directory, told)
        self.nodes.append(node)
        return node

    async def close(self) -> None:
        for node in self.nodes:
            await node.directory.close(0)
            await node.link.close()


@asynccontextmanager
async def cluster_on(url: str, *, lease: float = LEASE) -> AsyncIterator[Cluster]:
    """Gives a cluster without nodes, and ends those that it has in the end."""
    cluster = Cluster(url, lease=lease)
    try:
        yield cluster
    finally:
        await cluster.close()


class Outcomes(Recorder):
    """Says in a line what becomes of each draft."""

    def committed(self, commit: Commit) -> None:
        for outcome in commit.outcomes:
            reason = outcome.reason if isinstance(outcome, Rejected) else "stored"
            print(f"{outcome.draft.content}: {reason}", flush=True)


async def main(url: str, prefix: str, lease: float, texts: list[str]) -> None:
    """Claims names for one identity and says so in a line; then says each that it has lost, and
    what becomes of what it reads: each line is said in the name of that identity.
    """

    def name_lost(folded: str, identity: str) -> None:
        log.withdraw(identity)
        print(f"{identity} has lost {folded}", flush=True)

    def read() -> None:
        for line in os.read(sys.stdin.fileno(), 65_536).decode().splitlines():
            log.append(draft(secrets.token_hex(8), identity=PROCESS, content=line))

    node = await Cluster(url, prefix=prefix, lease=lease).node(lost=name_lost)
    streams = await open_streams(node.link, prefix, count=0, replicas=1, window=WINDOW)
    log = serve_streams(node.link, streams, clock=wall, before=node.directory.kept)
    log.observe(Outcomes())
    for text in texts:
        await node.claim(parse_username(text), PROCESS)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), read)
    print(f"{node.id} is ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
