"""The little markup that messages have, read into tokens: never into escape sequences.

`**bold**`, `*italic*` and `_italic_`, `` `code` ``, fenced code, links, `:shortcodes:`. What is not
closed stays as it was typed. The web client reads the same.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import msgspec

from causerie.resources import catalogue_path

DEEPEST: Final = 4
"""Nesting beyond this is shown as it was typed."""

LONGEST: Final = 500
"""Characters between two signs, at most, so that no text keeps its reader busy."""

_OPENING: Final = re.compile(r"```([\w+-]{0,20})[ \t]*")
_FENCE: Final = "```"
_INLINE: Final = re.compile(
    rf"""(?<!`)`(?P<code>[^`\n]{{1,{LONGEST}}})`(?!`)
    |\*\*(?=\S)(?P<bold>[^\n]{{0,{LONGEST}}}?\S)\*\*
    |\*(?=[^\s*])(?P<star>[^*\n]{{0,{LONGEST}}}?[^\s*])\*
    |(?<![^\W_])_(?=[^\s_])(?P<underscore>[^_\n]{{0,{LONGEST}}}?[^\s_])_(?![^\W_])
    |(?P<address>(?:https?://|mailto:)[^\s<>"“”]+)
    |:(?P<shortcode>[a-z0-9_+-]{{2,30}}):""",
    re.VERBOSE,
)
_OF_SENTENCE: Final = frozenset(".,;:!?'’*_")


class Text(msgspec.Struct, frozen=True):
    """What stands there as it was typed."""

    text: str


class Bold(msgspec.Struct, frozen=True):
    """What is said with weight."""

    inner: "tuple[Token, ...]"


class Italic(msgspec.Struct, frozen=True):
    """What is said with a lean."""

    inner: "tuple[Token, ...]"


class Code(msgspec.Struct, frozen=True):
    """A piece of code in a line."""

    text: str


class Fence(msgspec.Struct, frozen=True):
    """Lines of code."""

    text: str
    language: str


class Link(msgspec.Struct, frozen=True):
    """An address, which is its own text."""

    address: str


Token = Text | Bold | Italic | Code | Fence | Link


def read(text: str) -> tuple[Token, ...]:
    """Reads a message."""
    return tuple(_read(text))


def _read(text: str) -> Iterator[Token]:
    lines = text.split("\n")
    closing = deque(i for i, line in enumerate(lines) if line.rstrip(" \t").endswith(_FENCE))
    place = start = 0
    while place < len(lines):
        while closing and closing[0] <= place:
            closing.popleft()
        opened = _OPENING.fullmatch(lines[place]) if closing else None
        if opened is not None:
            end = closing[0]
            yield from _read_inline("\n".join(lines[start:place]), 0)
            last = lines[end].rstrip(" \t").removesuffix(_FENCE)
            yield Fence("\n".join([*lines[place + 1 : end], *([last] if last else [])]), opened[1])
            start = place = end
            start += 1
        place += 1
    yield from _read_inline("\n".join(lines[start:]), 0)


def _read_inline(text: str, depth: int) -> Iterator[Token]:
    plain: list[str] = []
    place = 0
    while (found := _INLINE.search(text, place)) is not None:
        plain.append(text[place : found.start()])
        token, taken = _token(found, depth)
        if isinstance(token, Text):
            plain.append(token.text)
        else:
            if before := "".join(plain):
                yield Text(before)
            plain.clear()
            yield token
        place = found.start() + taken
    if rest := "".join([*plain, text[place:]]):
        yield Text(rest)


def _token(found: "re.Match[str]", depth: int) -> tuple[Token, int]:
    """What was found, and how many characters of it are taken."""
    whole, kind = found[0], found.lastgroup
    inner = found[kind] if kind is not None else ""
    match kind:
        case "code":
            return Code(inner), len(whole)
        case "bold" if depth < DEEPEST:
            return Bold(tuple(_read_inline(inner, depth + 1))), len(whole)
        case "star" | "underscore" if depth < DEEPEST:
            return Italic(tuple(_read_inline(inner, depth + 1))), len(whole)
        case "address":
            address = _without_tail(inner)
            return (Link(address) if _is_address(address) else Text(address)), len(address)
        case "shortcode" if inner in emoji():
            return Text(emoji()[inner]), len(whole)
        case _:
            return Text(whole), len(whole)


def _without_tail(address: str) -> str:
    """A full stop after a link is the sentence's, and so is a bracket that was opened before it."""
    end = len(address)
    excess = address.count(")") - address.count("(")
    while address[end - 1] in _OF_SENTENCE or (address[end - 1] == ")" and excess > 0):
        excess -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def _is_address(address: str) -> bool:
    """Another host may hide behind one that is named as if it were a person: `https://bank@evil`."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme == "mailto":
        return bool(parts.path)
    return bool(parts.netloc) and "@" not in parts.netloc


@cache
def emoji() -> Mapping[str, str]:
    """The emoji by the names that people type between colons: those in everyday use."""
    text = catalogue_path().joinpath("emoji.json").read_text("utf-8")
    return msgspec.json.decode(text, type=dict[str, str])


def suggest(prefix: str, most: int) -> list[tuple[str, str]]:
    """Names and emoji: names that begin so, or else have it in them; the shortest first."""
    matches = [(name, sign) for name, sign in emoji().items() if prefix in name]
    matches.sort(key=lambda match: (not match[0].startswith(prefix), len(match[0])))
    return matches[:most]
