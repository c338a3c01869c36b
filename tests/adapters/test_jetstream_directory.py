"""The directory in JetStream: its contract, and what only many nodes can do to one another."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from structlog.testing import capture_logs
from tests.adapters.jetstream_names_storage import NamesStorage, end_at_once
from tests.adapters.jetstream_nodes import until
from tests.adapters.names_nodes import LEASE, PROCESS, Cluster, Node, claim, cluster_on
from tests.adapters.values_in_memory import ValuesInMemory
from tests.support.line_process import PATIENCE, LineProcess
from tests.support.nats import nats_server, stand_still

from causerie.adapters.jetstream_directory import HELD_AT_ONCE, JetStreamDirectory, release_name
from causerie.adapters.jetstream_link import Headers, Link, Message
from causerie.adapters.jetstream_names import NAMES, Change, Value, name_key, node_key
from causerie.adapters.jetstream_values import Values
from causerie.adapters.nats_server import NatsServer
from causerie.chat.names import Name
from causerie.ports import ClaimAnswer, Claimed, Failed, Holder, Taken, TooManyNames
from causerie.testing.contracts import START, Storage
from causerie.testing.contracts_directory import ALICE, ALIKE, BOB, DirectoryContract, names
from causerie.testing.contracts_machine import MachineContract

__all__ = ["nats_server"]


class OnNats:
    server: NatsServer

    @pytest.fixture(autouse=True)
    def on(self, nats_server: NatsServer) -> None:
        self.server = nats_server

    def storage(self) -> Storage:
        return NamesStorage(self.server.url)


class TestDirectory(OnNats, DirectoryContract): ...


@pytest.mark.slow
class TestMachine(OnNats, MachineContract):
    settings = settings(MachineContract.settings, max_examples=30)


@pytest.fixture
async def cluster(nats_server: NatsServer) -> AsyncIterator[Cluster]:
    async with cluster_on(nats_server.url) as cluster:
        yield cluster


def holder(identity: str, name: Name = ALICE, *, kept: bool = False, node: str = "") -> Holder:
    return Holder(identity=identity, display=name.display, kept=kept, node=node)


async def until_claimed(node: Node, name: Name, identity: str, **other: Any) -> None:
    """Claims a name until it is free, as it soon must be."""
    async with asyncio.timeout(PATIENCE):
        while not isinstance(await node.claim(name, identity, **other), Claimed):
            pass


# At once on two nodes.


def look_alikes(count: int) -> list[tuple[Name, Name]]:
    return [
        (
            name,
            Name(
                display=name.display + "\u0441",
                folded=name.folded + "\u0441",
                skeleton=name.skeleton,
            ),
        )
        for name in names(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "pairs", [[(name, name) for name in names(1000)], look_alikes(1000)], ids=["same", "alike"]
)
async def test_what_two_ask_for_on_two_nodes_at_once_one_gets(
    cluster: Cluster, pairs: list[tuple[Name, Name]]
) -> None:
    nodes = await cluster.node(), await cluster.node()
    won = [0, 0]
    for start in range(0, len(pairs), 100):
        asked = []
        for number, pair in enumerate(pairs[start : start + 100], start):
            # Who comes first takes turns.
            first = (number + number // 100) % 2
            answers = {
                which: nodes[which].ask(pair[which], f"k:{which}-{number}")
                for which in (first, 1 - first)
            }
            asked.append((number, pair, answers))
        for number, pair, answers in asked:
            told = [await answers[0], await answers[1]]
            assert {type(answer) for answer in told} == {Claimed, Taken}
            winner = [type(answer) for answer in told].index(Claimed)
            won[winner] += 1
            held = holder(f"k:{winner}-{number}", pair[winner], node=nodes[winner].id)
            assert told[1 - winner] == Taken(held, pair[winner].folded)
            if number % 10 == 0:
                assert await nodes[1 - winner].find(pair[winner]) == held
    assert all(won), "each is faster now and then"


# One identity on two nodes.


async def test_a_name_used_on_two_nodes_is_free_when_it_is_used_on_neither(
    cluster: Cluster,
) -> None:
    one, other = await cluster.node(), await cluster.node()
    for node in (one, other):
        assert await node.claim(ALICE, "k:a") == Claimed(holder("k:a"))
    third = await cluster.node()
    assert await third.find(ALICE) == holder("k:a", node=one.id)
    await one.release(ALICE, "k:a")
    assert await one.claim(ALIKE, "k:b") == Taken(holder("k:a", node=other.id), "alice")
    assert await other.find(ALICE) == holder("k:a")
    await other.release(ALICE, "k:a")
    assert await one.find(ALICE) is None
    assert await one.claim(ALIKE, "k:b") == Claimed(holder("k:b", ALIKE))


async def test_who_is_replaced_here_and_lives_elsewhere_keeps_the_name(cluster: Cluster) -> None:
    one, other = await cluster.node(), await cluster.node()
    for node in (one, other):
        await node.claim(ALICE, "k:a")
    answer = await one.claim(ALICE, "k:b", replacing="k:a")
    assert answer == Taken(holder("k:a", node=other.id), "alice")
    await other.release(ALICE, "k:a")
    assert await one.claim(ALICE, "k:b", replacing="k:a") == Claimed(holder("k:b"))


async def test_who_comes_back_on_another_node_gets_the_name_in_use(cluster: Cluster) -> None:
    one, other = await cluster.node(), await cluster.node()
    await one.claim(BOB, "k:a")
    answer = await other.claim(ALICE, "k:a", returning=True)
    assert answer == Claimed(holder("k:a", BOB), instead=BOB)


async def test_what_is_kept_on_one_node_is_so_on_the_other(cluster: Cluster) -> None:
    one, other = await cluster.node(), await cluster.node()
    await one.claim(ALICE, "k:a")
    await one.keep(ALICE, "k:a")
    assert await other.claim(ALICE, "k:b") == Taken(holder("k:a", kept=True), "alice")
    assert await other.claim(BOB, "k:a") == Claimed(holder("k:a", BOB, kept=True))


async def test_the_limit_of_an_address_is_for_all_nodes_together(cluster: Cluster) -> None:
    nodes = [await cluster.node(names_per_address=7) for _ in range(2)]
    asked = [
        nodes[number % 2].ask(name, f"k:{number}", address="192.0.2.7")
        for number, name in enumerate(names(30))
    ]
    answers = await asyncio.gather(*asked)
    assert sum(isinstance(answer, Claimed) for answer in answers) == 7


# Nodes that go, and come back.


async def test_of_a_node_that_dies_the_borrowed_names_are_free_and_the_kept_ones_are_not(
    cluster: Cluster,
) -> None:
    one, other = await cluster.node(), await cluster.node()
    await one.claim(ALICE, "k:a")
    await one.claim(BOB, "k:b")
    await one.keep(BOB, "k:b")
    await one.die()
    assert await other.claim(ALICE, "k:c") == Taken(holder("k:a", node=one.id), "alice")
    await until_claimed(other, ALIKE, "k:c")
    assert await other.find(ALICE) is None
    assert await other.claim(BOB, "k:c") == Taken(holder("k:b", BOB, kept=True), "bob")


async def test_of_a_node_that_ends_the_borrowed_names_are_free_at_once(
    nats_server: NatsServer,
) -> None:
    async with cluster_on(nats_server.url, lease=60) as cluster:
        one, other = await cluster.node(), await cluster.node()
        await one.claim(ALICE, "k:a")
        await one.directory.close()
        assert await other.claim(ALICE, "k:b") == Claimed(holder("k:b"))


@pytest.mark.slow
async def test_a_node_that_stood_still_holds_no_longer_what_another_has_taken(
    cluster: Cluster,
) -> None:
    other = await cluster.node()
    command = (sys.executable, "-m", "tests.adapters.names_nodes")
    with LineProcess(
        [*command, cluster.url, cluster.prefix, str(LEASE), "Alice", "Bob"]
    ) as process:
        ready = await asyncio.to_thread(process.wait_for, "is ready")
        stopped = ready.split()[0]
        assert await other.claim(ALICE, "k:c") == Taken(holder(PROCESS, node=stopped), "alice")
        process.say("before")
        await asyncio.to_thread(process.wait_for, "before: stored")
        os.kill(process.pid, signal.SIGSTOP)
        process.say("meanwhile")
        await until_claimed(other, ALICE, "k:c")
        os.kill(process.pid, signal.SIGCONT)
        await asyncio.to_thread(process.wait_for, f"{PROCESS} has lost alice")
        # What was said to it under the name that others have by now is not said.
        await asyncio.to_thread(process.wait_for, "meanwhile: name_lost")
        process.say("after")
        await asyncio.to_thread(process.wait_for, "after: stored")
        assert await other.find(ALICE) == holder("k:c")
        # What nobody has taken meanwhile is held again.
        answer = await other.claim(BOB, "k:c")
        assert answer == Taken(holder(PROCESS, BOB, node=stopped), "bob")
        assert not any("lost bob" in line for line in process.lines)


# A node that is taken for gone while it decides. Every question waits.


class Slow:
    """Two nodes on values that wait at every question."""

    def __init__(
        self,
        *,
        answer_within: float = 60,
        names_per_address: int = 0,
        reads_at_once: bool = True,
    ) -> None:
        self.values = ValuesInMemory(waits=True, reads_at_once=reads_at_once)
        self.answers: dict[str, Any] = {}
        self.lost: list[tuple[str, str]] = []
        self.two_are_answered = asyncio.Event()
        self.nodes = {
            node: JetStreamDirectory(
                self.values,
                node,
                names_per_address=names_per_address,
                lease=60,
                answer_within=answer_within,
                lost=lambda *lost: self.lost.append(lost),
            )
            for node in ("one", "other")
        }

    def claim(self, node: str, name: Name, identity: str, *, address: str = "") -> None:
        answered = partial(self._answered, identity)
        claim(self.nodes[node], name, identity, answered, address=address)

    def _answered(self, identity: str, answer: ClaimAnswer) -> None:
        self.answers[identity] = answer
        if len(self.answers) == 2:
            self.two_are_answered.set()

    async def go_on(self, times: int) -> None:
        """Answers so many questions, and no more than there are."""
        for _ in range(times):
            await self._idle()
            if self.values.waiting:
                self.values.waiting.pop(0).set_result(None)
        await self._idle()

    def stand_still(self) -> None:
        """For longer than its lease, as the first sees it later, and the other at once."""
        self.values.expire(node_key("one"))
        self.nodes["one"]._lease._began = float("-inf")

    async def come_back(self) -> None:
        await self.nodes["one"]._lease._renew()

    async def end(self) -> None:
        for directory in self.nodes.values():
            await end_at_once(directory)

    async def _idle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)


@pytest.fixture
async def slow() -> AsyncIterator[Slow]:
    slow = Slow()
    yield slow
    await slow.end()


async def test_what_was_written_while_taken_for_gone_is_decided_again(slow: Slow) -> None:
    slow.claim("one", ALICE, "k:a")
    await slow.go_on(1)
    slow.stand_still()
    await slow.go_on(1)
    assert name_key("alice") in slow.values.values
    assert slow.answers == {}
    slow.claim("other", ALIKE, "k:b")
    await slow.go_on(9)
    assert slow.answers == {"k:b": Claimed(holder("k:b", ALIKE))}
    await slow.come_back()
    await slow.go_on(9)
    assert slow.answers["k:a"] == Taken(holder("k:b", ALIKE, node="other"), ALIKE.folded)


async def test_who_was_about_to_take_a_name_from_one_that_comes_back_decides_again(
    slow: Slow,
) -> None:
    slow.claim("one", ALICE, "k:a")
    await slow.go_on(1)
    slow.stand_still()
    await slow.go_on(1)
    slow.claim("other", ALICE, "k:b")
    await slow.go_on(1)
    (about_to_write,) = slow.values.waiting
    slow.values.waiting.clear()
    await slow.come_back()
    await slow.go_on(2)
    assert slow.answers == {"k:a": Claimed(holder("k:a"))}
    about_to_write.set_result(None)
    await slow.go_on(9)
    assert slow.answers["k:b"] == Taken(holder("k:a", node="one"), "alice")


async def test_what_was_read_while_taken_for_gone_is_not_answered(slow: Slow) -> None:
    slow.claim("one", ALICE, "k:a")
    await slow.go_on(9)
    found: list[Holder | Failed | None] = []
    slow.nodes["one"].find("alice", now=START, done=found.append)
    await slow.go_on(0)
    slow.stand_still()
    await slow.go_on(1)
    assert found == []
    slow.claim("other", ALICE, "k:b")
    await slow.go_on(9)
    await slow.come_back()
    await slow.go_on(9)
    assert found == [holder("k:b", node="other")]


@pytest.mark.parametrize("reads_at_once", [True, False])
async def test_what_is_refused_was_so_at_one_moment(*, reads_at_once: bool) -> None:
    slow = Slow(names_per_address=1, reads_at_once=reads_at_once)
    slow.values.waits = False
    slow.claim("one", BOB, "k:b", address="x")
    slow.claim("one", ALICE, "k:a")
    await slow.go_on(0)
    slow.values.waits = True
    slow.claim("other", ALIKE, "k:c", address="x")
    await slow.go_on(0)
    if reads_at_once:
        # Who looks so, and whom the address has let in, is read before who that is.
        await slow.go_on(1)
    else:
        # Whom the address has let in is read before who looks so.
        slow.values.waiting.pop().set_result(None)
        await slow.go_on(0)
    assert slow.values.waiting
    slow.values.waits = False
    slow.nodes["one"].release("bob", "k:b", now=START)
    await slow.go_on(0)
    slow.nodes["one"].release("alice", "k:a", now=START)
    # While the address had another name, Alice was in the way.
    await slow.go_on(len(slow.values.waiting))
    assert slow.answers["k:c"] == Claimed(holder("k:c", ALIKE))
    await slow.end()


async def test_what_is_said_here_waits_until_it_is_known_again_whose_the_names_are(
    slow: Slow,
) -> None:
    one = slow.nodes["one"]
    for name, identity in ((ALICE, "k:a"), (BOB, "k:b")):
        slow.claim("one", name, identity)
    await slow.go_on(9)
    await asyncio.wait_for(one.kept(), PATIENCE)
    slow.stand_still()
    slow.claim("other", ALIKE, "k:c")
    await slow.go_on(9)
    assert slow.answers["k:c"] == Claimed(holder("k:c", ALIKE))
    said = asyncio.ensure_future(one.kept())
    lost_by_then = list[Any]()
    said.add_done_callback(lambda _: lost_by_then.extend(slow.lost))
    await slow.go_on(9)
    await slow.come_back()
    await slow.go_on(1)
    assert not said.done()
    # Its lease ends once more, before all is known.
    slow.stand_still()
    await slow.go_on(9)
    assert not said.done()
    await slow.come_back()
    await slow.go_on(9)
    assert said.done()
    assert lost_by_then == slow.lost == [("alice", "k:a")]


async def test_the_names_of_many_are_looked_after_a_few_at_a_time(slow: Slow) -> None:
    one = slow.nodes["one"]
    slow.values.waits = False
    crowd = names(2 * HELD_AT_ONCE + 9)
    for name in crowd:
        slow.claim("one", name, f"k:{name.folded}")
    await slow.go_on(0)
    slow.stand_still()
    taken = [crowd[number] for number in (0, HELD_AT_ONCE - 1, HELD_AT_ONCE, -1)]
    for name in taken:
        slow.claim("other", name, f"k:other-{name.folded}")
    await slow.go_on(0)
    slow.values.waits = True
    await slow.come_back()
    for _ in range(9):
        await slow.go_on(1)
        assert len(slow.values.waiting) <= 1
    assert slow.lost == [(name.folded, f"k:{name.folded}") for name in taken]
    await asyncio.wait_for(one.kept(), PATIENCE)


async def test_a_fault_in_telling_of_one_lost_name_keeps_no_other_from_being_told(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.values.waits = False
    crowd = names(3)
    for name in crowd:
        slow.claim("one", name, f"k:{name.folded}")
    await slow.go_on(0)
    slow.stand_still()
    for name in crowd:
        slow.claim("other", name, f"k:other-{name.folded}")
    await slow.go_on(0)
    told: list[str] = []

    def raise_at_first(folded: str, _identity: str) -> None:
        told.append(folded)
        if len(told) == 1:
            raise RuntimeError

    monkeypatch.setattr(slow.nodes["one"], "_lost", raise_at_first)
    with capture_logs() as logs:
        await slow.come_back()
        await until(lambda: len(told) == len(crowd), "all")
    assert told == [name.folded for name in crowd]
    assert "that a name is lost could not be taken in" in [log["event"] for log in logs]


async def test_who_comes_behind_one_that_has_failed_waits_for_those_before_it() -> None:
    slow = Slow(answer_within=0.1)
    slow.claim("one", ALICE, "k:a")
    slow.claim("one", ALICE, "k:b")
    await slow.go_on(1)
    await asyncio.wait_for(slow.two_are_answered.wait(), PATIENCE)
    assert slow.answers == dict.fromkeys(("k:a", "k:b"), Failed("NATS does not answer"))
    # The first sees to it that its writing comes to nothing.
    slow.claim("one", ALICE, "k:c")
    await slow.go_on(0)
    assert len([turn for turn in slow.values.waiting if not turn.done()]) == 1
    await slow.end()


async def test_a_fault_of_ours_is_told_to_who_waits_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = ValuesInMemory()
    directory = JetStreamDirectory(values, "one", lease=60, lost=lambda *_: None)
    await directory._lease.held()

    async def raise_fault(_keys: object) -> dict[str, Value]:
        raise RuntimeError

    monkeypatch.setattr(values, "read", raise_fault)
    answers: list[Any] = []
    with capture_logs() as logs:
        claim(directory, ALICE, "k:a", answers.append)
        directory.find("alice", now=START, done=answers.append)
        directory.keep(ALICE, "k:a", now=START)
        await until(lambda: len(logs) == 3, "what has failed")
    assert answers == [Failed("a fault of the server's")] * 2
    monkeypatch.undo()
    claim(directory, ALICE, "k:a", answers.append)
    await until(lambda: answers[-1] == Claimed(holder("k:a")), "the name")
    await end_at_once(directory)


async def test_who_has_claimed_a_name_is_told_when_all_is_ready_for_them() -> None:
    arrived: list[str] = []
    is_ready = asyncio.Event()

    async def claimed(identity: str) -> None:
        arrived.append(identity)
        await is_ready.wait()

    directory = JetStreamDirectory(
        ValuesInMemory(), "one", lease=60, lost=lambda *_: None, claimed=claimed
    )
    await directory._lease.held()
    answers: list[Any] = []
    claim(directory, ALICE, "k:a", answers.append)
    await until(lambda: arrived == ["k:a"], "one who comes")
    assert answers == []
    is_ready.set()
    await until(lambda: bool(answers), "the name")
    claim(directory, ALICE, "k:b", answers.append)
    await until(lambda: len(answers) == 2, "a refusal")
    assert isinstance(answers[1], Taken)
    assert arrived == ["k:a"]
    await end_at_once(directory)


async def test_a_name_is_not_taken_for_one_for_whom_nothing_can_be_made_ready() -> None:
    async def claimed(_identity: str) -> None:
        raise KeyError("a fault of ours")

    values = ValuesInMemory()
    directory = JetStreamDirectory(values, "one", lease=60, lost=lambda *_: None, claimed=claimed)
    answers: list[Any] = []
    with capture_logs() as logs:
        claim(directory, ALICE, "k:a", answers.append)
        await until(lambda: not directory._tasks, "its end")
    assert [log["event"] for log in logs] == ["a name could not be claimed"]
    directory.find("alice", now=START, done=answers.append)
    await until(lambda: len(answers) == 2, "nobody")
    assert answers == [Failed("a fault of the server's"), None]
    await end_at_once(directory)


async def test_that_names_cannot_be_decided_on_is_said_with_the_reason_and_not_every_time() -> None:
    values = ValuesInMemory()
    directory = JetStreamDirectory(values, "one", lease=60, lost=lambda *_: None)
    await directory._lease.held()
    values.values[name_key("alice")] = Value(b"no record", 1)
    with capture_logs() as logs:
        directory.keep(ALICE, "k:a", now=START)
        directory.keep(ALICE, "k:a", now=START)
        await until(lambda: bool(logs), "a warning")
        values.values.clear()
        await asyncio.wait_for(directory.kept(), PATIENCE)
    (log,) = logs
    assert log["event"] == "a name cannot be decided on; trying again"
    assert "malformed" in log["error"]
    await end_at_once(directory)


async def test_who_has_just_come_back_takes_nobody_for_gone(slow: Slow) -> None:
    slow.claim("other", ALICE, "k:b")
    await slow.go_on(9)
    # As where NATS is away for longer than a lease: all have lapsed, and one is back first.
    slow.stand_still()
    slow.values.expire(node_key("other"))
    await slow.come_back()
    slow.claim("one", ALICE, "k:a")
    await slow.go_on(9)
    assert slow.answers["k:a"] == Taken(holder("k:b", node="other"), "alice")
    slow.nodes["one"]._lease._judges_from = float("-inf")
    slow.claim("one", ALICE, "k:a")
    await slow.go_on(9)
    assert slow.answers["k:a"] == Claimed(holder("k:a"))


# An operator.


async def test_an_operator_frees_a_kept_name(cluster: Cluster) -> None:
    one, other = await cluster.node(), await cluster.node()
    await one.claim(ALICE, "k:a")
    assert not await release_name(other.values, "alice")
    await one.keep(ALICE, "k:a")
    assert await release_name(other.values, "alice")
    # Who uses it goes on using it.
    assert await other.find(ALICE) == holder("k:a", node=one.id)
    await one.keep(ALICE, "k:a")
    await one.release(ALICE, "k:a")
    assert await release_name(other.values, "alice")
    assert await other.find(ALICE) is None
    assert not await release_name(other.values, "alice")
    assert await other.claim(ALIKE, "k:b") == Claimed(holder("k:b", ALIKE))


# NATS away.


@pytest.fixture
async def nats_of_its_own(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server that a test may hurt."""
    with NatsServer(tmp_path) as server:
        yield server
        os.kill(server.pid, signal.SIGCONT)


async def failing(node: Node, name: Name, identity: str, **other: Any) -> None:
    """Claims a name, which must fail soon."""
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await node.claim(name, identity, **other), Failed)


@pytest.mark.slow
async def test_while_nats_is_away_claims_and_looks_fail_and_later_nothing_is_left_of_them(
    nats_of_its_own: NatsServer,
) -> None:
    async with cluster_on(nats_of_its_own.url, lease=60) as cluster:
        one = await cluster.node(answer_within=0.3)
        other = await cluster.node()
        await one.claim(BOB, "k:b")
        await asyncio.to_thread(nats_of_its_own.kill)
        await failing(one, ALICE, "k:a")
        # Who waits behind one that has failed does not wait for longer.
        await failing(one, ALICE, "k:a")
        assert isinstance(await one.find(BOB), Failed)
        one.directory.keep(BOB, "k:b", now=START)
        one.directory.release("bob", "k:b", now=START)
        await asyncio.to_thread(nats_of_its_own.start)
        await asyncio.to_thread(nats_of_its_own.wait_ready)
        # What is not answered is done as soon as it can be.
        await one.settle()
        assert await other.find(BOB) == holder("k:b", BOB, kept=True)
        assert await other.claim(ALIKE, "k:c") == Claimed(holder("k:c", ALIKE))


@pytest.mark.slow
@pytest.mark.parametrize("is_held", [False, True])
async def test_a_claim_that_nats_takes_in_too_late_has_no_effect(
    nats_of_its_own: NatsServer, is_held: bool
) -> None:
    async with cluster_on(nats_of_its_own.url, lease=60) as cluster:
        one = await cluster.node(answer_within=0.5)
        other = await cluster.node()
        if is_held:
            await one.claim(ALICE, "k:a")
        write = one.values.write

        async def stand_still_and_write(changes: list[Change]) -> int:
            stand_still(nats_of_its_own.pid)
            return await write(changes)

        one.values.write = stand_still_and_write  # type: ignore[assignment, method-assign]
        await failing(one, ALICE, "k:a")
        one.values.write = write  # type: ignore[method-assign]
        os.kill(nats_of_its_own.pid, signal.SIGCONT)
        await one.settle()
        # Nobody holds it but who did before.
        held = holder("k:a", node=one.id) if is_held else None
        assert await other.find(ALICE) == held
        if not is_held:
            assert await other.claim(ALIKE, "k:c") == Claimed(holder("k:c", ALIKE))


# A node that is lost between any two messages of a claim.


class DeafLink(Link):
    """A connection on which nothing is read while it does not hear."""

    @cached_property
    def hears(self) -> asyncio.Event:
        return asyncio.Event()

    async def request(self, subject: str, *arguments: Any, **keywords: Any) -> Message:
        if ".MSG.GET." in subject:
            await self.hears.wait()
        return await super().request(subject, *arguments, **keywords)


async def test_a_storm_that_is_not_answered_leaves_nothing_in_the_way_of_who_tries_again(
    cluster: Cluster,
) -> None:
    here = await cluster.node(link=DeafLink, answer_within=0.2)
    assert isinstance(here.link, DeafLink)
    storm = [here.ask(name, f"k:{number}") for number, name in enumerate(names(500))]
    assert set(await asyncio.gather(*storm)) == {Failed("NATS does not answer")}
    await until(lambda: not len(here.values._reads), "the end of all reads")
    here.link.hears.set()
    await until_claimed(here, ALICE, "k:a")


class CutLink(Link):
    """A connection that writes only so many messages of a batch."""

    left = 0

    def publish(
        self, subject: str, payload: bytes = b"", *, reply: str = "", headers: Headers | None = None
    ) -> None:
        if headers is not None and "Nats-Batch-Id" in headers:
            if "Nats-Batch-Commit" in headers:
                self.commits.set()
            if self.left == 0:
                return
            self.left -= 1
        super().publish(subject, payload, reply=reply, headers=headers)

    @cached_property
    def commits(self) -> asyncio.Event:
        return asyncio.Event()


@pytest.mark.parametrize("written", range(5))
async def test_a_node_lost_after_so_many_messages_of_a_claim_leaves_all_of_it_or_nothing(
    cluster: Cluster, written: int
) -> None:
    one = await cluster.node(link=CutLink, names_per_address=1)
    other = await cluster.node(names_per_address=1)
    assert isinstance(one.link, CutLink)
    one.link.left = written
    asked = one.ask(ALICE, "k:a", address="192.0.2.7")
    await one.link.commits.wait()
    # What is written before something else is taken in before that.
    values = Values(one.link, cluster.prefix)
    assert await values.write([Change(f"{NAMES}.else", b"1", 0)])
    keys = await values.keys(f"{NAMES}.")
    assert len(keys) == 1 + (4 if written == 4 else 0)
    await one.die()
    if written < 4:
        assert not asked.done()
        assert isinstance(await other.claim(ALIKE, "k:b", address="192.0.2.7"), Claimed)
    else:
        assert isinstance(await other.claim(ALIKE, "k:b", address="192.0.2.7"), Taken)
        await until_claimed(other, ALIKE, "k:b", address="192.0.2.7")
    assert await other.find(ALICE) is None
    answer = await other.claim(BOB, "k:c", address="192.0.2.7")
    assert answer == TooManyNames(retry_after=60_000)
