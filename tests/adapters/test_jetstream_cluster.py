"""The log in JetStream on a cluster of three that loses its leader."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.adapters.jetstream_nodes import WITHIN, Node, new_prefix, node, until
from tests.support.nats import NatsCluster, nats_cluster

from causerie.adapters.jetstream_link import LinkError
from causerie.adapters.jetstream_stream import Stream
from causerie.adapters.jetstream_subjects import message_id
from causerie.chat.entry import Draft
from causerie.ports import Failed, Stored
from causerie.testing.contracts import draft

__all__ = ["nats_cluster"]


@pytest.mark.slow
@pytest.mark.real
async def test_with_the_leader_killed_under_load_all_is_stored_once_and_told_in_one_order(
    nats_cluster: NatsCluster,
) -> None:
    prefix = new_prefix()
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(
                node(nats_cluster.urls, prefix, replicas=3, compare_every=1.0)
            )
            for _ in range(3)
        ]
        leader = await asyncio.to_thread(nats_cluster.wait_for_stream, prefix)
        for each in nodes:
            await each.watch("room")
        loads = [
            asyncio.create_task(talk(each, number, drafts=600)) for number, each in enumerate(nodes)
        ]
        await until(lambda: all(len(each.observer.outcomes) > 100 for each in nodes), "the load")
        await asyncio.to_thread(nats_cluster.kill, leader)
        said = await asyncio.gather(*loads)
        for each in nodes:
            await each.settle()
        entries = await nodes[0].read()
        assert sorted(entry.id for entry in entries) == sorted(
            each.id for drafts in said for each in drafts
        )
        assert [entry.prev for entry in entries] == [0, *(entry.seq for entry in entries[:-1])]
        for number, each in enumerate(nodes):
            await until(
                lambda each=each: each.observer.entries["room"] == entries,  # type: ignore[misc]
                "all of the room",
            )
            mine = [entry for entry in entries if entry.id.startswith(f"{number}-")]
            outcomes = each.observer.outcomes
            assert [outcome.draft for outcome in outcomes] == said[number]
            assert [o.entry for o in outcomes if isinstance(o, Stored)] == mine


@pytest.mark.slow
@pytest.mark.real
async def test_with_the_leader_killed_while_rooms_are_trimmed_the_end_of_each_is_left(
    nats_cluster: NatsCluster,
) -> None:
    prefix = new_prefix()
    rooms = [f"room-{number}" for number in range(40)]
    async with (
        node(nats_cluster.urls, prefix, replicas=3) as here,
        node(nats_cluster.urls, prefix, replicas=3) as there,
    ):
        leader = await asyncio.to_thread(nats_cluster.wait_for_stream, prefix)
        drafts = [draft(f"{room} {n}", room=room) for n in range(60) for room in rooms]
        await here.append(*drafts)
        await here.watch("room-0")
        answers = [trimmed(here, keep=7), trimmed(there, keep=7)]
        await asyncio.to_thread(nats_cluster.kill, leader)
        await asyncio.gather(*answers)
        # What one has not got to, another does.
        while isinstance(await trimmed(there, keep=7), Failed):
            pass
        for room in rooms:
            left = [f"{room} {number}" for number in range(53, 60)]
            for each in (here, there):
                found = await each.read(room)
                assert [entry.id for entry in found] == left
                assert [entry.prev for entry in found[1:]] == [entry.seq for entry in found[:-1]]
                assert found[0].prev > 0
        (outcome,) = await there.append(draft("next", room="room-0"))
        assert isinstance(outcome, Stored)
        told = here.observer.entries
        await until(lambda: told.get("room-0") == [outcome.entry], "what comes next")


def trimmed(node: Node, *, keep: int) -> asyncio.Future[int | Failed]:
    answer: asyncio.Future[int | Failed] = asyncio.get_running_loop().create_future()
    node.log.trim(before=0, keep=keep, done=answer.set_result)
    return answer


@pytest.mark.slow
@pytest.mark.real
async def test_ids_are_asked_about_while_a_leader_is_chosen_and_the_stream_goes_on(
    nats_cluster: NatsCluster,
) -> None:
    prefix = new_prefix()
    async with node(nats_cluster.urls, prefix, replicas=3) as here:
        leader = await asyncio.to_thread(nats_cluster.wait_for_stream, prefix)
        (before,) = await here.append(draft("before"))
        assert isinstance(before, Stored)
        await asyncio.to_thread(nats_cluster.kill, leader)
        stream = here.log._stream
        asked = range(20)
        known = await asyncio.gather(
            *(until_known(stream, message_id("alice", "before")) for _ in asked),
            *(until_known(stream, message_id("alice", f"never {number}")) for number in asked),
        )
        assert known == [before.entry.seq] * len(asked) + [None] * len(asked)
        (after,) = await here.append(draft("never 0"))
        assert isinstance(after, Stored)
        assert after.entry.prev == before.entry.seq


async def until_known(stream: Stream, id: str) -> int | None:
    """Asks for as long as there is no leader to answer."""
    deadline = asyncio.get_running_loop().time() + WITHIN
    while True:
        try:
            return await stream.stored_as(id)
        except LinkError:
            if asyncio.get_running_loop().time() > deadline:
                raise


async def talk(here: Node, number: int, *, drafts: int) -> list[Draft]:
    """Says something again and again, with some of it on its way at any time."""
    said = [draft(f"{number}-{count}") for count in range(drafts)]
    for start in range(0, drafts, 5):
        here.hand_over(*said[start : start + 5])
        await until(lambda: len(here.observer.waiting) < 50, "an outcome")
    return said
