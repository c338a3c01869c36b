import json
from typing import Any

import msgspec
import pytest
from tests.client.frames import LIMITS, cursor, joined, message, private, summary, welcome

from causerie.client.errors import (
    ClientError,
    CommandRefused,
    Ended,
    HelloRefused,
    IdReused,
    InDoubt,
    InvalidCommand,
    NameRefused,
    NotJoined,
    OutboxFull,
    TooManyRooms,
)
from causerie.client.machine import AppCommand, Machine, Settings
from causerie.client.machine.events import (
    Acked,
    Answered,
    Event,
    Failed,
    Gap,
    History,
    LatencyMeasured,
    PresenceChanged,
    Receipt,
    Renamed,
    RoomLost,
    SendFailed,
    ServerError,
    StateChanged,
    TypingChanged,
    Unknown,
)
from causerie.client.machine.states import Closed, Connected, Connecting, Disconnected, Reconnecting
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import (
    Cursor,
    GetHistory,
    Hello,
    Join,
    Leave,
    Members,
    Rooms,
    SendMessage,
    SendPrivate,
    SetTyping,
)
from causerie.wire.replies import (
    Ack,
    AnyServerFrame,
    Error,
    HistoryPage,
    Left,
    MembersPage,
    Message,
    Notice,
    Pong,
    Presence,
    Private,
    RoomsPage,
    Typing,
)

Frame = dict[str, Any]


class Rig:
    """A machine for Alice with ids `i1`, `i2` …, on a clock that the test moves."""

    def __init__(self, **settings: Any) -> None:
        self.ids = 0
        self.now = 0.0
        self.machine = Machine(
            "Alice",
            key="k" * 22,
            new_id=self.new_id,
            chance=lambda: 0.5,
            settings=Settings(**settings),
        )

    def new_id(self) -> str:
        self.ids += 1
        return f"i{self.ids}"

    def events(self) -> list[Event]:
        """The events since the last call, without those of the connection itself."""
        quiet = StateChanged | LatencyMeasured
        return [event for event in self.machine.events() if not isinstance(event, quiet)]

    def frames(self, *types: str) -> list[Frame]:
        """The frames since the last call, or those of these types among them."""
        frames = [json.loads(frame) for frame in self.machine.frames_to_send()]
        return [frame for frame in frames if not types or frame["type"] in types]

    def one_frame(self, kind: str) -> Frame:
        [frame] = self.frames(kind)
        return frame

    def send(self, command: AppCommand) -> str:
        return self.machine.send(command, self.now)

    def receive(self, *frames: AnyServerFrame) -> None:
        for frame in frames:
            self.machine.receive(encode(frame), self.now)

    def refuse(self, id: str | None, code: str, **fields: Any) -> None:
        self.receive(Error(id=id, code=code, message=f"said {code}", **fields))

    def advance(self, seconds: float) -> None:
        """Time passes, and the machine is called whenever it wishes."""
        until = self.now + seconds
        while (deadline := self.machine.deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.machine.tick(self.now)
            later = self.machine.deadline()
            assert later is None or later > self.now, "it would be called for ever"
        self.now = until

    def connect(self, **fields: Any) -> None:
        """A connection is opened, and the server says welcome at once."""
        self.machine.connected(self.now)
        hello = self.one_frame("hello")
        self.receive(welcome(hello["id"], **fields))

    def settle(self) -> None:
        """The question for private conversations is answered: there are none."""
        self.receive(RoomsPage(id=self.one_frame("rooms")["id"], rooms=[]))

    def cut(self) -> None:
        """The connection is lost, and another one opened."""
        self.machine.disconnected(self.now, 1006)
        self.advance(1.0)
        self.connect()

    def answer_join(self, *, recovered: Any = None, **fields: Any) -> str:
        """The join that has just gone out is answered."""
        join = self.one_frame("join")
        if recovered is None and "since" in join:
            recovered = "complete"
        self.receive(joined(join["id"], recovered=recovered, **fields))
        return str(join["id"])


def connected(**settings: Any) -> Rig:
    rig = Rig(**settings)
    rig.connect()
    rig.settle()
    rig.events()
    return rig


def in_lobby(head: int = 3, **settings: Any) -> Rig:
    """One has joined the lobby, at a head."""
    rig = connected(**settings)
    rig.send(Join(room="lobby"))
    rig.answer_join(head=head)
    rig.events()
    return rig


def hi(room: str = "lobby", **fields: Any) -> SendMessage:
    return SendMessage(room=room, content="hi", **fields)


def error_of(event: Event) -> ClientError:
    assert isinstance(event, SendFailed | Failed | RoomLost | ServerError)
    return event.error


# A client.


def test_a_client_needs_something_by_which_the_server_knows_it_again() -> None:
    with pytest.raises(ValueError, match="key or a token"):
        Machine("Alice", new_id=str, chance=float)
    Machine("Alice", token="t", new_id=str, chance=float)


@pytest.mark.parametrize("catch_up", [0, 10_001])
def test_what_a_join_may_not_ask_for_is_refused_at_once(catch_up: int) -> None:
    with pytest.raises(ValueError, match="catch_up"):
        Rig(catch_up=catch_up)


def test_a_new_client_wants_a_connection_and_says_nothing() -> None:
    rig = Rig()
    assert rig.machine.state == Connecting()
    assert rig.machine.wants_connection
    assert rig.machine.deadline() is None
    assert rig.machine.rtt_ms is None
    assert rig.machine.welcome is None
    assert rig.frames() == []


def test_nothing_but_hello_goes_out_before_the_welcome() -> None:
    rig = Rig()
    rig.send(Join(room="lobby"))
    rig.send(hi("garden"))
    rig.send(SetTyping(room="lobby", is_typing=True))
    rig.machine.connected(0.0)
    rig.send(SendPrivate(to="Bob", content="psst"))
    [hello] = rig.frames()
    assert hello["type"] == "hello"
    rig.receive(welcome(hello["id"]))
    assert [frame["type"] for frame in rig.frames()] == ["join", "message", "private", "rooms"]


def test_a_welcome_tells_what_one_is_called_and_how_far_away_the_server_is() -> None:
    rig = Rig()
    rig.machine.connected(0.0)
    rig.machine.receive(encode(welcome(rig.one_frame("hello")["id"], username="alice")), 0.05)
    assert rig.machine.events() == [
        StateChanged(state=Connected(since=0.05)),
        Renamed(username="alice"),
        LatencyMeasured(rtt_ms=50),
    ]
    assert (rig.machine.username, rig.machine.rtt_ms) == ("alice", 50)
    assert rig.machine.welcome is not None


# Rooms.


def test_joining_a_room_tells_the_application_and_whoever_asked() -> None:
    rig = connected()
    id = rig.send(Join(room="Lobby", limit=10))
    join = rig.one_frame("join")
    assert (join["room"], join["limit"]) == ("Lobby", 10)
    reply = joined(join["id"], head=3, members=2, names=["Alice", "Bob"])
    rig.receive(reply)
    assert rig.events() == [reply, Answered(id=id, reply=reply)]
    assert rig.machine.members("Lobby") == (2, ("Alice", "Bob"))


def test_joining_a_room_again_is_answered_at_once() -> None:
    rig = in_lobby()
    id = rig.send(Join(room="lobby"))
    [answer] = rig.events()
    assert isinstance(answer, Answered)
    assert answer.id == id
    assert rig.frames() == []


def test_entries_are_shown_once_and_in_order() -> None:
    rig = in_lobby(3)
    rig.receive(message(4), message(5), message(4), message(3), message(6))
    assert rig.events() == [message(4), message(5), message(6)]


def test_rooms_are_joined_again_after_a_cut_from_where_one_stood() -> None:
    rig = in_lobby(3, catch_up=500)
    rig.receive(message(4))
    rig.cut()
    join = rig.one_frame("join")
    assert join == {
        "type": "join",
        "id": join["id"],
        "room": "lobby",
        "since": {"seq": 4, "id": "m4"},
        "epoch": "e1",
        "limit": 500,
    }
    rig.events()
    reply = joined(join["id"], head=5, recovered="complete")
    rig.receive(reply, message(5, replay=True), message(6))
    assert rig.events() == [reply, message(5, replay=True), message(6)]


def test_entries_that_are_left_out_are_told_as_a_gap() -> None:
    rig = in_lobby(3)
    rig.cut()
    rig.events()
    rig.answer_join(head=100, recovered="partial", missing=90)
    rig.receive(message(94))
    assert rig.events()[1:] == [Gap(room="lobby", after=3, missing=90), message(94)]


def test_a_log_that_is_another_is_told_as_a_gap_after_the_join() -> None:
    rig = in_lobby(3)
    rig.cut()
    rig.events()
    rig.answer_join(head=0, epoch="e2", recovered="none")
    event, gap = rig.events()
    assert isinstance(event, msgspec.Struct)
    assert gap == Gap(room="lobby", after=3, missing=None)


def test_a_hole_is_filled_before_anything_after_it_is_shown() -> None:
    rig = in_lobby(3)
    rig.receive(message(6), message(7))
    assert rig.events() == []
    join = rig.one_frame("join")
    assert join["since"] == {"seq": 3, "id": "m3"}
    rig.receive(
        message(8),
        joined(join["id"], head=8, recovered="complete"),
        *(message(seq, replay=True) for seq in range(4, 9)),
        message(9),
    )
    shown = [event.seq for event in rig.events() if isinstance(event, Message)]
    assert shown == [4, 5, 6, 7, 8, 9]


def test_an_entry_that_cannot_be_shown_keeps_its_place() -> None:
    rig = in_lobby(3)
    rig.machine.receive('{"type":"poll","room":"lobby","seq":4,"prev":3,"id":"p"}', 0.0)
    rig.receive(message(5))
    unknown, shown = rig.events()
    assert isinstance(unknown, Unknown)
    assert shown == message(5)
    assert rig.machine.position("lobby") == ("e1", cursor(5))
    assert rig.machine.position("garden") == (None, None)


def test_what_cannot_be_read_does_no_harm() -> None:
    rig = in_lobby(3)
    for text in ("", "nonsense", b"\xff", '{"type":"wave"}'):
        rig.machine.receive(text, 0.0)
    rig.receive(message(4))
    assert rig.events() == [message(4)]


def test_a_room_that_cannot_be_joined_fails_whoever_asked() -> None:
    rig = connected()
    id = rig.send(Join(room="lobby"))
    rig.refuse(rig.one_frame("join")["id"], ErrorCode.TOO_MANY_ROOMS)
    lost, failed = rig.events()
    assert isinstance(lost, RoomLost)
    assert lost.room == "lobby"
    assert isinstance(failed, Failed)
    assert failed.id == id
    assert isinstance(failed.error, TooManyRooms)
    rig.cut()
    assert rig.frames("join") == []


def test_a_join_that_may_do_better_later_is_made_again() -> None:
    rig = connected()
    rig.send(Join(room="lobby"))
    rig.refuse(rig.one_frame("join")["id"], ErrorCode.UNAVAILABLE, retry_after=2000)
    assert rig.machine.deadline() == 2.0
    rig.advance(1.9)
    assert rig.frames() == []
    rig.advance(0.1)
    assert rig.one_frame("join")["room"] == "lobby"


def test_leaving_a_room_ends_what_comes_of_it() -> None:
    rig = in_lobby(3)
    rig.receive(Typing(room="lobby", username="Bob", is_typing=True))
    rig.events()
    id = rig.send(Leave(room="lobby"))
    leave = rig.one_frame("leave")
    rig.receive(message(4), Left(id=leave["id"], room="lobby"), message(5))
    assert rig.events() == [
        TypingChanged(room="lobby", usernames=()),
        Answered(id=id, reply=Left(id=leave["id"], room="lobby")),
    ]
    assert rig.machine.members("lobby") == (0, ())
    rig.cut()
    assert rig.frames("join") == []


def test_what_was_said_before_leaving_goes_out_before_the_leave() -> None:
    rig = in_lobby(3)
    rig.send(hi())
    rig.send(Leave(room="lobby"))
    assert [frame["type"] for frame in rig.frames()] == ["message", "leave"]


def test_leaving_a_room_that_one_is_not_in_is_answered_at_once() -> None:
    rig = connected()
    id = rig.send(Leave(room="garden"))
    assert rig.events() == [Answered(id=id, reply=Left(room="garden"))]
    assert rig.frames() == []


def test_leaving_without_a_connection_is_answered_at_once() -> None:
    rig = Rig()
    asked = rig.send(Join(room="lobby"))
    id = rig.send(Leave(room="lobby"))
    answer, failed = rig.events()
    assert answer == Answered(id=id, reply=Left(room="lobby"))
    assert isinstance(failed, Failed)
    assert failed.id == asked
    assert isinstance(failed.error, NotJoined)
    rig.connect()
    assert rig.frames("join") == []


def test_a_cut_is_as_good_as_a_leave() -> None:
    rig = in_lobby(3)
    id = rig.send(Leave(room="lobby"))
    rig.frames()
    rig.cut()
    assert Answered(id=id, reply=Left(room="lobby")) in rig.events()
    assert rig.frames("leave", "join") == []


def test_who_joins_again_before_the_leave_went_out_has_not_left() -> None:
    rig = in_lobby(3)
    rig.frames()
    slow(rig)
    left = rig.send(Leave(room="lobby"))
    assert rig.frames() == [], "the rate does not allow it yet"
    rig.send(Join(room="lobby"))
    rig.advance(20.0)
    assert rig.events() == [Answered(id=left, reply=Left(room="lobby"))]
    assert [frame["type"] for frame in rig.frames("join", "leave")] == ["join"]


def test_who_comes_back_by_another_name_does_not_leave_any_more() -> None:
    rig = in_lobby(3)
    left = rig.send(Leave(room="lobby"))
    rig.refuse(left, ErrorCode.RATE_LIMITED)
    rig.send(Join(room="LOBBY"))
    rig.events()
    rig.answer_join(head=3)
    assert Answered(id=left, reply=Left(room="lobby")) in rig.events()
    rig.advance(5.0)
    assert rig.frames("leave") == []


def test_a_leave_that_the_server_took_after_the_join_is_mended() -> None:
    rig = in_lobby(3)
    rig.receive(Left(id="old", room="lobby"))
    assert rig.one_frame("join")["since"] == {"seq": 3, "id": "m3"}


def slow(rig: Rig) -> None:
    """The rig reconnects to a server that allows a command every ten seconds; none is left."""
    limits = msgspec.structs.replace(LIMITS, rate=1 / 9, burst=4)
    rig.machine.disconnected(rig.now, 1006)
    rig.advance(1.0)
    rig.connect(limits=limits)
    rig.answer_join(head=3)
    rig.machine.frames_to_send()
    rig.events()


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


def test_what_is_no_text_is_refused_at_once() -> None:
    rig = connected()
    with pytest.raises(InvalidCommand, match="lone surrogate"):
        rig.send(SendMessage(room="lobby", content="\ud800"))
    assert rig.machine.waiting == 0


def test_what_is_larger_than_the_server_allows_never_goes_out() -> None:
    rig = Rig()
    rig.send(SendMessage(id="big", room="garden", content="x" * 70_000))
    rig.send(hi("garden"))
    rig.connect()
    assert len(rig.frames("message")) == 1
    [failed] = [event for event in rig.events() if isinstance(event, SendFailed)]
    assert failed.id == "big"
    assert isinstance(failed.error, InvalidCommand)


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


def test_a_rename_that_is_refused_fails_at_once_and_changes_nothing() -> None:
    rig = connected()
    id = rig.send(Hello(username="Bob"))
    rig.refuse(id, ErrorCode.NAME_TAKEN, retry_after=5000)
    [failed] = rig.events()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, NameRefused)
    assert rig.machine.username == "Alice"
    assert isinstance(rig.machine.state, Connected)


def test_a_reply_that_nobody_waits_for_is_nothing() -> None:
    rig = connected()
    rig.send(Join(room="lobby"))
    join = rig.one_frame("join")
    rig.send(Leave(room="lobby"))
    rig.events()
    rig.receive(joined(join["id"]), MembersPage(id="x", room="lobby", members=1, names=["Alice"]))
    assert rig.events() == []


def test_a_rename_by_another_device_is_told_and_kept_over_a_cut() -> None:
    rig = connected()
    rig.receive(welcome(None, username="Carol"))
    assert rig.events() == [Renamed(username="Carol")]
    assert rig.machine.username == "Carol"
    rig.receive(welcome(None, username="Carol"))
    assert rig.events() == []
    rig.machine.disconnected(rig.now, 1006)
    rig.advance(1.0)
    rig.machine.connected(rig.now)
    assert rig.one_frame("hello")["username"] == "Carol"


def test_after_a_rename_by_another_device_ones_own_typing_is_still_not_told() -> None:
    rig = in_lobby()
    rig.receive(welcome(None, username="Carol"))
    rig.events()
    rig.receive(Typing(room="lobby", username="Carol", is_typing=True))
    assert rig.events() == []


def test_a_rename_that_was_withdrawn_too_late_is_told_all_the_same() -> None:
    rig = connected()
    id = rig.send(Hello(username="Bob"))
    rig.one_frame("hello")
    rig.machine.withdraw(id)
    rig.receive(welcome(id, username="Bob"))
    assert rig.events() == [Renamed(username="Bob")]
    assert rig.machine.username == "Bob"


def test_a_welcome_before_ones_own_hello_was_answered_is_nothing() -> None:
    rig = Rig()
    rig.machine.connected(rig.now)
    rig.receive(welcome("x", username="Mallory"))
    assert rig.machine.username == "Alice"
    assert rig.machine.welcome is None
    assert rig.events() == []


# Private conversations.


def listing(rig: Rig, *summaries: Any, more: bool = False) -> None:
    """The machine's question for its conversations is answered."""
    rig.receive(RoomsPage(id=rig.one_frame("rooms")["id"], rooms=list(summaries), more=more))


def test_what_was_said_privately_while_one_was_away_is_asked_for() -> None:
    rig = connected()
    rig.receive(private(1))
    rig.cut()
    listing(rig, summary("~bob", 3, peer="Bob"), summary("lobby", 9, members=5))
    join = rig.one_frame("join")
    assert (join["room"], join["since"]) == ("~bob", {"seq": 1, "id": "m1"})
    rig.events()
    rig.receive(
        joined(join["id"], "~bob", head=3, recovered="complete"),
        private(2, replay=True),
        private(3, replay=True),
        private(4),
    )
    assert rig.events() == [
        private(2, replay=True),
        private(3, replay=True),
        private(4),
    ], "the application did not join it, and is not told"


def test_a_new_client_asks_for_some_of_each_conversation() -> None:
    rig = Rig(private_replay=20)
    rig.connect()
    listing(rig, summary("~bob", 300, peer="Bob"))
    join = rig.one_frame("join")
    assert (join["room"], join["limit"]) == ("~bob", 20)
    assert "since" not in join


def test_conversations_are_listed_page_by_page() -> None:
    rig = Rig()
    rig.connect()
    listing(rig, summary("~a", 0, peer="A"), more=True)
    [frame] = rig.frames("rooms")
    assert frame["after"] == "~a"
    rig.receive(RoomsPage(id=frame["id"], rooms=[], more=True))
    assert rig.frames("rooms") == [], "an empty page is the last"


def test_a_conversation_that_the_server_has_lost_is_told_as_a_gap_and_begins_anew() -> None:
    rig = connected()
    rig.receive(private(1), private(2))
    rig.cut()
    rig.events()
    listing(rig)
    rig.receive(private(1, id="new"))
    assert rig.events() == [Gap(room="~bob", after=2, missing=None), private(1, id="new")]


def test_nothing_is_asked_for_where_nothing_was_missed() -> None:
    rig = connected()
    rig.receive(private(1))
    rig.cut()
    listing(rig, summary("~bob", 1, peer="Bob"))
    assert rig.frames("join") == []


def test_a_hole_in_a_conversation_is_filled() -> None:
    rig = connected()
    rig.receive(private(1), private(3))
    join = rig.one_frame("join")
    assert (join["room"], join["since"]["seq"]) == ("~bob", 1)
    rig.receive(joined(join["id"], "~bob", head=3, recovered="complete"), private(2), private(3))
    assert [event.seq for event in rig.events() if isinstance(event, Private)] == [1, 2, 3]


def test_a_conversation_that_cannot_be_joined_goes_on_with_a_gap() -> None:
    rig = connected()
    rig.receive(private(1), private(3))
    rig.refuse(rig.one_frame("join")["id"], ErrorCode.FORBIDDEN)
    rig.receive(private(4))
    assert rig.events() == [
        private(1),
        Gap(room="~bob", after=1, missing=None),
        private(4),
    ]


def test_a_listing_that_fails_harms_nothing_and_one_that_was_cut_is_made_anew() -> None:
    rig = Rig()
    rig.connect()
    rig.refuse(rig.one_frame("rooms")["id"], ErrorCode.FORBIDDEN)
    assert rig.events() == []
    assert rig.machine.waiting == 0
    rig.cut()
    assert len(rig.frames("rooms")) == 1
    rig.cut()
    assert len(rig.frames("rooms")) == 1
    assert rig.machine.waiting == 1


def test_a_listing_that_may_do_better_later_is_made_again() -> None:
    rig = Rig()
    rig.connect()
    id = rig.one_frame("rooms")["id"]
    rig.refuse(id, ErrorCode.UNAVAILABLE)
    rig.advance(1.0)
    assert rig.one_frame("rooms")["id"] == id


# The others.


def test_who_types_is_told_and_forgotten_after_six_seconds() -> None:
    rig = in_lobby(3)
    rig.receive(Typing(room="lobby", username="Bob", is_typing=True))
    assert rig.events() == [TypingChanged(room="lobby", usernames=("Bob",))]
    assert rig.machine.typing("lobby") == ("Bob",)
    rig.advance(5.9)
    assert rig.events() == []
    rig.advance(0.1)
    assert rig.events() == [TypingChanged(room="lobby", usernames=())]


def test_who_says_it_types_no_more() -> None:
    rig = in_lobby(3)
    rig.receive(Typing(room="lobby", username="Bob", is_typing=True), message(4))
    assert rig.events()[1:] == [message(4), TypingChanged(room="lobby", usernames=())]


def test_ones_own_typing_and_that_in_other_rooms_is_not_told() -> None:
    rig = in_lobby(3)
    rig.receive(
        Typing(room="lobby", username="Alice", is_typing=True),
        Typing(room="garden", username="Bob", is_typing=True),
    )
    assert rig.events() == []


def test_after_a_cut_nobody_types() -> None:
    rig = in_lobby(3)
    rig.receive(Typing(room="lobby", username="Bob", is_typing=True))
    rig.events()
    rig.machine.disconnected(rig.now, 1006)
    assert rig.events() == [TypingChanged(room="lobby", usernames=())]


def test_who_comes_and_goes_is_told() -> None:
    rig = in_lobby(3)
    rig.receive(Presence(room="lobby", members=2, joined=["Bob"]))
    assert rig.events() == [
        PresenceChanged(room="lobby", members=2, joined=("Bob",), left=(), snapshot=False)
    ]


def test_what_system_says_is_told() -> None:
    rig = connected()
    rig.receive(Notice(message="maintenance at noon"))
    assert rig.events() == [Notice(message="maintenance at noon")]


def test_an_error_that_answers_nothing_is_told_and_one_that_answers_too_late_is_not() -> None:
    rig = connected()
    rig.refuse(None, ErrorCode.NOT_JOINED)
    rig.refuse("x", ErrorCode.NOT_JOINED)
    [told] = rig.events()
    assert isinstance(error_of(told), NotJoined)


# One's own typing.


def test_own_typing_is_told_at_the_first_key_every_three_seconds_and_at_the_end() -> None:
    rig = in_lobby(3)
    told: list[tuple[float, bool]] = []
    for _ in range(40):
        rig.send(SetTyping(room="lobby", is_typing=True))
        told += [(rig.now, frame["isTyping"]) for frame in rig.frames("typing")]
        rig.advance(0.125)
    rig.advance(1.75)
    assert rig.frames("typing") == []
    rig.advance(0.125)
    told += [(rig.now, frame["isTyping"]) for frame in rig.frames("typing")]
    assert told == [(0.0, True), (3.0, True), (6.875, False)]


def test_who_stops_by_hand_says_so_once() -> None:
    rig = in_lobby(3)
    rig.send(SetTyping(room="lobby", is_typing=False))
    assert rig.frames() == []
    rig.send(SetTyping(room="lobby", is_typing=True))
    rig.send(SetTyping(room="lobby", is_typing=False))
    assert [frame["isTyping"] for frame in rig.frames("typing")] == [True, False]


def test_a_message_says_by_itself_that_one_types_no_more() -> None:
    rig = in_lobby(3)
    rig.send(SetTyping(room="lobby", is_typing=True))
    rig.send(hi())
    rig.advance(3.0)
    assert [frame["type"] for frame in rig.frames()] == ["typing", "message"]


def test_typing_in_a_room_that_one_is_not_in_is_nobodys_business() -> None:
    rig = connected()
    rig.send(SetTyping(room="garden", is_typing=True))
    rig.advance(3.0)
    assert rig.frames() == []


def test_typing_does_not_wait_for_the_rate() -> None:
    rig = in_lobby(3)
    slow(rig)
    rig.send(SetTyping(room="lobby", is_typing=True))
    assert rig.frames("typing") == []


# The connection.


def test_states_are_told_as_they_change() -> None:
    rig = Rig()
    rig.connect()
    rig.machine.disconnected(1.0, 1012, "restart, retry-after=2000")
    rig.machine.tick(3.4)
    rig.machine.tick(3.5)
    rig.now = 3.5
    rig.connect()
    states = [event.state for event in rig.machine.events() if isinstance(event, StateChanged)]
    assert states == [
        Connected(since=0.0),
        Disconnected(code=1012, reason="restart, retry-after=2000", attempt=1, retry_at=3.5),
        Reconnecting(attempt=1),
        Connected(since=3.5),
    ]
    assert rig.machine.rtt_ms == 0


def test_what_a_lost_connection_still_had_on_the_way_is_nothing() -> None:
    rig = in_lobby(3)
    rig.machine.disconnected(rig.now, 1006)
    rig.events()
    rig.receive(message(4))
    rig.machine.disconnected(rig.now, 1006)
    assert rig.events() == []
    rig.advance(1.0)
    rig.receive(message(4))
    assert rig.events() == [], "nor while the next one is being opened"


def test_a_silent_server_is_given_up_and_everything_is_taken_up_again_after() -> None:
    rig = in_lobby(3)
    id = rig.send(hi())
    rig.advance(50.0)
    assert isinstance(rig.machine.state, Disconnected)
    assert not rig.machine.wants_connection
    rig.advance(1.0)
    rig.machine.frames_to_send()
    rig.connect()
    rig.answer_join(head=3)
    assert rig.one_frame("message")["id"] == id


def test_pings_measure_the_round_trip() -> None:
    rig = connected()
    rig.machine.events()
    rig.advance(17.5)
    ping = rig.one_frame("ping")
    rig.now += 0.02
    rig.receive(Pong(id=ping["id"], time=0))
    assert rig.machine.events() == [LatencyMeasured(rtt_ms=20)]
    assert rig.machine.rtt_ms == 20


def test_who_does_not_read_does_not_blame_the_server() -> None:
    rig = connected()
    for now in range(0, 200, 5):
        rig.machine.heard(now)
        rig.machine.tick(now)
    assert isinstance(rig.machine.state, Connected)


def test_who_wakes_looks_at_once() -> None:
    rig = connected()
    rig.machine.woke(3.0)
    assert len(rig.frames("ping")) == 1
    rig.machine.tick(8.0)
    assert isinstance(rig.machine.state, Disconnected)
    rig.machine.woke(8.0)
    assert rig.machine.wants_connection


def test_a_refused_hello_ends_everything_that_waited() -> None:
    rig = Rig()
    asked = rig.send(Join(room="lobby"))
    said = rig.send(hi())
    question = rig.send(GetHistory(room="lobby"))
    rig.machine.connected(0.0)
    rig.refuse(rig.one_frame("hello")["id"], ErrorCode.NAME_TAKEN)
    state, *rest = rig.machine.events()
    assert isinstance(state, StateChanged)
    assert isinstance(state.state, Closed)
    assert {event.id for event in rest if isinstance(event, SendFailed | Failed)} == {
        asked,
        said,
        question,
    }
    assert all(isinstance(error_of(event), HelloRefused) for event in rest)


def test_a_hello_that_waits_ends_nothing() -> None:
    rig = Rig()
    rig.send(hi())
    rig.machine.connected(0.0)
    rig.refuse(rig.one_frame("hello")["id"], ErrorCode.UNAVAILABLE)
    [told] = rig.machine.events()
    assert isinstance(told, ServerError)
    assert rig.machine.waiting == 1
    rig.advance(1.0)
    assert len(rig.frames("hello")) == 1


def test_the_application_ends_the_client_and_nothing_goes_on() -> None:
    rig = in_lobby(3)
    id = rig.send(hi())
    rig.frames()
    rig.machine.close()
    rig.machine.close()
    [failed] = rig.events()
    assert isinstance(failed, SendFailed)
    assert failed.id == id
    assert isinstance(failed.error, InDoubt)
    assert type(failed.error.why) is Ended
    assert not rig.machine.wants_connection
    assert rig.machine.deadline() is None
    with pytest.raises(Ended):
        rig.send(hi())
    rig.machine.disconnected(1.0, 1000)
    rig.machine.tick(99.0)
    rig.receive(message(4))
    assert rig.machine.events() == []
    assert rig.frames() == []


def test_where_one_stood_is_known_after_the_end() -> None:
    rig = in_lobby(3)
    rig.receive(message(4))
    rig.machine.close()
    assert rig.machine.position("lobby") == ("e1", cursor(4))


def test_one_can_end_before_anything_has_begun() -> None:
    rig = Rig()
    rig.machine.close()
    assert isinstance(rig.machine.state, Closed)


def test_a_cursor_of_an_earlier_client_is_taken_up() -> None:
    rig = connected()
    rig.send(Join(room="lobby", since=Cursor(3, "m3"), epoch="e1"))
    join = rig.one_frame("join")
    assert (join["since"], join["epoch"]) == ({"seq": 3, "id": "m3"}, "e1")
