"""Ways to page through the logs of rooms, without I/O.

A course is a generator: it yields what to ask for, and is sent the page that came.
"""

from collections.abc import Generator, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple, TypeAlias

import msgspec


class Ask(NamedTuple):
    """One page to ask for: before a seq or after one, or (neither) the newest."""

    room: str
    before: int | None = None
    after: int | None = None

    def command(self, limit: int) -> bytes:
        """The frame that asks for it."""
        form = b'{"type":"history","id":"page","room":"%s","limit":%d%s}'
        where = b""
        if self.before is not None:
            where = b',"before":%d' % self.before
        elif self.after is not None:
            where = b',"after":%d' % self.after
        return form % (self.room.encode(), limit, where)


class Place(msgspec.Struct):
    """An entry's place in its log."""

    seq: int
    prev: int


class Page(msgspec.Struct):
    """What matters of a `history` frame."""

    entries: list[Place]
    more: bool = False


Course: TypeAlias = Generator[Ask, Page, None]

decode: Final = msgspec.json.Decoder(Page).decode


def fault(ask: Ask, page: Page, limit: int) -> str | None:
    """Says what is wrong with a page, if anything is."""
    entries = page.entries
    if not entries:
        return "a page is empty"
    if len(entries) > limit:
        return "a page has more entries than were asked for"
    if ask.before is not None and entries[-1].seq >= ask.before:
        return "a page goes beyond the place asked for"
    if ask.after is not None and entries[0].prev != ask.after:
        return "a page does not begin at the place asked for"
    if any(entry.prev != last.seq for last, entry in pairwise(entries)):
        return "entries are missing in a page"
    return None


def random_places(heads: Mapping[str, int], chance: Random) -> Course:
    """Pages that end anywhere in rooms, whose newest seqs are given; for ever."""
    rooms = list(heads)
    while True:
        room = chance.choice(rooms)
        # Before the first entry there is nothing.
        yield Ask(room, before=chance.randint(2, heads[room] + 1))


def backwards(rooms: Sequence[str]) -> Course:
    """From the newest page of each room to its oldest; for ever."""
    while True:
        for room in rooms:
            page = yield Ask(room)
            while page.more:
                page = yield Ask(room, before=page.entries[0].seq)


def forwards(rooms: Sequence[str]) -> Course:
    """From the oldest page of each room to its newest; for ever."""
    while True:
        for room in rooms:
            page = yield Ask(room, after=0)
            while page.more:
                page = yield Ask(room, after=page.entries[-1].seq)
