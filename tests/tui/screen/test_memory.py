from pathlib import Path

import pytest

from causerie.tui.screen.memory import Memory, Place, memory_path


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
