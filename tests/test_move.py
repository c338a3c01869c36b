"""`causerie move` says how far it is, what there is in the end, and what to do if it cannot."""

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adapters.archives import kept, message, private
from tests.test_archive import Careless

from causerie import move as moving
from causerie.adapters.sqlite import open_archive
from causerie.archive import Unlike
from causerie.cli import main
from causerie.language import Words
from causerie.move import Lines, MoveError, move

EN, FR = Words("en"), Words("fr")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Two rooms, a conversation and a name."""
    folder = tmp_path / "source"
    put(folder, message(0), message(1, "garden"), private(2, 1, 2))
    return str(folder)


def put(folder: Path, *entries: object) -> None:
    async def fill_it() -> None:
        archive = open_archive(folder)
        await archive.append(entries)  # type: ignore[arg-type]
        await archive.set_names([kept(1, "Zoé")])
        archive.close()

    asyncio.run(fill_it())


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """That of before, afterwards."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def moved(
    source: str, target: Path | str, words: Words = EN, out: io.StringIO | None = None
) -> str:
    """What is said of it."""
    out = out or io.StringIO()
    move(source, str(target), words, out)
    return out.getvalue()


def test_in_a_pipe_it_says_in_lines_what_it_does_and_what_there_is(
    source: str, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    assert moved(source, target) == (
        "Copying: 0 of 3 messages\n"
        "Copying: 3 of 3 messages\n"
        "Comparing: 0 of 6 messages, those of both places together\n"
        "Comparing: 6 of 6 messages, those of both places together\n"
        f"{target} now holds all that {source} holds, read again and compared: "
        "3 rooms and conversations, 3 messages, 1 name.\n"
        "3 messages were not there before.\n"
        f"{source} stays as it is, as a copy: delete it when you no longer need it.\n"
    )
    again = moved(source, target)
    assert again.startswith(
        "Looking through what is there: 0 of 6 messages, those of both places together\n"
        "Looking through what is there: 6 of 6 messages, those of both places together\n"
        "Copying: 0 of 3 messages\n"
    )
    assert "0 messages were not there before." in again
    put(tmp_path / "more", message(0))
    assert "1 room or conversation, 1 message," in moved(str(tmp_path / "more"), tmp_path / "x")


def test_it_speaks_french(source: str, tmp_path: Path) -> None:
    said = moved(source, tmp_path / "cible", FR)
    assert said.startswith("Copie : 0 messages sur 3\n")
    assert "\nComparaison : 6 messages sur 6, ceux des deux endroits ensemble\n" in said
    assert "3 salons et conversations, 3 messages, 1 nom." in said


def test_a_long_one_says_from_time_to_time_how_far_it_is_and_that_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = 100.0
    monkeypatch.setattr(moving, "monotonic", lambda: seconds)
    out = io.StringIO()
    tell = Lines(EN, out)
    for done in range(0, 64, 4):
        tell("copying", done, 60)
        seconds += 3.0
    said = [line.split(" ")[1] for line in out.getvalue().splitlines()]
    assert said == ["0", "16", "32", "48", "60"]


def test_on_a_terminal_there_is_a_bar_that_goes_in_the_end(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    said = moved(source, tmp_path / "target", out=Terminal())
    assert "Comparing" in said
    assert "6/6" in said
    assert "━" in said
    *_, last = said.split("\x1b[2K")
    assert last.strip().startswith(str(tmp_path / "target"))


def test_what_lets_one_into_nats_is_not_said() -> None:
    place = "nats://ann:secret@127.0.0.1:1"
    with pytest.raises(MoveError, match=r"^nats://…@127.0.0.1:1 is both the source and the target"):
        moved(place, place)


def test_a_target_that_holds_something_else_is_told_by_a_room(source: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    put(other, message(0), message(5, "garden", who=3))
    with pytest.raises(MoveError, match=r"for instance in garden\. Nothing .* holds nothing"):
        moved(source, other)
    talk = tmp_path / "talk"
    put(talk, private(3, 1, 2))
    with pytest.raises(MoveError, match=r"for instance in a private conversation\. Nothing"):
        moved(source, talk)


def test_a_target_in_which_people_went_on_is_told(source: str, tmp_path: Path) -> None:
    put(tmp_path / "part", message(0))
    with pytest.raises(MoveError, match=r"and what was said after that.*go on with"):
        moved(str(tmp_path / "part"), Path(source))


def test_a_target_that_keeps_other_names_is_told(source: str, tmp_path: Path) -> None:
    async def keep() -> None:
        archive = open_archive(tmp_path / "names")
        await archive.set_names([kept(1, "Bob")])
        archive.close()

    asyncio.run(keep())
    with pytest.raises(MoveError, match=r"the name Bob\. Nothing was changed"):
        moved(source, tmp_path / "names")


@pytest.mark.parametrize(
    ("unlike", "told"),
    [
        (Unlike(["garden"], 0), "hold what a holds; these differ: garden. See"),
        (Unlike(["garden", "~abc"], 3), "differ: garden, a private conversation and 3 names. See"),
        (
            Unlike([str(number) for number in range(9)], 0),
            "differ: 0, 1, 2, 3, 4 and 4 others. See",
        ),
    ],
)
def test_a_copy_that_is_not_like_the_source_is_told(unlike: Unlike, told: str) -> None:
    assert told in moving._explain(unlike, "a", "b", EN)


def test_a_mutated_copy_ends_the_command_with_exit_code_1(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(folder: Path) -> object:
        return open_archive(folder) if str(folder) == source else Careless(folder, "a content")

    monkeypatch.setattr("causerie.adapters.sqlite.open_archive", careless)
    assert main(["move", source, str(tmp_path / "target"), "--lang", "en"]) == 1
    said = capsys.readouterr()
    assert "holds" not in said.out
    assert said.err.startswith("causerie: ")
    assert "does not hold what" in said.err


@pytest.mark.parametrize("same", ["source", "./source", "source/"])
def test_a_place_is_not_moved_into_itself(
    same: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MoveError, match="name two different ones"):
        move(source, same, EN, io.StringIO())
    with pytest.raises(MoveError, match="name two different ones"):
        move("nats://a", "nats://a", EN, io.StringIO())


def test_an_interrupted_one_says_how_to_go_on(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, "copy", interrupted)
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        moved(source, tmp_path / "target", out=out)
    assert "run the same command again" in out.getvalue()


def test_the_command_moves_and_is_done_with_exit_code_0(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["move", source, str(tmp_path / "target"), "--lang", "fr"]) == 0
    assert "relu et comparé" in capsys.readouterr().out
    assert main(["move", str(tmp_path / "none"), str(tmp_path / "target")]) == 1
    assert "There is no chat in" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such modes")
def test_what_is_moved_is_for_its_owner_alone(source: str, tmp_path: Path) -> None:
    target = tmp_path / "made before"
    target.mkdir(mode=0o755)
    moved(source, target)
    files = {path.name: path.stat().st_mode & 0o077 for path in target.iterdir()}
    assert "causerie.db" in files
    assert set(files.values()) == {0}
