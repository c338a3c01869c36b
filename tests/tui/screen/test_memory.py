from pathlib import Path

import pytest

from causerie.tui.screen.memory import MOST_ROOMS, Memory, Place, memory_path


def test_what_was_seen_is_known_to_the_next_stay(tmp_path: Path) -> None:
    path = tmp_path / "new" / "seen.json"
    memory = Memory(path)
    assert memory.seen == {}
    memory.see("lobby", 6, "m6")
    memory.see("lobby", 7, "m7")
    memory.keep()
    assert Memory(path).seen == {"lobby": Place(7, "m7")}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"lobby": 1}', b"\xff"])
def test_what_cannot_be_read_is_as_if_nothing_had_been_seen(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seen.json"
    path.write_bytes(content)
    assert Memory(path).seen == {}


def test_where_nothing_can_be_kept_nothing_breaks(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for memory in (Memory(tmp_path / "file" / "seen.json"), Memory()):
        memory.see("lobby", 7, "m7")
        memory.keep()
        assert memory.seen == {"lobby": Place(7, "m7")}


def test_each_name_on_each_server_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    paths = {
        memory_path(server, name)
        for server in ("ws://localhost:8080/ws", "http://localhost:8080", "ws://other:1")
        for name in ("Alice", "Bob")
    }
    assert len(paths) == 4
    assert all(path.parent == tmp_path / "causerie" / "seen" for path in paths)


def test_what_another_stay_has_seen_beyond_it_stays_seen(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    before = Memory(path)
    before.see("lobby", 500, "of a log that is no more")
    before.keep()
    here, there = Memory(path), Memory(path)
    there.see("garden", 7, "g7")
    there.see("attic", 2, "a2")
    there.keep()
    here.see("garden", 5, "g5")
    here.see("attic", 3, "a3")
    here.see("lobby", 1, "m1")
    here.keep()
    seen = Memory(path).seen
    assert {room: place.seq for room, place in seen.items()} == {
        "garden": 7,
        "attic": 3,
        "lobby": 1,
    }
    assert [file.name for file in tmp_path.iterdir()] == ["seen.json"]


def test_so_many_rooms_are_remembered_the_newest(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "seen.json")
    for number in range(MOST_ROOMS + 2):
        memory.see(f"room{number}", 1, "x")
    memory.see("room0", 2, "y")
    memory.keep()
    rooms = Memory(tmp_path / "seen.json").seen
    assert len(rooms) == MOST_ROOMS
    assert "room0" in rooms
    assert "room2" not in rooms
