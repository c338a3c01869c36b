"""A crowd under load: people who stay and talk, and visitors who come and go between them."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

from tests.chaos.balancer import Line
from tests.chaos.checks import Ack
from tests.chaos.wiretap import ROOM, Ledger, Wiretap
from tests.support.person import Person

import causerie
from causerie.client.keys import new_key

RATE: Final = 3.0
"""What one person says in a second, about; fewer where an answer takes longer than that."""

PRIVATE: Final = 0.1
"""The part of it that is for a friend alone."""

VISITED_EVERY: Final = 2.0
"""Seconds between two visitors, about."""

CATCH_UP: Final = 10_000
"""Entries that one wants to be shown after a cut: far more than are said in a round."""


class Crowd:
    """Everybody, and what they have to say. Chance is an argument."""

    def __init__(self, size: int, chance: random.Random) -> None:
        """So many people."""
        self.moved = asyncio.Event()
        self.people = [Person(f"Person{number}", self.moved) for number in range(size)]
        self.visitors: list[str] = []
        """All who have come to visit; each of them comes once, and leaves."""
        self.refused: list[str] = []
        """What was said and not acked, in words: no fault is a reason to refuse it."""
        self.ledger = Ledger()
        self._lines: dict[str, Line] = {}
        self._chance = chance
        self._quiet = asyncio.Event()
        self._alone = asyncio.Event()

    def tap(self, line: Line) -> Wiretap:
        """Listens to a line of a balancer."""

        def welcomed(name: str) -> None:
            self._lines[name] = line

        now = asyncio.get_running_loop().time
        return Wiretap(line.node, self.ledger, now, welcomed)

    def fall_silent(self) -> None:
        """Has everybody say no more than what they have begun to say."""
        self._quiet.set()

    def send_home(self) -> None:
        """Has the visitors leave."""
        self._alone.set()

    @property
    def acks(self) -> list[Ack]:
        """All that was acked so far."""
        return [
            Ack(room, seq, at)
            for person in self.people
            for (room, seq), at in person.acked_at.items()
        ]

    @property
    def shown(self) -> dict[str, dict[tuple[str, int], float]]:
        """When everybody was shown what, by name."""
        return {person.name: person.shown_at for person in self.people}

    @property
    def connected(self) -> int:
        """How many are connected."""
        return sum(isinstance(person.client.state, causerie.Connected) for person in self.people)

    @asynccontextmanager
    async def present(self, url: str) -> AsyncIterator[None]:
        """Everybody is in the room, and notes what is shown."""
        async with AsyncExitStack() as stack:

            async def come(person: Person) -> None:
                connection = causerie.connect(
                    url,
                    person.name,
                    key=person.key,
                    catch_up=CATCH_UP,
                    private_replay=CATCH_UP,
                )
                person.client = await stack.enter_async_context(connection)

            for person in self.people:
                await come(person)
            async with asyncio.TaskGroup() as group:
                listeners = [group.create_task(person.listen()) for person in self.people]
                for person in self.people:
                    joined = await person.client.join(ROOM)
                    person.witness.since[ROOM] = joined.head.seq
                yield
                for listener in listeners:
                    listener.cancel()

    async def talk(self) -> None:
        """Everybody talks, until they are to fall silent and the last thing said is acked."""
        friends = [*self.people[1:], self.people[0]]
        async with asyncio.TaskGroup() as group:
            for person, friend in zip(self.people, friends, strict=True):
                chance = random.Random(self._chance.random())
                group.create_task(self._talk(person, friend.name, chance))

    async def visit(self, url: str) -> None:
        """Visitors come, one after the other, until they are to leave; about half of them say
        goodbye, and the connection of the others is cut and never comes back.
        """
        async with asyncio.TaskGroup() as group:
            while not await _within(self._alone, self._chance.expovariate(1 / VISITED_EVERY)):
                name = f"Visitor{len(self.visitors)}"
                self.visitors.append(name)
                stays = self._chance.expovariate(1 / VISITED_EVERY)
                says_goodbye = self._chance.random() < 0.5
                group.create_task(self._stay(url, name, stays, says_goodbye=says_goodbye))

    async def _talk(self, person: Person, friend: str, chance: random.Random) -> None:
        said = 0
        while not await _within(self._quiet, chance.expovariate(RATE)):
            said += 1
            is_private = chance.random() < PRIVATE
            try:
                if is_private:
                    await person.say(f"{person.name} to {friend}: {said}", to=friend)
                else:
                    await person.say(f"{person.name}: {said}")
            except causerie.ClientError as error:
                self.refused.append(f"refused ({person.name}): {error!r}")

    async def _stay(self, url: str, name: str, seconds: float, *, says_goodbye: bool) -> None:
        connection = causerie.connect(url, name, key=new_key(), private_replay=0, wait=False)
        async with connection as client, asyncio.TaskGroup() as group:
            lost = asyncio.Event()
            reading = group.create_task(_read(client, lost))
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await client.join(ROOM)
                    await self._alone.wait()
            if not says_goodbye and isinstance(client.state, causerie.Connected):
                lost.clear()
                self._lines[name].cut()
                await lost.wait()  # or the library would say goodbye yet
            reading.cancel()


async def _read(client: causerie.Client, lost: asyncio.Event) -> None:
    """Reads what a visitor is told, of which only the loss of a connection matters."""
    async for event in client:
        if isinstance(event, causerie.StateChanged) and isinstance(
            event.state, causerie.Disconnected
        ):
            lost.set()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether something happened within so many seconds, as soon as it has."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
