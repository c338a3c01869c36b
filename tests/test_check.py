"""`causerie check` plays what was chosen, tells what holds, and exits as it went."""

import asyncio
import io
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.server_process import ServerProcess

from causerie import check as checking
from causerie.check import CannotCheck, Choice, Report, Result, check
from causerie.cli import main
from causerie.server.settings import HubSettings
from causerie.testing.conversations import (
    Conversation,
    Profile,
    load_conversations,
    read_conversation,
)
from causerie.testing.memory_driver import MemoryDriver
from causerie.testing.playing import Link, Unreachable
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.replies import Error

URL = "ws://chat.example/ws"

ALL = Choice()


def conversation(
    name: str, *steps: dict[str, Any], tags: Sequence[str] = ("v1",), **more: object
) -> Conversation:
    file = {"title": f"About {name}", "tags": tags, "steps": steps, **more}
    return read_conversation(name, json.dumps(file).encode())


GOOD = conversation("good", {"Al says hello": "$Al"})
BAD = conversation(
    "bad", {"Al says hello": "$Al"}, {"Al gets": {"type": "a\x1bb\u202e"}, "within": 100}
)
PLAIN = conversation("simple", {"Al enters plain": "$room"}, tags=["plain"])
BOTH = conversation(
    "both", {"Al enters plain": "$room"}, {"Bo enters": "$room"}, tags=["plain", "v1", "basic"]
)
MOVED = conversation("moved", {"the server": "stops"}, tags=["control"])
LOBBY = conversation("in-lobby", {"Al enters": "lobby"}, tags=["v1", "lobby"])
LIMITED = conversation(
    "limited", {"Al says hello": "$Al"}, requires={"limits": {"rooms": {"$below": 5}}}
)
EVERY = [GOOD, BAD, PLAIN, BOTH, MOVED, LOBBY, LIMITED]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class NotThere(MemoryDriver):
    """A server that cannot be reached, or not by v1, or not any more after so many connections."""

    def __init__(self, *, is_refused: bool = False, after: int = 0, only: str = "") -> None:
        super().__init__()
        self._is_refused = is_refused
        self._after = after
        self._only = only

    async def connect(self, profile: Profile) -> Link:
        self._after -= 1
        if self._after < 0 and profile != self._only:
            raise Unreachable("no \x1broute", is_refused=self._is_refused)
        return await super().connect(profile)


async def checked(
    conversations: Sequence[Conversation],
    *,
    driver: MemoryDriver | None = None,
    choice: Choice = ALL,
    out: io.StringIO | None = None,
) -> tuple[int, str]:
    """The exit code and all that was written."""
    out = out or io.StringIO()
    code = await check(URL, driver or MemoryDriver(), conversations, choice, Report(out))
    return code, out.getvalue()


# Choosing.


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (Choice(), ["good", "bad", "simple", "both", "moved", "in-lobby", "limited"]),
        (Choice(tags=["basic"]), ["both"]),
        (Choice(tags=["control", "lobby"]), ["moved", "in-lobby"]),
        (Choice(names=["bad", "li*"]), ["bad", "limited"]),
        (Choice(profile="plain"), ["simple", "moved"]),
        (Choice(profile="v1"), ["good", "bad", "moved", "in-lobby", "limited"]),
        (Choice(profile="v1", names=["good", "simple"]), ["good"]),
    ],
)
def test_conversations_are_chosen_by_tag_name_and_profile(choice: Choice, names: list[str]) -> None:
    assert [one.name for one in choice.of(EVERY)] == names


def test_a_choice_of_nothing_is_refused() -> None:
    for names in (["god"], ["god*"], ["good", "god"]):
        with pytest.raises(
            CannotCheck, match=r"there is no conversation 'god\*?'; the nearest are "
        ):
            Choice(names=names).of(EVERY)
    with pytest.raises(CannotCheck, match=r"are good, .*, and --only '\*' plays all"):
        Choice(names=["god"]).of(EVERY)
    with pytest.raises(CannotCheck, match="no tag 'fun'; there are basic, plain"):
        Choice(tags=["fun"]).of(EVERY)


@pytest.mark.parametrize(
    ("choice", "flags"),
    [
        (Choice(names=["good"], profile="plain"), "--only and --plain"),
        (Choice(names=["good"], tags=["basic"]), "--only and --tag"),
        (Choice(tags=["basic"], profile="v1"), "--tag and --v1"),
        (Choice(names=["bad"], tags=["basic"], profile="v1"), "--only and --tag and --v1"),
    ],
)
def test_flags_that_choose_nothing_together_are_named(choice: Choice, flags: str) -> None:
    with pytest.raises(CannotCheck) as error:
        choice.of(EVERY)
    assert str(error.value) == f"no conversation is chosen by {flags} together: leave one out"


async def test_the_lobby_is_left_alone_unless_it_is_asked_for() -> None:
    _, said = await checked([LOBBY])
    assert "would be read by everybody in the lobby (--tag lobby plays it): in-lobby" in said
    for choice in (Choice(tags=["lobby"]), Choice(names=["in-lobby"])):
        _, said = await checked([LOBBY], choice=choice)
        assert "held       1" in said


# Playing and telling.


async def test_what_holds_what_fails_and_what_is_skipped_is_told() -> None:
    code, said = await checked([GOOD, BAD, PLAIN, LOBBY, LIMITED])
    assert code == 1
    lines = said.splitlines()
    assert lines[0] == f"Checking {URL} (causerie): 3 conversations."
    assert any(line.startswith("held    good  0.") for line in lines)
    assert "failed  bad: About bad" in lines
    assert "    bad, step 2: Al should get" in lines
    assert lines[-5:-2] == ["", "held       2", "failed     1  bad"]
    assert lines[-2].startswith("skipped    2  ")
    assert (
        "in this server's welcome limits.rooms should be a number below 5, and is 100: limited"
        in (said)
    )


async def test_all_that_holds_is_success_and_what_is_skipped_no_failure() -> None:
    code, said = await checked([GOOD, LIMITED])
    assert code == 0
    assert "failed     0\n" in said


async def test_nothing_that_a_server_says_reaches_the_terminal_as_an_escape() -> None:
    _, said = await checked([BAD], driver=MemoryDriver(HubSettings(version="\x1b[2Jx\u202e")))
    assert "\x1b" not in said
    assert "\u202e" not in said


async def test_a_pipe_gets_lines_without_colours_and_a_terminal_colours_and_a_bar() -> None:
    _, piped = await checked([GOOD, BAD])
    assert "\x1b" not in piped
    assert "\r" not in piped
    _, shown = await checked([GOOD, BAD], out=Terminal())
    assert "\x1b[32mheld   \x1b[0m    1" in shown
    assert "\x1b[31mfailed \x1b[0m bad: About bad" in shown
    assert "[------------------------------] 0 of 2, 0 failed\r\x1b[K" in shown
    assert "[###############---------------] 1 of 2, " in shown
    assert "2 of 2" not in shown
    assert "good" not in shown, "what holds moves the bar alone"


async def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    _, shown = await checked([GOOD], out=Terminal())
    assert "\x1b[32m" not in shown


def test_reasons_for_skipping_are_told_once_with_all_that_they_hold_for() -> None:
    out = io.StringIO()
    Report(out).end(
        [
            Result(GOOD, "skipped", "one"),
            Result(BAD, "skipped", "another"),
            Result(PLAIN, "skipped", "one"),
        ]
    )
    assert out.getvalue().splitlines()[-2:] == [
        "skipped    3  one: good, simple",
        "              another: bad",
    ]


async def test_a_server_that_cannot_be_reached_is_told_in_a_sentence() -> None:
    with pytest.raises(CannotCheck) as error:
        await checked([GOOD], driver=NotThere())
    assert str(error.value).startswith(f"{URL} cannot be reached: no ")
    assert "\x1b" not in str(error.value)


async def test_a_server_of_the_plain_profile_alone_can_be_checked_for_that() -> None:
    with pytest.raises(CannotCheck):
        await checked([PLAIN], driver=NotThere(is_refused=True, only="plain"))
    code, said = await checked(
        [PLAIN, conversation("limited", tags=[], requires={"limits": {"rooms": 5}})],
        driver=NotThere(is_refused=True, only="plain"),
        choice=Choice(profile="plain"),
    )
    assert code == 0
    assert said.startswith(f"Checking {URL}: 1 conversations.\n")
    assert "limits should be an object, and is nothing: limited" in said


async def test_a_server_that_goes_away_meanwhile_fails_what_was_not_played() -> None:
    code, said = await checked([GOOD], driver=NotThere(after=1))
    assert code == 1
    assert "the server cannot be reached any more: no " in said


async def test_a_conversation_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(MemoryDriver):
        async def wait(self, milliseconds: float) -> None:
            del milliseconds
            await asyncio.Event().wait()

    monkeypatch.setattr(checking, "LONGEST", 0.05)
    code, said = await checked([conversation("long", {"time passes": 1}, tags=[])], driver=Stuck())
    assert code == 1
    assert "it is not over after 0 s" in said


async def test_all_conversations_are_played_with_a_server_in_memory() -> None:
    code, said = await checked(load_conversations())
    assert code == 0
    assert "it takes a real WebSocket: binary, " in said


# The command.


@pytest.mark.real
@pytest.mark.slow
def test_all_conversations_hold_with_a_real_server_and_can_be_played_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ServerProcess(tmp_path, "--grace", "5") as server:
        assert main(["check", server.url]) == 0
        said = capsys.readouterr().out
        assert "failed     0\n" in said
        held = [line for line in said.splitlines() if line.startswith("held    ")]
        assert len(held) >= 120
        assert main(["check", server.url, "--tag", "basic", "--tag", "lobby"]) == 0
        said = capsys.readouterr().out
        assert "held    plain-lobby  " in said
        assert main(["check", server.ws, "--plain", "--only", "plain-p*"]) == 0
        assert "held       2\n" in capsys.readouterr().out
        assert main(["check", server.ws, "--v1", "--only", "presence"]) == 2


@pytest.mark.real
@pytest.mark.slow
def test_what_does_not_hold_is_an_exit_code_of_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "load_conversations", lambda: [GOOD, BAD])
    with ServerProcess(tmp_path) as server:
        assert main(["check", server.url]) == 1
    assert "failed     1  bad\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--plain", "--v1"], "--plain and --v1 leave nothing to play"),
        (["--tag", "fun"], "there is no tag 'fun'"),
        (["--only", "presense"], "there is no conversation 'presense'; the nearest are presence"),
        ([], "(“causerie serve” starts a server)"),
    ],
)
def test_what_cannot_be_played_is_a_sentence_and_an_exit_code_of_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert main(["check", f"127.0.0.1:{nobody.getsockname()[1]}", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("causerie: ")
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_what_is_no_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "ftp://chat.example"]) == 2
    assert "not the address of a server" in capsys.readouterr().err


def test_a_server_that_is_no_chat_is_told_in_a_sentence() -> None:
    class Mute(MemoryDriver):
        async def connect(self, profile: Profile) -> Link:
            link = await super().connect(profile)
            await link.cut()
            return link

    with pytest.raises(CannotCheck, match="does not answer as a chat does") as error:
        asyncio.run(checked([GOOD], driver=Mute()))
    assert "\n" not in str(error.value)


class FewNames(MemoryDriver):
    """A server that gives so many people a name, and then nobody."""

    def __init__(self, names: int) -> None:
        super().__init__()
        self._names = names

    async def connect(self, profile: Profile) -> Link:
        link = await super().connect(profile)
        self._names -= 1
        if self._names < 0:
            refusal = Error(code=ErrorCode.NAME_LIMIT, message="no", retry_after=1000)

            async def receive(within: int) -> bytes:
                del within
                return encode(refusal)

            link.receive = receive  # type: ignore[method-assign]
        return link


async def test_a_server_that_gives_this_address_no_more_names_has_not_failed() -> None:
    code, said = await checked([GOOD, PLAIN], driver=FewNames(1), choice=Choice(names=["good"]))
    assert code == 0
    assert "skipped    2  the server gives this address no more new names for now: good" in said
    with pytest.raises(CannotCheck, match="no more new names"):
        await checked([GOOD], driver=FewNames(0))
