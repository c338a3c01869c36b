"""The plain profile: what foreign clients send, and how they count time."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.wire.strategies import is_noise

from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused
from causerie.wire.plain import (
    LATEST_US,
    PLAIN_TYPES,
    YEAR_US,
    PlainCommand,
    PlainMessage,
    PlainPrivate,
    PlainTyping,
    Unit,
    decode_plain,
    from_unit,
    in_unit,
    unit_of,
)

NOW_US = 1_732_300_000_250_000
DEEP = 100_000


def read(**frame: object) -> PlainCommand:
    return decode_plain(json.dumps(frame).encode())


def refusal(data: str | bytes) -> tuple[str, str | None, str]:
    with pytest.raises(Refused) as caught:
        decode_plain(data.encode() if isinstance(data, str) else data)
    return (caught.value.code, caught.value.field, caught.value.reason)


# Commands.


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        (
            {"type": "join", "username": "Alice", "content": "", "timestamp": 0},
            PlainCommand(type="join", username="Alice", timestamp=0),
        ),
        (
            {"type": "join", "username": "Alice", "room": "tea", "since": 1.5},
            PlainCommand(type="join", username="Alice", room="tea", since=1.5),
        ),
        ({"type": "message", "content": "hi"}, PlainCommand(type="message", content="hi")),
        (
            {"type": "message", "content": "", "room": "", "timestamp": 1.25},
            PlainCommand(type="message", content="", room="", timestamp=1.25),
        ),
        (
            {"type": "private", "to": "Bob", "content": "psst"},
            PlainCommand(type="private", to="Bob", content="psst"),
        ),
        (
            {"type": "typing", "isTyping": False},
            PlainCommand(type="typing", is_typing=False),
        ),
        (
            {"type": "typing", "isTyping": True, "room": "tea"},
            PlainCommand(type="typing", is_typing=True, room="tea"),
        ),
        ({"type": "typing.start"}, PlainCommand(type="typing.start", is_typing=True)),
        (
            {"type": "typing.stop", "room": "tea"},
            PlainCommand(type="typing.stop", is_typing=False, room="tea"),
        ),
        ({"type": "leave"}, PlainCommand(type="leave")),
        ({"type": "leave", "room": "tea"}, PlainCommand(type="leave", room="tea")),
    ],
)
def test_a_command_is_read(frame: dict[str, object], command: PlainCommand) -> None:
    assert read(**frame) == command


GOOD: dict[str, dict[str, object]] = {
    "join": {"username": "Alice", "room": "tea", "since": 1},
    "message": {"content": "hi", "room": "tea"},
    "private": {"to": "Bob", "content": "psst"},
    "typing": {"isTyping": True, "room": "tea"},
    "typing.start": {"room": "tea"},
    "typing.stop": {"room": "tea"},
    "leave": {"room": "tea"},
}
"""The fields that count, by type."""

NEEDED = {
    "join": {"username"},
    "message": {"content"},
    "private": {"to", "content"},
    "typing": {"isTyping"},
}

FIELDS = {"username", "content", "to", "room", "isTyping", "since"}


def test_every_type_is_told_above() -> None:
    assert GOOD.keys() == PLAIN_TYPES


@pytest.mark.parametrize("kind", sorted(PLAIN_TYPES))
@pytest.mark.parametrize("junk", [7, "x", [], {}, [[{"x": None}]], 1e300, True])
def test_a_field_that_does_not_count_does_no_harm(kind: str, junk: object) -> None:
    junk_fields = dict.fromkeys([*(FIELDS - GOOD[kind].keys()), "unknown", "id"], junk)
    assert read(**junk_fields, type=kind, **GOOD[kind]) == read(type=kind, **GOOD[kind])


@pytest.mark.parametrize("kind", sorted(PLAIN_TYPES))
def test_a_field_that_counts_is_named_when_it_is_missing_null_or_wrong(kind: str) -> None:
    good = GOOD[kind]
    for name in good:
        rest = {key: value for key, value in good.items() if key != name}
        for frame in (rest, {**rest, name: None}):
            text = json.dumps({"type": kind, **frame})
            if name in NEEDED.get(kind, ()):
                assert refusal(text) == ("invalid", name, "it is missing")
            else:
                assert decode_plain(text.encode()) == read(type=kind, **rest)
        wrong_values: list[object] = [[], {}, "1" if name in {"isTyping", "since"} else 1]
        for wrong in wrong_values:
            code, field, reason = refusal(json.dumps({"type": kind, **good, name: wrong}))
            assert (code, field) == (ErrorCode.INVALID, name)
            assert reason.startswith("it must be ")


@pytest.mark.parametrize(
    ("since", "ok"),
    [
        (0, True),
        (-1.5, True),
        (10**18 - 1, True),
        (10**18, False),
        (-(10**18), False),
        (10**400, False),
        (1e300, False),
        (True, False),
        (False, False),
        ("0", False),
    ],
)
def test_since_is_a_number_within_reason(since: object, ok: bool) -> None:
    text = json.dumps({"type": "join", "username": "A", "since": since})
    if ok:
        assert decode_plain(text.encode()).since == since
    else:
        assert refusal(text) == ("invalid", "since", "it must be a timestamp")


@pytest.mark.parametrize("timestamp", [None, "now", True, [], {}, 10**400, -1e300, 0, 1.5])
def test_a_timestamp_may_be_anything(timestamp: object) -> None:
    assert read(type="leave", timestamp=timestamp).timestamp == timestamp


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", ("bad_json", None, "input data was truncated")),
        ("hi", ("bad_json", None, "invalid character (byte 0)")),
        ("[]", ("bad_json", None, "expected object, got array")),
        ("{}", ("invalid", "type", "it is missing")),
        ('{"type":null}', ("invalid", "type", "expected string, got null")),
        ('{"type":"dance"}', ("unknown_type", "type", "“dance”")),
        ('{"type":"hello"}', ("unknown_type", "type", "“hello”")),
        (f'{{"type":"{"x" * 100_000}"}}', ("unknown_type", "type", f"“{'x' * 64}”")),
        ('{"type":"leave","timestamp":1e400}', ("invalid", "timestamp", "number out of range")),
        ('{"type":"leave","content":1e400}', ("invalid", "content", "number out of range")),
        (
            f'{{"type":"leave","timestamp":1{"0" * 5_000}}}',
            ("invalid", "timestamp", "integer value out of range"),
        ),
        (
            f'{{"type":"message","content":{"[" * DEEP}{"]" * DEEP}}}',
            ("bad_json", None, "it is nested too deeply"),
        ),
        (
            f'{{"type":"leave","x":{"[" * DEEP}{"]" * DEEP}}}',
            ("bad_json", None, "it is nested too deeply"),
        ),
        (
            '{"type":"message","content":"\\ud800"}',
            ("invalid", "content", "a lone surrogate (half of a UTF-16 pair) is no character"),
        ),
        (b'{"type":"message","content":"\xff"}', ("bad_json", None, "it is not UTF-8")),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_bad_frame_is_refused_with_the_reason(
    data: str | bytes, told: tuple[str, str | None, str]
) -> None:
    assert refusal(data) == told


def test_of_a_field_that_is_given_twice_the_last_one_counts() -> None:
    data = b'{"type":"leave","type":"message","content":1,"content":"hi"}'
    assert decode_plain(data) == PlainCommand(type="message", content="hi")


def test_content_is_read_as_it_is_whatever_characters_it_has() -> None:
    content = "\0\u202e😀" + "é" * 500_000
    assert read(type="message", content=content).content == content


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from(sorted(PLAIN_TYPES)),
    st.dictionaries(st.sampled_from(sorted(FIELDS | {"timestamp", "x"})), json_values),
)
def test_whatever_a_client_sends_is_read_right_or_refused(
    kind: str, fields: dict[str, Any]
) -> None:
    try:
        command = decode_plain(json.dumps({"type": kind, **fields}).encode())
    except Refused:
        return
    assert command.type == kind
    for name in ("username", "content", "to"):
        assert isinstance(getattr(command, name), str) == (name in NEEDED.get(kind, ()))
    assert command.room is None or isinstance(command.room, str)
    assert isinstance(command.is_typing, bool) == kind.startswith("typing")
    assert command.since is None or isinstance(from_unit(command.since, Unit.SECONDS), int)


@given(st.binary().filter(is_noise))
def test_noise_is_refused(data: bytes) -> None:
    assert refusal(data)[0] in {ErrorCode.BAD_JSON, ErrorCode.INVALID, ErrorCode.UNKNOWN_TYPE}


# What a plain client is sent.


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (
            PlainMessage(
                username="Alice", content="hi", timestamp=1_732_300_000_250, room="lobby", id="m"
            ),
            (
                '{"type":"message","username":"Alice","content":"hi","timestamp":1732300000250,'
                '"room":"lobby","id":"m"}'
            ),
        ),
        (
            PlainMessage(username="System", content="Welcome!", timestamp=0),
            '{"type":"message","username":"System","content":"Welcome!","timestamp":0}',
        ),
        (
            PlainPrivate(
                username="Alice",
                content="psst",
                timestamp=1_732_300_000.25,
                sender="Alice",
                to="Bob",
                id="m",
            ),
            (
                '{"type":"private","username":"Alice","content":"psst","timestamp":1732300000.25,'
                '"from":"Alice","to":"Bob","id":"m"}'
            ),
        ),
        (
            PlainTyping(
                type="typing",
                username="Alice",
                content="",
                timestamp=0,
                room="lobby",
                is_typing=False,
            ),
            (
                '{"type":"typing","username":"Alice","content":"","timestamp":0,"room":"lobby",'
                '"isTyping":false}'
            ),
        ),
        (
            PlainTyping(type="typing.stop", username="Alice", content="", timestamp=0),
            '{"type":"typing.stop","username":"Alice","content":"","timestamp":0}',
        ),
    ],
)
def test_a_frame_for_a_plain_client_on_the_wire(
    frame: PlainMessage | PlainPrivate | PlainTyping, text: str
) -> None:
    assert encode(frame).decode() == text


# Units of time.


@pytest.mark.parametrize(
    ("timestamp", "unit"),
    [
        (NOW_US / 1_000_000, Unit.SECONDS),
        (NOW_US // 1_000_000, Unit.SECONDS),
        (NOW_US / 1_000, Unit.MILLISECONDS),
        (NOW_US // 1_000, Unit.MILLISECONDS),
        ((NOW_US + YEAR_US) / 1_000_000, Unit.SECONDS),
        ((NOW_US + YEAR_US) / 1_000_000 + 1, None),
        ((NOW_US - YEAR_US) / 1_000_000, Unit.SECONDS),
        ((NOW_US - YEAR_US) / 1_000_000 - 1, None),
        ((NOW_US + YEAR_US) // 1_000, Unit.MILLISECONDS),
        ((NOW_US + YEAR_US) // 1_000 + 1, None),
        ((NOW_US - YEAR_US) // 1_000, Unit.MILLISECONDS),
        ((NOW_US - YEAR_US) // 1_000 - 1, None),
        (NOW_US, None),
        (0, None),
        (123_456, None),
        (-NOW_US // 1_000, None),
        (10**400, None),
        (-1e300, None),
        (True, None),
        (False, None),
        (None, None),
        (str(NOW_US // 1_000), None),
        ([], None),
    ],
)
def test_a_timestamp_teaches_the_unit_in_which_it_is_within_a_year_of_now(
    timestamp: object, unit: Unit | None
) -> None:
    assert unit_of(timestamp, NOW_US) is unit


@given(st.integers(NOW_US - YEAR_US, NOW_US + YEAR_US), st.sampled_from(Unit))
def test_any_time_near_now_teaches_its_own_unit(time_us: int, unit: Unit) -> None:
    assert unit_of(in_unit(time_us, unit), NOW_US) is unit


@pytest.mark.parametrize(
    ("time_us", "unit", "expected"),
    [
        (NOW_US, Unit.SECONDS, "1732300000.25"),
        (NOW_US, Unit.MILLISECONDS, "1732300000250"),
        (NOW_US + 125, Unit.MILLISECONDS, "1732300000250.125"),
        (NOW_US + 1, Unit.SECONDS, "1732300000.250001"),
        (1_732_300_000_000_000, Unit.SECONDS, "1732300000.0"),
        (0, Unit.MILLISECONDS, "0"),
    ],
)
def test_a_time_is_told_whole_in_milliseconds_and_with_a_fraction_in_seconds(
    time_us: int, unit: Unit, expected: str
) -> None:
    assert encode(in_unit(time_us, unit)).decode() == expected


@given(st.integers(0, 4_102_444_800_000_000), st.sampled_from(Unit))
@example(4_102_444_799_999_999, Unit.SECONDS)
@example(2_147_483_648_000_001, Unit.SECONDS)
def test_a_time_up_to_2100_comes_back_to_the_microsecond(time_us: int, unit: Unit) -> None:
    assert from_unit(json.loads(encode(in_unit(time_us, unit))), unit) == time_us


@given(st.integers(0, 4_102_444_800_000_000), st.sampled_from(Unit))
def test_a_later_time_is_a_greater_number(time_us: int, unit: Unit) -> None:
    assert in_unit(time_us, unit) < in_unit(time_us + 1, unit)


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [(-1, 0), (-0.5, 0), (-(10**17), 0), (10**17, LATEST_US), (1e17, LATEST_US), (0, 0)],
)
def test_a_time_beyond_any_log_is_clamped(unit: Unit, timestamp: float, expected: int) -> None:
    assert from_unit(timestamp, unit) == expected


@given(st.integers(1 - 10**18, 10**18 - 1) | st.floats(-1e17, 1e17), st.sampled_from(Unit))
def test_a_time_that_is_read_is_one_that_a_log_may_have(timestamp: float, unit: Unit) -> None:
    assert 0 <= from_unit(timestamp, unit) <= LATEST_US


def test_what_decode_plain_refuses_is_no_time() -> None:
    with pytest.raises(AssertionError, match="decode_plain refuses"):
        from_unit("0", Unit.SECONDS)
