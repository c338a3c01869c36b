"""What others wrote, made harmless: as text it can be read, but can do nothing to a terminal.

What could move the cursor, change colours, ring, ask the terminal for something or turn the order
of a line around is taken away or shown as a sign of itself; so is what has no width and only serves
to make two different texts look the same. What languages and emoji need stays.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import Final

TAB: Final = "    "

MOST_MARKS: Final = 8
"""Marks on one letter. No orthography stacks as many; more of them would run over other lines."""

LONGEST_NAME: Final = 64
"""Code points; no name is longer. What a server says beyond that is cut."""

_LINE_BREAK: Final = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")

# Default_Ignorable_Code_Point (Unicode 16.0, DerivedCoreProperties.txt), and the interlinear
# annotations: they have no width of their own.
_INVISIBLE: Final = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_EDGES: Final = tuple(chain.from_iterable((first, last + 1) for first, last in _INVISIBLE))

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_TEXT_STYLE, _EMOJI_STYLE = "\ufe0e", "\ufe0f"

# A flag of a part of a country: a black flag and its code in tags (UTS 51, ED-14a).
_TAGGED_FLAG: Final = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)"
)

# From the Arabic to the Mongolian script the joiners are part of the spelling.
_FIRST_JOINED, _LAST_JOINED = 0x0600, 0x18AF


def sanitise(text: str) -> str:
    """Returns the text without what could do something; its line breaks are all newlines."""
    if text.isascii() and text.isprintable():
        return text
    lines = _LINE_BREAK.split(text)
    return "\n".join(map(_sanitise_line, lines))


def one_line(text: str, most: int) -> str:
    """Returns the text in one line of at most so many code points, without what could do
    something.
    """
    line = " ".join(sanitise(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def sanitise_name(name: str) -> str:
    """Returns a name without what could do something.

    The server lets no such names in; but it is another's server, too.
    """
    return one_line(name, LONGEST_NAME)


def _sanitise_line(line: str) -> str:
    # The flags are at the odd places.
    parts = _TAGGED_FLAG.split(line)
    return "".join(
        part if place % 2 else "".join(_visible(part)) for place, part in enumerate(parts)
    )


def _visible(text: str) -> Iterator[str]:
    """Yields what may be shown of a text, bit by bit."""
    marks = 0
    before = ""  # the last character shown
    for place, char in enumerate(text):
        shown = char
        if _is_invisible(char):
            after = text[place + 1 : place + 2]
            shown = char if _is_needed(char, before, after) else ""
        elif char == "\t":
            shown = TAB
        else:
            match unicodedata.category(char):
                case "Cc":
                    shown = _picture(char)
                case "Cs":
                    shown = "\ufffd"
                case "Cn" if _is_noncharacter(char):
                    shown = "\ufffd"
                case "Mn" | "Me":
                    marks += 1
                    shown = char if marks <= MOST_MARKS else ""
                case _:
                    marks = 0
        if shown:
            before = shown
            yield shown


def _is_invisible(char: str) -> bool:
    return bisect_right(_EDGES, ord(char)) % 2 == 1


def _is_needed(char: str, before: str, after: str) -> bool:
    """Whether an invisible character does, between these two, what it is there for."""
    if char in {_TEXT_STYLE, _EMOJI_STYLE}:
        return bool(before) and not _is_invisible(before)
    if char in {_ZWJ, _ZWNJ} and before and after:
        emoji = char == _ZWJ and _joins_emoji(before) and _is_pictographic(after)
        return emoji or (_joins_letters(before) and _joins_letters(after))
    return False


def _joins_emoji(char: str) -> bool:
    # An emoji may have its style or its skin tone between it and the joiner.
    return char == _EMOJI_STYLE or _is_pictographic(char)


def _is_pictographic(char: str) -> bool:
    # Wider than Extended_Pictographic (emoji-data.txt): all symbols, modifiers among them, and
    # the planes' part where emoji newer than this Python are.
    return unicodedata.category(char) in {"So", "Sk"} or "\U0001f000" <= char <= "\U0001faff"


def _joins_letters(char: str) -> bool:
    return _FIRST_JOINED <= ord(char) <= _LAST_JOINED and unicodedata.category(char)[0] in "LM"


def _is_noncharacter(char: str) -> bool:
    return ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF


def _picture(control: str) -> str:
    """The picture of a C0 control (Unicode's block Control Pictures); C1 has none."""
    code = ord(control)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
