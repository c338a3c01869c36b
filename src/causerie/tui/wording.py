"""How names, errors and mistakes read in a sentence. What others gave is made harmless here."""

import os
import re
from collections.abc import Sequence
from typing import Final, assert_never

from causerie.client.errors import CommandRefused, EndedByServer, GaveUp, HelloRefused
from causerie.tui.commands import Mistake, Misused, UnknownCommand
from causerie.tui.language import Words
from causerie.tui.sanitise import one_line, sanitise_name

NAMED: Final = 5
"""People who are named where there are many; and one more, since "and 1 other" would take as much
room as the name."""

LONGEST_REASON: Final = 300
LONGEST_EXCERPT: Final = 40

_DELAY: Final = re.compile(r"[; ]*\bretry-after=[0-9]+")
_ERRNO: Final = re.compile(r"\[Errno (?P<number>[0-9]{1,4})\]")


def few(words: Words, names: Sequence[str], unnamed: int = 0) -> str:
    """Lists names, the first of them where they are many, and the number of others."""
    named = len(names) if len(names) <= NAMED + 1 else NAMED
    others = len(names) - named + unnamed
    return words.names([sanitise_name(name) for name in names[:named]], others=others)


def excerpt(text: str) -> str:
    """The beginning of a text, by which one knows it again."""
    return one_line(text, LONGEST_EXCERPT)


def reason(text: str) -> str:
    """A reason that somebody else gave, in one line; of a system's error, what it means.

    How long to wait is for programs, and left out (`causerie.wire.profiles`).
    """
    if matched := _ERRNO.search(text):
        return os.strerror(int(matched["number"]))
    return one_line(_DELAY.sub("", text), LONGEST_REASON)


def explain_error(words: Words, error: Exception) -> str:
    """The sentence that an error tells people."""
    match error:
        case GaveUp(attempts=attempts, reason=why):
            return words("gave-up", count=attempts, reason=reason(why))
        case EndedByServer(code=code, reason=why):
            told = reason(why) or words("no-reason", code=code)
            return words("ended-by-server", reason=told)
        case HelloRefused(refusal=refusal):
            return words("name-refused", reason=explain_error(words, refusal))
        case CommandRefused(message=message):
            return reason(message)
        case _:
            return reason(str(error))


def explain_mistake(words: Words, mistake: Mistake) -> str:
    """The sentence that says what is wrong with a typed line, and what to do."""
    match mistake:
        case UnknownCommand(name=name, nearest=nearest):
            shown = excerpt(name)
            if nearest is None:
                return words("unknown-command", name=shown)
            return words("unknown-command-nearest", name=shown, nearest=nearest)
        case Misused(name=name):
            return words("misused", usage=words(f"usage-{name}"))
        case _:
            assert_never(mistake)
