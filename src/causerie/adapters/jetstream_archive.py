"""The streams and the names in NATS at rest."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from causerie.adapters.jetstream_directory import release_name
from causerie.adapters.jetstream_entries import decode_entry, encode_entry
from causerie.adapters.jetstream_link import Link, LinkError, Lost
from causerie.adapters.jetstream_log import WINDOW
from causerie.adapters.jetstream_names import (
    NAMES,
    NODES,
    AwayError,
    Change,
    Record,
    Transaction,
    UnreadError,
    Value,
    ValueStore,
    address_hash,
    name_key,
    node_key,
)
from causerie.adapters.jetstream_outbox import owners
from causerie.adapters.jetstream_stream import PAGE, Page, Stream, StreamError
from causerie.adapters.jetstream_streams import partition
from causerie.adapters.jetstream_stroke import Ack, Part, store_all
from causerie.adapters.jetstream_subjects import message_id, room_of
from causerie.adapters.naming_rules import Kept
from causerie.archive import KeptName
from causerie.chat.entry import Entry
from causerie.chat.names import Name

MOST_MESSAGES: Final = 900
"""Messages in a batch, of which NATS takes 1,000; a private entry is three."""
MOST_BYTES: Final = 4_000_000
"""Bytes of entries in a batch, about."""
ACK_WITHIN: Final = 5.0
"""Seconds after which it is looked whether a batch that is not answered is stored."""
DONE_WITHIN: Final = 60.0
"""Seconds after which something that cannot be done is given up: a cluster that has lost one of its
servers takes a while to choose other leaders.
"""
AGAIN_AFTER: Final = 0.2
"""Seconds until it is tried again."""
NAMES_AT_ONCE: Final = 100
"""Names that are read, or written, at a time; each takes up to four values."""

_Answer = TypeVar("_Answer")

UNFINISHED: Final = f"{NAMES}.unfinished"
"""The key that is there as long as the stream holds a part of what is moved into it."""


class JetStreamArchive:
    """A `causerie.archive.Archive` in NATS. Nobody else may write there meanwhile: an entry of
    somebody else's is found, and ends it.
    """

    def __init__(
        self, link: Link, streams: Sequence[Stream], values: ValueStore, *, now: int
    ) -> None:
        """Serves what is there: all streams of the chat, in the order of their numbers. `now` is in
        microseconds.
        """
        self._parts = [_Part(link, stream, now=now) for stream in streams]
        self._values = _Patient(values)

    async def count(self) -> int:
        """Counts the entries."""
        return sum([await part.count() for part in self._parts])

    async def read(self) -> AsyncIterator[Sequence[Entry]]:
        """Reads all entries, stream by stream."""
        for part in self._parts:
            async for piece in part.read():
                yield piece

    async def begin(self) -> None:
        """Notes that this is a part."""
        await self._note(b"1")

    async def append(self, entries: Sequence[Entry]) -> None:
        """Stores entries."""
        shares: list[list[Entry]] = [[] for _ in self._parts]
        for entry in entries:
            shares[partition(entry.room, len(shares))].append(entry)
        for part, share in zip(self._parts, shares, strict=True):
            await part.append(share)

    async def names(self) -> Sequence[KeptName]:
        """Lists the names."""
        kept = []
        keys = await self._values.keys(f"{NAMES}.n.")
        for start in range(0, len(keys), NAMES_AT_ONCE):
            values = await self._values.read(keys[start : start + NAMES_AT_ONCE])
            for value in values.values():
                record = msgspec.json.decode(value.data, type=Record) if value.data else None
                if record is not None and record.kept:
                    kept.append(_kept_name(record))
        return kept

    async def set_names(self, names: Sequence[KeptName]) -> None:
        """Keeps these names."""
        wanted = {kept.name.folded for kept in names}
        for kept in await self.names():
            if kept.name.folded not in wanted:
                await release_name(self._values, kept.name.folded)
        # Of an identity's names, that which is written last is the one that was claimed last.
        ordered = sorted(names, key=lambda kept: kept.claimed)
        for start in range(0, len(ordered), NAMES_AT_ONCE):
            await self._keep(ordered[start : start + NAMES_AT_ONCE])

    async def finish(self) -> None:
        """Notes that it is whole."""
        await self._note(b"")

    async def nodes(self) -> list[str]:
        """Lists the nodes that serve it, or did a moment ago.

        Raises:
            AwayError: NATS does not answer.
        """
        values = await self._values.read(await self._values.keys(f"{NODES}."))
        return sorted(key.removeprefix(node_key("")) for key, value in values.items() if value.data)

    async def _note(self, data: bytes) -> None:
        while True:
            there = (await self._values.read([UNFINISHED]))[UNFINISHED]
            if there.data == data:
                return
            if await self._values.write([Change(UNFINISHED, data, there.revision)]):
                return

    async def _keep(self, names: Sequence[KeptName]) -> None:
        """Keeps some names, all or none."""
        keys = {name_key(kept.name.folded) for kept in names}
        values = await self._values.read(keys)
        while True:
            transaction = Transaction(values, "")
            try:
                for kept in names:
                    transaction.put_last(_kept(kept))
                changes = transaction.changes()
            except UnreadError as unread:
                values |= await self._values.read(unread.keys)
                continue
            if not changes or await self._values.write(changes):
                return
            values = await self._values.read(values)


async def is_part(values: ValueStore) -> bool:
    """Whether the stream holds a part of what is moved into it.

    Raises:
        AwayError: NATS does not answer.
    """
    return bool((await values.read([UNFINISHED]))[UNFINISHED].data)


class _Part:
    """The entries of one stream."""

    def __init__(self, link: Link, stream: Stream, *, now: int) -> None:
        self._link = link
        self._stream = stream
        self._knows_ids_from = now - round(WINDOW * 1e6)
        """Which entries NATS would know by their ids, had it stored them when they were said: what
        is older, whoever sends it again has it looked for in its room.
        """
        self._last = 0
        """The stream's last seq, from the first read or append on: nobody else moves it."""

    async def count(self) -> int:
        return (await self._stream.page(self._stream.subjects.entries, after=0, limit=1)).total

    async def read(self) -> AsyncIterator[Sequence[Entry]]:
        # First of all: what anybody else writes from now on is in the way of what is appended.
        await self._learn_last()
        entries = self._stream.subjects.entries
        last = await self._stream.last_of(entries)
        after, upto = 0, last.seq if last is not None else 0
        while after < upto:
            page = await insist(lambda: self._page(after), DONE_WITHIN)  # noqa: B023 called at once
            found = [message for message in page.messages if message.seq <= upto]
            yield [
                decode_entry(
                    message.payload, room=room_of(message.subject), seq=message.seq, prev=0
                )
                for message in found
            ]
            after = found[-1].seq

    async def _page(self, after: int) -> Page:
        """Reads the entries after a seq, some of which are known to be there."""
        page = await self._stream.page(self._stream.subjects.entries, after=after, limit=PAGE)
        if not page.messages:
            raise StreamError("a replica lags behind")
        return page

    async def append(self, entries: Sequence[Entry]) -> None:
        await self._learn_last()
        for batch in _batches(entries):
            await self._store(batch)

    async def _learn_last(self) -> None:
        self._last = self._last or (await self._stream.state()).last

    async def _store(self, entries: Sequence[Entry]) -> None:
        """Stores entries, all or none, right after what is there."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DONE_WITHIN
        with_ids = True
        in_doubt = False
        count = sum(map(_messages, entries))
        while True:
            is_known = False
            why: object = "NATS does not answer"
            try:
                ack = await self._publish(entries, with_ids=with_ids)
            except LinkError as error:
                why, in_doubt = error, True
                if isinstance(error, Lost):
                    await self._link.up(max(0.0, deadline - loop.time()))
            else:
                is_known = ack.is_known
                if ack.error is None and not is_known:
                    self._last = ack.seq
                    return
                why = ack.error.description if ack.error else "an id was stored before"
            last = (await self._stream.state(DONE_WITHIN)).last
            if in_doubt and last == self._last + count:
                # It has been stored, and the answer was lost; what is there is compared in the end.
                self._last = last
                return
            if last != self._last:
                raise StreamError("somebody else has written to NATS: stop all servers")
            if loop.time() >= deadline:
                raise StreamError(f"the log cannot be written: {why}")
            if is_known and len(entries) > 1:
                # One of them alone is to go without its id: who says another again is known by it.
                half = len(entries) // 2
                await self._store(entries[:half])
                await self._store(entries[half:])
                return
            if is_known:
                # Its author has used an id twice: in rooms of two streams, or so long ago that NATS
                # no longer knew it.
                with_ids = False
            else:
                await asyncio.sleep(AGAIN_AFTER)

    async def _publish(self, entries: Sequence[Entry], *, with_ids: bool) -> Ack:
        """Publishes entries in one stroke."""
        first, *others = self._parts(entries, with_ids=with_ids)
        expected = {"Nats-Expected-Last-Sequence": str(self._last)}
        first = first._replace(headers={**first.headers, **expected})
        return await store_all(self._link, [first, *others], within=ACK_WITHIN)

    def _parts(self, entries: Sequence[Entry], *, with_ids: bool) -> Iterator[Part]:
        subjects = self._stream.subjects
        for entry in entries:
            headers = {}
            if with_ids and entry.timestamp > self._knows_ids_from:
                headers["Nats-Msg-Id"] = message_id(entry.identity, entry.id)
            yield Part(subjects.entry(entry.room), encode_entry(entry, entry.timestamp), headers)
            for distance, identity in enumerate(owners(entry), 1):
                yield Part(subjects.pointer(identity, entry.room), b"%d" % distance, {})


class _Patient:
    """Values that are asked for again where NATS does not answer."""

    def __init__(self, values: ValueStore) -> None:
        self._values = values

    async def read(self, keys: Iterable[str]) -> dict[str, Value]:
        wanted = list(keys)
        return await insist(lambda: self._values.read(wanted), DONE_WITHIN)

    async def write(self, changes: Sequence[Change]) -> int:
        """Writes; what was written already, whose answer was lost, is not written again."""
        return await insist(lambda: self._values.write(changes), DONE_WITHIN)

    async def keys(self, beginning: str) -> list[str]:
        return await insist(lambda: self._values.keys(beginning), DONE_WITHIN)


async def insist(ask: Callable[[], Awaitable[_Answer]], within: float) -> _Answer:
    """Asks NATS again for what it could not do yet.

    Raises:
        LinkError, AwayError: it could not within so many seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        try:
            return await ask()
        except (LinkError, AwayError):
            if loop.time() >= deadline:
                raise
            await asyncio.sleep(AGAIN_AFTER)


def _batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Splits entries into such that NATS takes in one stroke."""
    batch: list[Entry] = []
    messages = size = 0
    for entry in entries:
        messages += _messages(entry)
        size += 4 * len(entry.content)
        if batch and (messages > MOST_MESSAGES or size > MOST_BYTES):
            yield batch
            batch, messages, size = [], _messages(entry), 4 * len(entry.content)
        batch.append(entry)
    if batch:
        yield batch


def _messages(entry: Entry) -> int:
    """Messages that it takes to store an entry."""
    return 1 + len(owners(entry))


def _kept_name(record: Record) -> KeptName:
    return KeptName(
        name=record.name,
        identity=record.identity,
        created=record.created,
        used=record.used,
        claimed=record.claimed,
    )


def _kept(kept: KeptName) -> Kept:
    name: Name = kept.name
    return Kept(
        folded=name.folded,
        skeleton=name.skeleton,
        display=name.display,
        identity=kept.identity,
        address=address_hash(kept.address),
        created=kept.created,
        used=kept.used,
        claimed=kept.claimed,
    )
