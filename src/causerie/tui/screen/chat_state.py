"""All that the screen shows of the chat, made from what the client tells.

It is changed by `told` and by what the person does; it asks nobody and knows no clock. Moments
(`now`) are in milliseconds.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from causerie.client.machine.events import (
    Acked,
    Entry,
    Gap,
    LatencyMeasured,
    PresenceChanged,
    Renamed,
    RoomLost,
    StateChanged,
    TypingChanged,
    Unknown,
)
from causerie.client.machine.states import Connected, Connecting, State
from causerie.client.sending import ClientEvent, Sending
from causerie.tui.screen.mentions import fold, mentions
from causerie.tui.screen.timeline import Timeline
from causerie.wire.commands import SendMessage
from causerie.wire.replies import Joined, Message, Notice, Private

MOST_NOTICES: Final = 3
"""What the server has to say in a room, of which the last are shown."""


class Company(NamedTuple):
    """Others are in a room."""

    members: int = 0
    """How many, oneself among them."""
    names: tuple[str, ...] = ()
    """Those who are known by name, in order."""


class Room:
    """A room or a private conversation."""

    def __init__(self, name: str, peer: str | None = None) -> None:
        self.name = name
        """The server's name for it; for a conversation that has none yet, `@` and the other's."""
        self.peer = peer
        """The other of a private conversation."""
        self.timeline = Timeline()
        self.seen = 0
        """The seq of the last entry that was seen."""
        self.seen_before: int | None = None
        """The last entry that was seen before the room was looked at: all after it is new."""
        self.unread = 0
        self.calls = 0
        """How many of the unread name oneself, or are private."""
        self.typists: tuple[str, ...] = ()
        self.company = Company()
        self.draft = ""
        """What is written and not said yet."""
        self.reply_to = ""
        """The id of the entry that the draft answers."""
        self.notices: tuple[str, ...] = ()
        """What the server has to say here, with no place in the log."""

    @property
    def is_private(self) -> bool:
        """Whether it is a private conversation."""
        return self.peer is not None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name if self.peer is None else self.peer

    @property
    def is_draft(self) -> bool:
        """Whether it is a conversation that the server has no name for yet."""
        return self.peer is not None and self.name == draft_name(self.peer)


class SeeCompany(NamedTuple):
    """Somebody has come to a room, or gone: who is there is to be looked up."""

    room: str


class Notify(NamedTuple):
    """Something calls for the person."""

    room: Room
    entry: Message | Private


Wish = SeeCompany | Notify
"""What is asked of whoever drives the client, because of what it told."""


class Unread(NamedTuple):
    """All that is unread, and how much of it calls for oneself."""

    all: int
    calls: int


class ChatState:
    """The chat, as one person sees it."""

    def __init__(self, username: str) -> None:
        self.username = username
        self.state: State = Connecting()
        self.rtt_ms: int | None = None
        self.ack_ms: dict[str, float] = {}
        """How long acks took, in milliseconds, by the message's id."""
        self.current: Room | None = None
        self.is_watching = True
        """Whether what comes to the current room is seen: the screen is looked at, and shows the
        newest messages."""
        self.seen_before: dict[str, int] = {}
        """What was seen last in rooms that are not open yet, by an earlier stay: by their names."""
        self._rooms: dict[str, Room] = {}
        # The head of each log when one first came there, by the rooms' names: what is up to it was
        # there before, and is not unread.
        self._began: dict[str, int] = {}
        # How often one was connected.
        self._connections = 0
        # With whom conversations are now: what was said earlier tells of earlier names.
        self._peers: dict[str, str] = {}
        # What was looked at before.
        self._previous: Room | None = None
        # When one's own messages went out, by their id.
        self._sent_at: dict[str, float] = {}

    @property
    def rooms(self) -> list[Room]:
        """The rooms, by name, and then the conversations, the newest first."""
        rooms = self._rooms.values()
        open_to_all = [room for room in rooms if not room.is_private]
        conversations = [room for room in rooms if room.is_private]
        return [
            *sorted(open_to_all, key=lambda room: fold(room.title)),
            *sorted(conversations, key=_newest, reverse=True),
        ]

    @property
    def unread(self) -> Unread:
        """All that is unread, in all rooms."""
        rooms = self._rooms.values()
        return Unread(sum(room.unread for room in rooms), sum(room.calls for room in rooms))

    def room(self, name: str) -> Room | None:
        """A room, by the server's name for it."""
        return self._rooms.get(name)

    def open(self, name: str, peer: str | None = None) -> Room:
        """A room by the server's name for it, which is there from now on."""
        if known := self._rooms.get(name):
            return known
        room = None if peer is None else self._rooms.pop(draft_name(peer), None)
        if room is None:
            room = Room(name, peer)
            room.seen = self.seen_before.pop(name, 0)
            room.seen_before = room.seen or None
        room.name = name
        self._rooms[name] = room
        return room

    def conversation(self, peer: str) -> Room:
        """The conversation with somebody, which may not have begun."""
        folded = fold(peer)
        known = [
            room
            for room in self._rooms.values()
            if room.peer is not None and fold(room.peer) == folded
        ]
        if known:
            return max(known, key=_newest)
        room = self.open(draft_name(peer), peer)
        room.timeline.has_earlier = False
        return room

    def close(self, name: str) -> None:
        """A room is closed, and forgotten."""
        room = self._rooms.pop(name, None)
        self._began.pop(name, None)
        if room is not None and room is self.current:
            rooms = self.rooms
            before = self._previous
            self.current = before if before in rooms else next(iter(rooms), None)
            self.see()

    def merge(self, asked: Room, room: Room) -> None:
        """A room is another, which is written otherwise: what one was about to say goes there."""
        is_current = asked is self.current
        if not room.draft:
            room.draft, room.reply_to = asked.draft, asked.reply_to
        room.timeline.adopt(asked.timeline.pending)
        self.close(asked.name)
        if is_current:
            self.show(room)

    def show(self, room: Room) -> None:
        """Looks at a room."""
        if room is not self.current:
            if room.timeline.entries:
                room.seen_before = room.seen if room.unread else None
            self._previous = self.current
        self.current = room
        self.see()

    def see(self) -> None:
        """What is in the current room is seen, if the screen is."""
        room = self.current
        if room is not None and self.is_watching:
            room.seen = max(room.seen, room.timeline.last)
            room.unread = 0
            room.calls = 0

    def summarised(self, peers: Mapping[str, str]) -> None:
        """With whom one's conversations are now, by the server's names for these."""
        self._peers |= peers
        for name, peer in peers.items():
            if room := self._rooms.get(name):
                room.peer = peer

    def told(self, event: ClientEvent, now: float) -> list[Wish]:
        """The client tells something. Answers what is to be done about it."""
        match event:
            case Message(room=name):
                room = self._rooms.get(name)  # None: one has just left it
                return [] if room is None else self._entered(room, event, replay=event.replay)
            case Private():
                return self._whispered(event)
            case Unknown(room=name) if room := self._rooms.get(name):
                return self._entered(room, event, replay=False)
            case Joined(room=name):
                self._came(event)
                if name.startswith("~") and name not in self._rooms:
                    return []  # a conversation is there from its first entry on
                self.open(name)
                return [SeeCompany(name)]
            case PresenceChanged(room=name):
                return [SeeCompany(name)]
            case Notice(room=name, message=message):
                self._noticed(self._rooms.get(name) if name else self.current, message)
            case Gap(room=name, after=after, missing=missing) if room := self._rooms.get(name):
                room.timeline.tear(after, missing)
                if missing is None:
                    room.seen = 0  # the numbers may begin anew
            case RoomLost(room=name):
                self.close(name)
            case TypingChanged(room=name, usernames=usernames) if room := self._rooms.get(name):
                room.typists = usernames
            case Sending(id=id, command=command, at=at):
                room = (
                    self._rooms.get(command.room)  # None: one has just left it
                    if isinstance(command, SendMessage)
                    else self.conversation(command.to)
                )
                if room is not None:
                    self._sent_at[id] = now
                    reply_to = command.reply_to or ""
                    room.timeline.sending(id=id, content=command.content, reply_to=reply_to, at=at)
            case Acked(receipt=receipt):
                self._acked(receipt.id, receipt.room, now)
            case _:
                self._connection(event)
        return []

    def failed(self, id: str, reason: str) -> bool:
        """What one said was not taken. Answers whether it still stands anywhere."""
        self._sent_at.pop(id, None)
        return any(room.timeline.failed(id, reason) for room in self._rooms.values())

    def company(self, name: str, company: Company) -> None:
        """These are in a room."""
        if room := self._rooms.get(name):
            room.company = company

    def _came(self, joined: Joined) -> None:
        """One is in a room, for the first time or again."""
        if joined.recovered == "none":
            self._began[joined.room] = joined.head.seq  # it is another log
        elif joined.room not in self._began:
            is_since_cut = joined.room.startswith("~") and self._connections > 1
            self._began[joined.room] = 0 if is_since_cut else joined.head.seq

    def _connection(self, event: ClientEvent) -> None:
        match event:
            case StateChanged(state=state):
                self.state = state
                self._connections += isinstance(state, Connected)
                if not isinstance(state, Connected):
                    self.rtt_ms = None
                    for room in self._rooms.values():
                        room.typists = ()
            case LatencyMeasured(rtt_ms=rtt_ms):
                self.rtt_ms = rtt_ms
            case Renamed(username=username):
                self.username = username
            case _:
                pass

    def _acked(self, id: str, name: str, now: float) -> None:
        if (sent_at := self._sent_at.pop(id, None)) is not None:
            self.ack_ms[id] = now - sent_at
        for room in list(self._rooms.values()):
            if all(one.id != id for one in room.timeline.pending):
                continue
            if room.is_draft:
                self.open(name, room.peer)  # the conversation has a name now
            room.timeline.sent(id)
            if room.is_private and room.name != name:
                # The name is somebody else's by now: with them, another conversation has begun.
                room.timeline.settle(id)
                if room is self.current:
                    self.show(self.open(name, room.peer))

    def _entered(self, room: Room, entry: Entry, *, replay: bool) -> list[Wish]:
        if not room.timeline.add(entry):
            return []
        if not replay and entry.seq <= room.seen:
            room.seen = 0  # by an earlier stay, in a log that is no more
        is_own = fold(entry.username) == fold(self.username)
        is_current = room is self.current
        if is_own or entry.seq <= room.seen or (is_current and self.is_watching):
            if is_own or is_current:
                room.seen = max(room.seen, entry.seq)
            return []
        if replay and room.seen == 0 and entry.seq <= self._began.get(room.name, entry.seq):
            return []  # the first sight of a room: it was there before
        room.unread += 1
        if isinstance(entry, Unknown):
            return []
        if room.is_private or mentions(entry.content, self.username):
            room.calls += 1
            return [] if replay else [Notify(room, entry)]
        return []

    def _whispered(self, entry: Private) -> list[Wish]:
        is_own = fold(entry.sender) == fold(self.username)
        peer = entry.to if is_own else entry.sender
        if not (is_own or entry.replay):
            self.summarised({entry.room: peer})
        room = self.open(entry.room, self._peers.get(entry.room, peer))
        return self._entered(room, entry, replay=entry.replay)

    def _noticed(self, room: Room | None, message: str) -> None:
        if room is not None:
            room.notices = (*room.notices, message)[-MOST_NOTICES:]


def draft_name(peer: str) -> str:
    """What a conversation is called that the server has no name for yet."""
    return f"@{fold(peer)}"


def present(members: int, names: Sequence[str]) -> Company:
    """Who is in a room, in order."""
    return Company(members, tuple(sorted(names, key=fold)))


def _newest(room: Room) -> int:
    timeline = room.timeline
    if timeline.pending:
        return timeline.pending[-1].at
    return timeline.entries[-1].timestamp if timeline.entries else 0
