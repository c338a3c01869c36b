from causerie.language import LANGUAGES, Words
from causerie.tui.answers import help_lines, member_lines, room_lines, sharing_a_name
from causerie.tui.commands import COMMANDS
from causerie.tui.lines import plain
from causerie.wire.commands import Cursor
from causerie.wire.replies import RoomSummary

WORDS = Words("en")


def summary(room: str, *, members: int = 0, peer: str | None = None) -> RoomSummary:
    head = Cursor(seq=0, id="")
    return RoomSummary(room=room, epoch="e", head=head, members=members, peer=peer)


def test_help_lists_every_command_in_columns() -> None:
    for language in LANGUAGES:
        rows = [plain(row) for row in help_lines(Words(language))[1:]]
        assert [row.split()[0] for row in rows[:-1]] == [f"/{name}" for name in COMMANDS]
        assert rows[-1].lstrip().startswith("//")
        width = max(len(Words(language)(f"usage-{name}")) for name in COMMANDS) + 4
        assert all(row[width - 1] == " " != row[width] for row in rows)


def test_all_who_are_in_a_room_are_named() -> None:
    names = [f"User{number}" for number in range(10)]
    (line,) = member_lines(WORDS, "lobby", names)
    assert plain(line).startswith("10 people in lobby: User0, User1")
    assert plain(line).endswith("User8 and User9")
    (line,) = member_lines(WORDS, "lob\x1bby", ["A\u202e"])
    assert plain(line) == "1 person in lob␛by: A"


def test_an_empty_room_is_told_to_be_empty() -> None:
    (line,) = member_lines(WORDS, "lobby", [])
    assert plain(line) == "Nobody is in lobby"


def test_rooms_and_conversations_are_listed_by_what_people_call_them() -> None:
    rooms = [
        summary("dev", members=1),
        summary("lob\x1bby", members=3),
        summary("~x", peer="B\u202eob"),
    ]
    assert [plain(line) for line in room_lines(WORDS, rooms, "dev")] == [
        "dev, 1 person (what you type goes there)",
        "lob␛by, 3 people",
        "a private conversation with Bob",
    ]


def test_who_is_nowhere_is_told_so() -> None:
    (line,) = room_lines(WORDS, [], None)
    assert plain(line) == "You are in no room, and have no private conversations"


def test_of_conversations_with_one_name_the_latest_is_with_its_holder() -> None:
    rooms = [
        summary("~a", peer="alice"),
        summary("~b", peer="Alice"),
        summary("~c", peer="Bob"),
        summary("~d", peer="Alice"),
        summary("Bob", members=1),
    ]
    assert [room.room for room in sharing_a_name(rooms)] == ["~a", "~b", "~d"]
    talked_at = {"~a": 10, "~b": 30, "~d": 20}
    assert [plain(line) for line in room_lines(WORDS, rooms, None, talked_at)] == [
        "a private conversation with alice (who had this name earlier)",
        "a private conversation with Alice",
        "a private conversation with Bob",
        "a private conversation with Alice (who had this name earlier)",
        "Bob, 1 person",
    ]
