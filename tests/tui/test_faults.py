"""A fault of ours on the screen: noted where only its owner looks, and told in a sentence."""

import stat
import sys
from pathlib import Path

import platformdirs
import pytest
from tests.support.terminal import Terminal
from tests.tui.people import People

from causerie.tui.faults import faults_path, note_fault

FAULTY = """
import sys
from causerie.tui.screen.app import ChatApp
def fail(self):
    secret = "what somebody wrote"
    raise LookupError("no such thing")
ChatApp.action_help = fail
from causerie.cli import main
sys.exit(main(sys.argv[1:]))
"""


def a_fault() -> Exception:
    try:
        raise LookupError("a lone \udc80")
    except LookupError as error:
        return error


def test_a_fault_is_noted_for_its_owner_alone_in_place_of_the_last(tmp_path: Path) -> None:
    path = tmp_path / "new" / "fault.txt"
    assert note_fault(path, ValueError("an earlier one")) == path
    assert note_fault(path, a_fault()) == path
    text = path.read_text("utf-8")
    assert "in a_fault" in text
    assert "LookupError: a lone \\udc80" in text
    assert "an earlier one" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_nothing_can_be_written_a_fault_is_noted_nowhere(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert note_fault(tmp_path / "file" / "fault.txt", a_fault()) is None


def test_the_file_lies_in_the_users_folder_for_logs() -> None:
    assert faults_path().parent == platformdirs.user_log_path("causerie", appauthor=False)


@pytest.mark.real
@pytest.mark.slow
def test_a_fault_on_the_screen_ends_it_with_a_sentence_and_no_traceback(
    people: People, tmp_path: Path
) -> None:
    environment = people.environment | {
        "TERM": "xterm-256color",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    arguments = ["chat", "Alice", "--url", people.url, "--room", people.room, "--lang", "en"]
    with Terminal([sys.executable, "-c", FAULTY, *arguments], environment=environment) as terminal:
        terminal.wait_for("Connected (")
        terminal.type("\x1bOP")  # F1
        assert terminal.wait() == 1
        shown = " ".join("".join(terminal.lines).split())
    assert "causerie: The screen has failed, which is a fault of this program: " in shown
    assert "causerie chat --plain does without it" in shown
    assert "Traceback" not in shown
    assert "Goodbye" not in shown
    (note,) = (tmp_path / "state").rglob("screen-fault.txt")
    assert "LookupError: no such thing" in note.read_text()
    assert "what somebody wrote" not in note.read_text().split("LookupError")[1]
