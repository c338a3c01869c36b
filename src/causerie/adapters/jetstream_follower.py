"""The identities that are connected to a node: it is told of their private entries, wherever the
conversations are that these are in.

NATS publishes a pointer to each private entry, for each of the two. That may be lost, or come late,
so what counts is how far a conversation was told here. A pointer says that there is more; then the
first entry that was not told is, and who is told of it hears the room from there on.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import structlog

from causerie.adapters.jetstream_link import Interest, Link, LinkError, Message
from causerie.adapters.jetstream_reader import Reader
from causerie.adapters.jetstream_stream import Stream
from causerie.adapters.jetstream_subjects import room_of
from causerie.adapters.jetstream_tails import Tails
from causerie.chat.entry import Entry
from causerie.chat.identity import is_conversation

ROOMS: Final = 50_000
"""Conversations of which it is remembered how far they were told."""
DISTANCES: Final = {b"1": 1, b"2": 2}
"""By what stands in a pointer, how far ahead the entry is: each of the two has a pointer."""
AGAIN_AFTER: Final = 0.5
"""Seconds after a read that has failed."""

_logger = structlog.get_logger("causerie.log")


class _Followed:
    """An identity that is followed."""

    __slots__ = ("has_arrived", "interest", "looked", "since")

    def __init__(self, interest: Interest, since: int) -> None:
        self.interest = interest
        self.since = since
        """The seq of the last entry that is not told, for it was there before."""
        self.has_arrived = False
        """Whether somebody was told that they are here."""
        self.looked = since
        """The seq up to which its pointers have been looked for."""


class Follower:
    """The followed identities.

    `addressed` is called with the first entry of a conversation that was not told; `expects` tells
    of which rooms and seqs that is not needed, since the room is watched, and `let_go` is to be
    called when it is no longer.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        reader: Reader,
        *,
        tails: Tails,
        addressed: Callable[[Entry], None],
        expects: Callable[[str, int], bool],
    ) -> None:
        self._link = link
        self._stream = stream
        self._reader = reader
        self._tails = tails
        self._addressed = addressed
        self._expects = expects
        self._followed: dict[str, _Followed] = {}
        self._pointed: deque[tuple[str, int]] = deque()
        """Of entries to look at: the room and the seq."""
        self._wanted = asyncio.Event()
        self._told: OrderedDict[str, int] = OrderedDict()
        """Of conversations, the seq up to which all was told."""
        self._forgotten = 0
        """The greatest of those that are remembered no longer."""

    def follow(self, identity: str) -> None:
        """Begins to tell of an identity's private entries."""
        if identity not in self._followed:
            subject = self._stream.subjects.live_pointers(identity)
            interest = self._link.subscribe(subject, partial(self._live, identity))
            self._followed[identity] = _Followed(interest, self._tails.in_stream())

    def arrived(self, identity: str) -> None:
        """Somebody is about to be told that they are here. What is known to be stored by now was
        there before, unless another of their devices was here already.
        """
        followed = self._followed.get(identity)
        if followed is not None and not followed.has_arrived:
            followed.has_arrived = True
            followed.since = followed.looked = self._tails.in_stream()

    def unfollow(self, identity: str) -> None:
        """Ends that."""
        followed = self._followed.pop(identity, None)
        if followed is not None:
            self._link.unsubscribe(followed.interest)

    def let_go(self, room: str, *, told: int | None, pointed: int) -> None:
        """Learns that a room is no longer watched: it was told up to a seq, if its head was, and
        there is an entry at another, as a pointer has said by then (0 if none has).
        """
        if not is_conversation(room):
            return
        if told is not None:
            self._note_told(room, told)
        if pointed > (told or 0):
            self._look_at(room, pointed)

    def tell(self, first: Entry) -> None:
        """Tells of the first entry of its conversation that was not told, unless it was by now."""
        # It was found for both. One may have gone since, and the other not have been here yet when
        # it was said; but what is told behind it is the other's as well.
        is_for_somebody = not self._followed.keys().isdisjoint((first.identity, first.peer))
        if is_for_somebody and first.seq > self._told.get(first.room, 0):
            self._note_told(first.room, first.seq)
            self._addressed(first)

    async def first_untold(self, newest: Sequence[Entry]) -> Entry | None:
        """Finds the first entry of a conversation that was not told; None if all was, or nobody
        here is in it. `newest` are its newest entries, oldest first, one at least.

        Raises:
            LinkError: NATS does not answer in time.
        """
        floor = self._floor(newest[-1])
        if floor is None:
            return None
        oldest = newest[0]
        if oldest.prev > floor:
            older = await self._reader.read(oldest.room, after=floor, upto=oldest.prev, limit=1)
            # They may have been removed.
            oldest = older[0] if older else oldest
        return next((entry for entry in (oldest, *newest) if entry.seq > floor), None)

    def _floor(self, entry: Entry) -> int | None:
        """The seq after which a conversation that has this entry is to be told; None if neither of
        the two is here.
        """
        here = [self._followed.get(party) for party in (entry.identity, entry.peer)]
        sinces = [followed.since for followed in here if followed is not None]
        if not sinces:
            return None
        told = self._told.get(entry.room)
        if told is None:
            # It may have been told that far, and never this entry: it was pointed to now.
            told = min(self._forgotten, entry.seq - 1)
        return max(told, min(sinces))

    def _note_told(self, room: str, seq: int) -> None:
        self._told[room] = max(seq, self._told.get(room, 0))
        self._told.move_to_end(room)
        if len(self._told) > ROOMS:
            _, forgotten = self._told.popitem(last=False)
            self._forgotten = max(self._forgotten, forgotten)

    # What pointers tell.

    def _live(self, identity: str, message: Message) -> None:
        pointer = int(message.header("Nats-Sequence"))
        self._point(identity, message.subject, pointer, message.payload)

    def _point(self, identity: str, subject: str, pointer: int, distance: bytes) -> None:
        try:
            room, seq = room_of(subject), pointer - DISTANCES[distance]
        except (KeyError, ValueError):
            # As below: it must not keep the others from theirs.
            _logger.exception("what points to no entry is passed over", subject=subject)
            return
        self._tails.note(room, seq, 0)
        followed = self._followed.get(identity)
        if followed is not None and seq > followed.since:
            self._look_at(room, seq)

    def _look_at(self, room: str, seq: int) -> None:
        if not self._is_told(room, seq):
            self._pointed.append((room, seq))
            self._wanted.set()

    def _is_told(self, room: str, seq: int) -> bool:
        """Whether an entry was told, or is about to be since its room is watched."""
        return seq <= self._told.get(room, 0) or self._expects(room, seq)

    async def run(self) -> None:
        """Reads the entries that pointers lead to, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._pointed:
                room, seq = self._pointed[0]
                try:
                    if not self._is_told(room, seq):
                        await self._read(room, seq)
                except LinkError as error:
                    _logger.warning("a private entry cannot be read yet", error=str(error))
                    await asyncio.sleep(AGAIN_AFTER)
                    # The others first: it may be this one alone that cannot.
                    self._pointed.rotate(-1)
                    continue
                except (msgspec.MsgspecError, ValueError):
                    # Nobody but a server of ours writes there.
                    _logger.exception("a private entry cannot be read", room=room, seq=seq)
                self._pointed.popleft()

    async def _read(self, room: str, seq: int) -> None:
        entry = await self._reader.entry_at(seq)
        if entry is None:
            return  # it was removed: there are newer ones, with pointers of their own
        first = await self.first_untold([entry])
        if first is not None and not self._is_told(room, seq):
            self.tell(first)

    # What was lost.

    async def compare(self) -> None:
        """Looks for pointers that have not come.

        Raises:
            LinkError: NATS does not answer in time.
        """
        compared = dict(self._followed)
        if not compared:
            return
        last = (await self._stream.state()).last
        # Of a conversation the newest is enough: how far it was told is known.
        since = min(followed.looked for followed in compared.values()) + 1
        filters = {self._stream.subjects.pointers(each): each for each in compared}
        async for found in self._stream.newest(list(filters), since=since, upto=last):
            identity = filters[f"{found.subject.rpartition('.')[0]}.*"]
            self._point(identity, found.subject, found.seq, found.payload)
        for followed in compared.values():
            followed.looked = last
