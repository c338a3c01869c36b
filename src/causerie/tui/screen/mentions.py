"""Whether a message calls somebody by name."""

import unicodedata


def mentions(text: str, name: str) -> bool:
    """Whether a text names somebody: `Alice`, `@alice`, not `Alicette`."""
    haystack, needle = fold(text), fold(name)
    at = haystack.find(needle) if needle else -1
    while at >= 0:
        before, after = haystack[at - 1 : at], haystack[at + len(needle) :][:1]
        if not _is_of_word(before) and not _is_of_word(after):
            return True
        at = haystack.find(needle, at + 1)
    return False


def fold(name: str) -> str:
    """A name as it is compared. The server alone decides; this is for what is shown."""
    return unicodedata.normalize("NFKC", name).lower()


def _is_of_word(char: str) -> bool:
    return bool(char) and (char == "_" or unicodedata.category(char)[0] in "LMN")
