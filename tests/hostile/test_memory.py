"""Filling the server's memory with what it is willing to remember."""

import pytest
from tests.server.support import v1

from causerie.server.frames import FramedEntry, Variant
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer

RING = 1_000_000


def size(framed: FramedEntry) -> int:
    """Bytes that an entry takes with all its frames made, without what Python adds."""
    frames = [framed.frame(variant) for variant in Variant]
    frames.append(framed.frame(Variant.V1, replay=True))
    return len(framed.entry.content.encode()) + sum(map(len, frames))


@pytest.mark.parametrize(
    "content",
    ["hi", "x" * 4_000, '"' * 4_000, "\u4e2d" * 4_000, "\U0001f600" * 4_000, "\x01" * 4_000],
    ids=["short", "long", "quotes", "chinese", "emoji", "controls"],
)
def test_the_ring_keeps_to_its_bound_whatever_is_said(content: str) -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, ring=RING))
    author = v1(server, "Ann", "square")
    for number in range(3_000 if len(content) < 10 else 300):
        author.send("message", room="square", content=content, id=f"m{number}")
    author.take()
    held = sum(size(framed) for _, framed, _ in server.hub.rooms._ring)
    assert RING / 4 < held <= RING
