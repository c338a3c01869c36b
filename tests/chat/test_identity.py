"""Identities: what is kept of a key, and what a conversation is called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.chat.identity import (
    CONVERSATION_LENGTH,
    conversation_room,
    is_conversation,
    is_lasting,
    key_identity,
    session_identity,
)
from causerie.chat.names import NameRefused, parse_room

KEY = "kQ4c9yT3sVb1mZp0aXw7Rg"

identities = st.one_of(st.builds(key_identity, st.text()), st.builds(session_identity, st.text()))


def test_a_key_gives_the_same_identity_each_time_and_cannot_be_read_from_it() -> None:
    identity = key_identity(KEY)
    # Written out, since names in every store hang on it: it must never change.
    assert identity == "k:3iwa73icekpkkpyf33urzlb7hml5kor3"
    assert KEY not in identity


@given(st.text(), st.text())
def test_different_keys_are_different_people(one: str, other: str) -> None:
    assert (key_identity(one) == key_identity(other)) == (one == other)


def test_who_has_a_key_can_come_back_and_who_has_none_cannot() -> None:
    assert is_lasting(key_identity(KEY))
    assert not is_lasting(session_identity("0123456789abcdef"))


@given(st.text())
def test_no_session_has_the_identity_of_a_key(random_id: str) -> None:
    assert session_identity(random_id) == f"s:{random_id}"
    assert session_identity(random_id) != key_identity(random_id)


@given(identities, identities)
def test_a_conversation_has_one_name_from_either_side(one: str, other: str) -> None:
    assert conversation_room(one, other) == conversation_room(other, one)


@given(identities, identities, identities)
def test_conversations_with_different_people_have_different_names(
    me: str, one: str, other: str
) -> None:
    assert (conversation_room(me, one) == conversation_room(me, other)) == (one == other)


@given(identities, identities)
def test_the_name_of_a_conversation_tells_nothing_and_is_no_rooms(one: str, other: str) -> None:
    room = conversation_room(one, other)
    assert re.fullmatch("~[a-z2-7]{32}", room)
    assert len(room) == CONVERSATION_LENGTH
    assert is_conversation(room)
    with pytest.raises(NameRefused):
        parse_room(room)


def test_a_room_is_no_conversation() -> None:
    assert not is_conversation("lobby")
    assert not is_conversation("")
