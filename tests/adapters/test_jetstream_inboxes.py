import asyncio

import pytest
from tests.adapters.jetstream_nodes import until

from causerie.adapters.jetstream_client import Lost, Message, Unanswered
from causerie.adapters.jetstream_inboxes import Inboxes

WITHIN = 20.0


def inboxes() -> Inboxes:
    """Some that have begun."""
    inboxes = Inboxes()
    inboxes.begin("inbox")
    return inboxes


def is_last(message: Message) -> bool:
    return message.payload == b"last"


async def test_an_answer_goes_to_whom_it_is_for() -> None:
    boxes = inboxes()
    one: list[Message] = []
    other: list[Message] = []
    replies = [boxes.open(one.append), boxes.open(other.append)]
    assert all(reply.startswith("inbox.") for reply in replies)
    message = Message(replies[1], b"hello")
    boxes.answered(message)
    boxes.close(replies[1])
    boxes.answered(message)
    assert (one, other) == ([], [message])
    assert len(boxes) == 1


async def test_answers_are_gathered_up_to_the_last() -> None:
    boxes = inboxes()
    asked: list[str] = []

    def send(reply: str) -> None:
        asked.append(reply)
        for payload in (b"1", b"2", b"last", b"after"):
            boxes.answered(Message(reply, payload))

    came = await boxes.exchange(send, within=WITHIN, until=is_last)
    assert [message.payload for message in came[:3]] == [b"1", b"2", b"last"]
    assert len(boxes) == 0


async def test_who_is_not_answered_waits_no_longer_than_said() -> None:
    boxes = inboxes()
    with pytest.raises(Unanswered, match=r"0\.01 s"):
        await boxes.exchange(lambda _reply: None, within=0.01, until=is_last)
    assert len(boxes) == 0


async def test_where_nobody_is_there_to_answer_that_is_the_answer() -> None:
    boxes = inboxes()

    def send(reply: str) -> None:
        boxes.answered(Message(reply, b"", b"NATS/1.0 503\r\n\r\n"))

    with pytest.raises(Unanswered, match="nobody"):
        await boxes.exchange(send, within=WITHIN, until=is_last)


async def test_who_waits_hears_that_the_connection_is_lost() -> None:
    boxes = inboxes()
    asked = asyncio.create_task(boxes.exchange(lambda _reply: None, within=WITHIN, until=is_last))
    await asyncio.sleep(0)
    boxes.lose()
    boxes.lose()
    with pytest.raises(Lost):
        await asked
    assert len(boxes) == 0


async def test_who_is_cancelled_as_the_answer_comes_is_cancelled() -> None:
    # So somebody interrupts a command that asks one thing after the other.
    boxes = inboxes()
    asked: list[str] = []
    asking = asyncio.create_task(boxes.exchange(asked.append, within=WITHIN, until=is_last))
    await until(lambda: bool(asked), "the question")
    boxes.answered(Message(asked[0], b"last"))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
