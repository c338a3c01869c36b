import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.adapters.jetstream_nodes import (
    Node,
    hold_up,
    nats_server,
    new_prefix,
    node,
    own_server,
    two,
    until,
    until_answered,
    wall,
)

from causerie.adapters import jetstream_appender, jetstream_linger
from causerie.adapters.jetstream_client import Told, Unanswered
from causerie.adapters.jetstream_health import Health
from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_log import WINDOW
from causerie.adapters.jetstream_outbox import BATCH, Slot
from causerie.adapters.jetstream_stroke import Ack, Part, store_all
from causerie.adapters.jetstream_subjects import message_id
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Draft, Entry
from causerie.ports import Commit, Rejected, Repeated, Stored
from causerie.testing.contracts import draft

__all__ = ["nats_server", "own_server", "two"]


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


async def test_an_old_draft_that_is_looked_for_keeps_nobody_else_waiting(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    may_look = hold_up(here.log._reader, "find_in", monkeypatch)
    old, no_text = _again(draft("old"), 1), _again(draft("no text", content="\ud800"), 1)
    here.hand_over(old, draft("after"), no_text, draft("new", identity="bob"))
    await until(lambda: bool(here.observer.outcomes), "what is not kept waiting")
    assert [outcome.draft.id for outcome in here.observer.outcomes] == ["new"]
    assert here.link.health == "ok"
    assert not await here.log.drain(0.05)
    may_look.set()
    await here.settle()
    assert [entry.id for entry in await here.read()] == ["new", "old", "after"]
    assert here.observer.outcomes[-1] == Rejected(no_text, "failed")


async def test_what_waits_behind_an_old_draft_is_not_stored_once_it_is_withdrawn(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    may_look = hold_up(here.log._reader, "find_in", monkeypatch)
    here.hand_over(_again(draft("old"), 1), draft("after"))
    here.log.withdraw("alice")
    here.hand_over(draft("under another name"))
    may_look.set()
    await here.settle()
    rejected = [one for one in here.observer.outcomes if isinstance(one, Rejected)]
    assert rejected == [Rejected(draft("after"), "name_lost")]
    assert [entry.id for entry in await there.read()] == ["old", "under another name"]


async def test_what_was_said_long_ago_by_another_node_and_was_lost_on_its_way_holds_up_nobody(
    two: tuple[Node, Node],
) -> None:
    here, there = two
    await here.watch("room")
    here.lose(lambda _message: True)
    await there.append(draft("1"))
    retry = _again(draft("1"), wall() - int(WINDOW * 1e6))
    health: list[Health] = []
    here.link.on_health(health.append)
    # The recorder checks that no outcome comes before its entry.
    here.hand_over(retry, draft("2", identity="bob", room="other"))
    await here.settle()
    assert [entry.id for entry in here.observer.entries["room"]] == ["1"]
    assert "away" not in health


class Deaf(dict[str, Told]):
    """Inboxes in which nothing is ever found."""

    def get(self, _reply: str, _default: object = None) -> None:  # type: ignore[override]
        """Finds nothing."""


async def until_forgotten(here: Node, id: str) -> None:
    """Waits until NATS does not know an id any more."""

    async def is_forgotten() -> bool:
        return await here.log._stream.stored_as(message_id("alice", id)) is None

    await until_answered(is_forgotten, "the end of the window")


def _again(first: Draft, first_tried: int) -> Draft:
    return replace(first, first_tried=first_tried)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("count", [1, 40])
async def test_what_was_stored_though_its_ack_never_came_is_answered_once_and_stored_once(
    own_server: NatsServer, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node(own_server.url, new_prefix()) as here:
        await here.watch("room")
        await here.append(draft("before"))
        # What NATS answers is lost from here on, until the connection is.
        inboxes = here.link._inboxes
        monkeypatch.setattr(inboxes, "_open", Deaf())
        drafts = [draft(str(number)) for number in range(count)]
        here.hand_over(*drafts)
        subject = here.log._stream.subjects.stream
        await until(lambda: _stored_messages(own_server, subject) == count + 2, "the batch")
        assert here.observer.waiting == drafts
        own_server.kill()
        monkeypatch.undo()
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


async def test_what_another_node_stores_while_it_is_tried_here_is_shown_here_at_once(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await here.watch("room")
    appender = here.log._appender
    stamp = appender._stamp

    async def stamp_late(slots: Sequence[Slot]) -> None:
        await stamp(slots)
        await there.append(draft("1"))
        await until(lambda: slots[0].copied is not None, "what the other has stored")

    monkeypatch.setattr(appender, "_stamp", stamp_late)
    (outcome,) = await here.append(draft("1"))
    assert isinstance(outcome, Repeated)
    await until(lambda: "room" in here.observer.entries, "the entry")
    assert here.observer.entries["room"] == [outcome.entry]


async def test_ids_are_asked_about_again_when_all_questions_have_ended(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    drafts = [draft("1"), draft("2")]
    await there.append(*drafts)
    stream = here.log._stream
    stored_as = stream.stored_as
    asked: list[str] = []
    under_way: set[str] = set()

    async def stored_as_later(id: str) -> int | None:
        """The first question fails, while the second waits for its answer."""
        assert id not in under_way
        under_way.add(id)
        asked.append(id)
        try:
            if len(asked) == 1:
                raise Unanswered
            for _ in range(100):
                await asyncio.sleep(0)
            return await stored_as(id)
        finally:
            under_way.discard(id)

    monkeypatch.setattr(stream, "stored_as", stored_as_later)
    monkeypatch.setattr(jetstream_appender, "AGAIN_AFTER", 0)
    outcomes = await here.append(*drafts)
    assert all(isinstance(outcome, Repeated) for outcome in outcomes)
    assert len(asked) == 3


async def test_what_is_sent_again_waits_anew_for_what_drafts_wait_for(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    waited: list[int] = []
    may_send = asyncio.Event()
    sent: list[int] = []

    async def before() -> None:
        waited.append(len(sent))
        if len(waited) == 2:
            await may_send.wait()

    async def lose_the_first(link: Link, parts: Sequence[Part], *, within: float) -> Ack:
        sent.append(len(parts))
        if len(sent) == 1:
            raise Unanswered
        return await store_all(link, parts, within=within)

    monkeypatch.setattr(here.log._appender, "_before", before)
    monkeypatch.setattr(jetstream_appender, "store_all", lose_the_first)
    here.hand_over(draft("1"), draft("2"))
    await until(lambda: len(waited) == 2, "the second time")
    assert (waited, sent) == ([0, 1], [2])
    assert await there.read() == []
    may_send.set()
    await here.settle()
    assert [entry.id for entry in await there.read()] == ["1", "2"]
    assert (waited, sent) == ([0, 1], [2, 2])


async def test_that_nats_does_not_store_is_said_each_time_and_that_it_stores_again_as_well(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is stored in the end, for it has been before."""
    here, there = two
    await there.append(draft("1"), draft("2"))
    sent: list[int] = []

    async def lose_every_other(link: Link, parts: Sequence[Part], *, within: float) -> Ack:
        sent.append(len(parts))
        if len(sent) % 2:
            raise Unanswered
        return await store_all(link, parts, within=within)

    monkeypatch.setattr(jetstream_appender, "store_all", lose_every_other)
    monkeypatch.setattr(jetstream_appender, "AGAIN_AFTER", 0)
    with capture_logs() as logs:
        for id in ("1", "2", "3", "4"):
            await here.append(draft(id))
    assert len(sent) == 8
    said = [log["event"] for log in logs]
    assert said == ["NATS does not store; trying again", "NATS stores again"] * 4


async def test_that_nats_stores_again_is_said_when_nobody_is_held_up_any_longer(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    reader = here.log._reader
    find_in, may_find, looks = reader.find_in, asyncio.Event(), list[str]()

    async def unanswered(*args: Any, **keywords: Any) -> Entry | None:
        looks.append("a look")
        if not may_find.is_set():
            raise Unanswered
        return await find_in(*args, **keywords)

    monkeypatch.setattr(reader, "find_in", unanswered)
    monkeypatch.setattr(jetstream_appender, "AGAIN_AFTER", 0.001)
    with capture_logs() as logs:
        here.hand_over(_again(draft("old"), 1))
        await until(lambda: len(looks) > 1, "another look")
        here.hand_over(draft("new", identity="bob"))
        await until(lambda: bool(here.observer.outcomes), "who is not held up")
        assert [log["event"] for log in logs] == ["NATS does not store; trying again"]
        may_find.set()
        await here.settle()
    assert [log["event"] for log in logs][1:] == ["NATS stores again"]


@pytest.mark.slow
@pytest.mark.real
async def test_what_was_said_while_nats_was_out_of_reach_can_be_withdrawn(
    own_server: NatsServer,
) -> None:
    async with node(own_server.url, new_prefix()) as here:
        await here.append(draft("before"))
        await asyncio.to_thread(own_server.kill)
        await until(lambda: not here.link.is_up, "the loss")
        here.hand_over(draft("tried in vain"), draft("of another", identity="bob"))
        due = here.log._appender.outbox._due
        await until(lambda: bool(due[0].payload), "a trial")
        here.hand_over(draft("waiting"))
        here.log.withdraw("alice")
        await until(lambda: len(here.observer.outcomes) == 2, "an answer")
        await asyncio.to_thread(own_server.start)
        await here.settle()
        rejected = [one.draft.id for one in here.observer.outcomes if isinstance(one, Rejected)]
        assert rejected == ["tried in vain", "waiting"]
        assert [entry.id for entry in await here.read()] == ["before", "of another"]


@pytest.mark.slow
@pytest.mark.real
async def test_what_was_sent_is_not_withdrawn_for_it_may_be_stored(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node(own_server.url, new_prefix()) as here:
        await here.append(draft("before"))
        monkeypatch.setattr(here.link._inboxes, "_open", Deaf())
        here.hand_over(draft("sent"))
        due = here.log._appender.outbox._due
        await until(lambda: due[0].is_sent, "the message")
        here.hand_over(draft("waiting"))
        here.log.withdraw("alice")
        await asyncio.to_thread(own_server.kill)
        monkeypatch.undo()
        await asyncio.to_thread(own_server.start)
        await here.settle()
        rejected = [one.draft.id for one in here.observer.outcomes if isinstance(one, Rejected)]
        assert rejected == ["waiting"]
        assert [entry.id for entry in await here.read()] == ["before", "sent"]


# How many go in a batch.


class Talk:
    """Drafts in the room of a node, and how many went in each batch."""

    def __init__(self, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        self.node = node
        self.batches: list[int] = []
        self.meanwhile = 0
        """How many are said while the first batch is on its way."""
        self._said = 0

        async def store(link: Link, parts: Sequence[Part], *, within: float) -> Ack:
            if not self.batches:
                self.say(self.meanwhile)
            self.batches.append(len(parts))
            return await store_all(link, parts, within=within)

        monkeypatch.setattr(jetstream_appender, "store_all", store)

    def say(self, count: int) -> None:
        self.node.hand_over(*(draft(str(self._said + number)) for number in range(count)))
        self._said += count


@pytest.mark.both_loops
async def test_what_is_answered_at_once_goes_with_what_has_waited(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, _ = two
    talk = Talk(node, monkeypatch)
    committed = node.observer.committed
    client, server = socket.socketpair()

    def answer(commit: Commit) -> None:
        committed(commit)
        client.send(b"." * len(commit.outcomes))

    monkeypatch.setattr(node.observer, "committed", answer)
    await node.watch("room")
    loop = asyncio.get_running_loop()
    with client, server:
        loop.add_reader(server, lambda: talk.say(len(server.recv(8))))
        talk.meanwhile = 4
        talk.say(4)
        # Four and four would go in turns.
        await until(lambda: talk.batches[-3:] == [8, 8, 8], "what all have said, in one batch")
        loop.remove_reader(server)


@pytest.mark.both_loops
async def test_who_comes_first_after_many_waits_for_the_others(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(two[0], monkeypatch)
    linger = two[0].log._appender.linger
    monkeypatch.setattr(jetstream_linger, "LONGEST", 60)
    monkeypatch.setattr(jetstream_linger, "ANSWERED_WITHIN", 60)
    talk.say(20)
    await until(lambda: bool(linger._last), "the end of the batch")
    for count in (8, 8, 2):
        assert talk.batches == [20]
        talk.say(count)
        await asyncio.sleep(0)
    await talk.node.settle()
    assert talk.batches == [20, 18]


async def test_who_came_while_many_were_on_their_way_waits_for_those_who_answer(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(two[0], monkeypatch)
    monkeypatch.setattr(jetstream_linger, "LONGEST", 60)
    monkeypatch.setattr(jetstream_linger, "ANSWERED_WITHIN", 60)
    talk.meanwhile = 4
    talk.say(20)
    await until(lambda: len(two[0].observer.outcomes) == 20, "what the first were told")
    talk.say(14)
    await talk.node.settle()
    assert talk.batches == [20, 18]


async def test_who_comes_alone_after_many_is_not_kept_waiting(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(two[0], monkeypatch)
    monkeypatch.setattr(jetstream_linger, "ANSWERED_WITHIN", 60)
    talk.say(20)
    await until(lambda: bool(two[0].log._appender.linger._last), "the end of the batch")
    talk.say(1)
    await talk.node.settle()
    assert talk.batches == [20, 1]


async def test_what_is_left_of_many_waits_for_nobody(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(two[0], monkeypatch)
    monkeypatch.setattr(jetstream_linger, "LONGEST", 60)
    talk.say(BATCH + 1)
    await talk.node.settle()
    assert talk.batches == [BATCH, 1]
