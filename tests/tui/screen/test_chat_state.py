from typing import Any

import pytest
from tests.tui.screen.entries import message, unknown, whisper

from causerie.client.errors import Ended, NotAllowed
from causerie.client.machine.events import (
    Acked,
    Gap,
    LatencyMeasured,
    PresenceChanged,
    Receipt,
    Renamed,
    RoomLost,
    SendFailed,
    StateChanged,
    TypingChanged,
)
from causerie.client.machine.states import Connected, Reconnecting
from causerie.client.sending import ClientEvent, Sending
from causerie.tui.screen.chat_state import (
    MOST_NOTICES,
    ChatState,
    Company,
    Notify,
    Room,
    SeeCompany,
    Wish,
    present,
)
from causerie.wire.commands import Cursor, SendMessage, SendPrivate
from causerie.wire.replies import Joined, Notice


def alice() -> ChatState:
    chat = ChatState("Alice")
    chat.show(chat.open("lobby"))
    return chat


def lobby(chat: ChatState) -> Room:
    room = chat.room("lobby")
    assert room is not None
    return room


def tell(chat: ChatState, *events: ClientEvent) -> list[Wish]:
    return [wish for event in events for wish in chat.told(event, 0)]


def joined(room: str, head: int = 0, **fields: Any) -> Joined:
    return Joined(
        id="j",
        room=room,
        epoch="e",
        head=Cursor(seq=head, id=f"m{head}" if head else ""),
        members=1,
        names=["Alice"],
        missing=0,
        **fields,
    )


def private_to_bob(id: str) -> Sending:
    return Sending(id=id, command=SendPrivate(to="Bob", content="psst"), at=1)


# What comes.


def test_what_comes_to_the_room_that_is_looked_at_is_seen() -> None:
    chat = alice()
    assert tell(chat, message(1)) == []
    assert (chat.unread, lobby(chat).seen) == ((0, 0), 1)


def test_what_comes_to_another_room_is_unread_until_that_is_looked_at() -> None:
    chat = alice()
    garden = chat.open("garden")
    garden.seen = 1
    tell(chat, message(1, room="garden", replay=True))
    tell(chat, *[message(seq, room="garden") for seq in (2, 3)])
    assert (garden.unread, garden.calls) == (2, 0)
    chat.show(garden)
    assert (garden.unread, garden.seen, garden.seen_before) == (0, 3, 1)
    chat.show(lobby(chat))
    chat.show(garden)
    assert garden.seen_before is None


def test_what_comes_while_one_does_not_look_is_unread() -> None:
    chat = alice()
    chat.is_watching = False
    tell(chat, message(1))
    assert chat.unread == (1, 0)
    chat.is_watching = True
    chat.see()
    assert chat.unread.all == 0


def test_what_names_one_or_is_private_calls() -> None:
    chat = alice()
    chat.is_watching = False
    wishes = tell(chat, message(1, content="alice?"), whisper(1))
    assert [type(wish) for wish in wishes] == [Notify, Notify]
    assert chat.unread == (2, 2)
    assert tell(chat, whisper(2, replay=True)) == []


def test_ones_own_and_what_was_there_at_the_first_sight_of_a_room_is_not_unread() -> None:
    chat = alice()
    chat.is_watching = False
    tell(chat, message(1, username="ALICE"), message(1, room="garden", replay=True))
    assert chat.unread.all == 0


def test_what_comes_twice_is_shown_once() -> None:
    chat = alice()
    tell(chat, message(1), message(1))
    assert len(lobby(chat).timeline.entries) == 1


def test_what_this_version_does_not_know_has_its_place() -> None:
    chat = alice()
    chat.is_watching = False
    tell(chat, unknown(1))
    assert (chat.unread, lobby(chat).timeline.last) == ((1, 0), 1)
    ChatState("Alice").told(unknown(1), 0)


def test_the_server_is_heard_in_its_room_or_where_one_is() -> None:
    chat = alice()
    chat.open("garden")
    notices = [Notice(room="garden", message="there")]
    notices += [Notice(room=None, message=f"here {n}") for n in range(MOST_NOTICES + 2)]
    tell(chat, *notices, Notice(room="nowhere", message="lost"))
    garden = chat.room("garden")
    assert garden is not None
    assert garden.notices == ("there",)
    assert lobby(chat).notices == ("here 2", "here 3", "here 4")


# Private conversations.


def test_a_conversation_that_one_begins_gets_the_servers_name_with_the_first_ack() -> None:
    chat = alice()
    room = chat.conversation("Bob")
    chat.show(room)
    tell(chat, private_to_bob("x"))
    assert (len(room.timeline.pending), room.is_draft) == (1, True)
    receipt = Receipt(id="x", room="~conversation", seq=1, timestamp=1)
    chat.told(Acked(receipt=receipt), 12)
    assert (room.name, chat.current, chat.ack_ms["x"]) == ("~conversation", room, 12)
    own = whisper(1, id="x", username="Alice", sender="Alice", to="Bob")
    tell(chat, own, Acked(receipt=receipt))
    assert (room.timeline.pending, room.timeline.entries) == ((), (own,))
    assert [room for room in chat.rooms if room.is_private] == [room]
    assert (room.title, lobby(chat).title) == ("Bob", "lobby")


def test_a_conversation_whose_entry_comes_before_the_ack_is_the_same_one() -> None:
    chat = alice()
    room = chat.conversation("bob")
    tell(chat, whisper(1, username="Alice", sender="Alice", to="Bob"))
    assert (chat.conversation("Bob"), room.name) == (room, "~conversation")


def test_a_name_that_went_to_somebody_else_begins_another_conversation() -> None:
    chat = alice()
    tell(chat, whisper(1))
    former = chat.conversation("Bob")
    for current in (former, lobby(chat)):
        chat.show(current)
        tell(chat, private_to_bob("x"))
        receipt = Receipt(id="x", room="~another", seq=1, timestamp=1)
        tell(chat, Acked(receipt=receipt))
        assert former.timeline.pending == ()
    another = chat.room("~another")
    assert another is not None
    assert another.peer == "Bob"


def test_a_conversation_is_with_whom_the_server_says_whatever_the_names_were_before() -> None:
    chat = alice()
    mine_of_before = whisper(1, username="Alicia", sender="Alicia", to="Bob", replay=True)
    tell(chat, mine_of_before)
    chat.summarised({"~conversation": "Robert", "~other": "Dora"})
    tell(chat, whisper(1, room="~other", sender="Dan", replay=True))
    assert [room.title for room in chat.rooms if room.is_private] == ["Robert", "Dora"]


def test_a_conversation_follows_the_name_of_whoever_speaks_there() -> None:
    chat = alice()
    tell(chat, whisper(1), whisper(2, sender="Robert"), whisper(3, sender="Bob", replay=True))
    (conversation,) = (room for room in chat.rooms if room.is_private)
    assert conversation.title == "Robert"
    assert chat.conversation("robert") is conversation


def test_conversations_stand_after_the_rooms_the_newest_first() -> None:
    chat = alice()
    chat.open("Garden")
    tell(chat, whisper(1), whisper(5, room="~other", sender="Carol"), private_to_bob("x"))
    assert [room.title for room in chat.rooms] == ["Garden", "lobby", "Carol", "Bob"]


def test_a_conversation_is_joined_silently_until_something_is_said_there() -> None:
    chat = alice()
    assert tell(chat, joined("~conversation")) == []
    assert chat.room("~conversation") is None
    assert tell(chat, joined("garden")) == [SeeCompany("garden")]


# What one says.


def test_what_one_says_is_pending_in_its_room_and_says_why_it_failed() -> None:
    chat = alice()
    tell(chat, Sending(id="x", command=SendMessage(room="lobby", content="hi"), at=1))
    chat.failed("x", "no")
    assert [pending.reason for pending in lobby(chat).timeline.pending] == ["no"]
    assert "x" not in chat.ack_ms


# The connection.


def test_a_connection_that_is_lost_has_no_latency_and_nobody_types_on_it() -> None:
    chat = alice()
    tell(
        chat,
        StateChanged(state=Connected(since=1.0)),
        LatencyMeasured(rtt_ms=3),
        TypingChanged(room="lobby", usernames=("Bob",)),
        TypingChanged(room="nowhere", usernames=("Bob",)),
    )
    assert (chat.rtt_ms, lobby(chat).typists) == (3, ("Bob",))
    tell(chat, StateChanged(state=Reconnecting(attempt=1)))
    assert (chat.rtt_ms, lobby(chat).typists) == (None, ())


def test_another_name_is_ones_own_from_then_on() -> None:
    chat = alice()
    tell(chat, Renamed(username="Carol"))
    assert chat.username == "Carol"


def test_what_the_session_sees_to_changes_nothing() -> None:
    failed = SendFailed(
        id="x", command=SendMessage(room="lobby", content="hi"), error=Ended("over")
    )
    assert tell(alice(), failed) == []


# Rooms.


def test_a_room_that_is_left_is_shown_no_more() -> None:
    chat = alice()
    chat.open("garden")
    chat.close("lobby")
    assert chat.current is chat.room("garden")
    assert tell(chat, message(1)) == []
    assert chat.room("lobby") is None
    chat.close("garden")
    chat.close("garden")
    assert chat.current is None
    chat.see()


def test_a_room_that_is_written_otherwise_keeps_what_one_was_about_to_say() -> None:
    chat = alice()
    asked = chat.open("Garden")
    chat.show(asked)
    asked.draft, asked.reply_to = "half", "m1"
    tell(chat, Sending(id="x", command=SendMessage(room="Garden", content="early"), at=1))
    garden = chat.open("garden")
    chat.merge(asked, garden)
    assert (chat.current, chat.room("Garden")) == (garden, None)
    assert (garden.draft, garden.reply_to) == ("half", "m1")
    assert [pending.id for pending in garden.timeline.pending] == ["x"]
    garden.draft = "its own"
    chat.merge(chat.open("GARDEN"), garden)
    assert garden.draft == "its own"


def test_who_leaves_a_room_is_where_they_were_before() -> None:
    chat = alice()
    for name in ("attic", "cellar"):
        chat.show(chat.open(name))
    chat.show(lobby(chat))
    chat.close("lobby")
    assert chat.current is chat.room("cellar")


def test_a_room_that_the_server_closes_is_forgotten() -> None:
    chat = alice()
    tell(chat, RoomLost(room="lobby", error=NotAllowed("forbidden", "no")))
    assert chat.rooms == []


@pytest.mark.parametrize(("missing", "hole"), [(37, True), (None, False)])
def test_a_room_has_its_holes(missing: int | None, hole: bool) -> None:
    chat = alice()
    tell(chat, message(1), Gap(room="lobby", after=1, missing=missing), message(39))
    tell(chat, Gap(room="nowhere", after=1, missing=1))
    assert bool(lobby(chat).timeline.holes) is hole
    assert bool(lobby(chat).timeline.former) is not hole


def test_who_is_in_a_room_is_to_be_looked_up_and_kept_in_order() -> None:
    chat = alice()
    change: dict[str, Any] = {"joined": ("bob",), "left": (), "snapshot": False}
    assert tell(chat, PresenceChanged(room="lobby", members=3, **change)) == [SeeCompany("lobby")]
    chat.company("lobby", present(3, ["bob", "Alice", "Éva"]))
    chat.company("nowhere", Company())
    assert lobby(chat).company == (3, ("Alice", "bob", "Éva"))


def test_what_came_since_an_earlier_stay_is_unread() -> None:
    chat = alice()
    chat.seen_before["~conversation"] = 1
    tell(chat, *[whisper(seq, replay=True) for seq in (1, 2, 3)])
    assert chat.unread == (2, 2)


def connect(chat: ChatState) -> None:
    tell(chat, StateChanged(state=Connected(since=1.0)))


@pytest.mark.parametrize("head", [0, 1])
def test_what_came_during_a_cut_to_a_room_that_was_never_looked_at_is_unread(head: int) -> None:
    chat = alice()
    connect(chat)
    tell(chat, joined("garden", head), *[message(1, room="garden", replay=True)] * head)
    assert chat.unread.all == 0
    connect(chat)
    late = [message(head + n, room="garden", replay=True) for n in (1, 2)]
    tell(chat, joined("garden", head + 2), *late)
    assert chat.unread == (2, 0)


@pytest.mark.parametrize("head", [0, 1])
def test_a_conversation_that_goes_on_or_begins_during_a_cut_calls(head: int) -> None:
    chat = alice()
    connect(chat)
    if head:
        tell(chat, joined("~conversation", head), whisper(1, replay=True))
    assert chat.unread.all == 0
    connect(chat)
    tell(chat, joined("~conversation", head + 1), whisper(head + 1, replay=True))
    assert chat.unread == (1, 1)


def test_what_stands_in_another_log_was_there_before() -> None:
    chat = alice()
    connect(chat)
    tell(chat, joined("garden", 5), message(5, room="garden", replay=True))
    connect(chat)
    tell(chat, joined("garden", 7, recovered="none"))
    tell(chat, Gap(room="garden", after=0, missing=None), message(7, room="garden", replay=True))
    assert chat.unread.all == 0


def test_what_comes_live_was_never_seen() -> None:
    chat = ChatState("Alice")
    chat.seen_before["garden"] = 500
    chat.show(chat.open("lobby"))
    garden = chat.open("garden")
    assert (garden.seen, garden.seen_before) == (500, 500)
    tell(chat, message(1, room="garden"))
    assert garden.unread == 1
