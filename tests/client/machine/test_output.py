from causerie.client.machine.events import LatencyMeasured, Renamed
from causerie.client.machine.output import Output
from causerie.wire.commands import Ping


def test_events_and_frames_come_out_once_and_in_order() -> None:
    out = Output()
    out.tell(LatencyMeasured(rtt_ms=1))
    out.write(Ping(id="a"))
    out.tell(Renamed(username="Bob"))
    out.write_encoded(b"{}")
    assert out.take_events() == [LatencyMeasured(rtt_ms=1), Renamed(username="Bob")]
    assert out.take_frames() == [b'{"type":"ping","id":"a"}', b"{}"]
    assert out.take_events() == []
    assert out.take_frames() == []


def test_what_was_to_go_to_a_lost_connection_is_dropped_but_its_events_are_not() -> None:
    out = Output()
    out.tell(LatencyMeasured(rtt_ms=1))
    out.write(Ping())
    out.cut()
    assert out.take_frames() == []
    assert out.take_events() == [LatencyMeasured(rtt_ms=1)]
