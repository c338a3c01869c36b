"""The rooms that a node watches: their entries come as NATS publishes them again, or are read."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import msgspec
import structlog
from msgspec.structs import replace

from causerie.adapters.jetstream_chain import Chain
from causerie.adapters.jetstream_entries import decode_entry, timestamp_of
from causerie.adapters.jetstream_link import Interest, Link, LinkError, Message
from causerie.adapters.jetstream_reader import GREATEST, Reader, head_of
from causerie.adapters.jetstream_stream import READ_WITHIN, Patience, Stream
from causerie.adapters.jetstream_tails import Tails
from causerie.adapters.jetstream_tasks import Tasks
from causerie.chat.entry import Entry
from causerie.ports import Failed, Head

RECENT: Final = 100
"""How many entries a head tells."""
GAP_AFTER: Final = 0.02
"""Seconds for what is missing to come by itself: an entry of ours is let through with its ack."""
AT_ONCE: Final = 200
"""Entries of a gap that are read, and told, at once."""
AGAIN_AFTER: Final = 0.5
"""Seconds after a read that has failed."""

_logger = structlog.get_logger("causerie.log")


class Watch:
    """A room that is watched, from `watch` to `unwatch`."""

    __slots__ = (
        "chain",
        "interest",
        "is_compared",
        "is_unreadable",
        "looks",
        "pointed",
        "room",
        "stop_filling",
    )

    def __init__(self, room: str) -> None:
        self.room = room
        self.chain = Chain()
        self.looks = 0
        """How often its head is being looked up now."""
        self.pointed = 0
        """The greatest seq that somebody who is told of private entries relies on."""
        self.is_unreadable = False
        """Whether there is something in it that is no entry, so that nothing more is told."""
        self.is_compared = False
        """Whether its head has been compared with the stream since it began."""
        self.interest: Interest | None = None
        self.stop_filling: Callable[[], object] | None = None
        """Ends the reading of what is missing, while that goes on."""


class Addressing(Protocol):
    """What the watcher has to do with private entries: `causerie.ports.LogObserver.addressed`."""

    async def first_untold(self, newest: Sequence[Entry]) -> Entry | None:
        """Finds the first entry of a conversation that was not told, given its newest."""

    def tell(self, first: Entry) -> None:
        """Tells of it, right before the head is told."""

    def let_go(self, room: str, *, told: int | None, pointed: int) -> None:
        """Learns that a room is no longer watched, how far it was told, if its head was, and the
        greatest seq of which `Watcher.expects` has said that it would be.
        """


class Watcher:
    """The watched rooms.

    `through` is called with entries of a room in their order, none missing; `later` has a function
    called when what was let through so far has been told. `copied` learns of each entry that NATS
    publishes: its message id, seq and prev; where it answers True, the entry is handed to `take`
    once it is acknowledged.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        reader: Reader,
        tails: Tails,
        tasks: Tasks,
        *,
        epoch: str,
        through: Callable[[Sequence[Entry]], None],
        later: Callable[[Callable[[], None]], None],
        copied: Callable[[str, int, int], bool],
    ) -> None:
        self._link = link
        self._stream = stream
        self._reader = reader
        self._tails = tails
        self._tasks = tasks
        self._epoch = epoch
        self._through = through
        self._later = later
        self._copied = copied
        self.addressing: Addressing
        """Who tells of private entries in rooms that are not watched."""
        self._watches: dict[str, Watch] = {}
        self._compared = 0

    def __contains__(self, room: str) -> bool:
        return room in self._watches

    def expects(self, room: str, seq: int) -> bool:
        """Whether an entry is told, or was, since its room is watched. If the room is let go of
        before, `let_go` says so.
        """
        watch = self._watches.get(room)
        if watch is None:
            return False
        watch.pointed = max(watch.pointed, seq)
        return True

    def owes(self, room: str, seq: int) -> bool:
        """Whether an entry that is stored has not come yet, and will."""
        watch = self._watches.get(room)
        if watch is None or watch.is_unreadable:
            return False
        head = watch.chain.head
        return head is not None and head < seq

    def watch(self, room: str, done: Callable[[Head | Failed], None]) -> None:
        """Begins to tell of a room."""
        watch = self._watches.get(room)
        if watch is None:
            watch = self._watches[room] = Watch(room)
            subject = self._stream.subjects.live_entry(room)
            watch.interest = self._link.subscribe(subject, partial(self._live, watch))
        watch.looks += 1
        self._tasks.begin(self._look_up(watch, done), "log-head")

    def unwatch(self, room: str, untold: Sequence[Entry] = ()) -> None:
        """Ends telling of a room. `untold` was let through, and will not be told any more."""
        watch = self._watches.pop(room, None)
        if watch is not None:
            assert watch.interest is not None, "it was subscribed to"
            self._link.unsubscribe(watch.interest)
            if watch.stop_filling is not None:
                watch.stop_filling()
            told = untold[0].prev if untold else watch.chain.head
            self.addressing.let_go(room, told=told, pointed=watch.pointed)

    def take(self, entry: Entry) -> None:
        """Takes an entry of this node, which is durable."""
        watch = self._watches.get(entry.room)
        if watch is not None:
            self._take(watch, entry)

    # The head.

    async def _look_up(self, watch: Watch, done: Callable[[Head | Failed], None]) -> None:
        try:
            head = await self._head(watch.room)
            first = await self.addressing.first_untold(head.recent) if head.members else None
        except LinkError as error:
            self._later(partial(self._tell_failed, watch, str(error), done))
        except Exception:
            # A fault of ours: whoever waits would hold back what comes behind for ever.
            _logger.exception("the end of a room cannot be found", room=watch.room)
            self._later(partial(self._tell_failed, watch, "a fault of the server's", done))
        else:
            self._later(partial(self._tell_head, watch, head, first, done))

    async def _head(self, room: str) -> Head:
        """Asks the leader: what is stored after that is published to us, who have subscribed.

        A server that led the others, and was cut off, may answer before it learns that it leads no
        longer. What is known here to be there it has to know as well; for the rest there is a
        comparison later.

        Raises:
            LinkError: NATS does not answer in time.
        """
        patience = Patience(READ_WITHIN, "the leader")
        while True:
            found = await self._stream.last_of(self._stream.subjects.entry(room))
            if (found.seq if found else 0) < self._tails.in_room(room):
                await patience.rest()
                continue
            if found is None:
                self._tails.note(room, 0, 0)
                return head_of(self._epoch, None)
            last = decode_entry(found.payload, room=room, seq=found.seq, prev=0)
            self._tails.note(room, last.seq, last.timestamp)
            recent = await self._reader.read_back(room, before=last.seq + 1, limit=RECENT)
            if recent:
                return head_of(self._epoch, last, tuple(recent))
            # It is not the newest any more, and has been removed.
            await patience.rest()

    def _tell_head(
        self,
        watch: Watch,
        head: Head,
        first: Entry | None,
        done: Callable[[Head | Failed], None],
    ) -> None:
        watch.looks -= 1
        if self._watches.get(watch.room) is not watch:
            done(head)
        elif watch.chain.head is None:
            if first is not None:
                self.addressing.tell(first)
            # Told later than the head, or never if nobody wants the room by then.
            self._let(watch, watch.chain.begin(head.seq))
            done(head)
        else:
            # It is watched twice. What is let through by now is told before the head that has it.
            self._later(partial(self._tell_again, watch, head, done))

    def _tell_again(self, watch: Watch, head: Head, done: Callable[[Head | Failed], None]) -> None:
        last = watch.chain.last
        is_known = last is None or head.seq == watch.chain.head
        done(head if is_known else head_of(self._epoch, last))

    def _tell_failed(
        self, watch: Watch, reason: str, done: Callable[[Head | Failed], None]
    ) -> None:
        watch.looks -= 1
        # Who watches it as well may yet be told its head.
        is_last = not watch.looks and watch.chain.head is None
        if is_last and self._watches.get(watch.room) is watch:
            self.unwatch(watch.room)
        done(Failed(reason))

    # What comes.

    def _live(self, watch: Watch, message: Message) -> None:
        seq, prev = int(message.header("Nats-Sequence")), int(message.header("Nats-Last-Sequence"))
        if self._copied(message.header("Nats-Msg-Id"), seq, prev):
            return
        entry = decode_entry(message.payload, room=watch.room, seq=seq, prev=prev)
        self._tails.note(watch.room, seq, entry.timestamp)
        self._take(watch, entry)

    def _take(self, watch: Watch, entry: Entry) -> None:
        if self._watches.get(watch.room) is watch:
            self._let(watch, watch.chain.take(entry))

    def _let(self, watch: Watch, through: Sequence[Entry]) -> None:
        if through:
            self._through(through)
        if watch.stop_filling is None and watch.chain.gap() is not None:
            watch.stop_filling = self._tasks.begin(self._fill(watch), "log-gap")

    async def _fill(self, watch: Watch) -> None:
        """Reads what is missing, until nothing is."""
        await asyncio.sleep(GAP_AFTER)
        while (gap := watch.chain.gap()) is not None:
            try:
                entries = await self._reader.read(
                    watch.room, after=gap.after, upto=gap.upto, limit=AT_ONCE
                )
                # Where nothing is there, it was removed: what follows names it.
                following = entries or await self._reader.read(
                    watch.room, after=gap.after, upto=GREATEST, limit=1
                )
            except LinkError as error:
                _logger.warning("a gap cannot be read yet", error=str(error))
                await asyncio.sleep(AGAIN_AFTER)
                continue
            except msgspec.MsgspecError:
                # Nobody but a server of ours writes there. What follows cannot be shown without it.
                _logger.exception("a room cannot be read any further", room=watch.room)
                watch.is_unreadable = True
                self._through(())
                return
            prev, through = gap.after, []
            if following and following[0].prev > prev:
                prev = following[0].prev
                through += watch.chain.skip(prev)
            for entry in entries:
                through += watch.chain.take(replace(entry, prev=prev))
                prev = entry.seq
                self._tails.note(watch.room, entry.seq, entry.timestamp)
            self._through(through)
            if watch.chain.head == gap.after:
                await asyncio.sleep(AGAIN_AFTER)
        watch.stop_filling = None

    # What was lost.

    async def compare(self) -> None:
        """Compares the heads with the stream, which tells of entries that nothing has betrayed."""
        last = (await self._stream.state()).last
        begun = [watch for watch in self._watches.values() if watch.chain.head is not None]
        new = [watch for watch in begun if not watch.is_compared]
        old = [watch for watch in begun if watch.is_compared]
        await self._compare(new, since=0, upto=last)
        await self._compare(old, since=self._compared + 1, upto=last)
        self._compared = last

    async def _compare(self, watches: Sequence[Watch], *, since: int, upto: int) -> None:
        subjects = {self._stream.subjects.entry(watch.room): watch for watch in watches}
        found = await self._stream.last(list(subjects), upto=upto, since=since)
        for subject, message in found.items():
            watch = subjects[subject]
            if self._watches.get(watch.room) is watch:
                watch.chain.note(message.seq)
                with suppress(msgspec.MsgspecError):  # who reads it will say so
                    self._tails.note(watch.room, message.seq, timestamp_of(message.payload))
                self._let(watch, ())
        for watch in watches:
            watch.is_compared = True
