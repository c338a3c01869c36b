"""What the nodes of a cluster tell one another, as structs and as bytes.

Under the topic `nodes` all of them are told; under `node.<id>` one is, about who is in which room,
and under `names.<id>` about whose a name is; under `room.<room>` those that have the room open;
under `identities` all that may have an identity's connections.
"""

from typing import Final

import msgspec

from causerie.chat.roster import NodeChange

NODES: Final = "nodes"
IDENTITIES: Final = "identities"


def node_topic(node: str) -> str:
    """Under which one node is told of rooms."""
    return f"node.{node}"


def names_topic(node: str) -> str:
    """Under which one node is told of names."""
    return f"names.{node}"


def room_topic(room: str) -> str:
    """Under which those are told that have a room open."""
    return f"room.{room}"


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A node lives."""

    node: str
    rooms: dict[str, int]
    """The rooms where something has changed of late, with the number of the last change."""
    is_new: bool = False
    """It knows nobody yet, or may have missed everything: whoever lives tells it so."""


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A node wants to know who is in some rooms on the others."""

    node: str
    rooms: list[str]
    has_mourned: bool = False
    """It has taken the one that it asks for dead, and told its people that all there have left."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """Some of those who are in a room on a node."""

    room: str
    number: int
    """Of the last change that is in it."""
    index: int
    """Which part it is of as many as it takes, from 0."""
    is_last: bool
    members: dict[str, str]
    """By folded name, as displayed."""


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """Who is in the rooms that were asked about, those without anybody among them."""

    node: str
    parts: list[Part]


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """Who came to a room on a node, and who went."""

    node: str
    previous: int
    number: int
    changes: list[NodeChange]


class Types(msgspec.Struct, frozen=True, tag="types"):
    """Somebody types in a room, or has stopped."""

    node: str
    folded: str
    display: str
    is_typing: bool


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """A name is wanted that a session on the node that is told holds, without keeping it."""

    node: str
    number: int
    holder: str
    """The identity that holds it."""
    held: str
    """The name that it holds, folded: it may only look like the one that is wanted."""
    identity: str
    """That which wants it."""
    display: str
    folded: str
    skeleton: str


class Sought(msgspec.Struct, frozen=True, tag="sought"):
    """Somebody wants to write to a session without a key on the node that is told."""

    node: str
    number: int
    holder: str


class Said(msgspec.Struct, frozen=True, tag="said"):
    """The answer to one of those: the name is free, or the session can be written to."""

    number: int
    yes: bool


class OneNamed(msgspec.Struct, frozen=True, array_like=True):
    """What an identity is called, by what it did on the node that tells."""

    identity: str
    display: str
    kept: bool


class Named(msgspec.Struct, frozen=True, tag="named"):
    """What some identities are called. Told several times, since it may be lost."""

    names: list[OneNamed]


ToNodes = Beat | Ask
ToNode = Beat | Ask | Answer
ToRoom = Changed | Types
ToNames = Wanted | Sought | Said

encode = msgspec.json.Encoder().encode
to_nodes = msgspec.json.Decoder(ToNodes)
to_node = msgspec.json.Decoder(ToNode)
to_room = msgspec.json.Decoder(ToRoom)
to_names = msgspec.json.Decoder(ToNames)
to_identities = msgspec.json.Decoder(Named)
