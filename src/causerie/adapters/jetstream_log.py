"""A log in NATS JetStream, for servers on many machines."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from causerie.adapters.jetstream_answers import Answers
from causerie.adapters.jetstream_appender import Appender
from causerie.adapters.jetstream_entries import timestamp_of
from causerie.adapters.jetstream_follower import Follower
from causerie.adapters.jetstream_link import Link, LinkError
from causerie.adapters.jetstream_reader import Reader
from causerie.adapters.jetstream_rounds import Rounds
from causerie.adapters.jetstream_stream import State, Stream
from causerie.adapters.jetstream_tails import Mark, Tails
from causerie.adapters.jetstream_tasks import Tasks
from causerie.adapters.jetstream_trimmer import Trimmer
from causerie.adapters.jetstream_watcher import Watcher
from causerie.chat.entry import Draft, Entry
from causerie.ports import (
    Commit,
    Conversation,
    Failed,
    Head,
    Located,
    LogObserver,
)

WINDOW: Final = 120.0
"""Seconds for which NATS knows the id of a message."""
COMPARE_EVERY: Final = 10.0
"""Seconds between two looks for what was lost on its way."""
COMPARE_AGAIN_AFTER: Final = 1.0
"""Seconds after a look that has failed: NATS was away, so that there is something to find."""

LEARN_WITHIN: Final = 1.0
"""Seconds for NATS to tell how far the stream has come, before somebody is let in without it."""

MARKS: Final = 2
"""Entries that are looked for to know the stream again: one that was known at the last look, and
one when the connection was lost, which it is when a copy is put back."""
BELIEVED_AFTER: Final = 20.0
"""Seconds for which a stream has to be another than it was, whoever is asked, until it is taken for
one that was put back. After a cut servers were seen to say so for two seconds: they had led the
others, or were about to, and had not caught up.
"""
SAY_AGAIN_AFTER: Final = 0.5
"""Seconds between two looks at a stream that is not what it was."""

_logger = structlog.get_logger("causerie.log")


class JetStreamLog:
    """A `causerie.ports.Log` in a stream of NATS, one of as many as there are nodes.

    All of it belongs to the thread of the event loop in which it was opened.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        state: State,
        *,
        clock: Callable[[], int],
        window: float,
        compare_every: float,
        before: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Begins to serve a stream that is there, and is in that state; in the loop.

        `link` has been opened; it is not closed with the log. `clock` tells microseconds; `window`
        is how many seconds the stream knows an id. What `before` gives is awaited before anything
        is stored that was appended by then.
        """
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._stream = stream
        self._epoch = state.epoch
        self._compare_every = compare_every
        self._observer: LogObserver | None = None
        self._ended = False
        self._through: list[Entry] = []
        """Entries of watched rooms that have not been told."""
        self._has_own = False
        """Whether some of them may have been said here."""
        self._later: list[Callable[[], None]] = []
        """What is to be called after they have been."""
        self._hold: asyncio.TimerHandle | None = None
        """Tells them at the latest, while they wait for what comes from here."""
        self._is_due = False
        self._answers = Answers()
        self._finds = Answers()
        """Those that may take long, and for which the others are not to wait."""
        self._trims = Answers()
        """Calls of `trim`, which may take minutes."""
        self._ends = Rounds(self._learn_end)
        self._look = asyncio.Event()
        self._marks: list[Mark] = []
        self._drained = asyncio.Event()
        self._tasks = Tasks(self._task_failed)
        tails = Tails(state.last)
        self._tails = tails
        self._reader = Reader(stream, state.epoch, tails)
        self._trimmer = Trimmer(stream, self._reader)
        self._watcher = Watcher(
            link,
            stream,
            self._reader,
            tails,
            self._tasks,
            epoch=state.epoch,
            through=self._let_through,
            later=self._add_later,
            copied=self._copied,
        )
        self._appender = Appender(
            link,
            stream,
            self._reader,
            tails,
            self._tasks,
            clock=clock,
            window=window,
            is_watched=self._watcher.__contains__,
            stored=self._take_own,
            settled=self._need_telling,
            before=before,
        )
        self._follower = Follower(
            link,
            stream,
            self._reader,
            tails=tails,
            addressed=self._addressed,
            expects=self._watcher.expects,
        )
        self._watcher.addressing = self._follower
        link.on_loss(self._mark)
        link.on_reconnect(self._look.set)
        self._tasks.begin(self._appender.run(), "log-appender")
        self._tasks.begin(self._follower.run(), "log-follower")
        self._tasks.begin(self._compare(), "log-comparer")

    def observe(self, observer: LogObserver) -> None:
        """Names the one observer."""
        self._observer = observer

    def append(self, draft: Draft) -> None:
        """Hands over a draft."""
        self._appender.append(draft)

    def withdraw(self, identity: str) -> None:
        """Rejects what an identity has said here under a name that is somebody else's by now, as
        far as it was not sent yet (`causerie.ports.Rejected`).
        """
        self._appender.withdraw(identity)

    def watch(self, room: str, done: Callable[[Head | Failed], None]) -> None:
        """Begins to tell of a room."""
        self._watcher.watch(room, done)

    def unwatch(self, room: str) -> None:
        """Ends telling of a room."""
        untold = [entry for entry in self._through if entry.room == room]
        if untold:
            self._through = [entry for entry in self._through if entry.room != room]
        self._watcher.unwatch(room, untold)
        if len(self._appender):
            self._need_telling()  # an outcome may have waited for its entry

    async def arrive(self, identity: str) -> None:
        """Awaited before somebody who is followed is told that they are here: what is stored by
        then is nothing new to them. If NATS does not say in time how far the stream has come, they
        may be told of some of it.
        """
        await self._ends.ask(None)
        self._follower.arrived(identity)

    async def _learn_end(self, _: None) -> None:
        with suppress(LinkError):
            self._tails.note_end((await self._stream.state(LEARN_WITHIN)).last)

    def follow(self, identity: str) -> None:
        """Begins to tell of an identity's private entries."""
        self._follower.follow(identity)

    def unfollow(self, identity: str) -> None:
        """Ends telling of an identity's private entries."""
        self._follower.unfollow(identity)

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
        self._answers.ask(self._reader.read(room, after=after, upto=upto, limit=limit), done)

    def read_back(
        self,
        room: str,
        *,
        before: int,
        limit: int,
        done: Callable[[Sequence[Entry] | Failed], None],
    ) -> None:
        """Reads backward."""
        self._answers.ask(self._reader.read_back(room, before=before, limit=limit), done)

    def find_entry(
        self,
        identity: str,
        id: str,
        *,
        room: str,
        since: int,
        done: Callable[[Entry | Failed | None], None],
    ) -> None:
        """Tells what was said under an id."""
        self._finds.ask(self._reader.find(identity, id, room=room, since=since), done)

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
        self._answers.ask(
            self._reader.locate(room, seq=seq, id=id, epoch=epoch, upto=upto, limit=limit), done
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
        self._answers.ask(
            self._reader.locate_time(room, timestamp=timestamp, upto=upto, limit=limit), done
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
        self._answers.ask(self._reader.conversations(identity, after=after, limit=limit), done)

    def trim(self, *, before: int, keep: int, done: Callable[[int | Failed], None]) -> None:
        """Removes the oldest entries."""
        self._trims.ask(self._trimmer.trim(before=before, keep=keep), done)

    async def drain(self, within: float) -> bool:
        """Waits until all that was appended has its outcome, for so many seconds at most; tells
        whether it has. Once the log has ended none gets any more, and nothing is waited for.
        """
        if not self._ended:
            self._need_telling()
            self._drained.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._drained.wait()
        return not len(self._appender)

    def close(self, within: float = 4.0) -> None:
        """Tells the outcome of what was appended, and ends.

        Within the event loop nothing can be waited for: whoever stops a server awaits `drain`
        first.
        """
        if self._ended:
            return
        if not self._loop.is_running():
            self._loop.run_until_complete(self.drain(within))
        self._let_go()
        waiting = len(self._appender)
        if waiting and not self._ended:
            self._fail("NATS has not answered what was said before the end")
        self.stop()

    def stop(self) -> None:
        """Ends at once, and tells nothing more."""
        self._ended = True
        self._drained.set()
        self._tasks.stop()
        self._answers.stop()
        self._finds.stop()
        self._trims.stop()

    # Telling.

    def _copied(self, message_id: str, seq: int, prev: int) -> bool:
        return self._appender.copied(message_id, seq, prev)

    def _take_own(self, entry: Entry) -> None:
        self._has_own = True
        self._watcher.take(entry)

    def _let_through(self, entries: Sequence[Entry]) -> None:
        self._through += entries
        self._need_telling()

    def _add_later(self, call: Callable[[], None]) -> None:
        self._later.append(call)
        self._need_telling()

    def _need_telling(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        """Tells all that a turn of the loop has brought, unless it may wait for more."""
        self._is_due = False
        if self._ended:
            return
        outcomes = self._appender.outbox.outcomes(self._watcher.owes)
        if not outcomes and self._holds():
            return
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        entries, self._through = self._through, []
        self._has_own = False
        if outcomes or entries:
            self._observing().committed(Commit(outcomes, entries))
        later, self._later = self._later, []
        for call in later:
            try:
                call()
            except Exception:
                # The others wait for theirs.
                _logger.exception("an answer could not be taken")
        self._link.waits(self, self._appender.outbox.oldest)
        if not len(self._appender):
            self._drained.set()

    def _holds(self) -> bool:
        """Whether the entries wait for those that come from here, which those have that do. Who
        waits for an answer is not to wait for that.
        """
        rooms = {entry.room for entry in self._through}
        if not rooms or self._has_own or self._later:
            return False
        now = self._loop.time()
        until = self._appender.linger.held_until(rooms, now)
        if until <= now:
            return False
        if self._hold is None:
            self._hold = self._loop.call_at(until, self._let_go)
        return True

    def _let_go(self) -> None:
        """Tells what has waited, whatever is still to come from here."""
        self._appender.linger.let_go()
        self._tell()

    def _addressed(self, entry: Entry) -> None:
        if not self._ended:
            self._observing().addressed(entry)

    def _fail(self, reason: str) -> None:
        self._ended = True
        _logger.error("the log has failed", reason=reason)
        self._observing().log_failed(reason)

    def _task_failed(self, error: BaseException) -> None:
        """By a fault of ours. It ends the log: what waited for that task would wait for ever."""
        if not self._ended:
            self._fail(f"{type(error).__name__}: {error}")
            self.stop()

    def _observing(self) -> LogObserver:
        assert self._observer is not None, "observe() comes before all else"
        return self._observer

    # What was lost.

    async def _compare(self) -> None:
        wait = self._compare_every
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._look.wait()
            self._look.clear()
            try:
                await self._check()
                # Pointers first: what they lead to in a watched room is then found there.
                await self._follower.compare()
                await self._watcher.compare()
            except LinkError as error:
                _logger.warning("the log cannot be compared yet", error=str(error))
                wait = min(COMPARE_AGAIN_AFTER, self._compare_every)
            else:
                wait = self._compare_every

    async def _check(self) -> None:
        """Sees that the stream is the one that it was: another knows nothing of what was told. One
        that has grown past what is known here has other entries where some were known.

        Raises:
            LinkError: NATS does not answer in time.
        """
        # By its answers, not by a clock: this process may have stood still since the last of them.
        for _ in range(round(BELIEVED_AFTER / SAY_AGAIN_AFTER)):
            known = self._tails.in_stream()
            state = await self._stream.state()
            if state.epoch == self._epoch and state.last >= known and await self._has_marks():
                self._marks.clear()
                self._mark()
                return
            await asyncio.sleep(SAY_AGAIN_AFTER)
        self._fail("the log in NATS was begun again, or put back to an older copy")
        self.stop()

    def _mark(self) -> None:
        """Remembers an entry to look for. Only the last look and the first loss after it count:
        what was heard since may be of a stream that was put back.
        """
        newest = self._tails.newest()
        if newest is not None and len(self._marks) < MARKS:
            self._marks.append(newest)

    async def _has_marks(self) -> bool:
        """Tells whether no other entry stands where one was known. A replica that has none there
        lags behind, and tells nothing.
        """
        for mark in list(self._marks):
            found = await self._stream.at(mark.seq)
            if found is not None and (
                found.subject != self._stream.subjects.entry(mark.room)
                or timestamp_of(found.payload) != mark.timestamp
            ):
                return False
        return True
