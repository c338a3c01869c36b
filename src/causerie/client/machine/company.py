"""The others: who is in which room, and who of them is typing."""

from causerie.client.machine.events import Event, PresenceChanged, TypingChanged
from causerie.client.machine.typing import Typists
from causerie.wire.replies import Joined, Presence, Typing


class _Room:
    __slots__ = ("count", "joined", "names")

    def __init__(self, joined: Joined) -> None:
        self.joined = joined
        self.count = joined.members
        self.names = dict.fromkeys(joined.names)


class Company:
    """The others in the rooms that this connection follows. `now` is in seconds, monotonic.

    What answers events answers what the application is to be told.
    """

    __slots__ = ("_rooms", "_typists")

    def __init__(self) -> None:
        self._rooms: dict[str, _Room] = {}
        self._typists = Typists()

    def joined(self, room: str) -> Joined | None:
        """What the server said when the room was last joined on this connection."""
        known = self._rooms.get(room)
        return known.joined if known else None

    def members(self, room: str) -> tuple[int, tuple[str, ...]]:
        """How many are in a room, oneself included, and the names of those who are known: all, up
        to 200.
        """
        known = self._rooms.get(room)
        return (known.count, tuple(known.names)) if known else (0, ())

    def typing(self, room: str) -> tuple[str, ...]:
        """Who is typing in a room, the first to begin first."""
        return self._typists.names(room)

    def enter(self, joined: Joined) -> None:
        """A room was joined."""
        self._rooms[joined.room] = _Room(joined)

    def presence(self, presence: Presence) -> list[Event]:
        """Others have come to a room or gone: tells of it, save what was known already."""
        known = self._rooms.get(presence.room)
        if known is None:
            return []
        went = [name for name in presence.left if name in known.names]
        # Who left went first: two people who swap names are told as both.
        stayed = set() if presence.snapshot else known.names.keys() - set(went)
        came = [name for name in presence.joined if name not in stayed]
        if not (came or went or presence.snapshot or known.count != presence.members):
            return []
        known.count = presence.members
        if presence.snapshot:
            known.names.clear()
        for name in went:
            known.names.pop(name, None)
        known.names.update(dict.fromkeys(came))
        changed = PresenceChanged(
            room=presence.room,
            members=presence.members,
            joined=tuple(came),
            left=tuple(went),
            snapshot=presence.snapshot,
        )
        stopped = [self._typists.stopped(presence.room, name) for name in went]
        return [changed, *self._tell(presence.room, news=any(stopped))]

    def typed(self, typing: Typing, now: float) -> list[Event]:
        """Somebody else types, or has stopped."""
        if typing.is_typing:
            news = self._typists.started(typing.room, typing.username, now)
        else:
            news = self._typists.stopped(typing.room, typing.username)
        return self._tell(typing.room, news=news)

    def said(self, room: str, username: str) -> list[Event]:
        """Somebody has said what they typed."""
        return self._tell(room, news=self._typists.stopped(room, username))

    def leave(self, room: str) -> list[Event]:
        """The room is followed no more."""
        self._rooms.pop(room, None)
        return self._tell(room, news=self._typists.forget(room))

    def cut(self) -> list[Event]:
        """The connection is lost."""
        self._rooms.clear()
        return [event for room in self._typists.cut() for event in self._tell(room, news=True)]

    def tick(self, now: float) -> list[Event]:
        """Time has passed."""
        return [event for room in self._typists.tick(now) for event in self._tell(room, news=True)]

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        return self._typists.deadline()

    def _tell(self, room: str, *, news: bool) -> list[Event]:
        return [TypingChanged(room=room, usernames=self._typists.names(room))] if news else []
