"""A log and a directory against a model of them, whatever happens in whatever order."""

# ruff: noqa: D102 a rule's name is its docstring

from collections.abc import Callable
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)

from causerie.chat.entry import Draft
from causerie.chat.names import Name
from causerie.ports import Outcome, Rejected
from causerie.testing.contracts import Contract, Rig, Storage, draft, private
from causerie.testing.contracts_directory import ALICE, ALIKE, BOB, DAY, HOUR, SHOUTED
from causerie.testing.contracts_model import DirectoryModel, LogModel

NAMES_PER_ADDRESS: Final = 2

ROOMS: Final = st.sampled_from(["red", "blue"])
TALKS: Final = st.sampled_from(["talk-1", "talk-2"])
ALL_ROOMS: Final = ("red", "blue", "talk-1", "talk-2")
IDENTITIES: Final = st.sampled_from(["alice", "bob", "mallory"])
IDS: Final = st.sampled_from(["1", "2", "3", "4", "5"])
CONTENTS: Final = st.sampled_from(["hello", "hello", "hello", "other", "\ud800"])
NAMES: Final = st.sampled_from([ALICE, SHOUTED, ALIKE, BOB])
ADDRESSES: Final = st.sampled_from(["", "x"])
INDEXES: Final = st.integers(-1, 12)
LIMITS: Final = st.integers(0, 6)


class AdapterMachine(RuleBasedStateMachine):
    """The rules.

    Which of them apply does not depend on what the adapter does: it may have threads, whose pace
    Hypothesis could not repeat.
    """

    def __init__(self, storage: Storage, is_storable: Callable[[Draft], bool]) -> None:
        super().__init__()
        self.rig = Rig(storage, names_per_address=NAMES_PER_ADDRESS)
        self.is_storable = is_storable
        self.log = LogModel(storage.shares_ids)
        self.directory = DirectoryModel(NAMES_PER_ADDRESS)
        self.checked = 0
        """How many outcomes of this server have been looked at."""
        self.early: list[Outcome] = []
        """Those of them that the model has not taken in."""
        self.backup: tuple[object, LogModel, DirectoryModel] | None = None
        self.cursors: list[tuple[str, str, int, str]] = []
        """Once true: epoch, room, seq and id of entries that may be gone by now."""
        self.epoch = self.rig.epoch()

    def teardown(self) -> None:
        self.rig.log.close()
        self.rig.storage.dispose()

    # What is appended.

    @rule(room=ROOMS, identity=IDENTITIES, id=IDS, content=CONTENTS)
    def append(self, room: str, identity: str, id: str, content: str) -> None:
        self.rig.hand_over(draft(id, room=room, identity=identity, content=content))

    @rule(room=ROOMS, identity=IDENTITIES, count=st.integers(1, 8))
    def append_many(self, room: str, identity: str, count: int) -> None:
        entries = sum(len(entries) for entries in self.log.rooms.values())
        waiting = len(self.rig.recorder.waiting)
        self.rig.hand_over(
            *(
                draft(f"{entries}-{waiting + number}", room=room, identity=identity)
                for number in range(count)
            )
        )

    @rule(room=TALKS, swap=st.booleans(), id=IDS, name=st.sampled_from(["Bob", "Bobby"]))
    def append_private(self, room: str, swap: bool, id: str, name: str) -> None:
        one, other = ("alice", "Alice"), ("bob", name)
        (identity, username), (peer, to) = (other, one) if swap else (one, other)
        self.rig.hand_over(
            private(id, room=room, identity=identity, username=username, peer=peer, to=to)
        )

    @rule()
    def step(self) -> None:
        self.rig.storage.step(0.0)

    @rule()
    def settle(self) -> None:
        self.rig.settle()
        self.check_outcomes()
        assert not self.early, "what stands before them was never told"

    def check_outcomes(self) -> None:
        """Has the model take in what was told since the last time.

        Where rooms are in several logs, somebody's outcome from the one waits for an earlier one of
        theirs from another, and that of a later entry of somebody else does not. So an outcome is
        taken in when the entry before it is known, and those of its author in their order.
        """
        assert self.rig.recorder.failure is None
        outcomes = self.rig.recorder.outcomes
        self.early += outcomes[self.checked :]
        self.checked = len(outcomes)
        left = -1
        while left != len(self.early):
            left = len(self.early)
            untaken, self.early = self.early, []
            for outcome in untaken:
                authors = {early.draft.identity for early in self.early}
                if outcome.draft.identity in authors or self.log.lacks_before(outcome):
                    self.early.append(outcome)
                else:
                    self.log.settle(outcome, storable=self.is_storable(outcome.draft))
        self.cursors += [
            (self.epoch, room, entries[-1].seq, entries[-1].id)
            for room, entries in self.log.rooms.items()
        ]

    # What is watched and read.

    @rule()
    def watch(self) -> None:
        if "red" in self.rig.recorder.at:
            return
        head = self.rig.watch("red")
        self.check_outcomes()
        for entry in self.log.rooms.get("red", []):
            if entry.seq == head.seq:
                assert (head.id, head.timestamp) == (entry.id, entry.timestamp)
        assert head.epoch == self.epoch

    @rule()
    def unwatch(self) -> None:
        self.rig.unwatch("red")

    @rule(room=st.sampled_from(ALL_ROOMS), start=INDEXES, end=INDEXES, limit=LIMITS)
    def read(self, room: str, start: int, end: int, limit: int) -> None:
        self.settle()
        after, upto = self.seq_at(room, start), self.seq_at(room, end)
        entries = self.log.rooms.get(room, [])
        between = [entry for entry in entries if after < entry.seq <= upto]
        assert list(self.rig.read(room, after=after, upto=upto, limit=limit)) == between[:limit]
        before = [entry for entry in entries if entry.seq < after]
        found = list(self.rig.read_back(room, before=after, limit=limit))
        assert found == before[max(0, len(before) - limit) :]

    @rule(identity=IDENTITIES, id=IDS)
    def find_entry(self, identity: str, id: str) -> None:
        self.settle()
        entry, there = self.rig.find_entry(identity, id), self.log.find(identity, id)
        assert entry in there if there else entry is None

    @rule(room=st.sampled_from(ALL_ROOMS), at=INDEXES, end=INDEXES, limit=LIMITS, id=IDS)
    def locate(self, room: str, at: int, end: int, limit: int, id: str) -> None:
        self.settle()
        self.check_cursor((self.epoch, room, self.seq_at(room, at), id), end, limit)

    @rule(which=st.integers(0, 99), end=INDEXES, limit=LIMITS)
    def locate_what_was_once_told(self, which: int, end: int, limit: int) -> None:
        self.settle()
        if self.cursors:
            self.check_cursor(self.cursors[which % len(self.cursors)], end, limit)

    def check_cursor(self, cursor: tuple[str, str, int, str], end: int, limit: int) -> None:
        """Compares where the two go on from a cursor."""
        epoch, room, seq, id = cursor
        upto = self.seq_at(room, end)
        assert self.rig.locate(
            room, seq=seq, id=id, epoch=epoch, upto=upto, limit=limit
        ) == self.log.locate(
            room, seq=seq, id=id, same_epoch=epoch == self.epoch, upto=upto, limit=limit
        )

    @rule(room=st.sampled_from(ALL_ROOMS), at=INDEXES, off=st.integers(-1, 1), limit=LIMITS)
    def locate_time(self, room: str, at: int, off: int, limit: int) -> None:
        self.settle()
        entries = self.log.rooms.get(room, [])
        timestamp = off + (entries[at % len(entries)].timestamp if entries else 0)
        after = self.rig.locate_time(room, timestamp=timestamp, limit=limit)
        later = [entry for entry in entries if entry.timestamp > timestamp]
        found = [entry for entry in entries if entry.seq > after]
        assert found == later[max(0, len(later) - limit) :]

    @rule(room=st.sampled_from(ALL_ROOMS), at=INDEXES, keep=st.integers(0, 4))
    def trim(self, room: str, at: int, keep: int) -> None:
        self.settle()
        entries = self.log.rooms.get(room, [])
        before = entries[at].timestamp if 0 <= at < len(entries) else 0
        removed = self.rig.trim(before=before, keep=keep)
        assert removed == self.log.trim(before=before, keep=keep)

    @rule(identity=IDENTITIES)
    def conversations(self, identity: str) -> None:
        self.settle()
        told = [
            (talk.room, talk.peer_name, talk.head.seq, talk.head.id, talk.head.members)
            for talk in self.rig.conversations(identity)
        ]
        assert told == [
            (room, name, last.seq, last.id, ("alice", "bob"))
            for room, name, last in self.log.conversations(identity)
        ]

    def seq_at(self, room: str, index: int) -> int:
        """Turns a place in a list into a seq: before, within or beyond the room's."""
        entries = self.log.rooms.get(room, [])
        if 0 <= index < len(entries):
            return entries[index].seq
        return 0 if index < 0 else (entries[-1].seq if entries else 0) + index

    # What happens to the server.

    @rule(step=st.sampled_from([1, 1_000, HOUR, DAY, 45 * DAY]))
    def time_passes(self, step: int) -> None:
        self.rig.now += step

    @rule()
    def restart(self) -> None:
        with self.rig.closed():
            self.check_outcomes()
            self.server_is_gone()

    @rule()
    def crash(self) -> None:
        self.rig.find(ALICE)  # what names were given, kept and released before is durable by now
        self.check_outcomes()
        early, self.early = self.early, []
        told = {id(outcome.draft) for outcome in early}
        untaken = told | {id(draft) for draft in self.rig.recorder.waiting}
        in_flight = [each for each in self.rig.recorder.appended if id(each) in untaken]
        self.rig.crash()
        self.server_is_gone()
        for room in ALL_ROOMS:
            self.log.survive(room, list(self.rig.read(room)), in_flight)
        for outcome in early:
            if not isinstance(outcome, Rejected):
                assert outcome.entry in self.log.rooms[outcome.entry.room], "what was told is lost"

    @rule()
    def back_up(self) -> None:
        with self.rig.closed() as storage:
            self.check_outcomes()
            self.server_is_gone()
            self.backup = (storage.save(), self.log.copy(), self.directory.copy())

    @rule()
    def restore(self) -> None:
        if self.backup is None:
            return
        with self.rig.closed() as storage:
            self.check_outcomes()
            saved, log, directory = self.backup
            storage.restore(saved)
            self.log, self.directory = log.copy(), directory.copy()
            self.server_is_gone()
        self.epoch = self.rig.epoch()

    @rule(chance=st.integers(0, 5))
    def lose_everything(self, chance: int) -> None:
        if chance:
            return
        with self.rig.closed() as storage:
            self.check_outcomes()
            storage.lose()
            self.log = LogModel(storage.shares_ids)
            self.directory = DirectoryModel(NAMES_PER_ADDRESS)
            self.server_is_gone()
        epoch = self.rig.epoch()
        assert epoch != self.epoch
        self.epoch = epoch

    def server_is_gone(self) -> None:
        """Forgets what is in the memory of a server."""
        assert not self.early, "what stands before them was never told"
        self.checked = 0
        self.directory.in_use.clear()

    # Names.

    @rule(
        name=NAMES,
        identity=IDENTITIES,
        address=ADDRESSES,
        replacing=st.none() | IDENTITIES,
        returning=st.booleans(),
    )
    def claim(
        self, name: Name, identity: str, address: str, replacing: str | None, *, returning: bool
    ) -> None:
        answer = self.rig.claim(
            name, identity, address=address, replacing=replacing, returning=returning
        )
        self.directory.claim(
            name,
            identity,
            address=address,
            now=self.rig.now,
            replacing=replacing,
            returning=returning,
            answer=answer,
        )

    @rule(name=NAMES, identity=IDENTITIES)
    def keep(self, name: Name, identity: str) -> None:
        self.rig.keep(name, identity)
        self.directory.keep(name, identity, now=self.rig.now)

    @rule(name=NAMES, identity=IDENTITIES)
    def release(self, name: Name, identity: str) -> None:
        self.rig.release(name, identity)
        self.directory.release(name.folded, identity, now=self.rig.now)

    @rule()
    def sweep(self) -> None:
        # Use is noted once a day.
        self.rig.now += DAY
        self.rig.sweep()
        self.directory.sweep(now=self.rig.now)

    @rule(name=NAMES)
    def find(self, name: Name) -> None:
        assert self.rig.find(name) == self.directory.find(name.folded, self.rig.now)


class MachineContract(Contract):
    """The suite."""

    settings = settings(max_examples=60, stateful_step_count=40)

    def is_storable(self, draft: Draft) -> bool:
        """Whether the adapter can store a draft."""
        return "\ud800" not in draft.content

    def test_the_adapter_does_what_its_model_does(self) -> None:
        contract = self

        class Machine(AdapterMachine):
            """One that needs no arguments."""

            def __init__(self) -> None:
                super().__init__(contract.storage(), contract.is_storable)

        run_state_machine_as_test(Machine, settings=self.settings)
