import pytest

from causerie.client.errors import (
    ClientError,
    CommandRefused,
    Ended,
    EndedByServer,
    GaveUp,
    HelloRefused,
    InDoubt,
    OutboxFull,
    TryAgain,
    refusal,
)
from causerie.wire.codes import ErrorCode


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_of_the_protocol_has_an_error_of_its_own_kind(code: ErrorCode) -> None:
    error = refusal(code, "why", field="room", retry_after=5)
    assert type(error) is not CommandRefused
    assert (error.code, error.message, error.field, error.retry_after) == (code, "why", "room", 5)


def test_a_newer_code_is_a_plain_refusal() -> None:
    assert type(refusal("unheard_of", "why")) is CommandRefused


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OutboxFull(5), "5 commands wait for the server already"),
        (TryAgain("unavailable", "Later."), "Later."),
        (EndedByServer(1008, ""), "the server closed the connection for good (1008): -"),
        (
            EndedByServer(4500, "too old"),
            "the server closed the connection for good (4500): too old",
        ),
        (GaveUp(3, "refused"), "gave up after 3 attempts: refused"),
        (HelloRefused(refusal("name_taken", "Taken.")), "Taken."),
        (InDoubt(Ended("it is over")), "it may have been sent before this went wrong: it is over"),
    ],
)
def test_errors_say_what_happened(error: ClientError, text: str) -> None:
    assert str(error) == text
