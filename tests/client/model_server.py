"""A small honest model of the server: rooms are lists, clients are indices in them.

It answers at once and forgets nothing, unless it is told to: it can refuse a command, skip an entry
for one link, or be restored to an older copy of its logs.
"""

from collections import deque
from typing import TypeAlias

import msgspec
from tests.client.frames import welcome

from causerie.wire.codec import decode_command, encode
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import (
    AnyCommand,
    Cursor,
    GetHistory,
    Hello,
    Join,
    Leave,
    Members,
    Ping,
    Rooms,
    SendMessage,
    SendPrivate,
    SetTyping,
    Trace,
)
from causerie.wire.replies import (
    Ack,
    Error,
    HistoryPage,
    Joined,
    Left,
    MembersPage,
    Message,
    Pong,
    Private,
    RoomsPage,
    RoomSummary,
)

Key: TypeAlias = tuple[str, str]
"""An entry: its author and its id."""


class Reaction(msgspec.Struct, frozen=True, tag_field="type", tag="reaction"):
    """An entry of a type that the client does not know."""

    room: str
    seq: int
    prev: int
    id: str
    username: str
    timestamp: int


AnyEntry = Message | Private | Reaction


class Log:
    """One room's entries."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.entries: list[AnyEntry] = []

    def head(self) -> Cursor:
        """The newest entry."""
        return Cursor(self.entries[-1].seq, self.entries[-1].id) if self.entries else Cursor(0, "")

    def locate(self, since: Cursor, epoch: str | None, limit: int) -> tuple[int, str, int]:
        """Where to go on: an index, how well that went, and how many are left out."""
        found = [
            index + 1
            for index, entry in enumerate(self.entries)
            if entry.id == since.id and entry.seq == since.seq and epoch == self.epoch
        ]
        if since == Cursor(0, "") and epoch == self.epoch:
            found = [0]
        if not found:
            found = [i + 1 for i, entry in enumerate(self.entries) if entry.id == since.id]
        newest = max(0, len(self.entries) - limit)
        if len(found) != 1:
            return newest, "none", 0
        if found[0] >= newest:
            return found[0], "complete", 0
        return newest, "partial", newest - found[0]


class ModelServer:
    """The rooms, and the links to them. There is one client with a key, Alice."""

    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self.links: list[ModelLink] = []
        self.before: dict[Key, Key | None] = {}
        """Which entry came before an entry, when it was appended."""
        self.stored: dict[str, AnyEntry] = {}
        """What Alice said, by id."""
        self.refusals: deque[str] = deque()
        self.name = ""
        """How Alice is called, once anybody has said hello with her key."""
        self.wishes: list[str | None] = []
        """The hellos that gave her a name, by id."""
        self._epochs = 0
        self._count = 0

    def log(self, room: str) -> Log:
        """A room's log; it begins when somebody first looks."""
        if room not in self.logs:
            self._epochs += 1
            self.logs[room] = Log(f"e{self._epochs}")
        return self.logs[room]

    def say(self, room: str, username: str, id: str, content: str, *, kind: str) -> AnyEntry:
        """Appends an entry."""
        log = self.log(room)
        self._count += 1
        prev = log.entries[-1] if log.entries else None
        seq = prev.seq + 1 + self._count % 3 if prev else 1
        entry: AnyEntry
        common = {
            "room": room,
            "seq": seq,
            "prev": prev.seq if prev else 0,
            "id": id,
            "username": username,
            "timestamp": self._count,
        }
        if kind == "reaction":
            entry = msgspec.convert(common, Reaction)
        elif kind == "private":
            to = "Bob" if username == "Alice" else "Alice"
            entry = Private(**common, content=content, sender=username, to=to)  # type: ignore[arg-type]
        else:
            entry = Message(**common, content=content)  # type: ignore[arg-type]
        if room.startswith("~"):
            for link in self.links:
                link.follow(room)
        log.entries.append(entry)
        self.before[username, id] = (prev.username, prev.id) if prev else None
        return entry

    def others_say(self, room: str, *, kind: str) -> None:
        """Bob says something."""
        self.say(room, "Bob", f"b{self._count}", "hello", kind=kind)

    def rename(self, name: str, *, by: "ModelLink | None" = None) -> None:
        """Alice is called otherwise; her other connections are told."""
        self.name = name
        for link in self.links:
            if link is not by:
                link.tell_name()

    def restore(self, keep: int) -> None:
        """Puts back an older copy of all logs, with so many entries each; all links are cut."""
        for log in self.logs.values():
            for entry in log.entries[keep:]:
                self.stored.pop(entry.id, None)
            del log.entries[keep:]
        for link in list(self.links):
            link.hang_up(None)

    def connect(self) -> "ModelLink":
        """A new link."""
        link = ModelLink(self)
        self.links.append(link)
        return link


class ModelLink:
    """The client's end of a link; the server keeps an index in each room that it follows."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.is_open = True
        self.close_code: int | None = None
        self.close_reason = ""
        self.places: dict[str, int] = {}
        self._knows_alice = False
        self._out: list[bytes] = []

    def send(self, text: bytes) -> None:
        """The server carries out a command."""
        if not self.is_open:
            return
        self._flush()
        command = decode_command(text)
        if not isinstance(command, Hello | Ping | SetTyping) and self.server.refusals:
            self._reply(
                Error(
                    id=command.id, code=self.server.refusals.popleft(), message="", retry_after=300
                )
            )
            return
        assert isinstance(command, Hello | Ping) or self._knows_alice, "hello comes first"
        self._carry_out(command)

    def take(self) -> list[bytes]:
        """What was sent, up to the heads of all rooms."""
        self._flush()
        out, self._out = self._out, []
        return out

    def hang_up(self, code: int | None) -> None:  # noqa: ARG002 as a Link does
        """The link is no more."""
        self.is_open = False
        if self in self.server.links:
            self.server.links.remove(self)

    def close(self, code: int, reason: str) -> None:
        """The server closes."""
        self.close_code, self.close_reason = code, reason
        self.hang_up(code)

    def follow(self, room: str) -> None:
        """A conversation is sent to whoever has said hello."""
        if self._knows_alice:
            self.places.setdefault(room, len(self.server.log(room).entries))

    def tell_name(self) -> None:
        """Who has said hello is told how it is called now."""
        if self._knows_alice:
            self._flush()
            self._reply(welcome(None, self.server.name))

    def lose_next(self, room: str) -> None:
        """The next entry of the room does not reach this link."""
        self._flush()
        if room in self.places:
            self.places[room] = len(self.server.log(room).entries) + 1

    def _flush(self) -> None:
        if not self.is_open:
            return
        for room, place in self.places.items():
            entries = self.server.log(room).entries
            self._out += [encode(entry) for entry in entries[place:]]
            self.places[room] = max(place, len(entries))

    def _reply(self, reply: object) -> None:
        self._out.append(encode(reply))

    def _carry_out(self, command: AnyCommand) -> None:
        match command:
            case Hello():
                self._knows_alice = True
                if not (command.returning and self.server.name):
                    self.server.wishes.append(command.id)
                    self.server.rename(command.username, by=self)
                self._reply(welcome(command.id, self.server.name))
                for room in filter(lambda room: room.startswith("~"), self.server.logs):
                    self.follow(room)
            case Join():
                self._join(command)
            case Leave():
                room = command.room.lower()
                if self.places.pop(room, None) is None:
                    self._reply(Error(id=command.id, code=ErrorCode.NOT_JOINED, message=""))
                else:
                    self._reply(Left(id=command.id, room=room))
            case SendMessage(room=room, content=content):
                if room.lower() in self.places:
                    self._say(command.id or "", room.lower(), content, kind="message")
                else:
                    self._reply(Error(id=command.id, code=ErrorCode.NOT_JOINED, message=""))
            case SendPrivate(content=content):
                self._say(command.id or "", "~bob", content, kind="private")
            case Rooms(id=id):
                rooms = [
                    RoomSummary(room=room, epoch=log.epoch, head=log.head(), peer="Bob")
                    for room, log in self.server.logs.items()
                    if room.startswith("~") and log.entries
                ]
                self._reply(RoomsPage(id=id, rooms=rooms))
            case Members(id=id, room=room):
                self._reply(MembersPage(id=id, room=room, members=1, names=["Alice"]))
            case GetHistory(id=id, room=room):
                entries = [msgspec.Raw(encode(entry)) for entry in self.server.log(room).entries]
                epoch = self.server.log(room).epoch
                self._reply(HistoryPage(id=id, room=room, epoch=epoch, entries=entries, more=False))
            case Ping(id=id):
                self._reply(Pong(id=id, time=0))
            case SetTyping() | Trace():
                pass

    def _join(self, command: Join) -> None:
        room = command.room.lower()
        log = self.server.log(room)
        recovered, missing = None, 0
        if command.since is None:
            place = max(0, len(log.entries) - (command.limit or 0))
        else:
            place, recovered, missing = log.locate(
                command.since, command.epoch, command.limit or 10_000
            )
        self.places[room] = place
        reply = Joined(
            id=command.id,
            room=room,
            epoch=log.epoch,
            head=log.head(),
            members=1,
            names=["Alice"],
            recovered=recovered,  # type: ignore[arg-type]
            missing=missing,
        )
        self._reply(reply)

    def _say(self, id: str, room: str, content: str, *, kind: str) -> None:
        known = self.server.stored.get(id)
        if known is None:
            known = self.server.say(room, "Alice", id, content, kind=kind)
            self.server.stored[id] = known
        # Its own entry goes out before the ack or after it.
        if known.seq % 2:
            self._flush()
        self._reply(Ack(id=id, room=room, seq=known.seq, timestamp=known.timestamp))
