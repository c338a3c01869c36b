"""Who is typing: oneself, as the others are told, and the others, as one is told.

All times are in seconds, monotonic.
"""

REPEATED_EVERY = 3.0
"""Who types on says so again after this."""

STOPPED_AFTER = 2.0
"""Without a key for so long one has stopped."""

FORGOTTEN_AFTER = 6.0
"""Of whom nothing more is heard for so long, that one has stopped."""


class OwnTyping:
    """What the rooms have been told of one's own typing."""

    __slots__ = ("_rooms",)

    def __init__(self) -> None:
        # room -> (when the last key came, when the room was last told)
        self._rooms: dict[str, tuple[float, float]] = {}

    def key(self, room: str, now: float) -> bool:
        """A key was pressed; answers whether the room is to be told."""
        told_at = self._rooms.get(room, (0.0, float("-inf")))[1]
        tell = now - told_at >= REPEATED_EVERY
        self._rooms[room] = (now, now if tell else told_at)
        return tell

    def stop(self, room: str) -> bool:
        """One has stopped, or sent what one typed; answers whether the room believes that one
        types.
        """
        return self._rooms.pop(room, None) is not None

    def tick(self, now: float) -> list[str]:
        """The rooms in which one has fallen silent: they are to be told."""
        silent = [
            room for room, (key_at, _) in self._rooms.items() if key_at + STOPPED_AFTER <= now
        ]
        for room in silent:
            del self._rooms[room]
        return silent

    def cut(self) -> None:
        """The connection is lost: nobody believes anything any more."""
        self._rooms.clear()

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        return min((key_at + STOPPED_AFTER for key_at, _ in self._rooms.values()), default=None)


class Typists:
    """The others who are typing, by room."""

    __slots__ = ("_rooms",)

    def __init__(self) -> None:
        # room -> name -> when to forget it; in the order in which they began
        self._rooms: dict[str, dict[str, float]] = {}

    def names(self, room: str) -> tuple[str, ...]:
        """Who is typing in a room, the first to begin first."""
        return tuple(self._rooms.get(room, ()))

    def started(self, room: str, name: str, now: float) -> bool:
        """Somebody types (still); answers whether that is news."""
        typists = self._rooms.setdefault(room, {})
        news = name not in typists
        typists[name] = now + FORGOTTEN_AFTER
        return news

    def stopped(self, room: str, name: str) -> bool:
        """Somebody has stopped, has said it, or has gone; answers whether that is news."""
        typists = self._rooms.get(room, {})
        news = typists.pop(name, None) is not None
        if news and not typists:
            del self._rooms[room]
        return news

    def tick(self, now: float) -> list[str]:
        """Forgets whom nothing more was heard of; answers the rooms with a change."""
        changed: list[str] = []
        for room, typists in list(self._rooms.items()):
            silent = [name for name, until in typists.items() if until <= now]
            for name in silent:
                self.stopped(room, name)
            if silent:
                changed.append(room)
        return changed

    def forget(self, room: str) -> bool:
        """Forgets all of a room; answers whether that is news."""
        return self._rooms.pop(room, None) is not None

    def cut(self) -> list[str]:
        """Forgets all: the connection is lost. Answers the rooms with a change."""
        changed = list(self._rooms)
        self._rooms.clear()
        return changed

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        return min(
            (until for typists in self._rooms.values() for until in typists.values()), default=None
        )
