"""The memory bus: the contract, and the faults that only it can have."""

from collections.abc import Callable
from random import Random

import pytest

from causerie.adapters.memory_bus import MemoryBroker, MemoryBus
from causerie.ports import Bus
from causerie.testing.contracts_bus import BusContract, Switchboard


class MemorySwitchboard(Switchboard):
    """A broker, and the messages on their way."""

    def __init__(self, *, shuffled: bool = False) -> None:
        self.steps: list[Callable[[], None]] = []
        self.broker = MemoryBroker(self.steps.append)
        self.chance = Random(1) if shuffled else None
        self.joined = 0

    def join(self) -> Bus:
        self.joined += 1
        return self.broker.join(f"{self.joined:016x}")

    def step(self, timeout: float) -> None:  # noqa: ARG002 there is nothing to wait for
        if self.steps:
            which = self.chance.randrange(len(self.steps)) if self.chance else 0
            self.steps.pop(which)()

    def cut_off(self, bus: Bus) -> None:
        self.broker.cut_off(bus.node)

    def heal(self, bus: Bus) -> None:
        self.broker.heal(bus.node)

    def dispose(self) -> None:
        self.steps.clear()


class TestBus(BusContract):
    def switchboard(self) -> Switchboard:
        return MemorySwitchboard()


class TestBusInAnyOrderOfSteps(BusContract):
    def switchboard(self) -> Switchboard:
        return MemorySwitchboard(shuffled=True)


def pair() -> tuple[MemorySwitchboard, MemoryBus, MemoryBus, list[bytes]]:
    board = MemorySwitchboard()
    one, other = board.broker.join("1"), board.broker.join("2")
    heard: list[bytes] = []
    other.subscribe("red", heard.append)
    return board, one, other, heard


def run(board: MemorySwitchboard) -> None:
    while board.steps:
        board.steps.pop(0)()


def test_as_many_messages_are_lost_as_the_broker_is_told_to_lose() -> None:
    board, one, _, heard = pair()
    board.broker.lose(9)
    board.broker.lose(2)
    one.publish("blue", b"for nobody")
    for message in (b"1", b"2", b"3"):
        one.publish("red", message)
    run(board)
    assert heard == [b"3"]


def test_a_cut_loses_what_is_under_way_and_what_follows_in_both_directions() -> None:
    board, one, other, heard = pair()
    back: list[bytes] = []
    one.subscribe("blue", back.append)
    one.publish("red", b"under way")
    other.publish("blue", b"under way")
    board.broker.cut_off("2")
    one.publish("red", b"after")
    other.publish("blue", b"after")
    run(board)
    board.broker.heal("2")
    run(board)
    assert heard == back == []


def test_who_was_not_cut_off_is_not_told_that_it_is_back() -> None:
    board, one, _, _ = pair()
    told: list[bool] = []
    one.observe(lambda: told.append(True))
    board.broker.heal("1")
    run(board)
    assert told == []
    board.broker.cut_off("1")
    board.broker.heal("1")
    run(board)
    assert told == [True]


def test_a_node_that_has_died_is_told_nothing_and_what_it_said_before_still_comes() -> None:
    board, one, other, heard = pair()
    back: list[bytes] = []
    one.subscribe("blue", back.append)
    one.publish("red", b"before")
    other.publish("blue", b"hello")
    board.broker.part("1")
    one.publish("red", b"after")
    run(board)
    assert heard == [b"before"]
    assert back == []


def test_an_id_belongs_to_one_node() -> None:
    board, *_ = pair()
    with pytest.raises(AssertionError, match="id"):
        board.broker.join("1")


def test_a_bus_that_nobody_observes_comes_back_all_the_same() -> None:
    board, one, _, heard = pair()
    board.broker.cut_off("1")
    board.broker.heal("1")
    run(board)
    one.publish("red", b"hello")
    run(board)
    assert heard == [b"hello"]
