"""What comes over a network may be anything: a mistake, a joke, an attack. These functions look at
it before anybody believes it. Each returns what it was given, or raises `Refused`.
"""

import json
import unicodedata
from typing import Any


class Refused(Exception):
    """What somebody asked for cannot be done. The message is for that person to read."""


def parse(text: str) -> dict[str, Any]:
    """Reads a frame: a JSON object. What stands in its fields has yet to be checked."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        frame = None  # which is no object either
    if not isinstance(frame, dict):
        raise Refused('A frame is a JSON object, such as {"type":"message","content":"hi"}.')
    return frame


def check_name(field: str, value: object, most: int) -> str:
    """Names of people and rooms are short, and have nothing in them that could confuse a screen."""
    if isinstance(value, str) and 1 <= len(value) <= most and all(map(_fits_in_a_name, value)):
        return value
    raise Refused(f'The field {field} takes 1 to {most} letters, digits, ".", "_" or "-".')


def _fits_in_a_name(character: str) -> bool:
    # The category begins with L for a letter of any script, M for an accent on one, N for a digit.
    return unicodedata.category(character)[0] in "LMN" or character in "._-"


def check_content(value: object) -> str:
    """What people say is any text, but not nothing, and not a novel."""
    if isinstance(value, str) and len(value) <= 4000 and value.strip() and _is_whole(value):
        return value
    raise Refused("The field content takes a text of 1 to 4000 characters.")


def _is_whole(text: str) -> bool:
    # JSON can carry halves of characters ("\ud800"), which many programs cannot print.
    return not any("\ud800" <= character <= "\udfff" for character in text)


def fold(name: str) -> str:
    """The form in which names are compared: Alice and ALICE are the same person."""
    return unicodedata.normalize("NFKC", name).casefold()
