"""Pages of what v1 clients ask for: who is in a room, one's rooms, a room's history."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from causerie.chat.entry import Entry
from causerie.chat.identity import CONVERSATION_MARK, is_conversation
from causerie.ports import Conversation, Failed
from causerie.server import steps
from causerie.server.fields import folded, room_name
from causerie.server.frames import Variant, payload
from causerie.server.live_room import LiveRoom
from causerie.server.rooms import EVERYTHING
from causerie.server.sessions import Session
from causerie.wire import commands, replies
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused

if TYPE_CHECKING:
    from causerie.server.v1 import V1Connection


def members(connection: "V1Connection", command: commands.Members) -> None:
    """Answers who is in a room."""
    room = steps.joined_room(connection, command.room)
    after = folded(command.after, "after") if command.after else ""
    names, more = room.presence.page(after, command.limit)
    connection.reply(
        replies.MembersPage(
            id=command.id,
            room=room.name,
            members=len(room.members) or len(room.presence),
            names=names,
            more=more,
        )
    )


def rooms(connection: "V1Connection", command: commands.Rooms, session: Session) -> None:
    """Answers which rooms a connection is in, and which conversations its identity has."""
    connection.hold()
    after = command.after or ""
    connection.hub.log.conversations(
        session.identity,
        after=after if after.startswith(CONVERSATION_MARK) else "",
        limit=command.limit + 1,
        done=connection.contained(partial(_have_conversations, connection, command)),
    )


def _have_conversations(
    connection: "V1Connection", command: commands.Rooms, answer: Sequence[Conversation] | Failed
) -> None:
    if not steps.is_answered(answer, connection, command.id):
        return
    after = command.after or ""
    heard = {room.name for room in connection.listeners}
    found = [
        replies.RoomSummary(
            room=room.name,
            epoch=room.epoch,
            head=commands.Cursor(room.shown, room.head_id),
            joined=True,
            members=len(room.presence),
        )
        for room in connection.listeners
        if not is_conversation(room.name) and room.name > after
    ]
    found += [
        replies.RoomSummary(
            room=one.room,
            epoch=one.head.epoch,
            head=commands.Cursor(one.head.seq, one.head.id),
            joined=one.room in heard,
            peer=one.peer_name,
        )
        for one in answer
        if one.room > after
    ]
    found.sort(key=lambda summary: summary.room)
    connection.reply(
        replies.RoomsPage(
            id=command.id,
            rooms=found[: command.limit],
            more=len(found) > command.limit,
        )
    )
    connection.release()


def history(connection: "V1Connection", command: commands.GetHistory) -> None:
    """Answers a page of a room's log."""
    if command.before is not None and command.after is not None:
        raise Refused(ErrorCode.INVALID, field="after", reason="give it or before, not both")
    steps.with_room(
        connection, room_name(command.room), command.id, partial(_history_of, connection, command)
    )


def _history_of(connection: "V1Connection", command: commands.GetHistory, room: LiveRoom) -> None:
    connection.hub.rooms.check_may_read(connection, room)
    connection.hold()
    room.pins += 1
    done = connection.contained(partial(_have_history, connection, command, room))
    if command.after is not None:
        connection.hub.log.read(
            room.name,
            after=command.after,
            upto=room.shown,
            limit=command.limit + 1,
            done=done,
        )
    else:
        before = EVERYTHING if command.before is None else command.before
        connection.hub.log.read_back(
            room.name,
            before=min(before, room.shown + 1),
            limit=command.limit + 1,
            done=done,
        )


def _have_history(
    connection: "V1Connection",
    command: commands.GetHistory,
    room: LiveRoom,
    answer: Sequence[Entry] | Failed,
) -> None:
    connection.hub.rooms.unpin(room)
    if not steps.is_answered(answer, connection, command.id):
        return
    forward = command.after is not None
    chosen: list[bytes] = []
    size = 0
    for entry in answer if forward else reversed(answer):
        text = payload(entry, Variant.V1)
        size += len(text)
        if len(chosen) == command.limit or (chosen and size > connection.hub.settings.reply):
            break
        chosen.append(text)
    more = len(chosen) < len(answer)
    if not forward:
        chosen.reverse()
    connection.reply(
        replies.HistoryPage(
            id=command.id,
            room=room.name,
            epoch=room.epoch,
            entries=[msgspec.Raw(text) for text in chosen],
            more=more,
        )
    )
    connection.release()
