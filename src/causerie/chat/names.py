"""The rules for names: which are taken, which are the same, and which look the same.

A name is letters, marks and digits of any script, with single `.`, `_` and `-` inside. Three forms
of it matter:

- *display*, normalised to NFC, is what is shown;
- *folded* is who or what is meant: names with one folded form are one name. Only the server makes
  it, since clients' tables of Unicode differ;
- *skeleton* is what the name looks like: another with the same skeleton would be taken for it.

Sources: UAX 15 (normalisation), UAX 31 (identifiers), UTS 39 (confusables, mixed scripts, marks).
"""

import re
import unicodedata
from bisect import bisect_right
from enum import StrEnum
from functools import cache
from typing import Final

import msgspec

from causerie.chat import _confusables
from causerie.wire.errors import CauserieError

SYSTEM: Final = "System"
"""Who speaks for the server. Nobody can take it."""
ANONYMOUS: Final = "Anonymous"
"""Who speaks without having joined. Nobody can take it."""
LOBBY: Final = "lobby"
"""The room that is meant where none is named."""

USERNAME_MAX: Final = 32
"""Code points in a username, at most: in NFC, and when folded (which makes two of `ß`)."""
ROOM_MAX: Final = 64
"""Code points in the name of a room, at most, counted likewise."""


class Refusal(StrEnum):
    """Why a name is refused."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    CHARACTER = "character"
    """It has a character that no name has: a space, a symbol, an emoji, a control, something that
    does not show."""
    EDGE = "edge"
    """It begins or ends with a separator."""
    DOUBLED_SEPARATOR = "doubled_separator"
    """Two separators stand side by side."""
    STRAY_MARK = "stray_mark"
    """A combining mark stands where there is no letter to bear it."""
    STACKED_MARKS = "stacked_marks"
    """A letter bears more marks than any language needs, or one twice."""
    MIXED_SCRIPTS = "mixed_scripts"
    """Letters come from scripts that are not written together."""
    DIRECTION = "direction"
    """It has letters that run from right to left, and does not begin with one."""
    RESERVED = "reserved"
    """It is `System` or `Anonymous`, or looks like it."""


class NameRefused(CauserieError, ValueError):
    """A text breaks the rules for names.

    `reason` says which. For `Refusal.CHARACTER`, `character` is the first at fault and `position`
    its index in the text as it was given, in code points; otherwise both are None. The message is
    a sentence for people.
    """

    def __init__(
        self,
        reason: Refusal,
        message: str,
        *,
        character: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.character = character
        self.position = position


class Name(msgspec.Struct, frozen=True, gc=False):
    """A name that keeps the rules. Compare `folded`, never the names themselves."""

    display: str
    """As its holder wrote it, in NFC."""
    folded: str
    """Without case and compatibility differences: a fixed point of case folding and NFKC. It is a
    name itself, and its own folded form."""
    skeleton: str
    """What it looks like: depends on `folded` alone. Not for display, nor in the form of a name."""


_SEPARATORS = frozenset("._-")
_SEPARATOR = re.compile(r"[._-]")
_DOUBLED_SEPARATOR = re.compile(r"[._-]{2}")
_PLAIN = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
"""The names that most people have; they take a short cut to the same result."""
_PLAIN_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "m": "rn"})

_LONGEST_DECOMPOSITION = 4
"""No text is longer than its NFD, which is no longer than its NFC by more than this (UAX 15)."""
_MOST_MARKS = 4
"""Nonspacing marks on one letter. UTS 39 (5.4) draws the line here: Vietnamese and pointed Hebrew
or Arabic need two or three, Tibetan stacks four; piles that reach into other lines have more."""

_DOTTED_TWICE = re.compile("([lj][\u0316-\u0333]*)\u0307")
"""A dot above what has one already (`i`, by now an `l`, and `j`) does not show (UTS 39, 5.4)."""

_ANY_SCRIPT = frozenset({"Zyyy", "Zinh"})
"""Common and Inherited: characters that go with every script, such as digits."""
_WRITING_SYSTEMS = {
    "Hani": ("Hanb", "Jpan", "Kore"),
    "Bopo": ("Hanb",),
    "Hira": ("Jpan",),
    "Kana": ("Jpan",),
    "Hang": ("Kore",),
}
"""The scripts that are written together: Chinese with Bopomofo, Japanese, Korean (UTS 39, 5.1)."""
_WITH_LATIN = frozenset({"Hanb", "Jpan", "Kore"})
"""What Latin letters may stand among (UTS 39, 5.2, Highly Restrictive)."""

_RIGHT_TO_LEFT = frozenset({"R", "AL"})

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and a symbol that show nothing: fillers for Hangul, the Braille cell without dots."""


def parse_username(text: str) -> Name:
    """Makes a name for a person.

    Its letters are of one script and it runs one way, so that what looks like it has its skeleton.
    Whoever hands out names refuses one whose skeleton another's name has.

    Raises:
        NameRefused: The text breaks a rule, or is or looks like `System` or `Anonymous`.
    """
    if len(text) <= USERNAME_MAX and _PLAIN.fullmatch(text):
        name = _plain(text)
        look = name.skeleton
    else:
        name = _parse(text, USERNAME_MAX)
        _check_scripts(name.folded)
        _check_direction(name.folded)
        look = _without_marks(name.skeleton)
    if look in _RESERVED:
        raise NameRefused(Refusal.RESERVED, "the name is the server's own, or looks like it")
    return name


def parse_room(text: str) -> Name:
    """Makes a name for a room.

    Rooms are told apart by their folded names. Nobody speaks in a room's name, so none is reserved,
    and only between two separators must the scripts agree: `linux-помощь` is fine.

    Raises:
        NameRefused: The text breaks a rule.
    """
    if len(text) <= ROOM_MAX and _PLAIN.fullmatch(text):
        return _plain(text)
    name = _parse(text, ROOM_MAX)
    for part in _SEPARATOR.split(name.folded):
        _check_scripts(part)
    return name


def is_seen(char: str) -> bool:
    """Whether a character can be shown by itself, so that people know which is meant.

    Not so: spaces of any kind, controls, marks, what takes no room or leaves it blank, and what
    Python's Unicode does not know.
    """
    category = unicodedata.category(char)
    return char.isprintable() and category[0] not in "MZ" and char not in _BLANK


def _plain(text: str) -> Name:
    folded = text.lower()
    return Name(text, folded, folded.translate(_PLAIN_LOOKS))


def _parse(text: str, limit: int) -> Name:
    if not text:
        raise NameRefused(Refusal.EMPTY, "a name has at least one character")
    if len(text) > limit * _LONGEST_DECOMPOSITION:
        raise _too_long(limit)
    _check_characters(text)
    display = unicodedata.normalize("NFC", text)
    folded = _fold(display)
    if len(display) > limit or len(folded) > limit:
        raise _too_long(limit)
    _check_separators(display)
    _check_marks(display)
    _check_marks(folded)  # a letter can hide a mark: ำ folds to ํ and า
    return Name(display, folded, _skeleton(folded))


def _too_long(limit: int) -> NameRefused:
    return NameRefused(Refusal.TOO_LONG, f"a name has at most {limit} characters")


def _check_characters(text: str) -> None:
    for position, char in enumerate(text):
        if char not in _SEPARATORS and not _is_permitted(char):
            raise NameRefused(
                Refusal.CHARACTER,
                "a name has letters, digits, and single . _ - between them, but not "
                f"{_called(char)}",
                character=char,
                position=position,
            )


def _called(char: str) -> str:
    """What a character is called in a sentence: `“/”`, `a space`; by its number if it is unseen."""
    if char == " ":
        return "a space"
    return f"“{char}”" if is_seen(char) else f"U+{ord(char):04X}"


def _check_separators(display: str) -> None:
    if display[0] in _SEPARATORS or display[-1] in _SEPARATORS:
        raise NameRefused(Refusal.EDGE, "a name begins and ends with a letter or a digit")
    if _DOUBLED_SEPARATOR.search(display):
        raise NameRefused(
            Refusal.DOUBLED_SEPARATOR, "a name does not have two of . _ - next to each other"
        )


def _check_marks(text: str) -> None:
    stacked = 0
    borne = False
    previous = ""
    for char in unicodedata.normalize("NFD", text):
        category = unicodedata.category(char)
        if category in {"Mn", "Mc"} and not borne:
            raise NameRefused(Refusal.STRAY_MARK, "a combining mark needs a letter before it")
        borne = char not in _SEPARATORS
        stacked = stacked + 1 if category == "Mn" else 0
        if stacked > _MOST_MARKS or (stacked and char == previous):
            raise NameRefused(Refusal.STACKED_MARKS, "a letter bears too many combining marks")
        previous = char


def _check_scripts(folded: str) -> None:
    """Holds a text to one script, or to Latin among Chinese, Japanese or Korean.

    Asked of the folded form: mathematical letters, say, have a script only there.
    """
    scripts = [_scripts(char) for char in folded if char not in _SEPARATORS]
    scripts = [of_char for of_char in scripts if not _ANY_SCRIPT & of_char]
    if not scripts or frozenset.intersection(*scripts):
        return
    not_latin = [of_char for of_char in scripts if "Latn" not in of_char]
    if not frozenset.intersection(_WITH_LATIN, *not_latin):
        raise NameRefused(
            Refusal.MIXED_SCRIPTS, "letters of different scripts do not stand in one name"
        )


def _check_direction(folded: str) -> None:
    """Has a name begin with a letter that runs its way, so that no two names are shown alike.

    As of domain names (RFC 5893, section 2, rule 1): `1א` and `א1` look the same in a line that
    runs from left to right.
    """
    directions = [unicodedata.bidirectional(char) for char in folded]
    if directions[0] not in _RIGHT_TO_LEFT and not _RIGHT_TO_LEFT.isdisjoint(directions):
        raise NameRefused(
            Refusal.DIRECTION, "a name with right-to-left letters begins with such a letter"
        )


def _fold(display: str) -> str:
    """Takes away case and compatibility differences.

    The fixed point of case folding the NFD, as Unicode's definitions of caseless matching ask, and
    NFKC: what `NFKC_Casefold` is to characters that are not ignorable.
    """
    while True:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", display).casefold())
        if folded == display:
            return folded
        display = folded


def _skeleton(folded: str) -> str:
    """Says what a folded name looks like, whatever case it is shown in.

    The skeleton of UTS 39, section 4 (NFD, look-alikes replaced, NFD), but coarser: the table joins
    what looks alike in capitals too (its maker says how), and dots that do not show are left out.
    """
    decomposed = unicodedata.normalize("NFD", folded)
    looks = unicodedata.normalize("NFD", decomposed.translate(_looks()))
    return _DOTTED_TWICE.sub(r"\1", looks)


def _without_marks(skeleton: str) -> str:
    """Leaves what a reader sees who overlooks accents."""
    return "".join(char for char in skeleton if unicodedata.category(char) != "Mn")


def _is_permitted(char: str) -> bool:
    # Python's own tables of Unicode may be older than ours, and fold what they do not know to
    # itself.
    return bool(_scripts(char)) and unicodedata.category(char) != "Cn"


def _scripts(char: str) -> frozenset[str]:
    """Tells which scripts and writing systems use a character: none, if no name has it."""
    starts, ends, scripts = _script_ranges()
    code = ord(char)
    place = bisect_right(starts, code) - 1
    return scripts[place] if place >= 0 and code <= ends[place] else frozenset()


@cache
def _script_ranges() -> tuple[list[int], list[int], list[frozenset[str]]]:
    """The first and the last code points of the ranges, in order, and the scripts of each."""
    ranges = []
    for line in _confusables.SCRIPTS.splitlines():
        scripts, *spans = line.split(" ")
        of_these = set(scripts.split("+"))
        of_these.update(*(_WRITING_SYSTEMS.get(script, ()) for script in scripts.split("+")))
        for span in spans:
            start, _, end = span.partition("-")
            ranges.append((int(start, 16), int(end or start, 16), frozenset(of_these)))
    ranges.sort(key=lambda item: item[0])
    return [item[0] for item in ranges], [item[1] for item in ranges], [item[2] for item in ranges]


@cache
def _looks() -> dict[int, str]:
    looks = {}
    for line in _confusables.LOOKS.splitlines():
        look, *codes = line.split(" ")
        text = "".join(chr(int(code, 16)) for code in look.split("+"))
        looks.update(dict.fromkeys((int(code, 16) for code in codes), text))
    return looks


_RESERVED = frozenset(_plain(text).skeleton for text in (SYSTEM, ANONYMOUS))
