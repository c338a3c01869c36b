"""Commands: what each one says on the wire, and which values its fields may have."""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from tests.wire.strategies import frames

from causerie.wire.codec import decode_command, encode
from causerie.wire.commands import (
    MAX_SAFE_INTEGER,
    AnyCommand,
    Cursor,
    GetHistory,
    Hello,
    Join,
    Leave,
    Members,
    Ping,
    Rooms,
    SendMessage,
    SendPrivate,
    SetTyping,
    Trace,
)
from causerie.wire.errors import Refused

COMMANDS = get_args(AnyCommand)
KEY = "jX9mPq2vR7sT4wYzA1bC3g"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (Hello(username="Alice"), '{"type":"hello","username":"Alice"}'),
        (
            Hello(id="1", username="Alice", key=KEY, locale="fr-CA"),
            f'{{"type":"hello","username":"Alice","key":"{KEY}","locale":"fr-CA","id":"1"}}',
        ),
        (Hello(username="A", token="t"), '{"type":"hello","username":"A","token":"t"}'),
        (Join(room="lobby"), '{"type":"join","room":"lobby"}'),
        (
            Join(room="lobby", since=Cursor(seq=0, id=""), epoch="k3v9", limit=0),
            '{"type":"join","room":"lobby","since":{"seq":0,"id":""},"epoch":"k3v9","limit":0}',
        ),
        (Members(room="lobby"), '{"type":"members","room":"lobby"}'),
        (
            Members(room="lobby", after="bob", limit=1),
            '{"type":"members","room":"lobby","after":"bob","limit":1}',
        ),
        (Rooms(), '{"type":"rooms"}'),
        (Rooms(after="~a", limit=99), '{"type":"rooms","after":"~a","limit":99}'),
        (
            SendMessage(id="m", room="lobby", content="hi", reply_to="k", at=1),
            '{"type":"message","room":"lobby","content":"hi","replyTo":"k","at":1,"id":"m"}',
        ),
        (
            SendPrivate(to="Bob", content="psst"),
            '{"type":"private","to":"Bob","content":"psst"}',
        ),
        (
            SetTyping(room="lobby", is_typing=False),
            '{"type":"typing","room":"lobby","isTyping":false}',
        ),
        (
            GetHistory(room="lobby", before=7, limit=10),
            '{"type":"history","room":"lobby","before":7,"limit":10}',
        ),
        (GetHistory(room="lobby", after=0), '{"type":"history","room":"lobby","after":0}'),
        (Leave(room="lobby"), '{"type":"leave","room":"lobby"}'),
        (Ping(id="7"), '{"type":"ping","id":"7"}'),
        (Trace(on=True), '{"type":"trace","on":true}'),
    ],
)
def test_a_command_on_the_wire(command: AnyCommand, text: str) -> None:
    assert encode(command).decode() == text
    assert decode_command(text.encode()) == command


@given(frames(*COMMANDS))
def test_a_command_is_read_as_it_was_written(command: AnyCommand) -> None:
    assert decode_command(encode(command)) == command


@given(frames(*COMMANDS))
def test_a_command_leaves_out_what_it_has_nothing_to_say_about(command: AnyCommand) -> None:
    assert None not in json.loads(encode(command)).values()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_may_have_an_id(command: type[msgspec.Struct]) -> None:
    id_type = {field.name: field for field in msgspec.structs.fields(command)}["id"]
    assert not id_type.required


def test_null_is_the_same_as_left_out() -> None:
    read = decode_command(b'{"type":"join","room":"a","since":null,"epoch":null,"id":null}')
    assert read == Join(room="a")


def test_a_page_has_a_size_unless_one_is_asked_for() -> None:
    assert Members(room="a").limit == 100
    assert Rooms().limit == 100
    assert GetHistory(room="a").limit == 50


ALLOWED = [
    {"type": "ping", "id": "x"},
    {"type": "ping", "id": "x" * 64},
    {"type": "ping", "id": "😀" * 64},  # 64 code points, though twice as many UTF-16 units
    {"type": "hello", "username": "A", "key": "a" * 22},
    {"type": "hello", "username": "A", "key": "Z9_-" * 16},
    {"type": "hello", "username": "A", "locale": "x" * 35},
    {"type": "join", "room": "a", "since": {"seq": 0, "id": ""}},
    {"type": "join", "room": "a", "since": {"seq": MAX_SAFE_INTEGER, "id": "x" * 64}},
    {"type": "join", "room": "a", "epoch": "x" * 64},
    {"type": "join", "room": "a", "limit": 0},
    {"type": "join", "room": "a", "limit": 10_000},
    {"type": "members", "room": "a", "limit": 1},
    {"type": "members", "room": "a", "limit": 100},
    {"type": "history", "room": "a", "before": MAX_SAFE_INTEGER, "limit": 100},
    {"type": "message", "room": "a", "content": "", "at": MAX_SAFE_INTEGER},
    {"type": "message", "room": "a", "content": "", "replyTo": "x" * 64},
]


@pytest.mark.parametrize("frame", ALLOWED)
def test_a_value_at_the_edge_is_allowed(frame: dict[str, object]) -> None:
    decode_command(json.dumps(frame).encode())


FORBIDDEN = [
    ("on", {"type": "trace"}),
    ("on", {"type": "trace", "on": 1}),
    ("id", {"type": "ping", "id": ""}),
    ("id", {"type": "ping", "id": "x" * 65}),
    ("id", {"type": "ping", "id": "😀" * 65}),
    ("key", {"type": "hello", "username": "A", "key": "a" * 21}),
    ("key", {"type": "hello", "username": "A", "key": "a" * 65}),
    ("key", {"type": "hello", "username": "A", "key": "a" * 21 + "é"}),
    ("key", {"type": "hello", "username": "A", "key": "a" * 22 + "\n"}),
    ("key", {"type": "hello", "username": "A", "key": "\n" + "a" * 22}),
    ("locale", {"type": "hello", "username": "A", "locale": "x" * 36}),
    ("locale", {"type": "hello", "username": "A", "locale": None}),
    ("since.seq", {"type": "join", "room": "a", "since": {"seq": -1, "id": ""}}),
    ("since.seq", {"type": "join", "room": "a", "since": {"seq": 2**53, "id": ""}}),
    ("since.id", {"type": "join", "room": "a", "since": {"seq": 0, "id": "x" * 65}}),
    ("epoch", {"type": "join", "room": "a", "epoch": "x" * 65}),
    ("limit", {"type": "join", "room": "a", "limit": -1}),
    ("limit", {"type": "join", "room": "a", "limit": 10_001}),
    ("limit", {"type": "members", "room": "a", "limit": 0}),
    ("limit", {"type": "members", "room": "a", "limit": 101}),
    ("limit", {"type": "rooms", "limit": 101}),
    ("limit", {"type": "history", "room": "a", "limit": 0}),
    ("limit", {"type": "history", "room": "a", "limit": 101}),
    ("before", {"type": "history", "room": "a", "before": 2**53}),
    ("after", {"type": "history", "room": "a", "after": -1}),
    ("at", {"type": "message", "room": "a", "content": "", "at": -1}),
    ("at", {"type": "message", "room": "a", "content": "", "at": 2**53}),
    ("replyTo", {"type": "private", "to": "a", "content": "", "replyTo": ""}),
    ("replyTo", {"type": "message", "room": "a", "content": "", "replyTo": "x" * 65}),
]


@pytest.mark.parametrize(("field", "frame"), FORBIDDEN)
def test_a_value_beyond_the_edge_is_refused_by_its_field(
    field: str, frame: dict[str, object]
) -> None:
    with pytest.raises(Refused) as caught:
        decode_command(json.dumps(frame).encode())
    assert caught.value.field == field
