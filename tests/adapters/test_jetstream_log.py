"""The log in JetStream where NATS is away, and at its end."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import pytest
from tests.adapters.jetstream_nodes import (
    WITHIN,
    Node,
    hold_up,
    nats_server,
    new_prefix,
    node,
    own_server,
    two,
    until,
)
from tests.support.nats import stand_still

from causerie.adapters import jetstream_appender, jetstream_linger, jetstream_log
from causerie.adapters.jetstream_health import Health
from causerie.adapters.jetstream_linger import MANY
from causerie.adapters.jetstream_link import Link, Unanswered
from causerie.adapters.jetstream_stream import Found, State
from causerie.adapters.jetstream_stroke import Ack, Part, store_all
from causerie.adapters.nats_server import NatsServer
from causerie.chat.entry import Draft, Entry
from causerie.ports import Failed, Rejected, Stored
from causerie.testing.contracts import draft, private

__all__ = ["nats_server", "own_server", "two"]


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
        stand_still(own_server.pid)
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
async def test_a_log_that_was_begun_again_is_not_gone_on_with(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_log, "BELIEVED_AFTER", 1.0)
    prefix = new_prefix()
    async with node(own_server.url, prefix) as here, node(own_server.url, prefix) as there:
        await here.append(draft("1"))
        await here.link.request(f"$JS.API.STREAM.DELETE.{prefix}", within=5)
        async with node(own_server.url, prefix):
            here.log._look.set()
            await until(lambda: here.observer.failure is not None, "the end")
            there.log._look.set()
            await until(lambda: there.observer.failure is not None, "the end")


async def find_what_was_lost(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch, answer: Callable[[int, State], State]
) -> None:
    """Has an entry that was lost on its way found by a comparison, though the stream's state is
    answered so: given how often it was asked for, and what it is.
    """
    here, there = two
    await here.watch("room")
    here.lose(lambda _message: True)
    await there.append(draft("1"))
    state = here.log._stream.state
    asked = 0

    async def answered() -> State:
        nonlocal asked
        asked += 1
        return answer(asked, await state())

    monkeypatch.setattr(here.log._stream, "state", answered)
    here.log._look.set()
    await until(lambda: "room" in here.observer.entries, "what was lost")


async def test_a_server_that_has_not_caught_up_is_not_believed(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_log, "SAY_AGAIN_AFTER", 0.01)

    def one_that_was_cut_off(asked: int, now: State) -> State:
        return State(now.epoch, 0) if asked < 50 else now

    await find_what_was_lost(two, monkeypatch, one_that_was_cut_off)
    assert two[0].observer.failure is None


async def test_a_server_is_not_believed_for_what_it_said_before_the_node_stood_still(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_log, "SAY_AGAIN_AFTER", 0.01)
    here, there = two
    await here.watch("room")
    here.lose(lambda _message: True)
    await there.append(draft("1"))
    state = here.log._stream.state
    loop = asyncio.get_running_loop()
    clock = loop.time
    answers = 0

    async def state_of_one_that_was_cut_off() -> State:
        nonlocal answers
        answers += 1
        now = await state()
        if answers > 1:
            return now
        monkeypatch.setattr(loop, "time", lambda: clock() + 60)
        return State(now.epoch, 0)

    monkeypatch.setattr(here.log._stream, "state", state_of_one_that_was_cut_off)
    here.log._look.set()
    await until(lambda: answers > 1 or here.observer.failure is not None, "another answer")
    assert here.observer.failure is None
    await until(lambda: "room" in here.observer.entries, "what was lost")


async def until_looked(here: Node) -> None:
    """Waits until the node has found the stream to be the one that it was, by its newest entry."""
    newest = here.log._tails.newest()
    assert newest is not None
    here.log._look.set()
    await until(lambda: here.log._marks == [newest], "a look")


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("has_looked", [True, False])
@pytest.mark.parametrize("other_room", ["room", "other"])
async def test_a_log_that_was_put_back_and_has_grown_since_is_not_gone_on_with(
    own_server: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_looked: bool,
    other_room: str,
) -> None:
    monkeypatch.setattr(jetstream_log, "BELIEVED_AFTER", 1.0)
    prefix = new_prefix()
    stored, elsewhere = tmp_path / "jetstream", tmp_path / "elsewhere"
    async with node(own_server.url, prefix) as here:
        await here.watch("room")
        await here.append(draft("1"))
        await until_looked(here)
        await asyncio.to_thread(own_server.stop)
        await until(lambda: len(here.log._marks) == 2, "the loss")
        shutil.copytree(stored, elsewhere / "jetstream")
        await asyncio.to_thread(own_server.start)
        await until(lambda: len(here.log._marks) == 1, "the look after it")
        await here.append(draft("2"), draft("3"))
        if has_looked:
            await until_looked(here)
        with NatsServer(elsewhere) as copy:
            async with node(copy.url, prefix) as there:
                assert [entry.id for entry in await there.read()] == ["1"]
                for number in range(9):
                    await there.append(draft(f"other {number}", room=other_room))
        await asyncio.to_thread(own_server.stop)
        shutil.rmtree(stored)
        (elsewhere / "jetstream").rename(stored)
        await asyncio.to_thread(own_server.start)
        await until(lambda: here.observer.failure is not None, "the end")
        assert here.observer.failure is not None
        assert "older copy" in here.observer.failure


@pytest.mark.slow
@pytest.mark.real
async def test_a_log_that_is_as_it_was_after_a_loss_is_gone_on_with(own_server: NatsServer) -> None:
    async with node(own_server.url, new_prefix()) as here:
        await here.watch("room")
        await here.append(draft("1"))
        await until_looked(here)
        await here.append(private("2", room="~talk", peer="bob"), draft("3"))
        await asyncio.to_thread(own_server.kill)
        await until(lambda: len(here.log._marks) == 2, "the loss")
        await asyncio.to_thread(own_server.start)
        await here.append(draft("4"))
        await until_looked(here)
        assert here.observer.failure is None


Lie = Callable[[Found | None], Found | None]


def has_other(found: Found | None) -> Found | None:
    assert found is not None
    return found._replace(subject="another")


def has_nothing(_: Found | None) -> Found | None:
    return None


@pytest.mark.parametrize(
    ("lie", "times", "is_believed"),
    [(has_other, 2, False), (has_other, 9999, True), (has_nothing, 9999, False)],
)
async def test_that_other_entries_stand_there_is_believed_when_it_has_been_said_for_long(
    two: tuple[Node, Node],
    monkeypatch: pytest.MonkeyPatch,
    *,
    lie: Lie,
    times: int,
    is_believed: bool,
) -> None:
    """One that is not there yet will be."""
    here, _ = two
    await here.append(draft("1"))
    await until_looked(here)
    stream = here.log._stream
    at, lies = stream.at, [lie] * times

    async def lying(seq: int) -> Found | None:
        found = await at(seq)
        return lies.pop()(found) if lies else found

    monkeypatch.setattr(stream, "at", lying)
    monkeypatch.setattr(jetstream_log, "SAY_AGAIN_AFTER", 0.01)
    if is_believed:
        monkeypatch.setattr(jetstream_log, "BELIEVED_AFTER", 0.1)
    await here.log._check()
    assert (here.observer.failure is not None) == is_believed


async def test_a_log_that_is_closed_while_nats_does_not_answer_says_what_it_leaves(
    two: tuple[Node, Node],
) -> None:
    here, _ = two
    here.hand_over(draft("1"))
    here.log.close()
    assert here.observer.failure is not None
    assert len(here.observer.waiting) == 1


async def test_what_could_not_be_compared_is_compared_soon(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_log, "COMPARE_AGAIN_AFTER", 0.01)

    def one_that_does_not_answer(asked: int, now: State) -> State:
        if asked < 3:
            raise Unanswered("for a test")
        return now

    await find_what_was_lost(two, monkeypatch, one_that_does_not_answer)


async def test_a_log_that_has_ended_is_not_drained(two: tuple[Node, Node]) -> None:
    here, _ = two
    here.hand_over(draft("1"))
    draining = asyncio.create_task(here.log.drain(600.0))
    await asyncio.sleep(0)
    here.log.stop()
    async with asyncio.timeout(WITHIN):
        assert not await draining
        assert not await here.log.drain(600.0)


async def test_a_log_that_is_drained_has_told_all(two: tuple[Node, Node]) -> None:
    here, _ = two
    here.hand_over(*(draft(str(number)) for number in range(700)))
    assert await here.log.drain(10.0)
    assert here.observer.waiting == []
    here.log.close()
    here.log.close()
    assert here.observer.failure is None


@pytest.mark.parametrize(
    ("part", "method"), [("outbox", "take"), ("_stream", "last"), ("_reader", "read")]
)
async def test_a_fault_of_ours_is_not_gone_on_with(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch, part: str, method: str
) -> None:
    """As a draft is sent, as what is before it is looked up, and as a gap is read."""
    here, _ = two
    await here.watch("watched")
    await here.append(draft("known"))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("for a test")

    if part == "_reader":
        here.log._watcher._watches["watched"].chain.note(1_000)
    monkeypatch.setattr(getattr(here.log._appender, part), method, broken)
    here.hand_over(draft("1"), draft("2", room="watched"))
    await until(lambda: here.observer.failure is not None, "the end")
    assert here.observer.failure == "RuntimeError: for a test"


async def test_an_answer_that_cannot_be_taken_keeps_nobody_from_theirs(
    two: tuple[Node, Node],
) -> None:
    log = two[0].log
    told: list[str] = []

    def raise_fault() -> None:
        raise RuntimeError

    log._add_later(raise_fault)
    log._add_later(lambda: told.append("a head"))
    await until(lambda: bool(told), "the other answer")


async def test_reads_do_not_wait_for_one_who_looks_for_what_was_said_long_ago(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = two[0]
    await here.append(draft("1"))
    is_found = asyncio.Event()

    async def find(*_: object, **__: object) -> None:
        await is_found.wait()

    monkeypatch.setattr(here.log._reader, "find", find)
    found: list[Entry | Failed | None] = []
    here.log.find_entry("alice", "old", room="room", since=1, done=found.append)
    assert [entry.id for entry in await here.read()] == ["1"]
    assert found == []
    is_found.set()
    await until(lambda: found == [None], "the answer")


class OnTheWay:
    """Keeps a batch on its way until it `may_go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_go = asyncio.Event()
        self.is_kept = False
        monkeypatch.setattr(jetstream_appender, "store_all", self._store)

    async def _store(self, link: Link, parts: Sequence[Part], *, within: float) -> Ack:
        self.is_kept = not self.may_go.is_set()
        await self.may_go.wait()
        return await store_all(link, parts, within=within)


async def send(here: Node, drafts: Sequence[Draft], monkeypatch: pytest.MonkeyPatch) -> OnTheWay:
    """Sends drafts, which are kept on their way; what comes after them goes its way."""
    on_the_way = OnTheWay(monkeypatch)
    here.hand_over(*drafts)
    await until(lambda: on_the_way.is_kept, "the batch")
    monkeypatch.setattr(jetstream_appender, "store_all", store_all)
    return on_the_way


def stored_by(node: Node) -> list[list[str]]:
    """What a node was told, commit by commit."""
    return [[entry.id for entry in commit.entries] for commit in node.observer.commits]


OURS: Final = [draft(f"ours {number}") for number in range(MANY)]


@pytest.fixture
async def on_the_way(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OnTheWay]:
    """The first node watches the room, and much is on its way from there. What the other says goes
    its way.
    """
    here, _ = two
    await here.watch("room")
    on_the_way = await send(here, OURS, monkeypatch)
    yield on_the_way
    on_the_way.may_go.set()


async def test_what_others_said_is_told_with_what_is_on_its_way_from_here(
    two: tuple[Node, Node], on_the_way: OnTheWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    await there.append(draft("theirs"))
    await until(lambda: len(here.log._through) == 1, "theirs")
    hold = here.log._hold
    await there.append(draft("theirs too"))
    await until(lambda: len(here.log._through) == 2, "theirs")
    assert here.log._hold is hold, "who comes later does not put it off"
    on_the_way.may_go.set()
    await here.settle()
    assert stored_by(here) == [["theirs", "theirs too", *(ours.id for ours in OURS)]]


@pytest.mark.both_loops
async def test_what_others_said_is_told_with_the_answers_of_many_who_were_told_just_now(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    monkeypatch.setattr(jetstream_linger, "ANSWERED_WITHIN", 60)
    await here.watch("room")
    await here.append(*OURS)
    await there.append(draft("theirs"))
    await until(lambda: here.log._hold is not None, "what is held")
    answers = [draft(f"answer {number}") for number in range(MANY)]
    await here.append(*answers)
    assert stored_by(here)[1:] == [["theirs", *(answer.id for answer in answers)]]


async def test_who_is_refused_is_told_while_what_others_said_waits(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    monkeypatch.setattr(jetstream_linger, "ANSWERED_WITHIN", 60)
    await here.watch("room")
    await here.append(*OURS)
    await there.append(draft("theirs"))
    await until(lambda: here.log._hold is not None, "what is held")
    no_text = draft("no text", content="\ud800")
    assert await here.append(no_text) == [Rejected(no_text, "failed")]


async def test_a_while_after_many_were_told_what_others_say_waits_for_nothing(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    monkeypatch.setattr(jetstream_linger, "ANSWERED_WITHIN", 0)
    await here.watch("room")
    await here.append(*OURS)
    await there.append(draft("theirs"))
    await until(lambda: stored_by(here)[1:] == [["theirs"]], "theirs")


@pytest.mark.both_loops
async def test_what_others_said_waits_once_for_a_moment(
    two: tuple[Node, Node], on_the_way: OnTheWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    await there.append(draft("0"))
    await until(lambda: stored_by(here) == [["0"]], "what has waited long enough")
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    await there.append(draft("1"))
    await until(lambda: stored_by(here) == [["0"], ["1"]], "what waits for nothing any more")
    assert here.observer.waiting == OURS


async def test_who_comes_in_does_not_wait_for_what_is_on_its_way(
    two: tuple[Node, Node], on_the_way: OnTheWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    await there.append(draft("theirs"))
    await until(lambda: here.log._hold is not None, "what is held")
    head = await here.watch("room")
    assert here.observer.entries["room"][-1].seq == head.seq
    assert stored_by(here) == [["theirs"]]


async def test_what_others_said_does_not_wait_for_little(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    await here.watch("room")
    on_the_way = await send(here, OURS[1:], monkeypatch)
    await there.append(draft("theirs"))
    await until(lambda: stored_by(here) == [["theirs"]], "theirs")
    on_the_way.may_go.set()


async def test_what_was_said_elsewhere_does_not_wait_for_what_is_on_its_way(
    two: tuple[Node, Node], on_the_way: OnTheWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    await here.watch("elsewhere")
    await there.append(draft("theirs", room="elsewhere"))
    await until(lambda: stored_by(here) == [["theirs"]], "theirs")


async def test_a_log_that_is_closed_tells_what_it_has_held(
    two: tuple[Node, Node], on_the_way: OnTheWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    await there.append(draft("theirs"))
    await until(lambda: here.log._hold is not None, "what is held")
    hold = here.log._hold
    here.log.close()
    assert stored_by(here) == [["theirs"]]
    assert hold is not None
    assert hold.cancelled()


async def test_what_was_said_here_does_not_wait_for_an_outcome(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    monkeypatch.setattr(jetstream_linger, "ANSWERED_WITHIN", 60)
    await here.watch("room")
    # What stands before an entry of a room that nobody here watches has to be looked for.
    may_find = hold_up(here.log._appender, "_find_before", monkeypatch)
    elsewhere = draft("ours elsewhere", room="elsewhere")
    here.hand_over(elsewhere, *OURS)
    await until(lambda: stored_by(here) == [[ours.id for ours in OURS]], "what was said here")
    assert here.observer.waiting == [elsewhere, *OURS]
    may_find.set()
    await here.settle()


async def test_outcomes_that_are_known_do_not_wait_for_what_is_on_its_way(
    two: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(jetstream_linger, "HOLD", 60)
    await here.watch("room")
    # What stands before an entry of a room that nobody here watches has to be looked for.
    may_find = hold_up(here.log._appender, "_find_before", monkeypatch)
    elsewhere = draft("ours elsewhere", room="elsewhere")
    here.hand_over(elsewhere)
    await until(lambda: bool(here.log._appender.outbox._due[0].seq), "its ack")
    on_the_way = await send(here, OURS, monkeypatch)
    await there.append(draft("theirs"))
    await until(lambda: here.log._hold is not None, "what is held")
    may_find.set()
    await until(lambda: [one.draft for one in here.observer.outcomes] == [elsewhere], "the outcome")
    assert stored_by(here) == [["theirs"]]
    on_the_way.may_go.set()
    await here.settle()
