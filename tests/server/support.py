"""Clients of a server in memory, for tests: they send, and look at what has arrived."""

import json
from collections.abc import Iterable
from itertools import count
from typing import Any

from causerie.chat.entry import Draft, Entry
from causerie.server.connection import Connection
from causerie.server.hub import Hub
from causerie.server.live_room import Listener, LiveRoom
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer, MemorySocket, VirtualClock

Frame = dict[str, Any]

UNLIMITED = HubSettings(rate=0.0)
"""Settings for tests that send more than a person would."""

KEY = "0123456789abcdefghijkl"


def key_of(name: str) -> str:
    """Returns a key that only somebody of this name would have."""
    return (name + KEY)[:22]


class BusyClock(VirtualClock):
    """A clock on which everything takes time: each look at it finds it a bit later."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    @property
    def elapsed(self) -> float:
        """What the next look would find, were it at once."""
        return self._elapsed

    def monotonic(self) -> float:
        """Lets a bit of time pass, and tells what it is now."""
        self._elapsed += self.seconds
        return self._elapsed

    def set(self, monotonic: float) -> None:
        """Moves the clock forward, unless it has gone on by itself."""
        self._elapsed = max(self._elapsed, monotonic)


class Client:
    """One link to a server, and the frames that came over it and were not looked at yet."""

    def __init__(
        self, server: MemoryServer, *, v1: bool, compression: bool = False, address: str = ""
    ) -> None:
        self.server = server
        self.socket: MemorySocket = server.connect(v1=v1, compression=compression, address=address)
        self._arrived: list[Frame] = []
        self._ids = count(1)

    @property
    def connection(self) -> Connection:
        """The hub's side of the link."""
        receiver = self.socket.receiver
        assert isinstance(receiver, Connection)
        return receiver

    def send(self, kind: str, **fields: object) -> None:
        """Sends a frame; nothing happens until the server runs."""
        self.socket.send(json.dumps({"type": kind, **fields}))

    def take(self, *types: str) -> list[Frame]:
        """Lets the server run; takes the frames of these types (of all, without any) that came."""
        self.server.run()
        return self.arrived(*types)

    def arrived(self, *types: str) -> list[Frame]:
        """Takes those that have come so far; the server does nothing."""
        self._arrived += map(json.loads, self.socket.take())
        taken = [frame for frame in self._arrived if not types or frame["type"] in types]
        self._arrived = [frame for frame in self._arrived if types and frame["type"] not in types]
        return taken

    def only(self, *types: str) -> Frame:
        """Takes the one frame of these types that came."""
        taken = self.take(*types)
        assert len(taken) == 1, taken
        return taken[0]

    def contents(self) -> list[str]:
        """Takes the entries that came, and tells their contents."""
        return [frame["content"] for frame in self.take("message", "private")]

    def cut(self) -> None:
        """Vanishes without a word."""
        self.socket.hang_up(None)
        self.server.run()

    def quit(self) -> None:
        """Says goodbye."""
        self.socket.hang_up(1000)
        self.server.run()


class V1(Client):
    """A client of the v1 profile."""

    def __init__(
        self, server: MemoryServer, *, compression: bool = False, address: str = ""
    ) -> None:
        super().__init__(server, v1=True, compression=compression, address=address)

    def ask(self, kind: str, **fields: object) -> Frame:
        """Sends a command and takes its reply, be it an error; other frames stay."""
        id = str(fields.setdefault("id", f"c{next(self._ids)}"))
        self.send(kind, **fields)
        return self.answer(id)

    def answer(self, id: str) -> Frame:
        """Takes the one reply to a command that was sent; entries keep their author's id too."""
        frames = self.take()
        replies = [
            frame
            for frame in frames
            if frame.get("id") == id and frame["type"] not in {"message", "private"}
        ]
        self._arrived = [frame for frame in frames if frame not in replies]
        assert len(replies) == 1, frames
        return replies[0]

    def hello(self, name: str, *, key: str | None = None, returning: bool = False) -> Frame:
        """Says who one is."""
        fields = {"key": key} if key is not None else {}
        return self.ask("hello", username=name, returning=returning, **fields)

    def join(self, room: str = "lobby", **fields: object) -> Frame:
        """Joins a room."""
        return self.ask("join", room=room, **fields)

    def say(self, content: str, *, room: str = "lobby", **fields: object) -> Frame:
        """Says something in a room."""
        return self.ask("message", room=room, content=content, **fields)

    def tell(self, to: str, content: str, **fields: object) -> Frame:
        """Says something to one person."""
        return self.ask("private", to=to, content=content, **fields)


class Plain(Client):
    """A client of the plain profile."""

    def __init__(
        self, server: MemoryServer, *, compression: bool = False, address: str = ""
    ) -> None:
        super().__init__(server, v1=False, compression=compression, address=address)

    def join(self, name: str, **fields: object) -> list[str]:
        """Joins; tells what System said."""
        self.send("join", username=name, content="", timestamp=0, **fields)
        return self.words()

    def say(self, content: str, **fields: object) -> None:
        """Says something."""
        self.send("message", content=content, **fields)
        self.server.run()

    def words(self) -> list[str]:
        """Takes what System said."""
        frames = self.take()
        self._arrived = [frame for frame in frames if frame["username"] != "System"]
        return [frame["content"] for frame in frames if frame["username"] == "System"]


def v1(server: MemoryServer, name: str, *rooms: str, key: str | None = None) -> V1:
    """Connects a client of the v1 profile that is in these rooms, and has looked at everything."""
    client = V1(server)
    assert client.hello(name, key=key)["type"] == "welcome"
    for room in rooms:
        assert client.join(room)["type"] == "joined"
    client.take()
    return client


def plain(server: MemoryServer, name: str, *rooms: str) -> Plain:
    """Connects a plain client that is in these rooms, and has looked at everything."""
    client = Plain(server)
    for room in rooms or ["lobby"]:
        client.join(name, room=room)
    client.take()
    return client


def drain(clients: Iterable[Client]) -> None:
    """Has clients look at everything."""
    for client in clients:
        client.take()


def live_room(server: MemoryServer, name: str = "lobby") -> LiveRoom:
    """Returns a room that is open."""
    room = server.hub.rooms.get(name)
    assert room is not None
    return room


def listener(client: Client, room: str = "lobby") -> Listener:
    """Returns a client's cursor in a room."""
    return client.connection.listeners[live_room(client.server, room)]


def fill(
    server: MemoryServer, room: str, size: int, *, content: str = "{}", start: int = 0
) -> None:
    """Puts entries into the log behind the server's back; it must not have the room open."""
    assert server.hub.rooms.get(room) is None
    for number in range(start, start + size):
        server.store.add(entry(room, number + 1, content.format(number + 1)))


def entry(room: str, seq: int, content: str) -> Entry:
    """Makes an entry of somebody who is not here."""
    return Entry(
        room=room,
        seq=seq,
        prev=seq - 1,
        identity="s:somebody",
        id=f"e{seq}",
        kind="message",
        username="Somebody",
        content=content,
        timestamp=1_700_000_000_000_000 + seq,
    )


def draft(room: str, id: str, content: str) -> Draft:
    """Makes a draft of somebody who is not here."""
    return Draft(
        room=room,
        identity="s:somebody",
        id=id,
        kind="message",
        username="Somebody",
        content=content,
    )


def assert_nothing_is_left(server: MemoryServer) -> None:
    """Checks that the hub holds nothing, once everybody has gone and all times are over."""
    hub: Hub = server.hub
    server.advance(60.0)
    assert not hub.connections
    assert len(hub.rooms) == 0
    assert len(hub.sessions) == 0
    assert not hub._in_flight
    assert not hub._slots
    assert not any(hub._wheel)
    assert not hub.catch_up._ready
    assert not hub.turn._rooms
    assert not hub.turn._connections
    # Those that are left are the heartbeat and the sweep of the names.
    assert len(hub.timers._queue) == 2
