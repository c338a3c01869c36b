"""Signals of a room as frames: who came and went, who types.

Never stored, and told to the live listeners only. They are short, and never compressed.
"""

from collections import deque

from causerie.chat.names import SYSTEM
from causerie.chat.presence import Change
from causerie.server.frames import UNITS, V1_VARIANTS, Variant
from causerie.server.live_room import LiveRoom
from causerie.server.settings import Clock
from causerie.server.turn import Turn
from causerie.wire.codec import encode
from causerie.wire.framing import frame_text
from causerie.wire.plain import PlainMessage, PlainTyping, in_unit
from causerie.wire.replies import Presence, Typing

COUNTED_A_TURN = 500
"""How many are told in one turn that others have come to a large room, or gone."""


def system_frame(text: str, timestamp: float, room: str | None = None) -> bytes:
    """What System says to plain clients."""
    return frame_text(
        encode(PlainMessage(username=SYSTEM, content=text, timestamp=timestamp, room=room))
    )


def announce_presence(turn: Turn, clock: Clock, room: LiveRoom, change: Change) -> None:
    """Tells the live listeners of a room who came and went.

    In a large room the change names nobody: v1 is told the count, plain nothing. Who left is told
    before who joined, since one may come under the name of another who goes.
    """
    if not (change.joined or change.left or change.renamed or change.everybody is not None):
        _announce_count(turn, room)
        return
    if any(room.live[variant] for variant in V1_VARIANTS):
        frame = frame_text(encode(_presence(room, change)))
        for variant in V1_VARIANTS:
            for connection in room.live[variant]:
                turn.push(connection, frame)
    texts = [
        *(f"{name} has left the chat" for name in change.left),
        *(f"{old} is now known as {new}" for old, new in change.renamed),
        *(f"{name} has joined the chat" for name in change.joined),
    ]
    if not texts:
        return
    now = clock.wall()
    for variant, unit in UNITS.items():
        if live := room.live[variant]:
            timestamp = in_unit(now, unit)
            frames = b"".join([system_frame(text, timestamp, room.name) for text in texts])
            for connection in live:
                turn.push(connection, frames)


def _announce_count(turn: Turn, room: LiveRoom) -> None:
    """Tells v1 how many are in a room: some of a crowd in each turn, and of each moment the number.

    To tell ten thousand takes 70 ms, in which nothing else would be done.
    """
    waiting = deque(connection for variant in V1_VARIANTS for connection in room.live[variant])

    def tell_some() -> None:
        frame = frame_text(encode(Presence(room=room.name, members=len(room.presence))))
        for _ in range(min(COUNTED_A_TURN, len(waiting))):
            connection = waiting.popleft()
            # Who is behind by now is told when it is live again.
            if connection in room.live[connection.variant]:
                turn.push(connection, frame)
        if waiting:
            turn.later(tell_some)

    tell_some()


def _presence(room: LiveRoom, change: Change) -> Presence:
    if change.everybody is not None:
        return Presence(
            room=room.name, members=change.members, joined=[*change.everybody], snapshot=True
        )
    return Presence(
        room=room.name,
        members=change.members,
        joined=[*change.joined, *(new for _, new in change.renamed)],
        left=[*change.left, *(old for old, _ in change.renamed)],
    )


def announce_typing(
    turn: Turn, clock: Clock, room: LiveRoom, display: str, *, is_typing: bool
) -> None:
    """Tells the live listeners of a room, save the typist, that somebody types or has stopped.

    Plain clients are told only if they have used typing themselves, and in their spelling.
    """
    v1 = frame_text(encode(Typing(room=room.name, username=display, is_typing=is_typing)))
    for variant in V1_VARIANTS:
        for connection in room.live[variant]:
            if connection.display != display:
                turn.push(connection, v1)
    now = clock.wall()
    made: dict[tuple[Variant, str], bytes] = {}
    for variant, unit in UNITS.items():
        for connection in room.live[variant]:
            spelling = connection.typing_spelling
            if spelling is None or connection.display == display:
                continue
            frame = made.get((variant, spelling))
            if frame is None:
                typing = plain_typing(
                    spelling,
                    room=room.name,
                    display=display,
                    is_typing=is_typing,
                    timestamp=in_unit(now, unit),
                )
                frame = made[variant, spelling] = frame_text(encode(typing))
            turn.push(connection, frame)


def plain_typing(
    spelling: str, *, room: str, display: str, is_typing: bool, timestamp: float
) -> PlainTyping:
    """Somebody's typing as a plain client of that spelling reads it."""
    if spelling == "typing":
        return PlainTyping(
            type="typing",
            username=display,
            content="",
            timestamp=timestamp,
            room=room,
            is_typing=is_typing,
        )
    return PlainTyping(
        type="typing.start" if is_typing else "typing.stop",
        username=display,
        content="",
        timestamp=timestamp,
        room=room,
    )
