import json
import socket

import pytest

from causerie.bench import filling
from causerie.bench.asking import Asking
from causerie.bench.crew import tell_nobody
from causerie.bench.filling import Filler, fill, script
from causerie.bench.generator import LoadFailed, Member
from causerie.bench.target import OwnServer
from causerie.testing.framing import take_frame


def commands(frames: bytes) -> list[dict[str, str]]:
    """What frames with masks of zeros say."""
    unmasked = bytearray()
    place = 0
    while place < len(frames):
        length, head = frames[place + 1] & 0x7F, 2
        if length == 126:
            length, head = int.from_bytes(frames[place + 2 : place + 4]), 4
        unmasked += frames[place : place + 1] + bytes((126, *length.to_bytes(2)))
        place += head + 4
        unmasked += frames[place : place + length]
        place += length
    said = []
    while frame := take_frame(unmasked):
        said.append(json.loads(frame.payload))
    return said


def test_a_filler_says_so_much_in_each_room_and_is_in_one_at_a_time() -> None:
    frames = list(script(7, ["tea", "water"], 2, 64))
    assert len(frames) == 4
    said = [(one["type"], one["room"]) for one in commands(b"".join(frames))]
    assert said == [
        ("message", "tea"),
        ("message", "tea"),
        ("leave", "tea"),
        ("join", "water"),
        ("message", "water"),
        ("message", "water"),
    ]


def test_no_two_messages_have_the_same_id() -> None:
    frames = b"".join([*script(7, ["tea", "water"], 3, 64), *script(8, ["milk"], 3, 64)])
    ids = [one["id"] for one in commands(frames) if one["type"] == "message"]
    assert len(set(ids)) == len(ids) == 9


@pytest.mark.slow
@pytest.mark.real
def test_rooms_are_filled(server: OwnServer) -> None:
    rooms = [f"filled-{number}" for number in range(filling.FILLERS + 3)]
    ready: list[bool] = []
    shares: list[float] = []
    said = fill(
        server.address,
        rooms,
        30,
        64,
        first=0,
        ready=lambda: ready.append(True),
        progress=shares.append,
    )
    assert said == 30 * len(rooms)
    assert ready == [True]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    with Asking(server.address) as asking:
        asking.ask(b'{"type":"hello","id":"1","username":"looker"}', "welcome")
        for room in rooms:
            page = asking.ask(
                b'{"type":"history","limit":100,"room":"%s"}' % room.encode(), "history"
            )
            assert len(json.loads(page)["entries"]) == 30


@pytest.mark.slow
@pytest.mark.real
def test_a_server_that_answers_no_more_is_not_waited_for(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "DEADLINE", 0.1)

    def unread(self: filling.Filling, member: Member, *_: object) -> None:
        """As if the answers did not come."""

    monkeypatch.setattr(filling.Filling, "_hear", unread)
    with pytest.raises(LoadFailed, match="not answered"):
        fill(
            server.address,
            ["silent"],
            1,
            64,
            first=50,
            ready=lambda: None,
            progress=tell_nobody,
        )


def test_a_server_that_does_not_read_is_told_of() -> None:
    filler = Filler(0, ["tea"], 100_000, 64)
    filler.socket, theirs = socket.socketpair()
    filler.socket.setblocking(False)
    with theirs, filler.socket, pytest.raises(LoadFailed, match="does not take"):
        filler.say(100_000)


def test_where_there_is_nothing_to_fill_it_is_done_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        shares: list[float] = []
        nowhere = nobody.getsockname()
        done = fill(nowhere, [], 9, 64, first=0, ready=lambda: None, progress=shares.append)
    assert (done, shares) == (0, [1.0])
