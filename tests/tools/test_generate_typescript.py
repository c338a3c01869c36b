"""The TypeScript says what the structs, the codes and the catalogues say."""

import json
import re

import msgspec
import pytest
from tests.tools.generated import (
    COMMANDS,
    ROOT,
    SERVER_FRAMES,
    TYPESCRIPT,
    document,
)
from tools.generate_typescript import typescript_frames

from causerie.wire.commands import Cursor
from causerie.wire.replies import Error, Limits, RoomSummary


def interfaces() -> dict[str, dict[str, str]]:
    """The interfaces of frames.ts: the type of each field, by its name."""
    text = (TYPESCRIPT / "frames.ts").read_text(encoding="utf-8")
    found = re.findall(r"^export interface (\w+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    return {
        name: dict(re.findall(r"^  readonly (\w+\??): (.+);$", body, re.MULTILINE))
        for name, body in found
    }


def test_every_v1_frame_is_an_interface_with_the_fields_of_the_schema() -> None:
    found = interfaces()
    for frame in (*COMMANDS, *SERVER_FRAMES, Cursor, Limits, RoomSummary):
        definition = document("schema.json")["$defs"][frame.__name__]
        fields = found["ErrorFrame" if frame is Error else frame.__name__]
        required = {field for field in fields if not field.endswith("?")}
        assert required == {*definition["required"]}
        assert {field.rstrip("?") for field in fields} == definition["properties"].keys()
        if tag := frame.__struct_config__.tag:
            assert fields["type"] == f'"{tag}"'


def test_a_field_has_the_type_that_the_wire_gives_it() -> None:
    found = interfaces()
    assert found["Limits"]["dedupe"] == "number | null"
    assert found["Joined"]["recovered?"] == '"complete" | "none" | "partial"'
    assert found["Joined"]["head"] == "Cursor"
    assert found["RoomsPage"]["rooms"] == "readonly RoomSummary[]"
    assert found["HistoryPage"]["entries"] == "readonly (Message | Private | UnknownEntry)[]"


@pytest.mark.parametrize(
    ("union", "members"), [("Command", COMMANDS), ("ServerFrame", SERVER_FRAMES)]
)
def test_a_union_of_typescript_has_the_members_of_the_union_of_python(
    union: str, members: tuple[type[msgspec.Struct], ...]
) -> None:
    text = (TYPESCRIPT / "frames.ts").read_text(encoding="utf-8")
    found = re.search(rf"^export type {union} =\n((?:  \| \w+\n)+);", text, re.MULTILINE)
    assert found
    names_ = re.findall(r"\w+", found[1])
    assert names_ == ["ErrorFrame" if m is Error else m.__name__ for m in members]


def test_a_type_that_typescript_has_no_word_for_is_not_guessed() -> None:
    strange = {"description": "?", "properties": {"x": {"type": "matrix"}}, "required": ["x"]}
    with pytest.raises(ValueError, match="matrix"):
        typescript_frames({"Strange": strange}, ["Strange"], [])


def test_the_typescript_codes_are_those_of_the_list_with_their_policy() -> None:
    text = (TYPESCRIPT / "codes.ts").read_text(encoding="utf-8")
    codes = document("codes.json")
    errors = re.findall(r'^  ([A-Z_]+): "(\w+)",$', text, re.MULTILINE)
    assert errors == [(e["code"].upper(), e["code"]) for e in codes["errors"]]
    closes = re.findall(r"^  ([A-Z_]+): (\d+),$", text, re.MULTILINE)
    assert closes == [(c["name"].upper(), str(c["code"])) for c in codes["closes"]]
    assert re.findall(r"^  ErrorCode\.(\w+),$", text, re.MULTILINE) == [
        e["code"].upper() for e in codes["errors"] if e["retry"]
    ]
    assert re.findall(r"^  CloseCode\.(\w+),$", text, re.MULTILINE) == [
        c["name"].upper() for c in codes["closes"] if not c["reconnect"]
    ]


def test_the_terminal_client_in_typescript_has_all_sentences_but_those_of_the_web() -> None:
    text = (TYPESCRIPT / "catalogue.ts").read_text(encoding="utf-8")
    for language in ("en", "fr"):
        body = text.split(f"\n  {language}: {{\n")[1].split("\n  },")[0]
        found = {
            json.loads(key): json.loads(sentence)
            for key, sentence in re.findall(r'^    ("[^"]+"): (.+),$', body, re.MULTILINE)
        }
        whole = json.loads((ROOT / "catalogue" / f"{language}.json").read_text(encoding="utf-8"))
        assert found == {
            k: v for k, v in whole.items() if not k.startswith(("web-", "screen-", "move-"))
        }
