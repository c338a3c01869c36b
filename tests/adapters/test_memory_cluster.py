"""The log and the directory of a cluster in memory: one node alone, and several."""

from collections.abc import Callable
from itertools import cycle
from random import Random

import pytest

from causerie.adapters.memory_cluster import SharedMemoryDirectory, SharedMemoryLog, SharedNames
from causerie.adapters.memory_store import MemoryStore
from causerie.chat.entry import Entry
from causerie.ports import Claimed, Directory, Head, Holder, Log, Taken
from causerie.testing.contracts import START, Answer, Recorder, Storage, draft, private
from causerie.testing.contracts_directory import ALICE, BOB, DirectoryContract
from causerie.testing.contracts_log import LogContract
from causerie.testing.contracts_machine import MachineContract
from causerie.testing.contracts_reading import ReadingContract
from causerie.testing.contracts_trimming import TrimmingContract


class SharedStorage(Storage):
    """A store with one node on it."""

    def __init__(self, *, gaps: bool = False, shuffled: bool = False) -> None:
        self.store = MemoryStore()
        self.steps: list[Callable[[], None]] = []
        self.stride = cycle([1, 3, 2] if gaps else [1]).__next__
        self.chance = Random(1) if shuffled else None
        self.lost = 0
        self.log: SharedMemoryLog | None = None

    def open(self, clock: Callable[[], int], *, names_per_address: int) -> tuple[Log, Directory]:
        self._leave()
        later = self.steps.append
        self.log = SharedMemoryLog(self.store, clock, later, bring=later, stride=self.stride)
        names = SharedNames(self.store, names_per_address=names_per_address)
        return self.log, SharedMemoryDirectory(names, "node", later)

    def step(self, timeout: float) -> None:  # noqa: ARG002 there is nothing to wait for
        if self.steps:
            which = self.chance.randrange(len(self.steps)) if self.chance else 0
            self.steps.pop(which)()

    def crash(self) -> None:
        self._leave()

    def save(self) -> object:
        return self.store.copy()

    def restore(self, saved: object) -> None:
        assert isinstance(saved, MemoryStore)
        self._leave()
        self.store = saved.copy()

    def lose(self) -> None:
        self.lost += 1
        self.store.begin_again(f"epoch-{self.lost + 1}")

    def dispose(self) -> None:
        self.steps.clear()

    def _leave(self) -> None:
        if self.log is not None:
            self.log.die()
            self.log = None


class Plain:
    def storage(self) -> Storage:
        return SharedStorage()


class WithGaps:
    def storage(self) -> Storage:
        return SharedStorage(gaps=True)


class Shuffled:
    def storage(self) -> Storage:
        return SharedStorage(shuffled=True)


class TestLog(Plain, LogContract): ...


class TestLogWithGaps(WithGaps, LogContract): ...


class TestLogInAnyOrderOfSteps(Shuffled, LogContract): ...


class TestReading(Plain, ReadingContract): ...


class TestTrimming(Plain, TrimmingContract): ...


class TestDirectory(Plain, DirectoryContract): ...


@pytest.mark.slow
class TestMachineInAnyOrderOfSteps(Shuffled, MachineContract): ...


class Addressed(Recorder):
    """A recorder of a node that follows somebody."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def addressed(self, entry: Entry) -> None:
        assert entry.room not in self.at
        self.told.append(entry.id)


class Node:
    """A log among others."""

    def __init__(self, store: MemoryStore, steps: list[Callable[[], None]]) -> None:
        self.steps = steps
        self.recorder = Addressed()
        self.log = SharedMemoryLog(store, lambda: START, steps.append, bring=steps.append)
        self.log.observe(self.recorder)

    def store(self, *ids: str, room: str = "room") -> None:
        """Appends some messages, and waits for nothing."""
        for id in ids:
            self.recorder.waiting.append(draft(id, room=room, content=id))
            self.log.append(self.recorder.waiting[-1])

    def store_privately(self, id: str, identity: str = "alice", peer: str = "bob") -> None:
        """Appends a private message, and waits for nothing."""
        self.recorder.waiting.append(private(id, room="~talk", identity=identity, peer=peer))
        self.log.append(self.recorder.waiting[-1])

    def watch(self, room: str) -> Answer[Head]:
        """Watches a room; the recorder checks what follows."""
        answer = Answer[Head]()

        def told(head: object) -> None:
            assert isinstance(head, Head)
            self.recorder.at[room] = head.seq
            answer(head)

        self.log.watch(room, told)
        return answer


def nodes(count: int) -> tuple[list[Node], list[Callable[[], None]], MemoryStore]:
    steps: list[Callable[[], None]] = []
    store = MemoryStore()
    return [Node(store, steps) for _ in range(count)], steps, store


def run(steps: list[Callable[[], None]], chance: Random | None = None) -> None:
    while steps:
        steps.pop(chance.randrange(len(steps)) if chance else 0)()


def test_what_one_node_stores_is_told_to_all_that_watch_in_one_order() -> None:
    for seed in range(50):
        chance = Random(seed)
        (one, other, third), steps, store = nodes(3)
        for node in (one, other):
            node.watch("room")
        for number in range(6):
            one.store(f"a{number}")
            other.store(f"b{number}", room="room" if number % 2 else "elsewhere")
            for _ in range(chance.randrange(4)):
                if steps:
                    steps.pop(chance.randrange(len(steps)))()
        one.watch("elsewhere")
        run(steps, chance)
        assert one.recorder.at["room"] == other.recorder.at["room"] == store.head("room").seq
        assert one.recorder.at["elsewhere"] == store.head("elsewhere").seq
        assert not one.recorder.waiting
        assert not other.recorder.waiting
        assert third.recorder.commits == []


def test_an_outcome_waits_for_its_entry_only_where_that_is_to_be_told() -> None:
    (one, other), steps, _ = nodes(2)
    one.watch("room")
    run(steps)
    other.store("elsewhere")
    one.store("1")
    one.log.unwatch("room")
    del one.recorder.at["room"]
    run(steps)
    assert not one.recorder.waiting


def test_a_private_entry_is_told_to_whoever_follows_one_of_the_two() -> None:
    (one, other, third, stranger), steps, _ = nodes(4)
    other.log.follow("bob")
    third.log.follow("alice")
    stranger.log.follow("mallory")
    one.store_privately("1")
    one.store_privately("2", "bob", "alice")
    one.store("public")
    run(steps)
    assert other.recorder.told == third.recorder.told == ["1", "2"]
    assert stranger.recorder.told == one.recorder.told == []


def test_who_watches_a_conversation_or_follows_no_longer_is_not_addressed() -> None:
    (one, other, third), steps, _ = nodes(3)
    other.log.follow("bob")
    other.watch("~talk")
    third.log.follow("bob")
    third.log.unfollow("bob")
    run(steps)
    one.store_privately("1")
    run(steps)
    assert other.recorder.told == third.recorder.told == []
    assert [entry.id for entry in other.recorder.entries["~talk"]] == ["1"]


def test_who_watches_when_addressed_misses_nothing_in_between() -> None:
    for seed in range(50):
        chance = Random(seed)
        (one, other), steps, store = nodes(2)
        other.log.follow("bob")
        for number in range(4):
            one.store_privately(str(number))
        while not other.recorder.told:
            steps.pop(chance.randrange(len(steps)))()
        other.watch("~talk")
        one.store_privately("last")
        run(steps, chance)
        assert other.recorder.told[0] == "0"
        assert other.recorder.at["~talk"] == store.head("~talk").seq


def test_who_answers_at_once_is_told_of_what_came_before_the_answer() -> None:
    for seed in range(50):
        chance = Random(seed)
        (one, other), steps, store = nodes(2)
        other.log.follow("bob")
        one.store_privately("1")
        while "~talk" not in store.rooms:
            steps.pop(chance.randrange(len(steps)))()
        other.watch("~talk")
        other.store_privately("2", "bob", "alice")
        for _ in range(chance.randrange(6)):
            if steps:
                steps.pop(chance.randrange(len(steps)))()
        if "~talk" in other.recorder.at and not other.recorder.waiting:
            other.log.unwatch("~talk")
            del other.recorder.at["~talk"]
        one.store_privately("3")
        run(steps, chance)
        told = [*other.recorder.told, *other.recorder.entries.get("~talk", ())]
        assert told[0] == "1", f"with seed {seed}"


def test_a_dead_node_is_told_nothing_and_stores_nothing() -> None:
    (one, other), steps, store = nodes(2)
    other.watch("room")
    run(steps)
    other.log.follow("bob")
    other.store("lost")
    one.store("1")
    one.store_privately("2")
    other.log.die()
    run(steps)
    assert [entry.id for entry in store.rooms["room"]] == ["1"]
    assert other.recorder.commits == []
    assert other.recorder.told == []


def claim(names: SharedNames, node: str, identity: str) -> object:
    return names.claim(
        node, ALICE, identity, address="", now=START, replacing=None, returning=False
    )


def test_a_name_that_is_used_on_two_nodes_is_free_when_both_have_released_it() -> None:
    names = SharedNames(MemoryStore())
    holder = Holder(identity="a", display="Alice", kept=False)
    assert claim(names, "1", "a") == claim(names, "2", "a") == Claimed(holder)
    names.release("1", "alice", "a", now=START)
    assert claim(names, "1", "b") == Taken(
        Holder(identity="a", display="Alice", kept=False, node="2"), "alice"
    )
    names.release("2", "alice", "a", now=START)
    assert isinstance(claim(names, "1", "b"), Claimed)


def test_a_borrowed_name_is_told_with_the_node_that_holds_it_and_a_kept_one_is_not() -> None:
    names = SharedNames(MemoryStore())
    claim(names, "2", "a")
    here = names.find("2", "alice", now=START)
    there = names.find("1", "alice", now=START)
    assert (here, there) == (
        Holder(identity="a", display="Alice", kept=False),
        Holder(identity="a", display="Alice", kept=False, node="2"),
    )
    names.keep(ALICE, "a", now=START)
    assert names.find("1", "alice", now=START) == Holder(identity="a", display="Alice", kept=True)
    assert names.find("1", BOB.folded, now=START) is None


def test_what_a_dead_node_held_is_free_and_what_others_use_is_not() -> None:
    names = SharedNames(MemoryStore())
    claim(names, "1", "a")
    claim(names, "2", "a")
    names.claim("1", BOB, "b", address="", now=START, replacing=None, returning=False)
    names.release_all("1", now=START)
    assert names.find("2", "bob", now=START) is None
    assert names.find("2", "alice", now=START) is not None
