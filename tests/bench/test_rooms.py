import pytest

from causerie.bench import rooms
from causerie.bench.dialects import DIALECTS, V1
from causerie.bench.generator import LoadFailed, Member
from causerie.bench.result import FIGURES, Result
from causerie.bench.rooms import Answers, Rooms, Speaker
from causerie.bench.target import OwnServer

SMALL = Rooms(rooms=5, members=3, seconds=1.0)


def measured(
    load: Rooms, server: OwnServer, name: str, profile: str = "v1", processes: int = 1
) -> Result:
    return rooms.run(load, server, DIALECTS[profile], room=name, processes=processes)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("profile", ["v1", "plain"])
def test_one_message_is_in_flight_in_each_room(
    server: OwnServer, alone: None, profile: str
) -> None:
    result = measured(SMALL, server, f"closed-{profile}", profile)
    figures = result.figures
    assert figures.keys() <= FIGURES.keys()
    assert figures["connections"] == 15
    assert figures["acks_per_second"] > 5
    assert figures["deliveries_per_second"] == pytest.approx(3 * figures["acks_per_second"])
    assert figures["cpu_us_per_ack"] > 0
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]


@pytest.mark.slow
@pytest.mark.real
def test_a_pace_is_kept_and_each_message_is_answered(server: OwnServer, alone: None) -> None:
    result = measured(Rooms(rooms=5, members=2, seconds=0.5, rate=200), server, "paced")
    assert len(result.latencies) == 100
    assert result.figures["acks_per_second"] <= 205
    assert "200 messages/s" in result.load


@pytest.mark.slow
@pytest.mark.real
def test_processes_share_the_rooms(server: OwnServer) -> None:
    result = measured(Rooms(rooms=4, seconds=0.2), server, "shared", processes=2)
    assert result.figures["connections"] == 8
    assert result.figures["deliveries_per_second"] == pytest.approx(
        2 * result.figures["acks_per_second"]
    )


@pytest.mark.slow
@pytest.mark.real
def test_a_pace_at_which_nothing_is_said_is_told_of(server: OwnServer, alone: None) -> None:
    with pytest.raises(LoadFailed, match="nothing was said"):
        measured(Rooms(rooms=1, rate=1, seconds=0.1), server, "silent")


def speaker(generator: Answers) -> Speaker:
    member = Speaker(7, "m7", "tea")
    member.answer = generator.dialect.answer(7)
    return member


def test_latencies_count_from_the_intended_times_in_order() -> None:
    generator = Answers(("127.0.0.1", 9), V1(), 64)
    member = speaker(generator)
    member.waiting.extend([100, 250])
    generator.unanswered = 2
    answered: list[Member] = []
    generator._hear(member, b'{"type":"ack","id":"7-1"}{"type":"ack","id":"7-2"}', 300, answered)
    assert list(generator.latencies) == [200, 50]
    assert answered == [member, member]
    assert generator.unanswered == 0
    generator.close()


def test_an_entry_is_counted_and_answers_nothing() -> None:
    generator = Answers(("127.0.0.1", 9), V1(), 64)
    member = speaker(generator)
    member.waiting.append(100)
    answered: list[Member] = []
    generator._hear(member, b'{"type":"message","content":"' + b"~" * 32 + b'"}', 300, answered)
    assert (member.entries, answered, list(generator.latencies)) == (1, [], [])
    generator.close()


def test_a_refusal_ends_the_load_at_once() -> None:
    generator = Answers(("127.0.0.1", 9), V1(), 64)
    refusal = b'{"type":"error","id":"7-1","code":"rate_limited","message":"Too many."}'
    with pytest.raises(LoadFailed, match=r"refuses what m7 says: .*--rate-limit 0"):
        generator._hear(speaker(generator), refusal, 300, [])
    generator.close()
