"""The codes in Python are those of the list."""

from typing import Any

import pytest
from tests.tools.generated import document

from causerie.wire.codes import CloseCode, ErrorCode, reconnects


def test_the_python_codes_are_those_of_the_list() -> None:
    codes = document("codes.json")
    assert [error["code"] for error in codes["errors"]] == list(ErrorCode)
    assert [(c["name"].upper(), c["code"]) for c in codes["closes"]] == [
        (code.name, code.value) for code in CloseCode
    ]


@pytest.mark.parametrize("close", document("codes.json")["closes"], ids=lambda c: c["name"])
def test_a_listed_close_code_has_the_policy_of_the_list_and_of_its_range(
    close: dict[str, Any],
) -> None:
    code = close["code"]
    assert reconnects(code) == close["reconnect"]
    if code >= 4000:
        assert reconnects(code) == (code < 4500)
