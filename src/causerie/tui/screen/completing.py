"""What the word before the cursor could become: a command, a name, a room, an emoji."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from causerie.tui.commands import completions
from causerie.tui.screen.markup import suggest

MOST: Final = 6
"""Choices that are shown."""

_SHORTCODE: Final = re.compile(r"(?:^|(?<=\s)):([a-z0-9_+-]{2,30})$")
_CALLED: Final = re.compile(r"(?:^|(?<=\s))@([^\s@]*)$")


class Choice(NamedTuple):
    """A completion."""

    text: str
    """What takes the word's place."""
    shown: str
    taken: int
    """Characters before the cursor whose place it takes."""


class Completions(NamedTuple):
    """What there is to choose from."""

    choices: tuple[Choice, ...] = ()
    is_offered: bool = False
    """They are shown at once, and not just when somebody asks for them."""


def complete(line: str, *, names: Iterable[str], rooms: Iterable[str]) -> Completions:
    """Answers what the end of a line, the one before the cursor, could become."""
    if found := _SHORTCODE.search(line):
        choices = [
            Choice(f"{emoji} ", f"{emoji} :{name}:", len(found[1]) + 1)
            for name, emoji in suggest(found[1], MOST)
        ]
        return Completions(tuple(choices), is_offered=True)
    if found := _CALLED.search(line):
        begun = found[1].casefold()
        fitting = sorted(name for name in names if name.casefold().startswith(begun))
        choices = [Choice(f"{name} ", f"@{name}", len(found[0])) for name in fitting[:MOST]]
        return Completions(tuple(choices), is_offered=True)
    word = line.rsplit(" ", maxsplit=1)[-1]
    found_words = completions(line, names=names, rooms=rooms)[:MOST]
    is_command = line.startswith("/") and not line.startswith("//")
    ended = (text if text.endswith(" ") else f"{text} " for text in found_words)
    choices = [Choice(text, text.strip(), len(word)) for text in ended]
    return Completions(tuple(choices), is_offered=is_command and bool(word))
