"""Removing the oldest entries in NATS: the contract, many nodes at it, and NATS that fails."""

import asyncio
import json
from typing import Any

import pytest
from tests.adapters.jetstream_nodes import Node, hold_up, nats_server, new_prefix, node, two, until
from tests.adapters.jetstream_storage import OnNats

from causerie.adapters import jetstream_trimmer
from causerie.adapters.jetstream_link import Message, Unanswered
from causerie.adapters.jetstream_stream import PAGE
from causerie.adapters.nats_server import NatsServer
from causerie.ports import Failed
from causerie.testing.contracts import draft, private
from causerie.testing.contracts_trimming import TrimmingContract

__all__ = ["nats_server", "two"]


class TestTrimming(OnNats, TrimmingContract): ...


class TestTrimmingInSmallSlices(OnNats, TrimmingContract):
    @pytest.fixture(autouse=True)
    def _slices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jetstream_trimmer, "AT_ONCE", 3)
        monkeypatch.setattr(jetstream_trimmer, "APART", 2)
        monkeypatch.setattr(jetstream_trimmer, "PAGE", 2)


async def trim(node: Node, *, keep: int = 0, before: int = 0) -> int | Failed:
    answer: asyncio.Future[int | Failed] = asyncio.get_running_loop().create_future()
    node.log.trim(before=before, keep=keep, done=answer.set_result)
    return await answer


async def subjects(node: Node) -> dict[str, int]:
    """How many messages there are of each subject, by what comes after the prefix."""
    stream = node.log._stream
    told = await node.link.request(
        stream._info, json.dumps({"subjects_filter": ">"}).encode(), within=5.0
    )
    counts: dict[str, int] = json.loads(told.payload)["state"]["subjects"]
    return {subject.partition(".log.")[2]: count for subject, count in counts.items()}


async def test_pointers_to_private_entries_go_with_them(two: tuple[Node, Node]) -> None:
    here, there = two
    for _ in range(3):
        talks = [private(f"{number}-{_}", room="~talk") for number in range(10)]
        await here.append(*talks, *(draft(f"{number}-{_}", identity="bob") for number in range(10)))
        await trim(here, keep=4)
        counts = await subjects(there)
        notes = [count for subject, count in counts.items() if ".trimmed." in subject]
        pointers = [
            count
            for subject, count in counts.items()
            if subject.startswith("i.") and ".trimmed." not in subject
        ]
        assert notes == [1, 1], "of each room one says how far it is trimmed"
        assert pointers == [4, 4], "for each of the two"
        assert counts["begin"] == 1


async def test_nodes_that_trim_at_once_leave_what_one_would_have(two: tuple[Node, Node]) -> None:
    here, there = two
    rooms = [f"room-{number}" for number in range(20)]
    drafts = [draft(f"{room} {number}", room=room) for number in range(30) for room in rooms]
    await here.append(*drafts)
    removed = await asyncio.gather(*(trim(each, keep=7) for each in (here, there, here, there)))
    assert sum(one for one in removed if isinstance(one, int)) == 20 * 23
    for room in rooms:
        found = await there.read(room)
        assert [entry.id for entry in found] == [f"{room} {number}" for number in range(23, 30)]
        assert (await here.read(room)) == found
        assert found[0].prev > 0


async def test_a_room_of_more_than_a_page_is_trimmed_to_the_entry(two: tuple[Node, Node]) -> None:
    here, there = two
    count = 2 * PAGE + 50
    await here.append(*(draft(f"{number}") for number in range(count)))
    assert await trim(there, keep=30) == count - 30
    assert [entry.id for entry in await here.read()] == [f"{n}" for n in range(count - 30, count)]


async def test_what_is_not_answered_is_made_again(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    await here.append(*(draft(f"{number}") for number in range(20)))
    request = here.link.request
    lost: list[tuple[Any, ...]] = []

    async def loses_each_first(*asked: Any, **keywords: Any) -> Message:
        answer = await request(*asked, **keywords)
        if ("PURGE" in asked[0] or ".trimmed." in asked[0]) and asked not in lost:
            lost.append(asked)
            raise Unanswered("the answer was lost")
        return answer

    monkeypatch.setattr(here.link, "request", loses_each_first)
    assert await trim(here, keep=5) == 0, "how many it was is lost as well"
    assert len(lost) == 3
    assert [entry.id for entry in await here.read()] == ["15", "16", "17", "18", "19"]


@pytest.mark.parametrize("stops_at", ["PURGE", ".trimmed."])
async def test_where_nats_refuses_the_next_call_does_what_is_left(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch, stops_at: str
) -> None:
    here, there = two
    await here.append(*(private(f"{number}", room="~talk") for number in range(20)))
    request = here.link.request

    async def refuses(subject: str, *rest: Any, **keywords: Any) -> Message:
        if stops_at in subject:
            error = {"error": {"code": 400, "err_code": 1, "description": "not now"}}
            return Message(subject, json.dumps(error).encode(), b"")
        return await request(subject, *rest, **keywords)

    monkeypatch.setattr(here.link, "request", refuses)
    monkeypatch.setattr("causerie.adapters.jetstream_stream.READ_WITHIN", 0.1)
    assert isinstance(await trim(here, keep=5), Failed)
    assert len(await there.read("~talk")) == 20
    assert await trim(there, keep=5) == 15
    assert len(await here.read("~talk")) == 5


async def test_what_another_node_has_said_meanwhile_is_not_too_much_yet(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await here.append(*(draft(f"{number}") for number in range(20)))
    counts = here.log._stream.counts

    async def counted_late() -> dict[str, int]:
        known = await counts()
        # Another has removed most, and said more, since they were counted.
        await trim(there, keep=5)
        await there.append(draft("more"))
        return known

    monkeypatch.setattr(here.log._stream, "counts", counted_late)
    await trim(here, keep=5)
    assert [entry.id for entry in await here.read()] == ["16", "17", "18", "19", "more"]


# Those who read and watch meanwhile.


async def test_a_node_that_has_missed_what_is_gone_goes_on_and_shows_the_hole(
    nats_server: NatsServer,
) -> None:
    prefix = new_prefix()
    async with (
        node(nats_server.url, prefix, compare_every=0.1) as here,
        node(nats_server.url, prefix) as there,
    ):
        await there.append(*(draft(f"{number}") for number in range(5)))
        head = await here.watch("room")
        here.lose(lambda _message: True)
        await there.append(*(draft(f"lost {number}") for number in range(10)))
        await trim(there, keep=3)
        left = await there.read()
        told = here.observer.entries.setdefault("room", [])
        here.observer.at["room"] = left[0].prev  # what it is told first names one that is gone
        assert left[0].prev > head.seq
        here.lose(lambda _message: False)
        await until(lambda: told == left, "what is left")
        await there.append(draft("next"))
        await until(lambda: len(told) == 4, "what comes next")


async def test_what_waits_for_something_that_is_gone_is_told(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await there.append(draft("first"))
    await here.watch("room")
    may_read = hold_up(here.log._reader, "read", monkeypatch)
    here.lose(lambda _message: True)
    await there.append(*(draft(f"lost {number}") for number in range(10)))
    here.lose(lambda _message: False)
    await there.append(draft("last"))
    await until(lambda: here.log._watcher._watches["room"].chain.gap() is not None, "a gap")
    assert await trim(there, keep=1) == 11
    (last,) = await there.read()
    here.observer.at["room"] = last.prev
    may_read.set()
    await until(lambda: here.observer.entries.get("room") == [last], "what has waited")


async def test_who_is_pointed_to_what_is_gone_is_told_of_what_is_left(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    here.log.follow("bob")
    await here.append(draft("the subscription is there"))
    may_read = hold_up(here.log._reader, "entry_at", monkeypatch)
    await there.append(*(private(f"{number}", room="~talk") for number in range(10)))
    await until(lambda: len(here.log._follower._pointed) == 10, "the pointers")
    await trim(there, keep=2)
    may_read.set()
    await until(lambda: len(here.observer.told) == 2, "what is addressed")
    assert [entry.id for entry in here.observer.told] == ["8", "9"]


@pytest.mark.parametrize("upto", [100, 298, 300])
async def test_a_read_in_the_middle_of_which_a_room_is_trimmed_finds_what_is_left(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch, upto: int
) -> None:
    here, there = two
    await there.append(*(draft(f"{number}") for number in range(301)))
    entries = await there.read()
    reader = here.log._reader
    for look in ("_rank", "_forward"):
        keep = 100
        ask = getattr(reader, look)

        async def trimmed_then(*arguments: Any, _ask: Any = ask, **keywords: Any) -> Any:
            nonlocal keep
            keep = max(1, keep - 33)
            await trim(there, keep=keep)
            return await _ask(*arguments, **keywords)

        monkeypatch.setattr(reader, look, trimmed_then)
        found = await reader.read_back("room", before=entries[upto].seq, limit=50)
        assert found in ([], entries[upto - len(found) : upto])
        located = await reader.locate(
            "room", seq=1, id="?", epoch=reader._epoch, upto=entries[upto].seq, limit=50
        )
        assert located.recovered == "none"
        after = await reader.locate_time("room", timestamp=0, upto=entries[upto].seq, limit=50)
        assert entries[max(0, upto - 50)].prev <= after
        said = await reader.find_in("room", "alice", f"{upto}", since=1)
        assert said in (None, entries[upto])
        monkeypatch.setattr(reader, look, ask)
    assert await reader.find_in("room", "alice", "300", since=1) == entries[300]


@pytest.mark.parametrize("keep", [40, 11, 1])
@pytest.mark.parametrize("is_back", [False, True])
async def test_of_a_read_whose_beginning_is_removed_meanwhile_the_first_names_what_is_gone(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch, keep: int, *, is_back: bool
) -> None:
    here, there = two
    await there.append(*(draft(f"{number}") for number in range(101)))
    entries = await there.read()
    reader = here.log._reader
    forward = reader._forward

    async def trimmed_then(*arguments: Any, **keywords: Any) -> Any:
        await trim(there, keep=keep)
        return await forward(*arguments, **keywords)

    monkeypatch.setattr(reader, "_forward", trimmed_then)
    first, last = entries[51], entries[-1]
    found = (
        await reader.read_back("room", before=last.seq + 1, limit=50)
        if is_back
        else await reader.read("room", after=first.prev, upto=last.seq, limit=50)
    )
    assert found == entries[-keep:]
    assert found[0].prev > first.prev


async def test_a_node_that_has_missed_a_part_of_what_is_gone_shows_the_hole_though_it_reads_then(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await there.append(draft("first"))
    head = await here.watch("room")
    here.lose(lambda _message: True)
    await there.append(*(draft(f"lost {number}") for number in range(10)))
    here.lose(lambda _message: False)
    entries = await there.read()
    reader = here.log._reader
    forward = reader._forward

    async def trimmed_then(*arguments: Any, **keywords: Any) -> Any:
        await trim(there, keep=4)
        return await forward(*arguments, **keywords)

    monkeypatch.setattr(reader, "_forward", trimmed_then)
    here.observer.at["room"] = entries[-3].prev  # what it is told first names one that is gone
    assert entries[-3].prev > head.seq
    await there.append(draft("last"))
    await until(lambda: len(here.observer.entries.get("room", ())) == 4, "what is left")
    assert here.observer.entries["room"] == await there.read()
