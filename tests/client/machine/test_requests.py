import msgspec
import pytest
from tests.client.frames import LIMITS, message, summary, welcome
from tests.client.machine.rig import Rig, connected, hi, in_lobby

from causerie.client.errors import (
    CommandRefused,
    IdReused,
    InDoubt,
    InvalidCommand,
    NameRefused,
    NotJoined,
    OutboxFull,
)
from causerie.client.machine.events import (
    Acked,
    Answered,
    Failed,
    History,
    Receipt,
    Renamed,
    SendFailed,
    Unknown,
)
from causerie.client.machine.states import Closed, Connected
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import (
    GetHistory,
    Hello,
    Join,
    Leave,
    Members,
    Rooms,
    SendMessage,
    SendPrivate,
)
from causerie.wire.replies import (
    Ack,
    HistoryPage,
    Left,
    MembersPage,
    RoomsPage,
)

# Saying.


def test_a_message_is_acked_once() -> None:
    rig = in_lobby(3)
    id = rig.send(hi(reply_to="m3"))
    assert rig.one_frame("message") == {
        "type": "message",
        "id": id,
        "room": "lobby",
        "content": "hi",
        "replyTo": "m3",
    }
    assert rig.machine.waiting == 1
    ack = Ack(id=id, room="lobby", seq=4, timestamp=99)
    rig.receive(ack, ack)
    assert rig.events() == [Acked(receipt=Receipt(id=id, room="lobby", seq=4, timestamp=99))]
    assert rig.machine.waiting == 0


def test_an_ack_that_nobody_waits_for_is_nothing() -> None:
    rig = connected()
    rig.receive(Ack(id="x", room="lobby", seq=4, timestamp=99))
    rig.receive(Ack(room="lobby", seq=4, timestamp=99))
    assert rig.events() == []


def test_an_application_may_choose_the_id() -> None:
    rig = in_lobby(3)
    assert rig.send(hi(id="mine")) == "mine"
    assert rig.one_frame("message")["id"] == "mine"


def test_what_was_not_acked_is_sent_again_in_order_with_its_first_time_after_the_join() -> None:
    rig = in_lobby(3)
    rig.now = 2.5
    first = rig.send(hi())
    rig.now = 4.0
    second = rig.send(hi())
    rig.frames()
    rig.cut()
    assert rig.frames("message") == [], "the room is not joined yet"
    rig.machine.disconnected(rig.now, 1006)
    third = rig.send(hi())
    rig.advance(1.0)
    rig.connect()
    rig.answer_join(head=3)
    assert [(frame["id"], frame.get("at")) for frame in rig.frames("message")] == [
        (first, 1_002_500),
        (second, 1_004_000),
        (third, None),
    ]


def test_what_the_server_cannot_take_now_is_sent_again_later() -> None:
    rig = in_lobby(3)
    id = rig.send(hi())
    for code, fields, delay in (
        (ErrorCode.RATE_LIMITED, {"retry_after": 500}, 0.5),
        (ErrorCode.UNAVAILABLE, {}, 1.0),
        (ErrorCode.NAME_TAKEN, {"retry_after": 200}, 0.2),
        ("a_newer_code", {"retry_after": 100}, 0.1),
    ):
        assert rig.one_frame("message")["id"] == id
        rig.refuse(id, code, **fields)
        rig.advance(delay - 0.01)
        assert rig.frames("message") == []
        rig.advance(0.01)
    assert rig.events() == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (ErrorCode.ID_REUSED, IdReused),
        (ErrorCode.NOT_JOINED, NotJoined),
        (ErrorCode.NAME_TAKEN, NameRefused),
        ("a_newer_code", CommandRefused),
    ],
)
def test_what_the_server_does_not_take_fails_with_its_reason(
    code: str, error: type[CommandRefused]
) -> None:
    rig = in_lobby(3)
    id = rig.send(hi())
    rig.refuse(id, code, field="room")
    [failed] = rig.events()
    assert isinstance(failed, SendFailed)
    assert (failed.id, failed.command.content) == (id, "hi")
    assert type(failed.error) is error
    assert isinstance(failed.error, CommandRefused)
    assert (failed.error.code, failed.error.field) == (code, "room")
    assert str(failed.error) == f"said {code}"
    rig.cut()
    rig.answer_join(head=3)
    assert rig.frames("message") == []


def test_what_was_under_way_when_the_connection_was_lost_is_in_doubt_until_it_is_acked() -> None:
    rig = in_lobby(3)
    id = rig.send(hi())
    rig.frames()
    rig.cut()
    rig.answer_join(head=3)
    rig.refuse(id, ErrorCode.NOT_JOINED)
    [failed] = [event for event in rig.events() if isinstance(event, SendFailed)]
    assert isinstance(failed.error, InDoubt)
    assert isinstance(failed.error.why, NotJoined)
    assert str(failed.error).endswith("said not_joined")


def test_what_is_said_privately_goes_to_a_person() -> None:
    rig = connected()
    id = rig.send(SendPrivate(to="Bob", content="psst"))
    frame = rig.one_frame("private")
    assert frame == {"type": "private", "id": id, "to": "Bob", "content": "psst"}
    rig.refuse(id, ErrorCode.RECIPIENT_UNKNOWN)
    [failed] = rig.events()
    assert isinstance(failed, SendFailed)


def test_messages_wait_for_their_own_room_only() -> None:
    rig = connected()
    rig.send(Join(room="lobby"))
    rig.send(hi("lobby"))
    rig.send(hi("garden"))
    assert [frame["room"] for frame in rig.frames("message")] == ["garden"]


def test_the_servers_rate_is_kept() -> None:
    rig = Rig()
    rig.connect(limits=msgspec.structs.replace(LIMITS, rate=10, burst=20))
    for _ in range(100):
        rig.send(hi())
    sent = len(rig.frames())
    assert 10 < sent < 20
    while (deadline := rig.machine.deadline()) is not None and rig.now < 5.0:
        rig.now = deadline
        rig.machine.tick(rig.now)
        sent += len(rig.frames("message"))
        assert sent <= 20 + 10 * rig.now
    assert sent > 50


def test_a_full_outbox_takes_nothing_more() -> None:
    rig = Rig(outbox=2)
    rig.send(hi())
    rig.send(hi())
    with pytest.raises(OutboxFull):
        rig.send(hi())
    rig.connect()
    assert len(rig.frames("message", "rooms")) == 3, "the machine's own question has its place"


def test_what_is_larger_than_the_server_allows_never_goes_out() -> None:
    rig = Rig()
    rig.send(SendMessage(id="big", room="garden", content="x" * 70_000))
    rig.send(hi("garden"))
    rig.connect()
    assert len(rig.frames("message")) == 1
    [failed] = [event for event in rig.events() if isinstance(event, SendFailed)]
    assert failed.id == "big"
    assert isinstance(failed.error, InvalidCommand)
    assert rig.machine.waiting == 2, "the other message, and the list of rooms"


def test_what_was_never_sent_can_be_withdrawn_and_what_was_cannot() -> None:
    rig = in_lobby(3)
    sent = rig.send(hi())
    rig.machine.disconnected(rig.now, 1006)
    waiting = rig.send(hi())
    asked = rig.send(GetHistory(room="lobby"))
    assert rig.machine.withdraw(waiting)
    assert rig.machine.withdraw(asked)
    assert not rig.machine.withdraw(sent)
    assert not rig.machine.withdraw("x")
    assert rig.machine.waiting == 1


def test_a_question_that_was_sent_is_asked_no_more_once_it_is_withdrawn() -> None:
    rig = connected()
    asked = rig.send(GetHistory(room="lobby"))
    assert not rig.machine.withdraw(asked)
    rig.frames()
    rig.cut()
    assert rig.frames("history") == []


# Asking.


def test_questions_are_answered() -> None:
    rig = connected()
    members = rig.send(Members(room="lobby"))
    rooms = rig.send(Rooms())
    page = MembersPage(id=members, room="lobby", members=1, names=["Alice"])
    listing = RoomsPage(id=rooms, rooms=[summary("~bob", 9, peer="Bob")])
    rig.receive(page, listing)
    assert rig.events() == [
        Answered(id=members, reply=page),
        Answered(id=rooms, reply=listing),
    ]
    assert rig.frames("join") == [], "it was the application that asked"


def test_a_page_of_history_is_read_entry_by_entry() -> None:
    rig = connected()
    id = rig.send(GetHistory(room="lobby", before=9, limit=20))
    frame = rig.one_frame("history")
    assert (frame["before"], frame["limit"]) == (9, 20)
    texts = [
        encode(message(7)),
        b'{"type":"poll","room":"lobby","seq":8,"prev":7}',
        b'{"type":"pong","time":0}',
    ]
    rig.receive(
        HistoryPage(
            id=id,
            room="lobby",
            epoch="e1",
            entries=[msgspec.Raw(text) for text in texts],
            more=True,
        )
    )
    [answer] = rig.events()
    assert isinstance(answer, Answered)
    assert isinstance(answer.reply, History)
    assert (answer.reply.room, answer.reply.epoch, answer.reply.more) == ("lobby", "e1", True)
    first, second = answer.reply.entries
    assert first == message(7)
    assert isinstance(second, Unknown)


def test_questions_are_asked_again_after_a_cut() -> None:
    rig = connected()
    id = rig.send(GetHistory(room="lobby"))
    rig.frames()
    rig.cut()
    frame = rig.one_frame("history")
    assert frame["id"] == id
    assert "at" not in frame


def test_a_question_that_is_refused_fails() -> None:
    rig = connected()
    id = rig.send(GetHistory(room="~x"))
    rig.refuse(id, ErrorCode.FORBIDDEN)
    [failed] = rig.events()
    assert isinstance(failed, Failed)
    assert failed.id == id


def test_a_rename_is_answered_and_told() -> None:
    rig = connected()
    id = rig.send(Hello(username="bob"))
    hello = rig.one_frame("hello")
    assert (hello["username"], hello["key"]) == ("bob", "k" * 22)
    reply = welcome(id, username="Bob")
    rig.receive(reply)
    assert rig.events() == [Renamed(username="Bob"), Answered(id=id, reply=reply)]
    rig.machine.disconnected(rig.now, 1006)
    rig.advance(1.0)
    rig.machine.connected(rig.now)
    assert rig.one_frame("hello")["username"] == "Bob"


def test_a_leave_that_is_refused_because_one_is_not_in_the_room_is_done() -> None:
    rig = in_lobby()
    rig.events()
    leaving = rig.send(Leave(room="lobby"))
    rig.refuse(leaving, ErrorCode.NOT_JOINED)
    assert rig.events() == [Answered(id=leaving, reply=Left(room="lobby"))]
    assert rig.machine.waiting == 0


def test_a_rename_that_is_refused_fails_at_once_and_changes_nothing() -> None:
    rig = connected()
    id = rig.send(Hello(username="Bob"))
    rig.refuse(id, ErrorCode.NAME_TAKEN, retry_after=5000)
    [failed] = rig.events()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, NameRefused)
    assert rig.machine.username == "Alice"
    assert isinstance(rig.machine.state, Connected)


def coming_back() -> Rig:
    """Somebody whose connection is there again, and whose name somebody else has."""
    rig = connected()
    rig.reopen()
    rig.refuse(rig.one_frame("hello")["id"], ErrorCode.NAME_TAKEN, retry_after=5000)
    rig.events()
    return rig


def test_who_waits_for_a_name_may_take_another_and_says_there_what_was_to_be_said() -> None:
    rig = coming_back()
    said = rig.send(SendPrivate(to="Carol", content="Hello!"))
    assert rig.frames() == []
    id = rig.send(Hello(username="Bob"))
    hello = rig.one_frame("hello")
    assert (hello["id"], hello["username"], "returning" in hello) == (id, "Bob", False)
    rig.receive(welcome(id, username="Bob"))
    assert rig.machine.username == "Bob"
    assert isinstance(rig.machine.state, Connected)
    [answered] = [event for event in rig.events() if isinstance(event, Answered)]
    assert answered.id == id
    assert rig.one_frame("private")["id"] == said


def test_a_name_that_is_waited_for_is_waited_for_where_another_is_not_to_be_had() -> None:
    rig = coming_back()
    names = ["B" * LIMITS.frame, "Bob", " "]
    wishes = [rig.send(Hello(username=name)) for name in names]
    rig.refuse(rig.one_frame("hello")["id"], ErrorCode.NAME_TAKEN)
    rig.refuse(rig.one_frame("hello")["id"], ErrorCode.NAME_INVALID)
    assert [event.id for event in rig.events() if isinstance(event, Failed)] == wishes
    assert not isinstance(rig.machine.state, Closed)
    rig.advance(5.0)
    hello = rig.one_frame("hello")
    assert (hello["username"], hello["returning"]) == ("Alice", True)
    rig.receive(welcome(hello["id"]))
    assert isinstance(rig.machine.state, Connected)


def test_a_rename_is_no_way_round_a_server_that_cannot_answer() -> None:
    rig = connected()
    rig.reopen()
    rig.refuse(rig.one_frame("hello")["id"], ErrorCode.UNAVAILABLE, retry_after=1000)
    rig.send(Hello(username="Bob"))
    assert rig.frames() == []


def test_another_name_that_was_asked_for_on_a_lost_connection_is_asked_for_again() -> None:
    rig = coming_back()
    id = rig.send(Hello(username="Bob"))
    rig.frames()
    rig.reopen()
    hello = rig.one_frame("hello")
    assert (hello["username"], hello["returning"]) == ("Alice", True)
    rig.receive(welcome(hello["id"]))
    assert [frame["id"] for frame in rig.frames() if frame["type"] == "hello"] == [id]


def test_another_name_that_was_asked_for_instead_of_one_that_is_waited_for_may_be_ones_own() -> (
    None
):
    rig = coming_back()
    ids = [rig.send(Hello(username="Bob")), rig.send(Hello(username="Carol"))]
    assert [rig.machine.withdraw(id) for id in ids] == [False, True]


def test_answers_and_refusals_that_nobody_waits_for_are_nothing() -> None:
    rig = connected()
    rig.receive(MembersPage(id="x", room="lobby", members=1, names=["Alice"]))
    rig.refuse("x", ErrorCode.FORBIDDEN)
    assert rig.events() == []


# Leaving.


def test_a_leave_that_has_not_gone_out_is_over_when_one_comes_back() -> None:
    rig = in_lobby()
    rig.send(hi())
    rig.machine.frames_to_send()
    id = rig.send(Leave(room="lobby"))
    rig.send(Leave(room="garden"))
    rig.events()
    rig.send(Join(room="lobby"))
    assert rig.events() == [Answered(id=id, reply=Left(room="lobby"))]


def test_a_cut_ends_a_leave_and_is_told_as_if_the_server_had_answered() -> None:
    rig = in_lobby()
    id = rig.send(Leave(room="lobby"))
    question = rig.send(Members(room="lobby"))
    rig.events()
    rig.cut()
    assert rig.events() == [Answered(id=id, reply=Left(room="lobby"))]
    assert [frame["id"] for frame in rig.frames("leave", "members")] == [question]


# What the machine asks for itself.


def test_a_question_of_the_machines_own_is_told_to_nobody_and_asked_anew_after_a_cut() -> None:
    rig = Rig(outbox=1)
    rig.connect()
    first = rig.one_frame("rooms")["id"]
    rig.cut()
    second = rig.one_frame("rooms")["id"]
    assert first != second
    rig.receive(RoomsPage(id=first, rooms=[]))
    assert rig.machine.waiting == 1
    rig.receive(RoomsPage(id=second, rooms=[]))
    assert rig.machine.waiting == 0
    assert rig.events() == []


def test_a_question_of_the_machines_own_that_is_refused_is_told_to_nobody() -> None:
    rig = Rig()
    rig.connect()
    rig.refuse(rig.one_frame("rooms")["id"], ErrorCode.INVALID)
    assert rig.events() == []
    assert rig.machine.waiting == 0


# The end.


def test_what_waits_at_the_end_fails_and_what_was_under_way_is_in_doubt() -> None:
    rig = in_lobby()
    sent = rig.send(hi())
    rig.one_frame("message")
    question = rig.send(Members(room="lobby"))
    rig.machine.close()
    said, asked = rig.events()
    assert isinstance(said, SendFailed)
    assert said.id == sent
    assert isinstance(said.error, InDoubt)
    assert isinstance(asked, Failed)
    assert asked.id == question
