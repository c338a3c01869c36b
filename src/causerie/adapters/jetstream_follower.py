"""The identities that are connected to a node: it is told of their private entries, wherever the
conversations are that these are in.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from causerie.adapters.jetstream_link import Interest, Link, LinkError, Message
from causerie.adapters.jetstream_reader import Reader
from causerie.adapters.jetstream_stream import PAGE, Stream
from causerie.adapters.jetstream_subjects import room_of
from causerie.adapters.jetstream_tails import Tails
from causerie.chat.entry import Entry

TOLD: Final = 10_000
"""So many entries are remembered as told: each has two pointers, and both may be followed."""
AGAIN_AFTER: Final = 0.5
"""Seconds after a read that has failed."""

_logger = structlog.get_logger("causerie.log")


class Follower:
    """The followed identities.

    `addressed` is called with each entry that a pointer led to, in the order of the pointers;
    `comes` tells of which rooms and seqs that is not needed, since they come in a commit.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        reader: Reader,
        *,
        tails: Tails,
        addressed: Callable[[Entry], None],
        comes: Callable[[str, int], bool],
    ) -> None:
        self._link = link
        self._stream = stream
        self._reader = reader
        self._addressed = addressed
        self._comes = comes
        self._interests: dict[str, Interest] = {}
        self._since: dict[str, int] = {}
        """Of each identity, the seq of the last entry that is not told, for it was there before."""
        self._seqs: deque[tuple[str, int]] = deque()
        """Of entries to look at: the room and the seq."""
        self._told: OrderedDict[int, None] = OrderedDict()
        self._wanted = asyncio.Event()
        self._tails = tails
        self._compared = tails.in_stream()

    def follow(self, identity: str) -> None:
        """Begins to tell of an identity's private entries."""
        if identity not in self._interests:
            subject = self._stream.subjects.live_pointers(identity)
            told = partial(self._live, identity)
            self._since[identity] = self._tails.in_stream()
            self._interests[identity] = self._link.subscribe(subject, told)

    def unfollow(self, identity: str) -> None:
        """Ends that."""
        interest = self._interests.pop(identity, None)
        if interest is not None:
            del self._since[identity]
            self._link.unsubscribe(interest)

    def _live(self, identity: str, message: Message) -> None:
        pointer = int(message.headers["Nats-Sequence"])
        self._point(identity, message.subject, pointer, message.payload)

    def _point(self, identity: str, subject: str, pointer: int, distance: bytes) -> None:
        room = room_of(subject)
        seq = pointer - int(distance)
        self._tails.note(room, seq, 0)
        is_new = seq > self._since.get(identity, seq) and seq not in self._told
        if is_new and not self._comes(room, seq):
            self._told[seq] = None
            if len(self._told) > TOLD:
                self._told.popitem(last=False)
            self._seqs.append((room, seq))
            self._wanted.set()

    async def run(self) -> None:
        """Reads the entries that pointers lead to, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._seqs:
                room, seq = self._seqs[0]
                try:
                    if not self._comes(room, seq):
                        entry = await self._reader.entry_at(seq)
                        if self._is_for_somebody(entry) and not self._comes(room, seq):
                            self._addressed(entry)
                except LinkError as error:
                    _logger.warning("a private entry cannot be read yet", error=str(error))
                    await asyncio.sleep(AGAIN_AFTER)
                else:
                    self._seqs.popleft()

    def _is_for_somebody(self, entry: Entry) -> bool:
        """Whether one of the two is followed: the pointer that led here may be of the other."""
        parties = (entry.identity, entry.peer)
        return any(entry.seq > self._since.get(party, entry.seq) for party in parties)

    async def compare(self) -> None:
        """Looks for pointers that have not come."""
        last = (await self._stream.state()).last
        subjects = {self._stream.subjects.pointers(each): each for each in self._interests}
        for subject in await self._stream.moved(
            list(subjects), since=self._compared + 1, upto=last
        ):
            await self._catch_up(subjects[subject], subject)
        self._compared = last

    async def _catch_up(self, identity: str, subject: str) -> None:
        after, pending = max(self._compared, self._since.get(identity, 0)), 1
        while pending:
            page = await self._stream.page(subject, after=after, limit=PAGE)
            for found in page.messages:
                self._point(identity, found.subject, found.seq, found.payload)
                after = found.seq
            pending = page.pending
