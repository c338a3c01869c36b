"""Chats at rest: of random content, and in NATS under names of their own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import NamedTuple

from tests.adapters.jetstream_nodes import WITHIN, new_prefix, wall

from causerie.adapters.jetstream_archive import JetStreamArchive
from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_log import WINDOW
from causerie.adapters.jetstream_names import NAMES, NODES
from causerie.adapters.jetstream_streams import open_streams
from causerie.adapters.jetstream_values import Values
from causerie.archive import Archive, KeptName
from causerie.chat.entry import Entry
from causerie.chat.identity import conversation_room, key_identity
from causerie.chat.names import parse_username

START = 1_800_000_000_000_000
ROOMS = ("lobby", "jardin d’hiver", "房间", "garden")
PEOPLE = tuple(key_identity(f"key of person {number}") for number in range(5))


def message(number: int, room: str = "lobby", who: int = 0, content: str = "") -> Entry:
    """Something that somebody says in a room."""
    return Entry(
        room=room,
        seq=0,
        prev=0,
        identity=PEOPLE[who],
        id=f"m{number}",
        kind="message",
        username=f"Person{who}",
        content=content or f"message {number}",
        timestamp=START + number,
    )


def private(number: int, who: int, whom: int) -> Entry:
    """Something that somebody says to one person; the answer to something."""
    return Entry(
        room=conversation_room(PEOPLE[who], PEOPLE[whom]),
        seq=0,
        prev=0,
        identity=PEOPLE[who],
        id=f"p{number}",
        kind="private",
        username=f"Person{who}",
        content=f"psst {number} 🤫",
        timestamp=START + number,
        to=f"Person{whom}",
        peer=PEOPLE[whom],
        reply_to=f"p{number - 1}",
    )


def kept(who: int, name: str, *, claimed: int = 0, address: str = "") -> KeptName:
    """A name that somebody keeps."""
    return KeptName(
        name=parse_username(name),
        identity=PEOPLE[who],
        created=START + who,
        used=START + 10 + who,
        claimed=claimed or START + 20 + who,
        address=address,
    )


class Chat(NamedTuple):
    """All that an archive holds."""

    entries: Sequence[Entry]
    names: Sequence[KeptName]


def random_chat(seed: int, size: int) -> Chat:
    """A chat of some size: in rooms and in private, of people one of whom talks to themselves."""
    chance = Random(seed)
    entries = []
    for number in range(size):
        who = chance.randrange(len(PEOPLE))
        if chance.random() < 0.4:
            entries.append(private(number, who, chance.randrange(len(PEOPLE))))
        else:
            content = "".join(chance.choices("abcé🎉\n\0 “”", k=chance.randint(1, 40))).strip("\0")
            entries.append(message(number, chance.choice(ROOMS), who, content or "x"))
    names = [
        kept(who, f"{word}{who}", claimed=START + chance.randrange(1_000) * 10 + which)
        for who in range(len(PEOPLE))
        for which, word in enumerate(("Person", "Ålice", "Ünal")[: chance.randint(0, 3)])
    ]
    return Chat(entries, names)


def comparable(chat: Chat) -> object:
    """A chat without what may be another in each store."""
    names = sorted(chat.names, key=lambda name: name.name.folded)
    return (
        [(entry.room, _content(entry)) for entry in chat.entries],
        [(name.name, name.identity, name.created, name.used, name.claimed) for name in names],
    )


def by_room(chat: Chat) -> Chat:
    """A chat whose entries come room by room, those of each in their order."""
    return chat._replace(entries=sorted(chat.entries, key=lambda entry: entry.room))


def _content(entry: Entry) -> tuple[object, ...]:
    return (
        *(entry.identity, entry.id, entry.kind, entry.username, entry.content, entry.timestamp),
        *(entry.to, entry.peer, entry.reply_to),
    )


async def read_all(archive: Archive) -> Chat:
    """All that there is."""
    entries = [entry async for piece in archive.read() for entry in piece]
    return Chat(entries, await archive.names())


async def fill(archive: Archive, chat: Chat) -> None:
    """Puts a chat into an archive that is empty."""
    await archive.append(chat.entries)
    await archive.set_names(chat.names)


@asynccontextmanager
async def in_nats(
    url: str, prefix: str = "", *, now: int | None = None, streams: int = 0
) -> AsyncIterator[JetStreamArchive]:
    """An archive on a NATS server, under a prefix that nobody else has."""
    prefix = prefix or new_prefix()
    link = Link([url], name="causerie-tests")
    await link.open(WITHIN)
    try:
        values = Values(link, prefix)
        await values.create(NAMES, replicas=1)
        await values.create(NODES, replicas=1, max_age=15.0)
        opened = await open_streams(link, prefix, count=streams, replicas=1, window=WINDOW)
        parts = [stream for stream, _ in opened]
        yield JetStreamArchive(link, parts, values, now=wall() if now is None else now)
    finally:
        await link.close()
