"""Steps that commands of both profiles take.

What is refused is told as each profile tells it (`Connection.fault`); `command_id` is that of the
command being carried out, which a plain one has not.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeGuard, TypeVar, assert_never

from causerie.chat.identity import conversation_room
from causerie.ports import Failed, Holder, Rejected
from causerie.server.connection import Connection
from causerie.server.fields import folded, room_name
from causerie.server.live_room import LiveRoom
from causerie.server.sessions import Session
from causerie.server.settings import UNAVAILABLE_RETRY
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused

_Answer = TypeVar("_Answer")


def refuse(connection: Connection, command_id: str | None, refused: Refused) -> None:
    """Tells of a command that had to wait that it is refused."""
    refused.id = command_id
    connection.fault(refused)


def unavailable() -> Refused:
    """What is told of a command for which the log could not be read."""
    return Refused(ErrorCode.UNAVAILABLE, retry_after=UNAVAILABLE_RETRY)


def is_answered(
    answer: _Answer | Failed, connection: Connection, command_id: str | None
) -> TypeGuard[_Answer]:
    """Whether the log has answered somebody who is still there. Where it could not, that is told,
    and the command, which was held for the answer, is over.
    """
    if not connection.is_open:
        return False
    if isinstance(answer, Failed):
        refuse(connection, command_id, unavailable())
        connection.release()
        return False
    return True


def joined_room(connection: Connection, name: str) -> LiveRoom:
    """Finds a room that a connection is in.

    Raises:
        Refused: `not_joined`, or `invalid` if it is no name.
    """
    rooms = connection.hub.rooms
    # Nearly always it is given as the log knows it, and so it is looked for first.
    room = rooms.get(name) or rooms.get(room_name(name))
    if room is None or room not in connection.listeners:
        raise Refused(ErrorCode.NOT_JOINED, field="room")
    return room


def with_room(
    connection: Connection, name: str, command_id: str | None, use: Callable[[LiveRoom], None]
) -> None:
    """Carries a command on with its room; what it raises is told as for any command. Commands
    behind wait until it is done.
    """
    connection.hold()

    def opened(room: LiveRoom | Failed) -> None:
        if not is_answered(room, connection, command_id):
            return
        try:
            use(room)
        except Refused as refused:
            refuse(connection, command_id, refused)
        connection.release()

    connection.hub.rooms.with_room(name, connection.contained(opened))


def find_recipient(
    connection: Connection,
    to: str,
    session: Session,
    *,
    found: Callable[[LiveRoom, Holder], None],
    refused: Callable[[Refused], None],
) -> None:
    """Finds whom a private message is for and opens the conversation; commands behind wait.

    A recipient is connected under that name, or keeps it by a key. Who is in the grace period
    of a keyless session can never come back for it.

    Raises:
        Refused: it is no name.
    """
    hub = connection.hub
    name = folded(to, "to")
    connection.hold()

    def looked_up(holder: Holder | Failed | None) -> None:
        if not connection.is_open:
            return
        match holder:
            case Failed():
                end(unavailable())
            case None:
                end(Refused(ErrorCode.RECIPIENT_UNKNOWN, field="to"))
            case Holder(identity=identity) if identity == session.identity:
                end(Refused(ErrorCode.RECIPIENT_SELF, field="to"))
            case Holder():
                is_reachable = hub.sessions.is_reachable(holder)
                if is_reachable is None:
                    hub.sessions.seek(holder, connection.contained(partial(reached, holder)))
                else:
                    reached(holder, is_reachable)

    def reached(holder: Holder, is_reachable: bool) -> None:
        if not connection.is_open:
            return
        if is_reachable:
            hub.rooms.with_room(
                conversation_room(session.identity, holder.identity),
                connection.contained(partial(opened, holder)),
            )
        else:
            end(Refused(ErrorCode.RECIPIENT_UNKNOWN, field="to"))

    def opened(holder: Holder, room: LiveRoom | Failed) -> None:
        if not connection.is_open:
            return
        if isinstance(room, Failed):
            end(unavailable())
        else:
            found(room, holder)
            connection.release()

    def end(reason: Refused) -> None:
        refused(reason)
        connection.release()

    hub.directory.find(name, now=hub.clock.wall(), done=connection.contained(looked_up))


def set_typing(
    connection: Connection, room: LiveRoom, session: Session, *, is_typing: bool
) -> None:
    """A connection's user types in a room, or has stopped; the others are told what is news."""
    hub = connection.hub
    name = session.name
    if is_typing:
        news = room.typing.start(name.folded, name.display, hub.clock.monotonic())
    else:
        news = room.typing.stop(name.folded)
    if news:
        hub.types(room, name.folded, name.display, is_typing=is_typing)
    hub.rooms.rearm(room)


def rejection(outcome: Rejected) -> Refused:
    """What is told of a message that will never be stored."""
    match outcome.reason:
        case "id_reused":
            return Refused(ErrorCode.ID_REUSED, field="id")
        case "failed":
            return Refused(ErrorCode.INVALID, field="content", reason="it cannot be stored")
        case "name_lost":
            # The connection is about to end. Who comes back may say it under another name.
            return Refused(ErrorCode.UNAVAILABLE, retry_after=UNAVAILABLE_RETRY)
        case unknown:
            assert_never(unknown)
