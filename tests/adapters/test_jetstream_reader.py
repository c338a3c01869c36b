"""Reading rooms out of the stream, with a real server."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise

import pytest
from tests.adapters.jetstream_nodes import Node, nats_server, new_prefix, node, until
from tests.support.line_process import PATIENCE

from causerie.adapters import jetstream_reader
from causerie.adapters.jetstream_link import Message, Unanswered
from causerie.adapters.jetstream_reader import LOOKS, REST, Reader
from causerie.adapters.jetstream_stream import Found, Page
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Entry
from causerie.ports import Located, Stored
from causerie.testing.contracts import draft, private

__all__ = ["nats_server"]

EVERYTHING = 2**60


class Clock:
    """Shows another time each time."""

    def __init__(self) -> None:
        self.now = 1_000_000_000

    def __call__(self) -> int:
        self.now += 1_000
        return self.now


@pytest.fixture
async def here(nats_server: NatsServer) -> AsyncIterator[Node]:
    async with node(nats_server.url, new_prefix(), clock=Clock()) as here:
        yield here


async def fill(here: Node, count: int, *, seed: int = 1) -> dict[str, list[Entry]]:
    """Fills rooms that are frequent, rare, and full at either end."""
    chance = random.Random(seed)
    rooms = [
        "often"
        if chance.random() < 0.5
        else "seldom"
        if chance.random() < 0.1
        else "uneven"
        if number < count / 10 or number > count * 0.99
        else "other"
        for number in range(count)
    ]
    drafts = [draft(str(number), room=room) for number, room in enumerate(rooms)]
    outcomes = await here.append(*drafts)
    entries: dict[str, list[Entry]] = {}
    for outcome in outcomes:
        assert isinstance(outcome, Stored)
        entries.setdefault(outcome.entry.room, []).append(outcome.entry)
    return entries


@pytest.mark.slow
async def test_any_page_of_any_room_is_read_and_found(here: Node) -> None:
    rooms = await fill(here, 3_000)
    reader = here.log._reader
    epoch = reader._epoch
    chance = random.Random(2)
    for room, entries in rooms.items():
        for _ in range(12):
            index = chance.randrange(len(entries))
            upto = entries[index].seq + chance.randrange(2)
            limit = chance.choice([1, 7, 100, 400])
            shown = [entry for entry in entries if entry.seq <= upto]
            start = max(0, len(shown) - limit)
            before = shown[start - 1].seq if start else 0
            assert await reader.read_back(room, before=upto + 1, limit=limit) == shown[start:]
            cursor = entries[chance.randrange(index + 1)]
            located = await reader.locate(
                room, seq=cursor.seq, id=cursor.id, epoch=epoch, upto=upto, limit=limit
            )
            behind = len([entry for entry in shown if entry.seq > cursor.seq])
            assert located == (
                Located(after=cursor.seq, recovered="complete")
                if behind <= limit
                else Located(after=before, recovered="partial", missing=behind - limit)
            )
            time = cursor.timestamp + chance.choice([-1, 0])
            later = [entry for entry in shown if entry.timestamp > time][-limit:]
            after = await reader.locate_time(room, timestamp=time, upto=upto, limit=limit)
            assert await reader.read(room, after=after, upto=upto, limit=EVERYTHING) == later


async def test_for_all_who_come_back_to_the_same_place_nats_is_asked_as_for_one(here: Node) -> None:
    entries = (await fill(here, 20))["often"]
    reader = here.log._reader
    cursor, end = entries[2], entries[-1]

    async def locate() -> Located:
        return await reader.locate(
            "often", seq=cursor.seq, id=cursor.id, epoch=reader._epoch, upto=end.seq, limit=0
        )

    before = here.heard
    alone = await locate()
    for_one = here.heard - before
    assert await asyncio.gather(*(locate() for _ in range(500))) == [alone] * 500
    assert here.heard - before == 2 * for_one > 0


@pytest.mark.slow
async def test_while_a_room_grows_its_pages_stay_what_they_were(here: Node) -> None:
    rooms = await fill(here, 1_000)
    entries = rooms["often"]
    end = entries[-1]
    reader = here.log._reader
    is_over = False

    async def talk() -> None:
        number = 0
        while not is_over:
            number += 1
            await here.append(draft(f"more {number}", room="often"))

    talking = asyncio.create_task(talk())
    for limit in (1, 50, 300, 450):
        for _ in range(5):
            found = await reader.read_back("often", before=end.seq + 1, limit=limit)
            assert found == entries[-limit:]
            located = await reader.locate(
                "often", seq=0, id="", epoch=reader._epoch, upto=end.seq, limit=limit
            )
            assert located.missing == len(entries) - limit
            assert located.after == entries[-limit - 1].seq
    is_over = True
    await talking


async def test_times_that_are_inverted_by_less_than_a_second_hide_nothing(
    nats_server: NatsServer,
) -> None:
    prefix = new_prefix()
    early, late = Clock(), Clock()
    late.now += 900_000
    async with (
        node(nats_server.url, prefix, clock=early) as here,
        node(nats_server.url, prefix, clock=late) as there,
    ):
        # Neither node watches the room: each stamps by its own clock, and by what it has said.
        for number in range(40):
            await here.append(draft(f"early {number}"))
            await there.append(draft(f"late {number}"))
        entries = await here.read()
        times = [entry.timestamp for entry in entries]
        assert times != sorted(times)
        reader = here.log._reader
        for entry in entries[::7]:
            time = entry.timestamp
            after = await reader.locate_time(
                "room", timestamp=time, upto=EVERYTHING, limit=EVERYTHING
            )
            left_out = [entry for entry in entries if entry.seq <= after]
            assert all(entry.timestamp <= time for entry in left_out)


async def test_an_id_is_found_that_nats_has_forgotten(here: Node) -> None:
    await fill(here, 100)
    (public, whispered) = await here.append(
        draft("said", room="often"), private("whispered", room="~talk")
    )
    assert isinstance(public, Stored)
    assert isinstance(whispered, Stored)
    stream = here.log._stream

    async def forgotten(message_id: str) -> int | None:
        return None

    stream.stored_as = forgotten  # type: ignore[method-assign]
    find = here.log._reader.find
    since = public.entry.timestamp - 10
    assert await find("alice", "said", room="often", since=since) == public.entry
    assert await find("alice", "said", room="often", since=since + 2_000_000) is None
    assert await find("alice", "said", room="other", since=since) is None
    assert await find("bob", "said", room="often", since=since) is None
    assert await find("alice", "whispered", room="", since=since) == whispered.entry
    assert await find("alice", "said", room="nowhere", since=since) is None
    # Nobody has a room read from its beginning by saying something there for the first time.
    assert await find("alice", "said", room="often", since=0) is None


class Pages:
    """Notes the pages that are read at leisure, and may hold them up: those after the third."""

    def __init__(self, reader: Reader, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(jetstream_reader, "AHEAD", 10)
        patch.setattr(jetstream_reader, "AT_LEISURE", 3)
        self.goes_on = asyncio.Event()
        self.begun = 0
        self.read: list[tuple[float, float]] = []
        """When each was begun and had, in seconds."""
        self._by_task = Counter[object]()
        self._forward = reader._forward
        patch.setattr(reader, "_forward", self._noted)

    async def _noted(
        self, room: str, after: int, upto: int, limit: int, **how: bool
    ) -> list[Found]:
        clock, task = asyncio.get_running_loop().time, asyncio.current_task()
        self._by_task[task] += limit == 10
        if limit != 10 or self._by_task[task] <= 3:
            return await self._forward(room, after, upto, limit, **how)
        begun = clock()
        self.begun += 1
        await self.goes_on.wait()
        found = await self._forward(room, after, upto, limit, **how)
        self.read.append((begun, clock()))
        return found


async def test_many_who_look_for_what_was_said_long_ago_read_in_turn_and_rest(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.append(*(draft(str(number), room="often") for number in range(120)))
    reader = here.log._reader
    pages = Pages(reader, monkeypatch)
    pages.goes_on.set()
    looks = [reader.find_in("often", "alice", f"unsaid {number}", since=1) for number in range(3)]
    assert await asyncio.gather(*looks) == [None, None, None]
    assert len(pages.read) == 3 * (120 // 10 - 3)
    for (begun, ended), (later, _) in pairwise(pages.read):
        assert later - ended >= (ended - begun) * REST * 0.9


async def test_who_looks_through_little_does_not_wait_for_those_who_look_through_much(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await here.append(*(draft(str(number), room="often") for number in range(120)))
    assert isinstance(said[-1], Stored)
    newest = said[-1].entry
    monkeypatch.setattr(jetstream_reader, "SKEW", 0)
    reader = here.log._reader
    pages = Pages(reader, monkeypatch)
    looks = [
        asyncio.create_task(reader.find_in("often", "alice", f"unsaid {number}", since=1))
        for number in range(LOOKS + 1)
    ]
    await until(lambda: pages.begun == 1, "somebody at leisure")
    found = reader.find_in("often", "alice", newest.id, since=newest.timestamp)
    assert await asyncio.wait_for(found, PATIENCE) == newest
    assert pages.begun == 1
    pages.goes_on.set()
    assert await asyncio.gather(*looks) == [None] * (LOOKS + 1)


async def test_a_read_that_ends_before_what_is_known_to_be_there_is_not_believed(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.append(draft("1"), draft("2"))
    reader = here.log._reader
    monkeypatch.setattr(jetstream_reader, "READ_WITHIN", 0.05)
    here.log._tails.note("room", 4, 1)
    with pytest.raises(Unanswered, match="lags"):
        await reader.read("room", after=0, upto=EVERYTHING, limit=100)
    read = asyncio.create_task(reader.read("room", after=0, upto=EVERYTHING, limit=100))
    await here.append(draft("3"))
    assert [entry.id for entry in await read] == ["1", "2", "3"]


async def test_conversations_are_told_when_a_replica_has_caught_up_with_them(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.append(private("one", room="~one"), private("two", room="~two"))
    reader, stream = here.log._reader, here.log._stream
    direct = stream._direct
    behind = 2

    async def of_a_replica_that_has_less(request: Mapping[str, object]) -> list[Message]:
        nonlocal behind
        if behind:
            behind -= 1
            request = {**request, "up_to_seq": EVERYTHING}
        return await direct(request)

    monkeypatch.setattr(stream, "_direct", of_a_replica_that_has_less)
    talks = await reader.conversations("alice", after="", limit=10)
    assert [talk.room for talk in talks] == ["~one", "~two"]
    assert behind == 0


async def test_conversations_are_not_told_by_a_leader_that_knows_less_than_the_node(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.append(private("one", room="~one"))
    reader, stream = here.log._reader, here.log._stream
    rooms_of = stream.rooms_of
    before = await rooms_of("alice")
    await here.append(private("two", room="~two"))
    left = 2

    async def of_one_that_was_cut_off(identity: str) -> tuple[list[str], int]:
        nonlocal left
        left -= 1
        return before if left >= 0 else await rooms_of(identity)

    monkeypatch.setattr(stream, "rooms_of", of_one_that_was_cut_off)
    talks = await reader.conversations("alice", after="", limit=10)
    assert [talk.room for talk in talks] == ["~one", "~two"]
    left = 1_000_000
    monkeypatch.setattr(jetstream_reader, "READ_WITHIN", 0.05)
    with pytest.raises(Unanswered, match="the leader lags behind"):
        await reader.conversations("alice", after="", limit=10)


async def test_a_room_that_never_rests_is_not_counted_for_ever(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.append(draft("1"))
    stream = here.log._stream
    page = stream.page
    number = 0

    async def busy(subject: str, *, after: int, limit: int) -> Page:
        nonlocal number
        number += 1
        mine = number
        found = await page(subject, after=after, limit=limit)
        return found._replace(pending=mine)

    monkeypatch.setattr(stream, "page", busy)
    reader = Reader(stream, "epoch", here.log._tails)
    with pytest.raises(Unanswered, match="lively"):
        await reader._rank("room", 1, 2)
