"""Typed lines: each is given once, in its order, also to whoever waited for it."""

import asyncio

from causerie.tui.chat import Typed
from causerie.tui.typed_lines import TypedLines


async def test_lines_are_given_in_order_and_then_there_are_no_more() -> None:
    lines = TypedLines()
    assert [lines.add("one"), lines.add("two")] == [1, 2]
    assert (lines.unread, lines.unread_texts) == (2, ["one", "two"])
    assert await lines.next() == Typed("one", 1)
    lines.end()
    assert lines.ended.is_set()
    assert await lines.next() == Typed("two", 2)
    assert await lines.next() is None
    assert lines.unread == 0


async def test_whoever_waits_is_given_the_next_line_or_told_that_there_is_none() -> None:
    lines = TypedLines()
    waiting = asyncio.create_task(lines.next())
    await asyncio.sleep(0)
    lines.add("at last")
    assert await waiting == Typed("at last", 1)
    waiting = asyncio.create_task(lines.next())
    await asyncio.sleep(0)
    lines.end()
    assert await waiting is None


async def test_who_gives_up_waiting_takes_no_line_away() -> None:
    lines = TypedLines()
    waiting = asyncio.create_task(lines.next())
    await asyncio.sleep(0)
    lines.add("kept")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await lines.next() == Typed("kept", 1)
