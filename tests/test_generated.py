"""Generated files are current, and say what the structs and the codes say."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from tools import generate
from tools.generate_typescript import typescript_frames

from causerie.wire import plain
from causerie.wire.codec import decode_command, decode_server_frame, encode
from causerie.wire.codes import CloseCode, ErrorCode, reconnects
from causerie.wire.commands import AnyCommand, Cursor
from causerie.wire.plain import decode_plain
from causerie.wire.replies import (
    AnyPush,
    AnyReply,
    AnyServerFrame,
    Error,
    Limits,
    RoomSummary,
)

ROOT = Path(__file__).parents[1]
PROTOCOL = ROOT / "protocol"
PLAIN = (plain.PlainMessage, plain.PlainPrivate, plain.PlainTyping)
COMMANDS = get_args(AnyCommand)
SERVER_FRAMES = get_args(AnyServerFrame)


def document(name: str) -> Any:
    return json.loads((PROTOCOL / name).read_text(encoding="utf-8"))


def names(*frames: type[msgspec.Struct]) -> set[str]:
    return {frame.__name__[0].lower() + frame.__name__[1:] for frame in frames}


# The files.


@pytest.mark.parametrize("path", generate.GENERATED, ids=lambda path: path.name)
def test_a_generated_file_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate.GENERATED[path]()


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file that is current, one that is stale, and one that is missing."""
    made = {tmp_path / name: lambda text=name: f"{text}\n" for name in ("good", "stale", "gone")}
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "GENERATED", made)
    (tmp_path / "good").write_text("good\n")
    (tmp_path / "stale").write_text("once\n")
    return tmp_path


def test_a_check_names_what_is_stale_and_writes_nothing(
    workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split()[0] for line in told.err.splitlines()] == ["stale", "gone"]
    assert (workshop / "stale").read_text() == "once\n"
    assert not (workshop / "gone").exists()


def test_a_run_writes_what_is_stale_and_then_a_check_is_content(
    workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (workshop / "good").stat().st_mtime_ns
    assert generate.main([]) == 0
    assert capsys.readouterr().out.splitlines() == ["wrote stale", "wrote gone"]
    assert (workshop / "gone").read_text() == "gone\n"
    assert (workshop / "good").stat().st_mtime_ns == before
    assert generate.main(["--check"]) == 0
    assert generate.main([]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_the_generator_runs_from_anywhere(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "tools" / "generate.py"), "--check"]
    run = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# The codes.


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


# The schema.


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


# The AsyncAPI document.


def message_names(references_: list[dict[str, str]]) -> set[str]:
    return {reference["$ref"].rsplit("/", 1)[1] for reference in references_}


def test_each_channel_has_all_that_goes_over_it() -> None:
    channels = document("asyncapi.json")["channels"]
    assert channels["v1"]["messages"].keys() == names(*COMMANDS, *SERVER_FRAMES)
    assert channels["plain"]["messages"].keys() == names(plain.PlainCommand, *PLAIN)
    assert {channel["address"] for channel in channels.values()} == {"/ws"}


def test_a_server_receives_every_command_and_sends_every_other_frame() -> None:
    operations = document("asyncapi.json")["operations"].values()
    received, sent, answered = set[str](), set[str](), set[str]()
    for operation in operations:
        place = received if operation["action"] == "receive" else sent
        place |= message_names(operation["messages"])
        if "reply" in operation:
            answered |= message_names(operation["reply"]["messages"])
    assert received == names(*COMMANDS, plain.PlainCommand)
    assert answered == names(*get_args(AnyReply))
    assert sent == names(*get_args(AnyPush), *PLAIN, Error)


def test_every_command_may_be_refused() -> None:
    operations = document("asyncapi.json")["operations"]
    for name in names(*COMMANDS):
        assert "error" in message_names(operations[name]["reply"]["messages"])


MESSAGES = document("asyncapi.json")["components"]["messages"]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_a_summary_of_one_line_and_examples(name: str) -> None:
    summary = MESSAGES[name]["summary"]
    assert summary.endswith(".")
    assert "\n" not in summary
    assert MESSAGES[name]["examples"]


@pytest.mark.parametrize("frame", [*COMMANDS, *SERVER_FRAMES, plain.PlainCommand])
def test_an_example_is_read_as_the_frame_that_it_is_one_of(frame: type[msgspec.Struct]) -> None:
    decode = {**dict.fromkeys(COMMANDS, decode_command), plain.PlainCommand: decode_plain}.get(
        frame, decode_server_frame
    )
    for sample in MESSAGES[frame.__name__]["examples"]:
        read = decode(json.dumps(sample["payload"]).encode())
        assert type(read) is frame
        if frame is not plain.PlainCommand:
            assert json.loads(encode(read)) == sample["payload"]


@pytest.mark.parametrize("frame", PLAIN)
def test_an_example_for_a_plain_client_is_what_the_server_would_send(
    frame: type[msgspec.Struct],
) -> None:
    for sample in MESSAGES[frame.__name__]["examples"]:
        text = json.dumps(sample["payload"]).encode()
        assert json.loads(encode(msgspec.json.decode(text, type=frame))) == sample["payload"]


# The TypeScript.

TYPESCRIPT = ROOT / "sdk" / "typescript" / "src" / "generated"


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
        assert found == {k: v for k, v in whole.items() if not k.startswith(("web-", "screen-"))}


# The page.

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
