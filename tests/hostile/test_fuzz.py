"""100,000 bad frames: each is answered by an error or the right close code, and harms nobody."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.raw_client import Closed, RawClient, resident_bytes
from tests.support.server_process import ServerProcess

from causerie.testing.framing import BINARY, client_frame

FRAMES = 100_000
AT_ONCE = 50
SEED = 20_261_122

COMMANDS: list[dict[str, Any]] = [
    {"type": "join", "room": "fuzz"},
    {"type": "message", "room": "fuzz", "content": "hello"},
    {"type": "private", "to": "Bystander", "content": "psst"},
    {"type": "typing", "room": "fuzz", "isTyping": True},
    {"type": "history", "room": "fuzz", "limit": 5},
    {"type": "members", "room": "fuzz", "limit": 5},
    {"type": "leave", "room": "fuzz"},
    {"type": "hello", "username": "Fuzz"},
]
REQUIRED = {"type", "room", "content", "to", "isTyping", "username"}
WRONG: list[Any] = [None, 1.5, [], {}, ["x"], {"a": 1}, 10**30, -(10**30)]


class Bad(NamedTuple):
    """A frame that must be refused."""

    sent: bytes
    closes: int | None
    """The close code that it calls for; None: an error, and the connection goes on."""


def wrong_type(chance: random.Random) -> Bad:
    command = dict(chance.choice(COMMANDS))
    field = chance.choice([name for name in command if name in REQUIRED])
    command[field] = chance.choice(WRONG)
    return Bad(client_frame(json.dumps(command).encode()), None)


def missing_field(chance: random.Random) -> Bad:
    command = dict(chance.choice(COMMANDS))
    del command[chance.choice([name for name in command if name in REQUIRED])]
    return Bad(client_frame(json.dumps(command).encode()), None)


def unknown_type(chance: random.Random) -> Bad:
    name = "".join(chance.choices("abcdefghijklmnop.\u00e9\U0001f4a5", k=chance.randrange(1, 40)))
    return Bad(client_frame(json.dumps({"type": "x" + name}).encode()), None)


def no_json(chance: random.Random) -> Bad:
    text = "".join(chance.choices(' {}[]":,abc0123.-\\u\t\u00e9\u2028', k=chance.randrange(0, 200)))
    # Whatever it is, it begins as no object does.
    return Bad(client_frame(("]" + text).encode()), None)


def truncated(chance: random.Random) -> Bad:
    text = json.dumps(chance.choice(COMMANDS)).encode()
    return Bad(client_frame(text[: chance.randrange(len(text))]), None)


def deep(chance: random.Random) -> Bad:
    levels = chance.randrange(2_000, 30_000)
    nested = "[" * levels + "]" * levels if chance.random() < 0.5 else '{"a":' * (levels // 3)
    return Bad(client_frame(f'{{"type":"message","room":{nested},"content":"x"}}'.encode()), None)


def huge_number(chance: random.Random) -> Bad:
    digits = "9" * chance.randrange(25, 5_000)
    number = chance.choice([digits, "-" + digits, "1e" + digits[:4], digits + ".5"])
    return Bad(client_frame(f'{{"type":"history","room":"fuzz","before":{number}}}'.encode()), None)


def lone_surrogate(chance: random.Random) -> Bad:
    code = chance.randrange(0xD800, 0xE000)
    text = f'{{"type":"message","room":"fuzz","content":"x\\u{code:04x}y"}}'
    return Bad(client_frame(text.encode()), None)


def bad_name(chance: random.Random) -> Bad:
    name = "".join(chance.choices("\u202e\u200b\ud83d\x00 /<>&", k=chance.randrange(1, 40)))
    room = json.dumps({"type": "join", "room": name})
    return Bad(client_frame(room.encode()), None)


def too_long(chance: random.Random) -> Bad:
    content = chance.choice("x\u00e9") * chance.randrange(4_001, 20_000)
    command = {"type": "message", "room": "fuzz", "content": content}
    return Bad(client_frame(json.dumps(command, ensure_ascii=False).encode()), None)


def invalid_utf8(chance: random.Random) -> Bad:
    garbage = chance.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"])
    return Bad(client_frame(b'{"type":"ping","id":"' + garbage + b'"}'), 1007)


def binary(chance: random.Random) -> Bad:
    return Bad(client_frame(chance.randbytes(chance.randrange(0, 300)), BINARY), 1003)


def megabyte(chance: random.Random) -> Bad:
    del chance
    return Bad(client_frame(b'{"type":"message","content":"' + b"x" * 1_000_000 + b'"}'), 1009)


OFTEN: list[Callable[[random.Random], Bad]] = [
    wrong_type,
    missing_field,
    unknown_type,
    no_json,
    truncated,
    huge_number,
    lone_surrogate,
    bad_name,
]
SELDOM = [deep, too_long]
RARELY = [invalid_utf8, binary, megabyte]


def bad_frames(chance: random.Random, many: int) -> Iterator[Bad]:
    for _ in range(many):
        dice = chance.random()
        kinds = RARELY if dice < 0.001 else SELDOM if dice < 0.02 else OFTEN
        yield chance.choice(kinds)(chance)


def attacker(port: int, number: int) -> RawClient:
    client = RawClient(port)
    client.hello(f"Fuzzer{number}")
    client.join("fuzz")
    return client


def answers(client: RawClient, batch: list[Bad]) -> int:
    """Sends frames, each with a ping behind it; answers how many were refused one by one.

    Stops at the first one that closed the connection, which must be with the right code.
    """
    # Where it has hung up already, why stands among what can be read.
    with contextlib.suppress(OSError):
        for at, bad in enumerate(batch):
            client.send_bytes(bad.sent)
            client.send(type="ping", id=f"after-{at}")
    for at, bad in enumerate(batch):
        errors = 0
        code = None
        try:
            while (came := client.next()).get("id") != f"after-{at}" or came["type"] != "pong":
                if came["type"] == "error":
                    assert came["message"], came
                    errors += 1
        except Closed as closed:
            code = closed.code
        if code == 4008:
            return at
        assert code == bad.closes, (code, bad.sent[:200])
        if code is not None:
            return at + 1
        assert errors == 1, (errors, bad.sent[:200])
    return len(batch)


def next_batch(todo: list[Bad]) -> list[Bad]:
    """Some frames that leave the connection open, or one that closes it."""
    if todo[0].closes is not None:
        return todo[:1]
    calm = next((at for at, bad in enumerate(todo) if bad.closes is not None), len(todo))
    return todo[: min(calm, AT_ONCE)]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(240)
def test_bad_frames_are_refused_and_harm_nobody(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with (
        ServerProcess(tmp_path, "--rate-limit", "0", measured=False) as server,
        RawClient(server.port) as bystander,
        contextlib.ExitStack() as attackers,
    ):
        bystander.hello("Bystander")
        bystander.join("quiet")
        todo = list(bad_frames(chance, FRAMES // 10))
        refused, connections = 0, 0
        warm = 0
        client: RawClient | None = None
        rounds = 0
        while refused < FRAMES:
            if not todo:
                todo = list(bad_frames(chance, FRAMES // 10))
            if client is None:
                connections += 1
                client = attackers.enter_context(attacker(server.port, connections))
            batch = next_batch(todo)
            done = answers(client, batch)
            refused += done
            del todo[:done]
            if done < len(batch) or batch[-1].closes is not None:
                attackers.close()
                client = None
            rounds += 1
            if rounds % 100 == 0:
                content = f"still here {rounds}"
                bystander.say("quiet", content, f"b{rounds}")
            if warm == 0 and refused > FRAMES // 5:
                warm = resident_bytes(server.pid)
        bystander.say("quiet", "the end", "end")
        grown = resident_bytes(server.pid) - warm
        assert grown < 8_000_000, f"the server grew by {grown} bytes"
        bystander.send(type="history", room="quiet", id="all", limit=100)
        told = [entry["content"] for entry in bystander.expect("history")["entries"]]
        assert told[-1] == "the end"
        assert all(text.startswith(("still here", "the end")) for text in told)
