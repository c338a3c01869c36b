import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.client.errors import refusal
from causerie.client.machine.events import (
    Acked,
    Event,
    Gap,
    History,
    LatencyMeasured,
    PresenceChanged,
    Receipt,
    Renamed,
    RoomLost,
    ServerError,
    StateChanged,
    TypingChanged,
    Unknown,
)
from causerie.client.machine.states import Connected
from causerie.language import Words
from causerie.tui.attendance import BACK_WITHIN, GATHERED_FOR
from causerie.tui.lines import Line, Style, plain
from causerie.tui.view import ARRIVED_WITHIN, View
from causerie.wire.commands import Cursor
from causerie.wire.replies import Joined, Limits, Message, Notice, Private, Welcome

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
STARTED = int(NOON.timestamp() * 1000)
LIMITS = Limits(
    frame=65536, reply=262144, content=4000, rooms=100, rate=20, burst=40, dedupe=None, page=100
)


def view(language: str = "en", *, earlier: int = 20) -> View:
    return View(
        Words(language),
        "Alice",
        local=lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC),
        started=STARTED,
        earlier=earlier,
        max_attempts=None,
    )


def welcome(username: str = "Alice") -> Welcome:
    return Welcome(
        username=username,
        kept=True,
        server="causerie/0",
        time=STARTED,
        heartbeat=27_000,
        grace=15_000,
        limits=LIMITS,
    )


def joined(
    *names: str, room: str = "lobby", head: int = 0, members: int = 0, recovered: str | None = None
) -> Joined:
    return Joined(
        room=room,
        epoch="e",
        head=Cursor(seq=head, id=f"i{head}"),
        members=members or len(names),
        names=list(names),
        recovered=recovered,  # type: ignore[arg-type]
    )


def message(
    content: str,
    seq: int = 1,
    *,
    username: str = "Bob",
    room: str = "lobby",
    at: int = 0,
    replay: bool = False,
) -> Message:
    return Message(
        room=room,
        seq=seq,
        prev=seq - 1,
        id=f"i{seq}",
        username=username,
        content=content,
        timestamp=STARTED + at * 1000,
        replay=replay,
    )


def private(content: str, *, at: int = 0, replay: bool = False, to: str = "Alice") -> Private:
    return Private(
        room="~x",
        seq=1,
        prev=0,
        id="p",
        username="Bob",
        sender="Bob",
        to=to,
        content=content,
        timestamp=STARTED + at * 1000,
        replay=replay,
    )


def presence(*came: str, left: tuple[str, ...] = (), room: str = "lobby") -> PresenceChanged:
    return PresenceChanged(room=room, members=2, joined=came, left=left, snapshot=False)


def texts(lines: list[Line]) -> list[str]:
    return [plain(line) for line in lines]


def shown(one: View, *events: Event, now: float = 0) -> list[str]:
    return [text for event in events for text in texts(one.show(event, now))]


def styles(line: Line) -> list[Style]:
    return [span.style for span in line]


def in_lobby(*others: str, earlier: int = 20) -> View:
    one = view(earlier=earlier)
    one.welcomed(welcome())
    one.show(joined("Alice", *others), 0)
    return one


# Oneself.


def test_one_is_told_ones_name_as_the_server_writes_it_once() -> None:
    one = view()
    assert texts(one.welcomed(welcome("alice\u200b"))) == ["You are logged in as: alice"]
    assert one.welcomed(welcome("alice")) == []
    assert shown(one, Renamed(username="alice\u200b")) == []


def test_another_name_is_told() -> None:
    one = in_lobby()
    assert shown(one, Renamed(username="Alicia")) == ["You are now known as Alicia"]
    (line,) = one.show(message("hi", username="Alicia"), 0)
    assert Style.OWN in styles(line)


def test_the_connection_is_told() -> None:
    one = view()
    assert shown(one, StateChanged(state=Connected(since=0)), LatencyMeasured(rtt_ms=3)) == [
        "Connected (3 ms)"
    ]


# What is said.


def test_a_message_has_its_local_time_and_its_author() -> None:
    (line,) = in_lobby().show(message("hello", at=5), 0)
    assert plain(line) == "[12:00:05] Bob: hello"
    assert styles(line) == [Style.TIME, Style.NAME, Style.PLAIN]


def test_ones_own_messages_look_different() -> None:
    (line,) = in_lobby().show(message("hello", username="Alice"), 0)
    assert styles(line) == [Style.TIME, Style.OWN, Style.PLAIN]


def test_further_lines_are_indented_so_that_none_looks_like_a_message() -> None:
    content = "one\r\n[12:00:00] Alice: I resign\u2028three"
    assert shown(in_lobby(), message(content)) == [
        "[12:00:00] Bob: one",
        "    [12:00:00] Alice: I resign",
        "    three",
    ]


def test_a_private_message_says_so_and_between_whom() -> None:
    (line,) = in_lobby().show(private("psst"), 0)
    assert plain(line) == "[12:00:00] (private) Bob → Alice: psst"
    assert Style.PRIVATE in styles(line)


def test_what_is_said_in_another_room_is_marked_with_it() -> None:
    one = in_lobby()
    shown(one, joined("Alice", room="dev"))
    assert one.rooms == ("lobby", "dev")
    assert one.current == "dev"
    assert shown(one, message("here", room="dev"), message("there", room="lobby")) == [
        "[12:00:00] Bob: here",
        "[12:00:00] #lobby Bob: there",
    ]
    one.current = "lobby"
    assert shown(one, message("again", 2)) == ["[12:00:00] Bob: again"]


def test_another_day_is_told_before_what_was_said_on_it() -> None:
    one = in_lobby()
    day = int(timedelta(days=1).total_seconds())
    assert shown(one, message("a"), message("b", 2, at=day), message("c", 3, at=day + 1)) == [
        "[12:00:00] Bob: a",
        "— 2026-03-02 —",
        "[12:00:00] Bob: b",
        "[12:00:01] Bob: c",
    ]


def test_an_entry_of_an_unknown_type_has_its_place() -> None:
    entry = Unknown(
        room="lobby",
        seq=1,
        prev=0,
        id="i",
        username="Bob",
        timestamp=STARTED,
        frame="\x1b",
    )
    assert shown(in_lobby(), entry) == ["[12:00:00] Bob: (something that this version cannot show)"]


def test_system_is_known_by_the_type_of_what_it_says() -> None:
    assert shown(in_lobby(), Notice(message="Restart\nin a minute\x07")) == [
        "System: Restart",
        "    in a minute␇",
    ]


def test_what_the_server_complains_of_is_told() -> None:
    assert shown(in_lobby(), ServerError(error=refusal("newer", "Wait\x1b."))) == [
        "The server says: Wait␛."
    ]


def test_an_acknowledgement_is_no_line() -> None:
    receipt = Receipt(id="i", room="lobby", seq=1, timestamp=STARTED)
    assert shown(in_lobby(), Acked(receipt=receipt)) == []


# Coming to a room.


def test_who_comes_to_an_empty_room_is_told_who_is_there() -> None:
    assert shown(view(), joined("Alice")) == ["You are alone in lobby."]
    assert shown(view(), joined("Bob", "Alice")) == ["You are in lobby, with Bob."]


def test_in_a_large_room_few_are_named_and_the_others_counted() -> None:
    names = ["Alice", *(f"U{number}" for number in range(199))]
    assert shown(view(), joined(*names, members=300)) == [
        "You are in lobby, with U0, U1, U2, U3, U4 and 294 others."
    ]


def test_what_was_said_before_is_shown_as_earlier_and_then_one_has_arrived() -> None:
    one = view()
    one.welcomed(welcome())
    assert shown(one, joined("Alice", "Bob", head=2)) == []
    (head, line) = one.show(message("a", 1, at=-2, replay=True), 0)
    assert plain(head) == "Earlier in lobby:"
    assert plain(line) == "[11:59:58] Bob: a"
    assert styles(line) == [Style.EARLIER]
    assert shown(one, message("b", 2, at=-1, replay=True), message("c", 3)) == [
        "[11:59:59] Bob: b",
        "You are in lobby, with Bob.",
        "[12:00:00] Bob: c",
    ]


def test_all_lines_of_an_earlier_message_are_dim() -> None:
    one = view()
    one.show(joined("Alice", head=1), 0)
    lines = one.show(message("a\nb", 1), 0)
    assert [styles(line) for line in lines[1:3]] == [[Style.EARLIER], [Style.EARLIER]]


def test_one_has_arrived_when_somebody_speaks_or_it_takes_too_long() -> None:
    one = view()
    one.show(joined("Alice", head=2), 10)
    assert one.deadline() == 10 + ARRIVED_WITHIN
    assert one.tick(10.5) == []
    assert texts(one.tick(10 + ARRIVED_WITHIN)) == ["You are alone in lobby."]
    assert one.deadline() is None
    one = view()
    one.show(joined("Alice", head=2), 10)
    assert shown(one, message("c", 3)) == ["You are alone in lobby.", "[12:00:00] Bob: c"]


def test_who_wants_nothing_earlier_has_arrived_at_once() -> None:
    assert shown(view(earlier=0), joined("Alice", head=2)) == ["You are alone in lobby."]


def test_earlier_private_messages_are_shown_as_such_under_the_names_of_the_two() -> None:
    one = in_lobby()
    assert shown(one, private("a", at=-60, replay=True), private("b", at=-50, replay=True)) == [
        "Earlier, between Bob and Alice:",
        "[11:59:00] (private) Bob → Alice: a",
        "[11:59:10] (private) Bob → Alice: b",
    ]
    assert shown(one, private("missed", at=60, replay=True)) == [
        "[12:01:00] (private) Bob → Alice: missed"
    ]


def test_history_is_shown_as_earlier() -> None:
    one = in_lobby()
    pages = [
        History(room="lobby", epoch="e", entries=(message("a", 1, at=-9),), more=False),
        History(room="lobby", epoch="e", entries=(message("b", 2, at=-8),), more=True),
    ]
    lines = one.history(pages)
    assert texts(lines) == ["Earlier in lobby:", "[11:59:51] Bob: a", "[11:59:52] Bob: b"]
    assert styles(lines[2]) == [Style.EARLIER]
    empty = History(room="lobby", epoch="e", entries=(), more=False)
    assert texts(one.history([empty])) == ["Nothing was said in lobby yet"]


# Cuts.


def test_nothing_is_announced_again_after_a_cut() -> None:
    one = in_lobby("Bob", "Carol")
    shown(one, message("a", 1))
    assert shown(one, joined("Alice", head=3, recovered="complete"), now=100) == []
    assert shown(one, message("b", 2, replay=True), message("c", 3, replay=True)) == [
        "[12:00:00] Bob: b",
        "[12:00:00] Bob: c",
    ]
    assert shown(one, presence("Bob"), now=101) == []
    assert texts(one.tick(102)) == []
    assert one.deadline() == 100 + BACK_WITHIN
    one.tick(100 + BACK_WITHIN)
    assert texts(one.tick(100 + BACK_WITHIN + GATHERED_FOR)) == ["Carol has left"]


def test_a_cut_before_the_earlier_messages_came_changes_nothing_about_them() -> None:
    one = view()
    shown(one, joined("Alice", head=2))
    shown(one, joined("Alice", head=3))
    assert shown(one, message("c", 3, replay=True)) == [
        "Earlier in lobby:",
        "[12:00:00] Bob: c",
        "You are alone in lobby.",
    ]


def test_what_is_said_in_a_log_that_was_begun_again_is_not_taken_for_earlier() -> None:
    one = view()
    shown(one, joined("Alice", head=9), message("a", 9))
    shown(one, joined("Alice", head=2, recovered="none"))
    (line,) = one.show(message("new", 2, replay=True), 0)
    assert Style.EARLIER not in styles(line)


def test_what_is_missing_is_told() -> None:
    one = in_lobby()
    assert shown(one, Gap(room="lobby", after=3, missing=37)) == ["37 messages are not shown here"]
    assert shown(one, Gap(room="lobby", after=3, missing=None)) == [
        "Some messages may be missing here"
    ]


# Others.


def test_who_comes_and_goes_is_told_after_a_moment() -> None:
    one = in_lobby("Bob")
    assert shown(one, presence("Carol", "Dora", "Alice", left=("Bob",)), now=5) == []
    assert one.deadline() == 5 + GATHERED_FOR
    assert texts(one.tick(5 + GATHERED_FOR)) == ["Carol and Dora have joined", "Bob has left"]


def test_that_somebody_has_come_is_told_before_what_they_say() -> None:
    one = in_lobby()
    shown(one, presence("Bob"))
    assert shown(one, message("hi")) == ["Bob has joined", "[12:00:00] Bob: hi"]
    assert one.deadline() is None


def test_news_of_another_room_name_it() -> None:
    one = in_lobby()
    shown(one, joined("Alice", room="dev"), presence("Bob"))
    assert texts(one.tick(99)) == ["lobby: Bob has joined"]


def test_a_snapshot_is_told_as_what_is_new_in_it() -> None:
    one = in_lobby("Bob")
    snapshot = PresenceChanged(
        room="lobby", members=3, joined=("Alice", "Bob", "Carol"), left=(), snapshot=True
    )
    shown(one, snapshot, now=10)
    assert texts(one.tick(11)) == ["Carol has joined"]
    counted = PresenceChanged(room="lobby", members=300, joined=("X",), left=(), snapshot=True)
    shown(one, counted, now=20)
    assert one.deadline() is None


def test_news_of_a_room_one_is_not_in_are_no_news() -> None:
    one = in_lobby()
    typing = TypingChanged(room="dev", usernames=("Bob",))
    assert shown(one, presence("Bob", room="dev"), typing) == []
    assert one.deadline() is None
    assert one.rooms == ("lobby",)


# Going.


def test_who_leaves_the_current_room_is_told_where_they_speak_now() -> None:
    one = in_lobby()
    shown(one, joined("Alice", room="dev"), joined("Alice", room="ops"))
    assert texts(one.left("ops")) == ["You have left ops.", "What you type goes to dev."]
    assert texts(one.left("lobby")) == ["You have left lobby."]
    assert texts(one.left("dev")) == [
        "You have left dev.",
        "You are in no room; /join ROOM takes you into one",
    ]
    assert one.current is None
    assert one.rooms == ()


def test_a_room_that_one_may_be_in_no_longer_is_told_with_the_reason() -> None:
    one = in_lobby()
    lost = RoomLost(room="lobby", error=refusal("newer", "Members\x1b only."))
    assert shown(one, lost) == [
        "You are no longer in lobby: Members␛ only.",
        "You are in no room; /join ROOM takes you into one",
    ]
    assert shown(one, lost) == []


# The status line.


def test_the_status_says_where_one_is_and_how_the_connection_is() -> None:
    one = view()
    assert plain(one.status(0)) == "● Connecting…"
    one = in_lobby()
    shown(one, StateChanged(state=Connected(since=0)), LatencyMeasured(rtt_ms=3))
    assert plain(one.status(0)) == "● Connected (3 ms) · lobby"
    assert one.status(0)[0].style is Style.GOOD
    assert plain(one.status(0, waiting=1)) == "● Connected (3 ms) · lobby · 1 line waits"


@pytest.mark.parametrize(
    ("language", "names", "text"),
    [
        ("en", [], ""),
        ("en", ["Bob"], " · Bob is typing…"),
        ("en", ["Bob", "C\x1barol"], " · Bob and C␛arol are typing…"),
        ("en", ["Bob", "Carol", "Dora"], " · several people are typing…"),
        ("fr", ["Bob"], " · Bob est en train de taper…"),
        ("fr", ["Bob", "Carol"], " · Bob et Carol sont en train de taper…"),
        ("fr", ["a", "b", "c"], " · plusieurs personnes sont en train de taper…"),
    ],
)
def test_the_status_says_who_is_typing_here(language: str, names: list[str], text: str) -> None:
    one = view(language)
    one.show(joined("Alice", room="dev"), 0)
    one.show(joined("Alice"), 0)
    shown(
        one,
        TypingChanged(room="lobby", usernames=tuple(names)),
        TypingChanged(room="dev", usernames=("X",)),
    )
    assert plain(one.status(0)).partition("lobby")[2] == text


# Whatever others write.

HOSTILE = st.text(st.sampled_from("ab \x1b[31m\x9b\x07\u202e\u2066\u200b\n\r\t\ud800"), max_size=20)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_nothing_that_others_wrote_can_act(name: str, content: str, room: str) -> None:
    one = in_lobby()
    error = refusal("newer", content)
    lines = [
        *one.welcomed(welcome(name)),
        *one.show(joined("Alice", name, room=room, head=1), 0),
        *one.show(message(content, username=name, room=room), 0),
        *one.show(message(content, 2, username=name), 0),
        *one.show(private(content, to=name), 0),
        *one.show(Notice(message=content), 0),
        *one.show(ServerError(error=error), 0),
        *one.show(TypingChanged(room=room, usernames=(name,)), 0),
        one.status(0),
        *one.show(presence(name), 0),
        *one.show(presence(name + "x", room=room), 0),
        *one.tick(99),
        *one.history(
            [History(room=room, epoch="e", entries=(message(content, username=name),), more=False)]
        ),
        *one.show(Renamed(username=name), 0),
        one.whereto(),
        *one.show(RoomLost(room=room, error=error), 0),
        *one.left(room),
    ]
    for text in texts(lines):
        assert not any(
            unicodedata.category(char) in {"Cc", "Cs", "Cf", "Zl", "Zp"} for char in text
        )
