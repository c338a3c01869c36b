"""What a room shows from top to bottom: days, groups of messages, holes, the line above what is
new.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import msgspec

from causerie.client.machine.events import Entry
from causerie.tui.screen.chat_state import Room
from causerie.tui.screen.mentions import fold
from causerie.tui.screen.timeline import Hole, Pending

GROUP: Final = 5 * 60_000
"""Messages of one author within so many milliseconds stand under one name."""


class _Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The base of all rows."""

    key: str
    """No other row of the room has it, and this one keeps it."""


class BeginningRow(_Row, frozen=True, gc=False):
    """All that was ever said in the room stands below."""


class DayRow(_Row, frozen=True, gc=False):
    """Another day begins."""

    day: date


class NewRow(_Row, frozen=True, gc=False):
    """What stands below is new."""


class HoleRow(_Row, frozen=True, gc=False):
    """Something is missing here."""

    hole: Hole
    before: int
    """The seq of the entry below."""


class BreakRow(_Row, frozen=True, gc=False):
    """What stands above belongs to a log that is no more."""


class EntryRow(_Row, frozen=True, gc=False):
    """An entry."""

    entry: Entry
    at: datetime
    follows: bool
    """It stands under the name of the one before."""
    is_own: bool


class PendingRow(_Row, frozen=True, gc=False):
    """Something that one has said, and not seen in the room yet."""

    pending: Pending
    at: datetime
    follows: bool


class NoticeRow(_Row, frozen=True, gc=False):
    """What the server has to say."""

    message: str


Row = BeginningRow | DayRow | NewRow | HoleRow | BreakRow | EntryRow | PendingRow | NoticeRow


class Layout:
    """Lays one room out, again and again as things come: what has not changed is not made anew.

    `local` answers the local time of a moment in milliseconds since 1970.
    """

    def __init__(self, room: Room, local: Callable[[int], datetime]) -> None:
        self._room = room
        self._local = local
        self._username = ""
        self._own = ""
        # The rows of entries as they were last, and their days, by their keys.
        self._known: dict[str, tuple[EntryRow, date]] = {}
        self._former: dict[str, tuple[EntryRow, date]] = {}
        # What the rows above say of the next one.
        self._day: date | None = None
        self._last: tuple[str, int] | None = None

    def rows(self, username: str, new_after: int | None) -> list[Row]:
        """Returns all rows. `new_after` is the seq after which messages are new; None where none
        are.
        """
        if username != self._username:
            self._username, self._own = username, fold(username)
            self._known.clear()
            self._former.clear()
        self._day = self._last = None
        timeline = self._room.timeline
        rows: list[Row] = []
        if not timeline.has_earlier and not timeline.former:
            rows.append(BeginningRow(key="beginning"))
        for entry in timeline.former:
            self._put(rows, entry, f"former {entry.seq}", self._former)
        if timeline.former:
            rows.append(BreakRow(key="break"))
            self._last = None
        self._present(rows, new_after)
        for pending in timeline.pending:
            follows = self._follows(username, pending.at)
            at = self._local(pending.at)
            key = f"pending {pending.id}"
            rows.append(PendingRow(key=key, pending=pending, at=at, follows=follows))
        for place, message in enumerate(self._room.notices):
            rows.append(NoticeRow(key=f"notice {place}", message=message))
        return rows

    def _present(self, rows: list[Row], new_after: int | None) -> None:
        timeline = self._room.timeline
        holes = timeline.holes
        is_marked = new_after is None
        for entry in timeline.entries:
            if holes and (hole := holes.get(entry.seq)) is not None:
                rows.append(HoleRow(key=f"hole {entry.seq}", hole=hole, before=entry.seq))
                self._last = None
            if not is_marked and new_after is not None and entry.seq > new_after:
                is_marked = True
                if fold(entry.username) != self._own:
                    rows.append(NewRow(key="new"))
                    self._last = None
            self._put(rows, entry, str(entry.seq), self._known)

    def _put(
        self, rows: list[Row], entry: Entry, key: str, known: dict[str, tuple[EntryRow, date]]
    ) -> None:
        row, day = known.get(key, (None, None))
        if row is None or day is None or row.entry is not entry:
            at = self._local(entry.timestamp)
            day = at.date()
            is_own = fold(entry.username) == self._own
            row = EntryRow(key=key, entry=entry, at=at, follows=False, is_own=is_own)
            known[key] = (row, day)
        if day != self._day:
            self._day = day
            rows.append(DayRow(key=f"day {key}", day=day))
            self._last = None
        if (follows := self._follows(entry.username, entry.timestamp)) is not row.follows:
            row = msgspec.structs.replace(row, follows=follows)
            known[key] = (row, day)
        rows.append(row)

    def _follows(self, username: str, at: int) -> bool:
        last, self._last = self._last, (username, at)
        return last is not None and last[0] == username and abs(at - last[1]) < GROUP
