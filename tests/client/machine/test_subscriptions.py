from typing import Any

import msgspec
import pytest
from tests.client.frames import LIMITS, cursor, joined, message, private, summary
from tests.client.machine.rig import Rig, connected, error_of, hi, in_lobby

from causerie.client.errors import (
    Ended,
    InvalidCommand,
    NotJoined,
    TooManyRooms,
)
from causerie.client.machine.events import (
    Answered,
    Failed,
    Gap,
    PresenceChanged,
    RoomLost,
    TypingChanged,
    Unknown,
)
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import (
    Join,
    Leave,
    SetTyping,
)
from causerie.wire.replies import (
    Left,
    Message,
    Notice,
    Presence,
    Private,
    RoomsPage,
    Typing,
)

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


def test_a_second_join_under_an_id_that_waits_is_refused() -> None:
    rig = connected()
    rig.send(Join(id="1", room="lobby"))
    with pytest.raises(InvalidCommand):
        rig.send(Join(id="1", room="garden"))


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


def test_the_answer_to_a_join_that_nobody_wants_any_more_is_nothing() -> None:
    rig = connected()
    rig.send(Join(room="lobby"))
    join = rig.one_frame("join")
    rig.send(Leave(room="lobby"))
    rig.events()
    rig.receive(joined(join["id"]))
    assert rig.events() == []
    assert rig.machine.members("lobby") == (0, ())


def test_a_name_is_known_in_each_of_its_spellings() -> None:
    rig = connected()
    rig.send(Join(room="LOBBY"))
    rig.answer_join(room="lobby", members=2, names=["Alice", "Bob"])
    assert rig.machine.members("LOBBY") == rig.machine.members("lobby") == (2, ("Alice", "Bob"))


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
    said = rig.frames("typing", "message")
    assert [frame["type"] for frame in said] == ["typing", "message"]


def test_typing_in_a_room_that_one_is_not_in_is_nobodys_business() -> None:
    rig = connected()
    rig.send(SetTyping(room="garden", is_typing=True))
    rig.advance(3.0)
    assert rig.frames("typing") == []


def test_typing_does_not_wait_for_the_rate() -> None:
    rig = in_lobby(3)
    slow(rig)
    rig.send(SetTyping(room="lobby", is_typing=True))
    assert rig.frames("typing") == []


def test_who_leaves_or_is_cut_off_has_no_typing_to_end() -> None:
    rig = in_lobby()
    rig.send(SetTyping(room="lobby", is_typing=True))
    rig.send(Leave(room="lobby"))
    rig.frames()
    rig.advance(5.0)
    assert rig.frames("typing") == []
    rig = in_lobby()
    rig.send(SetTyping(room="lobby", is_typing=True))
    rig.cut()
    rig.frames()
    rig.advance(5.0)
    assert rig.frames("typing") == []


# The end.


def test_who_waits_to_be_in_a_room_fails_at_the_end() -> None:
    rig = connected()
    id = rig.send(Join(room="lobby"))
    rig.machine.close()
    [failed] = rig.events()
    assert isinstance(failed, Failed)
    assert (failed.id, type(failed.error)) == (id, Ended)
