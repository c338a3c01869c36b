"""What the contract suites run on.

The suites themselves are beside it:

- `causerie.testing.contracts_log.LogContract`
- `causerie.testing.contracts_reading.ReadingContract`
- `causerie.testing.contracts_trimming.TrimmingContract`
- `causerie.testing.contracts_directory.DirectoryContract`
- `causerie.testing.contracts_machine.MachineContract`: both ports against a model, by Hypothesis
- `causerie.testing.contracts_bus.BusContract`, which has a `Switchboard` of its own

An adapter's author writes a `Storage`, makes a subclass of each suite that says how to get one, and
has pytest collect it::

    class TestMyLog(LogContract):
        def storage(self) -> Storage:
            return MyStorage()

The suites need pytest and Hypothesis: the extra `causerie[testing]`.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Generic, TypeVar

from causerie.chat.entry import Draft, Entry
from causerie.chat.names import Name
from causerie.ports import (
    Claimed,
    Commit,
    Conversation,
    Directory,
    Failed,
    Head,
    Holder,
    Located,
    Log,
    Outcome,
    Stored,
    Taken,
    TooManyNames,
)

START: Final = 1_800_000_000_000_000
"""What the clock of a new `Rig` shows, in microseconds."""
DEADLINE: Final = 20.0
"""Seconds after which an answer that does not come is missing."""
EVERYTHING: Final = 1_000_000_000
"""A limit, or a seq, beyond all that a test writes."""

_Value = TypeVar("_Value")


class Storage(ABC):
    """What an adapter keeps entries and names in, and how a server on it begins and ends."""

    @abstractmethod
    def open(self, clock: Callable[[], int], *, names_per_address: int) -> tuple[Log, Directory]:
        """Begins a server on what is stored; `clock` tells microseconds, from any thread."""

    def shares_ids(self, room: str, other: str) -> bool:  # noqa: ARG002 here all do
        """Whether an id that an identity has used in one room is refused in the other. Of a log in
        several parts it need not be, if the two rooms are in different ones.
        """
        return True

    @abstractmethod
    def step(self, timeout: float) -> None:
        """Gives answers that are due; may wait for one for so many seconds, and may return sooner.

        All that the adapter tells, it tells from within this.
        """

    @abstractmethod
    def crash(self) -> None:
        """Ends the server as a loss of its process does: what it had not made durable is lost, and
        it tells nothing more.
        """

    @abstractmethod
    def save(self) -> object:
        """Copies what is stored. Called while no server runs."""

    @abstractmethod
    def restore(self, saved: object) -> None:
        """Puts a copy in the place of what is stored. Called while no server runs."""

    @abstractmethod
    def lose(self) -> None:
        """Loses all that is stored: the next server begins another log, of another epoch. Called
        while no server runs.
        """

    @abstractmethod
    def dispose(self) -> None:
        """Removes everything. Called once, at the end, while no server runs."""


class Recorder:
    """An observer that checks what it is told, as it is told.

    Each draft has one outcome. Of each watched room the entries come once each, in the order of
    the log, none missing from the head on.
    """

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.commits: list[Commit] = []
        self.failure: str | None = None
        self.appended: list[Draft] = []
        """All drafts, in the order in which they were."""
        self.waiting: list[Draft] = []
        """Those without an outcome."""
        self.at: dict[str, int] = {}
        """Of each watched room, the seq that has been told."""
        self.entries: dict[str, list[Entry]] = {}
        """Of each room, the entries that were told while it was watched."""

    def addressed(self, entry: Entry) -> None:
        """Is told of nothing where nobody is followed."""
        raise AssertionError(f"nobody follows those whose entry this is: {entry}")

    def committed(self, commit: Commit) -> None:
        """Records a batch."""
        assert self.failure is None, "nothing is told after log_failed"
        self.commits.append(commit)
        self._take(commit.entries)
        for outcome in commit.outcomes:
            author = outcome.draft.identity
            mine = [draft for draft in self.waiting if draft.identity == author]
            assert mine, "no draft waits for this outcome"
            assert outcome.draft is mine[0], "outcomes keep the order of an author's drafts"
            self.waiting = [draft for draft in self.waiting if draft is not mine[0]]
            self.outcomes.append(outcome)
            if isinstance(outcome, Stored):
                entry = outcome.entry
                assert self.at.get(entry.room, entry.seq) >= entry.seq, "told before its entry"

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            assert entry.room in self.at, "the room is not watched, or its head is not told yet"
            assert entry.prev == self.at[entry.room], "an entry is missing, or comes twice"
            assert entry.seq > entry.prev
            self.at[entry.room] = entry.seq
            self.entries.setdefault(entry.room, []).append(entry)

    def log_failed(self, reason: str) -> None:
        """Records the end."""
        assert self.failure is None, "log_failed is called once"
        self.failure = reason


class Answer(Generic[_Value]):
    """What a call of `done` leaves behind."""

    def __init__(self) -> None:
        self.values: list[_Value | Failed] = []

    def __call__(self, value: _Value | Failed) -> None:
        """Takes the answer."""
        assert not self.values, "a call is answered once"
        self.values.append(value)


class Rig:
    """A server without a server: storage, the log and the directory on it, and an observer.

    Every wait has a deadline. `now` is the clock, which only the test moves.
    """

    def __init__(self, storage: Storage, *, names_per_address: int = 0) -> None:
        self.storage = storage
        self.now = START
        self.recorder = Recorder()
        self._names_per_address = names_per_address
        self.log: Log
        self.directory: Directory
        self._open()

    def _open(self) -> None:
        self.recorder = Recorder()
        self.log, self.directory = self.storage.open(
            lambda: self.now, names_per_address=self._names_per_address
        )
        self.log.observe(self.recorder)

    def close(self) -> None:
        """Ends the server gracefully."""
        self.log.close()
        assert not self.recorder.waiting or self.recorder.failure is not None

    def reopen(self) -> None:
        """Ends the server gracefully and begins another."""
        self.close()
        self._open()

    def crash(self) -> None:
        """Loses the process and begins another."""
        self.storage.crash()
        self._open()

    @contextmanager
    def closed(self) -> Generator[Storage]:
        """Gives the storage while no server runs on it."""
        self.close()
        yield self.storage
        self._open()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for what must come.

        Raises:
            TimeoutError: it has not come.
        """
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} has not come within {DEADLINE:g} seconds")
            self.storage.step(0.05)

    def wait(self, answer: "Answer[_Value]") -> _Value:
        """Waits for an answer, which must not be `Failed`."""
        assert not answer.values, "an answer never comes from within the call"
        self.until(lambda: bool(answer.values), "an answer")
        (value,) = answer.values
        assert not isinstance(value, Failed), value
        return value

    # The log.

    def hand_over(self, *drafts: Draft) -> None:
        """Appends drafts and does not wait."""
        for draft in drafts:
            self.recorder.appended.append(draft)
            self.recorder.waiting.append(draft)
            self.log.append(draft)

    def settle(self) -> None:
        """Waits until every draft has its outcome."""
        self.until(lambda: not self.recorder.waiting, "the outcome of a draft")

    def append(self, *drafts: Draft) -> list[Outcome]:
        """Appends drafts and waits for their outcomes."""
        self.settle()
        before = len(self.recorder.outcomes)
        self.hand_over(*drafts)
        self.settle()
        return self.recorder.outcomes[before:]

    def store(self, *drafts: Draft) -> list[Entry]:
        """Appends drafts all of which must be stored."""
        outcomes = self.append(*drafts)
        assert all(isinstance(outcome, Stored) for outcome in outcomes), outcomes
        return [outcome.entry for outcome in outcomes if isinstance(outcome, Stored)]

    def watch(self, room: str) -> Head:
        """Watches a room from its head on, and lets the recorder check what follows."""
        answer = Answer[Head]()
        self.begin_watch(room, answer)
        return self.wait(answer)

    def begin_watch(self, room: str, done: Callable[[Head | Failed], None]) -> None:
        """Watches a room and does not wait."""

        def told(head: Head | Failed) -> None:
            if isinstance(head, Head):
                self.recorder.at[room] = head.seq
            done(head)

        self.log.watch(room, told)

    def unwatch(self, room: str) -> None:
        """Watches a room no longer; from now on, the recorder lets nothing of it pass."""
        self.log.unwatch(room)
        self.recorder.at.pop(room, None)

    def head(self, room: str = "room") -> Head:
        """Looks at the end of a room that is not watched."""
        head = self.watch(room)
        self.unwatch(room)
        return head

    def epoch(self) -> str:
        """Looks up the log's epoch."""
        return self.head("a-room-that-nobody-enters").epoch

    def read(
        self, room: str = "room", *, after: int = 0, upto: int = EVERYTHING, limit: int = EVERYTHING
    ) -> Sequence[Entry]:
        """Reads forward."""
        answer = Answer[Sequence[Entry]]()
        self.log.read(room, after=after, upto=upto, limit=limit, done=answer)
        return self.wait(answer)

    def read_back(
        self, room: str = "room", *, before: int = EVERYTHING, limit: int = EVERYTHING
    ) -> Sequence[Entry]:
        """Reads backward."""
        answer = Answer[Sequence[Entry]]()
        self.log.read_back(room, before=before, limit=limit, done=answer)
        return self.wait(answer)

    def find_entry(
        self, identity: str, id: str, *, room: str = "", since: int = START
    ) -> Entry | None:
        """Looks up what an identity has said under an id: in a room, or else in a conversation."""
        answer = Answer[Entry | None]()
        self.log.find_entry(identity, id, room=room, since=since, done=answer)
        return self.wait(answer)

    def locate(
        self,
        room: str = "room",
        *,
        seq: int,
        id: str,
        epoch: str | None = None,
        upto: int = EVERYTHING,
        limit: int = EVERYTHING,
    ) -> Located:
        """Finds where a reader goes on; with the log's own epoch unless another is given."""
        if epoch is None:
            epoch = self.epoch()
        answer = Answer[Located]()
        self.log.locate(room, seq=seq, id=id, epoch=epoch, upto=upto, limit=limit, done=answer)
        return self.wait(answer)

    def locate_time(
        self,
        room: str = "room",
        *,
        timestamp: int,
        upto: int = EVERYTHING,
        limit: int = EVERYTHING,
    ) -> int:
        """Finds the seq after which all is later."""
        answer = Answer[int]()
        self.log.locate_time(room, timestamp=timestamp, upto=upto, limit=limit, done=answer)
        return self.wait(answer)

    def conversations(
        self, identity: str, *, after: str = "", limit: int = EVERYTHING
    ) -> Sequence[Conversation]:
        """Lists private conversations."""
        answer = Answer[Sequence[Conversation]]()
        self.log.conversations(identity, after=after, limit=limit, done=answer)
        return self.wait(answer)

    def trim(self, *, before: int = 0, keep: int = 0) -> int:
        """Removes the oldest entries of every room; tells how many."""
        answer = Answer[int]()
        self.log.trim(before=before, keep=keep, done=answer)
        return self.wait(answer)

    # The directory.

    def claim(
        self,
        name: Name,
        identity: str,
        *,
        address: str = "",
        replacing: str | None = None,
        returning: bool = False,
    ) -> Claimed | Taken | TooManyNames:
        """Claims a name."""
        answer = Answer[Claimed | Taken | TooManyNames]()
        self.directory.claim(
            name,
            identity,
            address=address,
            now=self.now,
            replacing=replacing,
            returning=returning,
            done=answer,
        )
        return self.wait(answer)

    def keep(self, name: Name, identity: str) -> None:
        """Keeps a name; the next answer of the directory tells with what effect."""
        self.directory.keep(name, identity, now=self.now)

    def sweep(self) -> None:
        """Sweeps; the next answer of the directory tells with what effect."""
        self.directory.sweep(now=self.now)

    def release(self, name: Name, identity: str) -> None:
        """Releases a name; the next answer of the directory tells with what effect."""
        self.directory.release(name.folded, identity, now=self.now)

    def find(self, name: Name) -> Holder | None:
        """Finds who holds a name."""
        answer = Answer[Holder | None]()
        self.directory.find(name.folded, now=self.now, done=answer)
        return self.wait(answer)


@contextmanager
def rig_on(storage: Storage, *, names_per_address: int = 0) -> Generator[Rig]:
    """Makes a rig, and disposes of it and its storage in the end."""
    try:
        rig = Rig(storage, names_per_address=names_per_address)
        try:
            yield rig
        finally:
            rig.log.close()
    finally:
        storage.dispose()


class Contract:
    """The base of the suites. A subclass says how to get a `Storage`."""

    def storage(self) -> Storage:
        """Makes an empty storage."""
        raise NotImplementedError

    def rig(self, *, names_per_address: int = 0) -> AbstractContextManager[Rig]:
        """Makes a rig on an empty storage, and disposes of both in the end."""
        return rig_on(self.storage(), names_per_address=names_per_address)


def draft(
    id: str,
    *,
    room: str = "room",
    identity: str = "alice",
    content: str = "hello",
    username: str = "Alice",
    reply_to: str = "",
) -> Draft:
    """Makes a draft of a message."""
    return Draft(
        room=room,
        identity=identity,
        id=id,
        kind="message",
        username=username,
        content=content,
        reply_to=reply_to,
    )


def private(
    id: str,
    *,
    room: str,
    identity: str = "alice",
    username: str = "Alice",
    peer: str = "bob",
    to: str = "Bob",
    content: str = "psst",
) -> Draft:
    """Makes a draft of a private message."""
    return Draft(
        room=room,
        identity=identity,
        id=id,
        kind="private",
        username=username,
        content=content,
        to=to,
        peer=peer,
    )
