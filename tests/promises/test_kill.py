"""`kill -9` of a real server, twenty times, under load from twenty real clients: nothing that was
acknowledged is lost, nothing is shown twice or out of order, and nothing is shown that is not kept.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from tests.support.person import Person, acks, all_logs, wait_until
from tests.support.server_process import ServerProcess

import causerie
from causerie.testing.history import check

CLIENTS = 20
KILLS = 20
ACKS_BETWEEN = 150


async def talk(person: Person, friend: str, stop: asyncio.Event) -> None:
    """Says one thing after the other, some of it to a friend alone."""
    said = 0
    while not stop.is_set():
        said += 1
        if said % 10 == 1:
            await person.say(f"{person.name} to {friend}: {said}", to=friend)
        else:
            await person.say(f"{person.name}: {said}")


@contextlib.asynccontextmanager
async def connected(people: list[Person], url: str) -> AsyncIterator[None]:
    """Everybody is connected and in the lobby, and notes what is shown."""
    async with contextlib.AsyncExitStack() as stack:
        for person in people:
            person.client = await stack.enter_async_context(
                causerie.connect(
                    url, person.name, key=person.key, catch_up=10_000, private_replay=10_000
                )
            )
        async with asyncio.TaskGroup() as group:
            listeners = [group.create_task(person.listen()) for person in people]
            for person in people:
                joined = await person.client.join("lobby")
                person.witness.since["lobby"] = joined.head.seq
            yield
            for listener in listeners:
                listener.cancel()


def has_acks(people: list[Person], many: int) -> bool:
    """Whether so many messages have been acknowledged."""
    return acks(people) >= many


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(300)
async def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    moved = asyncio.Event()
    people = [Person(f"Person{number}", moved) for number in range(CLIENTS)]
    with ServerProcess(tmp_path, "--rate-limit", "0", measured=False) as server:
        async with connected(people, server.ws):
            # Who has a key and has spoken can be written to while away.
            await asyncio.gather(*(person.say("hello") for person in people))
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for one, friend in zip(people, [*people[1:], people[0]], strict=True):
                    group.create_task(talk(one, friend.name, stop))
                for kill in range(KILLS):
                    wanted = acks(people) + ACKS_BETWEEN + 7 * kill
                    await wait_until(moved, partial(has_acks, people, wanted))
                    await asyncio.to_thread(server.restart)
                # One whose connection was cut each time may have said nothing more so far.
                await wait_until(moved, lambda: all(len(one.witness.acked) > 1 for one in people))
                stop.set()
            logs = await all_logs(people)
    assert check([person.witness for person in people], logs) == []
    assert [gap for person in people for gap in person.gaps] == []
    assert len(logs["lobby"]) >= KILLS * ACKS_BETWEEN // 2
    assert len(logs) == 1 + CLIENTS
