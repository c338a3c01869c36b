import json

import msgspec
import pytest
from tests.server.support import Plain as PlainClient

from causerie.bench import dialects
from causerie.bench.dialects import DIALECTS, UNLIMITED, Cursor, Dialect
from causerie.bench.marks import CALL, MARK, SPOKEN
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer
from causerie.wire.codec import decode_command, encode
from causerie.wire.commands import Cursor as WireCursor
from causerie.wire.commands import Hello, Join
from causerie.wire.replies import Ack, Error, Joined

V1, PLAIN = dialects.V1(), DIALECTS["plain"]


def payloads(sent: bytes) -> list[bytes]:
    """What a client's frames carry; their masks are zeros."""
    found: list[bytes] = []
    while sent:
        size, head = sent[1] & 0x7F, 2
        if size == 126:
            size, head = int.from_bytes(sent[2:4]), 4
        found.append(sent[head + 4 : head + 4 + size])
        sent = sent[head + 4 + size :]
    return found


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_what_one_says_carries_its_numbers_in_a_frame(dialect: Dialect) -> None:
    (said,) = payloads(dialect.say(7, 1234, b"r", 3, 500))
    assert SPOKEN.findall(said) == [(b"7", b"1234")]
    assert len(json.loads(said)["content"]) == 500
    assert said.count(MARK) == 1


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_a_call_carries_another_mark(dialect: Dialect) -> None:
    (said,) = payloads(dialect.say(7, 1234, b"r", 3, 100, mark=CALL))
    assert (said.count(CALL), said.count(MARK)) == (1, 0)


def test_v1_asks_for_its_subprotocol_and_plain_for_none() -> None:
    assert b"Sec-WebSocket-Protocol: causerie.v1\r\n" in V1.upgrade()
    assert b"Sec-WebSocket-Protocol" not in PLAIN.upgrade()


def test_v1_says_hello_and_joins_and_is_told_so() -> None:
    hello, join = map(decode_command, payloads(V1.enter("m1", "r")))
    assert (type(hello), type(join)) == (Hello, Join)
    assert not V1.has_entered(b'{"type":"welcome"')
    assert V1.has_entered(b'{"type":"welcome"}\x81\x7e{"type":"joined","room":"r"')


def test_v1_is_answered_by_an_ack_for_each_of_its_messages() -> None:
    ack = encode(Ack(id="7-1", room="r", seq=1, timestamp=2))
    assert V1.answer(7) in ack
    first, second = (json.loads(*payloads(V1.say(7, 0, b"r", count, 64))) for count in (1, 2))
    assert first["id"] != second["id"]


def test_v1_knows_what_is_refused_by_its_error() -> None:
    error = Error(id="7-1", code="not_joined", message='You are not in "r".')
    assert V1.refusal(b"\x81\x10{}" + encode(error)) == 'You are not in \\"r\\" (not_joined)'
    limit = Error(id="7-1", code="rate_limited", message="Too many.", retry_after=50)
    assert V1.refusal(encode(limit)) == f"Too many (rate_limited); {dialects.UNLIMITED}"
    assert V1.refusal(encode(Ack(id="7-1", room="r", seq=1, timestamp=2))) is None


def test_v1_brings_a_key_for_each_name_where_it_has_keys() -> None:
    keyed = dialects.V1(has_keys=True)
    words = (
        keyed.enter("m1", "r"),
        keyed.enter("m2", "r"),
        keyed.resume("m1", "r", Cursor("e", 1, "i")),
    )
    hellos = [decode_command(payloads(sent)[0]) for sent in words]
    keys = [hello.key for hello in hellos if isinstance(hello, Hello)]
    assert keys[0] == keys[2] != keys[1]
    assert keys[0] is not None
    assert V1.enter("m1", "r") != words[0]


def test_v1_resumes_where_it_was_told_that_it_is() -> None:
    place, head = WireCursor(seq=7, id="m-7"), Cursor("e", 7, "m-7")
    joined = Joined(id="1", room="r", epoch="e", head=place, members=1, names=["Zoë"])
    assert V1.joined(b"\x81\x02{}\x81\x7e\0\x99" + encode(joined) + b"\x81\x02{}") == (head, None)
    hello, join = map(decode_command, payloads(V1.resume("m1", "r", head)))
    assert type(hello) is Hello
    assert join == Join(room="r", since=place, epoch="e")
    again = encode(msgspec.structs.replace(joined, recovered="complete"))
    assert V1.joined(again) == (head, "complete")
    assert V1.joined(b'{"type":"welcome"}') is None


def test_plain_joins_and_is_there_when_it_is_greeted() -> None:
    (join,) = map(json.loads, payloads(PLAIN.enter("m1", "r")))
    assert join == {"type": "join", "username": "m1", "room": "r"}
    assert not PLAIN.has_entered(b"")
    assert PLAIN.has_entered(b'{"type":"message","username":"System"}')


def test_plain_is_answered_by_its_own_message() -> None:
    (said,) = payloads(PLAIN.say(7, 1234, b"r", 3, 100))
    assert said.count(PLAIN.answer(7)) == 1
    assert PLAIN.answer(8) not in said


def test_plain_knows_that_it_is_too_fast_and_no_other_refusal_from_what_else_system_says() -> None:
    server = MemoryServer(settings=HubSettings(rate=1.0))
    client = PlainClient(server)
    for _ in range(5):
        client.send("message", content="hello")
    server.run()
    said = b"".join(client.socket.take())
    assert PLAIN.refusal(said) == f"Too many commands. Wait a moment (rate_limited); {UNLIMITED}"
    assert PLAIN.refusal(b'{"type":"error"}') is None
