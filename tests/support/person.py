"""People who talk while something is done to their server, and note what they are told."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import causerie
from causerie.client.keys import new_key
from causerie.testing.history import Seen, Witness

PATIENCE = 60.0
"""Seconds until a wait fails."""


class Person:
    """One client, and what it has to say. Times are in seconds, on the loop's clock."""

    def __init__(self, name: str, moved: asyncio.Event) -> None:
        self.moved = moved
        """Set whenever somebody was shown or acked something."""
        self.name = name
        self.key = new_key()
        self.witness = Witness(self.name)
        self.acked_at: dict[tuple[str, int], float] = {}
        """(Room, seq) -> when it was acked."""
        self.shown_at: dict[tuple[str, int], float] = {}
        """(Room, seq) -> when it was first shown."""
        self.gaps: list[causerie.Gap] = []
        self.client: causerie.Client

    async def listen(self) -> None:
        """Notes all that is shown."""
        now = asyncio.get_running_loop().time
        with contextlib.suppress(causerie.Ended):
            async for event in self.client:
                match event:
                    case causerie.Message() | causerie.Private():
                        self.witness.shown.setdefault(event.room, []).append(
                            Seen(event.seq, event.id, event.username, event.content)
                        )
                        self.shown_at.setdefault((event.room, event.seq), now())
                        self.moved.set()
                    case causerie.Gap():
                        self.gaps.append(event)
                    case _:
                        pass

    async def say(self, content: str, *, to: str | None = None) -> None:
        """Says something, in the lobby or to one person alone, and notes that it was acked."""
        if to is None:
            receipt = await self.client.send(content)
        else:
            receipt = await self.client.private(to, content)
        self.witness.acked[receipt.id] = (receipt.room, receipt.seq)
        self.acked_at[receipt.room, receipt.seq] = asyncio.get_running_loop().time()
        self.moved.set()

    async def caught_up(self, room: str, head: int) -> None:
        """Waits until the room's newest entry was shown.

        Raises:
            TimeoutError: it was not within `PATIENCE`.
        """
        shown = self.witness.shown.setdefault(room, [])
        await wait_until(self.moved, lambda: bool(shown) and shown[-1].seq >= head)


async def wait_until(moved: asyncio.Event, condition: Callable[[], bool]) -> None:
    """Waits until something holds, looking again whenever somebody was shown or acked something.

    Raises:
        TimeoutError: it never did.
    """
    async with asyncio.timeout(PATIENCE):
        while not condition():
            moved.clear()
            await moved.wait()


def acks(people: Iterable[Person]) -> int:
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


async def all_logs(people: Iterable[Person]) -> dict[str, list[Seen]]:
    """The lobby and all conversations as they are now, once everybody was shown all that is in
    them, or never will be: then it is for the check to say what is missing. Nobody may say anything
    meanwhile.
    """
    logs: dict[str, list[Seen]] = {}
    until = asyncio.get_running_loop().time() + PATIENCE
    for person in people:
        if "lobby" not in logs:
            logs["lobby"] = await whole_log(person.client, "lobby")
        rooms = ["lobby"]
        for summary in await person.client.rooms():
            if summary.peer is not None:
                logs[summary.room] = await whole_log(person.client, summary.room)
                person.witness.since[summary.room] = 0
                rooms.append(summary.room)
        for room in rooms:
            if log := logs[room]:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await person.caught_up(room, log[-1].seq)
    return logs
