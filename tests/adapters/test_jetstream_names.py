"""Decisions on values: each by itself, and those of many nodes interleaved at every question."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from tests.adapters.values_in_memory import ASKING, ValuesInMemory

from causerie.adapters.jetstream_directory import JetStreamDirectory
from causerie.adapters.jetstream_names import (
    MOST_NAMES,
    Change,
    Counted,
    Record,
    Transaction,
    UnreadError,
    Value,
    address_key,
    identity_key,
    name_key,
    node_key,
    skeleton_key,
)
from causerie.adapters.naming_rules import DAY, Kept, Rules
from causerie.chat.names import Name
from causerie.ports import Claimed, Holder, Taken, TooManyNames
from causerie.testing.contracts import START
from causerie.testing.contracts_directory import ALICE, ALIKE, BOB, SHOUTED, names
from causerie.testing.contracts_model import DirectoryModel


class Store:
    """Values, and nodes that decide on them one after the other."""

    def __init__(self, *nodes: str) -> None:
        self.values: dict[str, Value] = {}
        self.revision = 0
        self.alive = set(nodes)
        self.reads: list[Collection[str]] = []
        self.faded: set[str] = set()
        """The keys under which nothing stands any more, if that may be forgotten."""

    def decide(self, node: str, decide: Callable[[Rules, Transaction], Any], *keys: str) -> Any:
        known = {key: self._read(key) for key in keys}
        self.reads.clear()
        while True:
            transaction = Transaction(known, node)
            try:
                answer = decide(Rules(transaction, transaction, names_per_address=2), transaction)
                self._write(transaction.changes())
            except UnreadError as unread:
                self.reads.append(unread.keys)
                known |= {key: self._read(key) for key in unread.keys}
            else:
                return answer

    def claim(self, node: str, name: Name, identity: str, **other: Any) -> Any:
        arguments: dict[str, Any] = {"address": "", "now": 0, "replacing": None}
        arguments |= {"returning": False} | other
        return self.decide(node, lambda rules, _: rules.claim(name, identity, **arguments))

    def release(self, node: str, name: Name, identity: str) -> None:
        self.decide(node, lambda rules, _: rules.release(name.folded, identity, now=0))

    def keep(self, node: str, name: Name, identity: str, *, now: int = 0) -> None:
        self.decide(node, lambda rules, _: rules.keep(name, identity, now=now))

    def find(self, node: str, name: Name) -> Holder | None:
        found: Holder | None = self.decide(node, lambda rules, _: rules.find(name.folded, now=0))
        return found

    def stands(self) -> set[str]:
        """The keys that have values."""
        return {key for key, value in self.values.items() if value.data}

    def _write(self, changes: Sequence[Change]) -> None:
        for change in changes:
            assert self._read(change.key).revision == change.replaced
            self.revision += 1
            self.values[change.key] = Value(change.data, self.revision)
            if change.fades and not change.data:
                self.faded.add(change.key)

    def _read(self, key: str) -> Value:
        for node in self.alive:
            if key == node_key(node):
                return Value(b"1", 1)
        return self.values.get(key, Value(b"", 0))


def test_keys_are_words_that_a_subject_may_have() -> None:
    assert name_key("alice") == "names.n.mfwgsy3f"
    for key in (name_key("Ж.*>"), skeleton_key("x" * 32), identity_key("k:a"), address_key("b")):
        assert all(part.isalnum() for part in key.split("."))
        assert key == key.lower()
    with pytest.raises(UnicodeEncodeError):
        name_key("\ud800")


def test_that_a_name_is_free_is_never_forgotten() -> None:
    store = Store("one")
    store.claim("one", ALICE, "k:a", address="x")
    store.release("one", ALICE, "k:a")
    assert store.faded == {identity_key("k:a"), address_key("x")}


def test_what_is_given_up_leaves_nothing_behind() -> None:
    store = Store("one")
    store.claim("one", ALICE, "k:a", address="x")
    assert store.stands() == {
        name_key("alice"),
        skeleton_key("alice"),
        identity_key("k:a"),
        address_key("x"),
    }
    store.release("one", ALICE, "k:a")
    assert store.stands() == set()


def test_what_a_node_that_is_gone_has_left_of_the_looks_of_a_name_goes() -> None:
    store = Store("one", "two")
    store.claim("one", ALICE, "k:a", address="x")
    store.alive.remove("one")
    assert store.find("two", ALICE) is None
    assert isinstance(store.claim("two", ALIKE, "k:b"), Claimed)
    assert store.stands() == {name_key("aliсe"), skeleton_key("alice"), identity_key("k:b")}
    # Should it come back, it finds nothing that is its own.
    store.alive.add("one")
    assert store.find("one", ALICE) is None
    assert store.decide("one", lambda _, transaction: transaction.renew("alice")) is None


def test_a_name_that_its_holder_takes_on_another_node_is_in_use_on_both() -> None:
    store = Store("one", "two")
    store.claim("one", ALICE, "k:a")
    store.claim("two", SHOUTED, "k:a")
    store.claim("two", SHOUTED, "k:a")
    record = msgspec.json.decode(store.values[name_key("alice")].data, type=Record)
    assert (record.nodes, record.display) == (("one", "two"), "ALICE")
    store.alive.remove("one")
    store.claim("two", ALICE, "k:a")
    record = msgspec.json.decode(store.values[name_key("alice")].data, type=Record)
    assert record.nodes == ("two",)


def test_a_name_whose_looks_another_version_works_out_otherwise_is_still_the_same_name() -> None:
    store = Store("old", "new")
    newer = msgspec.structs.replace(ALICE, skeleton="a1ice")
    store.claim("old", ALICE, "k:a")
    assert isinstance(store.claim("new", newer, "k:b"), Taken)
    assert isinstance(store.claim("new", newer, "k:a"), Claimed)
    assert store.stands() == {name_key("alice"), skeleton_key("a1ice"), identity_key("k:a")}


def test_only_so_many_names_of_an_identity_are_known_by_their_order() -> None:
    store = Store("one")
    many = names(MOST_NAMES + 5)
    for name in many:
        store.claim("one", name, "k:a")
    known = msgspec.json.decode(store.values[identity_key("k:a")].data)
    assert known == [name.folded for name in many[-MOST_NAMES:]]
    for name in many:
        store.release("one", name, "k:a")
    assert store.stands() == set()


def test_a_name_that_is_put_last_is_the_last_one_of_its_holder() -> None:
    store = Store("one")
    first, second = names(2)

    def put(name: Name, claimed: int) -> None:
        kept = Kept(
            folded=name.folded,
            skeleton=name.skeleton,
            display=name.display,
            identity="k:a",
            address="",
            created=1,
            used=2,
            claimed=claimed,
        )
        store.decide("", lambda _, transaction: transaction.put_last(kept))

    put(first, 3)
    put(second, 4)
    put(first, 5)
    known = msgspec.json.decode(store.values[identity_key("k:a")].data)
    assert known == [second.folded, first.folded]
    last = store.decide("", lambda _, transaction: transaction.last("k:a"))
    assert (last.folded, last.claimed) == (first.folded, 5)


def test_several_records_are_asked_for_at_once() -> None:
    store = Store("one")
    for name in names(5):
        store.claim("one", name, "k:a")
    store.claim("one", BOB, "k:a")
    assert len(store.reads) == 4
    assert max(len(keys) for keys in store.reads) == 5


def test_an_address_is_known_no_longer_than_it_counts() -> None:
    store = Store("one", "two")
    one, other, third = names(3)
    store.claim("one", one, "k:1", address="x")
    store.keep("one", one, "k:1", now=5)
    store.claim("two", other, "k:2", address="x")
    assert isinstance(store.claim("one", third, "k:3", address="x", now=6), TooManyNames)
    counted = msgspec.json.decode(store.values[address_key("x")].data, type=dict[str, Counted])
    assert counted == {
        one.folded: Counted(created=5),
        other.folded: Counted(nodes=("two",)),
    }
    # Of a name that is kept, no address is known elsewhere.
    assert b"address" not in store.values[name_key(one.folded)].data

    store.alive.remove("two")
    assert isinstance(store.claim("one", third, "k:3", address="x", now=6), Claimed)
    assert isinstance(store.claim("one", BOB, "k:4", address="x", now=6), TooManyNames)
    assert isinstance(store.claim("one", BOB, "k:4", address="x", now=5 + DAY), Claimed)


def test_who_is_let_in_by_the_count_of_an_address_writes_what_was_counted() -> None:
    """Somebody else who counts at once then counts again, though the number is the same."""
    store = Store("one")
    store.claim("one", ALICE, "k:a", address="x")
    before = store.values[address_key("x")]
    assert isinstance(
        store.claim("one", ALICE, "k:b", address="x", replacing="k:a", now=1), Claimed
    )
    after = store.values[address_key("x")]
    assert after.data == before.data
    assert after.revision > before.revision


def test_what_no_longer_counts_is_forgotten_of_an_address() -> None:
    store = Store("one", "two")
    one, other = names(2)
    store.claim("one", one, "k:1", address="x")
    store.keep("one", one, "k:1", now=5)
    store.claim("two", other, "k:2", address="x")

    def forget(created: int) -> dict[str, Counted]:
        store.decide(
            "one", lambda _, transaction: transaction.forget_addresses(created), address_key("x")
        )
        data = store.values[address_key("x")].data
        return msgspec.json.decode(data, type=dict[str, Counted]) if data else {}

    assert forget(4) == {one.folded: Counted(created=5), other.folded: Counted(nodes=("two",))}
    assert forget(5) == {other.folded: Counted(nodes=("two",))}
    store.alive.remove("two")
    assert forget(5) == {}
    # Of what a node that is gone had borrowed nothing is left.
    assert store.stands() == {
        name_key(one.folded),
        skeleton_key(one.skeleton),
        identity_key("k:1"),
    }


def test_what_is_decided_anew_is_written_even_if_it_is_as_it_was() -> None:
    store = Store("one")
    store.claim("one", ALICE, "k:a")
    before = store.revision
    record = store.decide("one", lambda _, transaction: transaction.renew("alice"))
    assert record.identity == "k:a"
    assert store.revision == before + 1
    # Also what is not there.
    assert store.decide("one", lambda _, transaction: transaction.renew("bob")) is None
    assert store.values[name_key("bob")] == Value(b"", before + 2)


# Many nodes, interleaved.

NODES: Final = ("one", "two", "three")
NAMES: Final = (ALICE, SHOUTED, ALIKE, BOB)
LIMIT: Final = 2


class Asked:
    """Something that was asked of a node."""

    def __init__(
        self, apply: Callable[[DirectoryModel, Any], None], *, has_answer: bool = True
    ) -> None:
        self.has_answer = has_answer
        self.apply = apply
        """Has a model take it in, with the answer, or fail."""
        self.seen: list[DirectoryModel] = []
        """What was so at any time since it was asked for."""
        self.is_written = False
        self.is_answered = False


class NodesMachine(RuleBasedStateMachine):
    """Several directories on one store. An identity is on one node, so that a model without nodes
    says what is so: each change at the moment at which it is written; an answer that changes
    nothing, at some moment since it was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = ValuesInMemory(waits=True, reads_at_once=False)
        self.store.written = self._written
        self.model = DirectoryModel(LIMIT)
        self.asked: list[Asked] = []
        self.written: list[Asked] = []
        self.starts = 0
        self.faults: list[Exception] = []
        self.directories: dict[str, JetStreamDirectory] = {}
        for node in NODES:
            self.loop.run_until_complete(self._start(node))

    def teardown(self) -> None:
        self.settle()
        for node in NODES:
            self.loop.run_until_complete(self._kill(node))
        self.loop.close()

    @rule(
        node=st.sampled_from(NODES),
        who=st.sampled_from(["k:a", "k:b", "s:c"]),
        name=st.sampled_from(NAMES),
        address=st.sampled_from(["", "x"]),
        replacing=st.sampled_from([None, None, "k:a", "k:b", "s:c"]),
        returning=st.booleans(),
    )
    def claim(  # noqa: PLR0917 Hypothesis names them
        self,
        node: str,
        who: str,
        name: Name,
        address: str,
        replacing: str | None,
        returning: bool,
    ) -> None:
        arguments: dict[str, Any] = {
            "address": address,
            "now": START,
            "replacing": replacing and f"{replacing}-{node}",
            "returning": returning,
        }
        identity = f"{who}-{node}"
        asked = Asked(lambda model, answer: model.claim(name, identity, answer=answer, **arguments))
        self._ask(
            asked,
            lambda: self.directories[node].claim(
                name, identity, done=lambda answer: self._answered(asked, answer), **arguments
            ),
        )

    @rule(
        node=st.sampled_from(NODES),
        who=st.sampled_from(["k:a", "k:b"]),
        name=st.sampled_from(NAMES),
    )
    def keep(self, node: str, who: str, name: Name) -> None:
        identity = f"{who}-{node}"
        asked = Asked(lambda model, _: model.keep(name, identity, now=START), has_answer=False)
        self._ask(asked, lambda: self.directories[node].keep(name, identity, now=START))

    @rule(
        node=st.sampled_from(NODES),
        who=st.sampled_from(["k:a", "k:b", "s:c"]),
        name=st.sampled_from(NAMES),
    )
    def release(self, node: str, who: str, name: Name) -> None:
        identity = f"{who}-{node}"
        asked = Asked(
            lambda model, _: model.release(name.folded, identity, now=START), has_answer=False
        )
        self._ask(asked, lambda: self.directories[node].release(name.folded, identity, now=START))

    @rule(node=st.sampled_from(NODES), name=st.sampled_from(NAMES))
    def find(self, node: str, name: Name) -> None:
        def check(model: DirectoryModel, answer: Any) -> None:
            told = msgspec.structs.replace(answer, node="") if answer else None
            assert told == model.find(name.folded, START)

        asked = Asked(check)
        self._ask(
            asked,
            lambda: self.directories[node].find(
                name.folded, now=START, done=lambda answer: self._answered(asked, answer)
            ),
        )

    @rule(which=st.integers(0, 99), count=st.integers(1, 4))
    def go_on(self, which: int, count: int) -> None:
        for _ in range(count):
            if self.store.waiting:
                turn = self.store.waiting.pop(which % len(self.store.waiting))
                if not turn.done():
                    turn.set_result(None)
                self.run()

    @rule(node=st.sampled_from(NODES), chance=st.integers(0, 3))
    def crash(self, node: str, chance: int) -> None:
        if chance:
            return
        self.loop.run_until_complete(self._kill(node))
        gone = [
            folded
            for folded, (_, identity) in self.model.in_use.items()
            if identity.endswith(f"-{node}")
        ]
        self._change(lambda model: [model.in_use.pop(folded) for folded in gone])
        self.loop.run_until_complete(self._start(node))

    @rule()
    def bring_back(self) -> None:
        if not self.store.waiting:  # it takes a minute
            self.store.bring_back()

    @rule()
    def settle(self) -> None:
        """Lets all go on to its end, and compares who holds what."""
        while self.store.waiting:
            self.go_on(0, 1)
        for node in NODES:
            for name in NAMES:
                self.find(node, name)
        while self.store.waiting:
            self.go_on(0, 1)

    def run(self) -> None:
        self.loop.run_until_complete(self._idle())
        if self.faults:
            raise self.faults[0]

    async def _idle(self) -> None:
        """Has all go on that does not wait for the store, to its end: of many who were asked about
        one name each takes turns of its own.
        """
        await asyncio.sleep(0)
        while self.loop._ready:  # type: ignore[attr-defined]  # noqa: ASYNC110 nobody tells
            await asyncio.sleep(0)

    async def _start(self, node: str) -> None:
        self.starts += 1
        self.directories[node] = JetStreamDirectory(
            self.store,
            f"{node}{self.starts}",
            names_per_address=LIMIT,
            lease=1e6,
            answer_within=1e6,
            lost=_unexpected,
        )
        await self._idle()

    async def _kill(self, node: str) -> None:
        directory = self.directories[node]
        await directory._drop()
        await directory._lease.abandon()
        self.store.expire(node_key(directory._node))

    def _ask(self, asked: Asked, ask: Callable[[], None]) -> None:
        asked.seen.append(self.model)
        self.asked.append(asked)
        token = ASKING.set(asked)
        ask()
        ASKING.reset(token)
        self.run()

    def _change(self, change: Callable[[DirectoryModel], object]) -> None:
        model = self.model.copy()
        model.in_use = dict(self.model.in_use)
        model.borrowed = dict(self.model.borrowed)
        model.claims = list(self.model.claims)
        change(model)
        self.model = model
        for asked in self.asked:
            if not asked.is_answered:
                asked.seen.append(model)

    def _written(self, asked: object) -> None:
        if isinstance(asked, Asked):
            asked.is_written = True
            if not asked.has_answer:
                self._change(lambda model: asked.apply(model, None))

    def _answered(self, asked: Asked, answer: Any) -> None:
        try:
            self._check(asked, answer)
        except (AssertionError, KeyError) as error:
            self.faults.append(error)

    def _check(self, asked: Asked, answer: Any) -> None:
        asked.is_answered = True
        if isinstance(answer, Taken):
            holder = msgspec.structs.replace(answer.holder, node="")
            answer = Taken(holder, answer.folded)
        if asked.is_written:
            self._change(lambda model: asked.apply(model, answer))
            return
        reasons = []
        for model in asked.seen:
            try:
                asked.apply(model, answer)
            except (AssertionError, KeyError) as error:
                reasons.append(error)
            else:
                return
        raise reasons[-1]


@pytest.mark.slow
def test_nodes_that_decide_at_once_decide_as_one_would() -> None:
    run_state_machine_as_test(
        NodesMachine, settings=settings(max_examples=80, stateful_step_count=50)
    )


def _unexpected(folded: str, identity: str) -> None:
    raise AssertionError(f"{identity} has lost {folded}")
