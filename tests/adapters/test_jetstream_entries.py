import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.adapters.jetstream_entries import (
    decode_entry,
    encode_entry,
    timestamp_of,
)
from causerie.chat.entry import Draft, placed
from causerie.testing.contracts import draft

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
DRAFTS = st.builds(
    Draft,
    room=TEXTS,
    identity=TEXTS,
    id=TEXTS,
    kind=st.sampled_from(["message", "private"]),
    username=TEXTS,
    content=TEXTS,
    to=TEXTS,
    peer=TEXTS,
    reply_to=TEXTS,
)


@given(DRAFTS, st.integers(0, 2**60))
def test_what_is_stored_of_a_draft_is_read_as_its_entry(draft: Draft, timestamp: int) -> None:
    payload = encode_entry(draft, timestamp)
    entry = placed(draft, seq=7, prev=3, timestamp=timestamp)
    assert decode_entry(payload, room=draft.room, seq=7, prev=3) == entry
    assert timestamp_of(payload) == timestamp
    for field in Draft.__struct_fields__:
        if field != "first_tried":
            assert getattr(entry, field) == getattr(draft, field)


def test_what_is_no_text_cannot_be_stored() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_entry(draft("1", content="\ud800"), 0)


def test_what_is_no_entry_is_not_read_as_one() -> None:
    for payload in (b"", b"1", b"{}", b'{"identity":"a"}'):
        with pytest.raises(msgspec.DecodeError):
            decode_entry(payload, room="room", seq=1, prev=0)
        assert timestamp_of(payload) == 0
