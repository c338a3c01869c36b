"""A log in SQLite."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeVar

import apsw
import structlog

from causerie.adapters.sqlite_entries import (
    GREATEST,
    Entries,
    read_places,
    room_key,
    said_at,
)
from causerie.adapters.sqlite_file import DataFolder, close, explained
from causerie.adapters.sqlite_places import Places, Seen, hash_id
from causerie.adapters.sqlite_trim import SLICE, Trim
from causerie.adapters.sqlite_writer import Answers, Checkpointer, Job, Writer
from causerie.chat.entry import Draft, Entry
from causerie.ports import (
    Commit,
    Conversation,
    Failed,
    Head,
    Located,
    LogObserver,
    Outcome,
    Stored,
)

RECENT: Final = 100
"""How many entries a head tells."""

WRITER_CACHE_KIB: Final = 8_192
READER_CACHE_KIB: Final = 4_096
CHECKPOINTER_CACHE_KIB: Final = 64

_Answer = TypeVar("_Answer")

_logger = structlog.get_logger("causerie.log")

_AT: Final = "SELECT id, timestamp FROM entries WHERE place = ?"
_AUTHOR: Final = "SELECT key FROM identities WHERE identity = ?"
_CONVERSATIONS: Final = """
    SELECT c.name, c.peer_name, r.key, one.identity, other.identity
    FROM conversations AS c
    CROSS JOIN rooms AS r ON r.name = c.name
    JOIN identities AS one ON one.key = r.one
    JOIN identities AS other ON other.key = r.other
    WHERE c.identity = (SELECT key FROM identities WHERE identity = ?) AND c.name > ?
    ORDER BY c.name LIMIT ?
"""


class Reader:
    """A thread that looks things up, so that neither the writer nor the loop waits for the disk."""

    def __init__(self, connection: apsw.Connection, places: Places, answers: Answers) -> None:
        self._connection = connection
        self._places = places
        self._answers = answers
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="causerie-reader", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Ends after the present look; what else waits is not answered."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def ask(
        self, look: Callable[[Seen], _Answer], done: Callable[[_Answer | Failed], None]
    ) -> None:
        """Has `done` called, by the loop's thread, with what `look` finds in this one."""

        def answer() -> None:
            found: _Answer | Failed
            try:
                found = self._look(look)
            except Exception as error:  # noqa: BLE001 one read fails, whatever is wrong with it
                found = Failed(f"{type(error).__name__}: {error}")
            self._answers.add(partial(done, found))

        self._queue.put(answer)

    def _look(self, look: Callable[[Seen], _Answer]) -> _Answer:
        """Looks something up as it was at one moment: of what it finds first nothing is gone when
        it is come to.
        """
        seen = self._places.seen()
        self._connection.execute("BEGIN")
        try:
            return look(seen)
        finally:
            # Some faults of the disk have ended it already.
            if not self._connection.get_autocommit():
                self._connection.execute("ROLLBACK")

    def _run(self) -> None:
        while (answer := self._queue.get()) is not None and not self._stopping:
            answer()
        close(self._connection)


class SqliteLog:
    """A `causerie.ports.Log` in a data folder.

    The caller's thread is the one that drives the server; `call_threadsafe` has a function called
    by it (`asyncio.AbstractEventLoop.call_soon_threadsafe`, say), and `schedule` does so in that
    thread, after what is going on (`call_soon`). `clock` tells microseconds; the writer's thread
    calls it.
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        clock: Callable[[], int],
        call_threadsafe: Callable[[Callable[[], None]], object],
        schedule: Callable[[Callable[[], None]], object],
    ) -> None:
        """Begins to serve a folder, which ends being locked when the log is closed."""
        self._folder = folder
        self._epoch = folder.epoch
        self._observer: LogObserver | None = None
        self._watches: dict[str, object] = {}
        """The rooms asked for, each with a token of its own, made anew after an unwatch."""
        self._told: set[str] = set()
        """The rooms whose head has been told: their entries go into commits."""
        self._ended = False
        self._answers = Answers(call_threadsafe)
        self.connection = folder.connect(cache_kib=WRITER_CACHE_KIB)
        """The writer's. Only jobs of `do` may use it."""
        try:
            self._places = Places(self.connection)
            self._entries = Entries(self.connection, folder.epoch, self._places)
        except apsw.Error as error:
            close(self.connection)
            raise explained(folder.path, error) from error
        self._reading = folder.connect(cache_kib=READER_CACHE_KIB, writes=False)
        """The reader's. Only what it looks up may use it."""
        self._reader = Reader(self._reading, self._places, self._answers)
        self._checkpointer = Checkpointer(
            folder.connect(cache_kib=CHECKPOINTER_CACHE_KIB),
            lambda reason: self._answers.add(partial(self._fail, reason)),
        )
        self._writer = Writer(
            self.connection,
            self._entries,
            self._answers,
            clock=clock,
            committed=self._tell_commit,
            failed=self._fail,
            checkpoint=self._checkpointer.want,
            check=folder.check,
            schedule=schedule,
        )
        for thread in (self._reader, self._checkpointer, self._writer):
            thread.start()

    def observe(self, observer: LogObserver) -> None:
        """Names the one observer."""
        self._observer = observer

    def append(self, draft: Draft) -> None:
        """Hands over a draft."""
        self._writer.put(draft)

    def watch(self, room: str, done: Callable[[Head | Failed], None]) -> None:
        """Begins to tell of a room."""
        token = self._watches.setdefault(room, object())

        def tell(head: Head | Failed) -> None:
            if self._watches.get(room) is token and isinstance(head, Head):
                self._told.add(room)
            done(head)

        self.do(lambda: self._entries.head(room, recent=RECENT), tell)

    def unwatch(self, room: str) -> None:
        """Ends telling of a room."""
        self._watches.pop(room, None)
        self._told.discard(room)

    def do(
        self,
        run: Callable[[], _Answer],
        done: Callable[[_Answer | Failed], None],
        *,
        weight: int = 0,
    ) -> None:
        """Has `run` called by the writer's thread, after the drafts appended so far.

        What it writes, after `begin`, is in one transaction with them, or a later one, and durable
        no later than what is appended afterwards. Once it is, the loop's thread calls `done` with
        its answer. It writes about as much as `weight` drafts.
        """

        def job() -> Callable[[], None]:
            answer: _Answer | Failed
            try:
                answer = run()
            except UnicodeEncodeError as error:
                answer = Failed(str(error))
            return lambda: None if self._ended else done(answer)

        self._writer.put(Job(job, weight))

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

        def look(seen: Seen) -> Sequence[Entry]:
            key = room_key(self._reading, room)
            places = seen.by_room(
                self._reading,
                key,
                after=after,
                upto=min(upto, GREATEST),
                limit=min(limit, GREATEST),
            )
            return read_places(self._reading, room, places)

        self._ask(look, done)

    def read_back(
        self,
        room: str,
        *,
        before: int,
        limit: int,
        done: Callable[[Sequence[Entry] | Failed], None],
    ) -> None:
        """Reads backward."""

        def look(seen: Seen) -> Sequence[Entry]:
            key = room_key(self._reading, room)
            places = seen.by_room_back(
                self._reading, key, before=min(before, GREATEST), limit=min(limit, GREATEST)
            )
            return read_places(self._reading, room, places)

        self._ask(look, done)

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

        def look(seen: Seen) -> Entry | None:
            author = self._reading.execute(_AUTHOR, (identity,)).fetchone()
            if author is None:
                return None
            places = seen.by_id(self._reading, [hash_id(author[0], id)])
            said = (
                entry
                for entry in said_at(self._reading, places)
                if (entry.identity, entry.id) == (identity, id)
            )
            return next(said, None)

        self._ask(look, done)

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

        def look(seen: Seen) -> Located:
            key = room_key(self._reading, room)
            first = seen.first(self._reading, key)
            head = seen.head(self._reading, key)
            end = min(upto, head)
            if epoch != self._epoch or not self._holds(seen, key, first, head, seq=seq, id=id):
                return Located(after=max(first - 1, end - limit), recovered="none")
            missing = end - seq - limit
            if missing > 0:
                return Located(after=end - limit, recovered="partial", missing=missing)
            return Located(after=seq, recovered="complete")

        self._ask(look, done)

    def _holds(self, seen: Seen, room: int, first: int, head: int, *, seq: int, id: str) -> bool:
        """Tells whether the entry at `seq` has that id; 0 with an empty id is before all, of which
        none was removed.
        """
        if not first <= seq <= head:
            return seq == first - 1 == 0 and not id
        return self._at(seen, room, seq)[0] == id

    def _at(self, seen: Seen, room: int, seq: int) -> tuple[str, int]:
        """The id and the time of the entry at a seq, which is there."""
        (place,) = seen.by_room(self._reading, room, after=seq - 1, upto=seq, limit=1)
        rows: list[Any] = self._reading.execute(_AT, (place,)).fetchall()
        ((id, timestamp),) = rows
        return id, timestamp

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

        def look(seen: Seen) -> int:
            key = room_key(self._reading, room)
            first = seen.first(self._reading, key)
            end = min(upto, seen.head(self._reading, key))
            after = max(first - 1, end - limit)
            # Times increase with seq: halve the stretch between the last that is known not to be
            # later, or not to be told, and the first that is known to be later.
            later = end + 1
            while later - after > 1:
                middle = (after + later) // 2
                _id, then = self._at(seen, key, middle)
                if then > timestamp:
                    later = middle
                else:
                    after = middle
            return after

        self._ask(look, done)

    def conversations(
        self,
        identity: str,
        *,
        after: str,
        limit: int,
        done: Callable[[Sequence[Conversation] | Failed], None],
    ) -> None:
        """Lists private conversations."""

        def look(seen: Seen) -> Sequence[Conversation]:
            talks: list[Conversation] = []
            left, last = min(limit, GREATEST), after
            while left > 0:
                rows: list[Any] = self._reading.execute(
                    _CONVERSATIONS, (identity, last, left)
                ).fetchall()
                for room, peer_name, key, one, other in rows:
                    # One that is not seen yet begins just now; its two are told of it live.
                    if seq := seen.head(self._reading, key):
                        members = (one,) if one == other else (one, other)
                        head = self._head(seen, key, seq, members)
                        talks.append(Conversation(room=room, peer_name=peer_name, head=head))
                if len(rows) < left:
                    break
                left, last = min(limit, GREATEST) - len(talks), rows[-1][0]
            return talks

        self._ask(look, done)

    def _head(self, seen: Seen, room: int, seq: int, members: tuple[str, ...]) -> Head:
        """Where a conversation ends, with the entry at a seq."""
        id, timestamp = self._at(seen, room, seq)
        return Head(epoch=self._epoch, seq=seq, id=id, timestamp=timestamp, members=members)

    def trim(self, *, before: int, keep: int, done: Callable[[int | Failed], None]) -> None:
        """Removes the oldest entries; the file does not shrink, but has room for as many others."""
        Trim(
            self._places,
            reading=self._reading,
            writing=self.connection,
            read=self._ask,
            write=partial(self.do, weight=SLICE),
            before=before,
            keep=keep,
            done=done,
        ).go_on()

    def close(self, within: float = 4.0) -> None:
        """Commits, tells the outcome, and lets go of the folder.

        A thread that a disk holds up is left to itself. It ends with the process at the latest, and
        until it does the folder stays locked; to close the log again waits for it again.
        """
        deadline = time.monotonic() + within
        held_up = []
        if not self._writer.stop(within):
            held_up.append("writer")
        try:
            self._answers.give()
            if held_up:
                self._fail(f"the last commit took longer than {within:.3g} seconds")
        finally:
            self._ended = True
            if not self._reader.stop(max(0.0, deadline - time.monotonic())):
                held_up.append("reader")
            if not self._checkpointer.stop(max(0.0, deadline - time.monotonic())):
                held_up.append("checkpointer")
            if held_up:
                _logger.error("the disk holds up the end; not waiting for it", threads=held_up)
            else:
                self._folder.unlock()

    def _ask(
        self, look: Callable[[Seen], _Answer], done: Callable[[_Answer | Failed], None]
    ) -> None:
        self._reader.ask(look, lambda answer: None if self._ended else done(answer))

    def _tell_commit(self, outcomes: Sequence[Outcome]) -> None:
        if self._ended:
            return
        told = self._told
        entries = [
            outcome.entry
            for outcome in outcomes
            if type(outcome) is Stored and outcome.entry.room in told
        ]
        self._observing().committed(Commit(outcomes, entries))

    def _fail(self, reason: str) -> None:
        if not self._ended:
            self._ended = True
            self._observing().log_failed(reason)

    def _observing(self) -> LogObserver:
        assert self._observer is not None, "observe() comes before all else"
        return self._observer
