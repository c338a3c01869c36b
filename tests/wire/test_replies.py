"""Frames of the server: what each one says on the wire, and what a reader may rely on."""

import json
import re
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from tests.wire.strategies import frames

from causerie.wire.codec import decode_server_frame, encode
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import Cursor
from causerie.wire.replies import (
    Ack,
    AnyPush,
    AnyReply,
    AnyServerFrame,
    Error,
    HistoryPage,
    Joined,
    Left,
    Limits,
    MembersPage,
    Message,
    Notice,
    Pong,
    Presence,
    Private,
    RoomsPage,
    RoomSummary,
    Traced,
    TracedFrame,
    Tracing,
    Typing,
    UnknownEntry,
    Welcome,
)

HEAD = Cursor(seq=0, id="")
LIMITS = Limits(
    frame=65_536, reply=262_144, content=4_000, rooms=100, rate=2.5, burst=0, dedupe=None, page=100
)
FRAMES: list[tuple[AnyServerFrame, str]] = [
    (
        Welcome(
            id="1",
            username="Alice",
            kept=False,
            server="causerie/0.1.0",
            time=5,
            heartbeat=25_000,
            grace=0,
            limits=LIMITS,
        ),
        (
            '{"type":"welcome","username":"Alice","kept":false,"server":"causerie/0.1.0","time":5,'
            '"heartbeat":25000,"grace":0,"limits":{"frame":65536,"reply":262144,"content":4000,'
            '"rooms":100,"rate":2.5,"burst":0,"dedupe":null,"page":100},"id":"1"}'
        ),
    ),
    (
        Joined(room="lobby", epoch="k3v9", head=HEAD, members=0, names=[]),
        (
            '{"type":"joined","room":"lobby","epoch":"k3v9","head":{"seq":0,"id":""},"members":0,'
            '"names":[]}'
        ),
    ),
    (
        Joined(
            id="2",
            room="lobby",
            epoch="k3v9",
            head=Cursor(seq=9, id="x"),
            members=1,
            names=["Alice"],
            recovered="partial",
            missing=3,
        ),
        (
            '{"type":"joined","room":"lobby","epoch":"k3v9","head":{"seq":9,"id":"x"},"members":1,'
            '"names":["Alice"],"recovered":"partial","missing":3,"id":"2"}'
        ),
    ),
    (Left(room="lobby"), '{"type":"left","room":"lobby"}'),
    (
        Ack(id="m", room="lobby", seq=1, timestamp=5),
        '{"type":"ack","room":"lobby","seq":1,"timestamp":5,"id":"m"}',
    ),
    (
        MembersPage(room="lobby", members=0, names=[]),
        '{"type":"members","room":"lobby","members":0,"names":[]}',
    ),
    (
        MembersPage(room="lobby", members=2, names=["Alice"], more=True),
        '{"type":"members","room":"lobby","members":2,"names":["Alice"],"more":true}',
    ),
    (
        RoomsPage(
            rooms=[
                RoomSummary(room="lobby", epoch="e", head=HEAD, joined=True, members=2),
                RoomSummary(room="~a", epoch="e", head=HEAD, peer="Bob"),
            ],
            more=True,
        ),
        (
            '{"type":"rooms","rooms":[{"room":"lobby","epoch":"e","head":{"seq":0,"id":""},'
            '"joined":true,"members":2},{"room":"~a","epoch":"e","head":{"seq":0,"id":""},'
            '"peer":"Bob"}],"more":true}'
        ),
    ),
    (
        HistoryPage(room="lobby", epoch="e", entries=[msgspec.Raw(b'{"a":1}')], more=False),
        '{"type":"history","room":"lobby","epoch":"e","entries":[{"a":1}],"more":false}',
    ),
    (Tracing(on=False, id="7"), '{"type":"tracing","on":false,"id":"7"}'),
    (Pong(id="7", time=5), '{"type":"pong","time":5,"id":"7"}'),
    (
        Error(code=ErrorCode.RATE_LIMITED, message="Wait.", retry_after=50),
        '{"type":"error","code":"rate_limited","message":"Wait.","retryAfter":50}',
    ),
    (
        Error(id="8", code="of_a_later_server", message="No.", field="to"),
        '{"type":"error","code":"of_a_later_server","message":"No.","field":"to","id":"8"}',
    ),
    (
        Message(room="lobby", seq=2, prev=0, id="m", username="Alice", content="hi", timestamp=5),
        (
            '{"type":"message","room":"lobby","seq":2,"prev":0,"id":"m","username":"Alice",'
            '"content":"hi","timestamp":5}'
        ),
    ),
    (
        Private(
            room="~a",
            seq=2,
            prev=1,
            id="m",
            username="Alice",
            sender="Alice",
            to="Bob",
            content="hi",
            timestamp=5,
            reply_to="k",
            replay=True,
        ),
        (
            '{"type":"private","room":"~a","seq":2,"prev":1,"id":"m","username":"Alice",'
            '"from":"Alice","to":"Bob","content":"hi","timestamp":5,"replyTo":"k","replay":true}'
        ),
    ),
    (
        Typing(room="lobby", username="Bob", is_typing=False),
        '{"type":"typing","room":"lobby","username":"Bob","isTyping":false}',
    ),
    (
        Presence(room="lobby", members=0),
        '{"type":"presence","room":"lobby","members":0,"joined":[],"left":[],"snapshot":false}',
    ),
    (
        Presence(room="lobby", members=1, joined=["Alice"], left=["Bob"], snapshot=True),
        (
            '{"type":"presence","room":"lobby","members":1,"joined":["Alice"],"left":["Bob"],'
            '"snapshot":true}'
        ),
    ),
    (Notice(message="Soon."), '{"type":"notice","message":"Soon."}'),
    (
        Traced(
            frames=[
                TracedFrame(
                    sender="client",
                    time=5,
                    fin=True,
                    opcode=8,
                    length=2,
                    size=8,
                    masking_key="37fa213d",
                    payload="03e8",
                )
            ]
        ),
        (
            '{"type":"traced","frames":[{"sender":"client","time":5,"fin":true,"opcode":8,'
            '"length":2,"size":8,"maskingKey":"37fa213d","payload":"03e8"}]}'
        ),
    ),
    (
        Traced(
            frames=[
                TracedFrame(
                    sender="client", time=5, fin=False, opcode=1, length=0, size=6, message=7
                ),
                TracedFrame(sender="server", time=6, fin=True, opcode=9, length=0, size=2),
            ],
            missed=3,
        ),
        (
            '{"type":"traced","frames":[{"sender":"client","time":5,"fin":false,"opcode":1,'
            '"length":0,"size":6,"message":7},{"sender":"server","time":6,"fin":true,"opcode":9,'
            '"length":0,"size":2}],"missed":3}'
        ),
    ),
]


@pytest.mark.parametrize(("frame", "text"), FRAMES)
def test_a_frame_of_the_server_on_the_wire(frame: AnyServerFrame, text: str) -> None:
    assert encode(frame).decode() == text
    assert encode(decode_server_frame(text)).decode() == text


def test_every_frame_of_the_server_is_shown_above() -> None:
    assert {type(frame) for frame, _ in FRAMES} == {*get_args(AnyReply), *get_args(AnyPush)}
    assert get_args(AnyServerFrame) == get_args(AnyReply) + get_args(AnyPush)


@given(frames(*get_args(AnyServerFrame)))
def test_a_frame_of_the_server_is_read_as_it_was_written(frame: AnyServerFrame) -> None:
    read = decode_server_frame(encode(frame))
    # Raw entries compare by what they are encoded as.
    assert type(read) is type(frame)
    assert encode(read) == encode(frame)


@given(frames(*get_args(AnyServerFrame)))
def test_a_frame_of_the_server_leaves_out_what_is_null(frame: AnyServerFrame) -> None:
    text = json.loads(encode(frame))
    assert None not in text.values()
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]+)*", name) for name in text)


@given(frames(Message, Private))
def test_an_entry_of_any_type_has_what_the_chain_is_made_of(entry: Message | Private) -> None:
    read = msgspec.json.decode(encode(entry), type=UnknownEntry)
    assert (read.room, read.seq, read.prev) == (entry.room, entry.seq, entry.prev)
    assert (read.id, read.replay) == (entry.id, entry.replay)


@pytest.mark.parametrize("frame", get_args(AnyServerFrame))
def test_only_entries_look_like_entries(frame: type[msgspec.Struct]) -> None:
    fields = set(frame.__struct_fields__)
    assert (frame in {Message, Private}) == ({"room", "seq", "prev"} <= fields)


@pytest.mark.parametrize("frame", get_args(AnyServerFrame))
def test_a_number_of_the_server_is_one_that_javascript_keeps(frame: type[msgspec.Struct]) -> None:
    for field in _integers(msgspec.inspect.type_info(frame)):
        assert field.ge == 0
        assert field.le is not None
        assert field.le <= 2**53 - 1


def _integers(kind: msgspec.inspect.Type) -> list[msgspec.inspect.IntType]:
    match kind:
        case msgspec.inspect.IntType():
            return [kind]
        case msgspec.inspect.StructType(fields=fields):
            return [found for field in fields for found in _integers(field.type)]
        case msgspec.inspect.UnionType(types=types):
            return [found for one in types for found in _integers(one)]
        case msgspec.inspect.ListType(item_type=inner) | msgspec.inspect.Metadata(type=inner):
            return _integers(inner)
        case _:
            return []
