import asyncio
from contextlib import AsyncExitStack

import msgspec
import pytest
from structlog.testing import capture_logs
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

from causerie.adapters import jetstream_watcher
from causerie.adapters.jetstream_client import Unanswered
from causerie.adapters.jetstream_reader import GREATEST
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Entry
from causerie.ports import Failed, Head, Stored
from causerie.testing.contracts import draft, private

__all__ = ["nats_server", "own_server", "two"]


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
    here.lose(lambda _message: False)
    await there.append(draft("last"))
    entries = await there.read()
    assert len(entries) == 36
    await until(lambda: here.observer.entries.get("room") == entries, "all that was lost")


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {"Nats-Msg-Id": "x"},
        {"Nats-Sequence": "1"},
        {"Nats-Sequence": "", "Nats-Last-Sequence": "0"},
        {"Nats-Sequence": "1", "Nats-Last-Sequence": "é"},
        {"Nats-Sequence": "1", "Nats-Last-Sequence": "0"},
    ],
)
async def test_what_is_published_there_and_is_no_entry_is_passed_over(
    two: tuple[Node, Node], headers: dict[str, str] | None
) -> None:
    here, there = two
    await here.watch("room")
    subject = here.log._stream.subjects.live_entry("room")
    with capture_logs() as logs:
        there.link.publish(subject, b"no entry", headers=headers)
        await there.append(draft("1"))
        await until(lambda: "room" in here.observer.entries, "the entry")
    assert [log["event"] for log in logs] == ["a message could not be taken"]
    assert here.observer.entries["room"] == await there.read()


@pytest.mark.slow
async def test_the_loss_of_the_newest_is_found_by_comparing_heads(nats_server: NatsServer) -> None:
    prefix = new_prefix()
    async with (
        node(nats_server.url, prefix, compare_every=0.1) as here,
        node(nats_server.url, prefix) as there,
    ):
        await here.watch("room")
        await here.watch("quiet")
        here.lose(lambda _message: True)
        await there.append(draft("1"), draft("2"), draft("3", room="not watched"))
        entries = await there.read()
        await until(lambda: here.observer.entries.get("room") == entries, "what nothing betrayed")
        assert "quiet" not in here.observer.entries


async def test_who_wants_a_room_no_longer_when_its_head_comes_is_told_nothing_of_it(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    watcher = here.log._watcher
    find_head = watcher._head

    async def find_head_early(room: str) -> Head:
        head = await find_head(room)
        await there.append(draft("1"))
        await until(lambda: bool(watcher._watches[room].chain._held), "what follows the head")
        return head

    monkeypatch.setattr(watcher, "_head", find_head_early)
    heads: list[Head | Failed] = []

    def done(head: Head | Failed) -> None:
        heads.append(head)
        here.log.unwatch("room")

    here.log.watch("room", done)
    await until(lambda: bool(heads), "the head")
    await here.append(draft("2", room="other"))
    assert [commit.entries for commit in here.observer.commits] == [[]]


async def test_what_a_leader_that_was_cut_off_does_not_know_is_found_by_comparing(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await there.append(draft("1"))
    watcher = here.log._watcher
    await watcher.compare()  # all that there is, before the room is watched
    old_leader(here, monkeypatch, answers=1)
    assert (await here.watch("room")).seq == 0
    await watcher.compare()
    await until(lambda: "room" in here.observer.entries, "what the leader did not know")
    assert here.observer.entries["room"] == await there.read()


async def test_a_leader_that_knows_less_than_the_node_is_asked_again(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    (outcome,) = await there.append(draft("1"))
    assert isinstance(outcome, Stored)
    here.log._tails.note("room", outcome.entry.seq, 0)
    old_leader(here, monkeypatch, answers=2)
    assert (await here.watch("room")).seq == outcome.entry.seq
    old_leader(here, monkeypatch, answers=1_000_000)
    monkeypatch.setattr(jetstream_watcher, "READ_WITHIN", 0.05)
    told: list[object] = []
    here.log.watch("room", told.append)
    await until(lambda: bool(told), "an answer")
    assert told == [Failed("the leader lags behind")]


async def test_who_watches_a_room_twice_is_told_what_follows_the_one_head_that_is_found(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await there.append(draft("1"))
    watcher = here.log._watcher
    find_head, may_find = watcher._head, asyncio.Event()
    faults = [Unanswered("it is away")]

    async def found_the_second_time(room: str) -> Head:
        if faults:
            raise faults.pop()
        await may_find.wait()
        return await find_head(room)

    monkeypatch.setattr(watcher, "_head", found_the_second_time)
    told: list[Head | Failed] = []
    for _ in range(2):
        here.log.watch("room", told.append)
    await until(lambda: bool(told), "the first answer")
    may_find.set()
    await until(lambda: len(told) == 2, "the second")
    failed, head = told
    assert failed == Failed("it is away")
    assert isinstance(head, Head)
    here.observer.at["room"] = head.seq
    await there.append(draft("2"))
    await until(lambda: "room" in here.observer.entries, "what follows")
    assert [entry.id for entry in here.observer.entries["room"]] == ["2"]


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


async def test_a_node_hears_nothing_of_a_room_that_it_does_not_watch(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    await here.watch("room")
    await here.watch("other")
    here.log.unwatch("other")
    here.observer.at.pop("other")
    await here.append(draft("first"))
    before = here.heard
    for number in range(20):
        await there.append(draft(f"{number}", room="other"), private(f"p{number}", room="~talk"))
    await there.append(draft("last"))
    await until(lambda: here.observer.entries["room"][-1].id == "last", "what is watched")
    assert here.heard - before == 1


async def test_a_room_watched_again_and_again_is_told_without_a_break(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    for turn in range(15):
        for number in range(turn % 3 + 1):
            here.hand_over(draft(f"here {turn}-{number}"))
            there.hand_over(draft(f"there {turn}-{number}"))
        # The recorder checks that what follows on either head is what stands after it.
        watches = [asyncio.create_task(here.watch("room")) for _ in range(3)]
        await asyncio.gather(*watches)
        if turn % 5 == 4:
            here.log.unwatch("room")
            here.observer.at.pop("room")
    await here.settle()
    await there.settle()
    await here.watch("room")
    await there.append(draft("last"))
    await until(lambda: here.observer.entries["room"][-1].id == "last", "the last")


async def test_the_outcome_of_a_draft_waits_for_what_stands_before_its_entry(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await here.watch("room")
    here.lose(lambda _message: True)
    read = here.log._reader.read
    is_read = asyncio.Event()

    async def read_late(room: str, *, after: int, upto: int, limit: int) -> list[Entry]:
        await is_read.wait()
        return await read(room, after=after, upto=upto, limit=limit)

    monkeypatch.setattr(here.log._reader, "read", read_late)
    await there.append(draft("1"))
    here.hand_over(draft("2"), draft("3", room="let go of"))
    await until(lambda: here.log._watcher._watches["room"].chain.gap() is not None, "a gap")
    assert len(here.observer.waiting) == 2
    is_read.set()
    # The recorder checks that no outcome comes before its entry.
    await here.settle()
    assert [entry.id for entry in here.observer.entries["room"]] == ["1", "2"]


async def test_what_is_no_entry_behind_what_was_removed_ends_nothing(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    await here.watch("room")
    (watch,) = here.log._watcher._watches.values()

    async def removed(_room: str, *, after: int, upto: int, limit: int) -> list[Entry]:
        del after, limit
        if upto < GREATEST:
            return []
        raise msgspec.DecodeError("for a test")

    monkeypatch.setattr(here.log._reader, "read", removed)
    watch.chain.note(1_000)
    here.log._watcher._let(watch, ())
    await until(lambda: watch.is_unreadable, "the end of the room")
    assert here.observer.failure is None


async def test_an_outcome_waits_no_longer_when_nobody_wants_its_entry(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await here.watch("room")
    here.lose(lambda _message: True)
    monkeypatch.setattr(jetstream_watcher, "GAP_AFTER", WITHIN)
    await there.append(draft("1"))
    here.hand_over(draft("2"))
    await until(lambda: here.log._watcher._watches["room"].chain.gap() is not None, "a gap")
    assert here.observer.waiting
    here.log.unwatch("room")
    here.observer.at.pop("room")
    await here.settle()


async def test_what_is_read_as_the_room_is_let_go_of_is_not_told(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await here.watch("room")
    here.lose(lambda message: b'"1"' in message.payload)
    read = hold_back(here.log._reader, "read", monkeypatch)
    await there.append(draft("1"), draft("2"))
    await until(lambda: bool(read.answers), "what was missing")
    assert read.answers[0]
    read.may_come.set()
    here.log.unwatch("room")
    here.observer.at.pop("room")
    monkeypatch.undo()
    await here.append(draft("3", room="other"))
    assert not [commit for commit in here.observer.commits if commit.entries]


async def test_what_is_no_entry_is_not_passed_over(two: tuple[Node, Node]) -> None:
    here, there = two
    await here.watch("room")
    await here.watch("other")
    await here.link.request(
        here.log._stream.subjects.entry("room"), b"by a stranger", within=WITHIN
    )
    await there.append(draft("1"), draft("2", room="other"))
    await until(lambda: "other" in here.observer.entries, "another room")
    assert "room" not in here.observer.entries
    with pytest.raises(AssertionError, match="Failed"):
        await here.read()
    # What is said there is stored nevertheless, and its author learns of that.
    del here.observer.at["room"]
    assert isinstance((await here.append(draft("3")))[0], Stored)
