"""The bus on NATS: plain publishing, at most once.

A node has one connection, so that all it says takes one way and comes in its order; NATS does not
say it back to that connection.
"""

from collections.abc import Callable

from causerie.adapters.jetstream_link import Interest, Link, Message
from causerie.adapters.jetstream_subjects import token


class NatsBus:
    """One node's end of the bus. Is a `causerie.ports.Bus`."""

    def __init__(self, link: Link, *, prefix: str, node: str) -> None:
        """`prefix` is a token without dots: nodes with another one hear nothing of this."""
        self._link = link
        self._prefix = f"{prefix}.bus."
        self._node = node
        self._interests: dict[str, Interest] = {}

    @property
    def node(self) -> str:
        """This node's id."""
        return self._node

    def observe(self, reconnected: Callable[[], None]) -> None:
        """Names whom to tell that this node was cut off."""
        self._link.on_reconnect(reconnected)

    def publish(self, topic: str, message: bytes) -> None:
        """Tells the others."""
        self._link.publish(self._subject(topic), message)

    def subscribe(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Has `receive` told what others publish."""

        def told(message: Message) -> None:
            # What was on its way when this ended may come yet.
            if self._interests.get(topic) is interest:
                receive(message.payload)

        self.unsubscribe(topic)
        interest = self._interests[topic] = self._link.subscribe(self._subject(topic), told)

    def unsubscribe(self, topic: str) -> None:
        """Ends that."""
        interest = self._interests.pop(topic, None)
        if interest is not None:
            self._link.unsubscribe(interest)

    def _subject(self, topic: str) -> str:
        return self._prefix + token(topic)
