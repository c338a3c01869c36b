"""What a typed line means: a command, something to say, or a mistake."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import msgspec

COMMANDS: Final = ("msg", "join", "leave", "rooms", "who", "history", "name", "help", "quit")
"""All commands, in the order in which help lists them. The catalogue has of each its usage
(`usage-msg`) and what it does (`help-msg`)."""

MOST_HISTORY: Final = 1_000
"""Messages that one may ask for at once."""


class Nothing(msgspec.Struct, frozen=True):
    """The line is blank."""


class Say(msgspec.Struct, frozen=True):
    """Says something in the current room."""

    text: str


class Tell(msgspec.Struct, frozen=True):
    """Says something to one person."""

    to: str
    text: str


class JoinRoom(msgspec.Struct, frozen=True):
    """Joins a room, and makes it the current one."""

    room: str


class LeaveRoom(msgspec.Struct, frozen=True):
    """Leaves a room, or the current one."""

    room: str | None


class ListRooms(msgspec.Struct, frozen=True):
    """Asks for one's rooms and private conversations."""


class Who(msgspec.Struct, frozen=True):
    """Asks who is in the current room."""


class ShowHistory(msgspec.Struct, frozen=True):
    """Asks for what was said last in the current room."""

    count: int


class TakeName(msgspec.Struct, frozen=True):
    """Takes another name."""

    name: str


class Help(msgspec.Struct, frozen=True):
    """Asks what commands there are."""


class Quit(msgspec.Struct, frozen=True):
    """Ends the chat."""


class UnknownCommand(msgspec.Struct, frozen=True):
    """The line begins with a slash, but there is no such command."""

    name: str
    nearest: str | None


class Misused(msgspec.Struct, frozen=True):
    """The command is there, but its arguments are not what it needs."""

    name: str


_COUNT: Final = re.compile("0*[1-9][0-9]{0,4}")

Command = (
    Nothing
    | Say
    | Tell
    | JoinRoom
    | LeaveRoom
    | ListRooms
    | Who
    | ShowHistory
    | TakeName
    | Help
    | Quit
)
Mistake = UnknownCommand | Misused


def parse(line: str, *, history: int = 20) -> Command | Mistake:
    """Returns what a line means. `history` is how much is shown where no number is given.

    Two slashes begin a text that begins with one.
    """
    if not line or line.isspace():
        return Nothing()
    if line.startswith("//"):
        return Say(line[1:])
    if not line.startswith("/"):
        return Say(line)
    name = re.split(r"\s", line[1:], maxsplit=1)[0]
    rest = line[1 + len(name) :].strip()
    arguments = rest.split()
    match name.lower(), arguments:
        case "msg", [to, _, *_]:
            return Tell(to, rest[len(to) :].lstrip())
        case "join", [room]:
            return JoinRoom(room)
        case "leave", []:
            return LeaveRoom(None)
        case "leave", [room]:
            return LeaveRoom(room)
        case "history", []:
            return ShowHistory(history)
        case "history", [count] if _COUNT.fullmatch(count) and int(count) <= MOST_HISTORY:
            return ShowHistory(int(count))
        case "name", [username]:
            return TakeName(username)
        case "rooms", []:
            return ListRooms()
        case "who", []:
            return Who()
        case "help", _:
            return Help()
        case "quit", []:
            return Quit()
        case known, _ if known in COMMANDS:
            return Misused(known)
        case _:
            return UnknownCommand(name, _nearest(name.lower()))


def completions(line: str, *, names: Iterable[str], rooms: Iterable[str]) -> list[str]:
    """Returns what the last word of a line could become: a command, a name, a room."""
    *before, word = line.split(" ")
    match before:
        case []:
            return [f"/{name} " for name in COMMANDS if word and f"/{name}".startswith(word)]
        case ["/msg"]:
            choice = names
        case ["/join" | "/leave"]:
            choice = rooms
        case _ if not word:
            return []
        case _:
            choice = names
    return sorted(one for one in choice if one.casefold().startswith(word.casefold()))


def _nearest(name: str) -> str | None:
    begun = [command for command in COMMANDS if name and command.startswith(name)]
    close = begun or get_close_matches(name, COMMANDS, n=1, cutoff=0.6)
    return close[0] if close else None
