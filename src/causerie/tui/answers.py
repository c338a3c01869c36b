"""The lines that answer a typed command."""

from collections.abc import Sequence

from causerie.tui.commands import COMMANDS, MOST_HISTORY
from causerie.tui.language import Words
from causerie.tui.lines import Line, Span, Style, line
from causerie.tui.sanitise import sanitise_name
from causerie.wire.replies import RoomSummary


def help_lines(words: Words) -> list[Line]:
    """The list of commands."""
    rows = [(words(f"usage-{key}"), words(f"help-{key}", most=MOST_HISTORY)) for key in COMMANDS]
    rows.append((words("usage-text"), words("help-text")))
    width = max(len(usage) for usage, _ in rows)
    return [
        line(words("help-head"), Style.NEWS),
        *((Span(f"  {usage:<{width}}"), Span(f"  {what}", Style.NEWS)) for usage, what in rows),
    ]


def member_lines(words: Words, room: str, names: Sequence[str]) -> list[Line]:
    """Who is in a room: all of them."""
    shown = sanitise_name(room)
    if not names:
        return [line(words("who-nobody", room=shown), Style.NEWS)]
    listed = words.names([sanitise_name(name) for name in names])
    return [line(words("who", count=len(names), room=shown, names=listed), Style.NEWS)]


def room_lines(words: Words, rooms: Sequence[RoomSummary], current: str | None) -> list[Line]:
    """One's rooms and private conversations, a line for each."""
    if not rooms:
        return [line(words("no-rooms"), Style.NEWS)]
    lines: list[Line] = []
    for room in rooms:
        if room.peer is not None:
            text = words("conversation-summary", peer=sanitise_name(room.peer))
        else:
            text = words("room-summary", room=sanitise_name(room.room), count=room.members)
        if room.room == current:
            text = words("current-room", summary=text)
        lines.append(line(text, Style.NEWS))
    return lines
