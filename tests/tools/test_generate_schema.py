"""The schema says what the structs say."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.tools.generated import COMMANDS, PLAIN, SERVER_FRAMES, document

from causerie.wire import plain
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import Cursor
from causerie.wire.replies import Limits, RoomSummary


def references(value: object) -> Iterator[str]:
    """Yields what a document refers to, wherever it does."""
    match value:
        case {"$ref": str(reference)}:
            yield reference
        case _:
            pass
    match value:
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)
        case _:
            pass


def resolve(whole: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        whole = whole[part]
    return whole


@pytest.mark.parametrize("name", ["schema.json", "asyncapi.json"])
def test_every_reference_leads_somewhere(name: str) -> None:
    whole = document(name)
    found = set(references(whole))
    assert len(found) > 5
    for reference in found:
        assert resolve(whole, reference)


@pytest.mark.parametrize(
    "struct",
    [*COMMANDS, *SERVER_FRAMES, *PLAIN, plain.PlainCommand, Cursor, Limits, RoomSummary],
)
def test_the_schema_of_a_frame_has_its_fields(struct: type[msgspec.Struct]) -> None:
    definition = document("schema.json")["$defs"][struct.__name__]
    fields = msgspec.structs.fields(struct)
    tag = struct.__struct_config__.tag
    expected = {field.encode_name for field in fields} | ({"type"} if tag else set())
    assert definition["properties"].keys() == expected
    assert {field.encode_name for field in fields if field.required} <= {*definition["required"]}
    if tag:
        assert definition["properties"]["type"] == {"type": "string", "const": tag}
    assert "\n" not in definition["description"]


def test_what_a_server_may_leave_out_is_not_required_and_never_null() -> None:
    definitions = document("schema.json")["$defs"]
    assert "replay" not in definitions["Message"]["required"]
    assert definitions["Message"]["properties"]["replyTo"]["type"] == "string"
    assert "joined" in definitions["Presence"]["required"]
    assert {"type": "null"} in definitions["Limits"]["properties"]["dedupe"]["anyOf"]


def test_what_the_code_says_of_a_field_the_schema_says_too() -> None:
    properties = document("schema.json")["$defs"]["Joined"]["properties"]
    assert properties["names"]["description"] == "At most 200 of the members."
    assert properties["missing"]["description"].endswith("that follows are left out.")


def test_the_codes_of_errors_stand_in_the_schema() -> None:
    code = document("schema.json")["$defs"]["Error"]["properties"]["code"]
    assert code["examples"] == list(ErrorCode)
