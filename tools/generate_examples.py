"""Examples of every frame, for the AsyncAPI document: two people in a room, from hello to leave."""

from collections.abc import Sequence

import msgspec

from causerie.wire import commands as c
from causerie.wire import plain as p
from causerie.wire import replies as r

_NOW = 1_732_300_000_250
_CURSOR = c.Cursor(seq=41, id="5rZ0Zc8w3n1aFQ1t0bYb2g")
_HEAD = c.Cursor(seq=42, id="Qm3x9sT6kT2m0o4yVbWc1A")
_TALK = "~mfrggzdfmztwq2lknnwg23tpob"
_MESSAGE = r.Message(
    room="lobby",
    seq=42,
    prev=41,
    id=_HEAD.id,
    username="Bob",
    content="Hello, Alice!",
    timestamp=_NOW,
)
_PRIVATE = r.Private(
    room=_TALK,
    seq=7,
    prev=5,
    id="Z5o6x0b1Ssm2e4y8cJt3Ow",
    username="Bob",
    sender="Bob",
    to="Alice",
    content="psst",
    timestamp=_NOW,
)
_LIMITS = r.Limits(
    frame=65_536,
    reply=32_768,
    content=4_000,
    rooms=100,
    rate=20,
    burst=40,
    dedupe=None,
    page=100,
)

EXAMPLES: dict[type[msgspec.Struct], Sequence[tuple[str, msgspec.Struct]]] = {
    c.Hello: [
        (
            "Alice, with the key that keeps her name.",
            c.Hello(username="Alice", key="jX9mPq2vR7sT4wYzA1bC3g", id="1"),
        ),
        ("Nobody in particular.", c.Hello(username="User042")),
    ],
    c.Join: [
        ("From now on.", c.Join(room="Lobby", id="2")),
        (
            "With the newest ten entries.",
            c.Join(room="lobby", limit=10, id="2"),
        ),
        (
            "After a cut, from where one was.",
            c.Join(room="lobby", since=_CURSOR, epoch="k3v9", limit=1_000, id="2"),
        ),
    ],
    c.Members: [("The first page.", c.Members(room="lobby", id="3"))],
    c.Rooms: [("The page after a room.", c.Rooms(after="lobby", id="4"))],
    c.SendMessage: [
        (
            "The id makes it safe to send again.",
            c.SendMessage(room="lobby", content="Hello, Alice!", id=_HEAD.id),
        ),
        (
            "Sent again after a cut: `at` is when it was first tried.",
            c.SendMessage(room="lobby", content="Hello, Alice!", at=_NOW, id=_HEAD.id),
        ),
    ],
    c.SendPrivate: [("To one person.", c.SendPrivate(to="Alice", content="psst", id=_PRIVATE.id))],
    c.SetTyping: [("One types.", c.SetTyping(room="lobby", is_typing=True))],
    c.GetHistory: [("What came before.", c.GetHistory(room="lobby", before=42, limit=100, id="5"))],
    c.Leave: [("One room of several.", c.Leave(room="lobby", id="6"))],
    c.Ping: [("How far is it?", c.Ping(id="7"))],
    c.Trace: [("What do you see of me?", c.Trace(on=True, id="10"))],
    r.Welcome: [
        (
            "The name is kept by the key.",
            r.Welcome(
                username="Alice",
                kept=True,
                server="causerie/0.1.0",
                time=_NOW,
                heartbeat=25_000,
                grace=15_000,
                limits=_LIMITS,
                id="1",
            ),
        )
    ],
    r.Joined: [
        (
            "From now on.",
            r.Joined(
                room="lobby", epoch="k3v9", head=_HEAD, members=2, names=["Alice", "Bob"], id="2"
            ),
        ),
        (
            "After a long absence: 31 entries are left out.",
            r.Joined(
                room="lobby",
                epoch="k3v9",
                head=c.Cursor(seq=1_074, id="b0b7d4nS1mQ8e2rT6yWu5A"),
                members=2,
                names=["Alice", "Bob"],
                recovered="partial",
                missing=31,
                id="2",
            ),
        ),
    ],
    r.Left: [("Gone.", r.Left(room="lobby", id="6"))],
    r.Ack: [
        (
            "Durable, and in its place.",
            r.Ack(room="lobby", seq=42, timestamp=_NOW, id=_HEAD.id),
        )
    ],
    r.MembersPage: [
        (
            "All of them.",
            r.MembersPage(room="lobby", members=2, names=["Alice", "Bob"], id="3"),
        )
    ],
    r.RoomsPage: [
        (
            "A private conversation.",
            r.RoomsPage(
                rooms=[
                    r.RoomSummary(
                        room=_TALK,
                        epoch="k3v9",
                        head=c.Cursor(seq=7, id=_PRIVATE.id),
                        peer="Bob",
                    )
                ],
                id="4",
            ),
        )
    ],
    r.HistoryPage: [
        (
            "One entry, and older ones.",
            r.HistoryPage(
                room="lobby",
                epoch="k3v9",
                entries=[msgspec.Raw(msgspec.json.encode(_MESSAGE))],
                more=True,
                id="5",
            ),
        )
    ],
    r.Pong: [("Here.", r.Pong(time=_NOW, id="7"))],
    r.Tracing: [("All that there is.", r.Tracing(on=True, id="10"))],
    r.Error: [
        (
            "A field is missing.",
            r.Error(
                code="invalid",
                message="“content” is not valid: it is missing.",
                field="content",
                id="8",
            ),
        ),
        (
            "Too fast.",
            r.Error(
                code="rate_limited",
                message="Too many commands. Wait a moment.",
                retry_after=50,
                id="9",
            ),
        ),
    ],
    r.Message: [("Live.", _MESSAGE)],
    r.Private: [("To Alice.", _PRIVATE)],
    r.Typing: [("Bob types.", r.Typing(room="lobby", username="Bob", is_typing=True))],
    r.Presence: [("Bob came.", r.Presence(room="lobby", members=2, joined=["Bob"]))],
    r.Notice: [("To everyone.", r.Notice(message="The server restarts at noon."))],
    r.Traced: [
        (
            "The server's ping, the client's pong, and a message of the client.",
            r.Traced(
                frames=[
                    r.TracedFrame(sender="server", time=_NOW, fin=True, opcode=9, length=0, size=2),
                    r.TracedFrame(
                        sender="client",
                        time=_NOW + 1,
                        fin=True,
                        opcode=10,
                        length=0,
                        size=6,
                        masking_key="37fa213d",
                    ),
                    r.TracedFrame(
                        sender="client",
                        time=_NOW + 900,
                        fin=True,
                        opcode=1,
                        length=180,
                        size=188,
                        masking_key="b7e21c04",
                        message=12,
                    ),
                ]
            ),
        )
    ],
    p.PlainCommand: [
        (
            "Who one is; `timestamp` is in milliseconds here.",
            p.PlainCommand(type="join", username="Alice", content="", timestamp=_NOW),
        ),
        (
            "What was said after a time is said again; in seconds here.",
            p.PlainCommand(type="join", username="Alice", since=1_732_300_000.25),
        ),
        ("Something said.", p.PlainCommand(type="message", content="hi")),
        ("To one person.", p.PlainCommand(type="private", to="Bob", content="psst")),
        ("One types.", p.PlainCommand(type="typing", is_typing=True)),
        ("The other spelling.", p.PlainCommand(type="typing.stop")),
        ("Goodbye.", p.PlainCommand(type="leave")),
    ],
    p.PlainMessage: [
        (
            "An entry; milliseconds, with the fraction of the microseconds.",
            p.PlainMessage(
                username="Bob",
                content="Hello, Alice!",
                timestamp=_NOW + 0.125,
                room="lobby",
                id=_HEAD.id,
            ),
        ),
        (
            "System.",
            p.PlainMessage(
                username="System",
                content="Bob has joined the chat",
                timestamp=_NOW,
                room="lobby",
            ),
        ),
    ],
    p.PlainPrivate: [
        (
            "To Alice, who counts seconds.",
            p.PlainPrivate(
                username="Bob",
                content="psst",
                timestamp=1_732_300_000.25,
                sender="Bob",
                to="Alice",
                id=_PRIVATE.id,
            ),
        )
    ],
    p.PlainTyping: [
        (
            "Bob types, told to one who used the same spelling.",
            p.PlainTyping(
                type="typing",
                username="Bob",
                content="",
                timestamp=_NOW,
                room="lobby",
                is_typing=True,
            ),
        )
    ],
}
"""By the kind of frame: what each example shows, and the frame."""
