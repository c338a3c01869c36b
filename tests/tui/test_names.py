"""A name on two devices: `causerie name export` and `causerie name import`."""

import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from causerie.cli import main
from causerie.client.keys import KeyStore

URL = "ws://chat.example:8080"


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], KeyStore]:
    """Takes another device in hand; returns its keys."""

    def take(name: str) -> KeyStore:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))
        return KeyStore()

    return take


def test_a_name_goes_from_one_device_to_another(
    device: Callable[[str], KeyStore],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = device("first").find_or_make(URL, "Alice")
    assert main(["name", "export", "Alice", "--url", URL]) == 0
    link = capsys.readouterr().out
    assert key in link
    second = device("second")
    monkeypatch.setattr("sys.stdin", io.StringIO(link))
    assert main(["name", "import"]) == 0
    assert capsys.readouterr().out == f"You are Alice on {URL} from here, too.\n"
    assert second.find(URL, "Alice") == key


def test_a_link_can_lie_in_a_file_that_only_its_owner_reads(
    device: Callable[[str], KeyStore], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = device("first").find_or_make(URL, "Alice")
    file = tmp_path / "alice"
    export = ["name", "export", "Alice", "--url", URL, "--file", str(file)]
    assert main(export) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert capsys.readouterr().out == ""
    assert main(export) == 1
    assert "is there already" in capsys.readouterr().err
    second = device("second")
    assert main(["name", "import", "--file", str(file), "--url", "localhost:9000"]) == 0
    assert second.find("ws://localhost:9000", "Alice") == key


def test_a_key_that_is_here_is_not_replaced(
    device: Callable[[str], KeyStore], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device("first").find_or_make(URL, "Alice")
    file = tmp_path / "alice"
    main(["name", "export", "Alice", "--url", URL, "--file", str(file)])
    second = device("second")
    key = second.find_or_make(URL, "Alice")
    assert main(["name", "import", "--file", str(file)]) == 1
    assert "another key" in capsys.readouterr().err
    assert second.find(URL, "Alice") == key


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["export", "Nobody", "--url", URL], 1),
        (["export", "Alice", "--url", "ftp://x"], 2),
        (["import"], 2),
        (["import", "--file", "/nonexistent"], 1),
        (["import", "--url", "ftp://x"], 2),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    device: Callable[[str], KeyStore],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
) -> None:
    device("first")
    monkeypatch.setattr("sys.stdin", io.StringIO("not a link\n"))
    assert main(["name", *arguments]) == code
    told = capsys.readouterr().err
    assert told.startswith("causerie: ")
    assert len(told.splitlines()) == 1
