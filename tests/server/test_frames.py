"""Entries as bytes: made once, read by both sides' own codecs."""

import json
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.test_deflate import shown

from causerie.chat.entry import Entry
from causerie.server.frames import INFLATED, UNITS, FramedEntry, Variant, payload
from causerie.wire.codec import decode_server_frame
from causerie.wire.framing import frame_text
from causerie.wire.replies import Message, Private

SAID = Entry(
    room="lobby",
    seq=7,
    prev=5,
    identity="k:secret",
    id="m1",
    kind="message",
    username="Alice",
    content="h\u00e9 \u2028 <b>",
    timestamp=1_800_000_000_123_456,
    reply_to="m0",
)
WHISPERED = msgspec.structs.replace(
    SAID, kind="private", room="~abc", to="Bob", peer="k:other secret", reply_to=""
)


def test_a_message_in_v1() -> None:
    assert decode_server_frame(payload(SAID, Variant.V1)) == Message(
        room="lobby",
        seq=7,
        prev=5,
        id="m1",
        username="Alice",
        content="h\u00e9 \u2028 <b>",
        timestamp=1_800_000_000_123,
        reply_to="m0",
    )


def test_a_private_message_in_v1() -> None:
    assert decode_server_frame(payload(WHISPERED, Variant.V1)) == Private(
        room="~abc",
        seq=7,
        prev=5,
        id="m1",
        username="Alice",
        sender="Alice",
        to="Bob",
        content="h\u00e9 \u2028 <b>",
        timestamp=1_800_000_000_123,
    )


@dataclass
class Shown:
    """An entry for plain clients, in both units."""

    entry: Entry
    fields: dict[str, object]


PLAIN = [
    Shown(SAID, {"type": "message", "room": "lobby"}),
    Shown(WHISPERED, {"type": "private", "from": "Alice", "to": "Bob"}),
]


@pytest.mark.parametrize("shown", PLAIN, ids=lambda shown: str(shown.fields["type"]))
@pytest.mark.parametrize(
    ("variant", "timestamp"),
    [
        (Variant.PLAIN_MILLISECONDS, 1_800_000_000_123.456),
        (Variant.PLAIN_SECONDS, 1_800_000_000.123456),
    ],
)
def test_an_entry_in_plain_has_what_its_clients_show(
    shown: Shown, variant: Variant, timestamp: float
) -> None:
    assert json.loads(payload(shown.entry, variant)) == {
        "username": "Alice",
        "content": "h\u00e9 \u2028 <b>",
        "timestamp": timestamp,
        "id": "m1",
        **shown.fields,
    }


@pytest.mark.parametrize("entry", [SAID, WHISPERED])
@pytest.mark.parametrize("variant", Variant)
def test_nobody_is_sent_an_identity(entry: Entry, variant: Variant) -> None:
    assert b"secret" not in payload(entry, variant)
    assert b"secret" not in FramedEntry(entry).frame(variant, replay=True)


@pytest.mark.parametrize("variant", Variant)
def test_a_frame_is_made_once(variant: Variant) -> None:
    framed = FramedEntry(SAID)
    assert framed.seq == 7
    assert framed.frame(variant) == frame_text(payload(SAID, variant))
    assert framed.frame(variant) is framed.frame(variant)
    assert framed.frame(variant, replay=True) is framed.frame(variant, replay=True)


@pytest.mark.parametrize("entry", [SAID, WHISPERED])
def test_a_replay_is_marked_in_v1_and_is_the_same_in_plain(entry: Entry) -> None:
    framed = FramedEntry(entry)
    replayed = json.loads(framed.frame(Variant.V1, replay=True)[4:])
    assert replayed == json.loads(payload(entry, Variant.V1)) | {"replay": True}
    for variant in UNITS:
        assert framed.frame(variant, replay=True) is framed.frame(variant)


# Compressed.

LONG = msgspec.structs.replace(SAID, content="Once upon a time there was a room. " * 20)


@pytest.mark.parametrize("entry", [SAID, LONG, WHISPERED])
@pytest.mark.parametrize("variant", INFLATED)
@pytest.mark.parametrize("replay", [False, True])
def test_what_is_compressed_inflates_to_what_the_others_get(
    entry: Entry, variant: Variant, replay: bool
) -> None:
    framed = FramedEntry(entry)
    plain = framed.frame(INFLATED[variant], replay=replay)
    frame = framed.frame(variant, replay=replay)
    assert shown(frame) == plain[4 if plain[1] == 126 else 2 :]
    assert framed.frame(variant, replay=replay) is frame, "it is made once"
    assert (len(frame) < len(plain)) == (entry is LONG)


def test_what_is_short_is_the_same_bytes_for_all() -> None:
    framed = FramedEntry(SAID)
    for variant, plain in INFLATED.items():
        assert framed.frame(variant) is framed.frame(plain)


@given(st.text(min_size=400, max_size=4000))
def test_whatever_was_said_is_shown_alike_to_all(content: str) -> None:
    framed = FramedEntry(msgspec.structs.replace(SAID, content=content))
    for variant, plain in INFLATED.items():
        assert shown(framed.frame(variant)) == shown(framed.frame(plain))
