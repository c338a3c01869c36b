"""The streams of a chat are made together, found together, and stay as many."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.jetstream_nodes import WITHIN, link, nats_server, new_prefix

from causerie.adapters.jetstream_link import Link, Unanswered
from causerie.adapters.jetstream_stream import Stream, StreamError, Unmade
from causerie.adapters.jetstream_streams import (
    Incomplete,
    Opened,
    OtherCount,
    find_streams,
    open_streams,
    partition,
)
from causerie.adapters.jetstream_subjects import Subjects

__all__ = ["link", "nats_server"]


async def opened(link: Link, prefix: str, count: int = 0) -> Sequence[Opened]:
    return await open_streams(link, prefix, count=count, replicas=1, window=120.0)


async def delete(link: Link, name: str) -> None:
    answer = await link.request(f"$JS.API.STREAM.DELETE.{name}", within=WITHIN)
    assert json.loads(answer.payload)["success"]


def names(found: Sequence[Opened]) -> list[str]:
    return [each.stream.subjects.stream for each in found]


def test_a_room_stays_in_its_stream_for_ever() -> None:
    rooms = ("lobby", "jardin d’hiver", "房间", "~4f2a", "\ud800")
    assert [partition(room, 3) for room in rooms] == [1, 2, 1, 2, 2]
    assert [partition(room, 64) for room in rooms] == [54, 59, 38, 3, 40]


@given(st.text(), st.integers(1, 64))
def test_a_room_is_in_one_of_the_streams(room: str, count: int) -> None:
    assert 0 <= partition(room, count) < count


def test_rooms_are_divided_evenly() -> None:
    chance = Random(1)
    share = Counter(partition(f"room {chance.random()}", 8) for _ in range(8_000))
    assert min(share.values()) > 850
    assert max(share.values()) < 1_150


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_they_are_of_one_epoch_and_found_again(link: Link, count: int) -> None:
    prefix = new_prefix()
    made = await opened(link, prefix, count)
    assert names(made) == [prefix, f"{prefix}-2", f"{prefix}-3"][: count or 1]
    assert {each.state.epoch for each in made} == {made[0].state.epoch}
    for again in (0, count):
        found = await opened(link, prefix, again)
        assert [each.state for each in found] == [each.state for each in made]
    assert names(await find_streams(link, prefix)) == names(made)


async def test_there_are_as_many_as_at_first(link: Link) -> None:
    prefix = new_prefix()
    await opened(link, prefix, 2)
    for other in (1, 3):
        with pytest.raises(OtherCount, match="has 2 streams") as refused:
            await opened(link, prefix, other)
        assert refused.value.count == 2


async def test_a_chat_of_which_nothing_is_there_is_not_found(link: Link) -> None:
    prefix = new_prefix()
    with pytest.raises(Unmade, match=f"the stream {prefix} cannot be used: stream not found"):
        await find_streams(link, prefix)


async def test_those_who_make_them_at_once_make_the_same(link: Link) -> None:
    for _ in range(20):
        prefix = new_prefix()
        one, other = await asyncio.gather(opened(link, prefix, 3), opened(link, prefix, 3))
        assert [each.state.epoch for each in one] == [each.state.epoch for each in other]


async def test_of_those_who_make_them_at_once_one_count_wins(link: Link) -> None:
    prefix = new_prefix()
    found = await asyncio.gather(
        opened(link, prefix, 1), opened(link, prefix, 2), return_exceptions=True
    )
    refused = [each for each in found if isinstance(each, StreamError)]
    assert len(refused) == 1
    assert len(await opened(link, prefix)) in (1, 2)


async def test_who_was_lost_while_making_them_is_gone_on_with(link: Link) -> None:
    prefix = new_prefix()
    last = Stream(link, Subjects(f"{prefix}-3"))
    await last.open(epoch="first", streams=3, replicas=1, window=120.0, within=WITHIN)
    with pytest.raises(Unmade):
        await find_streams(link, prefix)
    made = await opened(link, prefix, 3)
    assert {each.state.epoch for each in made} == {"first"}


async def test_what_was_made_and_not_begun_is_begun(link: Link) -> None:
    prefix = new_prefix()
    stream = Stream(link, Subjects(prefix))

    async def is_lost() -> None:
        raise Unanswered("the server was killed")

    stream._begin = is_lost  # type: ignore[method-assign]
    with pytest.raises(Unanswered):
        await stream.open(epoch="first", replicas=1, window=120.0, within=0.01)
    (found,) = await opened(link, prefix)
    # A stream without its first message answers no such question.
    assert await found.stream.last([found.stream.subjects.entry("room")]) == {}
    assert (await opened(link, prefix))[0].state == ("first", 1, 1)


async def test_a_chat_without_one_of_them_is_refused_and_none_is_made_anew(link: Link) -> None:
    prefix = new_prefix()
    await opened(link, prefix, 3)
    await delete(link, f"{prefix}-2")
    for count in (0, 3):
        with pytest.raises(StreamError, match=rf"{prefix}-2, a part of the chat, is not there"):
            await opened(link, prefix, count)
    with pytest.raises(Unmade):
        await Stream(link, Subjects(f"{prefix}-2")).state()


async def test_a_chat_whose_first_stream_is_lost_does_not_begin_anew(link: Link) -> None:
    prefix = new_prefix()
    made = await opened(link, prefix, 3)
    subject = made[2].stream.subjects.entry("room")
    await link.request(subject, b"something that was said", within=WITHIN)
    for lost in (prefix, f"{prefix}-2"):
        await delete(link, lost)
        for count in (0, 1, 2, 3):
            with pytest.raises(Incomplete, match=rf"{prefix}, a part of the chat, is not there"):
                await opened(link, prefix, count)
        with pytest.raises(Incomplete):
            await find_streams(link, prefix)
        with pytest.raises(Unmade):
            await made[0].stream.state()


async def test_what_was_said_while_the_first_stream_was_looked_for_is_no_loss(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = new_prefix()

    async def make_at_once(stream: Stream, within: float) -> list[str]:
        monkeypatch.undo()
        made = await opened(link, prefix, 3)
        await link.request(made[1].stream.subjects.entry("room"), b"said", within=WITHIN)
        return await stream.beside(within)

    monkeypatch.setattr(Stream, "beside", make_at_once)
    assert len(await find_streams(link, prefix)) == 3


async def test_a_chat_that_was_made_in_part_is_made_of_as_many_as_it_was_to_have(
    link: Link,
) -> None:
    prefix = new_prefix()
    for number in (3, 2):
        part = Stream(link, Subjects(f"{prefix}-{number}"))
        await part.open(epoch="first", streams=3, replicas=1, window=120.0, within=WITHIN)
    for other in (1, 2, 4):
        with pytest.raises(OtherCount, match="has 3 streams"):
            await opened(link, prefix, other)
    made = await opened(link, prefix)
    assert [each.state.epoch for each in made] == ["first"] * 3


@pytest.mark.parametrize(("count", "other", "number"), [(0, 1, 1), (3, 1, 1), (3, 2, 2)])
async def test_who_makes_another_number_at_once_is_told_which_there_is(
    link: Link, monkeypatch: pytest.MonkeyPatch, count: int, other: int, number: int
) -> None:
    prefix = new_prefix()
    beside = Stream.beside

    async def make_other(stream: Stream, within: float) -> list[str]:
        there = await beside(stream, within)
        name = prefix if number == 1 else f"{prefix}-{number}"
        await Stream(link, Subjects(name)).open(
            epoch="other", streams=other, replicas=1, window=120.0, within=WITHIN
        )
        return there

    monkeypatch.setattr(Stream, "beside", make_other)
    if not count:
        assert len(await opened(link, prefix)) == other
        return
    with pytest.raises(OtherCount) as refused:
        await opened(link, prefix, count)
    assert refused.value.count == other


async def test_a_stream_of_another_chat_is_refused(link: Link) -> None:
    prefix = new_prefix()
    await opened(link, prefix, 2)
    await delete(link, f"{prefix}-2")
    other = Stream(link, Subjects(f"{prefix}-2"))
    await other.open(epoch="another", streams=2, replicas=1, window=120.0, within=WITHIN)
    with pytest.raises(Incomplete, match=rf"{prefix}-2 is a part of another chat"):
        await opened(link, prefix)


async def test_a_chat_of_another_name_is_in_nobodys_way(link: Link) -> None:
    prefix = new_prefix()
    for name in (f"{prefix}-9", f"{prefix}-3"):
        created = f"$JS.API.STREAM.CREATE.{name}"
        config = {"name": name, "subjects": [f"{name}.log.begin"]}
        await link.request(created, json.dumps(config).encode(), within=WITHIN)
    await opened(link, f"{prefix}-x", 2)
    await opened(link, f"{prefix}-2", 1)  # a chat of its own, with one stream
    assert len(await opened(link, prefix)) == 1


async def test_a_chat_that_was_made_before_there_could_be_several_has_one(link: Link) -> None:
    prefix = new_prefix()
    config = {
        "name": prefix,
        "subjects": Subjects(prefix).stored,
        "allow_atomic": True,
        "allow_direct": True,
        "republish": {"src": f"{prefix}.log.>", "dest": f"{prefix}.live.>"},
        "metadata": {"causerie.epoch": "old"},
    }
    await link.request(
        f"$JS.API.STREAM.CREATE.{prefix}", json.dumps(config).encode(), within=WITHIN
    )
    (found,) = await opened(link, prefix)
    assert found.state == ("old", 0, 1)
    with pytest.raises(OtherCount, match="has 1 stream"):
        await opened(link, prefix, 2)
