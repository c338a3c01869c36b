"""The people of an office: what each knows, and a generator that reads all that they are told."""

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from causerie.bench.chains import Chain, Ledger
from causerie.bench.dialects import V1, explained
from causerie.bench.faults import Faults
from causerie.bench.generator import Generator, LoadFailed, Member, ServerFailed
from causerie.bench.marks import SPOKEN
from causerie.testing.framing import client_frame
from causerie.wire import commands, replies
from causerie.wire.codec import decode_server_frame
from causerie.wire.commands import Command

SAMPLED: Final = 8
"""Of so many people one measures latencies."""

ALL: Final = 10_000
"""Entries of a conversation that one has not seen yet, at most: as many as a join may ask for."""

TEXT_FRAME: Final = 0x81
"""The first byte of a whole text message."""


class Unanswered:
    """A message without its ack, to be sent again on the next connection."""

    def __init__(self, command: commands.SendMessage | commands.SendPrivate) -> None:
        self.command = command
        self.at = int(time.time() * 1000)
        """When it was first tried."""

    def again(self) -> bytes:
        """The frame of another try."""
        return frame(msgspec.structs.replace(self.command, at=self.at))


class Person:
    """Somebody who keeps name, key and cursors from one connection to the next."""

    def __init__(self, number: int, username: str, key: str, rooms: list[str]) -> None:
        self.number = number
        self.username = username
        self.key = key
        self.rooms = rooms
        self.chains: dict[str, Chain] = {room: Chain() for room in rooms}
        """Of rooms, and of the private conversations that one has heard of."""
        self.left: set[str] = set()
        """Rooms that one is not in for now."""
        self.unanswered: dict[str, Unanswered] = {}
        """By the id of the message."""
        self.awaited: set[str] = set()
        """Rooms that one has asked to join and not been let into."""
        self.is_known = False
        """Whether one has been there before."""
        self.knows_conversations = False
        """Whether one has been told, on this connection, which there are."""
        self.seat: Seat | None = None
        """The connection; None while one is away."""
        self.said = 0

    @property
    def is_there(self) -> bool:
        """Whether one is in all rooms, and can speak."""
        return self.knows_conversations and not self.awaited

    def is_following(self, room: str) -> bool:
        """Whether one hears a room, or is about to."""
        return room in self.awaited or (room in self.chains and self.chains[room].is_listening)

    def first_words(self) -> bytes:
        """What one says on a new connection: who one is, how far one has read, and once more all
        that was not answered.
        """
        hello = commands.Hello(
            id="hello", username=self.username, key=self.key, returning=self.is_known
        )
        rooms = [room for room in self.chains if room not in self.left]
        joins = b"".join(map(self.join, rooms))
        self.is_known = True
        again = b"".join(message.again() for message in self.unanswered.values())
        return frame(hello) + joins + frame(commands.Rooms(id="rooms")) + again

    def join(self, room: str) -> bytes:
        """The frame that brings one (back) into a room or a conversation."""
        chain = self.chains.setdefault(room, Chain())
        chain.is_listening = False
        self.awaited.add(room)
        if chain.cursor.seq:
            since = commands.Join(id="join", room=room, since=chain.cursor, epoch=chain.epoch)
            return frame(since)
        return frame(commands.Join(id="join", room=room, limit=ALL))

    def leave(self, room: str) -> bytes:
        """The frame that takes one out of a room."""
        self.left.add(room)
        return frame(commands.Leave(id="leave", room=room))

    def hang_up(self) -> None:
        """The connection has ended."""
        self.seat = None
        self.knows_conversations = False
        self.awaited.clear()
        for chain in self.chains.values():
            chain.is_listening = False


class Seat(Member):
    """One connection of a person."""

    __slots__ = ("person",)

    def __init__(self, person: Person) -> None:
        super().__init__(person.number, person.username, "", is_scanned=True)
        self.person = person


class OpenDoor(V1):
    """One is read from the first frame on, and knows oneself when one is in."""

    def has_entered(self, received: bytes) -> bool:
        """Says that one is."""
        del received
        return True


class Staff(Generator):
    """Reads all that people are told, and holds the server to what it promises."""

    def __init__(self, address: tuple[str, int], size: int) -> None:
        super().__init__(address, OpenDoor(), size)
        self.faults = Faults()
        self.ledgers: defaultdict[str, Ledger] = defaultdict(Ledger)
        self.retried: set[str] = set()
        """Ids of messages that were sent again: how long those took says nothing."""
        self.heard = 0
        """Entries that people were told of."""
        self._unread: list[tuple[Person, bytes, int]] = []
        """Who was told what, and when it came."""

    def read(self, timeout: float) -> list[Member]:
        """Takes from all sockets what has come, and only then reads what it says: so it does not
        keep the last one's waiting, whose latency would be its own.
        """
        answered = super().read(timeout)
        for person, data, now in self._unread:
            for text in texts(data):
                self._told(person, text, now)
        self._unread.clear()
        return answered

    def sit_down(self, person: Person) -> None:
        """Begins a connection."""
        person.seat = Seat(person)
        self.retried.update(person.unanswered)
        self.connect(person.seat, time.monotonic_ns())

    def cut(self, person: Person) -> None:
        """Ends a connection without a goodbye."""
        assert person.seat is not None, "who is away cannot be cut"
        self.disconnect(person.seat)
        person.hang_up()

    def tell(self, person: Person, frames: bytes) -> None:
        """Sends what a person has to say.

        Raises:
            ServerFailed: The server does not read it, or has gone.
        """
        assert person.seat is not None, "who is away says nothing"
        try:
            person.seat.socket.sendall(frames)
        except OSError as error:
            raise ServerFailed(f"{person.username} cannot say anything: {error}") from None

    def speak(self, person: Person, message: commands.SendMessage | commands.SendPrivate) -> None:
        """Sends a message that is to be answered, now or on a later connection."""
        assert message.id is not None, "it is known by it"
        person.unanswered[message.id] = Unanswered(message)
        self.tell(person, frame(message))

    def _first_words(self, member: Member) -> bytes:
        return _person(member).first_words()

    def _hear(self, member: Member, data: bytes, now: int, answered: list[Member]) -> None:
        del answered
        self._unread.append((_person(member), data, now))

    def _told(self, person: Person, text: bytes, now: int) -> None:
        match told := decode_server_frame(text):
            case replies.Message() | replies.Private():
                self._entry(person, told, now)
            case replies.Ack(id=str(id)):
                person.unanswered.pop(id, None)
                self.ledgers[told.room].note(told.seq, id, self.faults)
            case replies.Joined():
                self._joined(person, told)
            case replies.Left():
                person.chains[told.room].is_listening = False
            case replies.RoomsPage():
                self._conversations(person, told)
            case replies.Error():
                refusal = explained(told.code, told.message.rstrip("."))
                raise LoadFailed(f"the server refuses what {person.username} does: {refusal}")
            case _:
                pass  # signals, which nobody counts on

    def _entry(self, person: Person, told: replies.Message | replies.Private, now: int) -> None:
        chain = person.chains.get(told.room)
        if chain is None:
            # A conversation that begins; or one of before, which one is about to be told of.
            chain = person.chains[told.room] = Chain()
            chain.is_listening = told.prev == 0 or person.knows_conversations
        chain.hear(told.seq, told.prev, told.id, self.faults)
        self.ledgers[told.room].note(told.seq, told.id, self.faults)
        self.heard += 1
        if not told.replay and person.number % SAMPLED == 0 and told.id not in self.retried:
            spoken = SPOKEN.match(told.content.encode())
            assert spoken is not None, "nobody else speaks here"
            self.latencies.append(now - int(spoken[2]))

    def _joined(self, person: Person, told: replies.Joined) -> None:
        person.awaited.discard(told.room)
        chain = person.chains[told.room]
        if chain.cursor.seq and told.recovered != "complete":
            self.faults.lost += 1
        chain.epoch = told.epoch
        chain.is_listening = True

    def _conversations(self, person: Person, told: replies.RoomsPage) -> None:
        """Those that one had before, or that others have begun meanwhile."""
        joins = [
            person.join(one.room)
            for one in told.rooms
            if one.peer is not None and not person.is_following(one.room)
        ]
        if told.more:
            joins.append(frame(commands.Rooms(id="rooms", after=told.rooms[-1].room)))
        else:
            person.knows_conversations = True
        self.tell(person, b"".join(joins))


def frame(command: Command) -> bytes:
    """A command as it is sent."""
    return client_frame(msgspec.json.encode(command))


def texts(data: bytes) -> Iterator[bytes]:
    """The messages in frames of a server, which are whole."""
    place = 0
    while place < len(data):
        length, head = data[place + 1], 2
        if length >= 126:
            head = 4 if length == 126 else 10
            length = int.from_bytes(data[place + 2 : place + head])
        end = place + head + length
        if data[place] == TEXT_FRAME:
            yield data[place + head : end]
        place = end


def _person(member: Member) -> Person:
    assert isinstance(member, Seat), "nobody else is here"
    return member.person
