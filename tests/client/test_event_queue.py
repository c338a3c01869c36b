import asyncio

import pytest
from tests.client.frames import joined, message, private

from causerie.client.errors import Ended
from causerie.client.event_queue import OVERFLOW, EventQueue, shed
from causerie.client.machine.events import (
    Acked,
    Gap,
    LatencyMeasured,
    PresenceChanged,
    Receipt,
    Renamed,
    SendFailed,
    StateChanged,
    TypingChanged,
)
from causerie.client.machine.states import Connected, Connecting
from causerie.client.sending import ClientEvent, Sending
from causerie.wire.commands import SendMessage


def snapshot_of(room: str) -> PresenceChanged:
    return PresenceChanged(room=room, members=1, joined=("Alice",), left=(), snapshot=True)


def queue(limit: int = 3) -> EventQueue:
    return EventQueue(limit, snapshot_of)


def sending(number: int) -> Sending:
    command = SendMessage(room="lobby", content="hi")
    return Sending(id=str(number), command=command, at=1)


def acked(number: int) -> Acked:
    return Acked(receipt=Receipt(id=str(number), room="lobby", seq=1, timestamp=1))


def failed(number: int) -> SendFailed:
    command = SendMessage(room="lobby", content="hi")
    return SendFailed(id=str(number), command=command, error=Ended("over"))


async def drained(events: EventQueue) -> list[ClientEvent]:
    return [await events.get() for _ in range(len(events))]


async def test_events_come_out_in_order() -> None:
    events = queue()
    events.put(message(1))
    events.put(message(2))
    assert await drained(events) == [message(1), message(2)]


async def test_whoever_waits_gets_the_next_event() -> None:
    events = queue()
    waiting = asyncio.create_task(events.get())
    await asyncio.wait([waiting], timeout=0)
    events.put(message(1))
    assert await waiting == message(1)


async def test_the_end_comes_after_the_last_event_and_stays() -> None:
    events = queue()
    waiting = asyncio.create_task(events.get())
    await asyncio.wait([waiting], timeout=0)
    events.put(message(1))
    events.end(Ended("over"))
    assert await waiting == message(1)
    for _ in range(2):
        with pytest.raises(Ended):
            await events.get()


async def test_the_end_reaches_whoever_waits() -> None:
    events = queue()
    waiting = asyncio.create_task(events.get())
    await asyncio.wait([waiting], timeout=0)
    events.end(Ended("over"))
    with pytest.raises(Ended):
        await waiting


async def test_it_is_full_at_its_limit() -> None:
    events = queue(2)
    full = [events.full]
    for seq in (1, 2):
        events.put(message(seq))
        full.append(events.full)
    await events.get()
    assert [*full, events.full] == [False, False, True, False]


async def test_it_never_holds_more_than_a_multiple_of_its_limit_and_says_what_it_shed() -> None:
    events = queue(3)
    for seq in range(1, 1001):
        events.put(message(seq))
        assert len(events) <= OVERFLOW * 3
    gap, *rest = await drained(events)
    assert isinstance(gap, Gap)
    assert gap.after == 0
    assert gap.missing is not None
    assert rest == [message(seq) for seq in range(gap.missing + 1, 1001)]


async def test_of_what_a_call_was_answered_by_it_keeps_no_pile_and_loses_nothing_else() -> None:
    events = queue(3)
    for number in range(1, 1001):
        events.put(sending(number))
        events.put(acked(number), answers=str(number))
        events.put(failed(-number), answers=str(-number))
        if number % 100 == 0:
            events.put(acked(10_000 + number))
            events.put(failed(20_000 + number))
        assert len(events) <= OVERFLOW * 3 + 20
    told = await drained(events)
    acks = [event.receipt.id for event in told if isinstance(event, Acked)]
    failures = [event.id for event in told if isinstance(event, SendFailed)]
    for number in range(100, 1001, 100):
        assert acks.count(str(10_000 + number)) == 1
        assert failures.count(str(20_000 + number)) == 1


async def test_an_outcome_that_was_read_makes_no_later_one_known() -> None:
    events = queue(1)
    events.put(acked(1), answers="1")
    await events.get()
    for _ in range(OVERFLOW + 1):
        events.put(acked(1))
    assert len(events) == OVERFLOW + 1


def test_of_states_names_and_joins_the_newest_is_kept_where_it_stood() -> None:
    events: list[ClientEvent] = [
        StateChanged(state=Connecting()),
        joined(None, "lobby", 1),
        joined(None, "tea", 2),
        Renamed(username="Bob"),
        joined(None, "lobby", 3),
        StateChanged(state=Connected(since=1.0)),
        Renamed(username="Rob"),
    ]
    assert shed(events, snapshot_of) == [events[2], *events[4:]]


async def test_what_cannot_be_shed_is_looked_through_less_and_less_often() -> None:
    looked = 0

    def seen(room: str) -> PresenceChanged:
        nonlocal looked
        looked += 1
        return snapshot_of(room)

    events = EventQueue(1, seen)
    events.put(snapshot_of("lobby"))
    for number in range(1000):
        events.put(acked(number))
    assert len(await drained(events)) == 1001
    assert looked < 10


def test_a_queue_that_holds_nothing_is_none() -> None:
    with pytest.raises(ValueError):
        queue(0)


def test_what_is_shed_can_be_asked_for_and_what_cannot_is_kept() -> None:
    events: list[ClientEvent] = [
        LatencyMeasured(rtt_ms=1),
        message(4),
        Renamed(username="Bob"),
        sending(1),
        private(7),
        TypingChanged(room="lobby", usernames=()),
        message(5),
        PresenceChanged(room="lobby", members=2, joined=("Bob",), left=(), snapshot=False),
        private(8),
    ]
    assert shed(events, snapshot_of) == [
        Gap(room="lobby", after=3, missing=2),
        Renamed(username="Bob"),
        sending(1),
        Gap(room="~bob", after=6, missing=2),
        snapshot_of("lobby"),
    ]


def test_gaps_grow_together() -> None:
    assert shed(
        [
            Gap(room="lobby", after=3, missing=5),
            message(9),
            Gap(room="~bob", after=1, missing=None),
        ],
        snapshot_of,
    ) == [Gap(room="lobby", after=3, missing=6), Gap(room="~bob", after=1, missing=None)]
    assert shed(
        [message(9), Gap(room="lobby", after=9, missing=None), message(12)], snapshot_of
    ) == [Gap(room="lobby", after=8, missing=None)]
