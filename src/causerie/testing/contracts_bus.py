"""What every bus between nodes promises, as tests: see `causerie.ports.Bus`.

An adapter's author writes a `Switchboard` and has pytest collect a subclass of `BusContract`.
"""

# ruff: noqa: D102 a test's name is its docstring

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager

from causerie.ports import Bus
from causerie.testing.contracts import DEADLINE


class Switchboard(ABC):
    """What carries an adapter's signals, and how nodes come to it and are cut off."""

    @abstractmethod
    def join(self) -> Bus:
        """Begins one more node; it is connected when this returns."""

    @abstractmethod
    def step(self, timeout: float) -> None:
        """Gives what is due; may wait for it for so many seconds, and may return sooner.

        All that the buses tell, they tell from within this.
        """

    @abstractmethod
    def cut_off(self, bus: Bus) -> None:
        """Cuts a node off from the others; it is when this returns."""

    @abstractmethod
    def heal(self, bus: Bus) -> None:
        """Lets it connect again, which may take a while."""

    @abstractmethod
    def dispose(self) -> None:
        """Ends all nodes, and removes everything. Called once, at the end."""


class Node:
    """A node without a server: its bus, and what it was told."""

    def __init__(self, board: Switchboard) -> None:
        self.bus = board.join()
        self.heard: list[tuple[str, bytes]] = []
        """Topics and messages, in the order in which they came."""
        self.reconnected = 0
        self.bus.observe(self._reconnected)

    def _reconnected(self) -> None:
        self.reconnected += 1

    def subscribe(self, topic: str) -> None:
        """Notes what is published under a topic."""
        self.bus.subscribe(topic, lambda message: self.heard.append((topic, message)))

    def ask(self, number: int) -> None:
        """Publishes something that has others answer with it."""
        self.bus.publish("questions", b"%d" % number)


class Nodes:
    """Some nodes that are connected. Every wait has a deadline."""

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        self._asked = 0

    def join(self, *topics: str) -> Node:
        """Begins a node that subscribes to some topics and answers the questions of `settle`."""
        node = Node(self.board)

        def answer(question: bytes) -> None:
            node.bus.publish("answers", node.bus.node.encode() + b" " + question)

        node.bus.subscribe("questions", answer)
        for topic in ("answers", *topics):
            node.subscribe(topic)
        return node

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for what must come.

        Raises:
            TimeoutError: it has not come.
        """
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} has not come within {DEADLINE:g} seconds")
            self.board.step(0.05)

    def settle(self, one: Node, other: Node) -> None:
        """Waits until all that one has published has come to the other, or never will: messages
        keep their order, and so a question follows them. Asked again, if it was lost.
        """
        deadline = time.monotonic() + DEADLINE
        while True:
            self._asked += 1
            one.ask(self._asked)
            answer = ("answers", other.bus.node.encode() + b" %d" % self._asked)
            asked_at = time.monotonic()
            while answer not in one.heard and time.monotonic() < asked_at + 1.0:
                self.board.step(0.05)
            if answer in one.heard:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer has come within {DEADLINE:g} seconds")


def said(node: Node) -> list[tuple[str, bytes]]:
    """What a node was told, without what `Nodes.settle` brings."""
    return [(topic, message) for topic, message in node.heard if topic != "answers"]


class BusContract:
    """The suite. A subclass says how to get a `Switchboard`."""

    def switchboard(self) -> Switchboard:
        """Makes one with no node."""
        raise NotImplementedError

    @contextmanager
    def nodes(self) -> Generator[Nodes]:
        """Makes nodes possible, and disposes of everything in the end."""
        board = self.switchboard()
        try:
            yield Nodes(board)
        finally:
            board.dispose()

    def test_each_node_has_an_id_of_its_own(self) -> None:
        with self.nodes() as nodes:
            ids = {nodes.join().bus.node for _ in range(3)}
            assert len(ids) == 3
            for id in ids:
                assert len(id) == 16
                assert not set(id) - set("0123456789abcdef")

    def test_all_others_that_subscribe_are_told_once_and_the_node_itself_is_not(self) -> None:
        with self.nodes() as nodes:
            alone, one, other = nodes.join("red"), nodes.join("red"), nodes.join("red")
            nodes.settle(alone, one)
            nodes.settle(alone, other)
            alone.bus.publish("red", b"hello")
            nodes.settle(alone, one)
            nodes.settle(alone, other)
            nodes.settle(one, alone)
            assert said(one) == said(other) == [("red", b"hello")]
            assert said(alone) == []

    def test_nothing_is_told_from_within_a_call(self) -> None:
        with self.nodes() as nodes:
            one, other = nodes.join("red"), nodes.join("red")
            nodes.settle(one, other)
            one.bus.publish("red", b"hello")
            assert said(other) == []
            nodes.settle(one, other)
            assert said(other) == [("red", b"hello")]

    def test_who_subscribes_to_another_topic_is_not_told(self) -> None:
        with self.nodes() as nodes:
            one, other = nodes.join(), nodes.join("red.one", "red.on", "blue*", "blue.>", "Red")
            nodes.settle(one, other)
            for topic in ("red", "red.one.two", "blue", "blue.one"):
                one.bus.publish(topic, b"hello")
            nodes.settle(one, other)
            assert said(other) == []

    def test_a_topic_is_any_string(self) -> None:
        with self.nodes() as nodes:
            topics = ["a", "A", "two words", "café 中文", ">", "*", "a.b", ".", "x" * 300, "\n"]
            one, other = nodes.join(), nodes.join(*topics)
            nodes.settle(one, other)
            for topic in topics:
                one.bus.publish(topic, topic.encode())
            nodes.settle(one, other)
            assert said(other) == [(topic, topic.encode()) for topic in topics]

    def test_a_message_is_opaque_and_may_be_empty_or_large(self) -> None:
        with self.nodes() as nodes:
            one, other = nodes.join(), nodes.join("red")
            nodes.settle(one, other)
            messages = [b"", bytes(range(256)), b"\r\n", b"x" * 256 * 1024]
            for message in messages:
                one.bus.publish("red", message)
            nodes.settle(one, other)
            assert said(other) == [("red", message) for message in messages]

    def test_what_one_node_publishes_keeps_its_order_whatever_the_topics(self) -> None:
        with self.nodes() as nodes:
            one, other = nodes.join(), nodes.join("red", "blue")
            nodes.settle(one, other)
            told = [(("red", "blue", "red")[number % 3], b"%d" % number) for number in range(300)]
            for topic, message in told:
                one.bus.publish(topic, message)
            nodes.settle(one, other)
            assert said(other) == told

    def test_who_subscribes_and_then_asks_hears_the_answer(self) -> None:
        with self.nodes() as nodes:
            one, other = nodes.join(), nodes.join()
            nodes.settle(one, other)
            for number in range(20):
                topic = f"answer-{number}"
                other.bus.subscribe(topic, lambda _, topic=topic: other.bus.publish(topic, b"yes"))  # type: ignore[misc]
            nodes.settle(one, other)
            for number in range(20):
                one.subscribe(f"answer-{number}")
                one.bus.publish(f"answer-{number}", b"?")
            nodes.until(lambda: len(said(one)) == 20, "an answer")

    def test_after_an_unsubscribe_nothing_is_told_even_of_what_is_under_way(self) -> None:
        with self.nodes() as nodes:
            one, other = nodes.join(), nodes.join("red", "blue")
            nodes.settle(one, other)
            one.bus.publish("red", b"late")
            other.bus.unsubscribe("red")
            other.bus.unsubscribe("never subscribed to")
            one.bus.publish("blue", b"hello")
            nodes.settle(one, other)
            assert said(other) == [("blue", b"hello")]
            other.subscribe("red")
            nodes.settle(other, one)
            one.bus.publish("red", b"again")
            nodes.settle(one, other)
            assert said(other)[1:] == [("red", b"again")]

    def test_the_last_receiver_of_a_topic_is_told_and_no_other(self) -> None:
        with self.nodes() as nodes:
            one, other = nodes.join(), nodes.join("red")
            later: list[bytes] = []
            other.bus.subscribe("red", later.append)
            nodes.settle(other, one)
            one.bus.publish("red", b"hello")
            nodes.settle(one, other)
            assert later == [b"hello"]
            assert said(other) == []

    def test_who_was_cut_off_is_told_that_it_is_no_longer_and_hears_and_is_heard_again(
        self,
    ) -> None:
        with self.nodes() as nodes:
            one, other, third = nodes.join("red"), nodes.join("red"), nodes.join("red")
            nodes.settle(one, other)
            nodes.settle(third, one)
            nodes.board.cut_off(other.bus)
            one.bus.publish("red", b"unheard")
            other.bus.publish("red", b"not heard of")
            nodes.settle(one, third)
            assert said(other) == said(one) == []
            assert said(third) == [("red", b"unheard")]
            nodes.board.heal(other.bus)
            nodes.until(lambda: other.reconnected > 0, "the news of being connected again")
            nodes.settle(other, one)
            nodes.settle(one, other)
            before = len(said(one))
            one.bus.publish("red", b"hello")
            other.bus.publish("red", b"hello to you")
            nodes.settle(one, other)
            nodes.settle(other, one)
            assert said(other)[-1] == ("red", b"hello")
            assert said(one)[before:] == [("red", b"hello to you")]
            assert (one.reconnected, other.reconnected, third.reconnected) == (0, 1, 0)
