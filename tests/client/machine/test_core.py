import pytest
from tests.client.frames import cursor, joined, message, private, summary, welcome
from tests.client.machine.rig import Rig, connected, error_of, hi, in_lobby

from causerie.client.errors import Ended, HelloRefused, InDoubt, InvalidCommand
from causerie.client.machine import AppCommand, Machine
from causerie.client.machine.events import (
    Acked,
    Answered,
    Event,
    Failed,
    LatencyMeasured,
    PresenceChanged,
    Renamed,
    RoomLost,
    SendFailed,
    ServerError,
    StateChanged,
    TypingChanged,
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
    Traced,
    TracedFrame,
    Tracing,
    Typing,
)

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


def test_each_command_goes_to_the_server() -> None:
    rig = in_lobby()
    commands: list[AppCommand] = [
        SendMessage(room="lobby", content="hi"),
        SendPrivate(to="Bob", content="psst"),
        SetTyping(room="lobby", is_typing=True),
        GetHistory(room="lobby"),
        Members(room="lobby"),
        Rooms(),
        Hello(username="Carol"),
        Leave(room="lobby"),
        Join(room="garden"),
    ]
    for command in commands:
        rig.send(command)
    assert [frame["type"] for frame in rig.frames()] == [
        "message",
        "private",
        "typing",
        "history",
        "members",
        "rooms",
        "hello",
        "leave",
        "join",
    ]


@pytest.mark.parametrize(
    "command",
    [
        Join(room="\ud800"),
        Join(room="lobby", since=Cursor(1, "\udfff"), epoch="e1"),
        Leave(room="\ud800"),
        SendMessage(room="lobby", content="half \ud83d"),
        SendPrivate(to="\ud800", content="psst"),
        SetTyping(room="\ud800", is_typing=True),
        GetHistory(room="\ud800"),
        Hello(username="\ud800"),
        Members(room="lobby", after="\ud800"),
        Rooms(id="\ud800"),
    ],
)
def test_what_is_no_text_is_refused_at_once(command: AppCommand) -> None:
    rig = Rig()
    with pytest.raises(InvalidCommand, match="lone surrogate"):
        rig.send(command)
    rig.connect()
    assert rig.events() == []
    assert rig.machine.waiting == 1, "the list of rooms"


@pytest.mark.parametrize(
    "first",
    [hi(id="1"), SendPrivate(id="1", to="Bob", content="psst"), GetHistory(id="1", room="lobby")],
)
@pytest.mark.parametrize(
    "second", [hi(id="1"), Join(id="1", room="garden"), Leave(id="1", room="lobby")]
)
@pytest.mark.parametrize("is_sent", [False, True])
def test_an_id_that_waits_for_its_answer_is_refused_to_another_command(
    first: AppCommand, second: AppCommand, *, is_sent: bool
) -> None:
    rig = in_lobby() if is_sent else Rig()
    rig.send(first)
    waiting = rig.machine.waiting
    with pytest.raises(InvalidCommand) as refused:
        rig.send(second)
    assert refused.value.code == ErrorCode.ID_REUSED
    assert rig.machine.waiting == waiting
    rig.machine.close()
    ended = [event for event in rig.events() if isinstance(event, Failed | SendFailed)]
    assert [event.id for event in ended].count("1") == 1


def test_the_id_of_a_join_that_waits_is_refused_too_and_is_free_once_that_is_answered() -> None:
    rig = Rig()
    rig.send(Join(id="1", room="lobby"))
    with pytest.raises(InvalidCommand):
        rig.send(Join(id="1", room="garden"))
    rig.machine.connected(rig.now)
    rig.receive(welcome(rig.one_frame("hello")["id"]))
    rig.receive(joined(rig.one_frame("join")["id"]))
    assert rig.send(Join(id="1", room="garden")) == "1"


def test_each_frame_of_the_server_is_told() -> None:
    rig = in_lobby()
    told: list[tuple[AnyServerFrame, type[Event]]] = [
        (message(4), Message),
        (private(1), Private),
        (Typing(room="lobby", username="Bob", is_typing=True), TypingChanged),
        (Presence(room="lobby", members=2, joined=["Bob"], left=[]), PresenceChanged),
        (Notice(message="The server stops."), Notice),
        (Error(code="odd", message="Odd."), ServerError),
        (welcome(None, username="Carol"), Renamed),
    ]
    for frame, kind in told:
        rig.receive(frame)
        [event] = rig.events()
        assert isinstance(event, kind)
    assert rig.machine.members("lobby") == (2, ("Alice", "Bob"))
    assert rig.machine.typing("lobby") == ("Bob",)


def test_what_a_server_tells_of_frames_is_passed_over() -> None:
    rig = in_lobby()
    frame = TracedFrame(sender="server", time=5, fin=True, opcode=9, length=0, size=2)
    rig.receive(Tracing(on=True), Traced(frames=[frame], missed=1))
    assert rig.events() == []


def test_each_answer_of_the_server_is_told_to_who_asked() -> None:
    rig = in_lobby()
    message_id = rig.send(hi())
    members = rig.send(Members(room="lobby"))
    history = rig.send(GetHistory(room="lobby"))
    rooms = rig.send(Rooms())
    leave = rig.send(Leave(room="lobby"))
    rig.receive(
        Ack(id=message_id, room="lobby", seq=4, timestamp=5),
        MembersPage(id=members, room="lobby", members=1, names=["Alice"]),
        HistoryPage(id=history, room="lobby", epoch="e1", entries=[], more=False),
        RoomsPage(id=rooms, rooms=[]),
        Left(id=leave, room="lobby"),
    )
    acked, *answered = rig.events()
    assert isinstance(acked, Acked)
    assert [event.id for event in answered if isinstance(event, Answered)] == [
        members,
        history,
        rooms,
        leave,
    ]


def test_a_list_of_rooms_that_the_application_asked_for_changes_nothing() -> None:
    rig = connected()
    id = rig.send(Rooms())
    rig.one_frame("rooms")
    rig.receive(RoomsPage(id=id, rooms=[summary("~bob", 3, peer="Bob")]))
    assert rig.frames() == []


def test_a_message_says_that_one_types_no_more() -> None:
    rig = in_lobby()
    rig.send(SetTyping(room="lobby", is_typing=True))
    rig.send(hi())
    rig.frames()
    rig.advance(5.0)
    assert rig.frames("typing") == []


def test_refusals_go_to_who_asked() -> None:
    rig = connected()
    join = rig.send(Join(room="lobby"))
    question = rig.send(Rooms())
    [joining, asking] = rig.frames()
    rig.refuse(joining["id"], ErrorCode.FORBIDDEN)
    rig.refuse(asking["id"], ErrorCode.FORBIDDEN)
    lost, join_failed, question_failed = rig.events()
    assert isinstance(lost, RoomLost)
    assert [event.id for event in (join_failed, question_failed) if isinstance(event, Failed)] == [
        join,
        question,
    ]


@pytest.mark.parametrize(
    ("code", "retry_after", "again_in"),
    [
        (ErrorCode.RATE_LIMITED, 250, 0.25),
        (ErrorCode.UNAVAILABLE, None, 1.0),
        ("newer_than_this_client", 100, 0.1),
    ],
)
def test_what_may_do_better_later_is_sent_again_then(
    code: str, retry_after: int | None, again_in: float
) -> None:
    rig = connected()
    id = rig.send(Members(room="lobby"))
    rig.one_frame("members")
    rig.refuse(id, code, retry_after=retry_after)
    assert rig.machine.deadline() == rig.now + again_in
    rig.advance(again_in)
    assert rig.one_frame("members")["id"] == id


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
    for seconds, rtt_ms in [(2.0, 250), (17.5, 125)]:
        rig.advance(seconds)
        ping = rig.one_frame("ping")
        rig.now += rtt_ms / 1000
        rig.receive(Pong(id=ping["id"], time=0))
        assert rig.machine.events() == [LatencyMeasured(rtt_ms=rtt_ms)]
        assert rig.machine.rtt_ms == rtt_ms


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


def test_who_comes_back_to_a_name_that_another_has_waits_for_it_until_a_third_is_asked_for() -> (
    None
):
    rig = connected()
    rig.reopen()
    waits = [rig.machine.waits_for_name]
    rig.refuse(rig.one_frame("hello")["id"], ErrorCode.NAME_TAKEN, retry_after=5000)
    waits.append(rig.machine.waits_for_name)
    assert rig.frames() == []
    rig.send(Hello(username="Bob"))
    assert rig.one_frame("hello")["username"] == "Bob"
    waits.append(rig.machine.waits_for_name)
    assert waits == [False, True, False]


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
