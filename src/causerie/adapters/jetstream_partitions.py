"""A log in several streams of NATS, each of which has a part of the rooms
(`causerie.adapters.jetstream_streams.partition`).

What is promised of a room its own stream keeps. Here is what goes beyond a room: an author's
outcomes in their order, and answers that are put together from all.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_log import COMPARE_EVERY, WINDOW, JetStreamLog
from causerie.adapters.jetstream_streams import Opened, partition
from causerie.chat.entry import Draft, Entry
from causerie.ports import Commit, Conversation, Failed, Head, Located, Log, LogObserver, Outcome

_Value = TypeVar("_Value")


class NatsLog(Log, Protocol):
    """A log in NATS, and what else those who own it do with it."""

    def withdraw(self, identity: str) -> None:
        """Rejects what an identity has said here under a name that is somebody else's by now, as
        far as it was not sent yet (`causerie.ports.Rejected`).
        """

    async def arrive(self, identity: str) -> None:
        """Awaited before somebody who is followed is told that they are here: what is stored by
        then is nothing new to them.
        """

    async def drain(self, within: float) -> bool:
        """Waits until all that was appended has its outcome, for so many seconds at most; tells
        whether it has.
        """

    def stop(self) -> None:
        """Ends at once, and tells nothing more."""


def serve_streams(
    link: Link,
    streams: Sequence[Opened],
    *,
    clock: Callable[[], int],
    window: float = WINDOW,
    compare_every: float = COMPARE_EVERY,
    before: Callable[[], Awaitable[object]] | None = None,
) -> NatsLog:
    """Begins to serve the log that is in all streams of a chat; in the loop.

    `link` has been opened; it is not closed with the log. `clock` tells microseconds; `window` is
    how many seconds the streams know an id. What `before` gives is awaited before anything is
    stored that was appended by then.
    """
    logs = [
        JetStreamLog(
            link,
            stream,
            state,
            clock=clock,
            window=window,
            compare_every=compare_every,
            before=before,
        )
        for stream, state in streams
    ]
    return logs[0] if len(logs) == 1 else PartitionedLog(logs)


class PartitionedLog:
    """A `causerie.ports.Log` of several. All of it belongs to the thread of the event loop."""

    def __init__(self, logs: Sequence[JetStreamLog]) -> None:
        """Begins to serve them: each a stream, in the order of their numbers; in the loop."""
        self._logs = list(logs)
        self._loop = asyncio.get_running_loop()
        self._observer: LogObserver | None = None
        self._outcomes = AuthorOrder()
        self._has_ended = False

    def _of(self, room: str) -> JetStreamLog:
        return self._logs[partition(room, len(self._logs))]

    def observe(self, observer: LogObserver) -> None:
        """Names the one observer."""
        self._observer = observer
        for log in self._logs:
            log.observe(self)

    # What a room's log does.

    def append(self, draft: Draft) -> None:
        """Hands over a draft."""
        self._outcomes.expect(draft)
        self._of(draft.room).append(draft)

    def watch(self, room: str, done: Callable[[Head | Failed], None]) -> None:
        """Begins to tell of a room."""
        self._of(room).watch(room, done)

    def unwatch(self, room: str) -> None:
        """Ends telling of a room."""
        self._of(room).unwatch(room)

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
        self._of(room).read(room, after=after, upto=upto, limit=limit, done=done)

    def read_back(
        self,
        room: str,
        *,
        before: int,
        limit: int,
        done: Callable[[Sequence[Entry] | Failed], None],
    ) -> None:
        """Reads backward."""
        self._of(room).read_back(room, before=before, limit=limit, done=done)

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
        self._of(room).locate(room, seq=seq, id=id, epoch=epoch, upto=upto, limit=limit, done=done)

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
        self._of(room).locate_time(room, timestamp=timestamp, upto=upto, limit=limit, done=done)

    # What all do together.

    async def arrive(self, identity: str) -> None:
        """Awaited before somebody who is followed is told that they are here."""
        await asyncio.gather(*(log.arrive(identity) for log in self._logs))

    def follow(self, identity: str) -> None:
        """Begins to tell of an identity's private entries."""
        for log in self._logs:
            log.follow(identity)

    def unfollow(self, identity: str) -> None:
        """Ends telling of an identity's private entries."""
        for log in self._logs:
            log.unfollow(identity)

    def find_entry(
        self,
        identity: str,
        id: str,
        *,
        room: str,
        since: int,
        done: Callable[[Entry | Failed | None], None],
    ) -> None:
        """Tells what was said under an id. In several streams there may be several such entries:
        that of the room's own stream goes before the others. What is found is there, whether the
        others can be asked now or not.
        """

        def told(answers: Sequence[Entry | Failed | None]) -> None:
            found = next((answer for answer in answers if isinstance(answer, Entry)), None)
            done(found or next((answer for answer in answers if answer is not None), None))

        # The order in which they are asked is that of the answers.
        logs = sorted(self._logs, key=lambda log: log is not self._of(room)) if room else self._logs
        _ask_all(
            [partial(log.find_entry, identity, id, room=room, since=since) for log in logs], told
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

        def told(answers: Sequence[Sequence[Conversation] | Failed]) -> None:
            talks: list[Conversation] = []
            for answer in answers:
                if isinstance(answer, Failed):
                    done(answer)
                    return
                talks += answer
            done(sorted(talks, key=lambda talk: talk.room)[: max(0, limit)])

        _ask_all(
            [partial(log.conversations, identity, after=after, limit=limit) for log in self._logs],
            told,
        )

    def trim(self, *, before: int, keep: int, done: Callable[[int | Failed], None]) -> None:
        """Removes the oldest entries."""

        def told(answers: Sequence[int | Failed]) -> None:
            removed = 0
            for answer in answers:
                if isinstance(answer, Failed):
                    done(answer)
                    return
                removed += answer
            done(removed)

        _ask_all([partial(log.trim, before=before, keep=keep) for log in self._logs], told)

    # Ending.

    def withdraw(self, identity: str) -> None:
        """Rejects what an identity has said here under a name that is another's by now."""
        for log in self._logs:
            log.withdraw(identity)

    async def drain(self, within: float) -> bool:
        """Waits until all that was appended has its outcome."""
        drained = await asyncio.gather(*(log.drain(within) for log in self._logs))
        return all(drained)

    def close(self, within: float = 4.0) -> None:
        """Tells the outcome of what was appended, and ends: of all within so many seconds. Within
        the event loop nothing can be waited for: whoever stops a server awaits `drain` first.
        """
        if self._has_ended:
            return
        if not self._loop.is_running():
            self._loop.run_until_complete(self.drain(within))
        for log in self._logs:
            log.close(0.0)
        self.stop()

    def stop(self) -> None:
        """Ends at once, and tells nothing more."""
        self._has_ended = True
        for log in self._logs:
            log.stop()

    # What each of them tells.

    def committed(self, commit: Commit) -> None:
        """Passes on what became durable in one stream."""
        outcomes = self._outcomes.settle(commit.outcomes)
        if outcomes or commit.entries:
            self._observing().committed(Commit(outcomes, commit.entries))

    def addressed(self, entry: Entry) -> None:
        """Passes on a private entry."""
        self._observing().addressed(entry)

    def log_failed(self, reason: str) -> None:
        """Ends all when one has failed."""
        if not self._has_ended:
            self.stop()
            self._observing().log_failed(reason)

    def _observing(self) -> LogObserver:
        assert self._observer is not None, "observe() comes before all else"
        return self._observer


class AuthorOrder:
    """Puts outcomes that come from several logs into the order in which each author's drafts were
    appended. Pure.
    """

    def __init__(self) -> None:
        self._due: dict[str, deque[Draft]] = {}
        """By their author, the drafts whose outcomes were not told, in their order."""
        self._early: dict[int, Outcome] = {}
        """By the identity (`id`) of their draft, outcomes for which it is not time yet."""

    def expect(self, draft: Draft) -> None:
        """Learns of a draft as it is appended."""
        self._due.setdefault(draft.identity, deque()).append(draft)

    def settle(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Takes outcomes; gives those that can be told, which may be some of earlier calls."""
        ready: list[Outcome] = []
        for outcome in outcomes:
            author = outcome.draft.identity
            due = self._due[author]
            self._early[id(outcome.draft)] = outcome
            while due and (next_one := self._early.pop(id(due[0]), None)) is not None:
                due.popleft()
                ready.append(next_one)
            if not due:
                del self._due[author]
        return ready


def _ask_all(asks: Sequence[Callable[..., Any]], done: Callable[[Sequence[_Value]], None]) -> None:
    """Asks all, each with a `done`; tells all answers, in the order in which they were asked for,
    when the last is there.
    """
    answers: dict[int, _Value] = {}

    def take(number: int, answer: _Value) -> None:
        answers[number] = answer
        if len(answers) == len(asks):
            done([answers[each] for each in range(len(asks))])

    for number, ask in enumerate(asks):
        ask(done=partial(take, number))
