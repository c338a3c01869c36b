"""Messages that NATS stores in one stroke: all of them, or none."""

import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from causerie.adapters.jetstream_link import Headers, Link, Message, Unanswered

DUPLICATE: Final = 10201
"""Of several messages, one has an id under which something is stored."""


class Part(NamedTuple):
    """One of the messages."""

    subject: str
    payload: bytes
    headers: Headers


class Fault(msgspec.Struct, frozen=True):
    """Why nothing is stored."""

    err_code: int = 0
    description: str = ""


class Ack(msgspec.Struct, frozen=True):
    """What NATS answers."""

    seq: int = 0
    """Where the last of them is stored: they follow one another. Of a single one whose id is known,
    where it was stored before."""
    duplicate: bool = False
    error: Fault | None = None

    @property
    def is_known(self) -> bool:
        """Whether nothing is stored now since something is under one of the ids."""
        return self.duplicate or (self.error is not None and self.error.err_code == DUPLICATE)


async def store_all(link: Link, parts: Sequence[Part], *, within: float) -> Ack:
    """Publishes messages (at least one) to be stored, and waits so many seconds for the answer.

    Raises:
        LinkError: there is none. They may have been stored, or may be yet.
    """
    batch = secrets.token_hex(8)
    last = len(parts)

    def send(reply: str) -> None:
        for number, (subject, payload, own) in enumerate(parts, 1):
            headers = own
            if last > 1:
                headers = {**own, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
                if number == last:
                    headers["Nats-Batch-Commit"] = "1"
            # The first is answered as well, so that one hears if there is no such stream.
            to = reply if number in {1, last} else ""
            link.publish(subject, payload, reply=to, headers=headers)

    *_, answer = await link.exchange(send, within=within, until=_is_content)
    try:
        return _decoder.decode(answer.payload)
    except msgspec.DecodeError:
        raise Unanswered(f"NATS says {answer.payload!r}") from None


_decoder: Final = msgspec.json.Decoder(Ack)


def _is_content(message: Message) -> bool:
    """The first of several is answered with nothing, unless none of them can be taken."""
    return bool(message.payload)
