"""Taking a name that is somebody else's: in the same turn, by a flood, or by sheer confusion."""

import json
import random
from functools import partial
from typing import Any

import pytest
from tests.server.support import UNLIMITED, V1, Frame, key_of, v1

from causerie.chat.names import NameRefused, parse_username
from causerie.ports import Failed, Holder
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer, MemorySocket

GRACE = HubSettings().grace
PROBE = HubSettings().probe


def asked(client: V1, name: str, *, key: str | None = None) -> None:
    """Has a client ask for a name; the server has not run yet."""
    fields = {} if key is None else {"key": key}
    client.send("hello", username=name, id="h", **fields)


def answers(*clients: V1) -> list[str]:
    """What came of what they asked for: the types of the answers, or the codes of errors."""
    found: list[Frame] = []
    for client in clients:
        found += client.take("welcome", "error")
    return [str(frame.get("code", frame["type"])) for frame in found]


def holder_of(server: MemoryServer, name: str) -> Holder | None:
    """Who the directory says has a name."""
    told: list[Holder | Failed | None] = []
    folded = parse_username(name).folded
    server.directory.find(folded, now=server.clock.wall(), done=told.append)
    server.run()
    (holder,) = told
    assert not isinstance(holder, Failed)
    return holder


# Two who ask in the same turn.


@pytest.mark.parametrize(("name", "wanted"), [("Ann", "Ann"), ("Ann", "ANN"), ("Arm", "Arrn")])
def test_who_comes_back_and_who_takes_the_name_meanwhile_do_not_both_get_it(
    name: str, wanted: str
) -> None:
    server = MemoryServer()
    key = key_of("Ann")
    v1(server, name, key=key).cut()
    taker, returning = V1(server), V1(server)
    asked(taker, wanted)
    asked(returning, name, key=key)
    assert answers(taker, returning) == ["name_taken", "welcome"]
    holder = holder_of(server, name)
    assert holder is not None
    assert returning.connection.session is not None
    assert holder.identity == returning.connection.session.identity


def test_who_comes_back_under_another_of_its_look_alikes_does_not_share_it() -> None:
    server = MemoryServer()
    key = key_of("Bob")
    v1(server, "B0b", key=key).cut()
    taker, returning = V1(server), V1(server)
    asked(taker, "Bob")
    asked(returning, "Bob", key=key)
    assert answers(taker, returning) == ["name_taken", "welcome"]


def test_who_comes_back_in_the_turn_in_which_it_is_given_up_keeps_the_name() -> None:
    server = MemoryServer()
    key = key_of("Ann")
    first = v1(server, "Ann", key=key)
    first.socket.answers_pings = False
    server.advance(PROBE + 1)
    taker, returning = V1(server), V1(server)
    asked(taker, "Ann")
    assert answers(taker) == [], "the holder is asked whether it lives"
    server.clock.set(server.clock.monotonic() + PROBE)
    asked(returning, "Ann", key=key)
    server.step()  # it has asked, and is not answered
    server.hub.tick()
    assert answers(taker, returning) == ["name_taken", "welcome"]
    assert first.socket.close_code == 4000
    assert answers(asking(server, "Ann")) == ["name_taken"]


def asking(server: MemoryServer, name: str) -> V1:
    """Somebody else who asks for a name."""
    client = V1(server)
    asked(client, name)
    return client


# A holder that is made to read slowly.


def flooded(server: MemoryServer) -> V1:
    """Somebody without a key whose link is full, and who has not been heard of for a while."""
    victim = v1(server, "Vic", "square")
    flooder = v1(server, "Flo", "square")
    victim.socket.window = 0
    for number in range(100):
        flooder.say("x" * 1_000, room="square", id=f"m{number}")
    server.advance(PROBE + 1)
    return victim


def test_who_reads_slowly_but_reads_keeps_its_name() -> None:
    server = MemoryServer(settings=UNLIMITED)
    victim = flooded(server)
    thief = asking(server, "vic")
    assert answers(thief) == [], "the holder is asked whether it lives"
    for _ in range(8):
        victim.socket.read_more(1_000)
        server.advance(1.0)
    assert answers(thief) == ["name_taken"]
    assert victim.socket.is_open


def test_who_has_read_all_while_it_was_asked_keeps_its_name() -> None:
    server = MemoryServer(settings=UNLIMITED)
    victim = flooded(server)
    victim.socket.answers_pings = False
    thief = asking(server, "vic")
    assert answers(thief) == [], "the holder is asked whether it lives"
    victim.socket.read_more(None)
    server.advance(PROBE + 1)
    assert answers(thief) == ["name_taken"]


def test_who_reads_nothing_when_asked_loses_its_name() -> None:
    server = MemoryServer(settings=UNLIMITED)
    victim = flooded(server)
    thief = asking(server, "vic")
    server.advance(PROBE + 1)
    assert answers(thief) == ["welcome"]
    assert victim.socket.close_code == 4000


# Whatever a crowd does.

NAMES = ["Ann", "ann", "Bob", "B0b", "Cy", "Dee", "System", "x y"]
KEYS = [None, None, key_of("one"), key_of("other")]
ROOMS = ["r", "R", "q", "~abc", "bad room"]
STAMPS: list[Any] = [0, None, 1e308, -5, "x", 1.8e9, 1.8e12, 10**17, 10**30, True, []]


class Crowd:
    """Clients of both profiles that do anything, in any order, and vanish in any way."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.server = MemoryServer(settings=HubSettings(rate=0.0, strikes=1_000_000))
        self.sockets: list[tuple[MemorySocket, bool]] = []

    def acts(self) -> None:
        """Somebody does something, and some time goes by."""
        chance = self.chance
        if len(self.sockets) < 4 or chance.random() < 0.05:
            speaks_v1 = chance.random() < 0.6
            socket = self.server.connect(v1=speaks_v1)
            socket.answers_pings = chance.random() < 0.8
            self.sockets.append((socket, speaks_v1))
        socket, speaks_v1 = chance.choice(self.sockets)
        if chance.random() < 0.12:
            socket.hang_up(chance.choice([None, None, 1000, 1001, 1005]))
            self.sockets.remove((socket, speaks_v1))
        else:
            socket.send(json.dumps(self.v1_command() if speaks_v1 else self.plain_command()))
        match chance.choice(["nothing", "run", "steps", "wait"]):
            case "run":
                self.server.run()
            case "steps":
                for _ in range(chance.randrange(6)):
                    self.server.step()
            case "wait" if chance.random() < 0.4:
                self.server.advance(chance.choice([0.1, 2.0, PROBE + 1, GRACE + 1, 60.0]))
        self.sockets = [(one, profile) for one, profile in self.sockets if one.is_open]

    def v1_command(self) -> Frame:
        """Any command of v1."""
        chance = self.chance
        name, room = chance.choice(NAMES), chance.choice(ROOMS)
        command: Frame = chance.choice(
            [
                {"type": "hello", "username": name, "key": chance.choice(KEYS)},
                {"type": "hello", "username": name, "key": chance.choice(KEYS)},
                {"type": "join", "room": room},
                {"type": "leave", "room": room},
                {"type": "message", "room": room, "content": "m"},
                {"type": "private", "to": name, "content": "p"},
                {"type": "typing", "room": room, "isTyping": chance.random() < 0.5},
                {"type": "rooms"},
            ]
        )
        return command | {"id": str(chance.choice([chance.randrange(30), chance.random()]))}

    def plain_command(self) -> Frame:
        """Any frame of a plain client, with any time in it."""
        chance = self.chance
        command: Frame = chance.choice(
            [
                {"type": "join", "username": chance.choice(NAMES), "since": chance.choice(STAMPS)},
                {"type": "leave"},
                {"type": "message", "content": "m"},
                {"type": "private", "to": chance.choice(NAMES), "content": "p"},
                {"type": "typing", "isTyping": chance.random() < 0.5},
                {"type": "typing.start"},
            ]
        )
        if chance.random() < 0.5:
            command["room"] = chance.choice(ROOMS)
        return command | {"timestamp": chance.choice(STAMPS)}

    def check(self) -> None:
        """Every session has its name, and has it alone."""
        self.server.run()
        sessions = {one.session for one in self.server.hub.connections if one.session is not None}
        names = [session.name.folded for session in sessions]
        assert len(names) == len(set(names)), names
        for session in sessions:
            holder = holder_of(self.server, session.name.display)
            assert holder is not None, f"{session.name.display} is free, and in use"
            assert holder.identity == session.identity


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(start, start + 100) for start in range(0, 400, 100)])
def test_whatever_a_crowd_does_a_name_is_one_session_s_and_nothing_stays_behind(
    seeds: range,
) -> None:
    for seed in seeds:
        crowd = Crowd(seed)
        for at in range(120):
            crowd.acts()
            if at % 10 == 9:
                crowd.check()
        for socket, _ in crowd.sockets:
            socket.hang_up(None)
        crowd.server.advance(PROBE + GRACE + 1)
        hub = crowd.server.hub
        assert (len(hub.connections), len(hub.sessions), len(hub.rooms)) == (0, 0, 0), seed
        held = map(partial(holder_of, crowd.server), filter(is_name, NAMES))
        assert all(holder is None or holder.kept for holder in held), seed


def is_name(text: str) -> bool:
    """Whether anybody can have this name."""
    try:
        parse_username(text)
    except NameRefused:
        return False
    return True
