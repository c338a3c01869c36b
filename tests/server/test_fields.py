"""Names in the fields of commands."""

import pytest

from causerie.chat.identity import conversation_room
from causerie.server.fields import folded, room_name, username
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused


def test_a_room_is_known_by_its_folded_name_and_a_conversation_as_it_is() -> None:
    assert room_name("Général") == "général"
    assert room_name("~Xyz") == "~Xyz"


def test_what_is_longer_than_a_conversations_name_is_none_and_nobody_may_read_it() -> None:
    longest = conversation_room("k:one", "k:other")
    assert room_name(longest) == longest
    with pytest.raises(Refused) as refused:
        room_name(longest + "a")
    assert (refused.value.code, refused.value.field) == (ErrorCode.FORBIDDEN, "room")


def test_what_is_no_room_is_refused_with_the_reason() -> None:
    with pytest.raises(Refused) as refused:
        room_name("a room")
    assert (refused.value.code, refused.value.field) == (ErrorCode.INVALID, "room")
    assert refused.value.reason


def test_a_username_is_folded_and_what_is_none_is_refused_for_its_field() -> None:
    assert folded("ALICE", "to") == "alice"
    with pytest.raises(Refused) as refused:
        folded("System", "to")
    assert (refused.value.code, refused.value.field) == (ErrorCode.INVALID, "to")


def test_a_username_that_is_asked_for_is_refused_as_a_name() -> None:
    assert username("Alice").folded == "alice"
    with pytest.raises(Refused) as refused:
        username("System")
    assert (refused.value.code, refused.value.field) == (ErrorCode.NAME_INVALID, "username")
