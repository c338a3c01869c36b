"""The AsyncAPI document says what the structs say, with examples that are frames."""

import json
from typing import get_args

import msgspec
import pytest
from tests.tools.generated import (
    COMMANDS,
    PLAIN,
    SERVER_FRAMES,
    document,
    names,
)

from causerie.wire import plain
from causerie.wire.codec import decode_command, decode_server_frame, encode
from causerie.wire.plain import decode_plain
from causerie.wire.replies import AnyPush, AnyReply, Error


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
