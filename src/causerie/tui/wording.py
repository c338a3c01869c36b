"""How names, errors and mistakes read in a sentence. What others gave is made harmless here."""

import os
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, assert_never

from causerie.chat.names import (
    ROOM_MAX,
    USERNAME_MAX,
    NameRefused,
    Refusal,
    is_seen,
    parse_room,
    parse_username,
)
from causerie.client.errors import (
    CommandRefused,
    EndedByServer,
    GaveUp,
    HelloRefused,
    InDoubt,
    KeyDamaged,
    OutboxFull,
)
from causerie.language import Words
from causerie.tui.commands import MOST_HISTORY, Mistake, Misused, UnknownCommand
from causerie.tui.faults import ScreenFailed
from causerie.tui.sanitise import one_line, sanitise_name
from causerie.wire.codes import CloseCode, ErrorCode
from causerie.wire.replies import Welcome

NAMED: Final = 5
"""People who are named where there are many; and one more, since "and 1 other" would take as much
room as the name."""

TYPISTS: Final = 2
"""People who are named as typing; of more it is said that they are several."""

LONGEST_REASON: Final = 300
LONGEST_EXCERPT: Final = 40

NOTHING_GIVEN: Final[Mapping[str, str]] = MappingProxyType({})

_TOLD_BY_REASON: Final = frozenset(
    {CloseCode.ABNORMAL, CloseCode.POLICY_VIOLATION, CloseCode.TRY_AGAIN_LATER}
)
"""Close codes that the client itself gives for many causes: only the reason tells which."""

_NEVER_SENT: Final = frozenset({CloseCode.NO_STATUS, CloseCode.ABNORMAL})

_DELAY: Final = re.compile(r"[; ]*\bretry-after=[0-9]+")
_ERRNO: Final = re.compile(r"\[Errno (?P<number>[0-9]{1,4})\]")


def few(words: Words, names: Sequence[str], unnamed: int = 0) -> str:
    """Lists names, the first of them where they are many, and the number of others."""
    named = len(names) if len(names) <= NAMED + 1 else NAMED
    others = len(names) - named + unnamed
    return words.names([sanitise_name(name) for name in names[:named]], others=others)


def typing_sentence(words: Words, typists: Sequence[str]) -> str:
    """Says who is typing; nothing, if nobody is."""
    if not typists:
        return ""
    if len(typists) > TYPISTS:
        return words("typing-several")
    names = words.names([sanitise_name(name) for name in typists])
    return words("typing", count=len(typists), names=names)


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


def explain_error(words: Words, error: Exception, given: Mapping[str, str] = NOTHING_GIVEN) -> str:
    """The sentence that an error tells people, as it reads after a colon.

    `given` is what the server was given, by the protocol's fields (`room`, `to`, `username`): of a
    name that it refuses, the sentence says what is wrong with it.
    """
    match error:
        case GaveUp(attempts=attempts, code=code, reason=why):
            told = explain_close(words, code, why) or words("no-reason", code=code)
            return words("gave-up", count=attempts, reason=told)
        case EndedByServer(code=code, reason=why):
            told = explain_close(words, code, why) or words("no-reason", code=code)
            return words("ended-by-server", reason=told)
        case HelloRefused(refusal=refusal):
            return words("name-refused", reason=explain_error(words, refusal, given))
        case CommandRefused():
            return _explain_refusal(words, error, given)
        case KeyDamaged(username=username, server=server, path=path):
            name, server = excerpt(username), reason(server)
            return words("key-damaged", username=name, server=server, path=reason(path))
        case OutboxFull(limit=limit):
            return words("outbox-full", count=limit)
        case InDoubt(why=cause):
            return words("in-doubt", reason=explain_error(words, cause, given))
        case ScreenFailed(path=None):
            return words("screen-failed")
        case ScreenFailed(path=path):
            return words("screen-failed-noted", path=reason(str(path)))
        case _:
            return reason(str(error))


def explain_close(words: Words, code: int, why: str) -> str:
    """What a connection's close code tells people, or the reason that came with it; nothing, where
    there is nothing to tell.
    """
    told = reason(why)
    if (told and code in _TOLD_BY_REASON) or code in _NEVER_SENT or code not in [*CloseCode]:
        return told
    return words(f"close-{code:d}")


def explain_length(words: Words, content: str, welcome: Welcome | None) -> str:
    """Why the server would not take so long a text; nothing, if it may, as far as is known."""
    if welcome is None or len(content) <= welcome.limits.content:
        return ""
    return words("too-long", length=len(content), most=welcome.limits.content)


def _explain_refusal(words: Words, refusal: CommandRefused, given: Mapping[str, str]) -> str:
    """Says in one's own language what a code says.

    Of a code that a newer server has, only its own words can be told, in whatever language.
    """
    match refusal.code:
        case ErrorCode.INVALID | ErrorCode.NAME_INVALID:
            fault = _explain_field(words, refusal.field or "", given)
            return fault or words("not-taken", reason=reason(refusal.message))
        case ErrorCode.RECIPIENT_UNKNOWN if "to" in given:
            return words("recipient-unknown", name=excerpt(given["to"]))
        case code if code in [*ErrorCode]:
            return words(f"error-{code.replace('_', '-')}")
        case _:
            return reason(refusal.message)


def _explain_field(words: Words, field: str, given: Mapping[str, str]) -> str:
    """What is wrong with a field's value, by the rules for names; nothing, if nothing is known."""
    value = given.get(field, "")
    match field:
        case "room" if value.startswith("~"):
            return words("say-it-privately")
        case "room":
            return _explain_name(words, "bad-room", value)
        case "to" | "username":
            return _explain_name(words, "bad-username", value)
        case "content" if "\0" in value:
            return words("content-nul")
        case _:
            return ""


def _explain_name(words: Words, key: str, name: str) -> str:
    """Why a name cannot be; nothing, if it can, as far as is known here.

    The server decides: its Unicode may be older or newer than ours.
    """
    parse, most = (parse_room, ROOM_MAX) if key == "bad-room" else (parse_username, USERNAME_MAX)
    try:
        parse(name)
    except NameRefused as refused:
        why = _explain_rule(words, refused, most)
        shown = excerpt(name)
        if key == "bad-room":
            return words("bad-room", name=shown, reason=why)
        return words("bad-username", name=shown, reason=why)
    return ""


def _explain_rule(words: Words, refused: NameRefused, most: int) -> str:
    match refused.reason:
        case Refusal.CHARACTER:
            assert refused.character is not None, "this reason comes with the character"
            return words("no-such-character", character=_called(words, refused.character))
        case Refusal.TOO_LONG:
            return words("name-too-long", most=most)
        case rule:
            return words(f"rule-{rule.replace('_', '-')}")


def _called(words: Words, char: str) -> str:
    """What a character is called, so that people know which is meant."""
    if char == " ":
        return words("space")
    return words("quoted", text=char) if is_seen(char) else f"U+{ord(char):04X}"


def explain_mistake(words: Words, mistake: Mistake) -> str:
    """The sentence that says what is wrong with a typed line, and what to do."""
    match mistake:
        case UnknownCommand(name=name, nearest=nearest):
            shown = excerpt(name)
            if nearest is None:
                return words("unknown-command", name=shown)
            return words("unknown-command-nearest", name=shown, nearest=nearest)
        case Misused(name=name):
            does = words(f"help-{name}", most=MOST_HISTORY)
            return words("misused", usage=words(f"usage-{name}"), does=does)
        case _:
            assert_never(mistake)
