import pytest
from tests.adapters.jetstream_nodes import (
    Node,
    nats_server,
    new_prefix,
    node,
    own_server,
    two,
    until,
)

from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Entry
from causerie.ports import Head, Stored
from causerie.testing.contracts import draft, private

__all__ = ["nats_server", "own_server", "two"]


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
    assert here.log._tails.in_room("~talk") == entries[1].seq
    await here.watch("~talk")
    here.log.unfollow("bob")
    await there.append(
        private("6", room="~talk"), private("7", room="~bob", identity="bob", peer="carol")
    )
    await there.append(private("8", room="~last", identity="carol", peer="alice"))
    await until(lambda: here.observer.told[-1].id == "8", "what is addressed")
    assert len(here.observer.told) == 4
    assert [entry.id for entry in here.observer.entries["~talk"]] == ["6"]


async def test_what_was_stored_while_the_end_of_a_room_was_looked_for_is_told(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("bob")
    await here.append(draft("the subscription is there"))
    watcher = here.log._watcher
    find_head = watcher._head

    async def find_head_late(room: str) -> Head:
        await there.append(private("1", room="~talk"))
        await until(lambda: here.log._tails.in_room("~talk") > 0, "the pointer")
        return await find_head(room)

    monkeypatch.setattr(watcher, "_head", find_head_late)
    head = await here.watch("~talk")
    assert head.id == "1"
    await there.append(private("2", room="~talk"))
    await until(lambda: "~talk" in here.observer.entries, "what follows the head")
    await until(lambda: bool(here.observer.told), "what is addressed")
    assert [entry.id for entry in here.observer.entries["~talk"]] == ["2"]
    assert [entry.id for entry in here.observer.told] == ["1"]


async def test_what_is_for_two_is_told_though_one_of_them_has_gone(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("alice")
    here.log.follow("bob")
    await here.append(draft("both subscriptions are there"))
    reader = here.log._reader
    entry_at = reader.entry_at

    async def entry_at_late(seq: int) -> Entry:
        here.log.unfollow("alice")
        return await entry_at(seq)

    monkeypatch.setattr(reader, "entry_at", entry_at_late)
    await there.append(private("1", room="~talk"))
    await until(lambda: bool(here.observer.told), "what is addressed")
    here.log.unfollow("bob")
    here.log.follow("carol")
    await there.append(private("2", room="~talk"), private("3", room="~other", peer="carol"))
    await until(lambda: len(here.observer.told) == 2, "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["1", "3"]


async def test_a_pointer_that_was_lost_is_found_by_comparing(nats_server: NatsServer) -> None:
    prefix = new_prefix()
    async with node(nats_server.url, prefix) as here, node(nats_server.url, prefix) as there:
        here.log.follow("bob")
        for interest in here.log._follower._interests.values():
            interest._told = lambda _message: None
        await there.append(private("1", room="~talk"), private("2", room="~talk"))
        await there.append(private("3", room="~other", identity="carol"))
        here.log._look.set()
        await until(lambda: len(here.observer.told) == 3, "what was lost")
        assert [entry.id for entry in here.observer.told] == ["1", "2", "3"]


async def test_what_was_said_before_somebody_is_followed_is_not_told(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    (before,) = await there.append(private("before", room="~talk"))
    assert isinstance(before, Stored)
    # This node has heard of it, by reading the room.
    await here.watch("~talk")
    here.log.unwatch("~talk")
    here.observer.at.pop("~talk")
    here.log.follow("bob")
    await there.append(private("after", room="~talk"))
    here.log._look.set()
    await until(lambda: not here.log._look.is_set(), "a comparison")
    await there.append(private("last", room="~talk"))
    await until(lambda: len(here.observer.told) >= 2, "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["after", "last"]
