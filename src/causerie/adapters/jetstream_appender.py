"""Writes this node's drafts into the stream.

Drafts gather while the last batch is on its way, and until it was told and its first answers were
read: those go in the next batch with what has waited, and in one write to everybody. Few that come
after many wait a moment for more (`causerie.adapters.jetstream_linger`).

A batch is stored whole or not at all, and refused whole if one id in it is known: then each of its
ids is asked about, and the rest is sent again. One that is not answered is sent again too, as often
as it takes; its ids see to it that it is stored once. NATS knows ids for a while only (the window):
what may have been stored before that is looked for in its room first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog

from causerie.adapters.jetstream_entries import timestamp_of
from causerie.adapters.jetstream_late import Late
from causerie.adapters.jetstream_linger import Linger
from causerie.adapters.jetstream_link import Link, LinkError, Lost, Unanswered
from causerie.adapters.jetstream_outbox import UNKNOWN, Outbox, Slot, owners
from causerie.adapters.jetstream_reader import Reader
from causerie.adapters.jetstream_stream import Stream
from causerie.adapters.jetstream_stroke import Part, store_all
from causerie.adapters.jetstream_subjects import next_message_id
from causerie.adapters.jetstream_tails import Tails
from causerie.adapters.jetstream_tasks import Tasks
from causerie.chat.entry import Draft, Entry

ACK_WITHIN: Final = 2.0
"""Seconds after which a batch that is not answered is sent again."""
AGAIN_AFTER: Final = 0.1
"""Seconds until then, where NATS has said that it cannot be stored now."""
COPY_WITHIN: Final = 0.05
"""Seconds after its ack in which an entry of a watched room should have been published again."""
OFF: Final = 60_000_000
"""Microseconds by which the clock of a client may go wrong that says when it first tried."""
TURNS: Final = 3
"""Turns of the loop between two batches. In the first, what the one has brought is told, and
written to those who wait for it. By the second, uvloop has read what they answer; asyncio's own
loop does first what was due before, and has read it by the third."""
ROOM_IN_MESSAGE: Final = 4_096
"""Bytes of a message that are not for its payload and its subject."""

_logger = structlog.get_logger("causerie.log")


class _Known(LinkError):
    """An id was stored before."""


class Appender:
    """The way from a draft to its outcome.

    `stored` is called with each new entry of this node once it is durable, and with those that its
    drafts repeat; `settled` when outcomes may be ready in the outbox. `is_watched` tells of which
    rooms the entries are published to this node.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        reader: Reader,
        tails: Tails,
        tasks: Tasks,
        *,
        clock: Callable[[], int],
        window: float,
        is_watched: Callable[[str], bool],
        stored: Callable[[Entry], None],
        settled: Callable[[], None],
        before: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """`window` is how many seconds NATS knows an id; `before` gives what is awaited before
        drafts that were appended by then are sent, each time.
        """
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._stream = stream
        self._reader = reader
        self._tails = tails
        self._tasks = tasks
        self._clock = clock
        self._window = window
        self._is_watched = is_watched
        self._stored = stored
        self._settled = settled
        self.outbox = Outbox()
        self.linger = Linger()
        self._late = Late(
            tasks,
            is_old=self._is_old,
            look=self._look_for,
            found=self._found_late,
            put=self._put,
            reject=self._reject,
        )
        self._held_up: set[object] = set()
        """The tasks that try again what NATS has not done."""
        self._wanted = asyncio.Event()

    def __len__(self) -> int:
        """How many drafts have no outcome yet."""
        return len(self.outbox) + len(self._late)

    def append(self, draft: Draft) -> None:
        """Takes a draft."""
        if not self._late.take(draft):
            self._put(draft)

    def withdraw(self, identity: str) -> None:
        """Rejects what an identity has said here under a name that is somebody else's by now, as
        far as it was not sent yet. What was first tried long ago was said when it had the name.
        """
        self.outbox.withdraw(identity)
        self._late.withdraw(identity)
        self._settled()

    def _put(self, draft: Draft) -> None:
        outbox = self.outbox
        max_bytes = self._link.max_payload - ROOM_IN_MESSAGE
        outbox.put(draft, since=self._loop.time(), max_bytes=max_bytes)
        if len(outbox) == 1:
            self._settled()
        self._wanted.set()

    def _reject(self, draft: Draft) -> None:
        self.outbox.put_withdrawn(draft, since=self._loop.time())
        self._settled()

    async def run(self) -> None:
        """Sends what there is, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self.outbox.waiting:
                await self._gather()
                slots = self.outbox.take()
                are_all = not self.outbox.waiting
                if slots:
                    self.linger.begin(slots)
                    await self._may_send()
                    await self._send(_unsettled(slots))
                    for _ in range(TURNS):
                        await asyncio.sleep(0)
                    self.linger.end(self._loop.time(), are_all=are_all)
            self._settled()

    async def _gather(self) -> None:
        """Waits a moment for more, where what there is is little beside the last batch."""
        now = self._loop.time()
        until = self.linger.until(self.outbox.waiting, now)
        if until > now:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    while not self.linger.is_enough(self.outbox.waiting):
                        self._wanted.clear()
                        await self._wanted.wait()

    def copied(self, message_id: str, seq: int, prev: int) -> bool:
        """Learns that an entry was published; tells whether it is of a draft that is on its way."""
        slot = self.outbox.copied(message_id, seq, prev)
        if slot is None:
            return False
        if slot.seq == seq:
            self._store(slot)
            self._settled()
        return True

    # Sending.

    async def _may_send(self) -> None:
        if self._before is not None:
            await self._before()

    async def _send(self, slots: Sequence[Slot]) -> None:
        """Sends drafts until they are stored, or found to have been before."""
        await self._insist(lambda: self._stamp(slots))
        slots = _unsettled(slots)
        begun = self._loop.time()
        while slots:
            try:
                last = await self._publish(slots)
            except _Known:
                slots = await self._insist(lambda known=slots: self._without_known(known))  # type: ignore[misc]
            except LinkError as error:
                await self._rest(error)
                await self._may_send()
                slots = _unsettled(slots)
                if self._loop.time() - begun > self._window / 2:
                    slots = await self._insist(lambda old=slots: self._without_stored(old))  # type: ignore[misc]
                    begun = self._loop.time()
            else:
                self._acknowledged(slots, last)
                break
        self._go_on()
        self._settled()

    async def _insist(self, ask: Callable[[], Any]) -> Any:
        """Looks something up, for as long as it takes."""
        while True:
            try:
                return await ask()
            except LinkError as error:
                await self._rest(error)

    async def _rest(self, error: LinkError) -> None:
        if isinstance(error, Lost):
            await self._link.up()
        else:
            if not self._held_up:
                _logger.warning("NATS does not store; trying again", error=str(error))
            self._held_up.add(asyncio.current_task())
            await asyncio.sleep(AGAIN_AFTER)

    def _go_on(self) -> None:
        """What this task may have had to try again is done."""
        task = asyncio.current_task()
        if task in self._held_up:
            self._held_up.remove(task)
            if not self._held_up:
                _logger.info("NATS stores again")

    async def _publish(self, slots: Sequence[Slot]) -> int:
        """Publishes drafts in one stroke; gives the seq of the last message."""
        for slot in slots:
            slot.is_sent = slot.is_sent or self._link.is_up
        ack = await store_all(self._link, list(self._parts(slots)), within=ACK_WITHIN)
        if ack.is_known:
            raise _Known
        if ack.error is not None:
            raise Unanswered(ack.error.description)
        return ack.seq

    def _parts(self, slots: Iterable[Slot]) -> Iterator[Part]:
        subjects = self._stream.subjects
        for slot in slots:
            draft = slot.draft
            headers = {"Nats-Msg-Id": slot.message_id}
            yield Part(subjects.entry(draft.room), slot.payload, headers)
            for distance, identity in enumerate(owners(draft), 1):
                yield Part(subjects.pointer(identity, draft.room), b"%d" % distance, {})

    # Before sending.

    async def _stamp(self, slots: Sequence[Slot]) -> None:
        """Gives drafts their times: later than all that is known of their rooms."""
        tails = self._tails
        unknown = {slot.draft.room for slot in slots if not tails.knows(slot.draft.room)}
        await self._learn(sorted(unknown))
        for slot in _unsettled(slots):
            room = slot.draft.room
            slot.stamp(max(self._clock(), tails.timestamp(room) + 1))
            tails.note(room, 0, slot.timestamp)

    async def _learn(self, rooms: Sequence[str]) -> None:
        if not rooms:
            return
        subjects = {room: self._stream.subjects.entry(room) for room in rooms}
        found = await self._stream.last(list(subjects.values()))
        for room, subject in subjects.items():
            message = found.get(subject)
            if message is None:
                self._tails.note(room, 0, 0)
            else:
                self._tails.note(room, message.seq, timestamp_of(message.payload))

    def _is_old(self, draft: Draft) -> bool:
        """Whether it may have been stored longer ago than NATS knows ids."""
        tried = draft.first_tried
        return tried is not None and self._clock() - tried > self._window * 1e6 / 2

    async def _look_for(self, draft: Draft) -> Entry | None:
        """Finds what a draft that is old has become, for as long as it takes."""
        since = (draft.first_tried or 0) - OFF
        found: Entry | None = None
        with suppress(UnicodeEncodeError):  # what is not text was never stored
            found = await self._insist(
                lambda: self._reader.find_in(draft.room, draft.identity, draft.id, since=since)
            )
        self._go_on()
        return found

    def _found_late(self, draft: Draft, entry: Entry) -> None:
        self.outbox.put_found(draft, entry, since=self._loop.time())
        # Another node may have stored it a moment ago: of a watched room the outcome waits for it.
        self._tails.note(entry.room, entry.seq, entry.timestamp)
        self._stored(entry)
        self._settled()

    async def _without_stored(self, slots: Sequence[Slot]) -> list[Slot]:
        """Settles the drafts that are stored since they were first sent; gives the others."""
        await _all(self._look(slot, slot.timestamp) for slot in _unsettled(slots))
        return _unsettled(slots)

    async def _without_known(self, slots: Sequence[Slot]) -> list[Slot]:
        """Settles the drafts whose ids NATS knows; gives the others."""
        await _all(self._ask(slot) for slot in _unsettled(slots))
        return _unsettled(slots)

    async def _look(self, slot: Slot, since: int) -> None:
        draft = slot.draft
        entry = await self._reader.find_in(draft.room, draft.identity, draft.id, since=since)
        if entry is not None:
            self._found(slot, entry)

    async def _ask(self, slot: Slot) -> None:
        seq = await self._stream.stored_as(slot.message_id)
        if seq is None:
            return
        entry = await self._reader.entry_at(seq)
        if entry is None:
            # It was removed so soon that NATS would still take this one for its repetition.
            self.outbox.send_as(slot, next_message_id(slot.message_id, seq))
        else:
            self._found(slot, entry)

    def _found(self, slot: Slot, entry: Entry) -> None:
        """Settles a draft by the entry under its id: its own, if it was sent before in vain."""
        slot.seq, slot.prev = entry.seq, entry.prev
        if slot.payload and slot.entry == entry:
            self._store(slot)
        else:
            self.outbox.found(slot, entry)
            # If NATS has published it since the draft was sent, it was taken for the draft's own.
            self._tails.note(entry.room, entry.seq, entry.timestamp)
            self._stored(entry)

    # After the ack.

    def _acknowledged(self, slots: Sequence[Slot], last: int) -> None:
        self.outbox.acknowledged(slots, last)
        unknown = []
        for slot in slots:
            if slot.prev == UNKNOWN:
                unknown.append(slot)
            else:
                self._store(slot)
        if unknown:
            self._tasks.begin(self._find_before(unknown, slots[0].seq), "log-before")

    def _store(self, slot: Slot) -> None:
        entry = self.outbox.stored(slot)
        self._tails.note(entry.room, entry.seq, entry.timestamp)
        self._stored(entry)

    async def _find_before(self, slots: Sequence[Slot], first: int) -> None:
        """Finds what stands before drafts that are each the first of its room in a batch, which
        begins with `first`. Of watched rooms NATS tells it by publishing the entry.
        """
        if all(self._is_watched(slot.draft.room) for slot in slots):
            await asyncio.sleep(COPY_WITHIN)
        slots = _unsettled(slots)
        subjects = [self._stream.subjects.entry(slot.draft.room) for slot in slots]
        found = await self._insist(lambda: self._stream.last(subjects, upto=first - 1))
        for slot, subject in zip(slots, subjects, strict=True):
            if slot.outcome is None:
                slot.prev = found[subject].seq if subject in found else 0
                self._store(slot)
        self._go_on()
        self._settled()


def _unsettled(slots: Iterable[Slot]) -> list[Slot]:
    return [slot for slot in slots if slot.outcome is None]


async def _all(looks: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Looks everything up. One that fails is raised when all have ended: another that went on by
    itself would settle a draft that is tried again by then.
    """
    for error in await asyncio.gather(*looks, return_exceptions=True):
        if error is not None:
            raise error
