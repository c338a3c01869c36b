"""The page tells of every code, every type and every field."""

import re

import pytest
from tests.tools.generated import COMMANDS, PLAIN, PROTOCOL, SERVER_FRAMES

from causerie.wire import plain
from causerie.wire.codes import CloseCode, ErrorCode
from causerie.wire.commands import Cursor
from causerie.wire.replies import Limits

PAGE = (PROTOCOL / "PROTOCOL.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ErrorCode)
def test_the_page_lists_every_error(code: ErrorCode) -> None:
    assert len(re.findall(rf"^\| `{code}` \|", PAGE, re.MULTILINE)) == 1


@pytest.mark.parametrize("code", CloseCode)
def test_the_page_lists_every_close_code(code: CloseCode) -> None:
    assert len(re.findall(rf"^\| {code} \| `{code.name.lower()}` \|", PAGE, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            name
            for frame in (*COMMANDS, *SERVER_FRAMES, *PLAIN, plain.PlainCommand, Cursor, Limits)
            for name in (*frame.__struct_encode_fields__, frame.__struct_config__.tag)
            if name is not None
        }
        | plain.PLAIN_TYPES
    ),
)
def test_the_page_tells_of_every_type_and_every_field(name: str) -> None:
    by_hand = PAGE.split("<!-- errors")[0]
    assert re.search(rf"[`\"]{re.escape(name)}[`\"]", by_hand)
