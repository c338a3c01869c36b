"""The codec: a bad frame is answered with what is wrong with it and where, and none breaks it.

What is said of a bad frame is read out of msgspec's own sentences. The tables below hold one of
each kind, so that a version of msgspec that words them otherwise is noticed here.
"""

import json
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.wire.strategies import frames, is_noise

from causerie.wire.codec import (
    command_id,
    decode_command,
    decode_server_frame,
    decode_unknown_entry,
    describe,
    encode,
    error_frame,
    explain,
)
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import AnyCommand, Leave, Ping, SendMessage
from causerie.wire.errors import Refused
from causerie.wire.replies import (
    AnyServerFrame,
    Error,
    HistoryPage,
    Message,
    Private,
    UnknownEntry,
)

DEEP = 100_000
Decode = Callable[[bytes], object]
both = pytest.mark.parametrize("decode", [decode_command, decode_server_frame])


def shown(value: object) -> str:
    """Returns the id of a test with this value: long ones are told by their length."""
    text = repr(value)
    return text if len(text) < 60 else f"{text[:50]}… {len(text)}"


def refusal(decode: Decode, data: bytes | str) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(data.encode() if isinstance(data, str) else data)
    refused = caught.value
    # Whatever it says can be sent, and is no larger than an error should be.
    assert len(encode(error_frame(refused))) < 2_000
    return refused


def told(refused: Refused) -> tuple[str, str | None, str]:
    return (refused.code, refused.field, refused.reason)


def said(content: str) -> str:
    """Returns a message with this JSON as its content."""
    return f'{{"type":"message","id":"m","room":"a","content":{content}}}'


# Not JSON, or not an object.


@both
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "input data was truncated"),
        ("   ", "input data was truncated"),
        ("hello", "invalid character (byte 0)"),
        ("{'type':'message'}", "object keys must be strings (byte 1)"),
        ('\ufeff{"type":"message"}', "invalid character (byte 0)"),
        ("{", "input data was truncated"),
        ('{"type":"mess', "input data was truncated"),
        ('{"type":"message"', "input data was truncated"),
        ('{"type":"message",}', "trailing comma in object (byte 18)"),
        ('{"type" "ping"}', "expected ':' (byte 8)"),
        ('{"x":[1 2],"type":"message"}', "expected ',' or ']' (byte 8)"),
        ('{"x":1 "type":"message"}', "expected ',' or '}' (byte 7)"),
        ('{"x":[1,],"type":"message"}', "trailing comma in array (byte 8)"),
        ('{"x":01,"type":"message"}', "invalid number (byte 6)"),
        ('{"x":-,"type":"message"}', "invalid character (byte 6)"),
        ('{"x":NaN,"type":"message"}', "invalid character (byte 5)"),
        ('{"x":"\n","type":"message"}', "invalid character (byte 6)"),
        ('{"x":"a\0b","type":"message"}', "invalid character (byte 7)"),
        ('{"x":"\\x","type":"message"}', "invalid escaped character (byte 7)"),
        ('{"x":"\\u12G4","type":"message"}', "invalid character in unicode escape (byte 11)"),
        ("[]", "expected object, got array"),
        ("[" * DEEP, "expected object, got array"),
        ('"ping"', "expected object, got string"),
        ("1", "expected object, got integer"),
        ("1.5", "expected object, got number"),
        ("true", "expected object, got boolean"),
        ("null", "expected object, got null"),
    ],
)
def test_what_is_no_json_object_is_refused_as_such(decode: Decode, data: str, reason: str) -> None:
    refused = refusal(decode, data)
    assert told(refused) == ("bad_json", None, reason)
    assert refused.id is None


def test_a_frame_is_one_object_and_nothing_behind_it() -> None:
    refused = refusal(decode_command, '{"type":"ping"} {}')
    assert told(refused) == ("bad_json", None, "trailing characters (byte 17)")
    assert decode_command(b' {"type":"ping"}\r\n\t') == Ping()


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"message","id":"m","room":"a","content":"\xff"}',
        b'{"type":"message","id":"m","room":"a","content":"\xed\xa0\x80"}',
        b'{"type":"\xff"}',
    ],
)
def test_what_is_not_utf8_is_refused_as_such(data: bytes) -> None:
    assert told(refusal(decode_command, data)) == ("bad_json", None, "it is not UTF-8")


def test_text_that_cannot_be_utf8_is_refused_by_a_client_too() -> None:
    with pytest.raises(Refused) as caught:
        decode_server_frame('{"type":"notice","message":"\ud800"}')
    assert told(caught.value) == ("bad_json", None, "it is not UTF-8")


@both
@pytest.mark.parametrize(
    "data",
    [
        '{"x":' * DEEP,
        f'{{"type":"message","x":{"[" * DEEP}',
        f'{{"type":"message","x":{"[" * DEEP}{"]" * DEEP}}}',
        '{"type":"message","x":' + '{"x":' * DEEP + "1" + "}" * DEEP + "}",
    ],
    ids=["objects", "cut off", "in a field that is ignored", "objects in such a field"],
)
def test_what_is_nested_too_deeply_is_refused_as_such(decode: Decode, data: str) -> None:
    assert told(refusal(decode, data)) == ("bad_json", None, "it is nested too deeply")


@pytest.mark.parametrize("opening", ["[", '{"x":'])
def test_depth_behind_a_wrong_value_does_no_harm(opening: str) -> None:
    got = "array" if opening == "[" else "object"
    refused = refusal(decode_command, said(opening * DEEP))
    assert told(refused) == ("invalid", "content", f"expected string, got {got}")
    assert refused.id is None
    refused = refusal(decode_command, f'{{"type":"message","id":{opening * DEEP}')
    assert told(refused) == ("invalid", "id", f"expected string or null, got {got}")


# Types.


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ('{"type":"dance"}', "“dance”"),
        ('{"type":""}', "“”"),
        ('{"type":"ping\\n"}', "“ping\n”"),
        ('{"type":"Ping"}', "“Ping”"),
        ('{"type":"a\' - at `$.content`"}', "“a' - at `$.content`”"),
        ('{"type":"welcome"}', "“welcome”"),
        ('{"room":"a","type":"dance"}', "“dance”"),
        (f'{{"type":"{"x" * 1_000_000}"}}', f"“{'x' * 64}”"),
    ],
    ids=shown,
)
def test_an_unknown_type_is_named(data: str, shown: str) -> None:
    assert told(refusal(decode_command, data)) == ("unknown_type", "type", shown)


def test_a_server_frame_of_a_later_version_is_an_unknown_type_to_a_client() -> None:
    refused = refusal(decode_server_frame, '{"type":"poll","room":"a"}')
    assert told(refused) == ("unknown_type", "type", "“poll”")


@both
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("{}", "it is missing"),
        ('{"room":"a"}', "it is missing"),
        ('{"type":null}', "expected string"),
        ('{"type":1}', "expected string"),
        ('{"type":{}}', "expected string"),
    ],
)
def test_a_frame_needs_a_type(decode: Decode, data: str, reason: str) -> None:
    assert told(refusal(decode, data)) == ("invalid", "type", reason)


def test_a_second_type_that_exists_is_not_called_unknown() -> None:
    data = '{"type":"ping","id":"7","type":"leave","room":"a"}'
    refused = refusal(decode_command, data)
    assert told(refused) == ("invalid", "type", "it is given twice")
    assert refused.id == "7"
    refused = refusal(decode_server_frame, '{"type":"left","type":"pong"}')
    assert told(refused) == ("invalid", "type", "it is given twice")
    assert decode_command(b'{"type":"ping","type":"ping"}') == Ping()


def test_of_any_other_field_that_is_given_twice_the_last_one_counts() -> None:
    data = b'{"type":"leave","room":1,"id":"1","room":"a"}'
    assert told(refusal(decode_command, data)) == (
        "invalid",
        "room",
        "expected string, got integer",
    )
    data = b'{"type":"leave","id":"1","room":"a","room":"b","id":"2"}'
    assert decode_command(data) == Leave(room="b", id="2")


# Fields: one of each sentence that msgspec has for our structs.

JOINED = (
    '{"type":"joined","room":"a","epoch":"e","head":{"seq":0,"id":""},"members":1,"names":[%s]}'
)
LIMITS = '{"frame":1,"reply":1,"content":1,"rooms":1,"rate":%s,"burst":1,"dedupe":%s,"page":1}'
WELCOME = (
    '{"type":"welcome","username":"a","kept":true,"server":"s","time":1,"heartbeat":1,"grace":1,'
    f'"limits":{LIMITS}}}'
)


@pytest.mark.parametrize(
    ("data", "field", "reason"),
    [
        ('{"type":"leave"}', "room", "it is missing"),
        ('{"type":"join","room":"a","since":{"seq":1}}', "since.id", "it is missing"),
        (said("1"), "content", "expected string, got integer"),
        (said("1.5"), "content", "expected string, got number"),
        (said("true"), "content", "expected string, got boolean"),
        (said("null"), "content", "expected string, got null"),
        (said("[]"), "content", "expected string, got array"),
        (said("{}"), "content", "expected string, got object"),
        (said("1e400"), "content", "number out of range"),
        (said("-1e400"), "content", "number out of range"),
        (said(str(10**400)), "content", "number out of range"),
        (
            '{"type":"typing","room":"a","isTyping":1}',
            "isTyping",
            "expected boolean, got integer",
        ),
        (
            '{"type":"typing","room":"a","isTyping":"true"}',
            "isTyping",
            "expected boolean, got string",
        ),
        ('{"type":"ping","id":1}', "id", "expected string or null, got integer"),
        ('{"type":"ping","id":""}', "id", "expected string of length >= 1"),
        (
            f'{{"type":"ping","id":"{"x" * 1_000_000}"}}',
            "id",
            "expected string of length <= 64",
        ),
        (
            '{"type":"hello","username":"a","key":"short"}',
            "key",
            r"expected string matching regex '^[A-Za-z0-9_-]{22,64}(?!\\n)$'",
        ),
        (
            '{"type":"join","room":"a","since":"x"}',
            "since",
            "expected object or null, got string",
        ),
        (
            '{"type":"join","room":"a","since":[1,"x"]}',
            "since",
            "expected object or null, got array",
        ),
        (
            '{"type":"history","room":"a","after":1.5}',
            "after",
            "expected integer or null, got number",
        ),
        (
            '{"type":"history","room":"a","after":1.0}',
            "after",
            "expected integer or null, got number",
        ),
        ('{"type":"history","room":"a","after":-1}', "after", "expected integer >= 0"),
        ('{"type":"history","room":"a","after":1e400}', "after", "number out of range"),
        (
            f'{{"type":"history","room":"a","after":{2**53}}}',
            "after",
            f"expected integer <= {2**53 - 1}",
        ),
        (
            f'{{"type":"history","room":"a","after":{2**64}}}',
            "after",
            f"expected integer <= {2**53 - 1}",
        ),
        (
            f'{{"type":"history","room":"a","after":{10**400}}}',
            "after",
            f"expected integer <= {2**53 - 1}",
        ),
        (
            f'{{"type":"history","room":"a","after":-{10**400}}}',
            "after",
            "expected integer >= 0",
        ),
        (
            f'{{"type":"history","room":"a","after":1{"0" * 5_000}}}',
            "after",
            "integer value out of range",
        ),
        ('{"type":"history","room":"a","limit":null}', "limit", "expected integer, got null"),
        ('{"type":"history","room":"a","limit":"9"}', "limit", "expected integer, got string"),
    ],
    ids=shown,
)
def test_a_bad_field_of_a_command_is_named(data: str, field: str, reason: str) -> None:
    assert told(refusal(decode_command, data)) == ("invalid", field, reason)


@pytest.mark.parametrize(
    ("data", "field", "reason"),
    [
        (JOINED % "1", "names[0]", "expected string, got integer"),
        (JOINED % '"a","b",null', "names[2]", "expected string, got null"),
        (
            JOINED.replace("[%s]", '[],"recovered":"perhaps"'),
            "recovered",
            "invalid enum value 'perhaps'",
        ),
        (
            JOINED.replace("[%s]", '[],"recovered":1'),
            "recovered",
            "expected string or null, got integer",
        ),
        (
            '{"type":"rooms","rooms":[{"room":"a","epoch":"e","head":{"seq":0}}]}',
            "rooms[0].head.id",
            "it is missing",
        ),
        (
            '{"type":"rooms","rooms":[{"room":"a","epoch":"e","head":{"seq":-1,"id":""}}]}',
            "rooms[0].head.seq",
            "expected integer >= 0",
        ),
        ('{"type":"rooms","rooms":{}}', "rooms", "expected array, got object"),
        (WELCOME % ('"x"', "null"), "limits.rate", "expected number, got string"),
        (WELCOME % ("-0.5", "null"), "limits.rate", "expected number >= 0.0"),
        (WELCOME % ("1", "1.5"), "limits.dedupe", "expected integer or null, got number"),
        (WELCOME.replace(LIMITS, "[]"), "limits", "expected object, got array"),
    ],
    ids=shown,
)
def test_a_bad_field_of_a_server_frame_is_named(data: str, field: str, reason: str) -> None:
    assert told(refusal(decode_server_frame, data)) == ("invalid", field, reason)


def test_a_reason_is_short_however_long_the_bad_value_is() -> None:
    value = "x" * 1_000_000
    refused = refusal(decode_server_frame, JOINED.replace("[%s]", f'[],"recovered":"{value}"'))
    assert refused.reason == f"invalid enum value '{value}"[:200]


WRONG: dict[str, object] = {
    "string": "x",
    "integer": 7,
    "number": 0.5,
    "boolean": True,
    "null": None,
    "array": [],
    "object": {},
}


def accepts(kind: msgspec.inspect.Type) -> set[str]:
    """Returns which kinds of JSON value a field may have."""
    match kind:
        case msgspec.inspect.Metadata(type=inner):
            return accepts(inner)
        case msgspec.inspect.UnionType(types=types):
            return set().union(*map(accepts, types))
        case msgspec.inspect.StrType() | msgspec.inspect.LiteralType():
            return {"string"}
        case msgspec.inspect.IntType():
            return {"integer"}
        case msgspec.inspect.FloatType():
            return {"number", "integer"}
        case msgspec.inspect.BoolType():
            return {"boolean"}
        case msgspec.inspect.NoneType():
            return {"null"}
        case msgspec.inspect.ListType():
            return {"array"}
        case msgspec.inspect.StructType():
            return {"object"}
        case unforeseen:
            raise NotImplementedError(unforeseen)


@pytest.mark.parametrize(
    ("struct", "decode"),
    [(command, decode_command) for command in get_args(AnyCommand)]
    + [(frame, decode_server_frame) for frame in get_args(AnyServerFrame)],
)
@settings(max_examples=20)  # each tries every wrong value in every field
@given(data=st.data())
def test_whatever_field_is_wrong_or_missing_it_is_named_and_the_id_is_kept(
    struct: type[msgspec.Struct], decode: Decode, data: st.DataObject
) -> None:
    whole: dict[str, Any] = json.loads(encode(data.draw(frames(struct))))
    if "id" in whole:
        whole["id"] = "7"
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        name = field.encode_name
        id = None if name == "id" else whole.get("id")
        for kind in WRONG.keys() - accepts(field.type):
            refused = refusal(decode, json.dumps({**whole, name: WRONG[kind]}))
            assert (refused.code, refused.field) == (ErrorCode.INVALID, name)
            assert refused.reason.startswith("expected ")
            assert refused.reason.endswith(f", got {kind}")
            assert refused.id == id
        if field.required:
            rest = {key: value for key, value in whole.items() if key != name}
            refused = refusal(decode, json.dumps(rest))
            assert told(refused) == ("invalid", name, "it is missing")
            assert refused.id == id


@both
@pytest.mark.parametrize(
    "value", ["1e400", "-1e400", str(10**400), f"1{'0' * 50_000}", '"x"', "[{}]"], ids=shown
)
def test_a_field_that_is_unknown_is_ignored_whatever_it_holds(decode: Decode, value: str) -> None:
    known = '"type":"ping"' if decode is decode_command else '"type":"pong","time":0'
    ignoring = decode(f'{{"x":{value},{known},"y":{value}}}'.encode())
    assert ignoring == decode(f"{{{known}}}".encode())


# Strings.


@pytest.mark.parametrize(
    ("json_string", "content"),
    [
        ('"\\u0000"', "\0"),
        ('"a\\u0000b"', "a\0b"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\uD83D\\uDE00"', "😀"),
        ('"\\\\ud800"', "\\ud800"),
        ('"\\u2028"', "\u2028"),
        ('""', ""),
        (f'"{"é" * 500_000}"', "é" * 500_000),
    ],
    ids=shown,
)
def test_content_is_read_as_it_is_whatever_characters_it_has(
    json_string: str, content: str
) -> None:
    command = decode_command(said(json_string).encode())
    assert command == SendMessage(id="m", room="a", content=content)
    assert decode_command(encode(command)) == command


LONE = "a lone surrogate (half of a UTF-16 pair) is no character"


@pytest.mark.parametrize(
    "json_string",
    [
        '"\\ud800"',
        '"\\uDC00"',
        '"\\ud800\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud800x"',
        '"\\ud800\\n long enough for a pair"',
        '"\\ud83d\\ude00\\ud83d"',
        '"\\\\\\udfff"',
    ],
)
def test_a_lone_surrogate_is_refused_and_its_field_named(json_string: str) -> None:
    refused = refusal(decode_command, said(json_string))
    assert told(refused) == ("invalid", "content", LONE)
    assert refused.id == "m"


@given(
    frames(*get_args(AnyCommand)),
    st.data(),
    st.characters(categories=["Cs"]),
    st.text(),
    st.text(),
)
def test_no_lone_surrogate_is_let_through_in_any_field(
    command: AnyCommand, data: st.DataObject, half: str, before: str, after: str
) -> None:
    frame = {**json.loads(encode(command)), "unknown": {"nested": [""]}}
    field = data.draw(st.sampled_from(sorted(frame)))
    text = before + half + after
    frame[field] = {"nested": [text]} if isinstance(frame[field], dict) else text
    refused = refusal(decode_command, json.dumps(frame))
    assert refused.code in {ErrorCode.INVALID, ErrorCode.BAD_JSON}
    assert refused.field == field
    assert refused.id == (None if field == "id" else frame.get("id"))


@pytest.mark.parametrize(
    ("data", "field", "id"),
    [
        ('{"type":"ping","id":"\\ud800"}', "id", None),
        ('{"type":"ping","x":"\\ud800","id":"7"}', "x", "7"),
        ('{"type":"ping","x":"\\ud800","id":7}', "x", None),
        ('{"type":"ping","x":"\\ud800","id":"\\udc00"}', "x", None),
        (f'{{"type":"ping","{"x" * 100}":"\\ud800"}}', "x" * 64, None),
        ('{"type":"join","room":"a","since":{"seq":1,"id":"\\ud800"}}', "since", None),
        ('{"type":"join","room":"a","since":{"\\ud800":1}}', "since", None),
        (f'{{"n":{10**400},"m":-{2**64},"i":1e400,"x":["\\ud800"]}}', "x", None),
    ],
)
def test_the_field_of_a_lone_surrogate_is_the_one_of_the_frame(
    data: str, field: str, id: str | None
) -> None:
    refused = refusal(decode_command, data)
    assert told(refused) == ("invalid", field, LONE)
    assert refused.id == id


@pytest.mark.parametrize(
    "data",
    [
        '{"type":"ping","\\ud800":1}',  # no frame could repeat the name of such a field
        '{"type":"ping","\\ud800":"\\ud800"}',
        '{"type":"ping","x":"\\ud800","x":1}',  # the one that was read last is well
        '["\\ud800"',
        '"\\ud800"',
    ],
)
def test_a_lone_surrogate_without_a_field_to_name_is_refused_all_the_same(data: str) -> None:
    refused = refusal(decode_command, data)
    assert (refused.code, refused.field) == (ErrorCode.BAD_JSON, None)


@pytest.mark.parametrize(
    "data",
    [
        '{"x":"\\ud800",}',
        f'{{"x":"\\ud800","y":{"[" * DEEP}{"]" * DEEP}}}',
        f'{{"x":"\\ud800","y":1{"0" * 5_000}}}',
    ],
    ids=["no JSON", "too deep", "a number too long"],
)
def test_a_lone_surrogate_in_what_is_bad_json_anyway_is_bad_json(data: str) -> None:
    assert refusal(decode_command, data).code is ErrorCode.BAD_JSON


def test_a_lone_surrogate_beside_bytes_that_are_not_utf8_is_bad_json() -> None:
    data = b'{"x":"\\ud800","y":"\xff"}'
    assert refusal(decode_command, data).code is ErrorCode.BAD_JSON


def test_a_client_is_told_of_a_lone_surrogate_too() -> None:
    with pytest.raises(Refused) as caught:
        decode_server_frame('{"type":"notice","message":"\\ud800"}')
    assert told(caught.value) == ("invalid", "message", LONE)


def test_a_lone_surrogate_cannot_be_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode(SendMessage(room="a", content="\ud800"))


# Ids.


@pytest.mark.parametrize(
    ("id", "usable"),
    [
        ('"7"', "7"),
        (f'"{"x" * 64}"', "x" * 64),
        ('"\\u0000"', "\0"),
        (f'"{"x" * 65}"', None),
        ('""', None),
        ("7", None),
        ("7.5", None),
        ("true", None),
        ("null", None),
        ("[]", None),
        ('["7"]', None),
        ("{}", None),
        ("1e400", None),
        (str(10**400), None),
        (f"1{'0' * 5_000}", None),
        ("[" * DEEP + "]" * DEEP, None),
        ('"7', None),
    ],
    ids=shown,
)
def test_an_error_has_the_id_of_its_command_only_if_that_is_one(
    id: str, usable: str | None
) -> None:
    for data in (f'{{"type":"dance","id":{id}}}', f'{{"id":{id},"type":"leave"}}'):
        assert refusal(decode_command, data).id == usable
        assert command_id(data) == command_id(data.encode()) == usable


def test_an_id_that_stands_behind_broken_json_is_not_looked_for() -> None:
    assert refusal(decode_command, '{"type":"dance","x":tru,"id":"7"}').id is None


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'"7"', b"{}", b'{"id":"\xff"}', b'{"x":' * DEEP, b'{"id":"\\ud800"}']
)
def test_what_has_no_id_to_read_has_none(data: bytes) -> None:
    assert command_id(data) is None


# Whatever comes.


@both
@given(data=(st.binary() | st.text().map(str.encode)).filter(is_noise))
@example(data=b"\xff")
def test_noise_is_refused(decode: Decode, data: bytes) -> None:
    refusal(decode, data)


ANY_FRAME = frames(*get_args(AnyCommand), *get_args(AnyServerFrame))
CRUMBS = [b"", b'"', b"{", b"}", b"[", b":", b",", b"\\", b"0", b"-", b"null", b"\0", b"\xff"]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Frames in which some bytes were replaced, doubled or left out."""
    whole = encode(draw(ANY_FRAME))
    begin, end = sorted(draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    crumb = draw(st.sampled_from(CRUMBS) | st.binary(max_size=8))
    return whole[:begin] + crumb * draw(st.integers(1, 3)) + whole[end:]


@both
@given(data=mutated())
def test_a_mutated_frame_is_either_read_or_refused(decode: Decode, data: bytes) -> None:
    try:
        frame = decode(data)
    except Refused:
        refusal(decode, data)
    else:
        assert encode(decode(encode(frame))) == encode(frame)


# Entries of a later version.


def test_an_entry_of_an_unknown_type_shows_its_place_in_the_log() -> None:
    data = b'{"type":"reaction","room":"a","seq":9,"prev":7,"id":"r","emoji":"+1","replay":true}'
    expected = UnknownEntry(room="a", seq=9, prev=7, id="r", replay=True)
    assert decode_unknown_entry(data) == decode_unknown_entry(data.decode()) == expected
    assert decode_unknown_entry(b'{"type":"x","room":"a","seq":1,"prev":0}') == UnknownEntry(
        room="a", seq=1, prev=0
    )


@given(frames(Message, Private))
def test_every_entry_shows_its_place(entry: Message | Private) -> None:
    place = decode_unknown_entry(encode(entry))
    assert place is not None
    assert (place.room, place.seq, place.prev) == (entry.room, entry.seq, entry.prev)


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"x","room":"a","seq":9}',
        b'{"type":"x","room":"a","seq":9,"prev":-1}',
        b'{"type":"x","room":"a","seq":"9","prev":7}',
        b"[]",
        b"",
        b'{"room":"\xff"}',
        b'{"x":' * DEEP,
    ],
)
def test_what_has_no_place_in_a_log_is_no_entry(data: bytes) -> None:
    assert decode_unknown_entry(data) is None


def test_the_entries_of_a_page_can_be_read_one_by_one() -> None:
    entry = Message(room="a", seq=1, prev=0, id="m", username="A", content="hi", timestamp=5)
    page = HistoryPage(room="a", epoch="e", entries=[msgspec.Raw(encode(entry))], more=False)
    read = decode_server_frame(encode(page))
    assert isinstance(read, HistoryPage)
    assert [decode_server_frame(bytes(raw)) for raw in read.entries] == [entry]


def test_a_page_may_hold_what_is_no_entry_at_all() -> None:
    data = '{"type":"history","room":"a","epoch":"e","entries":[1,{"x":[]},null],"more":false}'
    read = decode_server_frame(data)
    assert isinstance(read, HistoryPage)
    assert [bytes(raw) for raw in read.entries] == [b"1", b'{"x":[]}', b"null"]
    assert [decode_unknown_entry(bytes(raw)) for raw in read.entries] == [None] * 3


# What a client is told.


def test_an_error_frame_has_all_that_the_refusal_has() -> None:
    refused = Refused(
        ErrorCode.INVALID, field="content", reason="it is empty", retry_after=50, id="7"
    )
    assert error_frame(refused) == Error(
        id="7",
        code="invalid",
        message="“content” is not valid: it is empty.",
        field="content",
        retry_after=50,
    )


@pytest.mark.parametrize(
    ("locale", "message"),
    [
        ("en", "You may not do this."),
        ("en-US", "You may not do this."),
        ("", "You may not do this."),
        ("de", "You may not do this."),
        ("frr", "You may not do this."),  # North Frisian
        ("fr", "Vous n’avez pas le droit de faire cela."),
        ("FR", "Vous n’avez pas le droit de faire cela."),
        ("fr-CA", "Vous n’avez pas le droit de faire cela."),
        ("fr_CA", "Vous n’avez pas le droit de faire cela."),
    ],
)
def test_an_error_speaks_the_language_of_the_hello(locale: str, message: str) -> None:
    assert error_frame(Refused(ErrorCode.FORBIDDEN), locale).message == message


def test_a_description_fills_in_the_field_and_the_reason() -> None:
    refused = Refused(ErrorCode.INVALID, field="to", reason="it is {empty}")
    assert describe(refused) == "“to” is not valid: it is {empty}."
    assert describe(refused, "fr") == "« to » n’est pas valide : it is {empty}."


def test_a_description_marks_what_it_was_not_told() -> None:
    assert describe(Refused(ErrorCode.INVALID)) == "“?” is not valid: ?."


def test_a_type_given_twice_is_told_only_where_the_types_are_known() -> None:
    error = msgspec.ValidationError("Invalid value 'ping' - at `$.type`")
    assert explain(error, b"{}").code is ErrorCode.UNKNOWN_TYPE
    assert explain(error, b"{}", frozenset({"ping"})).code is ErrorCode.INVALID
