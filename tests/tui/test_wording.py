import errno
import os

import pytest

from causerie.client.errors import EndedByServer, GaveUp, HelloRefused, OutboxFull, refusal
from causerie.tui.commands import Misused, UnknownCommand
from causerie.tui.language import Words
from causerie.tui.wording import (
    LONGEST_EXCERPT,
    LONGEST_REASON,
    excerpt,
    explain_error,
    explain_mistake,
    few,
    reason,
)
from causerie.wire.profiles import close_reason

WORDS = Words("en")


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
            (
                "Gave up after 3 attempts: no route. Is a server running there (causerie serve)? "
                "--url names another."
            ),
        ),
        (EndedByServer(1008, "go away\x1b"), "The server does not want this connection: go away␛"),
        (EndedByServer(4500, ""), "The server does not want this connection: close code 4500"),
        (
            HelloRefused(refusal("name_taken", "Taken.")),
            "The server does not let you in: Taken.",
        ),
        (refusal("forbidden", "You may\nnot."), "You may not."),
        (OutboxFull(7), "7 commands wait for the server already"),
    ],
)
def test_an_error_is_told_in_a_sentence(error: Exception, sentence: str) -> None:
    assert explain_error(WORDS, error) == sentence


def test_a_mistake_is_told_with_what_to_do() -> None:
    assert explain_mistake(WORDS, Misused("msg")) == "It goes like this: /msg NAME text"
    assert "/help lists them" in explain_mistake(WORDS, UnknownCommand("x\x1b", None))
    assert "\x1b" not in explain_mistake(WORDS, UnknownCommand("x\x1b", None))
    assert "Did you mean /quit?" in explain_mistake(WORDS, UnknownCommand("quti", "quit"))
