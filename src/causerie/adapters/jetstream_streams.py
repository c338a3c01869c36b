"""The streams of a chat: one, or several, each of which has a part of the rooms.

All that is said in a room stands in one stream, which puts it into its order. A stream has one
leader, and so a chat that has several is not bound to what one leader can do; and where one is
lost, the rooms of the others go on. How many there are is decided when the chat is made.

The first bears the name of the chat and is made last: where it is, all were made.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_stream import State, Stream, StreamError, Unmade
from causerie.adapters.jetstream_subjects import Subjects

OPEN_WITHIN: Final = 20.0
"""Seconds for NATS to make a stream: a cluster that has just begun chooses its leaders first."""

BEGUN: Final = 1
"""The seq of what stands in a stream before anything is said."""

_CACHED: Final = 20_000
"""Rooms whose stream is not worked out anew."""


class OtherCount(StreamError):
    """The chat has another number of streams than it was to have."""

    def __init__(self, count: int) -> None:
        super().__init__(f"the chat has {count} streams")
        self.count = count


class Incomplete(StreamError):
    """Of the streams of a chat one is not there, or is another chat's."""


class Opened(NamedTuple):
    """A stream that is there, and what it was found to be."""

    stream: Stream
    state: State


@lru_cache(_CACHED)
def partition(room: str, count: int) -> int:
    """Which of so many streams, by number from 0, has a room. It never changes."""
    digest = blake2b(room.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % count


def stream_names(prefix: str, count: int) -> list[str]:
    """The names of so many streams of a chat, in the order of their numbers."""
    return [prefix, *(f"{prefix}-{number}" for number in range(2, count + 1))]


async def open_streams(
    link: Link,
    prefix: str,
    *,
    count: int,
    replicas: int,
    window: float,
    within: float = OPEN_WITHIN,
) -> Sequence[Opened]:
    """Finds the streams of a chat, of which there must be so many; with a count of 0 as many as
    there are. Where there is no chat yet, makes that many, or one. A chat that was made is never
    made anew, as long as anything that was said in it is there.

    Of each, so many replicas are kept; of a message id it is known for `window` seconds that it was
    stored.

    Raises:
        OtherCount: there is another number.
        Incomplete: one is not there, or is another's.
        LinkError: NATS refuses, or has not answered within so many seconds.
    """
    try:
        found = await find_streams(link, prefix, within=within)
    except Unmade:
        found = await _make_streams(
            link, prefix, count=count, replicas=replicas, window=window, within=within
        )
    if count not in (0, len(found)):
        raise OtherCount(len(found))
    for stream, state in found:
        if not state.last:
            # Whoever made it was lost before it was begun, and nothing could be looked up.
            await stream.begin(within)
    return found


async def _make_streams(
    link: Link, prefix: str, *, count: int, replicas: int, window: float, within: float
) -> Sequence[Opened]:
    """Makes all streams of a chat. Where some are there already, whoever began to make it was lost,
    or makes it now: that is gone on with.
    """
    there = await _parts(link, prefix, within)
    epoch, wanted = secrets.token_hex(8), count or 1
    if there:
        epoch, wanted = there[0].state.epoch, there[0].state.streams
    if count not in (0, wanted):
        raise OtherCount(wanted)
    made: list[Opened] = []
    for stream in reversed(_streams(link, prefix, wanted)):
        state = await stream.open(
            epoch=epoch, streams=wanted, replicas=replicas, window=window, within=within
        )
        if not made:
            # Whoever makes the same chat at this moment makes it of this epoch, too.
            epoch = state.epoch
        if state.streams != wanted:
            # Somebody makes it of another number at this moment, and has been here first.
            if stream.subjects.stream == prefix:
                return await find_streams(link, prefix, within=within)
            raise OtherCount(state.streams)
        _require_part(stream, state, epoch, wanted)
        made.insert(0, Opened(stream, state))
    return made


async def find_streams(link: Link, prefix: str, *, within: float = OPEN_WITHIN) -> Sequence[Opened]:
    """Finds all streams of a chat that was made.

    Raises:
        Unmade: it was not.
        Incomplete: one is not there, or is another's.
        LinkError: NATS has not answered within so many seconds.
    """
    first = Stream(link, Subjects(prefix))
    try:
        state = await first.state(within)
    except Unmade:
        if all(part.state.last <= BEGUN for part in await _parts(link, prefix, within)):
            raise
        # Something was said there, and so the first was made before: it is there by now, or lost.
        state = await _state_of_part(first, within)
    found = [Opened(first, state)]
    for stream in _streams(link, prefix, state.streams)[1:]:
        other = await _state_of_part(stream, within)
        _require_part(stream, other, state.epoch, state.streams)
        found.append(Opened(stream, other))
    return found


async def _parts(link: Link, prefix: str, within: float) -> list[Opened]:
    """Finds what is there of a chat beside its first stream, in the order of the numbers."""
    beside = await Stream(link, Subjects(prefix)).beside(within)
    numbers = [name.removeprefix(f"{prefix}-") for name in beside]
    found = []
    for number in sorted(int(number) for number in numbers if number.isdecimal()):
        stream = Stream(link, Subjects(f"{prefix}-{number}"))
        with suppress(StreamError):  # it is gone again, or somebody else's
            state = await stream.state(within)
            if number <= state.streams:
                found.append(Opened(stream, state))
    return found


def _streams(link: Link, prefix: str, count: int) -> list[Stream]:
    return [Stream(link, Subjects(name)) for name in stream_names(prefix, count)]


async def _state_of_part(stream: Stream, within: float) -> State:
    """Tells what a stream is that has to be there."""
    try:
        return await stream.state(within)
    except Unmade as error:
        name = stream.subjects.stream
        raise Incomplete(f"the stream {name}, a part of the chat, is not there") from error


def _require_part(stream: Stream, state: State, epoch: str, count: int) -> None:
    """Sees that a stream is one of so many that belong together."""
    if (state.epoch, state.streams) != (epoch, count):
        name = stream.subjects.stream
        raise Incomplete(f"the stream {name} is a part of another chat")
