"""Errors: what they carry, and how they read in a traceback."""

import pytest

from causerie.wire.codes import ErrorCode
from causerie.wire.errors import CauserieError, Refused


def test_a_refusal_is_an_error_of_causerie_and_carries_what_its_frame_needs() -> None:
    refused = Refused(
        ErrorCode.INVALID, field="content", reason="it is empty", retry_after=50, id="7"
    )
    assert isinstance(refused, CauserieError)
    assert refused.code is ErrorCode.INVALID
    assert (refused.field, refused.reason) == ("content", "it is empty")
    assert (refused.retry_after, refused.id) == (50, "7")


def test_a_refusal_needs_nothing_but_its_code() -> None:
    refused = Refused(ErrorCode.FORBIDDEN)
    assert (refused.field, refused.reason) == (None, "")
    assert (refused.retry_after, refused.id) == (None, None)


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (Refused(ErrorCode.FORBIDDEN), "forbidden"),
        (Refused(ErrorCode.NOT_JOINED, field="room"), "not_joined (room)"),
        (Refused(ErrorCode.BAD_JSON, reason="it is empty"), "bad_json: it is empty"),
        (
            Refused(ErrorCode.INVALID, field="to", reason="it is missing"),
            "invalid (to): it is missing",
        ),
    ],
)
def test_a_refusal_reads_as_code_field_and_reason(refused: Refused, text: str) -> None:
    assert str(refused) == text
