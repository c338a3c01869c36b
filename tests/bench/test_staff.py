import json
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from causerie.bench import marks
from causerie.bench.faults import Faults
from causerie.bench.generator import LoadFailed
from causerie.bench.staff import ALL, Person, Seat, Staff, frame, texts
from causerie.testing.framing import client_frame
from causerie.wire import commands
from causerie.wire.commands import Cursor

KEY = "k" * 32
CONVERSATION = "~abc"


def text(payload: bytes) -> bytes:
    """A server's frame with a text message."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return bytes((0x81, 126)) + size.to_bytes(2) + payload
    return bytes((0x81, 127)) + size.to_bytes(8) + payload


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_messages_are_found_in_frames_of_any_length_among_others(size: int) -> None:
    data = b"\x89\x02hi" + text(b"x" * size) + b"\x8a\0" + text(b"y")
    assert [*texts(data)] == [b"x" * size, b"y"]


@pytest.fixture
def staff() -> Iterator[Staff]:
    staff = Staff(("127.0.0.1", 9), 64)
    yield staff
    staff.close()


class Told:
    """A person whose connection is here at both ends."""

    def __init__(self, staff: Staff, number: int = 0) -> None:
        self.staff = staff
        self.person = Person(number, "ann", KEY, ["tea"])
        self.ours, self.theirs = socket.socketpair()
        self.seat = self.person.seat = Seat(self.person)
        self.seat.socket = self.ours
        self.person.first_words()

    def hear(self, now: int = 1_000, **fields: Any) -> None:
        data = text(json.dumps(fields).encode())
        self.staff._hear(self.seat, data, now, [])
        self.staff.read(0.0)

    def come_in(self, seq: int = 0, **fields: Any) -> None:
        head = {"seq": seq, "id": f"id{seq}" if seq else ""}
        joined = {"room": "tea", "epoch": "e", "head": head, "members": 1, "names": []}
        self.hear(type="joined", id="join", **{**joined, **fields})
        self.hear(type="rooms", id="rooms", rooms=[])

    def entry(self, seq: int, prev: int, now: int = 1_000, **fields: Any) -> None:
        content = marks.content(7, 400, 64).decode()
        entry = {"type": "message", "room": "tea", "seq": seq, "prev": prev, "id": f"id{seq}"}
        said = {"username": "bob", "content": content, "timestamp": 1}
        self.hear(now, **{**entry, **said, **fields})

    def private(self, seq: int, prev: int) -> None:
        parties = {"from": "bob", "to": "ann"}
        self.entry(seq, prev, type="private", room=CONVERSATION, **parties)  # type: ignore[arg-type]

    def sent(self) -> list[dict[str, object]]:
        """What the person has said."""
        self.theirs.settimeout(0.01)
        try:
            data = self.theirs.recv(65_536)
        except TimeoutError:
            return []
        return [json.loads(payload) for payload in sent(data)]

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def sent(data: bytes) -> list[bytes]:
    """What is in frames of a client with masks of zeros."""
    found = []
    while data:
        length, head = data[1] & 0x7F, 2
        if length == 126:
            length, head = int.from_bytes(data[2:4]), 4
        found.append(data[head + 4 : head + 4 + length])
        data = data[head + 4 + length :]
    return found


@pytest.fixture
def told(staff: Staff) -> Iterator[Told]:
    told = Told(staff)
    yield told
    told.close()


def test_who_comes_says_who_one_is_joins_and_asks_for_conversations() -> None:
    person = Person(0, "ann", KEY, ["tea", "water"])
    hello, tea, water, rooms = map(json.loads, sent(person.first_words()))
    assert (hello["type"], hello["key"], "returning" in hello) == ("hello", KEY, False)
    assert [(one["type"], one["room"], one["limit"]) for one in (tea, water)] == [
        ("join", "tea", ALL),
        ("join", "water", ALL),
    ]
    assert rooms["type"] == "rooms"
    assert not person.is_there


def test_who_comes_back_goes_on_from_the_cursor_and_says_again_what_was_not_answered(
    told: Told,
) -> None:
    told.come_in()
    told.entry(1, 0)
    message = commands.SendMessage(id="m", room="tea", content="x")
    told.staff.speak(told.person, message)
    told.person.hang_up()
    hello, join, _, again = map(json.loads, sent(told.person.first_words()))
    assert hello["returning"] is True
    assert join["since"] == {"seq": 1, "id": "id1"}
    assert join["epoch"] == "e"
    assert (again["id"], again["content"]) == ("m", "x")
    assert again["at"] > 0


def test_an_answer_is_waited_for_no_more(told: Told) -> None:
    told.come_in()
    told.staff.speak(told.person, commands.SendMessage(id="m", room="tea", content="x"))
    assert told.sent()[-1]["id"] == "m"
    told.hear(type="ack", id="m", room="tea", seq=3, timestamp=1)
    assert told.person.unanswered == {}
    assert told.staff.ledgers["tea"].head == 3


def test_one_is_there_when_one_is_in_all_rooms_and_knows_all_conversations(told: Told) -> None:
    there = [told.person.is_there]
    told.come_in()
    there.append(told.person.is_there)
    told.person.hang_up()
    there.append(told.person.is_there)
    assert there == [False, True, False]


def test_latencies_count_from_when_it_should_have_been_said(told: Told) -> None:
    told.come_in()
    told.entry(1, 0, now=1_000)
    told.entry(2, 1, now=1_000, replay=True)
    told.staff.retried.add("id3")
    told.entry(3, 2, now=1_000)
    assert list(told.staff.latencies) == [600]
    assert told.staff.heard == 3
    assert not told.staff.faults


def test_of_eight_people_one_measures_latencies(staff: Staff) -> None:
    other = Told(staff, number=1)
    other.come_in()
    other.entry(1, 0)
    other.close()
    assert list(staff.latencies) == []


def test_what_is_missing_is_found_out(told: Told) -> None:
    told.come_in()
    told.entry(3, 2)
    assert told.staff.faults == Faults(lost=1)


def test_a_cursor_that_the_server_does_not_know_is_a_loss(told: Told) -> None:
    told.come_in()
    told.entry(1, 0)
    told.person.join("tea")
    told.come_in(recovered="none")
    assert told.staff.faults == Faults(lost=1)
    told.person.join("tea")
    told.come_in(recovered="complete")
    assert told.staff.faults == Faults(lost=1)


def test_a_room_that_one_has_left_tells_nothing(told: Told) -> None:
    told.come_in()
    (leave,) = map(json.loads, sent(told.person.leave("tea")))
    assert (leave["type"], leave["room"]) == ("leave", "tea")
    told.entry(1, 0)
    assert told.person.chains["tea"].cursor.seq == 1
    told.hear(type="left", id="leave", room="tea")
    assert not told.person.is_following("tea")
    assert len(sent(told.person.first_words())) == 2  # hello, rooms


def test_a_conversation_that_begins_is_followed_from_its_first_entry(told: Told) -> None:
    told.private(1, 0)
    told.private(2, 1)
    assert told.person.chains[CONVERSATION].cursor == Cursor(seq=2, id="id2")
    assert not told.staff.faults


def test_a_conversation_of_before_is_waited_for(told: Told) -> None:
    told.private(2, 1)
    assert not told.staff.faults
    assert told.person.chains[CONVERSATION].cursor.seq == 0


def test_a_conversation_that_one_should_know_of_is_missed(told: Told) -> None:
    told.come_in()
    told.private(2, 1)
    assert told.staff.faults == Faults(lost=1)


def test_conversations_that_others_began_meanwhile_are_joined(told: Told) -> None:
    told.private(4, 3)
    summary = {"epoch": "e", "head": {"seq": 4, "id": "id4"}}
    tea = {"room": "tea", "joined": True, "members": 1, **summary}
    conversation = {"room": CONVERSATION, "peer": "bob", **summary}
    told.hear(type="rooms", id="rooms", rooms=[tea, conversation], more=True)
    join, more = told.sent()
    assert (join["type"], join["room"], join["limit"]) == ("join", CONVERSATION, ALL)
    assert (more["type"], more["after"]) == ("rooms", CONVERSATION)
    assert not told.person.knows_conversations


def test_a_conversation_that_one_hears_or_has_asked_for_is_not_joined_again(told: Told) -> None:
    told.private(1, 0)
    told.person.join("~other")
    summary = {"epoch": "e", "head": {"seq": 1, "id": "id1"}, "peer": "bob"}
    rooms = [{"room": room, **summary} for room in (CONVERSATION, "~other")]
    told.hear(type="rooms", id="rooms", rooms=rooms)
    assert told.sent() == []


@pytest.mark.parametrize(
    ("code", "why"),
    [("name_taken", r"No \(name_taken\)$"), ("rate_limited", r"No .*--rate-limit 0")],
)
def test_a_refusal_ends_the_load(told: Told, code: str, why: str) -> None:
    with pytest.raises(LoadFailed, match=f"refuses what ann does: {why}"):
        told.hear(type="error", code=code, message="No.")


def test_signals_are_no_matter(told: Told) -> None:
    told.hear(type="presence", room="tea", members=2, joined=["bob"], left=[])
    assert told.staff.heard == 0


def test_a_server_that_has_gone_is_told_of(told: Told) -> None:
    told.theirs.close()
    with pytest.raises(LoadFailed, match="ann"):
        told.staff.tell(told.person, frame(commands.Ping()))


def test_who_is_cut_is_away_and_comes_back_with_another_connection(staff: Staff) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        staff.address = listener.getsockname()
        person = Person(0, "ann", KEY, ["tea"])
        person.unanswered["m"] = None  # type: ignore[assignment]
        staff.sit_down(person)
        assert [*staff.members.values()] == [person.seat]
        assert staff.retried == {"m"}
        staff.cut(person)
        assert staff.members == {}
        assert not person.is_there


def test_a_frame_holds_a_command() -> None:
    assert frame(commands.Ping(id="1")) == client_frame(msgspec.json.encode(commands.Ping(id="1")))
