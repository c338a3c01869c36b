import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.adapters.jetstream_nodes import (
    WITHIN,
    Node,
    hold_back,
    nats_server,
    new_prefix,
    node,
    old_leader,
    own_server,
    two,
    until,
)

from causerie.adapters import jetstream_follower
from causerie.adapters.jetstream_link import Message, Unanswered
from causerie.adapters.jetstream_stream import State
from causerie.adapters.jetstream_watcher import RECENT
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Entry
from causerie.ports import Failed, Head, Stored
from causerie.testing.contracts import draft, private

__all__ = ["nats_server", "own_server", "two"]


def lose_pointers(here: Node) -> None:
    """From now on, loses what is published of those who are followed."""
    for followed in here.log._follower._followed.values():
        followed.interest._told = lambda _message: None


def unwatch(here: Node, room: str) -> None:
    here.log.unwatch(room)
    here.observer.at.pop(room, None)


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
        await there.append(private("1", room="~talk"), private("2", room="~talk"))
        await until(lambda: here.log._tails.in_room("~talk") > 0, "the pointer")
        return await find_head(room)

    monkeypatch.setattr(watcher, "_head", find_head_late)
    told_by_then: list[str] = []
    head = await here.watch(
        "~talk", also=lambda _: told_by_then.extend(entry.id for entry in here.observer.told)
    )
    assert head.id == "2"
    assert told_by_then == ["1"]
    await there.append(private("3", room="~talk"))
    await until(lambda: "~talk" in here.observer.entries, "what follows the head")
    assert [entry.id for entry in here.observer.entries["~talk"]] == ["3"]
    assert [entry.id for entry in here.observer.told] == ["1"]


@pytest.mark.parametrize("before", [1, 2 * RECENT])
async def test_who_answers_before_a_pointer_has_come_is_told_of_all_before_the_answer(
    two: tuple[Node, Node], before: int
) -> None:
    here, there = two
    here.log.follow("bob")
    lose_pointers(here)
    await there.append(*(private(str(number), room="~talk") for number in range(before)))
    await here.watch("~talk")
    await here.append(private("answer", room="~talk", identity="bob", peer="alice"))
    await here.log._follower.compare()
    await here.append(draft("after that"))
    assert [entry.id for entry in here.observer.told] == ["0"]
    assert [entry.id for entry in here.observer.entries["~talk"]] == ["answer"]


async def test_what_a_room_still_owes_when_it_is_let_go_of_is_told(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("bob")
    lose_pointers(here)
    await there.append(private("1", room="~talk"))
    old_leader(here, monkeypatch, answers=1)
    assert (await here.watch("~talk")).seq == 0
    await here.log._follower.compare()
    assert here.observer.told == []
    unwatch(here, "~talk")
    await until(lambda: bool(here.observer.told), "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["1"]


async def test_what_was_let_through_and_not_told_when_its_room_is_let_go_of_is_told(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("bob")
    await here.watch("~talk")
    let_through = here.log._watcher._through

    def let_through_and_let_go(entries: Sequence[Entry]) -> None:
        let_through(entries)
        unwatch(here, "~talk")

    monkeypatch.setattr(here.log._watcher, "_through", let_through_and_let_go)
    await there.append(private("1", room="~talk"))
    await until(lambda: bool(here.observer.told), "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["1"]
    await here.append(draft("after that"))
    assert "~talk" not in here.observer.entries


async def test_who_finds_no_end_of_a_room_is_told_of_what_came_meanwhile(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("bob")
    await here.append(draft("the subscription is there"))

    async def find_none(room: str) -> Head:
        await there.append(private("1", room=room))
        await until(lambda: here.log._watcher._watches[room].pointed > 0, "the pointer")
        raise Unanswered("for a test")

    monkeypatch.setattr(here.log._watcher, "_head", find_none)
    heads: list[Head | Failed] = []
    here.log.watch("~talk", heads.append)
    await until(lambda: bool(here.observer.told), "what is addressed")
    assert heads == [Failed("for a test")]
    assert [entry.id for entry in here.observer.told] == ["1"]


async def test_a_room_of_which_it_is_forgotten_how_far_it_was_told_is_not_told_again(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_follower, "ROOMS", 1)
    here, there = two
    here.log.follow("bob")
    await here.append(draft("the subscription is there"))
    for number, room in enumerate(["~one", "~other", "~one"]):
        await there.append(private(str(number), room=room))
        await until(lambda expected=number + 1: len(here.observer.told) == expected, "an entry")  # type: ignore[misc]
    assert [entry.id for entry in here.observer.told] == ["0", "1", "2"]


async def test_of_public_rooms_nothing_is_remembered(two: tuple[Node, Node]) -> None:
    here, _ = two
    await here.append(draft("1"), private("2", room="~talk"))
    for room in ("room", "~talk"):
        await here.watch(room)
        unwatch(here, room)
    assert list(here.log._follower._told) == ["~talk"]


async def test_what_is_no_entry_keeps_nobody_from_theirs(two: tuple[Node, Node]) -> None:
    here, there = two
    here.log.follow("bob")
    await here.append(draft("the subscription is there"))
    subjects = here.log._stream.subjects
    await there.link.request(subjects.entry("~bad"), b"by a stranger", within=WITHIN)
    await there.link.request(subjects.pointer("bob", "~bad"), b"1", within=WITHIN)
    await there.append(private("1", room="~talk"))
    await until(lambda: bool(here.observer.told), "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["1"]


@pytest.mark.parametrize("payload", [b"", b"x", b"0", b"-1000000", b"1000000", b"1"])
async def test_what_is_no_pointer_keeps_nobody_from_theirs(
    two: tuple[Node, Node], payload: bytes
) -> None:
    here, there = two
    here.log.follow("bob")
    pointer = here.log._stream.subjects.pointer("bob", "~bad")
    for subject in (pointer, f"{pointer}0", f"{pointer}1"):
        await there.link.request(subject, payload, within=WITHIN)
    await here.log._follower.compare()
    await there.append(private("1", room="~talk"))
    await until(lambda: bool(here.observer.told), "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["1"]
    assert here.observer.failure is None


async def test_what_cannot_be_read_keeps_nobody_from_theirs(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_follower, "AGAIN_AFTER", 0.01)
    here, there = two
    here.log.follow("bob")
    await here.append(draft("the subscription is there"))
    reader = here.log._reader
    entry_at = reader.entry_at
    is_readable = False
    asked: list[int] = []

    async def entry_at_if_it_can_be_read(seq: int) -> Entry | None:
        asked.append(seq)
        if seq == asked[0] and not is_readable:
            raise Unanswered("for a test")
        return await entry_at(seq)

    monkeypatch.setattr(reader, "entry_at", entry_at_if_it_can_be_read)
    await there.append(private("1", room="~one"))
    await until(lambda: len(asked) > 1, "that it is tried again")
    await there.append(private("2", room="~two"))
    await until(lambda: bool(here.observer.told), "what is addressed")
    is_readable = True
    await until(lambda: len(here.observer.told) == 2, "what could not be read")
    assert [entry.id for entry in here.observer.told] == ["2", "1"]


async def test_what_is_for_two_is_told_though_one_of_them_has_gone(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("alice")
    here.log.follow("bob")
    await here.append(draft("both subscriptions are there"))
    reader = here.log._reader
    entry_at = reader.entry_at

    async def entry_at_late(seq: int) -> Entry | None:
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


async def test_who_goes_as_something_is_read_for_both_leaves_the_other_theirs(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("alice")
    lose_pointers(here)
    await there.append(private("1", room="~talk"))
    await here.append(draft("after that"))
    here.log.follow("bob")
    lose_pointers(here)
    await there.append(private("2", room="~talk"))
    follower = here.log._follower
    first_untold = follower.first_untold

    async def first_untold_and_gone(newest: Sequence[Entry]) -> Entry | None:
        first = await first_untold(newest)
        here.log.unfollow("alice")
        return first

    monkeypatch.setattr(follower, "first_untold", first_untold_and_gone)
    await here.watch("~talk")
    # Bob was not here when it was said; whoever is told of it hears what follows.
    assert [entry.id for entry in here.observer.told] == ["1"]


async def test_a_pointer_that_was_lost_is_found_by_comparing(nats_server: NatsServer) -> None:
    prefix = new_prefix()
    async with node(nats_server.url, prefix) as here, node(nats_server.url, prefix) as there:
        here.log.follow("bob")
        lose_pointers(here)
        await there.append(private("1", room="~talk"), private("2", room="~talk"))
        await there.append(private("3", room="~other", identity="carol"))
        here.log._look.set()
        await until(lambda: len(here.observer.told) == 2, "what was lost")
        # Who is told of the first of a conversation hears the others.
        assert [entry.id for entry in here.observer.told] == ["1", "3"]


async def test_to_compare_takes_no_longer_the_more_was_said(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    names = [f"user-{number}" for number in range(50)]
    for name in names:
        here.log.follow(name)
    lose_pointers(here)
    for number in range(4):
        await there.append(
            *(private(f"{number}-{name}", room=f"~{name}", peer=name) for name in names)
        )
    asked: list[str] = []
    gather = here.link.gather

    async def counted(subject: str, *args: Any, **keywords: Any) -> list[Message]:
        asked.append(subject)
        return await gather(subject, *args, **keywords)

    monkeypatch.setattr(here.link, "gather", counted)
    monkeypatch.setattr(here.log._follower, "_look_at", lambda _room, _seq: None)
    await here.log._follower.compare()
    assert len(asked) == 2


async def test_who_is_followed_while_pointers_are_compared_is_compared_the_next_time(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("alice")
    stream = here.log._stream
    state = stream.state

    async def state_as_somebody_comes() -> State:
        here.log.follow("bob")
        lose_pointers(here)
        await there.append(private("1", room="~talk", identity="carol"))
        return await state()

    monkeypatch.setattr(stream, "state", state_as_somebody_comes)
    await here.log._follower.compare()
    monkeypatch.setattr(stream, "state", state)
    await here.log._follower.compare()
    await until(lambda: bool(here.observer.told), "what was lost")
    assert [entry.id for entry in here.observer.told] == ["1"]


async def test_what_was_said_before_somebody_is_followed_is_not_told(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    (before,) = await there.append(private("before", room="~talk"))
    assert isinstance(before, Stored)
    # This node has heard of it, by reading the room.
    await here.watch("~talk")
    unwatch(here, "~talk")
    here.log.follow("bob")
    await there.append(private("after", room="~talk"))
    here.log._look.set()
    await until(lambda: not here.log._look.is_set(), "a comparison")
    await there.append(private("last", room="~talk"))
    await until(lambda: len(here.observer.told) >= 2, "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["after", "last"]


async def test_who_comes_is_not_told_of_what_was_said_before_they_were_here(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    await there.append(private("before", room="~talk"))
    here.log.follow("bob")
    await here.log.arrive("bob")
    await there.append(private("after", room="~talk"))
    await until(lambda: bool(here.observer.told), "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["after"]


async def test_who_comes_with_another_device_misses_nothing(two: tuple[Node, Node]) -> None:
    here, there = two
    here.log.follow("bob")
    await here.log.arrive("bob")
    lose_pointers(here)
    await there.append(private("1", room="~talk"))
    await here.log.arrive("bob")
    await here.log._follower.compare()
    await until(lambda: bool(here.observer.told), "what was lost")
    assert [entry.id for entry in here.observer.told] == ["1"]


async def test_who_comes_is_let_in_though_nats_does_not_tell_how_far_the_stream_has_come(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    asked: list[float] = []

    async def state(within: float) -> State:
        asked.append(within)
        await asyncio.sleep(0)
        raise Unanswered("it is busy")

    monkeypatch.setattr(here.log._stream, "state", state)
    here.log.follow("bob")
    await asyncio.gather(*(here.log.arrive("bob") for _ in range(100)))
    assert asked == [1.0], "all who come at once share the answer"


async def test_who_comes_after_nats_was_asked_has_it_asked_again(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    state = hold_back(here.log._stream, "state", monkeypatch)
    first = asyncio.create_task(here.log.arrive("carol"))
    await until(lambda: bool(state.answers), "an answer")
    await there.append(private("before", room="~talk"))
    here.log.follow("bob")
    second = asyncio.create_task(here.log.arrive("bob"))
    state.may_come.set()
    await asyncio.gather(first, second)
    await here.watch("~talk")
    assert here.observer.told == []
