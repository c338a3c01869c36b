"""The AsyncAPI document of a server, from the structs of `causerie.wire`.

`tools/generate.py` writes it.
"""

import json
from collections.abc import Iterable
from typing import get_args

import msgspec
from tools.generate_examples import EXAMPLES
from tools.generate_schema import ORIGIN, Frame, Json, definitions, summary

from causerie.wire import commands, plain, replies

_ANSWERS: dict[Frame, tuple[Frame, ...]] = {
    commands.Hello: (replies.Welcome,),
    commands.Join: (replies.Joined,),
    commands.Members: (replies.MembersPage,),
    commands.Rooms: (replies.RoomsPage,),
    commands.SendMessage: (replies.Ack,),
    commands.SendPrivate: (replies.Ack,),
    commands.SetTyping: (),
    commands.GetHistory: (replies.HistoryPage,),
    commands.Leave: (replies.Left,),
    commands.Ping: (replies.Pong,),
    commands.Trace: (replies.Tracing,),
}
"""The reply that each command has once it is carried out; any can be refused with an error."""


def asyncapi() -> Json:
    """The AsyncAPI document of a server, from the same structs."""
    every_command, pushes = get_args(commands.AnyCommand), get_args(replies.AnyPush)
    v1 = (*every_command, *get_args(replies.AnyServerFrame))
    plain_pushes = (plain.PlainMessage, plain.PlainPrivate, plain.PlainTyping)
    operations = {
        _camel(command): {
            **_operation("receive", "v1", summary(command), [command]),
            "reply": {
                "channel": {"$ref": "#/channels/v1"},
                "messages": _channel_messages("v1", [*_ANSWERS[command], replies.Error]),
            },
        }
        for command in every_command
    }
    operations |= {
        "push": _operation(
            "send",
            "v1",
            "Tells of new entries, of what passes, and of frames that could not be read.",
            [*pushes, replies.Error],
        ),
        "plainCommand": _operation(
            "receive", "plain", "Reads what a plain client sends.", [plain.PlainCommand]
        ),
        "plainPush": _operation(
            "send", "plain", "Tells a plain client what others say, and System.", plain_pushes
        ),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Causerie",
            "version": "1.0.0",
            "description": (
                "A chat in which a room is an append-only log and a client is a cursor in it. "
                f"{ORIGIN} PROTOCOL.md explains it."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "localhost:8080",
                "protocol": "ws",
                "description": "As `causerie serve` starts it.",
            }
        },
        "channels": {
            "v1": {
                **_channel("The v1 profile: the subprotocol is `causerie.v1`.", v1),
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "headers": {
                            "type": "object",
                            "properties": {
                                "Sec-WebSocket-Protocol": {
                                    "type": "string",
                                    "const": "causerie.v1",
                                }
                            },
                            "required": ["Sec-WebSocket-Protocol"],
                        },
                        "bindingVersion": "0.1.0",
                    }
                },
            },
            "plain": _channel(
                "The plain profile: no subprotocol. For what is typed by hand.",
                (plain.PlainCommand, *plain_pushes),
            ),
        },
        "operations": operations,
        "components": {
            "messages": {
                frame.__name__: _message(frame)
                for frame in (*v1, plain.PlainCommand, *plain_pushes)
            },
            "schemas": definitions("#/components/schemas/{name}"),
        },
    }


def _channel(description: str, frames: Iterable[Frame]) -> Json:
    return {
        "address": "/ws",
        "description": f"{description} `/` and `/chat` serve it as well.",
        "messages": {
            _camel(frame): {"$ref": f"#/components/messages/{frame.__name__}"} for frame in frames
        },
    }


def _operation(action: str, channel: str, what: str, frames: Iterable[Frame]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": what,
        "messages": _channel_messages(channel, frames),
    }


def _channel_messages(channel: str, frames: Iterable[Frame]) -> list[Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{_camel(frame)}"} for frame in frames]


def _message(frame: Frame) -> Json:
    tag = frame.__struct_config__.tag
    message: Json = {
        "name": tag if tag is not None else frame.__name__,
        "title": frame.__name__,
        "summary": summary(frame),
    }
    if "id" in frame.__struct_fields__:
        message["correlationId"] = {
            "description": "A reply has the `id` of its command, an entry that of its author.",
            "location": "$message.payload#/id",
        }
    message["payload"] = {"$ref": f"#/components/schemas/{frame.__name__}"}
    message["examples"] = [
        {"summary": shown, "payload": _payload(example)} for shown, example in EXAMPLES[frame]
    ]
    return message


def _payload(example: msgspec.Struct) -> Json:
    # As it goes over the wire; a client leaves out what it has nothing to say about.
    payload: Json = json.loads(msgspec.json.encode(example))
    return {name: value for name, value in payload.items() if value is not None}


def _camel(frame: Frame) -> str:
    return frame.__name__[0].lower() + frame.__name__[1:]
