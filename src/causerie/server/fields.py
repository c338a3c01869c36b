"""Names in the fields of commands, as the log and the directory know them."""

from causerie.chat.identity import CONVERSATION_LENGTH, is_conversation
from causerie.chat.names import Name, NameRefused, parse_room, parse_username
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused


def username(text: str) -> Name:
    """The name that somebody asks for in the field `username`.

    Raises:
        Refused: `name_invalid`.
    """
    try:
        return parse_username(text)
    except NameRefused as error:
        raise Refused(ErrorCode.NAME_INVALID, field="username", reason=str(error)) from None


def folded(name: str, field: str) -> str:
    """The folded form of a username in a command's field.

    Raises:
        Refused: `invalid`, for that field.
    """
    try:
        return parse_username(name).folded
    except NameRefused as error:
        raise Refused(ErrorCode.INVALID, field=field, reason=str(error)) from None


def room_name(text: str) -> str:
    """The name of a room in the log: a public one's folded name, a conversation's as it is.

    Raises:
        Refused: `invalid`, for the field `room`; `forbidden`, as for every conversation that does
            not exist, if it is longer than the name of one: nothing so long is remembered.
    """
    if is_conversation(text):
        if len(text) > CONVERSATION_LENGTH:
            raise Refused(ErrorCode.FORBIDDEN, field="room")
        return text
    try:
        return parse_room(text).folded
    except NameRefused as error:
        raise Refused(ErrorCode.INVALID, field="room", reason=str(error)) from None
