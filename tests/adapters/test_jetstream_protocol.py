import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.adapters.jetstream_protocol import (
    Headers,
    Unfit,
    decode_headers,
    decode_status,
    encode_message,
    encode_subscribe,
    encode_unsubscribe,
    find_header,
)

PLENTY = 1_000_000


def message(
    subject: str = "a.b", payload: bytes = b"", reply: str = "", headers: Headers | None = None
) -> bytes:
    return encode_message(subject, payload, reply, headers, PLENTY)


def test_a_message_is_a_line_with_its_size_and_its_content() -> None:
    assert message() == b"PUB a.b 0\r\n\r\n"
    assert message(payload=b"\r\n\xff") == b"PUB a.b 3\r\n\r\n\xff\r\n"
    assert message(reply="c", payload="é".encode()) == b"PUB a.b c 2\r\n\xc3\xa9\r\n"
    assert message("é") == b"PUB \xc3\xa9 0\r\n\r\n"


def test_headers_stand_before_the_content_and_are_counted_in_bytes() -> None:
    assert message(headers={}) == message()
    head = b"NATS/1.0\r\nOne: 1\r\nTwo: \xc3\xa9t\xc3\xa9\r\n\r\n"
    assert len(head) == 32
    headers = {"One": "1", "Two": "été"}
    assert message(payload=b"xyz", headers=headers) == b"HPUB a.b 32 35\r\n" + head + b"xyz\r\n"
    assert message(reply="c", headers=headers) == b"HPUB a.b c 32 32\r\n" + head + b"\r\n"


WORDS = ["a b", " a", "a ", "a\tb", "a\r\nPUB b 0", "a\nb", "a\rb", "a\0", "a\x7f", "\ud800"]


@pytest.mark.parametrize("word", ["", *WORDS])
@pytest.mark.parametrize("reply", ["", "c"])
def test_nothing_is_sent_to_what_is_not_one_word(word: str, reply: str) -> None:
    with pytest.raises(Unfit):
        message(word, reply=reply)


@pytest.mark.parametrize("word", WORDS)
def test_nothing_is_answered_to_what_is_not_one_word(word: str) -> None:
    with pytest.raises(Unfit):
        message(reply=word)


@pytest.mark.parametrize(
    "text", ["1\r\nTwo: 2", "\r\n", "1\r", "1\n", "1\r\n\r\ncontent", "\ud800"]
)
def test_a_header_hides_no_other(text: str) -> None:
    for headers in ({"One": text}, {text: "1"}, {"One": "1", "Two": text}):
        with pytest.raises(Unfit):
            message(headers=headers)


def test_a_message_has_no_more_bytes_than_are_taken_headers_included() -> None:
    headers = {"One": "1"}  # 20 bytes with what is around
    assert encode_message("a", b"x" * 30, "", None, 30)
    assert encode_message("a", b"x" * 10, "", headers, 30)
    for size, more in ((31, None), (11, headers)):
        with pytest.raises(Unfit, match="31 bytes"):
            encode_message("a", b"x" * size, "", more, 30)


@pytest.mark.parametrize("subject", ["a", "a.b", "*", "a.*.b", "a.>", ">", "$JS.é"])
def test_a_subject_can_be_heard_with_stars_and_what_is_below_it(subject: str) -> None:
    assert encode_subscribe(subject, 12) == b"SUB " + subject.encode() + b" 12\r\n"


@pytest.mark.parametrize("subject", ["", *WORDS, "a..b", ".a", "a.", "a*.b", "a.>.b", "a>"])
def test_what_is_no_subject_cannot_be_heard(subject: str) -> None:
    with pytest.raises(Unfit):
        encode_subscribe(subject, 1)


def test_what_was_asked_for_is_ended_by_its_number() -> None:
    assert encode_unsubscribe(12) == b"UNSUB 12\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"NATS/1.0 404 No Results\r\n\r\n", "404"),
        (b"NATS/1.0 503\r\n\r\n", "503"),
        (b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\n\r\n", "204"),
        (b"NATS/1.0\r\nStatus: 503\r\n\r\n", ""),
        (b"NATS/1.0 OK\r\n\r\n", ""),
        (b"NATS/1.0 \xb2\xb2\xb2\r\n\r\n", ""),
        (b"NATS/1.0", ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)
def test_a_status_is_the_three_digits_in_the_first_line(head: bytes, status: str) -> None:
    assert decode_status(head) == status


def test_headers_are_read_however_they_are_written() -> None:
    head = (
        b"NATS/1.0 204 EOB\r\nOne: 1\r\nTight:1\r\nWide: \t a:b: c \r\nEmpty:\r\nno header\r\n"
        b": nameless\r\nOdd: \xff\xc3\r\n\xff: odd\r\nTwice: 1\r\nTwice: 2\r\n\r\n"
    )
    assert decode_headers(head) == {
        "One": "1",
        "Tight": "1",
        "Wide": "a:b: c",
        "Empty": "",
        "": "nameless",
        "Odd": "\ufffd\ufffd",
        "\ufffd": "odd",
        "Twice": "2",
    }
    assert decode_headers(b"") == {}


PARTS = [b"One:", b"Two: ", b"\r\n", b"\r", b"\n", b" ", b"1", b"2", b"\xff"]
LINES = [
    b"One: 1",
    b"One:2",
    b"One",
    b" One: 3",
    b"One : 4",
    b"Two: One: 5",
    b": 6",
    b"\xff: 7",
    b"",
]
HEADS = st.lists(st.sampled_from(PARTS)).map(b"".join) | st.lists(st.sampled_from(LINES)).map(
    lambda lines: b"\r\n".join([b"NATS/1.0", *lines])
)


@given(HEADS)
def test_one_header_is_found_as_among_all(head: bytes) -> None:
    for name in ("One", "Two"):
        assert find_header(head, name) == decode_headers(head).get(name, "")
