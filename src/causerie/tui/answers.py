"""The lines that answer a typed command."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from causerie.language import Words
from causerie.tui.commands import COMMANDS, MOST_HISTORY
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


def sharing_a_name(rooms: Sequence[RoomSummary]) -> list[RoomSummary]:
    """The conversations whose other member has the name that another's has: one of them had it,
    and then it went to the next.
    """
    peers = Counter(room.peer.casefold() for room in rooms if room.peer is not None)
    return [room for room in rooms if room.peer is not None and peers[room.peer.casefold()] > 1]


def room_lines(
    words: Words,
    rooms: Sequence[RoomSummary],
    current: str | None,
    talked_at: Mapping[str, int] = MappingProxyType({}),
) -> list[Line]:
    """One's rooms and private conversations, a line for each.

    `talked_at` says when something was said last in the conversations that share a name. As a name
    has one holder at a time, the latest is the conversation with the present one, or with the last
    that one has talked to.
    """
    if not rooms:
        return [line(words("no-rooms"), Style.NEWS)]
    latest: dict[str, int] = {}
    for room in sharing_a_name(rooms):
        peer = (room.peer or "").casefold()
        latest[peer] = max(latest.get(peer, 0), talked_at.get(room.room, 0))
    lines: list[Line] = []
    for room in rooms:
        if room.peer is not None:
            is_earlier = talked_at.get(room.room, 0) < latest.get(room.peer.casefold(), 0)
            key = "conversation-summary-earlier" if is_earlier else "conversation-summary"
            text = words(key, peer=sanitise_name(room.peer))
        else:
            text = words("room-summary", room=sanitise_name(room.room), count=room.members)
        if room.room == current:
            text = words("current-room", summary=text)
        lines.append(line(text, Style.NEWS))
    return lines
