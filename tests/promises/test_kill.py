"""`kill -9` of a real server, twenty times, under load from twenty real clients: nothing that was
acknowledged is lost, nothing is shown twice or out of order, and nothing is shown that is not kept.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.server_process import ServerProcess

import causerie
from causerie.client.keys import new_key
from causerie.testing.history import Seen, Witness, check

CLIENTS = 20
KILLS = 20
ACKS_BETWEEN = 150
PATIENCE = 60.0


class Person:
    """One client, and what it has to say."""

    def __init__(self, number: int, moved: asyncio.Event) -> None:
        self.moved = moved
        """Set whenever somebody was shown or acked something."""
        self.name = f"Person{number}"
        self.key = new_key()
        self.witness = Witness(self.name)
        self.gaps: list[causerie.Gap] = []
        self.client: causerie.Client

    async def listen(self) -> None:
        """Notes all that is shown."""
        with contextlib.suppress(causerie.Ended):
            async for event in self.client:
                match event:
                    case causerie.Message() | causerie.Private():
                        self.witness.shown.setdefault(event.room, []).append(
                            Seen(event.seq, event.id, event.username, event.content)
                        )
                        self.moved.set()
                    case causerie.Gap():
                        self.gaps.append(event)
                    case _:
                        pass

    async def talk(self, friend: str, stop: asyncio.Event) -> None:
        """Says one thing after the other, some of it to a friend alone."""
        said = 0
        while not stop.is_set():
            said += 1
            if said % 10 == 0:
                receipt = await self.client.private(friend, f"{self.name} to {friend}: {said}")
            else:
                receipt = await self.client.send(f"{self.name}: {said}")
            self.witness.acked[receipt.id] = (receipt.room, receipt.seq)
            self.moved.set()


@contextlib.asynccontextmanager
async def connected(people: list[Person], url: str) -> AsyncIterator[None]:
    """Everybody is connected and in the lobby, and notes what is shown."""
    async with contextlib.AsyncExitStack() as stack:
        for person in people:
            person.client = await stack.enter_async_context(
                causerie.connect(url, person.name, key=person.key, catch_up=10_000)
            )
        async with asyncio.TaskGroup() as group:
            listeners = [group.create_task(person.listen()) for person in people]
            for person in people:
                joined = await person.client.join("lobby")
                person.witness.since["lobby"] = joined.head.seq
            yield
            for listener in listeners:
                listener.cancel()


async def wait_until(moved: asyncio.Event, condition: Callable[[], bool]) -> None:
    """Waits until something holds, looking again whenever somebody was shown or acked something."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            moved.clear()
            await moved.wait()


def has_acks(people: list[Person], many: int) -> bool:
    """Whether so many messages have been acknowledged."""
    return acks(people) >= many


def acks(people: list[Person]) -> int:
    """How many messages have been acknowledged in all."""
    return sum(len(person.witness.acked) for person in people)


async def whole_log(client: causerie.Client, room: str) -> list[Seen]:
    """All entries of a room, page by page."""
    log: list[Seen] = []
    more = True
    while more:
        page = await client.history(room, after=log[-1].seq if log else 0, limit=100)
        for one in page.entries:
            assert not isinstance(one, causerie.Unknown), "nobody here knows more types"
            log.append(Seen(one.seq, one.id, one.username, one.content))
        more = page.more
    return log


async def caught_up(person: Person, room: str, head: int) -> None:
    """Waits until a person was shown a room's newest entry."""
    shown = person.witness.shown.setdefault(room, [])
    await wait_until(person.moved, lambda: bool(shown) and shown[-1].seq >= head)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(300)
async def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    moved = asyncio.Event()
    people = [Person(number, moved) for number in range(CLIENTS)]
    with ServerProcess(tmp_path, "--rate-limit", "0", measured=False) as server:
        async with connected(people, server.ws):
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for one, friend in zip(people, [*people[1:], people[0]], strict=True):
                    group.create_task(one.talk(friend.name, stop))
                for kill in range(KILLS):
                    wanted = acks(people) + ACKS_BETWEEN + 7 * kill
                    await wait_until(moved, partial(has_acks, people, wanted))
                    await asyncio.to_thread(server.restart)
                stop.set()
            reader = people[0].client
            logs = {"lobby": await whole_log(reader, "lobby")}
            for person in people:
                await caught_up(person, "lobby", logs["lobby"][-1].seq)
                for summary in await person.client.rooms():
                    if summary.peer is not None:
                        log = await whole_log(person.client, summary.room)
                        logs[summary.room] = log
                        person.witness.since[summary.room] = 0
                        await caught_up(person, summary.room, log[-1].seq)
    assert check([person.witness for person in people], logs) == []
    assert [gap for person in people for gap in person.gaps] == []
    assert len(logs["lobby"]) >= KILLS * ACKS_BETWEEN // 2
    assert len(logs) == 1 + CLIENTS
