"""Values in real buckets."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.jetstream_nodes import hold_back, own_server, until, until_answered
from tests.support.nats import nats_server

from causerie.adapters import jetstream_values
from causerie.adapters.jetstream_link import Link, Message
from causerie.adapters.jetstream_names import AwayError, Change, Value
from causerie.adapters.jetstream_values import AT_ONCE, Values
from causerie.adapters.nats_server import NatsServer

__all__ = ["nats_server", "own_server"]


@pytest.fixture
async def link(nats_server: NatsServer) -> AsyncIterator[Link]:
    link = Link([nats_server.url], name="test")
    await link.open(5)
    yield link
    await link.close()


@pytest.fixture
async def values(link: Link) -> Values:
    values = Values(link, f"test-{secrets.token_hex(8)}")
    assert await values.create("names", replicas=1) == 0
    return values


async def test_what_is_written_is_read(values: Values) -> None:
    assert await values.read(["names.a"]) == {"names.a": Value(b"", 0)}
    assert await values.write([Change("names.a", b"1", 0)]) == 1
    assert await values.write([Change("names.a", b"2", 1), Change("names.b", b"3", 0)]) == 3
    read = await values.read(["names.b", "names.a", "names.b"])
    assert read == {"names.a": Value(b"2", 2), "names.b": Value(b"3", 3)}


async def test_changes_are_made_together_or_not_at_all(values: Values) -> None:
    await values.write([Change("names.a", b"1", 0)])
    for changes in (
        [Change("names.a", b"2", 0)],
        [Change("names.a", b"2", 0), Change("names.b", b"2", 0)],
        [Change("names.b", b"2", 0), Change("names.a", b"2", 0)],
        [Change("names.b", b"2", 7), Change("names.a", b"2", 1)],
    ):
        assert await values.write(changes) == 0
    assert await values.read(["names.a", "names.b"]) == {
        "names.a": Value(b"1", 1),
        "names.b": Value(b"", 0),
    }


async def test_what_is_gone_can_be_replaced_by_who_knows_that(values: Values) -> None:
    await values.write([Change("names.a", b"1", 0), Change("names.b", b"1", 0)])
    assert await values.write([Change("names.a", b"", 1)]) == 3
    assert await values.read(["names.a"]) == {"names.a": Value(b"", 3)}
    assert await values.write([Change("names.a", b"2", 1)]) == 0
    assert await values.write([Change("names.a", b"2", 3)]) == 4


async def test_what_many_want_to_know_is_read_once(
    values: Values, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    await values.write([Change("names.a", b"1", 0), Change("names.b", b"2", 0)])
    request, asked = link.request, list[str]()

    async def counted(subject: str, *arguments: Any, **keywords: Any) -> Message:
        asked.append(subject)
        return await request(subject, *arguments, **keywords)

    monkeypatch.setattr(link, "request", counted)
    own = [f"names.own-{number}" for number in range(300)]
    for read in await asyncio.gather(*(values.read(["names.a", each, "names.b"]) for each in own)):
        assert (read["names.a"], read["names.b"]) == (Value(b"1", 1), Value(b"2", 2))
    assert len(asked) == len(own) + 2


async def test_what_was_written_is_read_though_an_older_answer_is_on_its_way(
    values: Values, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    await values.write([Change("names.a", b"old", 0)])
    request = hold_back(link, "request", monkeypatch)
    earlier = asyncio.create_task(values.read(["names.a"]))
    await until(lambda: bool(request.answers), "an answer")
    await values.write([Change("names.a", b"new", 1)])
    later = asyncio.create_task(values.read(["names.a"]))
    await asyncio.sleep(0)
    request.may_come.set()
    assert await earlier == {"names.a": Value(b"old", 1)}
    assert await later == {"names.a": Value(b"new", 2)}


@pytest.mark.slow
@pytest.mark.real
async def test_what_is_gone_stays_gone_when_nats_is_killed(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_values, "TOMBSTONE", "1s")
    link = Link([own_server.url], name="test")
    await link.open(5)
    try:
        values = Values(link, "test")
        await values.create("names", replicas=1)
        await values.write([Change("names.a", b"1", 0), Change("names.b", b"1", 0)])
        gone = [Change("names.a", b"", 1), Change("names.b", b"", 2, fades=True)]
        await values.write(gone)

        async def is_there(key: str, value: Value) -> bool:
            with suppress(AwayError):
                return await values.read([key]) == {key: value}
            return False

        await until_answered(lambda: is_there("names.b", Value(b"", 0)), "what has faded")
        own_server.kill()
        await asyncio.to_thread(own_server.start)
        # The other may stand there again: it was for whoever deletes it to know.
        await until_answered(lambda: is_there("names.a", Value(b"", 3)), "what is gone")
    finally:
        await link.close()


async def test_of_many_reads_at_once_nats_is_asked_so_many_that_it_can_answer_in_time(
    link: Link, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = link.request
    under_way = [0]

    async def counted(*arguments: Any, **named: Any) -> Message:
        under_way.append(under_way[-1] + 1)
        try:
            return await request(*arguments, **named)
        finally:
            under_way.append(under_way[-1] - 1)

    monkeypatch.setattr(link, "request", counted)
    read = await values.read(f"names.{number}" for number in range(500))
    assert len(read) == 500
    assert max(under_way) == AT_ONCE


async def test_of_writes_at_once_each_is_told_its_own_revision(values: Values) -> None:
    wanted = [[Change(f"names.{number}", b"1", 0)] for number in range(50)]
    revisions = await asyncio.gather(*(values.write(changes) for changes in wanted))
    read = await values.read([changes[0].key for changes in wanted])
    assert [value.revision for value in read.values()] == revisions


async def test_keys_are_listed_by_their_beginning(values: Values) -> None:
    keys = ["names.a.1", "names.a.2", "names.ab.1", "names.b.1"]
    await values.write([Change(key, b"1", 0) for key in keys])
    assert sorted(await values.keys("names.a.")) == ["names.a.1", "names.a.2"]
    assert sorted(await values.keys("names.")) == keys
    assert await values.keys("names.c.") == []


async def test_a_bucket_that_was_made_otherwise_is_used_as_it_is(values: Values) -> None:
    assert await values.create("names", replicas=1) == 0
    assert await values.create("nodes", replicas=1, max_age=9) == 9
    assert await values.create("nodes", replicas=1, max_age=5) == 9


async def test_a_value_goes_when_it_is_old(values: Values) -> None:
    await values.create("nodes", replicas=1, max_age=0.5)
    await values.write([Change("nodes.a", b"1", 0)])
    async with asyncio.timeout(20):
        while (await values.read(["nodes.a"]))["nodes.a"].data:
            pass
    assert await values.write([Change("nodes.a", b"1", 1)]) == 0
    assert await values.write([Change("nodes.a", b"1", 0)])


async def test_what_cannot_be_done_is_told(link: Link) -> None:
    values = Values(link, f"test-{secrets.token_hex(8)}")
    for work in (
        values.read(["names.a"]),
        values.write([Change("names.a", b"1", 0)]),
        values.keys("names."),
        values.create("names", replicas=3),
    ):
        with pytest.raises(AwayError):
            await work


@pytest.mark.slow
async def test_without_a_connection_nothing_is_waited_for(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        link = Link([server.url], name="test")
        await link.open(5)
        values = Values(link, "test")
        await values.create("names", replicas=1)
        await asyncio.to_thread(server.kill)
        with pytest.raises(AwayError):
            await values.read(["names.a"])
        await link.close()
