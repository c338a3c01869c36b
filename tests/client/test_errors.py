import pytest

from causerie.client.errors import (
    HOW_TO_BRING_A_NAME,
    ClientError,
    CommandRefused,
    Ended,
    EndedByServer,
    GaveUp,
    HelloRefused,
    InDoubt,
    KeyDamaged,
    OutboxFull,
    TryAgain,
    refusal,
)
from causerie.wire.codes import CloseCode, ErrorCode


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
        (
            EndedByServer(CloseCode.POLICY_VIOLATION, ""),
            "the connection has ended for good (1008): no reason was given",
        ),
        (
            EndedByServer(4500, "too old"),
            "the connection has ended for good (4500): too old",
        ),
        (GaveUp(3, "refused"), "gave up after 3 attempts: refused"),
        (GaveUp(1, "refused"), "gave up after 1 attempt: refused"),
        (GaveUp(1, "", code=1012), "gave up after 1 attempt: close code 1012"),
        (
            KeyDamaged("Alice", "ws://localhost:8080", "/keys/1.json"),
            (
                "the key for Alice on ws://localhost:8080 cannot be read: put a whole copy of "
                "/keys/1.json in its place, or take another name"
            ),
        ),
        (HelloRefused(refusal("name_invalid", "No name.")), "No name."),
        (
            HelloRefused(refusal("name_taken", "Taken.")),
            f"Taken; {HOW_TO_BRING_A_NAME}",
        ),
        (InDoubt(Ended("it is over")), "it may have been sent before this went wrong: it is over"),
    ],
)
def test_errors_say_what_happened(error: ClientError, text: str) -> None:
    assert str(error) == text


def test_who_finds_a_name_taken_is_told_of_another_and_of_the_key() -> None:
    assert "choose another" in HOW_TO_BRING_A_NAME
    assert "`causerie name export`" in HOW_TO_BRING_A_NAME
    assert "`causerie name import`" in HOW_TO_BRING_A_NAME
