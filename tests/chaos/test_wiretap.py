"""What nodes tell clients is understood on the wire, however it is cut into pieces."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.chaos.wiretap import Ledger, Stay, Wiretap

HANDSHAKE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def frame(**fields: Any) -> bytes:
    """A text frame as a node sends it."""
    payload = json.dumps(fields, separators=(",", ":")).encode()
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2)
    return b"\x81" + size + payload


def joined(*names: str) -> bytes:
    """The answer to join."""
    return frame(type="joined", id="1", room="lobby", names=names)


def presence(
    *, joined: tuple[str, ...] = (), left: tuple[str, ...] = (), snapshot: bool = False
) -> bytes:
    """Who came and went."""
    return frame(type="presence", room="lobby", joined=joined, left=left, snapshot=snapshot)


WELCOME = HANDSHAKE + frame(type="welcome", id="0", username="Ann")


class Clock:
    """Time that passes when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Yields it in pieces."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_is_told_is_noted_in_pieces_of_any_size(size: int) -> None:
    ledger, names = Ledger(), list[str]()
    tap = Wiretap(2, ledger, Clock(), names.append)
    said = frame(type="message", content='{"type":"presence"')
    told = [
        WELCOME,
        joined("Ann", "Bob"),
        said,
        b"\x89\x00",
        presence(joined=("Cy",), left=("Bob",)),
    ]
    for piece in pieces(b"".join(told), size):
        tap.heard(piece)
    assert names == ["Ann"]
    assert ledger.told.keys() == {"Ann"}
    assert ledger.of("Ann").here == {"Ann", "Cy"}
    assert ledger.of("Ann").left == {"Bob": 1}
    assert ledger.of("Ann").wrong == []


def test_a_stay_goes_from_the_joining_of_the_room_to_the_end_of_the_connection() -> None:
    ledger, clock = Ledger(), Clock()
    tap = Wiretap(2, ledger, clock)
    tap.heard(WELCOME)
    clock.now = 1.0
    tap.heard(frame(type="joined", id="1", room="another", names=[]))
    assert ledger.of("Ann").stays == []
    tap.heard(joined("Ann"))
    assert ledger.of("Ann").stays == [Stay(2, 1.0)]
    clock.now = 3.0
    tap.ended()
    clock.now = 4.0
    tap.ended()
    assert ledger.of("Ann").stays == [Stay(2, 1.0, 3.0)]


def test_one_that_ends_before_it_follows_the_room_is_no_stay() -> None:
    ledger = Ledger()
    tap = Wiretap(2, ledger, Clock())
    tap.heard(WELCOME)
    tap.ended()
    assert ledger.of("Ann").stays == []


def test_a_leave_told_twice_on_one_connection_is_noted() -> None:
    ledger = Ledger()
    tap = Wiretap(0, ledger, Clock())
    for data in (WELCOME, joined("Ann", "Bob"), presence(left=("Bob",)), presence(left=("Bob",))):
        tap.heard(data)
    assert ledger.of("Ann").wrong == ["Bob"]
    assert ledger.of("Ann").left == {"Bob": 2}


def test_leaves_are_counted_since_it_was_told_last_who_is_there() -> None:
    ledger = Ledger()
    told = ledger.of("Ann")
    taps = [Wiretap(0, ledger, Clock()) for _ in range(2)]
    for tap in taps:
        for data in (WELCOME, joined("Ann", "Bob"), presence(left=("Bob",))):
            tap.heard(data)
    assert told.again == set()
    taps[1].heard(presence(joined=("Bob",)))
    taps[1].heard(presence(left=("Bob",)))
    assert told.left == {"Bob": 2}
    assert told.again == {"Bob"}
    assert told.wrong == []


def test_what_comes_on_a_connection_that_was_given_up_is_not_read() -> None:
    ledger = Ledger()
    old, new = Wiretap(0, ledger, Clock()), Wiretap(1, ledger, Clock())
    old.heard(WELCOME + joined("Ann", "Bob"))
    new.heard(WELCOME + joined("Ann", "Bob"))
    old.heard(presence(left=("Bob",)))
    new.heard(presence(left=("Bob",)))
    assert ledger.of("Ann").left == {"Bob": 1}
    assert ledger.of("Ann").wrong == []


def test_a_snapshot_replaces_what_was_known() -> None:
    ledger = Ledger()
    tap = Wiretap(0, ledger, Clock())
    for data in (WELCOME, joined("Ann", "Bob"), presence(joined=("Ann", "Cy"), snapshot=True)):
        tap.heard(data)
    assert ledger.of("Ann").here == {"Ann", "Cy"}
    tap.heard(presence(left=("Bob",)))
    assert ledger.of("Ann").wrong == ["Bob"]
