"""Entries: which draft is an entry that was sent again."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.chat.entry import Draft, Entry, EntryKind, repeats

DRAFT = Draft(
    room="lobby",
    identity="k:alice",
    id="m1",
    kind="message",
    username="Alice",
    content="hello",
    reply_to="m0",
)


def stored(draft: Draft, *, seq: int = 1) -> Entry:
    """Returns the entry that a log makes of a draft."""
    return Entry(
        room=draft.room,
        seq=seq,
        prev=seq - 1,
        identity=draft.identity,
        id=draft.id,
        kind=draft.kind,
        username=draft.username,
        content=draft.content,
        timestamp=1_800_000_000_000_000,
        to=draft.to,
        peer=draft.peer,
        reply_to=draft.reply_to,
    )


def test_what_is_sent_again_is_the_same_message() -> None:
    assert repeats(DRAFT, stored(DRAFT))


@pytest.mark.parametrize(
    "change",
    [{"username": "Alicia"}, {"to": "Robert"}, {"first_tried": 1_800_000_000_000_000}],
    ids=lambda change: next(iter(change)),
)
def test_names_and_the_note_of_a_retry_may_differ(change: dict[str, object]) -> None:
    again = msgspec.structs.replace(DRAFT, **change)
    assert repeats(again, stored(DRAFT, seq=7))


@pytest.mark.parametrize(
    "change",
    [{"room": "kitchen"}, {"kind": "private"}, {"content": "hello!"}, {"reply_to": ""}],
    ids=lambda change: next(iter(change)),
)
def test_another_room_kind_content_or_answer_is_another_message(change: dict[str, object]) -> None:
    other = msgspec.structs.replace(DRAFT, **change)
    assert not repeats(other, stored(DRAFT))
    assert not repeats(DRAFT, stored(other))


few_texts = st.sampled_from(["", "a", "b"])
kinds: st.SearchStrategy[EntryKind] = st.sampled_from(["message", "private"])
drafts = st.builds(
    Draft,
    room=few_texts,
    identity=few_texts,
    id=few_texts,
    kind=kinds,
    username=few_texts,
    content=few_texts,
    reply_to=few_texts,
)


@given(drafts, drafts)
def test_of_two_drafts_either_repeats_the_other_or_neither_does(one: Draft, other: Draft) -> None:
    assert repeats(one, stored(one))
    assert repeats(one, stored(other)) == repeats(other, stored(one))
