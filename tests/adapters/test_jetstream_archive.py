"""A chat at rest in NATS is read and filled, and nodes serve what was put there."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from tests.adapters.archives import (
    PEOPLE,
    comparable,
    fill,
    in_nats,
    kept,
    message,
    private,
    random_chat,
    read_all,
)
from tests.adapters.jetstream_nodes import nats_server, new_prefix, node, until, wall
from tests.adapters.test_sqlite_archive import said_again

from causerie.adapters import jetstream_archive
from causerie.adapters.jetstream_archive import JetStreamArchive, is_part
from causerie.adapters.jetstream_directory import JetStreamDirectory
from causerie.adapters.jetstream_link import Link, Message, Unanswered
from causerie.adapters.jetstream_log import WINDOW
from causerie.adapters.jetstream_names import (
    AwayError,
    Change,
    Transaction,
    Value,
    ValueStore,
    address_hash,
    address_key,
    node_key,
)
from causerie.adapters.jetstream_stream import Page, Stream, StreamError
from causerie.adapters.jetstream_subjects import message_id
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Entry
from causerie.ports import Repeated, Stored
from causerie.testing.contracts import draft
from causerie.testing.contracts import private as whispered

__all__ = ["nats_server"]


def stream_of(archive: JetStreamArchive) -> Stream:
    """The one stream of an archive that has no more."""
    (part,) = archive._parts
    return part._stream


def link_of(archive: JetStreamArchive) -> Link:
    """Its connection."""
    return archive._parts[0]._link


@pytest.fixture
async def archive(nats_server: NatsServer) -> AsyncIterator[JetStreamArchive]:
    async with in_nats(nats_server.url) as archive:
        yield archive


async def test_what_is_left_of_a_log_that_was_trimmed_is_read(nats_server: NatsServer) -> None:
    prefix = new_prefix()
    async with node(nats_server.url, prefix) as one:
        await one.append(*(whispered(f"{n}", room="~talk") for n in range(20)))
        await one.append(*(draft(f"{n}", identity="bob") for n in range(20)))
        done = asyncio.Event()
        one.log.trim(before=0, keep=3, done=lambda _removed: done.set())
        await done.wait()
    async with in_nats(nats_server.url, prefix) as archive:
        assert await archive.count() == 6
        found = (await read_all(archive)).entries
        assert [(entry.room, entry.id) for entry in found] == [
            *(("~talk", f"{n}") for n in (17, 18, 19)),
            *(("room", f"{n}") for n in (17, 18, 19)),
        ]
        # It can be gone on with, as after a move that was interrupted.
        await archive.append([message(0)])
        assert await archive.count() == 7


def moments_ago(entry: Entry) -> Entry:
    """The same, said a moment ago."""
    return replace(entry, timestamp=wall())


@pytest.mark.slow
async def test_all_that_was_put_in_is_read_again_in_its_order(nats_server: NatsServer) -> None:
    chat, prefix = random_chat(1, 2_500), new_prefix()
    async with in_nats(nats_server.url, prefix) as archive:
        assert await archive.count() == 0
        assert comparable(await read_all(archive)) == ([], [])
        await fill(archive, chat)
        assert comparable(await read_all(archive)) == comparable(chat)
    async with in_nats(nats_server.url, prefix) as archive:
        assert comparable(await read_all(archive)) == comparable(chat)
        assert await archive.count() == 2_500


async def test_long_entries_go_in_several_batches(archive: JetStreamArchive) -> None:
    entries = [message(number, content="🎉" * 4_000) for number in range(600)]
    await archive.append(entries)
    assert await archive.count() == 600


async def test_nodes_find_all_and_go_on_from_there(nats_server: NatsServer) -> None:
    prefix = new_prefix()
    talk = [private(2, 1, 2), private(3, 2, 1), private(4, 3, 3)]
    async with in_nats(nats_server.url, prefix) as archive:
        await archive.append([message(0), message(1), *talk])
    async with node(nats_server.url, prefix) as one:
        entries = await one.read("lobby")
        assert [entry.id for entry in entries] == ["m0", "m1"]
        assert entries[1].prev == entries[0].seq
        (again,) = await one.append(said_again(message(0)))
        assert isinstance(again, Repeated)
        (new,) = await one.append(said_again(message(9)))
        assert isinstance(new, Stored)
        assert new.entry.prev == entries[1].seq
        talks = await one.ask(one.log.conversations, PEOPLE[2], after="", limit=9)
        assert [(each.room, each.peer_name) for each in talks] == [(talk[0].room, "Person1")]
        since = talk[0].timestamp
        found = await one.ask(one.log.find_entry, PEOPLE[1], "p2", room="", since=since)
        assert found.content == talk[0].content


async def test_who_says_again_what_was_said_moments_ago_is_recognised_by_the_id(
    nats_server: NatsServer,
) -> None:
    """NATS itself must know the id: a node does not look for what was first tried so lately."""
    prefix = new_prefix()
    lately = moments_ago(message(0))
    async with in_nats(nats_server.url, prefix) as archive:
        await archive.append([lately])
    async with node(nats_server.url, prefix) as one:
        (again,) = await one.append(said_again(lately))
        assert isinstance(again, Repeated)


async def test_ids_that_are_older_than_nats_knows_are_not_told_to_it(
    nats_server: NatsServer,
) -> None:
    """An author may have used one again since."""
    said = message(0)
    after = said.timestamp + round(WINDOW * 1e6)
    async with in_nats(nats_server.url, now=after) as archive:
        await archive.append([said])
        await archive.append([said])
        assert await archive.count() == 2
        known = message_id(said.identity, said.id)
        assert await stream_of(archive).stored_as(known) is None


async def test_an_id_that_was_used_twice_lately_is_copied_twice(archive: JetStreamArchive) -> None:
    lately = moments_ago(message(0))
    await archive.append([lately, message(1), lately])
    assert [entry.id for entry in (await read_all(archive)).entries] == ["m0", "m1", "m0"]


async def test_beside_an_id_that_was_used_twice_all_others_are_known(
    archive: JetStreamArchive,
) -> None:
    entries = [moments_ago(message(number % 10)) for number in range(11)]
    await archive.append(entries)
    assert [entry.id for entry in (await read_all(archive)).entries] == [e.id for e in entries]
    known = [await stream_of(archive).stored_as(message_id(e.identity, e.id)) for e in entries[:10]]
    assert all(known)


async def test_names_are_replaced(archive: JetStreamArchive) -> None:
    await archive.set_names([kept(1, "Zoé"), kept(2, "Bob"), kept(4, "Ada")])
    await archive.set_names([kept(3, "Bob"), kept(1, "Eve"), kept(4, "Ada")])
    names = sorted(await archive.names(), key=lambda name: name.name.folded)
    assert names == [kept(4, "Ada"), kept(3, "Bob"), kept(1, "Eve")]


@pytest.mark.slow
async def test_the_name_that_was_claimed_last_is_the_last_one(
    archive: JetStreamArchive,
) -> None:
    async def last_of() -> str:
        answers: list[Any] = []
        directory = JetStreamDirectory(archive._values, secrets.token_hex(8), lost=lambda *_: None)
        wish = kept(1, "Wish").name
        directory.claim(
            wish,
            PEOPLE[1],
            address="",
            now=kept(1, "Wish").claimed + 99,
            replacing=None,
            returning=True,
            done=answers.append,
        )
        await directory.close()
        return str(answers[0].instead.display)

    some = [kept(1, f"Name{number}", claimed=100 + number) for number in range(150)]
    await archive.set_names(some[::-1])
    assert await last_of() == "Name149"
    await archive.set_names([*some, kept(1, "Name7", claimed=999)][8:])
    assert await last_of() == "Name7"


async def test_names_that_are_only_borrowed_stay_behind(archive: JetStreamArchive) -> None:
    directory = JetStreamDirectory(archive._values, secrets.token_hex(8), lost=lambda *_: None)
    answers: list[Any] = []
    for who, name in ((1, "Zoé"), (2, "Bob")):
        directory.claim(
            kept(who, name).name,
            PEOPLE[who],
            address="",
            now=who,
            replacing=None,
            returning=False,
            done=answers.append,
        )
    directory.keep(kept(1, "Zoé").name, PEOPLE[1], now=9)
    await directory.kept()
    await until(lambda: len(answers) == 2, "both answers")
    assert [name.name.display for name in await archive.names()] == ["Zoé"]
    await directory.close()


async def test_addresses_count_until_their_day_is_over(archive: JetStreamArchive) -> None:
    await archive.set_names([kept(1, "Zoé", address="192.0.2.1")])
    address = address_hash("192.0.2.1")
    values = await archive._values.read([address_key(address)])
    assert Transaction(values, "").newest(address, 9) == [kept(1, "Zoé").created]


async def test_it_is_noted_whether_this_is_a_part(archive: JetStreamArchive) -> None:
    assert not await is_part(archive._values)
    for _ in range(2):
        await archive.begin()
        assert await is_part(archive._values)
    for _ in range(2):
        await archive.finish()
        assert not await is_part(archive._values)


async def test_nodes_that_live_are_named(archive: JetStreamArchive) -> None:
    assert await archive.nodes() == []
    first = Change(node_key("b" * 16), b"1", 0)
    revision = await archive._values.write([first])
    await archive._values.write([Change(node_key("a" * 16), b"1", 0)])
    assert await archive.nodes() == ["a" * 16, "b" * 16]
    await archive._values.write([Change(node_key("b" * 16), b"", revision)])
    assert await archive.nodes() == ["a" * 16]


# What can come between.

Exchange = Callable[..., Any]


def disturb(
    archive: JetStreamArchive, monkeypatch: pytest.MonkeyPatch, acts: Sequence[Exchange]
) -> None:
    """Has the first exchanges go otherwise; each act is given the true one."""
    true, left = link_of(archive).exchange, list(acts)

    async def exchange(send: Any, **how: Any) -> list[Message]:
        if left and how["within"] == jetstream_archive.ACK_WITHIN:
            answer: list[Message] = await left.pop(0)(true, send, how)
            return answer
        return await true(send, **how)

    monkeypatch.setattr(link_of(archive), "exchange", exchange)
    monkeypatch.setattr(jetstream_archive, "AGAIN_AFTER", 0.01)


async def answer_lost(true: Exchange, send: Any, how: Any) -> list[Message]:
    await true(send, **how)
    raise Unanswered("the answer is lost")


async def batch_lost(_true: Exchange, _send: Any, _how: Any) -> list[Message]:
    raise Unanswered("the batch is lost")


async def refused(true: Exchange, send: Any, how: Any) -> list[Message]:
    payload = json.dumps({"error": {"err_code": 10077, "description": "not now"}}).encode()
    return [Message("reply", payload)]


@pytest.mark.parametrize("act", [answer_lost, batch_lost, refused])
async def test_a_batch_is_stored_once_whatever_becomes_of_it_on_its_way(
    archive: JetStreamArchive, monkeypatch: pytest.MonkeyPatch, act: Exchange
) -> None:
    chat = random_chat(5, 50)
    await archive.append(chat.entries[:20])
    disturb(archive, monkeypatch, [act, act])
    await archive.append(chat.entries[20:30])
    await archive.append(chat.entries[30:])
    assert comparable(await read_all(archive)) == comparable(chat._replace(names=[]))


async def test_a_connection_that_is_lost_comes_back(
    archive: JetStreamArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(true: Exchange, send: Any, how: Any) -> list[Message]:
        client = link_of(archive)._client
        assert client is not None
        asking = asyncio.ensure_future(true(send, **how))
        await client.end()
        return list(await asking)

    await archive.append([message(0)])
    disturb(archive, monkeypatch, [cut])
    await archive.append([message(1), private(2, 1, 2)])
    assert await archive.count() == 3


class Flaky:
    """Values whose every other answer is lost: what was asked for has been done all the same."""

    def __init__(self, values: ValueStore) -> None:
        self._values = values
        self._lost = 0

    def _lose(self) -> None:
        self._lost += 1
        if self._lost % 2:
            raise AwayError("the answer is lost")

    async def read(self, keys: Iterable[str]) -> dict[str, Value]:
        found = await self._values.read(keys)
        self._lose()
        return found

    async def write(self, changes: Sequence[Change]) -> int:
        revision = await self._values.write(changes)
        self._lose()
        return revision

    async def keys(self, beginning: str) -> list[str]:
        found = await self._values.keys(beginning)
        self._lose()
        return found


@pytest.mark.slow
async def test_names_are_kept_once_whatever_answers_are_lost(
    archive: JetStreamArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_archive, "AGAIN_AFTER", 0.01)
    monkeypatch.setattr(archive._values, "_values", Flaky(archive._values._values))
    names = [kept(1, f"Name{number:03}", claimed=number + 1) for number in range(12)]
    await archive.begin()
    await archive.set_names([*names, kept(2, "Bob")])
    await archive.set_names(names)
    await archive.finish()
    assert sorted(await archive.names(), key=lambda name: name.claimed) == names


async def test_somebody_else_who_writes_is_found(
    archive: JetStreamArchive,
) -> None:
    await archive.append([message(0)])
    subject = stream_of(archive).subjects.entry("lobby")
    await link_of(archive).request(subject, b"{}", within=5.0)
    with pytest.raises(StreamError, match="somebody else has written"):
        await archive.append([message(1)])


async def test_somebody_else_who_has_written_since_it_was_read_is_found(
    nats_server: NatsServer,
) -> None:
    prefix, entries = new_prefix(), random_chat(3, 40).entries
    async with (
        in_nats(nats_server.url, prefix, streams=2) as one,
        in_nats(nats_server.url, prefix) as other,
    ):
        assert not (await read_all(other)).entries
        await one.append(entries)
        with pytest.raises(StreamError, match="somebody else has written"):
            await other.append(entries)
        assert len((await read_all(one)).entries) == len(entries)


async def test_what_cannot_be_stored_is_given_up_in_the_end(
    archive: JetStreamArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_archive, "DONE_WITHIN", 0.05)
    disturb(archive, monkeypatch, [refused] * 1_000)
    with pytest.raises(StreamError, match="cannot be written: not now"):
        await archive.append([message(0)])


async def test_a_replica_that_lags_is_waited_for_and_not_for_ever(
    archive: JetStreamArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_archive, "AGAIN_AFTER", 0.01)
    await archive.append([message(number) for number in range(3)])
    true, lagging = stream_of(archive).page, [True, True]

    async def page(subject: str, *, after: int, limit: int) -> Page:
        if lagging:
            lagging.pop()
            return Page((), 0)
        return await true(subject, after=after, limit=limit)

    monkeypatch.setattr(stream_of(archive), "page", page)
    assert len((await read_all(archive)).entries) == 3
    monkeypatch.setattr(jetstream_archive, "DONE_WITHIN", 0.01)
    lagging.extend([True] * 1_000)
    with pytest.raises(StreamError, match="lags behind"):
        await read_all(archive)
