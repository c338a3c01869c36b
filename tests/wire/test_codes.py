"""The codes: which errors are worth a retry, and after which closes a client comes back."""

import string

import pytest

from causerie.wire.codes import MESSAGES, RETRYABLE, CloseCode, ErrorCode, reconnects


def test_only_what_may_change_by_itself_is_worth_a_retry() -> None:
    assert {
        ErrorCode.NAME_TAKEN,
        ErrorCode.NAME_LIMIT,
        ErrorCode.RATE_LIMITED,
        ErrorCode.UNAVAILABLE,
    } == RETRYABLE


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013, 4000, 4008, 4100, 4499])
def test_a_client_comes_back_after_what_passes(code: int) -> None:
    assert reconnects(code)


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 1008, 1009, 4500, 4501, 4999])
def test_a_client_stays_away_where_it_would_only_be_turned_away_again(code: int) -> None:
    assert not reconnects(code)


@pytest.mark.parametrize("code", [1005, 1010, 1014, 1015, 1999, 2999, 3000, 3999])
def test_a_client_comes_back_after_what_nobody_has_explained(code: int) -> None:
    assert reconnects(code)


@pytest.mark.parametrize("code", CloseCode)
def test_a_close_code_may_stand_in_a_close_frame_or_is_one_that_is_never_sent(
    code: CloseCode,
) -> None:
    sendable = code in {1000, 1001, 1002, 1003, *range(1007, 1015)} or 4000 <= code <= 4999
    assert sendable or code in {CloseCode.NO_STATUS, CloseCode.ABNORMAL}


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_has_a_sentence_in_english_and_in_french(code: ErrorCode) -> None:
    fields = {
        language: {name for _, name, _, _ in string.Formatter().parse(messages[code]) if name}
        for language, messages in MESSAGES.items()
    }
    assert fields["en"] == fields["fr"] <= {"field", "reason"}
    for messages in MESSAGES.values():
        assert messages[code].endswith(".")
    assert MESSAGES["en"][code] != MESSAGES["fr"][code]
