"""The log in JetStream where something goes wrong, or on several nodes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.adapters.jetstream_nodes import Node, new_prefix, node, until, wall
from tests.support.nats import nats_server

from causerie.adapters.jetstream_health import Health
from causerie.adapters.nats_server import NatsServer
from causerie.ports import Rejected, Repeated, Stored
from causerie.testing.contracts import draft, private

__all__ = ["nats_server"]


@pytest.fixture
async def two(nats_server: NatsServer) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes on one log."""
    prefix = new_prefix()
    async with node(nats_server.url, prefix) as one, node(nats_server.url, prefix) as other:
        yield one, other


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that the test may hurt."""
    server = NatsServer(tmp_path)
    with server:
        yield server


# Retries.


@pytest.mark.slow
async def test_a_retry_after_the_window_is_stored_once_if_it_says_when_it_was_first_tried(
    nats_server: NatsServer,
) -> None:
    async with node(nats_server.url, new_prefix(), window=0.1) as here:
        first_tried = wall()
        (stored,) = await here.append(draft("1"))
        assert isinstance(stored, Stored)
        await here.append(*(draft(f"other {number}") for number in range(300)))
        # NATS has forgotten the id: whoever does not say when it was tried is stored again.
        await until_forgotten(here, "1")
        retry = _again(draft("1"), first_tried)
        assert await here.append(retry) == [Repeated(retry, stored.entry)]
        other = _again(draft("1", content="other"), first_tried)
        assert await here.append(other) == [Rejected(other, "id_reused")]
        new = _again(draft("new"), first_tried)
        (outcome,) = await here.append(new)
        assert isinstance(outcome, Stored)
        assert [entry.id for entry in await here.read()].count("1") == 1


async def until_forgotten(here: Node, id: str) -> None:
    """Waits until NATS does not know an id any more."""
    from causerie.adapters.jetstream_subjects import message_id

    while await here.log._stream.stored_as(message_id("alice", id)) is not None:
        await asyncio.sleep(0.05)


def _again(first: object, first_tried: int) -> "draft":  # type: ignore[valid-type]
    from msgspec.structs import replace

    return replace(first, first_tried=first_tried)  # type: ignore[type-var]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("count", [1, 40])
async def test_what_was_stored_though_its_ack_never_came_is_answered_once_and_stored_once(
    own_server: NatsServer, count: int
) -> None:
    async with node(own_server.url, new_prefix()) as here:
        await here.watch("room")
        await here.append(draft("before"))
        link = here.link
        # The answers are lost from here on: what NATS stores is not acknowledged.
        answered = link._answered
        link._answered = lambda message: None  # type: ignore[method-assign]
        for every in link._client._subs.values():  # type: ignore[union-attr]
            if every._subject.startswith(link._inbox):
                every._future._told = lambda message: None  # type: ignore[union-attr]
        drafts = [draft(str(number)) for number in range(count)]
        here.hand_over(*drafts)
        subject = here.log._stream.subjects.stream
        await until(lambda: _stored_messages(own_server, subject) == count + 2, "the batch")
        assert here.observer.waiting == drafts
        link._answered = answered  # type: ignore[method-assign]
        own_server.kill()
        await asyncio.to_thread(own_server.start)
        await asyncio.to_thread(own_server.wait_ready)
        await here.settle()
        assert all(isinstance(outcome, Stored) for outcome in here.observer.outcomes)
        ids = [entry.id for entry in await here.read()]
        assert ids == ["before", *(each.id for each in drafts)]
        await until(
            lambda: [entry.id for entry in here.observer.entries["room"]] == ids, "what was stored"
        )


def _stored_messages(server: NatsServer, stream: str) -> int:
    """How many messages the files of a stream show, as far as they are written."""
    folder = server._folder / "jetstream" / "$G" / "streams" / stream / "msgs"
    return sum(path.read_bytes().count(b"Nats-Msg-Id") for path in folder.glob("*.blk")) + 1


# What NATS publishes again.


@pytest.mark.parametrize("of_its_own", [True, False])
async def test_what_is_lost_on_its_way_is_read_from_the_stream(
    two: tuple[Node, Node], *, of_its_own: bool
) -> None:
    here, there = two
    await here.watch("room")
    author = here if of_its_own else there
    here.lose(lambda message: int(message.headers["Nats-Sequence"]) % 3 != 0)
    for turn in range(5):
        await author.append(*(draft(f"{turn}-{number}") for number in range(7)))
    here.lose(lambda message: False)
    await there.append(draft("last"))
    entries = await there.read()
    assert len(entries) == 36
    await until(lambda: here.observer.entries.get("room") == entries, "all that was lost")


@pytest.mark.slow
async def test_the_loss_of_the_newest_is_found_by_comparing_heads(nats_server: NatsServer) -> None:
    prefix = new_prefix()
    async with (
        node(nats_server.url, prefix, compare_every=0.1) as here,
        node(nats_server.url, prefix) as there,
    ):
        await here.watch("room")
        await here.watch("quiet")
        here.lose(lambda message: True)
        await there.append(draft("1"), draft("2"), draft("3", room="not watched"))
        entries = await there.read()
        await until(lambda: here.observer.entries.get("room") == entries, "what nothing betrayed")
        assert "quiet" not in here.observer.entries


async def test_what_comes_twice_is_told_once(two: tuple[Node, Node]) -> None:
    here, there = two
    await here.watch("room")
    watcher = here.log._watcher
    (watch,) = watcher._watches.values()
    assert watch.interest is not None
    tell = watch.interest._told

    def twice(message: object) -> None:
        tell(message)  # type: ignore[arg-type]
        tell(message)  # type: ignore[arg-type]

    watch.interest._told = twice
    await there.append(draft("1"), draft("2"))
    await here.append(draft("3"))
    # The recorder refuses what comes twice.
    assert [entry.id for entry in here.observer.entries["room"]] == ["1", "2", "3"]


# Several nodes.


async def test_nodes_that_append_to_one_room_at_once_are_told_the_same_chain(
    nats_server: NatsServer,
) -> None:
    prefix = new_prefix()
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(node(nats_server.url, prefix)) for _ in range(3)]
        for each in nodes:
            await each.watch("room")
        for turn in range(20):
            for number, each in enumerate(nodes):
                each.hand_over(*(draft(f"{number}-{turn}-{n}") for n in range(turn % 4 + 1)))
            await asyncio.sleep(0)
        for each in nodes:
            await each.settle()
        entries = await nodes[0].read()
        assert len(entries) == 3 * sum(turn % 4 + 1 for turn in range(20))
        assert [entry.prev for entry in entries] == [0, *(entry.seq for entry in entries[:-1])]
        for number, each in enumerate(nodes):
            await until(
                lambda each=each: each.observer.entries.get("room") == entries,  # type: ignore[misc]
                "all of the room",
            )
            mine = [entry for entry in entries if entry.id.startswith(f"{number}-")]
            outcomes = each.observer.outcomes
            assert [o.entry for o in outcomes if isinstance(o, Stored)] == mine


async def test_of_one_id_that_is_tried_on_two_nodes_at_once_one_is_stored(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    for turn in range(10):
        ids = [f"{turn}-{number}" for number in range(5)]
        here.hand_over(*map(draft, ids))
        there.hand_over(*map(draft, reversed(ids)))
        await here.settle()
        await there.settle()
    outcomes = here.observer.outcomes + there.observer.outcomes
    entries = {entry.id: entry for entry in await here.read()}
    assert len(entries) == 50
    assert sum(isinstance(outcome, Stored) for outcome in outcomes) == 50
    for outcome in outcomes:
        assert not isinstance(outcome, Rejected)
        assert outcome.entry == entries[outcome.draft.id]


async def test_a_node_hears_nothing_of_a_room_that_it_does_not_watch(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    await here.watch("room")
    await here.watch("other")
    here.log.unwatch("other")
    here.observer.at.pop("other")
    await here.append(draft("first"))
    await until(lambda: not here.log._link._outgoing, "the end of a subscription")
    before = here.heard
    for number in range(20):
        await there.append(draft(f"{number}", room="other"), private(f"p{number}", room="~talk"))
    await there.append(draft("last"))
    await until(lambda: here.observer.entries["room"][-1].id == "last", "what is watched")
    assert here.heard - before == 1


async def test_who_is_followed_is_told_of_each_private_entry_from_or_to_them(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    here.log.follow("bob")
    here.log.follow("alice")
    here.log.follow("alice")
    await here.append(draft("both subscriptions are there"))
    outcomes = await there.append(
        private("1", room="~talk"),
        private("2", room="~talk", identity="bob", peer="alice"),
        private("3", room="~others", identity="carol", peer="dave"),
        private("4", room="~note", peer="alice"),
        draft("5"),
    )
    entries = [outcome.entry for outcome in outcomes if isinstance(outcome, Stored)]
    await until(lambda: len(here.observer.told) == 3, "what is addressed")
    assert here.observer.told == [entries[0], entries[1], entries[3]]
    await here.watch("~talk")
    here.log.unfollow("bob")
    await there.append(
        private("6", room="~talk"), private("7", room="~bob", identity="bob", peer="carol")
    )
    await there.append(private("8", room="~last", identity="carol", peer="alice"))
    await until(lambda: here.observer.told[-1].id == "8", "what is addressed")
    assert len(here.observer.told) == 4
    assert [entry.id for entry in here.observer.entries["~talk"]] == ["6"]


async def test_a_pointer_that_was_lost_is_found_by_comparing(nats_server: NatsServer) -> None:
    prefix = new_prefix()
    async with node(nats_server.url, prefix) as here, node(nats_server.url, prefix) as there:
        here.log.follow("bob")
        for interest in here.log._follower._interests.values():
            interest._told = lambda message: None
        await there.append(private("1", room="~talk"), private("2", room="~talk"))
        await there.append(private("3", room="~other", identity="carol"))
        here.log._look.set()
        await until(lambda: len(here.observer.told) == 3, "what was lost")
        assert [entry.id for entry in here.observer.told] == ["1", "2", "3"]


# When NATS is away.


@pytest.mark.slow
@pytest.mark.real
async def test_while_nats_stands_still_nothing_is_answered_and_afterwards_everything(
    own_server: NatsServer,
) -> None:
    async with node(own_server.url, new_prefix()) as here:
        await here.watch("room")
        await here.append(draft("before"))
        health: list[Health] = []
        here.link.on_health(health.append)
        os.kill(own_server.pid, signal.SIGSTOP)
        try:
            drafts = [draft(str(number)) for number in range(50)]
            here.hand_over(*drafts)
            await until(lambda: health == ["degraded"], "the first sign")
            # Its connection is given up, and there is no other.
            await until(lambda: health == ["degraded", "away"], "the second sign")
            assert here.observer.waiting == drafts
        finally:
            os.kill(own_server.pid, signal.SIGCONT)
        await here.settle()
        assert all(isinstance(outcome, Stored) for outcome in here.observer.outcomes)
        entries = await here.read()
        assert [entry.id for entry in entries] == ["before", *(each.id for each in drafts)]
        await until(lambda: here.observer.entries["room"] == entries, "all that was stored")
        await until(lambda: health[-1] == "ok", "the last sign")


@pytest.mark.slow
@pytest.mark.real
async def test_a_log_that_was_begun_again_is_not_gone_on_with(own_server: NatsServer) -> None:
    prefix = new_prefix()
    async with node(own_server.url, prefix) as here, node(own_server.url, prefix) as there:
        await here.append(draft("1"))
        await here.link.request(f"$JS.API.STREAM.DELETE.{prefix}", within=5)
        async with node(own_server.url, prefix):
            here.log._look.set()
            await until(lambda: here.observer.failure is not None, "the end")
            there.log._look.set()
            await until(lambda: there.observer.failure is not None, "the end")


async def test_a_log_that_is_closed_while_nats_does_not_answer_says_what_it_leaves(
    two: tuple[Node, Node],
) -> None:
    here, _ = two
    here.hand_over(draft("1"))
    here.log.close()
    assert here.observer.failure is not None
    assert len(here.observer.waiting) == 1


async def test_a_log_that_is_drained_has_told_all(two: tuple[Node, Node]) -> None:
    here, _ = two
    here.hand_over(*(draft(str(number)) for number in range(700)))
    assert await here.log.drain(10.0)
    assert here.observer.waiting == []
    here.log.close()
    here.log.close()
    assert here.observer.failure is None
