"""Messages that are stored all or none, in real streams."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from tests.adapters.jetstream_nodes import nats_server, new_prefix

from causerie.adapters.jetstream_link import Link, Message, Unanswered
from causerie.adapters.jetstream_stroke import Part, store_all
from causerie.adapters.nats_server import NatsServer

__all__ = ["nats_server"]

WITHIN = 10.0
"""Seconds for NATS to answer."""


@pytest.fixture
async def link(nats_server: NatsServer) -> AsyncIterator[Link]:
    link = Link([nats_server.url], name="causerie-tests")
    await link.open(WITHIN)
    yield link
    await link.close()


async def new_stream(link: Link, **other: Any) -> str:
    """Makes a stream that takes all below its name."""
    name = new_prefix()
    config = {"name": name, "subjects": [f"{name}.>"], "allow_atomic": True} | other
    await ask(link, f"STREAM.CREATE.{name}", config)
    return name


async def ask(link: Link, what: str, body: object) -> Any:
    answer = await link.request(f"$JS.API.{what}", json.dumps(body).encode(), within=WITHIN)
    told = json.loads(answer.payload)
    assert "error" not in told, told
    return told


async def stored(link: Link, stream: str) -> list[str]:
    """The last part of the subject of each message."""
    state = (await ask(link, f"STREAM.INFO.{stream}", {}))["state"]
    subjects = []
    for seq in range(1, state["last_seq"] + 1):
        told = await ask(link, f"STREAM.MSG.GET.{stream}", {"seq": seq})
        subjects.append(told["message"]["subject"].rpartition(".")[2])
    return subjects


def part(stream: str, name: str, **headers: str) -> Part:
    named = {f"Nats-{key.replace('_', '-')}": value for key, value in headers.items()}
    return Part(f"{stream}.{name}", name.encode(), named)


async def test_several_are_stored_one_after_the_other(link: Link) -> None:
    stream = await new_stream(link)
    last = 0
    for names in ("a", "bc", "def"):
        last += len(names)
        ack = await store_all(link, [part(stream, name) for name in names], within=WITHIN)
        assert (ack.error, ack.is_known, ack.seq) == (None, False, last)
    assert await stored(link, stream) == list("abcdef")


@pytest.mark.parametrize("wrong", range(3))
async def test_none_is_stored_if_one_of_them_cannot_be(link: Link, wrong: int) -> None:
    stream = await new_stream(link)
    parts = [part(stream, name) for name in "abc"]
    parts[wrong] = part(stream, "wrong", Expected_Last_Subject_Sequence="7")
    ack = await store_all(link, parts, within=WITHIN)
    assert ack.error is not None
    assert "wrong last sequence" in ack.error.description
    assert not ack.is_known
    assert await stored(link, stream) == []


@pytest.mark.parametrize("count", [1, 3])
async def test_none_is_stored_if_something_is_under_one_of_the_ids(link: Link, count: int) -> None:
    stream = await new_stream(link)
    known = part(stream, "known", Msg_Id="id")
    await store_all(link, [known], within=WITHIN)
    others = [part(stream, "other", Msg_Id=f"other {number}") for number in range(count - 1)]
    ack = await store_all(link, [*others, known], within=WITHIN)
    assert ack.is_known
    assert await stored(link, stream) == ["known"]


async def test_where_there_is_no_stream_that_is_known_at_once(link: Link) -> None:
    nowhere = new_prefix()
    for count in (1, 3):
        with pytest.raises(Unanswered, match="nobody is there"):
            await store_all(link, [part(nowhere, "a")] * count, within=600)


async def test_a_stream_that_takes_no_strokes_says_so(link: Link) -> None:
    stream = await new_stream(link, allow_atomic=False)
    ack = await store_all(link, [part(stream, name) for name in "abc"], within=WITHIN)
    assert ack.error is not None
    assert "disabled" in ack.error.description


async def test_what_is_no_answer_of_nats_is_none(link: Link, nats_server: NatsServer) -> None:
    stranger = Link([nats_server.url], name="causerie-tests")
    await stranger.open(WITHIN)
    subject, heard = new_prefix(), asyncio.Event()

    def answer(message: Message, payload: bytes) -> None:
        heard.set()
        stranger.publish(message.reply, payload)

    stranger.subscribe(subject, partial(answer, payload=b"what?"))
    # What comes after the subscription is heard.
    await stranger.request("$JS.API.INFO", within=WITHIN)
    with pytest.raises(Unanswered, match="NATS says b'what"):
        await store_all(link, [Part(subject, b"", {})], within=WITHIN)
    assert heard.is_set()
    await stranger.close()
