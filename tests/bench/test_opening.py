import socket
import time
from typing import Any

import pytest
from tests.bench.alone import AlonePost
from tests.bench.tiny_chat import TinyChat, text

from causerie.bench import opening
from causerie.bench.dialects import DIALECTS
from causerie.bench.generator import Generator, Member, ServerFailed
from causerie.bench.marks import MARK
from causerie.bench.opening import call_the_roll, open_members
from causerie.bench.target import OwnServer, Target

ALONE = AlonePost(Target("nobody looks at it", ("127.0.0.1", 1), None), {})


def members(count: int) -> list[Member]:
    return [Member(number, f"o{number}", "open", is_scanned=number < 2) for number in range(count)]


def generator(address: tuple[str, int], dialect: str = "v1") -> Generator:
    return Generator(address, DIALECTS[dialect], 100)


def tell_nobody(share: float) -> None:
    assert 0 <= share <= 1


def test_all_are_in_their_room_in_the_end(chat: TinyChat) -> None:
    opened = generator(chat.address)
    open_members(opened, members(70), tell_nobody)
    assert len(opened.joins) == len(opened.entered) == len(chat.members) == 70
    opened.close()


def test_no_more_are_opened_at_a_time_than_was_said(
    chat: TinyChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = generator(chat.address)
    on_their_way: list[int] = []
    connect = opened.connect

    def count(member: Member, intended: int) -> None:
        connect(member, intended)
        on_their_way.append(len(opened.members) - len(opened.joins))

    monkeypatch.setattr(opened, "connect", count)
    open_members(opened, members(20), tell_nobody, at_once=3)
    assert max(on_their_way) == 3
    opened.close()


def test_at_a_steady_pace_latency_counts_from_when_each_was_to_begin(chat: TinyChat) -> None:
    opened = generator(chat.address)
    begun = time.monotonic_ns()
    everybody = members(5)
    open_members(opened, everybody, tell_nobody, rate=50)
    assert [round((member.intended - begun) / 20e6) for member in everybody] == [0, 1, 2, 3, 4]
    assert time.monotonic_ns() - begun > 80e6
    opened.close()


@pytest.mark.real
@pytest.mark.parametrize("dialect", DIALECTS)
def test_in_the_roll_all_hear_what_is_said_and_it_is_not_counted(
    server: OwnServer, dialect: str
) -> None:
    opened, everybody = generator(server.address, dialect), members(20)
    open_members(opened, everybody, tell_nobody)
    call_the_roll(opened, everybody, ALONE, everybody[0])
    assert opened.deliveries == 0
    assert opened.mark is MARK
    opened.say(everybody[1], time.monotonic_ns())
    opened.settle(20)
    assert [member.entries for member in everybody] == [1] * 20
    assert len(opened.latencies) == 2
    opened.close()


def test_the_roll_goes_on_until_the_last_has_come_in_and_late_calls_are_not_counted(
    chat: TinyChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CALLED_AGAIN", 0.1)

    def answer(connection: socket.socket, command: dict[str, Any]) -> None:
        # Greets at once, as plain servers do, and lets the second hear the third call at first.
        if command["type"] == "join":
            chat.members.append(connection)
            connection.sendall(text(type="message", content="Welcome!"))
            return
        said.append(text(**command))
        chat.members[0].sendall(said[-1])
        if len(said) == 3:
            chat.members[1].sendall(said[2])
        elif len(said) == 4:
            chat.members[1].sendall(said[0] + said[1] + said[3])

    said: list[bytes] = []
    chat.answer = answer
    opened, everybody = generator(chat.address, "plain"), members(2)
    for one in everybody:
        open_members(opened, [one], tell_nobody)
    call_the_roll(opened, everybody, ALONE, everybody[0])
    assert len(said) == 3
    opened.say(everybody[0], time.monotonic_ns())
    opened.settle(2)
    assert [member.entries for member in everybody] == [1, 1]
    opened.close()


def test_the_roll_ends_when_all_calls_are_answered(
    chat: TinyChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CALLED_AGAIN", 0.1)

    def answer(connection: socket.socket, command: dict[str, Any]) -> None:
        if command["type"] != "message":
            chat.answer_rightly(connection, command)
            return
        said.append(command)
        for member in chat.members:
            member.sendall(text(**command))
        if len(said) == 3:
            connection.sendall(b"".join(text(type="ack", id=one["id"]) for one in said))

    said: list[dict[str, Any]] = []
    chat.answer = answer
    opened, everybody = generator(chat.address), members(2)
    open_members(opened, everybody, tell_nobody)
    call_the_roll(opened, everybody, ALONE, everybody[0])
    assert len(said) == 3
    opened.close()


def test_who_never_hears_anything_is_said(chat: TinyChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "CALLED_AGAIN", 0.01)
    monkeypatch.setattr(opening, "CALLS", 3)
    opened, everybody = generator(chat.address), members(3)
    open_members(opened, everybody, tell_nobody)
    del chat.members[1:]
    with pytest.raises(ServerFailed, match=r"^2 of 3 members hear nothing of what is said"):
        call_the_roll(opened, everybody, ALONE, *everybody[:1])
    opened.close()
