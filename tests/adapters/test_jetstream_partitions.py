"""What goes beyond a room, of a log in several streams."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.jetstream_nodes import WITHIN, Observer, nats_server, new_prefix, until, wall

from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_log import WINDOW, JetStreamLog
from causerie.adapters.jetstream_partitions import AuthorOrder, PartitionedLog, serve_streams
from causerie.adapters.jetstream_streams import open_streams, partition
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Draft, Entry
from causerie.ports import Failed, Outcome, Rejected, Stored
from causerie.testing.contracts import Answer, draft, private

__all__ = ["nats_server"]

STREAMS = 3
ROOMS = ("garden", "lobby", "room")
"""One in each stream."""
TALKS = tuple(f"~talk-{number}" for number in range(12))


def test_these_rooms_are_in_different_streams() -> None:
    assert [partition(room, STREAMS) for room in ROOMS] == [0, 1, 2]
    assert {partition(room, STREAMS) for room in TALKS} == {0, 1, 2}


class Node:
    """A node on such a log."""

    def __init__(self, link: Link, log: PartitionedLog) -> None:
        self.link = link
        self.log = log
        self.observer = Observer()
        log.observe(self.observer)

    def of(self, room: str) -> JetStreamLog:
        """The part that has a room."""
        return self.log._logs[partition(room, STREAMS)]

    def hand_over(self, *drafts: Draft) -> None:
        self.observer.waiting.extend(drafts)
        for each in drafts:
            self.log.append(each)

    async def settle(self) -> None:
        await until(lambda: not self.observer.waiting, "the outcome of a draft")

    async def append(self, *drafts: Draft) -> Sequence[Outcome]:
        before = len(self.observer.outcomes)
        self.hand_over(*drafts)
        await self.settle()
        return self.observer.outcomes[before:]

    async def store(self, *drafts: Draft) -> list[Entry]:
        outcomes = await self.append(*drafts)
        return [outcome.entry for outcome in outcomes if isinstance(outcome, Stored)]

    async def ask(self, call: Any, *args: Any, **keywords: Any) -> Any:
        answer = Answer[Any]()
        call(*args, done=answer, **keywords)
        await until(lambda: bool(answer.values), "an answer")
        return answer.values[0]

    async def hold_up(self, room: str) -> asyncio.Event:
        """Has the part of a room store nothing until the event is set."""
        go_on = asyncio.Event()
        appender = self.of(room)._appender
        appender._before = go_on.wait
        return go_on


@asynccontextmanager
async def node(url: str, prefix: str = "") -> AsyncIterator[Node]:
    link = Link([url], name="causerie-tests")
    await link.open(WITHIN)
    try:
        streams = await open_streams(
            link, prefix or new_prefix(), count=STREAMS, replicas=1, window=WINDOW
        )
        log = serve_streams(link, streams, clock=wall, compare_every=600.0)
        assert isinstance(log, PartitionedLog)
        yield Node(link, log)
        log.stop()
    finally:
        await link.close()


@pytest.fixture
async def here(nats_server: NatsServer) -> AsyncIterator[Node]:
    async with node(nats_server.url) as one:
        yield one


# Outcomes.


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2))), st.randoms())
def test_outcomes_of_each_author_come_in_their_order_whichever_log_is_first(
    said: list[tuple[str, int]], chance: Any
) -> None:
    order = AuthorOrder()
    logs: list[list[Draft]] = [[], [], []]
    drafts = []
    for number, (author, which) in enumerate(said):
        one = draft(str(number), identity=author)
        order.expect(one)
        drafts.append(one)
        logs[which].append(one)
    told: list[Outcome] = []
    while any(logs):
        log = chance.choice([log for log in logs if log])
        some = chance.randint(1, len(log))
        told += order.settle([Rejected(one, "failed") for one in log[:some]])
        del log[:some]
        for author in "abc":
            mine = [one for one in drafts if one.identity == author]
            settled = [outcome.draft for outcome in told if outcome.draft.identity == author]
            waiting = [one for one in mine if any(one in log for log in logs)]
            # All that can be told is: up to the first that has no outcome.
            assert settled == mine[: mine.index(waiting[0]) if waiting else len(mine)]
    assert not order._due
    assert not order._early


async def test_a_stream_that_stores_nothing_holds_up_its_own_rooms_alone(here: Node) -> None:
    go_on = await here.hold_up("room")
    here.hand_over(draft("1", room="room", identity="alice"))
    for room in ROOMS[:2]:
        (entry,) = await _stored_by(here, draft("2", room=room, identity="bob"))
        assert entry.room == room
    # What its author has said elsewhere since is stored, and answered in its turn.
    here.hand_over(draft("3", room="lobby", identity="alice"))
    await until(lambda: not len(here.of("lobby")._appender), "what was said elsewhere")
    assert [each.id for each in here.observer.waiting] == ["1", "3"]
    go_on.set()
    await here.settle()
    assert [outcome.draft.id for outcome in here.observer.outcomes][-2:] == ["1", "3"]


async def _stored_by(here: Node, one: Draft) -> list[Entry]:
    here.hand_over(one)
    await until(lambda: one not in here.observer.waiting, "its outcome")
    return [
        outcome.entry
        for outcome in here.observer.outcomes
        if isinstance(outcome, Stored) and outcome.draft is one
    ]


async def test_what_is_withdrawn_is_withdrawn_in_all(here: Node) -> None:
    events = [await here.hold_up(room) for room in ROOMS]
    here.hand_over(*(draft("1", room=room, identity="alice") for room in ROOMS))
    here.log.withdraw("alice")
    for event in events:
        event.set()
    await here.settle()
    assert {getattr(outcome, "reason", "") for outcome in here.observer.outcomes} == {"name_lost"}


async def test_the_oldest_that_waits_in_any_stream_makes_it_a_bad_day(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("causerie.adapters.jetstream_health.DEGRADED_AFTER", 0.05)
    go_on = await here.hold_up("room")
    here.hand_over(draft("1", room="room", identity="alice"))
    await until(lambda: here.link.health == "degraded", "that it is felt")
    await _stored_by(here, draft("2", room="lobby", identity="bob"))
    assert here.link.health == "degraded"
    go_on.set()
    await until(lambda: here.link.health == "ok", "that it is over")


# Answers from all.


async def test_conversations_of_all_streams_are_listed_by_their_names(here: Node) -> None:
    await here.store(*(private(f"1 {room}", room=room) for room in TALKS[::-1]))
    every = sorted(TALKS)
    for after, limit in (("", 99), ("", 5), (every[4], 5), ("", 0)):
        talks = await here.ask(here.log.conversations, "alice", after=after, limit=limit)
        expected = [room for room in every if room > after][:limit]
        assert [talk.room for talk in talks] == expected


async def test_private_entries_of_another_node_are_told_from_all_streams(
    nats_server: NatsServer,
) -> None:
    prefix = new_prefix()
    async with node(nats_server.url, prefix) as one, node(nats_server.url, prefix) as other:
        one.log.follow("bob")
        await one.store(draft("0", room="room"))  # NATS has heard of it by then
        entries = await other.store(*(private(f"1 {room}", room=room) for room in TALKS))
        told = one.observer.told
        await until(lambda: len(told) == len(TALKS), "all of them")
        assert {entry.room for entry in told} == {entry.room for entry in entries}
        one.log.unfollow("bob")
        await one.store(draft("00", room="room"))
        await other.store(*(private(f"2 {room}", room=room) for room in TALKS))
        for room in ROOMS:
            await other.store(draft("3", room=room))
            await one.ask(one.log.watch, room)
        assert len(told) == len(TALKS)


async def test_what_was_said_is_found_in_any_stream_and_first_in_that_of_the_room(
    here: Node,
) -> None:
    said = {room: (await here.store(draft("1", room=room)))[0] for room in ROOMS}
    await here.store(draft("2", room="lobby"))
    for room in ROOMS:
        assert await find(here, "1", room) == said[room]
        found = await find(here, "2", room)
        assert found is not None
        assert found.room == "lobby"
    assert await find(here, "3", "lobby") is None
    whispered = (await here.store(private("4", room=TALKS[0])))[0]
    assert await find(here, "4", "") == whispered


async def test_what_one_stream_has_is_found_though_another_does_not_answer(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, done: Callable[[Failed], None], **__: Any) -> None:
        done(Failed("not now"))

    (said,) = await here.store(draft("1", room="room"))
    talk = next(talk for talk in TALKS if partition(talk, STREAMS) == partition("room", STREAMS))
    (whispered,) = await here.store(private("2", room=talk))
    monkeypatch.setattr(here.of("lobby"), "find_entry", fail)
    assert await find(here, "1", "room") == said
    assert await find(here, "2", "") == whispered
    # Of what is not found elsewhere nobody knows.
    found = await here.ask(here.log.find_entry, "alice", "3", room="room", since=1)
    assert found == Failed("not now")


async def find(here: Node, id: str, room: str) -> Entry | None:
    found = await here.ask(here.log.find_entry, "alice", id, room=room, since=wall() - 1_000_000)
    assert found is None or isinstance(found, Entry)
    return found


async def test_what_was_removed_is_counted_of_all(here: Node) -> None:
    for room in ROOMS:
        await here.store(*(draft(f"{number}", room=room) for number in range(5)))
    assert await here.ask(here.log.trim, before=0, keep=2) == 9


async def test_where_one_does_not_answer_there_is_no_answer(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*, before: int, keep: int, done: Callable[[Failed], None]) -> None:
        assert (before, keep) == (0, 2)
        done(Failed("not now"))

    monkeypatch.setattr(here.of("lobby"), "trim", fail)
    assert await here.ask(here.log.trim, before=0, keep=2) == Failed("not now")


# Its end.


async def test_when_one_stream_is_lost_all_end_and_it_is_told_once(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("causerie.adapters.jetstream_log.BELIEVED_AFTER", 0.02)
    monkeypatch.setattr("causerie.adapters.jetstream_log.SAY_AGAIN_AFTER", 0.01)
    await here.store(*(draft("1", room=room) for room in ROOMS))
    for room in ("room", "lobby"):
        name = here.of(room)._stream.subjects.stream
        answer = await here.link.request(f"$JS.API.STREAM.DELETE.{name}", within=WITHIN)
        assert json.loads(answer.payload)["success"]
        await here.of(room)._stream.open(
            epoch="another", streams=STREAMS, replicas=1, window=120.0, within=WITHIN
        )
    for log in here.log._logs:
        log._look.set()
    await until(lambda: here.observer.failure is not None, "the end")
    here.log.append(draft("2", room="garden"))
    here.observer.waiting.clear()
    await here.link.request("$JS.API.INFO", within=WITHIN)
    here.log.close(0.1)
    assert "begun again" in (here.observer.failure or "")


async def test_it_ends_when_all_was_answered(here: Node) -> None:
    here.hand_over(*(draft("1", room=room, identity=room) for room in ROOMS))
    assert not here.observer.outcomes
    assert await here.log.drain(WITHIN)
    assert len(here.observer.outcomes) == len(ROOMS)
    here.log.close(0.0)
    assert here.observer.failure is None


async def test_what_is_not_stored_when_it_ends_is_told_once(here: Node) -> None:
    await here.hold_up("room")
    await here.hold_up("lobby")
    here.hand_over(draft("1", room="room"), draft("2", room="lobby"))
    assert not await here.log.drain(0.05)
    here.log.close(0.0)
    assert "NATS has not answered" in (here.observer.failure or "")


def test_what_has_ended_is_not_waited_for_again(nats_server: NatsServer) -> None:
    async def begin() -> Node:
        link = Link([nats_server.url], name="causerie-tests")
        await link.open(WITHIN)
        streams = await open_streams(link, new_prefix(), count=STREAMS, replicas=1, window=WINDOW)
        log = serve_streams(link, streams, clock=wall, compare_every=600.0)
        assert isinstance(log, PartitionedLog)
        return Node(link, log)

    loop = asyncio.new_event_loop()
    here = loop.run_until_complete(begin())
    here.hand_over(*(draft("1", room=room) for room in ROOMS))
    here.log.close(WITHIN)
    assert len(here.observer.outcomes) == STREAMS
    begun = time.monotonic()
    here.log.close(WITHIN)
    took = time.monotonic() - begun
    loop.run_until_complete(here.link.close())
    loop.close()
    assert took < WITHIN / 2
