import json

import pytest
from bench.rivals.socketio import SocketIO
from bench.rivals.stacks import rivals, running
from tests.bench.test_dialects import payloads
from tests.bench.tiny_chat import frame

from causerie.bench import fanout
from causerie.bench.fanout import Fanout
from causerie.bench.marks import SPOKEN
from causerie.bench.target import Target

DIALECT = SocketIO()


def test_the_namespace_is_waited_for_to_the_end_of_its_packet() -> None:
    opened, connected = frame(b'0{"sid":"a","upgrades":[]}'), frame(b'40{"sid":"b"}')
    assert not DIALECT.is_hailed(b"")
    assert not DIALECT.is_hailed(opened)
    assert not DIALECT.is_hailed(opened + connected[:-1])
    assert DIALECT.is_hailed(opened + connected)


def test_commands_are_events_with_the_object_as_the_argument() -> None:
    (join,) = payloads(DIALECT.enter("m1", "r"))
    (said,) = payloads(DIALECT.say(7, 1234, b"r", 3, 100))
    assert json.loads(join.removeprefix(b"42")) == [
        "join",
        {"type": "join", "username": "m1", "room": "r"},
    ]
    event, message = json.loads(said.removeprefix(b"42"))
    assert (event, message["type"], message["room"]) == ("message", "message", "r")
    assert len(message["content"]) == 100
    assert SPOKEN.findall(said) == [(b"7", b"1234")]
    assert said.count(DIALECT.answer(7)) == 1
    assert DIALECT.answer(8) not in said


@pytest.mark.real
@pytest.mark.slow
def test_a_load_can_be_put_on_the_rival() -> None:
    (rival,) = (rival for rival in rivals() if rival.dialect == "socketio")
    if rival.missing:
        pytest.skip(rival.missing)
    load = Fanout(members=20, senders=4, in_flight=8, seconds=0.4)
    with running(rival) as (process, port):
        target = Target(rival.name, ("127.0.0.1", port), process.pid)
        result = fanout.run(load, target, DIALECT, room="r", processes=2)
    assert result.figures["deliveries_per_second"] > 500
    assert result.figures["cpu_us_per_delivery"] > 0
