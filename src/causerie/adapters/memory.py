"""The log and the directory in memory, for tests: nothing survives the process.

Nothing runs by itself: every step goes through `schedule`, so that a test can take the steps one
by one and stop anywhere, between a commit and its answer too. A log's answers keep their order
whatever the order of the steps.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from causerie.adapters.memory_store import MemoryStore
from causerie.adapters.naming import Names
from causerie.adapters.naming_rules import Kept
from causerie.adapters.numbering import Tail, number, one
from causerie.chat.entry import Draft, Entry
from causerie.chat.names import Name
from causerie.ports import (
    ClaimAnswer,
    Commit,
    Conversation,
    Failed,
    Head,
    Holder,
    Located,
    LogObserver,
    Outcome,
    Rejected,
    Stored,
)

__all__ = ["RECENT", "KeptInMemory", "MemoryDirectory", "MemoryLog", "MemoryStore", "Schedule"]

_Answer = TypeVar("_Answer")

RECENT = 100
"""How many entries a head tells."""

Schedule = Callable[[Callable[[], None]], None]
"""Calls a function later, from the thread that drives the server."""


class MemoryLog:
    """A `causerie.ports.Log` over a `MemoryStore`.

    Drafts gather until the step that commits them; their outcome is told in a step after it.
    """

    def __init__(
        self,
        store: MemoryStore,
        clock: Callable[[], int],
        schedule: Schedule,
        *,
        stride: Callable[[], int] = one,
    ) -> None:
        """Becomes the store's one writer.

        `clock` tells microseconds; `stride` by how much each seq is greater than the one before
        in its room, so that tests can leave gaps.
        """
        self._store = store
        self._clock = clock
        self._schedule = schedule
        self._stride = stride
        self._observer: LogObserver | None = None
        self._work: deque[Draft | Callable[[], None]] = deque()
        """What the next commit takes, in order: drafts, and looks at a room's head."""
        self._answers: deque[Callable[[], None]] = deque()
        self._watches: dict[str, object] = {}
        """The rooms asked for, each with a token of its own, made anew after an unwatch."""
        self._told: set[str] = set()
        """The rooms whose head has been told: their entries go into commits."""
        self._failed = False
        self._stopped = False
        self._read_fault = ""
        self._admit_to(store)

    def observe(self, observer: LogObserver) -> None:
        """Names the one observer."""
        self._observer = observer

    def append(self, draft: Draft) -> None:
        """Hands over a draft."""
        self._enqueue(draft)

    def watch(self, room: str, done: Callable[[Head | Failed], None]) -> None:
        """Begins to tell of a room."""
        token = self._watches.setdefault(room, object())

        def look() -> None:
            head = self._look(room)
            self._answer(lambda: self._tell_head(room, token, head, done))

        self._enqueue(look)

    def unwatch(self, room: str) -> None:
        """Ends telling of a room."""
        self._watches.pop(room, None)
        self._told.discard(room)

    def follow(self, identity: str) -> None:
        """Does nothing: all that is stored is stored by this node."""

    def unfollow(self, identity: str) -> None:
        """Does nothing."""

    def read(
        self,
        room: str,
        *,
        after: int,
        upto: int,
        limit: int,
        done: Callable[[Sequence[Entry] | Failed], None],
    ) -> None:
        """Reads forward."""
        self._read(lambda: self._store.read(room, after=after, upto=upto, limit=limit), done)

    def read_back(
        self,
        room: str,
        *,
        before: int,
        limit: int,
        done: Callable[[Sequence[Entry] | Failed], None],
    ) -> None:
        """Reads backward."""
        self._read(lambda: self._store.read_back(room, before=before, limit=limit), done)

    def find_entry(
        self,
        identity: str,
        id: str,
        *,
        room: str,  # noqa: ARG002 all ids are known
        since: int,  # noqa: ARG002
        done: Callable[[Entry | Failed | None], None],
    ) -> None:
        """Tells what was said under an id."""
        self._read(lambda: self._store.by_id.get((identity, id)), done)

    def locate(
        self,
        room: str,
        *,
        seq: int,
        id: str,
        epoch: str,
        upto: int,
        limit: int,
        done: Callable[[Located | Failed], None],
    ) -> None:
        """Finds where a reader goes on."""
        self._read(
            lambda: self._store.locate(room, seq=seq, id=id, epoch=epoch, upto=upto, limit=limit),
            done,
        )

    def locate_time(
        self,
        room: str,
        *,
        timestamp: int,
        upto: int,
        limit: int,
        done: Callable[[int | Failed], None],
    ) -> None:
        """Finds the seq after which all is later."""
        self._read(
            lambda: self._store.locate_time(room, timestamp=timestamp, upto=upto, limit=limit),
            done,
        )

    def conversations(
        self,
        identity: str,
        *,
        after: str,
        limit: int,
        done: Callable[[Sequence[Conversation] | Failed], None],
    ) -> None:
        """Lists private conversations."""
        self._read(lambda: self._store.conversations(identity, after=after, limit=limit), done)

    def trim(self, *, before: int, keep: int, done: Callable[[int | Failed], None]) -> None:
        """Removes the oldest entries, all at once."""

        def remove() -> None:
            removed = self._store.trim(before=before, keep=keep)
            self._answer(lambda: done(removed))

        self._enqueue(remove)

    def close(self, within: float = 4.0) -> None:
        """Commits, tells the outcome, and lets go; nothing here takes time."""
        del within
        self._commit()
        while self._answers and self._lives():
            self._tell()
        self._stopped = True

    def fail(self, reason: str, *, stored: bool) -> None:
        """Lets the commit of what was appended so far fail.

        Its outcome is not told, whether it was `stored` or not. What had been committed before is
        told yet, then `log_failed`, then nothing more.
        """
        if stored:
            due = len(self._answers)
            self._commit()
            while len(self._answers) > due:
                self._answers.pop()
        self._failed = True
        self._answer(lambda: self._give_up(reason))

    def fail_reads(self, reason: str) -> None:
        """Lets reads be answered by `Failed` from now on; with an empty reason, no longer."""
        self._read_fault = reason

    def _admit_to(self, store: MemoryStore) -> None:
        store.writers = {self}

    def _look(self, room: str) -> Head:
        return self._store.head(room, recent=RECENT)

    def _tell_head(
        self, room: str, token: object, head: Head, done: Callable[[Head | Failed], None]
    ) -> None:
        if self._watches.get(room) is token:
            self._told.add(room)
        done(head)

    def _give_up(self, reason: str) -> None:
        self._stopped = True
        self._observing().log_failed(reason)

    def _enqueue(self, work: Draft | Callable[[], None]) -> None:
        self._work.append(work)
        if len(self._work) == 1:
            self._schedule(self._commit)

    def _commit(self) -> None:
        """Does what has gathered, in order."""
        if self._failed or not self._lives():
            return
        drafts: list[Draft] = []
        while self._work:
            work = self._work.popleft()
            if isinstance(work, Draft):
                drafts.append(work)
            else:
                self._append(drafts)
                drafts = []
                work()
        self._append(drafts)

    def _append(self, drafts: Sequence[Draft]) -> None:
        """Stores a batch; the answer is due in a later step."""
        if not drafts:
            return
        tails: dict[str, Tail] = {}

        def tail(room: str) -> Tail:
            if room not in tails:
                head = self._store.head(room)
                tails[room] = Tail(
                    seq=head.seq, id=head.id, timestamp=head.timestamp, members=head.members
                )
            return tails[room]

        numbered = iter(
            number(
                [draft for draft in drafts if _is_text(draft)],
                now=self._clock(),
                stored=self._store.by_id,
                tail=tail,
                stride=self._stride,
            )
        )
        outcomes: list[Outcome] = [
            next(numbered) if _is_text(draft) else Rejected(draft, "failed") for draft in drafts
        ]
        for outcome in outcomes:
            if isinstance(outcome, Stored):
                self._store.add(outcome.entry)
        self._answer(lambda: self._tell_commit(outcomes))

    def _tell_commit(self, outcomes: Sequence[Outcome]) -> None:
        entries = [
            outcome.entry
            for outcome in outcomes
            if isinstance(outcome, Stored) and outcome.entry.room in self._told
        ]
        self._observing().committed(Commit(outcomes, entries))

    def _read(self, look: Callable[[], _Answer], done: Callable[[_Answer | Failed], None]) -> None:
        self._answer(lambda: done(Failed(self._read_fault) if self._read_fault else look()))

    def _answer(self, answer: Callable[[], None]) -> None:
        self._answers.append(answer)
        self._schedule(self._tell)

    def _tell(self) -> None:
        """Gives the oldest answer that is due."""
        if self._answers and self._lives():
            self._answers.popleft()()

    def _lives(self) -> bool:
        return not self._stopped and self in self._store.writers

    def _observing(self) -> LogObserver:
        assert self._observer is not None, "observe() comes before all else"
        return self._observer


class MemoryDirectory:
    """A `causerie.ports.Directory` over a `MemoryStore`; the borrowed names are its own.

    A call is carried out at once, and so no later than any entry appended after it; only its
    answer waits for a step.
    """

    def __init__(
        self, store: MemoryStore, schedule: Schedule, *, names_per_address: int = 0
    ) -> None:
        """Starts with no name borrowed; `names_per_address` a day may be kept (0: no limit)."""
        self._names = Names(KeptInMemory(store.names), names_per_address=names_per_address)
        self._schedule = schedule

    def claim(
        self,
        name: Name,
        identity: str,
        *,
        address: str,
        now: int,
        replacing: str | None,
        returning: bool,
        done: Callable[[ClaimAnswer], None],
    ) -> None:
        """Takes a name."""
        answer = self._names.claim(
            name, identity, address=address, now=now, replacing=replacing, returning=returning
        )
        self._schedule(lambda: done(answer))

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept."""
        self._names.keep(name, identity, now=now)

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a borrowed name."""
        self._names.release(folded, identity, now=now)

    def sweep(self, *, now: int) -> None:
        """Notes use, and forgets addresses."""
        self._names.sweep(now=now)

    def find(
        self, folded: str, *, now: int, done: Callable[[Holder | Failed | None], None]
    ) -> None:
        """Tells who holds a name."""
        holder = self._names.find(folded, now=now)
        self._schedule(lambda: done(holder))


class KeptInMemory:
    """`causerie.adapters.naming_rules.KeptNames` in a dictionary."""

    def __init__(self, names: dict[str, Kept]) -> None:
        self._names = names

    def kept(self, folded: str) -> Kept | None:
        """Finds a name."""
        return self._names.get(folded)

    def alike(self, skeleton: str) -> Sequence[Kept]:
        """Finds the names that look alike."""
        return [kept for kept in self._names.values() if kept.skeleton == skeleton]

    def last(self, identity: str) -> Kept | None:
        """Finds the name claimed last."""
        mine = (kept for kept in self._names.values() if kept.identity == identity)
        return max(mine, key=lambda kept: kept.claimed, default=None)

    def newest(self, address: str, limit: int) -> Sequence[int]:
        """Tells when the newest were created."""
        created = [kept.created for kept in self._names.values() if kept.address == address]
        return sorted(created, reverse=True)[:limit]

    def forget_addresses(self, created: int) -> None:
        """Empties the addresses of old ones."""
        for folded, kept in self._names.items():
            if kept.created <= created:
                self._names[folded] = replace(kept, address="")

    def put(self, kept: Kept) -> None:
        """Keeps a name."""
        self._names[kept.folded] = kept

    def remove(self, folded: str) -> None:
        """Keeps a name no longer."""
        del self._names[folded]


def _is_text(draft: Draft) -> bool:
    """Whether UTF-8 can hold a draft: a lone surrogate no file and no frame could."""
    texts = (
        *(draft.room, draft.identity, draft.id, draft.username, draft.content),
        *(draft.to, draft.peer, draft.reply_to),
    )
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True
