"""Entries: which draft is an entry that was sent again."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.chat.entry import Draft, Entry, EntryKind, placed, repeats

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
    return placed(draft, seq=seq, prev=seq - 1, timestamp=1_800_000_000_000_000)


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


def test_an_entry_says_what_its_draft_did_and_where_it_stands() -> None:
    draft = msgspec.structs.replace(DRAFT, kind="private", to="Bob", peer="k:bob", first_tried=5)
    entry = placed(draft, seq=7, prev=3, timestamp=9)
    assert (entry.seq, entry.prev, entry.timestamp) == (7, 3, 9)
    for field in Draft.__struct_fields__:
        if field != "first_tried":
            assert getattr(entry, field) == getattr(draft, field)
