"""Removing the oldest entries of the rooms in NATS.

How far a room is trimmed is stored before anything of it is removed: then whoever reads knows that
there was something before the first entry that is left, and what. Several nodes may do it at once.
Each removes only what is before the newest entry that it knows; and that note only ever moves on.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from causerie.adapters.jetstream_entries import decode_entry, timestamp_of
from causerie.adapters.jetstream_reader import SKEW, Reader
from causerie.adapters.jetstream_stream import PAGE, SUBJECTS, Found, Stream
from causerie.adapters.jetstream_subjects import room_of

AT_ONCE: Final = 2_000
"""Messages, about, that are removed at a time: NATS stores nothing meanwhile."""
APART: Final = 250
"""The same where they stand far apart: each takes NATS up to 0.2 ms then."""
FAR: Final = 10
"""Messages that stand side by side are at most so many apart, on average."""
POINTERS: Final = 2
"""Messages that follow on a private entry, at most, and belong to it."""


class Note(NamedTuple):
    """What is stored of how far a room is trimmed."""

    seq: int
    """Where that stands in the stream."""
    upto: int
    """The seq of the last entry that is removed, or is to be."""
    is_first: bool
    """The room was not trimmed before."""


class Trimmer:
    """Trims rooms, one after the other."""

    def __init__(self, stream: Stream, reader: Reader) -> None:
        self._stream = stream
        self._subjects = stream.subjects
        self._reader = reader

    async def trim(self, *, before: int, keep: int) -> int:
        """Removes the oldest entries of every room; tells how many.

        Raises:
            LinkError: NATS does not answer in time. What is left to do another call does.
        """
        counts = await self._stream.counts()
        older = await self._last_earlier(before + SKEW) if before else 0
        subjects = iter([subject for subject, count in counts.items() if count > 1])
        removed = 0
        while some := list(islice(subjects, SUBJECTS)):
            removed += await self._trim_some(some, counts, before=before, older=older, keep=keep)
        return removed

    async def _last_earlier(self, before: int) -> int:
        """The seq of an entry, of whichever room, that was said before a time, as none was that
        follows it, but by the difference of the nodes' clocks; 0 if there is none.
        """
        entries = self._subjects.entries
        earlier, later = 0, (await self._stream.state()).last + 1
        middle = 1  # mostly the first is young enough
        while later - earlier > 1:
            found = await self._stream.next(middle, entries)
            if found is None or timestamp_of(found.payload) >= before:
                later = middle
            else:
                earlier = found.seq
            middle = (earlier + later) // 2
        return earlier

    async def _trim_some(
        self,
        subjects: Sequence[str],
        counts: Mapping[str, int],
        *,
        before: int,
        older: int,
        keep: int,
    ) -> int:
        """Trims some rooms. Up to the seq `older` there are all entries that are too old."""
        newest = await self._stream.last(subjects)
        old = await self._stream.last(subjects, upto=older) if older else {}
        notes = await self._stream.last([self._note_of(subject) for subject in subjects])
        removed = 0
        for subject in subjects:
            room, count = room_of(subject), counts[subject]
            if subject not in newest:
                continue  # of a room that is this new a replica may not know
            last, upto = newest[subject], 0
            if subject in old:
                upto = await self._reader.last_earlier(room, before, old[subject])
            if keep and count > keep:
                upto = max(upto, await self._surplus(room, count - keep, keep))
            if upto >= last.seq:
                upto = await self._reader.before(room, last.seq)
            if upto:
                note = await self._note(room, upto, notes.get(self._note_of(subject)))
                is_private = bool(decode_entry(last.payload, room=room, seq=0, prev=0).peer)
                removed += await self._remove(room, note, count, is_private=is_private)
        return removed

    def _note_of(self, subject: str) -> str:
        return self._subjects.trimmed(room_of(subject))

    async def _surplus(self, room: str, surplus: int, keep: int) -> int:
        """The seq of the last of the oldest entries of a room, so many or fewer, that at least
        `keep` others follow; 0 if there is none.
        """
        if surplus > PAGE:
            return await self._reader.before_newest(room, keep)
        page = await self._stream.page(self._subjects.entry(room), after=0, limit=surplus)
        # Another node may have removed some since they were counted.
        surplus = min(surplus, page.total - keep)
        return page.messages[surplus - 1].seq if surplus > 0 else 0

    async def _note(self, room: str, upto: int, known: Found | None) -> Note:
        """Stores that a room is trimmed up to a seq, unless it is further already; `known` is what
        has been stored of that before.
        """
        while known is None or int(known.payload) < upto:
            seq = await self._stream.note_trimmed(room, upto, known=known.seq if known else 0)
            if seq is not None:
                return Note(seq, upto, is_first=known is None)
            subject = self._subjects.trimmed(room)
            known = (await self._stream.last([subject])).get(subject)
        return Note(known.seq, int(known.payload), is_first=False)

    async def _remove(self, room: str, note: Note, count: int, *, is_private: bool) -> int:
        """Removes the entries of a room, of which there are so many at most, as far as is noted;
        and the pointers to them. Tells how many entries it was.
        """
        subject, pointers = self._subjects.entry(room), self._subjects.all_pointers(room)
        removed = 0
        for end in await self._slices(subject, note.upto, count):
            if is_private or (end == note.upto and not note.is_first):
                # Of a room that was trimmed before, the earlier notes as well.
                await self._stream.purge(pointers, min(end + POINTERS, note.seq - 1))
            removed += await self._stream.purge(subject, end)
        return removed

    async def _slices(self, subject: str, upto: int, count: int) -> Sequence[int]:
        """The seqs up to which to remove what is there of a subject, one after the other."""
        if count <= APART:
            return [upto]
        found = await self._stream.next(1, subject)
        first = min(found.seq, upto) if found else upto
        slices = -(-count // (AT_ONCE if upto - first < FAR * count else APART))
        return [first + (upto - first) * number // slices for number in range(1, slices + 1)]
