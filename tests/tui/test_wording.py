import errno
import os

import pytest
from tests.client.frames import welcome

from causerie.chat.names import NameRefused, Refusal
from causerie.client.errors import (
    EndedByServer,
    GaveUp,
    HelloRefused,
    InDoubt,
    KeyDamaged,
    OutboxFull,
    refusal,
)
from causerie.language import LANGUAGES, Words
from causerie.tui import wording
from causerie.tui.commands import Misused, UnknownCommand
from causerie.tui.wording import (
    LONGEST_EXCERPT,
    LONGEST_REASON,
    excerpt,
    explain_close,
    explain_error,
    explain_length,
    explain_mistake,
    few,
    reason,
    typing_sentence,
)
from causerie.wire.codes import CloseCode, ErrorCode
from causerie.wire.profiles import close_reason

WORDS = Words("en")
NOT_TAKEN = "the server does not take it: “since” is not valid."
FINAL = "No connection, and no other attempt would help"
ENGLISH = "The server's own words, in English."


def test_a_few_are_all_named() -> None:
    assert few(WORDS, ["A", "B", "C", "D", "E", "F"]) == "A, B, C, D, E and F"


def test_of_many_the_first_are_named() -> None:
    assert few(WORDS, list("ABCDEFG")) == "A, B, C, D, E and 2 others"
    assert few(WORDS, ["A"], unnamed=300) == "A and 300 others"
    assert few(WORDS, list("ABCDEFG"), unnamed=1) == "A, B, C, D, E and 3 others"


def test_names_do_nothing_to_the_terminal() -> None:
    assert few(WORDS, ["A\x1b[31m", "B\u202e"]) == "A␛[31m and B"


def test_an_excerpt_is_one_short_line() -> None:
    assert excerpt("one\n two\x07") == "one two␇"
    assert len(excerpt("x" * 1000)) == LONGEST_EXCERPT


def test_a_systems_error_is_told_by_what_it_means() -> None:
    text = f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] Connect call failed ('::1', 1)"
    assert reason(text) == os.strerror(errno.ECONNREFUSED)


def test_a_delay_that_is_for_programs_is_not_told() -> None:
    assert reason(close_reason("too many errors", retry_after=5000)) == "too many errors"
    assert reason("retry-after=1") == ""


def test_any_other_reason_is_one_line_that_does_nothing() -> None:
    assert reason("full\n\x1b[2J") == "full ␛[2J"
    assert len(reason("x" * 10_000)) == LONGEST_REASON
    assert reason("[Errno 99999999999999999999]") == "[Errno 99999999999999999999]"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            GaveUp(3, "no route"),
            "Gave up after 3 attempts: no route; --url names another server.",
        ),
        (
            GaveUp(1, "the server's own words", code=1012),
            "Gave up after 1 attempt: the server is restarting; --url names another server.",
        ),
        (GaveUp(1, ""), "Gave up after 1 attempt: close code 1006; --url names another server."),
        (
            KeyDamaged("Alice\x1b", "ws://localhost:8080", "/keys/1.json"),
            (
                "the key for Alice␛ on ws://localhost:8080 cannot be read: put a whole copy of "
                "/keys/1.json in its place, or take another name"
            ),
        ),
        (EndedByServer(1008, "go away\x1b"), f"{FINAL}: go away␛"),
        (EndedByServer(4999, ""), f"{FINAL}: close code 4999"),
        (
            EndedByServer(4500, "version"),
            f"{FINAL}: the server is too new for this program",
        ),
        (
            HelloRefused(refusal("name_taken", "Taken.")),
            (
                "The server does not let you in: this name, or one that looks like it, is taken; "
                "choose another"
            ),
        ),
        (refusal("forbidden", "Not you!"), "you may not do this"),
        (refusal("a_newer_servers", "You may\nnot."), "You may not."),
        (refusal("invalid", "“since” is not valid.", field="since"), NOT_TAKEN),
        (refusal("invalid", "“since” is not valid."), NOT_TAKEN),
        (OutboxFull(7), "7 commands wait for the server already"),
        (
            InDoubt(refusal("forbidden", "Not you!")),
            "nobody knows whether it arrived: you may not do this",
        ),
    ],
)
def test_an_error_is_told_in_a_sentence(error: Exception, sentence: str) -> None:
    assert explain_error(WORDS, error) == sentence


def test_a_mistake_is_told_with_what_to_do() -> None:
    told = explain_mistake(WORDS, Misused("msg"))
    assert told == "It goes like this: /msg NAME text (say something to one person alone)"
    assert "(1 to 1000)" in explain_mistake(WORDS, Misused("history"))
    assert "/help lists them" in explain_mistake(WORDS, UnknownCommand("x\x1b", None))
    assert "\x1b" not in explain_mistake(WORDS, UnknownCommand("x\x1b", None))
    assert "Did you mean /quit?" in explain_mistake(WORDS, UnknownCommand("quti", "quit"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_words_in_every_language(language: str, code: ErrorCode) -> None:
    given = {"room": "a/b", "to": "a/b"}
    told = explain_error(Words(language), refusal(code, ENGLISH, field="room"), given)
    assert told
    assert ENGLISH not in told


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted({*CloseCode} - {CloseCode.NO_STATUS, CloseCode.ABNORMAL}))
def test_every_close_code_has_words_in_every_language(language: str, code: CloseCode) -> None:
    assert explain_close(Words(language), code, "")


def test_why_a_connection_was_closed_is_told_by_its_code_where_that_says_it() -> None:
    assert explain_close(WORDS, CloseCode.GOING_AWAY, "bye") == "the server is stopping"
    assert explain_close(WORDS, CloseCode.ABNORMAL, "no route") == "no route"
    assert explain_close(WORDS, CloseCode.ABNORMAL, "") == ""
    assert explain_close(WORDS, CloseCode.TRY_AGAIN_LATER, "not yet") == "not yet"
    assert explain_close(WORDS, CloseCode.TRY_AGAIN_LATER, "") == "the server is full"
    assert explain_close(WORDS, 4321, "new\x1b") == "new␛"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", Refusal)
def test_every_rule_for_names_has_words_in_every_language(
    language: str, rule: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(_: str) -> None:
        raise NameRefused(rule, ENGLISH, character="/" if rule is Refusal.CHARACTER else None)

    monkeypatch.setattr(wording, "parse_room", parse)
    error = refusal("invalid", ENGLISH, field="room")
    told = explain_error(Words(language), error, {"room": "name"})
    assert "name" in told
    assert ENGLISH not in told


@pytest.mark.parametrize(
    ("field", "value", "language", "told"),
    [
        ("room", "a/b", "en", "“a/b” cannot be the name of a room: it has “/” in it"),
        ("room", "a/b", "fr", "« a/b » ne peut pas être le nom d’un salon : il contient « / »"),
        ("to", "a b", "en", "“a b” cannot be anybody’s name: it has a space in it"),
        ("to", "a b", "fr", "« a b » ne peut être le nom de personne : il contient un espace"),
        ("username", "a\u200bb", "en", "“ab” cannot be anybody’s name: it has U+200B in it"),
        ("username", "x" * 33, "en", "at most 32 characters are allowed"),
        ("room", "x" * 65, "en", "at most 64 characters are allowed"),
        ("username", "System", "en", "that is the server’s own, or looks like it"),
        ("room", "~abc", "en", "this is a private conversation"),
        ("content", "a\0b", "en", "it has the character U+0000 in it"),
    ],
)
def test_what_is_wrong_with_what_was_given_is_told(
    field: str, value: str, language: str, told: str
) -> None:
    error = refusal("invalid", ENGLISH, field=field)
    assert told in explain_error(Words(language), error, {field: value})


@pytest.mark.parametrize(("field", "value"), [("room", "fine"), ("to", "Bob"), ("content", "x")])
def test_what_only_the_server_objects_to_is_told_in_its_words(field: str, value: str) -> None:
    error = refusal("invalid", ENGLISH, field=field)
    told = explain_error(WORDS, error, {field: value})
    assert told == f"the server does not take it: {ENGLISH}"


def test_whom_nobody_knows_is_named() -> None:
    error = refusal("recipient_unknown", ENGLISH, field="to")
    told = "nobody called “Nemo␛” is connected, and nobody keeps that name"
    assert explain_error(WORDS, error, {"to": "Nemo\x1b"}) == told


@pytest.mark.parametrize(
    ("typists", "sentence"),
    [
        ([], ""),
        (["Alice"], "Alice is typing…"),
        (["Alice", "B\x1b[31mob"], "Alice and B␛[31mob are typing…"),
        (["Alice", "Bob", "Carol"], "several people are typing…"),
    ],
)
def test_who_is_typing_is_told_in_a_sentence(typists: list[str], sentence: str) -> None:
    assert typing_sentence(WORDS, typists) == sentence


def test_a_text_is_too_long_by_what_the_server_allows() -> None:
    assert explain_length(WORDS, "x" * 9999, None) == ""
    allowed = welcome("i0")
    most = allowed.limits.content
    assert explain_length(WORDS, "x" * most, allowed) == ""
    assert explain_length(WORDS, "x" * (most + 1), allowed) == (
        f"it has {most + 1} characters, and at most {most} are allowed"
    )
