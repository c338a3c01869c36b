from pathlib import Path

import pytest

from causerie.tui.screen.preferences import (
    Preferences,
    keep_preferences,
    load_preferences,
    preferences_path,
)


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "screen.json"
    preferences = Preferences(theme="light", bell=True)
    keep_preferences(path, preferences)
    assert load_preferences(path) == preferences


@pytest.mark.parametrize("content", [b"", b"{", b'{"theme": "pink"}', b"\xff"])
def test_what_cannot_be_read_is_as_if_nothing_had_been_chosen(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "screen.json"
    assert load_preferences(path) == Preferences()
    path.write_bytes(content)
    assert load_preferences(path) == Preferences()


def test_where_nothing_can_be_kept_nothing_breaks(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keep_preferences(tmp_path / "file" / "screen.json", Preferences())


def test_it_is_in_the_users_configuration_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert preferences_path() == tmp_path / "causerie" / "screen.json"
