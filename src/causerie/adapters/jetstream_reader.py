"""Reads rooms out of the stream.

In the stream the rooms stand mixed. It tells, for any seq, what the next entry of a room is and how
many follow that one; so a place in a room is found by halving what lies between.

The first entries of a room may be removed at any time, the newest never is. So whoever has a later
entry of a room than one that is missing does not lag behind: that one is gone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from functools import wraps
from itertools import count
from typing import Any, Final, NamedTuple, ParamSpec, Protocol, TypeVar

import msgspec

from causerie.adapters.jetstream_entries import decode_entry, timestamp_of
from causerie.adapters.jetstream_link import LinkError, Unanswered
from causerie.adapters.jetstream_rounds import Rounds
from causerie.adapters.jetstream_search import Mark, Search
from causerie.adapters.jetstream_stream import READ_WITHIN, Found, Patience, Stream
from causerie.adapters.jetstream_subjects import message_id, next_message_id, room_of
from causerie.chat.entry import Entry
from causerie.ports import Conversation, Head, Located

GREATEST: Final = 2**53
"""A seq, or a count, that no stream comes near."""

SKEW: Final = 1_000_000
"""Microseconds by which the clocks of two nodes may differ: so much earlier a time is looked for,
and what is not later is passed over one by one."""

FEW: Final = 24
"""So many entries are read rather than searched: in a sparse room each costs NATS a look at another
block of its files."""

AHEAD: Final = 200
"""Entries read at a time while one is looked for."""

LOOKS: Final = 8
"""So many look for something at a time: there are others who read."""

AT_LEISURE: Final = 5
"""So many pages are read so. Who reads on takes turns with all others who do, and all of them rest
most of the time: a client that says of each message that it was first tried long ago has the whole
room looked through for it. Nobody who needs fewer pages waits for them."""

REST: Final = 4
"""How long they rest, in units of the time that reading took. Of a room, 10,000 entries are looked
through in a second or two then."""

TRIES: Final = 20
"""How often something is looked up anew that was disturbed by new entries, or by removals."""


_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class RemovedError(LinkError):
    """What was there a moment ago has been removed: who looks again finds what is left."""


def _again(
    look: Callable[_Arguments, Coroutine[Any, Any, _Answer]],
) -> Callable[_Arguments, Coroutine[Any, Any, _Answer]]:
    """Has something looked up from the beginning where a room was trimmed meanwhile."""

    @wraps(look)
    async def looked(*arguments: _Arguments.args, **keywords: _Arguments.kwargs) -> _Answer:
        for _ in range(TRIES):
            with suppress(RemovedError):
                return await look(*arguments, **keywords)
        raise RemovedError("the room is trimmed again and again")

    return looked


class _Place(NamedTuple):
    """What a reader says of where it was, and of how much it wants."""

    room: str
    seq: int
    id: str
    epoch: str
    upto: int
    limit: int


class Known(Protocol):
    """What the node knows to be there: a replica that has less is not believed."""

    def in_room(self, room: str) -> int:
        """The greatest seq known to be in a room, or 0."""

    def in_stream(self) -> int:
        """The greatest seq known to be in the stream."""


class Reader:
    """The reads of `causerie.ports.Log`, as coroutines; each raises LinkError where it is Failed,
    and none takes longer than `READ_WITHIN` for each thing that it has to look up.
    """

    def __init__(self, stream: Stream, epoch: str, known: Known) -> None:
        self._stream = stream
        self._subjects = stream.subjects
        self._epoch = epoch
        self._known = known
        self._looks, self._leisure = asyncio.Semaphore(LOOKS), asyncio.Lock()
        self._places = Rounds(self._locate)

    async def read(self, room: str, *, after: int, upto: int, limit: int) -> list[Entry]:
        """Reads forward."""
        after, upto, limit = max(0, after), min(upto, GREATEST), min(limit, GREATEST)
        if limit <= 0 or after >= upto:
            return []
        prev, found = await self._after(room, after, upto, limit)
        return _chained(room, found, prev)

    async def _after(
        self, room: str, after: int, upto: int, limit: int, *, is_there: bool = False
    ) -> tuple[int, list[Found]]:
        """Reads forward; tells as well what the seq of the entry before the first is, which may be
        gone; 0 if there never was one. `is_there`: there is an entry at `upto`, or was.
        """
        # From the entry at `after` on: where that is gone by now, others behind it may be as well.
        found = await self._forward(
            room, max(0, after - 1), upto, limit + (after > 0), is_there=is_there
        )
        if found and found[0].seq == after:
            return after, found[1:]
        found = found[:limit]
        if not found:
            return after, found
        before = self.before if after else self._removed_before
        return await before(room, found[0].seq), found

    async def _forward(
        self, room: str, after: int, upto: int, limit: int, *, is_there: bool = False
    ) -> list[Found]:
        """Reads forward; `is_there`: there is an entry at `upto`, or was."""
        subject = self._subjects.entry(room)
        expected = upto if is_there else min(upto, self._known.in_room(room))
        patience = Patience(READ_WITHIN)
        found: list[Found] = []
        while True:
            page = await self._stream.page(subject, after=after, limit=limit - len(found))
            for message in page.messages:
                if message.seq > upto:
                    return found
                found.append(message)
                after = message.seq
            if len(found) == limit:
                return found
            if not page.pending and after >= expected:
                return found
            if not page.pending:
                await patience.rest()

    @_again
    async def read_back(self, room: str, *, before: int, limit: int) -> list[Entry]:
        """Reads backward."""
        end = await self._end(room, before - 1)
        if end is None or limit <= 0:
            return []
        low = await self._ahead_of(room, end.seq, min(limit, GREATEST))
        prev, found = await self._after(room, low.seq, end.seq, GREATEST, is_there=True)
        surplus = max(0, len(found) - limit)
        if surplus:
            prev = found[surplus - 1].seq
        return _chained(room, found[surplus:], prev)

    async def locate(
        self, room: str, *, seq: int, id: str, epoch: str, upto: int, limit: int
    ) -> Located:
        """Finds where a reader goes on. Of those whom a cut has ended most have the same cursor."""
        return await self._places.ask(_Place(room, seq, id, epoch, upto, limit))

    @_again
    async def _locate(self, place: _Place) -> Located:
        room, seq, id, epoch, upto, limit = place
        holds = epoch == self._epoch and await self._holds(room, seq, id)
        after = await self._before_newest(room, await self._end(room, upto), limit)
        if not holds:
            return Located(after=after, recovered="none")
        if after <= seq:
            return Located(after=seq, recovered="complete")
        missing = (await self._rank(room, seq + 1, after)).left
        return Located(after=after, recovered="partial", missing=missing)

    async def _holds(self, room: str, seq: int, id: str) -> bool:
        """Tells whether the entry at `seq` has that id; 0 with an empty id is before all, of which
        none was removed.
        """
        if not 0 < seq <= GREATEST:
            return seq == 0 and not id and not await self._removed(room)
        (found,) = await self._forward(room, seq - 1, seq, 1) or (None,)
        return found is not None and id == decode_entry(found.payload, room="", seq=0, prev=0).id

    @_again
    async def locate_time(self, room: str, *, timestamp: int, upto: int, limit: int) -> int:
        """Finds the seq after which all is later."""
        end = await self._end(room, upto)
        after = await self._before_newest(room, end, limit)
        if end is None or after == end.seq:
            return after
        first = await self._since(room, timestamp + 1 - SKEW, after, end)
        if first is None:
            return end.seq
        async for found in self._walk(room, first, end.seq):
            if timestamp_of(found.payload) > timestamp:
                return await self.before(room, found.seq)
        return end.seq

    async def _before_newest(self, room: str, end: Found | None, limit: int) -> int:
        """The seq of the entry before the newest `limit` up to an end, which may be gone; 0 if
        there never was one.
        """
        if end is None:
            return await self._removed(room)
        if limit <= 0:
            return end.seq
        limit = min(limit, GREATEST)
        low = await self._ahead_of(room, end.seq, limit)
        surplus = low.left - 1 - limit
        if surplus <= 0:
            return low.seq or await self._removed(room)
        return _some(await self._forward(room, low.seq, end.seq, surplus, is_there=True))[-1].seq

    async def _ahead_of(self, room: str, end: int, limit: int) -> Mark:
        """Finds an entry ahead of the newest `limit` (at least 1) up to an entry, with a few others
        between at most; 0 where they are all that there is.
        """
        first = await self._rank(room, 1, end)
        if first.left <= limit:
            return Mark(0, first.left + 1)
        search = Search(first, Mark(end, 1))
        while search.low.left - limit > FEW:
            # A guess that is a little short of it ends the search.
            probe = search.probe(limit + FEW // 2)
            mark = await self._rank(room, probe, end)
            search.tell(probe, mark, is_behind=mark.left <= limit)
        return search.low

    async def _since(self, room: str, timestamp: int, after: int, end: Found) -> int | None:
        """Finds the seq of the first entry after a place that is not earlier than a time; all
        before it are earlier, as far as times increase. None if none is up to an end.
        """
        if timestamp_of(end.payload) < timestamp:
            return None
        (first,) = _some(await self._forward(room, after, end.seq, 1, is_there=True))
        if timestamp_of(first.payload) >= timestamp:
            return first.seq
        search = Search(await self._rank(room, first.seq, end.seq), Mark(end.seq, 1))
        while search.between > FEW:
            probe = search.probe()
            mark = await self._rank(room, probe, end.seq)
            (message,) = _some(await self._forward(room, mark.seq - 1, mark.seq, 1, is_there=True))
            is_behind = timestamp_of(message.payload) >= timestamp
            search.tell(probe, mark, is_behind=is_behind)
        async for message in self._walk(room, search.low.seq + 1, end.seq):
            if timestamp_of(message.payload) >= timestamp:
                return message.seq
        return end.seq

    async def _walk(
        self,
        room: str,
        first: int,
        upto: int,
        *,
        turn: Callable[[int], AbstractAsyncContextManager[None]] = lambda _page: nullcontext(),
    ) -> AsyncIterator[Found]:
        """Reads forward from a seq on, page by page, each in its `turn`."""
        for number in count():
            async with turn(number):
                page = await self._forward(room, first - 1, upto, AHEAD, is_there=True)
            for found in page:
                yield found
            if len(page) < AHEAD or page[-1].seq >= upto:
                return
            first = page[-1].seq + 1

    @asynccontextmanager
    async def _turn(self, page: int) -> AsyncIterator[None]:
        """When somebody who looks for something may read a page; the first is 0."""
        if page < AT_LEISURE:
            async with self._looks:
                yield
        else:
            clock = asyncio.get_running_loop().time
            async with self._leisure:
                begun = clock()
                yield
                await asyncio.sleep((clock() - begun) * REST)

    async def _rank(self, room: str, seq: int, end: int) -> Mark:
        """Finds the first entry from a seq on, and counts the entries from it up to `end`, which is
        one of them or after.

        Only what follows up to the end of the stream is counted there: so what is beyond `end` is
        counted before and after, until no new entry has come in between.
        """
        subject = self._subjects.entry(room)
        for _ in range(TRIES):
            beyond, page, again = await asyncio.gather(
                self._stream.page(subject, after=end, limit=1),
                self._stream.page(subject, after=seq - 1, limit=1),
                self._stream.page(subject, after=end, limit=1),
            )
            if page.messages and beyond.total == again.total:
                if page.messages[0].seq > end:
                    raise RemovedError("it was removed")
                return Mark(page.messages[0].seq, page.total - beyond.total)
        raise Unanswered("the room is too lively to be counted")

    async def _end(self, room: str, upto: int) -> Found | None:
        """Finds the last entry up to a seq."""
        if upto <= 0:
            return None
        known = self._known.in_stream()
        if upto > known:
            upto = min(upto, max(known, (await self._stream.state()).last))
        subject = self._subjects.entry(room)
        return (await self._stream.last([subject], upto=upto)).get(subject)

    async def before(self, room: str, seq: int) -> int:
        """The seq of the entry before one, which may be gone; 0 if there never was one."""
        end = await self._end(room, seq - 1)
        return end.seq if end else await self._removed_before(room, seq)

    @_again
    async def before_newest(self, room: str, limit: int) -> int:
        """The seq of the entry before the newest `limit`; 0 if there never was one."""
        return await self._before_newest(room, await self._end(room, GREATEST), limit)

    @_again
    async def last_earlier(self, room: str, timestamp: int, end: Found) -> int:
        """The seq of the last entry up to one that was said earlier than a time; 0 if none ever
        was.
        """
        first = await self._since(room, timestamp, 0, end)
        return end.seq if first is None else await self.before(room, first)

    async def _removed(self, room: str) -> int:
        """The seq of the last of a room's entries that were removed, or are about to be, or 0."""
        subject = self._subjects.trimmed(room)
        found = (await self._stream.last([subject])).get(subject)
        return int(found.payload) if found is not None else 0

    async def _removed_before(self, room: str, first: int) -> int:
        """The seq of the entry that was before the first one that is there, or of one after that
        while that one is about to be removed as well; 0 if there never was one.
        """
        return min(await self._removed(room), first - 1)

    # By ids and identities.

    async def find(self, identity: str, id: str, *, room: str, since: int) -> Entry | None:
        """Finds what an identity has said under an id."""
        known_as = message_id(identity, id)
        while (seq := await self._stream.stored_as(known_as)) is not None:
            entry = await self.entry_at(seq)
            if entry is not None:
                return entry
            known_as = next_message_id(known_as, seq)
        if not since:
            # Who does not say when has not tried before, or a moment ago. To read a room from its
            # beginning, for everybody who is not in it, would take minutes.
            return None
        rooms = [room] if room else list(map(room_of, (await self._stream.rooms_of(identity))[0]))
        for each in rooms:
            found = await self.find_in(each, identity, id, since=since)
            if found is not None:
                return found
        return None

    @_again
    async def find_in(self, room: str, identity: str, id: str, *, since: int) -> Entry | None:
        """Finds it in a room, among what was said since a time (with the clocks' difference)."""
        async with self._looks:
            end = await self._end(room, GREATEST)
            first = None if end is None else await self._since(room, since - SKEW, 0, end)
        if end is None or first is None:
            return None
        said = msgspec.json.encode(id)
        async for found in self._walk(room, first, end.seq, turn=self._turn):
            if said not in found.payload:
                continue  # to look costs less than to read
            entry = decode_entry(found.payload, room=room, seq=found.seq, prev=0)
            if (entry.identity, entry.id) == (identity, id):
                return await self.entry_at(found.seq)
        return None

    async def entry_at(self, seq: int) -> Entry | None:
        """Reads the entry at a seq that is known to be there, of whichever room; None if it was
        removed.
        """
        patience = Patience(READ_WITHIN)
        while (found := await self._stream.next(seq)) is None:
            await patience.rest()
        if found.seq > seq:
            return None
        room = room_of(found.subject)
        return decode_entry(found.payload, room=room, seq=seq, prev=await self.before(room, seq))

    async def conversations(
        self, identity: str, *, after: str, limit: int
    ) -> Sequence[Conversation]:
        """Lists private conversations."""
        # Not by a server that led the others and was cut off: somebody here may have been told of
        # what it does not know, and nobody is told twice.
        known, patience = self._known.in_stream(), Patience(READ_WITHIN, "the leader")
        while True:
            pointers, upto = await self._stream.rooms_of(identity)
            if upto >= known:
                break
            await patience.rest()
        names = sorted(map(room_of, pointers))
        rooms = [room for room in names if room > after][: max(0, min(limit, GREATEST))]
        subjects = [self._subjects.entry(room) for room in rooms]
        # Not from a replica that has less: nobody is told later of what is there by now.
        found = await self._stream.last(subjects, upto=upto)
        later = [subject for subject in subjects if subject not in found]
        if later:
            # What was the last is gone, since more was said.
            found |= await self._stream.last(later)
        talks = []
        for room in rooms:
            last = found[self._subjects.entry(room)]
            entry = decode_entry(last.payload, room=room, seq=last.seq, prev=0)
            name = entry.to if entry.identity == identity else entry.username
            talks.append(Conversation(room=room, peer_name=name, head=head_of(self._epoch, entry)))
        return talks


def head_of(epoch: str, last: Entry | None, recent: Sequence[Entry] = ()) -> Head:
    """The head of a room whose last entry is this."""
    if last is None:
        return Head(epoch=epoch, seq=0, id="", timestamp=0)
    return Head(
        epoch=epoch,
        seq=last.seq,
        id=last.id,
        timestamp=last.timestamp,
        members=tuple(sorted({last.identity, last.peer})) if last.peer else (),
        recent=recent,
    )


def _some(found: Sequence[Found]) -> Sequence[Found]:
    """What was found, if it was: it is known to have been there."""
    if not found:
        raise RemovedError("it was removed")
    return found


def _chained(room: str, found: Sequence[Found], prev: int) -> list[Entry]:
    """Makes entries of what follows one another in a room."""
    entries = []
    for each in found:
        entries.append(decode_entry(each.payload, room=room, seq=each.seq, prev=prev))
        prev = each.seq
    return entries
