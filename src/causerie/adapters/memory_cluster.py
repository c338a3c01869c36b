"""The log and the directory of a cluster in memory, for tests: many nodes on one store.

What one node stores comes to the others in steps of their own, late, each room in its order and the
rooms in any, as a broker would republish it. What is stored and whose a name is, is decided at
once.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from causerie.adapters.memory import KeptInMemory, MemoryLog, Schedule
from causerie.adapters.memory_store import MemoryStore
from causerie.adapters.naming import Names
from causerie.adapters.numbering import one
from causerie.chat.entry import Entry
from causerie.chat.names import Name
from causerie.ports import (
    ClaimAnswer,
    Claimed,
    Commit,
    Failed,
    Head,
    Holder,
    Outcome,
    Stored,
    Taken,
)


class SharedMemoryLog(MemoryLog):
    """One node's `causerie.ports.Log` over a `MemoryStore` to which others write as well."""

    def __init__(
        self,
        store: MemoryStore,
        clock: Callable[[], int],
        schedule: Schedule,
        *,
        bring: Schedule,
        stride: Callable[[], int] = one,
    ) -> None:
        """Joins those who write. `bring` is given a step for each entry that is on its way here."""
        super().__init__(store, clock, schedule, stride=stride)
        self._bring = bring
        self._followed: set[str] = set()
        self._under_way: dict[str, deque[Entry]] = {}
        """Of each room that is watched, or has been looked at to be, what has not come yet."""
        self._private: dict[str, deque[Entry]] = {}
        """Of each other room the private entries that have not come yet."""
        self._at: dict[str, int] = {}
        """Of each room whose head was told, the seq that has come."""
        self._outcomes: deque[Outcome] = deque()
        """What became of this node's drafts; each waits for its entry."""
        store.followers.append(self._added)

    def die(self) -> None:
        """Writes no more, and is told of nothing any more, as a node that was killed."""
        self._store.writers.discard(self)
        self._store.followers.remove(self._added)

    def unwatch(self, room: str) -> None:
        """Ends telling of a room."""
        super().unwatch(room)
        for entry in self._under_way.pop(room, ()):
            self._bring_privately(entry)
        if self._at.pop(room, None) is not None:
            self._answer(self._tell_outcomes)

    def follow(self, identity: str) -> None:
        """Begins to tell of an identity's private entries."""
        self._followed.add(identity)

    def unfollow(self, identity: str) -> None:
        """Ends telling of them."""
        self._followed.discard(identity)

    def close(self, within: float = 4.0) -> None:
        """Commits, tells the outcome, and lets go; what is under way is told before."""
        self._commit()
        for room in list(self._under_way):
            for _ in range(len(self._under_way[room])):
                self._answer(partial(self._come, room))
        super().close(within)

    def _admit_to(self, store: MemoryStore) -> None:
        store.writers.add(self)

    def _look(self, room: str) -> Head:
        if room in self._watches:
            self._under_way.setdefault(room, deque())
        return super()._look(room)

    def _tell_head(
        self, room: str, token: object, head: Head, done: Callable[[Head | Failed], None]
    ) -> None:
        under_way = self._under_way.get(room)
        while under_way and under_way[0].seq <= head.seq:
            if room in self._told:
                self._come(room)
            else:
                under_way.popleft()
        if self._watches.get(room) is token:
            self._at[room] = head.seq
            if room in self._private:
                self._address(room)
                # What follows is in the head.
                self._private.pop(room, None)
        super()._tell_head(room, token, head, done)
        self._tell_outcomes()
        for _ in self._under_way.get(room, ()):
            self._bring(partial(self._come, room))

    def _tell_commit(self, outcomes: Sequence[Outcome]) -> None:
        self._outcomes += outcomes
        self._tell_outcomes()

    def _tell_outcomes(self, *entries: Entry) -> None:
        """Tells of entries that have come, and of what was waiting for them."""
        outcomes: list[Outcome] = []
        while self._outcomes and self._has_come(self._outcomes[0]):
            outcomes.append(self._outcomes.popleft())
        if entries or outcomes:
            self._observing().committed(Commit(outcomes, entries))

    def _has_come(self, outcome: Outcome) -> bool:
        """Whether an outcome's entry has been told, if it has to be."""
        if not isinstance(outcome, Stored):
            return True
        return self._at.get(outcome.entry.room, outcome.entry.seq) >= outcome.entry.seq

    def _added(self, entry: Entry) -> None:
        """An entry was stored, by whichever node."""
        if entry.room in self._under_way:
            self._under_way[entry.room].append(entry)
            self._bring(partial(self._come, entry.room))
        else:
            self._bring_privately(entry)

    def _bring_privately(self, entry: Entry) -> None:
        if entry.peer and not self._followed.isdisjoint((entry.identity, entry.peer)):
            self._private.setdefault(entry.room, deque()).append(entry)
            self._bring(partial(self._address, entry.room))

    def _come(self, room: str) -> None:
        """Tells of the oldest entry of a watched room that is under way, if its head was told."""
        under_way = self._under_way.get(room)
        if under_way and room in self._told and self._lives():
            entry = under_way.popleft()
            self._at[room] = entry.seq
            self._tell_outcomes(entry)

    def _address(self, room: str) -> None:
        """Tells of the oldest private entry under way of a room, if it was not told by now."""
        private = self._private.get(room)
        if private and self._lives():
            entry = private.popleft()
            if not private:
                del self._private[room]
            self._observing().addressed(entry)


class SharedNames:
    """Who holds which name in a cluster, and on which nodes each name is in use."""

    def __init__(self, store: MemoryStore, *, names_per_address: int = 0) -> None:
        """Starts with no name borrowed."""
        self._names = Names(KeptInMemory(store.names), names_per_address=names_per_address)
        self._used: dict[str, tuple[str, set[str]]] = {}
        """By folded name, its holder's identity, and the nodes."""

    def claim(
        self,
        node: str,
        name: Name,
        identity: str,
        *,
        address: str,
        now: int,
        replacing: str | None,
        returning: bool,
    ) -> ClaimAnswer:
        """Decides as `causerie.ports.Directory.claim` says."""
        if any(holder == replacing and nodes - {node} for holder, nodes in self._used.values()):
            # Each node speaks for itself: elsewhere it may live.
            replacing = None
        answer = self._names.claim(
            name, identity, address=address, now=now, replacing=replacing, returning=returning
        )
        if isinstance(answer, Claimed):
            folded = (answer.instead or name).folded
            holder, nodes = self._used.get(folded, ("", set[str]()))
            self._used[folded] = (identity, {*nodes, node} if holder == identity else {node})
        elif isinstance(answer, Taken):
            return replace(answer, holder=self._placed(answer.holder, answer.folded, node))
        return answer

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept."""
        self._names.keep(name, identity, now=now)

    def release(self, node: str, folded: str, identity: str, *, now: int) -> None:
        """A node no longer uses a name; with the last one it is given up."""
        holder, nodes = self._used.get(folded, ("", set[str]()))
        if holder == identity:
            nodes.discard(node)
            if nodes:
                return
            del self._used[folded]
        self._names.release(folded, identity, now=now)

    def release_all(self, node: str, *, now: int) -> None:
        """A node is known to be gone."""
        for folded, (identity, nodes) in list(self._used.items()):
            if node in nodes:
                self.release(node, folded, identity, now=now)

    def sweep(self, *, now: int) -> None:
        """Notes use, and forgets addresses."""
        self._names.sweep(now=now)

    def find(self, node: str, folded: str, *, now: int) -> Holder | None:
        """Tells who holds a name."""
        holder = self._names.find(folded, now=now)
        return None if holder is None else self._placed(holder, folded, node)

    def _placed(self, holder: Holder, folded: str, node: str) -> Holder:
        """Says on which node a borrowed name is held, as seen from one."""
        identity, nodes = self._used.get(folded, ("", set[str]()))
        if holder.kept or identity != holder.identity or node in nodes:
            return holder
        return replace(holder, node=min(nodes))


class SharedMemoryDirectory:
    """One node's `causerie.ports.Directory` over `SharedNames`."""

    def __init__(self, names: SharedNames, node: str, schedule: Schedule) -> None:
        self._names = names
        self._node = node
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
            self._node,
            name,
            identity,
            address=address,
            now=now,
            replacing=replacing,
            returning=returning,
        )
        self._schedule(lambda: done(answer))

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept."""
        self._names.keep(name, identity, now=now)

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a borrowed name."""
        self._names.release(self._node, folded, identity, now=now)

    def sweep(self, *, now: int) -> None:
        """Notes use, and forgets addresses."""
        self._names.sweep(now=now)

    def find(
        self, folded: str, *, now: int, done: Callable[[Holder | Failed | None], None]
    ) -> None:
        """Tells who holds a name."""
        holder = self._names.find(self._node, folded, now=now)
        self._schedule(lambda: done(holder))
