"""What people are shown of what happens: events in, lines of text out.

The view decides what is worth a line and how it reads; it reads no clock and shows nothing itself.
All that others wrote is made harmless on its way. Moments (`now`) are in seconds, monotonic; times
of messages are in milliseconds since 1970.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from causerie.client.errors import CommandRefused
from causerie.client.machine.events import (
    Entry,
    Gap,
    History,
    LatencyMeasured,
    PresenceChanged,
    Renamed,
    RoomLost,
    ServerError,
    StateChanged,
    TypingChanged,
    Unknown,
)
from causerie.client.sending import ClientEvent
from causerie.language import Words
from causerie.tui.attendance import Attendance, News
from causerie.tui.lines import Line, Span, Style, line, restyled
from causerie.tui.sanitise import sanitise, sanitise_name
from causerie.tui.standing import Standing
from causerie.tui.wording import explain_error, few, typing_sentence
from causerie.wire.replies import Joined, Message, Notice, Private, Welcome

INDENT: Final = "    "
"""Before each further line of a message, so that none looks like the beginning of another."""

ARRIVED_WITHIN: Final = 1.0
"""Seconds in which what was said earlier is awaited, before one is told that one has arrived."""


class _Room:
    """A room that one is in."""

    __slots__ = ("arrival", "arrive_by", "attendance", "earlier_upto", "typists")

    def __init__(self, *, earlier_upto: int, arrival: Line, arrive_by: float) -> None:
        self.attendance = Attendance()
        self.earlier_upto = earlier_upto
        """The seq up to which all had been said when one first came."""
        self.arrival: Line | None = arrival
        """The line that ends what was said earlier, until it is shown."""
        self.arrive_by = arrive_by
        self.typists: tuple[str, ...] = ()


class View:
    """One person's view of a server: their rooms, and what is known of the connection.

    After `show`, `tick` is to be called no later than `deadline()`. `current` is the room that what
    is typed goes to: the one joined last, unless it is set. What is said elsewhere is marked with
    its room.
    """

    def __init__(
        self,
        words: Words,
        username: str,
        *,
        local: Callable[[int], datetime],
        started: int,
        earlier: int,
        max_attempts: int | None,
    ) -> None:
        """`local` answers the local time of a moment, `started` is the present one (milliseconds
        since 1970). `earlier` says how many earlier messages are asked for in a room.
        """
        self.words = words
        self.username = username
        self.current: str | None = None
        self.standing = Standing(words, max_attempts=max_attempts)
        self._local = local
        self._day = local(started).date()
        self._earlier = earlier
        self.began_at: int | None = None
        """When the server first let one in, by its clock; None: not yet."""
        self._rooms: dict[str, _Room] = {}
        # The room or conversation whose earlier messages are being shown.
        self._showing_earlier: str | None = None

    # What happens.

    def welcomed(self, welcome: Welcome) -> list[Line]:
        """The server has let one in; to be called before the events that follow are shown."""
        if self.began_at is not None:
            return []
        self.began_at = welcome.time
        self.username = welcome.username
        return [line(self.words("logged-in", name=sanitise_name(welcome.username)), Style.OWN)]

    def show(self, event: ClientEvent, now: float) -> list[Line]:
        """Returns the lines that tell of an event."""
        match event:
            case Message() | Private() | Unknown():
                return self._entry(event)
            case StateChanged(state=state):
                return self.standing.changed(state, now)
            case LatencyMeasured(rtt_ms=rtt_ms):
                return self.standing.measured(rtt_ms)
            case Joined():
                return self._joined(event, now)
            case PresenceChanged():
                self._presence(event, now)
                return []
            case TypingChanged(room=name, usernames=usernames):
                if room := self._rooms.get(name):
                    room.typists = usernames
                return []
            case Gap(room=name, missing=missing):
                return [*self._arrive(name), self._gap(missing)]
            case RoomLost(room=name, error=error):
                return self._room_lost(name, error)
            case Renamed(username=username):
                return self._renamed(username)
            case Notice():
                return self._notice(event)
            case ServerError(error=error):
                reason = explain_error(self.words, error)
                return [line(self.words("server-error", reason=reason), Style.BAD)]
            case _:
                # The answers to commands are shown to whom they were given.
                return []

    def tick(self, now: float) -> list[Line]:
        """Returns the lines that are due."""
        lines: list[Line] = []
        for name, room in self._rooms.items():
            if room.arrival is not None and room.arrive_by <= now:
                lines += self._arrive(name)
            if room.arrival is None and (news := room.attendance.tick(now)):
                lines += self._news(name, news)
        return lines

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        times = [
            room.attendance.deadline() if room.arrival is None else room.arrive_by
            for room in self._rooms.values()
        ]
        return min((time for time in times if time is not None), default=None)

    def left(self, name: str) -> list[Line]:
        """One has left a room."""
        lines = [line(self.words("left-room", room=sanitise_name(name)), Style.NEWS)]
        return [*lines, *self._forget(name)]

    # What is known.

    @property
    def rooms(self) -> tuple[str, ...]:
        """The rooms one is in, the one joined last at the end."""
        return tuple(self._rooms)

    def whereto(self) -> Line:
        """Returns the line that says where what is typed goes."""
        if self.current is None:
            return line(self.words("no-room"), Style.WAITING)
        return line(self.words("whereto", room=sanitise_name(self.current)), Style.NEWS)

    def status(self, now: float, *, waiting: int = 0) -> Line:
        """Returns the line that says how things stand: the connection, the room, who is typing.

        `waiting` is how many lines have not been taken by the server yet.
        """
        connection = self.standing.words(now)
        spans = [Span("● ", connection[0].style), *connection]
        if self.current is not None:
            spans += [Span(" · ", Style.NEWS), Span(sanitise_name(self.current))]
        if waiting:
            waits = self.words("waiting", count=waiting)
            spans += [Span(" · ", Style.NEWS), Span(waits, Style.WAITING)]
        if typing := self._typing():
            spans += [Span(" · ", Style.NEWS), Span(typing, Style.NAME)]
        return tuple(spans)

    def history(self, pages: Sequence[History]) -> list[Line]:
        """Returns the lines of pages of a room's history, the oldest page first."""
        room = sanitise_name(pages[0].room)
        entries = [entry for page in pages for entry in page.entries]
        if not entries:
            return [line(self.words("history-empty", room=room), Style.NEWS)]
        lines = [line(self.words("earlier", room=room), Style.NEWS)]
        for entry in entries:
            lines += self._said(entry, earlier=True)
        return lines

    # Entries.

    def _entry(self, entry: Entry) -> list[Line]:
        earlier = self._is_earlier(entry)
        lines: list[Line] = []
        if earlier:
            if self._showing_earlier != entry.room:
                self._showing_earlier = entry.room
                lines.append(self._earlier_head(entry))
        else:
            lines += self._arrive(entry.room)
            self._showing_earlier = None
        room = self._rooms.get(entry.room)
        if room is not None and room.arrival is None and (news := room.attendance.flush()):
            lines += self._news(entry.room, news)
        lines += self._said(entry, earlier=earlier)
        if earlier and room is not None and entry.seq >= room.earlier_upto:
            lines += self._arrive(entry.room)
        return lines

    def _is_earlier(self, entry: Entry) -> bool:
        """Whether it had been said before one came, and not just while one was cut off."""
        if isinstance(entry, Private):
            return entry.replay and entry.timestamp < (self.began_at or 0)
        room = self._rooms.get(entry.room)
        return room is not None and entry.seq <= room.earlier_upto

    def _earlier_head(self, entry: Entry) -> Line:
        if isinstance(entry, Private):
            one, other = sanitise_name(entry.sender), sanitise_name(entry.to)
            return line(self.words("earlier-private", one=one, other=other), Style.NEWS)
        return line(self.words("earlier", room=sanitise_name(entry.room)), Style.NEWS)

    def _said(self, entry: Entry, *, earlier: bool) -> list[Line]:
        when = self._local(entry.timestamp)
        lines: list[Line] = []
        if when.date() != self._day:
            self._day = when.date()
            lines.append(line(f"— {self._day.isoformat()} —", Style.NEWS))
        content = self.words("unknown-entry") if isinstance(entry, Unknown) else entry.content
        first, *others = sanitise(content).split("\n")
        said = [
            (
                Span(f"[{when:%H:%M:%S}] ", Style.TIME),
                *self._author(entry),
                Span(f": {first}"),
            ),
            *(line(f"{INDENT}{other}") for other in others),
        ]
        return lines + ([restyled(one, Style.EARLIER) for one in said] if earlier else said)

    def _author(self, entry: Entry) -> Line:
        if isinstance(entry, Private):
            return (
                Span(self.words("private") + " ", Style.PRIVATE),
                self._name(entry.sender),
                Span(" → ", Style.PRIVATE),
                self._name(entry.to),
            )
        if entry.room != self.current:
            return (
                Span(f"#{sanitise_name(entry.room)} ", Style.WAITING),
                self._name(entry.username),
            )
        return (self._name(entry.username),)

    def _name(self, name: str) -> Span:
        return Span(sanitise_name(name), Style.OWN if name == self.username else Style.NAME)

    def _notice(self, notice: Notice) -> list[Line]:
        first, *others = sanitise(notice.message).split("\n")
        return [
            (Span(self.words("system"), Style.WAITING), Span(f": {first}")),
            *(line(f"{INDENT}{other}") for other in others),
        ]

    # Oneself.

    def _renamed(self, username: str) -> list[Line]:
        if username == self.username:
            return []
        self.username = username
        return [line(self.words("renamed", name=sanitise_name(username)), Style.OWN)]

    # Rooms.

    def _joined(self, joined: Joined, now: float) -> list[Line]:
        others = [name for name in joined.names if name != self.username]
        if known := self._rooms.get(joined.room):
            all_named = len(joined.names) >= joined.members
            known.attendance.resume(others, all_named=all_named, now=now)
            if known.arrival is not None:
                known.earlier_upto = joined.head.seq
            elif joined.recovered not in {"complete", "partial"}:
                known.earlier_upto = 0  # of a log that is no more
            return []
        room = _Room(
            earlier_upto=joined.head.seq,
            arrival=self._arrival(joined, others),
            arrive_by=now + ARRIVED_WITHIN,
        )
        room.attendance.begin(others)
        self._rooms[joined.room] = room
        self.current = joined.room
        return [] if self._earlier and joined.head.seq else self._arrive(joined.room)

    def _arrival(self, joined: Joined, others: Sequence[str]) -> Line:
        room = sanitise_name(joined.room)
        unnamed = max(0, joined.members - 1 - len(others))
        if not others and not unnamed:
            return line(self.words("arrived-alone", room=room), Style.NEWS)
        names = few(self.words, others, unnamed)
        return line(self.words("arrived", room=room, names=names), Style.NEWS)

    def _arrive(self, name: str) -> list[Line]:
        """Ends what was said earlier in a room."""
        room = self._rooms.get(name)
        if room is None or room.arrival is None:
            return []
        arrival, room.arrival = room.arrival, None
        self._showing_earlier = None
        return [arrival]

    def _presence(self, change: PresenceChanged, now: float) -> None:
        room = self._rooms.get(change.room)
        if room is None:
            return
        joined = [name for name in change.joined if name != self.username]
        if change.snapshot:
            all_named = len(change.joined) >= change.members
            room.attendance.resume(joined, all_named=all_named, now=now)
        else:
            left = [name for name in change.left if name != self.username]
            room.attendance.change(joined, left, now)

    def _news(self, room: str, news: News) -> list[Line]:
        told = [
            self.words(key, count=len(names), names=few(self.words, names))
            for key, names in (("joined", news.joined), ("left", news.left))
            if names
        ]
        if room != self.current:
            told = [self.words("in-room", room=sanitise_name(room), news=one) for one in told]
        return [line(one, Style.NEWS) for one in told]

    def _gap(self, missing: int | None) -> Line:
        if missing is None:
            return line(self.words("gap-unknown"), Style.BAD)
        return line(self.words("gap", count=missing), Style.BAD)

    def _room_lost(self, name: str, error: CommandRefused) -> list[Line]:
        if name not in self._rooms:
            return []  # whoever wanted to join it is told
        reason = explain_error(self.words, error)
        text = self.words("room-lost", room=sanitise_name(name), reason=reason)
        return [line(text, Style.BAD), *self._forget(name)]

    def _forget(self, name: str) -> list[Line]:
        self._rooms.pop(name, None)
        if self.current != name:
            return []
        self.current = next(reversed(self._rooms), None)
        return [self.whereto()]

    def _typing(self) -> str:
        room = self._rooms.get(self.current) if self.current is not None else None
        return typing_sentence(self.words, room.typists) if room is not None else ""
