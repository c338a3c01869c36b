"""The one thread that writes to SQLite, and the way of its answers to the event loop.

It commits whatever has gathered while the last commit ran. The two threads share the interpreter,
and each time that one wakes the other costs both: so what a turn of the loop brings is handed over
in one piece when the turn ends, and what a batch has brought goes back in one. At its usual 5 ms
`sys.setswitchinterval` would let a busy loop hold each statement up for so long; whoever runs a
server on this should set 0.5 ms.

A row that breaks a rule of the database fails alone. Every other error ends the writer: of a
COMMIT that failed nobody knows what it wrote, and a disk that is full, or gives errors, before the
COMMIT would refuse the next batch too. A client that gets no answer sends again later; one that is
refused would not.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Final

import apsw
import msgspec

from causerie.adapters.sqlite_entries import Entries, Plan
from causerie.adapters.sqlite_file import StorageError, close
from causerie.chat.entry import Draft
from causerie.ports import Outcome, Rejected

BATCH: Final = 256
"""With so many drafts and jobs a transaction is full, so that none waits for too many others, and
that to tell of it (some 25 µs for each) holds up the event loop for a few milliseconds only."""
GIVEN_FOR: Final = 0.004
"""Seconds of a turn of the loop in which answers are given: no new one after that, so that one
batch is told in a turn, and those who have something to say are read between two. When thousands
speak in the same instant, eight batches wait; to tell them all at once took 70 ms."""
CHECKPOINT_EVERY: Final = 1_000
"""After so many entries the log of changes is copied into the database in the background."""
CHECKPOINT_AT: Final = 16_000
"""With so many pages in it (64 MiB) the writer does it itself, which then begins it anew."""

CHECK_EVERY: Final = 0.1
"""Seconds, at least, between two looks at whether the files are still there."""

ROW_FAULTS: Final = (UnicodeEncodeError, apsw.ConstraintError, apsw.TooBigError)
"""What is wrong with one row, and not with the disk."""


class Answers:
    """Calls that wait for the thread of the event loop, in the order in which they were added."""

    def __init__(self, call_threadsafe: Callable[[Callable[[], None]], object]) -> None:
        """`call_threadsafe` has a function called by that thread, from whichever it is called."""
        self._call_threadsafe = call_threadsafe
        self._due: deque[Callable[[], None]] = deque()
        self._woken = False

    def add(self, *answers: Callable[[], None]) -> None:
        """Has the loop call functions, each whatever becomes of the others. Any thread may call
        this.
        """
        self._due.extend(answers)
        if not self._woken:
            self._wake()

    def give(self, within: float = math.inf) -> None:
        """Calls those that wait by now, in their order, until so many seconds have passed. The
        others, and those that come meanwhile, are called in another turn of the loop.

        Only the loop's thread may call this.
        """
        until = time.monotonic() + within
        try:
            for _ in range(len(self._due)):
                self._due.popleft()()
                if time.monotonic() >= until:
                    break
        finally:
            if not self._due:
                self._woken = False
            # Another thread may have added one before it could see that.
            if self._due:
                self._wake()

    def _give_some(self) -> None:
        self.give(GIVEN_FOR)

    def _wake(self) -> None:
        self._woken = True
        try:
            self._call_threadsafe(self._give_some)
        except RuntimeError:
            # The loop is closed: nobody is left to be answered, unless `close` still does.
            self._woken = False


class Job(msgspec.Struct, frozen=True, eq=False):
    """Something else that is done by the writer's thread, in its turn."""

    run: Callable[[], Callable[[], None]]
    """Does it, and gives the answer that the loop is to call once it is durable. If it writes, it
    begins the transaction where there is none (`begin`)."""
    weight: int = 0
    """It writes about as much as so many drafts."""


def begin(connection: apsw.Connection) -> None:
    """Begins to write, unless that has begun: what follows becomes durable all or none."""
    if connection.get_autocommit():
        connection.execute("BEGIN IMMEDIATE")


class Writer:
    """The thread.

    `committed` is called by the loop's thread with the outcomes of each batch that had drafts,
    before the answers of the batch's jobs; `failed` at most once, and nothing after it. `check`
    raises StorageError where nothing may be written any more. `schedule` has a function called by
    the loop's thread when the turn ends that is going on.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        entries: Entries,
        answers: Answers,
        *,
        clock: Callable[[], int],
        committed: Callable[[Sequence[Outcome]], None],
        failed: Callable[[str], None],
        checkpoint: Callable[[], None],
        check: Callable[[], None],
        schedule: Callable[[Callable[[], None]], object],
    ) -> None:
        self._connection = connection
        self._entries = entries
        self._answers = answers
        self._clock = clock
        self._committed = committed
        self._failed = failed
        self._checkpoint = checkpoint
        self._check = check
        self._checked_at = float("-inf")
        self._since_checkpoint = 0
        self._schedule = schedule
        self._put: list[Draft | Job] = []
        """What this turn of the loop has brought so far."""
        self._queue: SimpleQueue[list[Draft | Job] | None] = SimpleQueue()
        """What turns have brought, and the word to stop."""
        self._left: list[Draft | Job] = []
        """What was taken from there and is for the next transaction."""
        self._is_last = False
        """The word to stop has come."""
        self._thread = threading.Thread(target=self._run, name="causerie-writer", daemon=True)
        connection.wal_autocheckpoint(CHECKPOINT_AT)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def put(self, item: Draft | Job) -> None:
        """Gives it something to do, after all that it was given before. Only the loop's thread may
        call this.
        """
        put = self._put
        put.append(item)
        if len(put) == 1:
            self._schedule(self._hand_over)
        elif len(put) == BATCH:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._put:
            self._queue.put(self._put)
            self._put = []

    def stop(self, timeout: float) -> bool:
        """Does what it was given, and ends. Tells whether it did within so many seconds."""
        self._hand_over()
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                batch = self._gather()
                if not batch:
                    break
                self._do(batch)
        except (apsw.Error, StorageError) as error:
            self._answers.add(partial(self._failed, f"{type(error).__name__}: {error}"))
        except BaseException as error:
            # A fault of ours. The server must not go on as if its entries were being stored.
            self._answers.add(partial(self._failed, f"{type(error).__name__}: {error}"))
            raise
        finally:
            close(self._connection)

    def _gather(self) -> list[Draft | Job]:
        """Waits for something to do, and takes what is there; nothing after the word to stop."""
        queue, batch = self._queue, self._left
        while not self._is_last and (not batch or (len(batch) < BATCH and not queue.empty())):
            put = queue.get()
            if put is None:
                self._is_last = True
            else:
                batch += put
        self._left = batch[BATCH:]
        return batch[:BATCH]

    def _do(self, batch: Sequence[Draft | Job]) -> None:
        """Does a batch in one transaction, and has it answered once that is durable."""
        drafts = [item for item in batch if type(item) is Draft]
        jobs = [item for item in batch if type(item) is Job]
        self._look_after_files()
        outcomes, answers = self._commit(drafts, jobs)
        if outcomes:
            self._answers.add(partial(self._committed, outcomes), *answers)
        elif answers:
            self._answers.add(*answers)
        self._since_checkpoint += len(drafts) + sum([job.weight for job in jobs])
        if self._since_checkpoint >= CHECKPOINT_EVERY:
            self._since_checkpoint = 0
            self._checkpoint()

    def _look_after_files(self) -> None:
        now = time.monotonic()
        if now - self._checked_at >= CHECK_EVERY:
            self._checked_at = now
            self._check()

    def _commit(
        self, drafts: Sequence[Draft], jobs: Sequence[Job]
    ) -> tuple[Sequence[Outcome], Sequence[Callable[[], None]]]:
        """Stores drafts, then does jobs; when it returns, all of that is durable."""
        now = self._clock()
        outcomes: Sequence[Outcome]
        try:
            plan = self._entries.plan(drafts, now=now)
            # One statement is a transaction of its own. After each this thread may have to wait for
            # the loop to let it go on.
            if len(plan.writes) > 1:
                begin(self._connection)
            self._carry_out(plan)
            outcomes = plan.outcomes
        except ROW_FAULTS:
            self._entries.forget()
            if not self._connection.get_autocommit():
                self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = self._store_apart(drafts, now)
        answers = [job.run() for job in jobs]
        if not self._connection.get_autocommit():
            self._connection.execute("COMMIT")
        self._entries.committed()
        return outcomes, answers

    def _store_apart(self, drafts: Sequence[Draft], now: int) -> Sequence[Outcome]:
        """Stores drafts of which at least one cannot be: each half under a savepoint of its own,
        down to the single one that is at fault.
        """
        if len(drafts) == 1:
            return [Rejected(drafts[0], "failed")]
        outcomes: list[Outcome] = []
        middle = len(drafts) // 2
        for half in (drafts[:middle], drafts[middle:]):
            self._connection.execute("SAVEPOINT half")
            try:
                plan = self._entries.plan(half, now=now)
                self._carry_out(plan)
            except ROW_FAULTS:
                self._entries.forget()
                self._connection.execute("ROLLBACK TO half")
                self._connection.execute("RELEASE half")
                outcomes += self._store_apart(half, now)
            else:
                self._connection.execute("RELEASE half")
                outcomes += plan.outcomes
        return outcomes

    def _carry_out(self, plan: Plan) -> None:
        for statement, rows in plan.writes:
            self._connection.execute(statement, (rows,))
        self._entries.carried_out(plan)


class Checkpointer:
    """A thread that copies committed pages from the write-ahead log into the database.

    It does most of that work while the writer goes on, so that the writer, whose turn it is when
    the log has grown long, finds little left to do.
    """

    def __init__(self, connection: apsw.Connection, failed: Callable[[str], None]) -> None:
        self._connection = connection
        self._failed = failed
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="causerie-checkpointer", daemon=True)
        connection.wal_autocheckpoint(0)
        connection.set_busy_timeout(0)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def want(self) -> None:
        """Has it done once. Any thread may call this."""
        self._wanted.put(True)

    def stop(self, timeout: float) -> bool:
        """Ends after the present one. Tells whether it did within so many seconds."""
        self._wanted.put(False)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while self._wanted.get():
                try:
                    self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                except (apsw.BusyError, apsw.LockedError, apsw.FullError):
                    # The writer does it itself just now; or there is no room for the copy, and
                    # nothing is lost by it. A later one makes up for this.
                    continue
        except apsw.Error as error:
            self._failed(f"{type(error).__name__}: {error}")
        finally:
            close(self._connection)
